package checker_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
)

// The twins judge S1, S2, S4 and S5 again, from the whole trace at once and without a thought for cost, written from
// docs/protocol.md's sentences and not from the folds. Each gives the number of the first event at which its property breaks,
// len(evs) for the end of the run, -1 for never.

// lineage is the members of each view that a node went through, its latest one last.
type lineage [][]int

// lineages gives each install's node's views, before and with it.
func lineages(world int, evs []trace.Event) map[int]lineage {
	all := map[int]lineage{}
	now := map[int]lineage{}
	for i, ev := range evs {
		if ev.Kind != trace.Install {
			continue
		}
		before := now[ev.Node]
		if before == nil {
			before = lineage{upTo(world)}
		}
		now[ev.Node] = append(slices.Clone(before), ev.Install.Members)
		all[i] = now[ev.Node]
	}
	return all
}

func upTo(n int) []int {
	var xs []int
	for i := range n {
		xs = append(xs, i)
	}
	return xs
}

// twinAgreement: is there an earlier install of the same epoch, or epoch 0 itself, with other members?
func twinAgreement(world int, evs []trace.Event) int {
	for i, b := range evs {
		if b.Kind != trace.Install {
			continue
		}
		if b.Install.Epoch == 0 && !slices.Equal(b.Install.Members, upTo(world)) {
			return i
		}
		for _, a := range evs[:i] {
			if a.Kind == trace.Install && a.Install.Epoch == b.Install.Epoch && !slices.Equal(a.Install.Members, b.Install.Members) {
				return i
			}
		}
	}
	return -1
}

// twinRanks: one by one what S2 says of a view.
func twinRanks(world int, evs []trace.Event) int {
	all := lineages(world, evs)
	for i, ev := range evs {
		if ev.Kind != trace.Install {
			continue
		}
		v := ev.Install
		old := all[i][len(all[i])-2]
		ok := v.World == len(v.Members) && v.Rank >= 0 && v.Rank < len(v.Members) && v.Members[v.Rank] == ev.Node
		for k, m := range v.Members {
			ok = ok && slices.Contains(old, m) && m >= 0 && m < world
			for _, later := range v.Members[k+1:] {
				ok = ok && slices.Index(old, m) < slices.Index(old, later) // old order, and nobody twice
			}
		}
		if !ok {
			return i
		}
	}
	return -1
}

// twinCommID: equal histories have equal ids, different views different ones.
func twinCommID(world int, first uint64, evs []trace.Event) int {
	all := lineages(world, evs)
	text := func(i int) string { return fmt.Sprint(all[i], epochs(evs[:i+1], evs[i].Node)) }
	for i, b := range evs {
		if b.Kind != trace.Install {
			continue
		}
		view := func(v *trace.View) string { return fmt.Sprint(v.Epoch, v.Members) }
		if b.Install.CommID == first && view(b.Install) != fmt.Sprint(0, upTo(world)) {
			return i
		}
		for k, a := range evs[:i] {
			if a.Kind != trace.Install {
				continue
			}
			sameID := a.Install.CommID == b.Install.CommID
			if text(k) == text(i) && !sameID || sameID && view(a.Install) != view(b.Install) {
				return i
			}
		}
	}
	return -1
}

// epochs gives those that a node installed.
func epochs(evs []trace.Event, node int) (list []uint64) {
	for _, ev := range evs {
		if ev.Kind == trace.Install && ev.Node == node {
			list = append(list, ev.Install.Epoch)
		}
	}
	return list
}

// twinHistory: each node's own lines, one after the other; then what evicted nodes said against what was installed.
func twinHistory(world int, evs []trace.Event) int {
	first := -1
	note := func(i int) {
		if first < 0 || i < first {
			first = i
		}
	}
	for n := range world {
		if i := twinNode(world, evs, n); i >= 0 {
			note(i)
		}
	}
	for i := range evs {
		said := lastWords(world, evs, i)
		k := firstOf(evs, func(ev trace.Event) bool { return said != nil && ev.Install.Epoch == evs[i].Told.Epoch })
		if k < 0 {
			continue
		}
		if firstOf(evs, func(ev trace.Event) bool {
			return ev.Install.Epoch == evs[i].Told.Epoch && slices.Equal(ev.Install.Members, said)
		}) < 0 {
			note(max(i, k))
		}
	}
	return first
}

