package sim

import (
	"fmt"
	"strings"

	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// explain finds the orders that the violation needs, tells in one sentence what it needs at all, and seals the result.
func (s *shrinker) explain() {
	res, err := s.run(s.best, Plain)
	if err != nil {
		s.err = err
		return
	}
	c := *s.best
	seal(&c, res)
	if s.ctx.Err() == nil {
		c.Orders = s.orders()
		c.Cause = cause(&c)
		c.Orders = append(c.Orders, s.landmarks(c.Orders)...)
	}
	s.best = &c
}

// cause tells what a violation needs: each decision of a capsule that has been shrunk is necessary, and each order.
func cause(c *capsule.Capsule) string {
	told := make([]bool, len(c.Orders))
	var parts []string
	for i := range c.Decisions {
		d := &c.Decisions[i]
		if d.Kind == capsule.Act {
			parts = append(parts, actCause(c, d.Fault, told))
			continue
		}
		if !lateInOrder(c, d) {
			parts = append(parts, fateCause(d))
		}
	}
	for i, o := range c.Orders {
		if !told[i] && o.Then.Moment != capsule.Sends { // those say no more than the losses
			parts = append(parts, fmt.Sprintf("%s comes before %s", o.First, o.Then))
		}
	}
	const most = 1500
	text := "needs: " + strings.Join(parts, "; ")
	if len(parts) == 0 {
		return "needs: nothing; it happens in a run without faults"
	}
	if len(text) > most {
		text = text[:strings.LastIndex(text[:most], "; ")] + "; and more"
	}
	return text
}

// lateInOrder tells whether a delay is told by an order: what it has to come after says more than that it is late.
func lateInOrder(c *capsule.Capsule, d *capsule.Decision) bool {
	if d.Lost || d.Twice || d.Kind == capsule.Phase {
		return false
	}
	for _, o := range c.Orders {
		if about(d, o.Then) {
			return true
		}
	}
	return false
}

// actCause tells an act, a death with what it has to come after and before.
func actCause(c *capsule.Capsule, f *scenarios.Fault, told []bool) string {
	what := actWords(&f.Act)
	if f.Act.Kind == scenarios.ActCrash && len(f.Act.Nodes) == 1 {
		what += deathCause(c, f, told)
	} else if f.When != nil {
		what += " " + whenWords(f.When)
	}
	if f.For > 0 {
		what += " for " + scenarios.FormatDuration(f.For)
	}
	return what
}

// deathCause tells when a node has to die.
func deathCause(c *capsule.Capsule, f *scenarios.Fault, told []bool) string {
	node := f.Act.Nodes[0]
	after, before := "", ""
	if f.When != nil {
		after = " " + strings.Replace(whenWords(f.When), fmt.Sprintf("node %d's ", node), "its ", 1)
	}
	for i, o := range c.Orders {
		switch {
		case o.Then.Moment == capsule.Dies && o.Then.Node == node:
			told[i] = true
		case o.First.Moment == capsule.Dies && o.First.Node == node:
			told[i] = true
			if before == "" {
				before = " and before " + beforeWords(o.Then, f.When)
			}
		}
	}
	if after == "" {
		before = strings.TrimPrefix(before, " and")
	}
	return after + before
}

// beforeWords tells what a node no longer does, shortly if it is another destination of the same message.
func beforeWords(e capsule.Event, when *scenarios.Trigger) string {
	if when != nil && when.Kind == scenarios.Sends && e.Moment == capsule.Sends && e.Message == when.Message && int64(e.Epoch) == when.Epoch {
		return fmt.Sprintf("that to %d", e.Peer)
	}
	if e.Moment == capsule.Sends {
		return fmt.Sprintf("its %s%s to %d%s", nthWord(e.Nth), e.Message, e.Peer, epochWords(int64(e.Epoch)))
	}
	switch e.Moment {
	case capsule.Suspects:
		return fmt.Sprintf("its suspicion of %d", e.Peer)
	case capsule.Installs:
		return fmt.Sprintf("its install of epoch %d", e.Epoch)
	}
	return e.String()
}

// whenWords tells a moment of a trigger's node.
func whenWords(t *scenarios.Trigger) string {
	peer := ""
	switch t.Kind {
	case scenarios.Sends:
		if t.Peer >= 0 {
			peer = fmt.Sprintf(" to %d", t.Peer)
		}
		return fmt.Sprintf("after its %s%s%s%s", nthWord(uint64(t.Nth)), t.Message, peer, epochWords(t.Epoch))
	case scenarios.Receives:
		if t.Peer >= 0 {
			peer = fmt.Sprintf(" of %d", t.Peer)
		}
		return fmt.Sprintf("as the %s%s%s%s reaches %d", nthWord(uint64(t.Nth)), t.Message, peer, epochWords(t.Epoch), t.Node)
	case scenarios.Suspects:
		return fmt.Sprintf("after node %d's %ssuspicion of %d", t.Node, nthWord(uint64(t.Nth)), t.Of)
	case scenarios.Installs:
		return fmt.Sprintf("after node %d's install of epoch %d", t.Node, t.Epoch)
	}
	return ""
}

func nthWord(n uint64) string {
	switch n {
	case 0, 1:
		return ""
	case 2:
		return "second "
	case 3:
		return "third "
	}
	return fmt.Sprintf("%d-th ", n)
}

func epochWords(epoch int64) string {
	if epoch <= 0 {
		return ""
	}
	return fmt.Sprintf(" in epoch %d", epoch)
}

// actWords tells what an act does.
func actWords(a *scenarios.Act) string {
	switch a.Kind {
	case scenarios.ActCrash:
		how := ""
		if a.Silent {
			how = " silently"
		}
		return nodesWords(a.Nodes, "dies", "die") + how
	case scenarios.ActPause:
		return nodesWords(a.Nodes, "is paused", "are paused")
	case scenarios.ActHold:
		return nodesWords(a.Nodes, "holds the lock", "hold the lock")
	case scenarios.ActPartition:
		var sides []string
		for _, g := range a.Groups {
			sides = append(sides, listWords(g))
		}
		return "a partition of " + strings.Join(sides, " from ")
	case scenarios.ActCut:
		return "no messages on " + linkText(a.Links)
	case scenarios.ActSuspect:
		var all []string
		for _, k := range a.Suspect {
			all = append(all, fmt.Sprintf("node %d suspects %d falsely", k.By, k.Of))
		}
		return strings.Join(all, " and ")
	case scenarios.ActSlow:
		return nodesWords(a.Nodes, "is slow", "are slow") + " by " + scenarios.FormatDuration(a.By)
	case scenarios.ActSkew:
		var all []string
		for _, k := range a.Skew {
			all = append(all, fmt.Sprintf("node %d's clock is wrong", k.Node))
		}
		return strings.Join(all, " and ")
	case scenarios.ActApp:
		return fmt.Sprintf("%s by %s", a.Op, listWords(a.Nodes))
	case scenarios.ActLoss, scenarios.ActDuplicate, scenarios.ActNone:
	}
	return actText(a)
}

func nodesWords(nodes []int, one, several string) string {
	if len(nodes) == 1 {
		return fmt.Sprintf("node %d %s", nodes[0], one)
	}
	return "nodes " + listWords(nodes) + " " + several
}

// listWords is 1, 1 and 2, or 1, 2 and 3.
func listWords(nodes []int) string {
	var b strings.Builder
	for i, n := range nodes {
		switch {
		case i == 0:
		case i == len(nodes)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		fmt.Fprint(&b, n)
	}
	return b.String()
}

// fateCause tells what becomes of something on its way.
func fateCause(d *capsule.Decision) string {
	what := ""
	switch d.Kind {
	case capsule.Packet:
		what = fmt.Sprintf("node %d's %s%s to %d%s", d.From, nthWord(d.Nth), d.Message, d.To, epochWords(int64(d.Epoch)))
	case capsule.Close:
		what = fmt.Sprintf("the end of %d's connection to %d", d.From, d.To)
	case capsule.Release:
		what = fmt.Sprintf("what was held from %d to %d", d.From, d.To)
	case capsule.Reopen:
		what = fmt.Sprintf("the new connection of %d to %d", d.From, d.To)
	case capsule.Detect:
		return fmt.Sprintf("node %d notices the death of %d after %s", d.By, d.Of, scenarios.FormatDuration(d.Delay))
	case capsule.Phase:
		return fmt.Sprintf("node %d's first heartbeat is due after %s", d.Node, scenarios.FormatDuration(d.Delay))
	case capsule.Act, capsule.Next:
		return d.String()
	}
	switch {
	case d.Lost:
		return what + " is lost"
	case d.Twice && d.Delay > 0:
		return what + " arrives late and twice"
	case d.Twice:
		return what + " arrives twice"
	}
	return what + " arrives late"
}
