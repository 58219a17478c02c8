package comm

import (
	"slices"

	"nexarsim/core"
)

// heldMessage is one that came too early: of a view that is not installed yet, of an operation that has not begun, or of
// a later step.
type heldMessage struct {
	from core.NodeID
	id   uint64 // as the driver numbers it; no part of the state
	msg  core.Message
}

// heldPerMember bounds what is held, for each member of the first view. Nobody can be more than one operation ahead of a
// member whose part it needs, and has at most 2(N-1) parts for it there; whatever is dropped is asked for again.
const heldPerMember = 4

// outcome is what became of a message.
type outcome uint8

const (
	dropped outcome = iota // nothing can come of it
	used                   // it counted
	early                  // its time may come
)

// deliver takes a message of a communicator.
func (k *Stack) deliver(now core.Instant, in *core.Input, out *core.Effects) {
	if in.Msg.Group != k.group || in.From < 0 || int(in.From) >= k.world || in.From == k.self || k.status == over {
		return
	}
	switch k.take(now, in.From, &in.Msg, out) {
	case used:
		out.Used()
		if c := &k.comms[0]; in.Msg.Kind == Data && in.Msg.Num == c.id && c.op.active && len(k.held) == 0 {
			return // the operation goes on, nothing else can, and its timers stand
		}
		k.run(now, out)
	case early:
		k.hold(in)
	case dropped:
		k.run(now, out) // it may have ended an operation
	}
}

// hold keeps a message whose time may come. One between ranks comes again and again until it is confirmed, and is kept once.
func (k *Stack) hold(in *core.Input) {
	if in.Msg.Kind == Tagged && slices.ContainsFunc(k.held, func(h heldMessage) bool { return h.from == in.From && sameTagged(&h.msg, &in.Msg) }) {
		return
	}
	if len(k.held) >= heldPerMember*(k.world+1) {
		k.counts.Full++
		return
	}
	k.held = append(k.held, heldMessage{})
	h := &k.held[len(k.held)-1]
	h.from, h.id = in.From, in.ID
	h.msg = in.Msg
}

// drain uses what has come too early and is not any more; false if there is nothing.
func (k *Stack) drain(now core.Instant, out *core.Effects) (progress bool) {
	kept := 0
	for i := range k.held {
		h := &k.held[i]
		became := early
		if !k.comms[0].later(k.view.Epoch, &h.msg) {
			became = k.take(now, h.from, &h.msg, out)
		}
		switch became {
		case used:
			out.UsedLate(h.from, h.id, &h.msg)
			progress = true
		case early:
			if kept < i {
				k.held[kept] = *h
			}
			kept++
		case dropped:
		}
	}
	k.held = k.held[:kept]
	return progress
}

// later tells whether a message is a part of the running operation, of a step that is not the one that it waits in: what take
// would find too, at length, of most of what is held.
func (c *communicator) later(epoch core.Epoch, m *core.Message) bool {
	op, p := &c.op, PartOf(m)
	return p.Label > op.step && m.Kind == Data && m.Ballot.Round == c.number && m.Num == c.id && m.Epoch == epoch &&
		p.Call == op.call && op.active && op.plan.labelled()
}

// take looks at a message of another member and uses it if it can (S6).
func (k *Stack) take(now core.Instant, from core.NodeID, m *core.Message, out *core.Effects) outcome {
	if c := &k.comms[0]; c.awaited(k.view.Epoch, from, m) {
		return k.use(c, from, m, out)
	}
	switch {
	case m.Epoch < k.view.Epoch:
		k.counts.Stale++
		return dropped
	case m.Epoch > k.view.Epoch:
		if m.Kind == Data || m.Kind == Tagged {
			return early
		}
		return dropped
	}
	c := k.find(m.Num)
	if c == nil {
		if (m.Kind == Data || m.Kind == Tagged) && k.view.Rank(from) != core.NoRank {
			return early // of a split whose end this node has not seen
		}
		return dropped
	}
	if m.Kind == Data {
		return k.part(c, from, m, out)
	}
	rank := c.rankOf(from)
	switch {
	case rank == core.NoRank:
	case m.Kind >= Tagged:
		return k.takeTagged(now, c, rank, m, out)
	case m.Kind == Want:
		k.answer(c, rank, m, out)
	case m.Kind == Failed:
		c.broken = c.broken || PartOf(m).Label == failedApart
		if c.op.active && m.Ballot.Round == c.op.number {
			k.giveUp(c, "rank "+itoa(int(rank))+" has given it up", out)
		}
	}
	return dropped
}

// part uses a part of an operation if it is the one that is waited for.
func (k *Stack) part(c *communicator, from core.NodeID, m *core.Message, out *core.Effects) outcome {
	op, p := &c.op, PartOf(m)
	switch {
	case m.Ballot.Round > c.number:
		return early
	case m.Ballot.Round < c.number || !op.active:
		return dropped
	case m.Ballot.Coordinator == op.part && from == op.from:
		return k.use(c, from, m, out)
	case p.Call == op.call && op.plan.labelled():
		if p.Label > op.step {
			return early
		}
		return dropped
	}
	return k.otherPart(c, c.rankOf(from), p, m, out)
}

// use puts the part that is waited for in its place and goes on.
func (k *Stack) use(c *communicator, from core.NodeID, m *core.Message, out *core.Effects) outcome {
	op := &c.op
	if want := op.now.Receive.Length * op.typ.Size(); len(m.Body) != want && !op.bulk {
		k.quit(c, "node "+itoa(int(from))+" sent "+itoa(len(m.Body))+" bytes, expected "+itoa(want), out)
		return dropped
	}
	k.advance(c, op.receive(m.Body), out)
	return used
}

// otherPart sorts a part that is not the one that is waited for.
func (k *Stack) otherPart(c *communicator, from core.Rank, p Part, m *core.Message, out *core.Effects) outcome {
	op := &c.op
	switch {
	case from == core.NoRank:
		return dropped
	case p.Call != op.call:
		c.broken = true
		k.quit(c, "rank "+itoa(int(from))+" is in "+p.Call.String()+" "+itoa(int(m.Ballot.Round)), out)
		return dropped
	}
	if i, known := op.plan.receiving(from, p.Label); known && i > op.step {
		return early
	}
	return dropped
}