func firstOf(evs []trace.Event, like func(trace.Event) bool) int {
	return slices.IndexFunc(evs, func(ev trace.Event) bool { return ev.Kind == trace.Install && like(ev) })
}

// lastWords gives the members that a proper evicted event leaves.
func lastWords(world int, evs []trace.Event, i int) []int {
	ev := evs[i]
	if ev.Kind != trace.Told || ev.Told.Kind != "evicted" {
		return nil
	}
	at, members := viewAt(world, evs[:i], ev.Node)
	if !properEviction(at, members, &ev) {
		return nil
	}
	rest := []int{}
	for rank, m := range members {
		if !slices.Contains(ev.Told.DeadRanks, rank) {
			rest = append(rest, m)
		}
	}
	return rest
}

func viewAt(world int, evs []trace.Event, node int) (epoch uint64, members []int) {
	members = upTo(world)
	for _, ev := range evs {
		if ev.Kind == trace.Install && ev.Node == node {
			epoch, members = ev.Install.Epoch, ev.Install.Members
		}
	}
	return epoch, members
}

func properEviction(epoch uint64, members []int, ev *trace.Event) bool {
	e := ev.Told
	rank := slices.Index(members, ev.Node)
	return e.Epoch == epoch+1 && e.OldRank == rank && e.NewRank == -1 && slices.Contains(e.DeadRanks, rank) &&
		ascending(e.DeadRanks, len(members)) && e.NewWorldSize == len(members)-len(e.DeadRanks)
}

func ascending(ranks []int, size int) bool {
	for i, r := range ranks {
		if r < 0 || r >= size || i > 0 && r <= ranks[i-1] {
			return false
		}
	}
	return true
}

// twinNode follows one node's lines.
func twinNode(world int, evs []trace.Event, node int) int {
	members, epoch := upTo(world), uint64(0)
	var old []int           // of the install whose event is to come
	closing, ended := "", 0 // what was told before the end
	for i, ev := range evs {
		if ev.Node != node {
			continue
		}
		switch ev.Kind {
		case trace.Crash:
			return -1
		case trace.Install:
			v := ev.Install
			left := slices.DeleteFunc(slices.Clone(members), func(m int) bool { return slices.Contains(v.Members, m) })
			if v.Epoch != epoch+1 || old != nil || closing != "" || ended > 0 || !slices.Equal(left, v.Dead) {
				return i
			}
			old, members, epoch = members, v.Members, v.Epoch
		case trace.Told:
			if ended > 0 || closing != "" {
				return i
			}
			if ev.Told.Kind == "evicted" {
				if closing = "evicted"; !properEviction(epoch, members, &ev) {
					return i
				}
				continue
			}
			if old == nil || !fits(ev.Told, node, epoch, old, members) {
				return i
			}
			old = nil
		case trace.End:
			if ended++; ended > 1 || old != nil || closing != "" && closing != ev.Why || closing == "" && (ev.Why == "evicted" || ev.Why == "aborted") {
				return i
			}
			closing = ""
		}
	}
	if ended == 0 && (old != nil || closing != "") {
		return len(evs)
	}
	return -1
}

// fits holds a recovered event to the views before and after.
func fits(e *trace.Notice, node int, epoch uint64, old, members []int) bool {
	var dead []int
	for rank, m := range old {
		if !slices.Contains(members, m) {
			dead = append(dead, rank)
		}
	}
	return e.Epoch == epoch && e.OldRank == slices.Index(old, node) && e.NewRank == slices.Index(members, node) &&
		e.NewWorldSize == len(members) && slices.Equal(e.DeadRanks, dead)
}

// history makes a run in which nothing is wrong: some views, which each node follows as far as it gets.
type history struct {
	*rand.Rand
	world int
	evs   []trace.Event
}

