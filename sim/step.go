package sim

import (
	"fmt"
	"math"

	"nexarsim/checker"
	"nexarsim/core"
	"nexarsim/internal/record"
	"nexarsim/netsim"
)

// slot holds a message in flight, shared by all its copies and destinations.
type slot struct {
	msg  core.Message
	from int32
	refs int32
	sent int64
	base uint64 // the sender's send counter when the step began
}

// idOf is a packet's message id: node + world * counter.
func (s *Simulator) idOf(e *entry) uint64 {
	sl := &s.slots[e.a]
	return uint64(sl.from) + uint64(s.world)*(sl.base+uint64(e.b>>toBits))
}

func (s *Simulator) release(i uint32) {
	sl := &s.slots[i]
	sl.refs--
	if sl.refs == 0 {
		s.free = append(s.free, i)
	}
}

// step gives the input s.in to a node and performs what it asks for. s.cause is the line that made it happen; 0 for none.
func (s *Simulator) step(id int) {
	n := &s.nodes[id]
	in := &s.in
	s.steps++
	s.markStep(id, in)
	if s.spec.Inputs {
		s.recordInput(id, in)
	}
	if in.Kind == core.InCall {
		s.cause = s.rec.Call(s.now, id, in, n.epoch, s.cause)
	}
	out := s.out
	out.Reset()
	s.letters = s.letters[:0]
	s.base = n.sends
	s.stepping = id
	n.m.Step(n.clock.local(s.now), in, out)
	s.stepping = nobody
	if in.Kind == core.InDeliver {
		s.recordDelivery(id, in, out)
	}
	s.perform(id, out, 0)
	s.cause = 0
	s.countBusy(id, n)
}

// countBusy ends the run at a node that takes more steps than any use within one heartbeat interval: those of the current
// half of one and of the half before.
func (s *Simulator) countBusy(id int, n *node) {
	half := int64(s.cfg.HeartbeatInterval) / 2
	if since := s.now - n.busyFrom; since >= half {
		n.busyBefore = n.busy
		if since >= 2*half {
			n.busyBefore = 0
		}
		n.busyFrom, n.busy = s.now, 0
	}
	n.busy++
	if steps := n.busyBefore + n.busy; steps > s.busyMax {
		s.rec.Busy(s.now, id, uint64(steps))
		s.over = true
	}
}

// markStep adds a step's input to the digest.
func (s *Simulator) markStep(id int, in *core.Input) {
	what := uint64(in.Kind)<<8 | uint64(in.Timer)
	if s.digest.log != nil {
		s.digest.log.begin(s.now, id, uint32(what))
	}
	if in.Kind == core.InDeliver {
		s.digest.three(uint64(s.now), what<<32|uint64(uint32(id)), in.ID)
		return
	}
	s.digest.two(uint64(s.now), what<<32|uint64(uint32(id)))
	switch in.Kind {
	case core.InStart:
		s.digest.word(uint64(in.Phase))
	case core.InTimer, core.InShutdown:
	default:
		s.digest.word(in.ID)
		s.digest.word(uint64(uint32(in.Peer))<<32 | uint64(in.Call)<<8 | bit(in.Hold))
		s.digest.text(in.Err)
		if in.Call == core.CallAllReduce || in.Value != 0 {
			s.digest.word(uint64(in.Value))
		}
		if in.Call == core.CallSend || in.Call == core.CallReceive {
			s.digest.word(in.Comm)
			s.digest.text(in.Body)
		}
	}
}

func (s *Simulator) recordInput(id int, in *core.Input) {
	s.inputNo++
	s.inputBuf = record.EncodeInput(s.inputBuf[:0], s.nodes[id].clock.local(s.now), in)
	s.rec.Input(s.now, id, s.inputNo, s.inputBuf)
}

// recordDelivery writes the line of a delivery, which says whether it was used, before the lines of its effects.
func (s *Simulator) recordDelivery(id int, in *core.Input, out *core.Effects) {
	if in.Msg.Epoch != s.nodes[id].epoch {
		s.reach.callArrived(&in.Msg, s.nodes[id].epoch)
	}
	used := false
	for i, list := 0, out.List(); i < len(list); i++ {
		if list[i].Kind == core.OutUsed {
			if _, _, late := out.Late(&list[i]); !late {
				used = true
				break
			}
		}
	}
	switch {
	case used && s.passes(id, int(in.From), &in.Msg):
		s.cause = s.rec.Passed()
	case used || s.observed:
		s.cause = s.rec.Deliver(s.now, id, int(in.From), in.ID, &in.Msg, s.nodes[id].epoch, used)
	}
	if used {
		s.reach.delivered(id, in)
	}
	if s.watch.receives > 0 {
		s.watchReceive(id, in)
	}
}

