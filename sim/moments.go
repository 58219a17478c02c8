package sim

import (
	"slices"

	"nexarsim/checker/trace"
	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// moment is something that happened in a run, under the name that capsules use.
type moment struct {
	capsule.Event
	t     int64
	cause uint64 // the line that made it happen
	seq   uint64
}

// moments makes a capsule's run and lists what happened in it, heartbeats left out.
func (s *shrinker) moments(c *capsule.Capsule) ([]moment, *Result, error) {
	all, res, err := s.everything(c)
	return slices.DeleteFunc(all, func(m moment) bool { return m.Message == "heartbeat" }), res, err
}

// everything is moments with the heartbeats.
func (s *shrinker) everything(c *capsule.Capsule) ([]moment, *Result, error) {
	n := newNamer()
	var all []moment
	s.replays++
	res, err := s.sim.play(ReplaySpec{Capsule: c, New: s.spec.New}, newPlayer(c.Decisions), Plain, func(ev *trace.Event) {
		if e, ok := n.event(ev); ok {
			all = append(all, moment{e, ev.T, ev.Cause, ev.Seq})
		}
	})
	return all, res, err
}

// triggerAt is a moment as a scenario waits for it; nil if it cannot: a kind of message that scenarios have no word for.
func triggerAt(all []moment, i int) *scenarios.Trigger {
	m := &all[i]
	t := &scenarios.Trigger{Node: m.Node, Epoch: -1, Peer: -1}
	same := func(o *moment) bool { return o.Moment == m.Moment && o.Node == m.Node && o.Peer == m.Peer }
	switch m.Moment {
	case capsule.Sends, capsule.Receives:
		if !slices.Contains(scenarios.MessageKinds(), m.Message) {
			return nil
		}
		t.Kind, t.Message, t.Peer, t.Epoch = scenarios.Sends, m.Message, m.Peer, int64(m.Epoch)
		if m.Moment == capsule.Receives {
			t.Kind = scenarios.Receives
		}
		before := same
		same = func(o *moment) bool { return before(o) && o.Message == m.Message && o.Epoch == m.Epoch }
	case capsule.Suspects:
		t.Kind, t.Of = scenarios.Suspects, m.Peer
	case capsule.Installs:
		t.Kind, t.Epoch = scenarios.Installs, int64(m.Epoch)
		before := same
		same = func(o *moment) bool { return before(o) && o.Epoch == m.Epoch }
	default:
		return nil
	}
	for k := range all[:i+1] {
		if same(&all[k]) {
			t.Nth++
		}
	}
	return t
}

// fires finds the moment that a trigger waits for; -1 if it does not come.
func fires(all []moment, t *scenarios.Trigger) int {
	seen := 0
	for i := range all {
		m := &all[i]
		if m.Node != t.Node {
			continue
		}
		match := false
		switch t.Kind {
		case scenarios.Sends, scenarios.Receives:
			wanted := capsule.Sends
			if t.Kind == scenarios.Receives {
				wanted = capsule.Receives
			}
			match = m.Moment == wanted && m.Message == t.Message && (t.Peer < 0 || t.Peer == m.Peer) && (t.Epoch < 0 || t.Epoch == int64(m.Epoch))
		case scenarios.Suspects:
			match = m.Moment == capsule.Suspects && m.Peer == t.Of
		case scenarios.Installs:
			match = m.Moment == capsule.Installs && int64(m.Epoch) == t.Epoch
		}
		if match {
			if seen++; seen == t.Nth {
				return i
			}
		}
	}
	return -1
}

// pin says of an act which peer's and which epoch's message it waits for: with another order of destinations it would
// otherwise come at another moment, and nobody would notice.
func (s *shrinker) pin(i int) {
	w := s.best.Decisions[i].Fault.When
	if w == nil || w.Kind != scenarios.Sends && w.Kind != scenarios.Receives || w.Peer >= 0 && w.Epoch >= 0 {
		return
	}
	all, _, err := s.moments(s.best)
	if err != nil {
		return
	}
	if k := fires(all, w); k >= 0 {
		s.moveTo(i, triggerAt(all, k))
	}
}

// moveTo tries a moment of the protocol for an act.
func (s *shrinker) moveTo(i int, t *scenarios.Trigger) bool {
	return t != nil && s.try(s.withFault(i, func(f *scenarios.Fault) { f.At, f.When = 0, t }))
}

// actor is the node whose moments an act may be tied to; -1 if it has no single one.
func actor(a *scenarios.Act) int {
	switch {
	case (a.Kind == scenarios.ActCrash || a.Kind == scenarios.ActPause) && len(a.Nodes) == 1:
		return a.Nodes[0]
	case a.Kind == scenarios.ActSuspect && len(a.Suspect) == 1:
		return a.Suspect[0].By
	}
	return -1
}

// momentsTried is how many of a node's last moments are tried for an act.
const momentsTried = 8

// tie finds for an act whose time matters the moment of its node that it has to follow.
func (s *shrinker) tie(i int) {
	f := s.best.Decisions[i].Fault
	node := actor(&f.Act)
	if node < 0 || f.When != nil || f.At == 0 {
		return
	}
	firm := true
	for _, at := range []int64{int64(f.At) * 4 / 5, int64(f.At) * 5 / 4} {
		firm = firm && s.holds(s.withFault(i, func(f *scenarios.Fault) { f.At = duration(at) }))
	}
	if firm || s.stopped() {
		return
	}
	all, _, err := s.moments(s.best)
	if err != nil {
		return
	}
	tried := 0
	for k := len(all) - 1; k >= 0 && tried < momentsTried; k-- {
		if all[k].Node != node || all[k].t > int64(f.At) || all[k].Moment == capsule.Dies {
			continue
		}
		tried++
		if s.moveTo(i, triggerAt(all, k)) {
			return
		}
	}
}

// retie looks for another moment at which an act makes fates needless: the earliest one.
func (s *shrinker) retie(i int) {
	f := s.best.Decisions[i].Fault
	node := actor(&f.Act)
	fates := slices.ContainsFunc(s.best.Decisions, func(d capsule.Decision) bool { return d.Kind == capsule.Packet || d.Kind == capsule.Close })
	if node < 0 || f.When == nil || !fates {
		return
	}
	without := s.with(cut(s.best.Decisions, i))
	all, _, err := s.moments(without)
	if err != nil {
		return
	}
	tried := 0
	for k := range all {
		if all[k].Node != node || tried == 2*momentsTried || s.stopped() {
			continue
		}
		t := triggerAt(all, k)
		if t == nil || *t == *f.When {
			continue
		}
		tried++
		c := s.withFault(i, func(f *scenarios.Fault) { f.At, f.When = 0, t })
		c.Decisions = slices.DeleteFunc(c.Decisions, func(d capsule.Decision) bool { return d.Kind == capsule.Packet || d.Kind == capsule.Close })
		if s.try(c) {
			return
		}
	}
}
