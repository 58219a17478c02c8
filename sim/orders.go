package sim

import (
	"slices"
	"time"

	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

func duration(ns int64) time.Duration { return time.Duration(ns) }

// The bounds of the search for orders: how many inputs of a run are looked at, and how far each is moved.
const (
	inputsLooked = 80
	inputsMoved  = 6

	suspicionsOrdered = 40
)

// orders finds which pairs of moments have to come in the order that they have: each input of a node is held back until
// after the next one, the one after that, and so on, until the violation is gone; each death is moved to before what comes
// before it, and to after what comes after it.
func (s *shrinker) orders() []capsule.Order {
	all, _, err := s.moments(s.best)
	if err != nil {
		return nil
	}
	var out []capsule.Order
	looked := 0
	for i := range all {
		if !input(&all[i]) || all[i].Nth > 1 && !s.decided(&all[i]) || !s.liveness && all[i].t > int64(s.violated) {
			continue // of repetitions only those count that something is decided about
		}
		if looked++; looked > inputsLooked || s.stopped() {
			break
		}
		if o, ok := s.later(all, i); ok {
			out = append(out, o)
		}
	}
	for i := range s.best.Decisions {
		d := &s.best.Decisions[i]
		if d.Kind == capsule.Act && d.Fault.Act.Kind == scenarios.ActCrash && len(d.Fault.Act.Nodes) == 1 {
			out = append(out, s.deathOrders(all, i)...)
		}
	}
	out = append(out, s.lossOrders()...)
	return append(out, s.beatOrders()...)
}

// landmarks is further orders that a run has to keep to be taken for the same: what each decided delay brings about, and
// who suspected whom first. They are no part of the cause.
func (s *shrinker) landmarks(have []capsule.Order) []capsule.Order {
	all, _, err := s.moments(s.best)
	if err != nil {
		return nil
	}
	var out []capsule.Order
	for i := range s.best.Decisions {
		if s.best.Decisions[i].Kind == capsule.Act {
			continue
		}
		if o, ok := s.fateOrder(all, i); ok && !slices.Contains(have, o) && !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return append(out, s.suspicionOrders(all, append(slices.Clone(have), out...))...)
}

// suspicionOrders is who suspected whom first, as far as that was at different times: what a run of a group is made of. A
// repair leaves it alone; where it differs, another run was made.
func (s *shrinker) suspicionOrders(all []moment, have []capsule.Order) []capsule.Order {
	var out []capsule.Order
	var before, now []*moment // of the instant before, and of this one
	for i := range all {
		m := &all[i]
		if m.Moment != capsule.Suspects || m.Nth > 1 || m.t > int64(s.violated) {
			continue
		}
		if len(now) > 0 && now[0].t < m.t {
			before, now = now, nil
		}
		now = append(now, m)
		for _, b := range before {
			if o := (capsule.Order{First: b.Event, Then: m.Event}); !slices.Contains(have, o) && len(out) < suspicionsOrdered {
				out = append(out, o)
			}
		}
	}
	return out
}

// fateOrder is what a decision about a delay brings about: the first place at which the run without it goes another way.
// There another input comes, at whatever node, that has to come later or not at all.
func (s *shrinker) fateOrder(all []moment, i int) (capsule.Order, bool) {
	free, _, err := s.moments(s.with(cut(s.best.Decisions, i)))
	if err != nil {
		return capsule.Order{}, false
	}
	with, without := s.inputs(all), s.inputs(free)
	k := 0
	for k < len(with) && k < len(without) && with[k] == without[k] {
		k++
	}
	if k == len(with) || k == len(without) || !slices.Contains(without, with[k]) {
		return capsule.Order{}, false
	}
	return capsule.Order{First: with[k], Then: without[k]}, true
}

// inputs is the inputs and deaths of a run up to the violation.
func (s *shrinker) inputs(all []moment) []capsule.Event {
	var out []capsule.Event
	for i := range all {
		if m := &all[i]; (input(m) || m.Moment == capsule.Dies) && (s.liveness || m.t <= int64(s.violated)) {
			out = append(out, m.Event)
		}
	}
	return out
}

// beatOrders is, for capsules that say when a node's first heartbeat is due, the order in which nodes first beat.
func (s *shrinker) beatOrders() []capsule.Order {
	said := map[int]bool{}
	for i := range s.best.Decisions {
		if d := &s.best.Decisions[i]; d.Kind == capsule.Phase {
			said[d.Node] = true
		}
	}
	if len(said) == 0 {
		return nil
	}
	all, _, err := s.everything(s.best)
	if err != nil {
		return nil
	}
	var out []capsule.Order
	var last *moment
	beaten := map[int]bool{}
	for k := range all {
		m := &all[k]
		if m.Moment != capsule.Sends || m.Message != "heartbeat" || m.Nth > 1 || m.Epoch > 0 || beaten[m.Node] {
			continue
		}
		beaten[m.Node] = true
		if last != nil && last.t < m.t && (said[last.Node] || said[m.Node]) {
			out = append(out, capsule.Order{First: last.Event, Then: m.Event})
		}
		last = m
	}
	return out
}

// lossOrders is, for each message that is lost, what its receiver comes to before the next one of its kind is sent: were
// that one sent sooner, by code that repeats more often or beats otherwise, the loss would mean nothing, though it would
// still find its place. News of a decision is left out: when it is told again is for the protocol to say, and a repair may
// well change it.
func (s *shrinker) lossOrders() []capsule.Order {
	all, _, err := s.everything(s.best)
	if err != nil {
		return nil
	}
	var out []capsule.Order
	for i := range s.best.Decisions {
		d := &s.best.Decisions[i]
		if d.Kind != capsule.Packet || !d.Lost || len(out) == inputsLooked {
			continue
		}
		sent := slices.IndexFunc(all, func(m moment) bool { return m.Moment == capsule.Sends && about(d, received(m.Event)) })
		if sent < 0 {
			continue
		}
		var last *moment
		for k := sent + 1; k < len(all); k++ {
			m := &all[k]
			if m.Moment == capsule.Sends && m.Node == d.From && m.Peer == d.To && m.Message == d.Message {
				if last != nil && m.Epoch == d.Epoch && m.Message != "commit" {
					out = append(out, capsule.Order{First: last.Event, Then: m.Event})
				}
				break
			}
			if m.Node == d.To && m.Message != "heartbeat" && input(m) && m.Epoch == d.Epoch {
				last = m
			}
		}
	}
	return out
}

// received is the arrival of what was sent.
func received(e capsule.Event) capsule.Event {
	e.Moment, e.Node, e.Peer = capsule.Receives, e.Peer, e.Node
	return e
}

// decided tells whether a capsule says something about an input.
func (s *shrinker) decided(m *moment) bool {
	for i := range s.best.Decisions {
		if about(&s.best.Decisions[i], m.Event) {
			return true
		}
	}
	return false
}

// about tells whether a decision is one about an input: about the message, or about what ends in the suspicion.
func about(d *capsule.Decision, e capsule.Event) bool {
	switch {
	case d.Kind == capsule.Packet && e.Moment == capsule.Receives:
		return d.From == e.Peer && d.To == e.Node && d.Message == e.Message && d.Epoch == e.Epoch && d.During == e.During && d.Nth == e.Nth
	case d.Kind == capsule.Close && e.Moment == capsule.Suspects:
		return d.From == e.Peer && d.To == e.Node
	case d.Kind == capsule.Detect && e.Moment == capsule.Suspects:
		return d.Of == e.Peer && d.By == e.Node
	}
	return false
}

func input(m *moment) bool { return m.Moment == capsule.Receives || m.Moment == capsule.Suspects }

// later holds an input back, and finds the one that it must not come after.
func (s *shrinker) later(all []moment, i int) (capsule.Order, bool) {
	a := &all[i]
	moved := 0
	for k := i + 1; k < len(all) && moved < inputsMoved; k++ {
		b := &all[k]
		if b.Node != a.Node || !input(b) || b.Nth > 1 && !s.decided(b) {
			continue
		}
		moved++
		c := s.heldBack(a, b.t-a.t+int64(time.Microsecond))
		if c == nil {
			return capsule.Order{}, false
		}
		now, res, err := s.moments(c)
		if err != nil || !inverted(now, a, b) {
			return capsule.Order{}, false
		}
		if res.Verdict.First(c.Property, s.liveness) == nil {
			return capsule.Order{First: a.Event, Then: b.Event}, true
		}
	}
	return capsule.Order{}, false
}

// inverted tells whether b now comes, and before a.
func inverted(all []moment, a, b *moment) bool {
	is := func(of *moment) int { return slices.IndexFunc(all, func(m moment) bool { return m.Event == of.Event }) }
	first, second := is(b), is(a)
	return first >= 0 && (second < 0 || first < second) // what comes too late may not arrive at all
}

// heldBack is the best with an input later; nil if nothing that is decided could make it so.
func (s *shrinker) heldBack(m *moment, by int64) *capsule.Capsule {
	want := capsule.Decision{Kind: capsule.Packet, From: m.Peer, To: m.Node, Message: m.Message, Epoch: m.Epoch, During: m.During, Nth: m.Nth}
	switch {
	case m.Moment == capsule.Receives:
	case s.best.Scenario.Model == scenarios.CrashStop:
		want = capsule.Decision{Kind: capsule.Detect, By: m.Node, Of: m.Peer}
	case m.cause != 0: // a connection that ended
		want = capsule.Decision{Kind: capsule.Close, From: m.Peer, To: m.Node, Nth: 1}
	default:
		return nil
	}
	list := slices.Clone(s.best.Decisions)
	i := slices.IndexFunc(list, func(d capsule.Decision) bool { return d.About() == want.About() })
	if i < 0 {
		i = len(list)
		list = append(list, want)
	}
	list[i].Delay += duration(by)
	if list[i].Lost {
		return nil
	}
	return s.with(list)
}

// deathOrders finds what a death has to come after, and what before.
func (s *shrinker) deathOrders(all []moment, i int) []capsule.Order {
	f := s.best.Decisions[i].Fault
	node := f.Act.Nodes[0]
	dies := slices.IndexFunc(all, func(m moment) bool { return m.Moment == capsule.Dies && m.Node == node })
	if dies < 0 {
		return nil
	}
	free, _, err := s.moments(s.with(cut(s.best.Decisions, i)))
	if err != nil {
		return nil
	}
	var out []capsule.Order
	last := -1 // the node's last moment before
	for k := range free {
		if free[k].Node == node && (f.When != nil && k <= fires(free, f.When) || f.When == nil && free[k].t < int64(f.At)) {
			last = k
		}
	}
	if f.When != nil {
		if before := s.previous(free, last, node); before == nil || !s.withAct(i, before) {
			out = append(out, capsule.Order{First: free[last].Event, Then: all[dies].Event})
		}
	}
	moved := 0
	for k := last + 1; k < len(free) && moved < inputsMoved; k++ {
		if free[k].Node != node {
			continue
		}
		if moved++; s.withAct(i, triggerAt(free, k)) {
			continue
		}
		out = append(out, capsule.Order{First: all[dies].Event, Then: free[k].Event})
		return append(out, sameStep(free, k, all[dies].Event)...)
	}
	return out
}

// sameStep is the further messages of a step of which a death spares the rest: none of them may come before it.
func sameStep(free []moment, k int, dies capsule.Event) []capsule.Order {
	var out []capsule.Order
	for n := k + 1; n < len(free) && free[n].cause == free[k].cause && free[n].t == free[k].t; n++ {
		if free[n].Node == free[k].Node && free[n].Moment == capsule.Sends {
			out = append(out, capsule.Order{First: dies, Then: free[n].Event})
		}
	}
	return out
}

// previous is the moment of a node before another, as a trigger; nil if there is none.
func (s *shrinker) previous(all []moment, i, node int) *scenarios.Trigger {
	for k := i - 1; k >= 0; k-- {
		if all[k].Node == node {
			return triggerAt(all, k)
		}
	}
	return nil
}

// withAct tells whether the violation stands with an act at another moment. Without a moment it is taken to stand: nothing
// is known.
func (s *shrinker) withAct(i int, t *scenarios.Trigger) bool {
	if t == nil {
		return true
	}
	c := s.withFault(i, func(f *scenarios.Fault) { f.At, f.When = 0, t })
	res, err := s.run(c, Plain)
	return err == nil && res.Verdict.First(c.Property, s.liveness) != nil
}