// perform does what a step asks for, in order. An act that is triggered on the way happens between two effects: after a
// crash the rest is discarded, after a pause it waits for the resume.
func (s *Simulator) perform(id int, out *core.Effects, from int) {
	n := &s.nodes[id]
	list := out.List()
	for i := from; i < len(list); i++ {
		if n.down() {
			break
		}
		if n.pauses > 0 {
			n.rest, n.restAt, n.restFor = out, i, s.cause
			s.out = new(core.Effects)
			break
		}
		e := &list[i]
		switch e.Kind {
		case core.OutSend:
			s.send(id, n, e, out)
		case core.OutSetTimer:
			s.digest.word(uint64(e.Kind) | uint64(e.Timer)<<8 | uint64(e.At)<<16)
			if s.hasTimer(id, e.Timer) {
				s.setTimer(id, e.Timer, e.At)
			}
		case core.OutCancelTimer:
			s.digest.word(uint64(e.Kind) | uint64(e.Timer)<<8)
			if s.hasTimer(id, e.Timer) {
				s.cancelTimer(id, e.Timer)
			}
		case core.OutUsed:
			s.used(id, n, e, out)
		default:
			s.performRare(id, n, e, out)
		}
	}
	for _, l := range s.letters {
		if l >= 0 {
			s.release(uint32(l))
		}
	}
	s.letters = s.letters[:0]
}

// used looks whether the message of an earlier step counts now. It gets a second line, in the epoch of now.
func (s *Simulator) used(id int, n *node, e *core.Effect, out *core.Effects) {
	m, msg, late := out.Late(e)
	if !late {
		s.digest.word(uint64(e.Kind))
		return
	}
	s.digest.two(uint64(e.Kind), msg)
	if s.passes(id, int(e.Peer), m) {
		s.cause = s.rec.Passed()
		return
	}
	s.cause = s.rec.Late(s.now, id, int(e.Peer), msg, m, n.epoch)
}

// passes gives the judge a used message without its line, where nobody else reads it and the judge has nothing to say.
func (s *Simulator) passes(id, from int, m *core.Message) bool {
	return !s.observed && s.judge.Uses(checker.Use{
		T: s.now, Node: id, From: from, Epoch: uint64(s.nodes[id].epoch), Group: m.Group, Of: uint64(m.Epoch),
	})
}

// hasTimer tells whether a machine may have a timer of that number; one that uses another has broken its own rules.
func (s *Simulator) hasTimer(id int, t core.TimerID) bool {
	if t < core.MaxTimers {
		return true
	}
	s.panicked(id, fmt.Sprintf("timer %d: a machine has timers 0 to %d", t, core.MaxTimers-1))
	return false
}

