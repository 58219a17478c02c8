package cluster_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"nexarsim/checker/trace"
)

// The situations that drawn runs have to reach. What was never reached was never tested.
const (
	reachCascade  = "a second one died before a view without the first"
	reachLeader   = "a coordinator died between its proposal and its decision"
	reachNoQuorum = "a quorum was lost, and that was said"
	reachSleeper  = "one was stopped, excluded, and told so when it woke"
	reachHealed   = "a cut was noticed and healed, and messages went over it again"
	reachOneWay   = "a cut in one direction was noticed"
	reachTrust    = "a suspicion was withdrawn"
	reachThird    = "a third view was installed"
	reachAlone    = "one was left alone under fail-stop"
	reachSplit    = "a quorum went on without a minority that was cut off"
	reachGoneView = "a collective ended because its view was gone"
	reachClosed   = "a view after the first one computed at the end"
	reachFirst    = "the lowest rank died"
)

var allReach = []string{
	reachCascade, reachLeader, reachNoQuorum, reachSleeper, reachHealed, reachOneWay, reachTrust, reachThird, reachAlone, reachSplit, reachGoneView, reachClosed, reachFirst,
}

// reach finds out what situations a run has reached, from its trace.
type reach struct {
	hit       map[string]bool
	protocol  string
	crashed   map[int]int64        // when
	gone      map[int]bool         // excluded by some installed view
	suspected map[[2]int]bool      // by, of: now
	proposed  map[int]uint64       // by coordinator: epoch of its last proposal
	decided   map[int]bool         // by coordinator: whether it has said so
	slept     map[int]bool         // stopped by the launcher, at some time
	excluded  map[int]bool         // while it was stopped
	stopped   map[int]bool         // now
	cuts      []*trace.Act         // in force
	noticed   map[trace.Link]bool  // cut, and its end suspected its beginning
	healed    map[trace.Link]int64 // a noticed cut that was healed, when
	sentAt    map[uint64]int64
}

func newReach(protocol string) *reach {
	return &reach{
		hit: map[string]bool{}, protocol: protocol, crashed: map[int]int64{}, gone: map[int]bool{}, suspected: map[[2]int]bool{},
		proposed: map[int]uint64{}, decided: map[int]bool{}, slept: map[int]bool{}, excluded: map[int]bool{}, stopped: map[int]bool{},
		noticed: map[trace.Link]bool{}, healed: map[trace.Link]int64{}, sentAt: map[uint64]int64{},
	}
}

func (r *reach) observe(ev *trace.Event) {
	switch ev.Kind {
	case trace.Crash:
		r.crash(ev)
	case trace.Pause:
		r.slept[ev.Node], r.stopped[ev.Node] = true, true
	case trace.Resume:
		r.stopped[ev.Node] = false
	case trace.Partition, trace.Cut:
		a := *ev.Act
		r.cuts = append(r.cuts, &a)
	case trace.Heal:
		r.heal(ev)
	case trace.Suspect:
		r.suspected[[2]int{ev.Node, ev.Peer}] = true
		r.notice(ev)
	case trace.Trust:
		r.hit[reachTrust] = true
	case trace.Send:
		r.sentAt[ev.ID] = ev.T
		r.send(ev)
	case trace.Deliver:
		if at, ok := r.healed[trace.Link{From: ev.From, To: ev.Node}]; ok && r.sentAt[ev.ID] > at {
			r.hit[reachHealed] = true
		}
	case trace.Install:
		r.install(ev)
	case trace.Call:
		if c := ev.Call; c.Phase == "end" && c.Error != "" && (c.Op == "barrier" || c.Op == "allreduce") {
			r.hit[reachGoneView] = true
		}
	case trace.Told:
		switch {
		case ev.Told.Kind == "quorum-lost":
			r.hit[reachNoQuorum] = true
		case ev.Told.Kind == "evicted" && r.excluded[ev.Node] && !r.stopped[ev.Node]:
			r.hit[reachSleeper] = true
		}
	default:
	}
}

func (r *reach) crash(ev *trace.Event) {
	for first := range r.crashed {
		if r.gone[first] {
			continue
		}
		for by := range r.suspected {
			if by[1] == first {
				r.hit[reachCascade] = true
			}
		}
	}
	if _, leads := r.proposed[ev.Node]; leads && !r.decided[ev.Node] {
		r.hit[reachLeader] = true
	}
	if ev.Node == 0 {
		r.hit[reachFirst] = true
	}
	r.crashed[ev.Node] = ev.T
}

func (r *reach) send(ev *trace.Event) {
	switch ev.Msg.Type {
	case "agreement":
		if e, ok := r.proposed[ev.Node]; !ok || e != ev.Msg.Epoch {
			r.proposed[ev.Node], r.decided[ev.Node] = ev.Msg.Epoch, false
		}
	case "commit":
		r.decided[ev.Node] = true
	}
}

// closes tells whether an act closes a direction of a link.
func closes(a *trace.Act, l trace.Link) bool {
	if slices.Contains(a.Links, l) {
		return true
	}
	side := func(n int) int {
		return slices.IndexFunc(a.Groups, func(g []int) bool { return slices.Contains(g, n) })
	}
	from, to := side(l.From), side(l.To)
	return from >= 0 && to >= 0 && from != to
}

func (r *reach) notice(ev *trace.Event) {
	l := trace.Link{From: ev.Peer, To: ev.Node}
	if _, dead := r.crashed[ev.Peer]; dead {
		return
	}
	for _, a := range r.cuts {
		if closes(a, l) {
			r.noticed[l] = true
			if !closes(a, trace.Link{From: l.To, To: l.From}) {
				r.hit[reachOneWay] = true
			}
		}
	}
}

func (r *reach) heal(ev *trace.Event) {
	same := func(a *trace.Act) bool {
		return slices.Equal(a.Links, ev.Act.Links) && slices.EqualFunc(a.Groups, ev.Act.Groups, slices.Equal[[]int])
	}
	if i := slices.IndexFunc(r.cuts, same); i >= 0 {
		a := r.cuts[i]
		r.cuts = slices.Delete(r.cuts, i, i+1)
		for l := range r.noticed {
			if closes(a, l) {
				r.healed[l] = ev.T
			}
		}
	}
}

func (r *reach) install(ev *trace.Event) {
	v := ev.Install
	for _, n := range v.Dead {
		r.gone[n] = true
		if r.stopped[n] {
			r.excluded[n] = true
		}
		for _, m := range v.Members {
			for _, a := range r.cuts {
				if len(a.Groups) > 0 && closes(a, trace.Link{From: n, To: m}) {
					r.hit[reachSplit] = true
				}
			}
		}
	}
	if v.Epoch >= 3 {
		r.hit[reachThird] = true
	}
	if r.protocol == "fail-stop" && len(v.Members) == 1 {
		r.hit[reachAlone] = true
	}
}

// reachText tells how often each situation was reached.
func reachText(hits map[string]int) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(hits)) {
		fmt.Fprintf(&b, "%5d  %s\n", hits[k], k)
	}
	return b.String()
}