func (h *history) make() {
	h.world, h.evs = 2+h.IntN(5), nil
	views := [][]int{upTo(h.world)}
	for range h.IntN(5) {
		last := views[len(views)-1]
		next := slices.DeleteFunc(slices.Clone(last), func(int) bool { return h.IntN(5) == 0 })
		if len(next) > 0 && len(next) < len(last) {
			views = append(views, next)
		}
	}
	queues := make([][]trace.Event, h.world)
	for n := range h.world {
		queues[n] = h.follow(n, views)
	}
	for left := h.world; left > 0; { // in any order that keeps each node's own
		n := h.IntN(h.world)
		if len(queues[n]) == 0 {
			left = 0
			for _, q := range queues {
				left += len(q)
			}
			continue
		}
		h.evs = append(h.evs, queues[n][0])
		queues[n] = queues[n][1:]
	}
}

// follow is one node's way through the views.
func (h *history) follow(n int, views [][]int) (evs []trace.Event) {
	for e := 1; e < len(views); e++ {
		if h.IntN(16) == 0 {
			return append(evs, trace.Event{Kind: trace.Crash, Node: n})
		}
		if h.IntN(16) == 0 {
			return append(evs, trace.Event{Kind: trace.End, Node: n, Why: "shutdown"})
		}
		old, members := views[e-1], views[e]
		note := &trace.Notice{Kind: "recovered", Epoch: uint64(e), OldRank: slices.Index(old, n), NewRank: slices.Index(members, n), NewWorldSize: len(members)}
		v := &trace.View{Epoch: uint64(e), Rank: note.NewRank, World: len(members), Members: slices.Clone(members), CommID: commID(uint64(e), members)}
		for rank, m := range old {
			if !slices.Contains(members, m) {
				note.DeadRanks, v.Dead = append(note.DeadRanks, rank), append(v.Dead, m)
			}
		}
		if note.NewRank < 0 {
			note.Kind = "evicted"
			return append(evs, trace.Event{Kind: trace.Told, Node: n, Told: note}, trace.Event{Kind: trace.End, Node: n, Why: "evicted"})
		}
		evs = append(evs, trace.Event{Kind: trace.Install, Node: n, Install: v}, trace.Event{Kind: trace.Told, Node: n, Told: note})
	}
	return evs
}

// alter makes something wrong, perhaps.
func (h *history) alter() {
	if len(h.evs) == 0 {
		return
	}
	i := h.IntN(len(h.evs))
	ev := &h.evs[i]
	switch h.IntN(12) {
	case 0: // it never happened
		h.evs = slices.Delete(h.evs, i, i+1)
	case 1: // twice
		h.evs = slices.Insert(h.evs, i, *ev)
	case 2: // in another order
		k := h.IntN(len(h.evs))
		h.evs[i], h.evs[k] = h.evs[k], h.evs[i]
	case 3: // another node's
		ev.Node = h.IntN(h.world)
	default:
		h.alterFields(ev)
	}
}

func (h *history) alterFields(ev *trace.Event) {
	switch {
	case ev.Kind == trace.End:
		ev.Why = []string{"shutdown", "evicted", "aborted", "error"}[h.IntN(4)]
	case ev.Install != nil:
		v := *ev.Install
		v.Members = slices.Clone(v.Members)
		ev.Install = &v
		h.alterView(&v)
	case ev.Told != nil:
		e := *ev.Told
		e.DeadRanks = slices.Clone(e.DeadRanks)
		ev.Told = &e
		h.alterNotice(&e)
	}
}

func (h *history) alterView(v *trace.View) {
	if len(v.Members) == 0 {
		return
	}
	a, b := h.IntN(len(v.Members)), h.IntN(len(v.Members))
	switch h.IntN(9) {
	case 0:
		v.Members[a], v.Members[b] = v.Members[b], v.Members[a]
	case 1:
		v.Members[a] = v.Members[b]
	case 2: // somebody comes back
		v.Members = append(v.Members, h.IntN(h.world+1))
		v.World++
	case 3: // somebody more leaves
		v.Dead = append(slices.Clone(v.Dead), v.Members[a])
		slices.Sort(v.Dead)
		v.Members = slices.Delete(v.Members, a, a+1)
		v.World--
	case 4:
		v.Epoch = uint64(h.IntN(4))
	case 5:
		v.CommID = []uint64{1, 2, 0xf00, commID(1, []int{0})}[h.IntN(4)]
	case 6:
		v.Rank += h.IntN(3) - 1
	case 7:
		v.World += h.IntN(3) - 1
	default:
		v.Dead = append(slices.Clone(v.Dead), a)
	}
}