// performRare does what only happens when something changes.
func (s *Simulator) performRare(id int, n *node, e *core.Effect, out *core.Effects) {
	s.digest.word(uint64(e.Kind) | uint64(e.Why)<<8 | uint64(e.Op)<<16)
	switch e.Kind {
	case core.OutWake:
		s.queue.push(s.now, classWake, uint32(id), e.Op)
	case core.OutBelieve:
		s.digest.word(uint64(uint32(e.Peer))<<1 | bit(e.Suspected))
		line := s.rec.Believe(s.now, id, int(e.Peer), e.Suspected, s.cause)
		if e.Suspected && s.watch.suspects > 0 {
			s.watchSuspect(id, int(e.Peer), line)
		}
	case core.OutInstall:
		in := out.Install(e)
		s.digest.word(uint64(in.View.Epoch))
		s.digest.word(in.View.CommID)
		s.digest.set(in.View.Set())
		s.digest.set(in.Dead)
		n.epoch = in.View.Epoch
		s.installs++
		line := s.rec.Install(s.now, id, in, s.cause)
		s.over = s.over || s.judge.Violated("livelock")
		s.cause = line
		if s.watch.installs > 0 {
			s.watchInstall(id, in.View.Epoch, line)
		}
	case core.OutEvent:
		ev := out.Event(e)
		s.digest.word(uint64(ev.Kind)<<32 | uint64(ev.Epoch))
		s.digest.word(uint64(uint32(ev.OldRank))<<32 | uint64(uint32(ev.NewRank)))
		s.digest.word(uint64(ev.NewWorldSize)<<32 | uint64(len(ev.DeadRanks)))
		for _, r := range ev.DeadRanks {
			s.digest.word(uint64(uint32(r)))
		}
		s.rec.Event(s.now, id, ev, s.cause)
	case core.OutDone:
		d := out.Done(e)
		s.digest.word(d.ID)
		s.digest.word(uint64(d.Call))
		s.digest.text(d.Result)
		s.digest.text(d.Err)
		s.rec.Done(s.now, id, d, n.epoch, s.cause)
		s.load.ended(d.ID)
		s.talk.ended(id, d)
	case core.OutPanic:
		s.panicked(id, out.Text(e))
	case core.OutEnd:
		n.ended = n.ended || e.Why != core.EndError // an application goes on with the view that it has
		s.digest.text(out.Text(e))
		s.rec.End(s.now, id, e.Why, out.Text(e), s.cause)
		if e.Why == core.EndShutdown {
			s.exit(id)
		}
	case core.OutSend, core.OutSetTimer, core.OutCancelTimer, core.OutUsed:
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// panicked records a node's panic, modelled or real. The process stands; nothing moves in it any more.
func (s *Simulator) panicked(id int, text string) {
	s.stepping = nobody
	s.nodes[id].mute = true
	s.digest.word(uint64(core.OutPanic))
	s.digest.text(text)
	s.rec.Panic(s.now, id, text, s.cause)
	s.cause = 0
}

// send puts a message on its way to one node.
func (s *Simulator) send(id int, n *node, e *core.Effect, out *core.Effects) {
	to := int(e.Peer)
	place := n.sends - s.base
	if to < 0 || to >= s.world || to == id || place >= 1<<(32-toBits) {
		// No network could carry it: the machine's own invariant is broken.
		s.panicked(id, fmt.Sprintf("node %d sends to %d in a world of %d, message %d of its step", id, to, s.world, place+1))
		return
	}
	l := out.MessageIndex(e)
	for len(s.letters) <= l {
		s.letters = append(s.letters, -1)
	}
	if s.letters[l] < 0 {
		s.letters[l] = s.letter(id, out.Message(e))
	}
	n.sends++
	s.messages++
	s.digest.word(uint64(core.OutSend) | uint64(uint32(to))<<8 | uint64(l)<<40)
	at := s.letters[l]
	sl := &s.slots[at]
	m := &sl.msg
	key := s.counters.key(domainPacket, uint8(m.Kind), id, to, uint32(m.Epoch))
	b := uint32(to) | uint32(place)<<toBits
	line := s.cause
	if s.observed {
		line = s.rec.Send(s.now, id, to, s.idOf(&entry{a: uint32(at), b: b}), m, s.cause)
	}
	why := netsim.Delivered
	if t, plain := s.net.Plain(s.now, id, to, key); plain {
		sl.refs++
		s.queue.push(t, classDeliver, uint32(at), b)
	} else {
		why = s.sendAnyhow(id, to, key, entry{a: uint32(at), b: b})
	}
	if e.Op != 0 {
		s.answerSend(id, e.Op, why)
	}
	if m.Kind != core.Heartbeat {
		s.reach.sent(s, id, to, m)
	}
	if s.watch.sends > 0 {
		s.watchSend(id, to, m, line)
	}
}

// sendAnyhow sends a packet that something may happen to.
func (s *Simulator) sendAnyhow(id, to int, key netsim.Key, e entry) netsim.Why {
	f := s.net.Send(s.now, id, to, key)
	for _, t := range f.Arrivals() {
		s.slots[e.a].refs++
		s.queue.push(t, classDeliver, e.a, e.b)
	}
	if f.Why != netsim.Delivered {
		s.unsent(f.Why, e, id, to)
	}
	return f.Why
}

// letter gives a message of the current step a slot.
func (s *Simulator) letter(id int, m *core.Message) int32 {
	var at uint32
	if k := len(s.free); k > 0 {
		at = s.free[k-1]
		s.free = s.free[:k-1]
	} else {
		at = uint32(len(s.slots))
		s.slots = append(s.slots, slot{})
	}
	sl := &s.slots[at]
	sl.msg = *m
	sl.from, sl.refs, sl.sent, sl.base = int32(id), 1, s.now, s.base // the step itself holds it
	s.digest.message(m)
	return int32(at)
}

// unsent handles a packet that does not arrive by itself.
func (s *Simulator) unsent(why netsim.Why, e entry, from, to int) {
	s.slots[e.a].refs++
	if why == netsim.Held {
		s.hold(&e, from, to)
		return
	}
	s.lose(&e, why)
}

// answerSend tells a machine how a send with an Op has ended: at once, as a local send does.
func (s *Simulator) answerSend(id int, op uint32, why netsim.Why) {
	in := core.Input{Kind: core.InSent, ID: uint64(op)}
	switch {
	case why == netsim.DropClosed:
		in.Err = "connection closed"
	case s.act == 0 && op < math.MaxUint32:
		s.queue.push(s.now, classInput, uint32(id), op+1) // the common case holds nothing that would have to be kept
		return
	}
	s.giveInput(id, in)
}