func (h *history) alterNotice(e *trace.Notice) {
	switch h.IntN(6) {
	case 0:
		e.Epoch = uint64(h.IntN(4))
	case 1:
		e.OldRank += h.IntN(3) - 1
	case 2:
		e.NewRank += h.IntN(3) - 1
	case 3:
		e.NewWorldSize += h.IntN(3) - 1
	case 4:
		e.DeadRanks = append(e.DeadRanks, h.IntN(h.world))
	default:
		e.DeadRanks = e.DeadRanks[:h.IntN(len(e.DeadRanks)+1)]
	}
}

// untilCrash drops what a node does after its crash: that would be the harness's fault.
func (h *history) untilCrash() {
	crashed := map[int]bool{}
	h.evs = slices.DeleteFunc(h.evs, func(ev trace.Event) bool {
		gone := crashed[ev.Node]
		crashed[ev.Node] = gone || ev.Kind == trace.Crash
		return gone
	})
	for i := range h.evs {
		h.evs[i].Seq, h.evs[i].T = uint64(i+1), int64(i)
	}
}

// On ten thousand histories, most of them altered, folds and twins name the same properties, first broken at the same
// event.
func TestTwins(t *testing.T) {
	const runs = 10_000
	h := &history{Rand: rand.New(rand.NewPCG(1, 2))}
	hdr := trace.Header{Source: "sim", Protocol: "fail-stop", Model: "asynchronous", CommID: 0xf00}
	var j *checker.Judge
	counts := map[string]int{}
	for run := range runs {
		h.make()
		for range h.IntN(6) {
			h.alter()
		}
		h.untilCrash()
		hdr.World = h.world
		if j == nil {
			j, _ = checker.New(&hdr)
		} else if err := j.Reset(&hdr); err != nil {
			t.Fatal(err)
		}
		for i := range h.evs {
			j.Observe(&h.evs[i])
		}
		v := j.Finish(checker.Ending{T: int64(len(h.evs)), Complete: true})
		for property, want := range map[string]int{
			checker.Agreement: twinAgreement(h.world, h.evs), checker.Ranks: twinRanks(h.world, h.evs),
			checker.History: twinHistory(h.world, h.evs), checker.CommID: twinCommID(h.world, hdr.CommID, h.evs),
		} {
			if want >= 0 {
				counts[property]++
			} else {
				counts["no "+property]++
			}
			if got := firstBreak(v, property); got != want {
				t.Fatalf("run %d: %s first breaks at %d, its twin says %d\n%s\n%+v", run, property, got, want, dump(h.evs), v.Violations)
			}
		}
	}
	for _, property := range []string{checker.Agreement, checker.Ranks, checker.History, checker.CommID} {
		if counts[property] < runs/25 || counts["no "+property] < runs/25 {
			t.Errorf("%s: broken in %d runs, not in %d: the histories say too little", property, counts[property], counts["no "+property])
		}
	}
}

func firstBreak(v checker.Verdict, property string) int {
	for _, x := range v.Violations {
		if x.Property == property {
			return int(x.T)
		}
	}
	return -1
}

func dump(evs []trace.Event) string {
	var b strings.Builder
	for i, ev := range evs {
		fmt.Fprintf(&b, "%d: node %d %s", i, ev.Node, ev.Kind)
		switch {
		case ev.Install != nil:
			fmt.Fprintf(&b, " %+v", *ev.Install)
		case ev.Told != nil:
			fmt.Fprintf(&b, " %+v", *ev.Told)
		default:
			b.WriteString(" " + ev.Why)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
