package explore

import (
	"nexarsim/core"
)

// do says what an act is.
type do uint8

const (
	doDeliver do = iota + 1
	doWake
	doAnswer
	doSuspect
	doTrust
	doTell
	doClose
	doTimer
	// From here on the environment does what it need not do.
	doEarly
	doCrash
	doAccuse
	doPartition
	doHeal
	doLose
	doDuplicate
)

// act is one step that a state allows.
type act struct {
	do   do
	node uint8  // who takes the step, crashes, or has sent the mail
	peer uint8  // whom it concerns; doPartition: one side
	at   uint16 // a mail's place in its outbox; doCrash: how many mails survive
	what uint32 // mail, timer or wake; doCrash with Config.LinkTails: how many mails of each link survive
}

func (a *act) free() bool { return a.do < doEarly }

// quiet tells whether nothing but timers is left, and nothing that the environment will do some time.
func (w *world) quiet(s *State) bool {
	for _, a := range w.enabled(s) {
		if a.free() && a.do != doTimer {
			return false
		}
	}
	return true
}

// enabled lists the steps that a state allows. It is valid until the next call.
func (w *world) enabled(s *State) []act {
	if w.hasActs && w.actsFor == *s {
		return w.acts
	}
	w.actsFor, w.hasActs = *s, true
	w.acts = w.acts[:0]
	w.deliveries(s)
	w.internal(s)
	w.suspicions(s)
	w.closes(s)
	w.tells(s)
	busy := len(w.acts) > 0
	w.withdrawals(s)
	w.timers(s, busy)
	w.faults(s)
	return w.acts
}

func (w *world) add(a act) { w.acts = append(w.acts, a) }

// alive tells whether a node takes steps.
func (w *world) alive(s *State, node int) bool {
	return s.dead>>node&1 == 0 && !w.cells.at(s.cells[node]).of.still
}

// eachMail visits the mails in flight; of equal ones that stand together the first.
func (w *world) eachMail(s *State, visit func(from, at int, number uint32, to int)) {
	for p := range w.cfg.World {
		if s.boxes[p] == w.empty {
			continue
		}
		box := w.boxes.at(s.boxes[p]).of
		for at, number := range box {
			if at > 0 && box[at-1] == number {
				continue
			}
			visit(p, at, number, int(w.mails.at(number).of.to))
		}
	}
}

func (w *world) deliveries(s *State) {
	w.eachMail(s, func(from, at int, number uint32, to int) {
		if w.alive(s, to) && !s.apart(from, to) {
			w.add(act{do: doDeliver, node: uint8(from), peer: uint8(to), at: uint16(at), what: number})
		}
	})
}

// internal lists what nodes have asked for themselves.
func (w *world) internal(s *State) {
	for i := range w.cfg.World {
		if !w.alive(s, i) {
			continue
		}
		c := w.cells.at(s.cells[i]).of
		if len(c.answers) > 0 {
			w.add(act{do: doAnswer, node: uint8(i), what: c.answers[0]})
		}
		for _, id := range c.wakes {
			w.add(act{do: doWake, node: uint8(i), what: id})
		}
	}
}

// certain tells whether a node will come to suspect another: it has crashed, or the partition hides it.
func (s *State) certain(node, peer int) bool { return s.dead>>peer&1 != 0 || s.apart(node, peer) }

func (w *world) suspicions(s *State) {
	if s.dead == 0 && s.split == 0 {
		return
	}
	for i := range w.cfg.World {
		for q := range w.cfg.World {
			if i != q && w.alive(s, i) && s.certain(i, q) && w.step(s.cells[i], giveSuspect|input(q)).changed {
				w.add(act{do: doSuspect, node: uint8(i), peer: uint8(q)})
			}
		}
	}
}

// closes lists who may learn that a connection has ended: with a crash, for want of signs of life during a partition, or
// because the peer has closed it.
func (w *world) closes(s *State) {
	if !w.streams || s.dead == 0 && s.split == 0 && s.partitions == w.initial.partitions {
		return
	}
	for i := range w.cfg.World {
		for q := range w.cfg.World {
			if i == q || !w.alive(s, i) || w.cells.at(s.cells[i]).of.closed>>q&1 != 0 {
				continue
			}
			if s.certain(i, q) || w.cells.at(s.cells[q]).of.closed>>i&1 != 0 {
				w.add(act{do: doClose, node: uint8(i), peer: uint8(q)})
			}
		}
	}
}

func (w *world) withdrawals(s *State) {
	if w.streams || w.cfg.accurate() {
		return
	}
	for i := range w.cfg.World {
		for q := range w.cfg.World {
			if i != q && w.alive(s, i) && !s.certain(i, q) && w.step(s.cells[i], giveTrust|input(q)).changed {
				w.add(act{do: doTrust, node: uint8(i), peer: uint8(q)})
			}
		}
	}
}

// tells lists whom a heartbeat would bring a decision that it lacks, and from whom, unless it is on its way already.
func (w *world) tells(s *State) {
	if w.streams || !w.differ(s) {
		return
	}
	for i := range w.cfg.World {
		c := w.cells.at(s.cells[i]).of
		if !w.alive(s, i) || c.ended || w.informed(s, i, c.epoch) {
			continue
		}
		for p := range w.cfg.World {
			if i == p || !w.alive(s, p) || s.apart(i, p) || c.members>>p&1 == 0 {
				continue
			}
			if question := w.question(s.cells[i], p); len(w.step(s.cells[p], giveDeliver|input(question)).sends) > 0 {
				w.add(act{do: doTell, node: uint8(i), peer: uint8(p), what: question})
			}
		}
	}
}

// differ tells whether some live node may know more than another.
func (w *world) differ(s *State) bool {
	first := -1
	for i := range w.cfg.World {
		if s.dead>>i&1 != 0 {
			continue
		}
		c := w.cells.at(s.cells[i]).of
		if c.ended || first >= 0 && c.epoch != w.cells.at(s.cells[first]).of.epoch {
			return true
		}
		first = i
	}
	return false
}

// informed tells whether the decision that ends an epoch is on its way to a node.
func (w *world) informed(s *State, node int, epoch core.Epoch) bool {
	for p := range w.cfg.World {
		for _, number := range w.boxes.at(s.boxes[p]).of {
			m := w.mails.at(number).of
			if int(m.to) == node && m.msg.Kind == core.Commit && m.msg.Epoch == epoch {
				return true
			}
		}
	}
	return false
}

// question is the heartbeat of a node to another.
func (w *world) question(number uint32, to int) uint32 {
	c := w.cells.at(number).of
	m := core.Message{Kind: core.Heartbeat, Group: w.group, Epoch: c.epoch, Ballot: core.NoBallot, Num: 1}
	return w.numberMail(c.node, uint8(to), &m, origin{how: byQuestion, of: number, nth: uint8(to)})
}

func (w *world) timers(s *State, busy bool) {
	d := doTimer
	if busy {
		if s.early == 0 {
			return
		}
		d = doEarly
	}
	for i := range w.cfg.World {
		if !w.alive(s, i) {
			continue
		}
		c := w.cells.at(s.cells[i]).of
		for id := range uint32(core.MaxTimers) {
			if (c.armed&^c.lasts)>>id&1 != 0 {
				w.add(act{do: d, node: uint8(i), what: id})
			}
		}
	}
}

func (w *world) faults(s *State) {
	all := uint8(1<<w.cfg.World - 1)
	live := all &^ s.dead
	for i := range w.cfg.World {
		if s.crashes == 0 || live>>i&1 == 0 {
			continue
		}
		if w.cfg.LinkTails {
			w.linkCrashes(s, i)
			continue
		}
		for kept := len(w.boxes.at(s.boxes[i]).of); kept >= 0; kept-- {
			w.add(act{do: doCrash, node: uint8(i), at: uint16(kept)})
		}
	}
	if s.suspicions > 0 {
		w.accusations(s)
	}
	if s.partitions > 0 {
		lowest := live & -live
		for side := (live &^ lowest); side != 0; side = (side - 1) & (live &^ lowest) {
			w.add(act{do: doPartition, peer: side})
		}
	}
	if s.split != 0 {
		w.add(act{do: doHeal})
	}
	w.eachMail(s, func(from, at int, number uint32, to int) {
		a := act{node: uint8(from), peer: uint8(to), at: uint16(at), what: number}
		if s.losses > 0 {
			a.do = doLose
			w.add(a)
		}
		if s.duplicates > 0 && w.alive(s, to) {
			a.do = doDuplicate
			w.add(a)
		}
	})
}

func (w *world) accusations(s *State) {
	for i := range w.cfg.World {
		for q := range w.cfg.World {
			if i != q && w.alive(s, i) && !s.certain(i, q) && w.step(s.cells[i], giveSuspect|input(q)).changed {
				w.add(act{do: doAccuse, node: uint8(i), peer: uint8(q)})
			}
		}
	}
}

// apply takes a step.
func (w *world) apply(s *State, a act) (progress bool, seen uint32) {
	node, peer := int(a.node), int(a.peer)
	changed := node
	switch a.do {
	case doDeliver, doDuplicate, doLose:
		changed = peer
		if a.do != doDuplicate {
			w.remove(s, node, int(a.at))
		} else {
			s.duplicates--
		}
		if a.do == doLose {
			s.losses--
		} else {
			progress, seen = w.take(s, peer, giveDeliver|input(a.what))
		}
	case doWake:
		progress, seen = w.take(s, node, giveWake|input(a.what))
	case doAnswer:
		progress, seen = w.take(s, node, giveSent|input(a.what)&inputPayload)
	case doSuspect, doAccuse:
		if a.do == doAccuse {
			s.suspicions--
		}
		progress, seen = w.take(s, node, giveSuspect|input(a.peer))
	case doClose:
		progress, seen = w.take(s, node, giveClosed|input(a.peer))
	case doTrust:
		progress, seen = w.take(s, node, giveTrust|input(a.peer))
		seen |= probeWithdrawn
	case doTell:
		changed = peer
		progress, seen = w.take(s, peer, giveDeliver|input(a.what))
		seen |= probeTell
	case doTimer, doEarly:
		if a.do == doEarly {
			s.early--
		}
		progress, seen = w.take(s, node, giveTimer|input(a.what))
	case doCrash:
		changed = -1
		w.crash(s, &a)
	case doPartition:
		changed = -1
		s.partitions--
		s.split, s.side = uint8(1<<w.cfg.World-1)&^s.dead, a.peer
		s.verdict = w.judgePartition(s.verdict, s.split, s.side, false)
	case doHeal:
		s.verdict = w.judgePartition(s.verdict, s.split, s.side, true)
		s.split, s.side = 0, 0
	}
	w.tidy(s, changed)
	if !w.cfg.Plain.KeepRounds {
		w.lowered = w.lower(s)
	}
	return progress, seen
}

func (w *world) remove(s *State, node, at int) {
	box := w.boxes.at(s.boxes[node]).of
	w.box = append(append(w.box[:0], box[:at]...), box[at+1:]...)
	s.boxes[node] = w.numberBox(w.box)
}

// crash ends a node. Of what it has in flight only the first mails survive.
func (w *world) crash(s *State, a *act) {
	node := int(a.node)
	s.crashes--
	s.dead |= 1 << node
	s.cells[node] = w.nobody
	switch box := w.boxes.at(s.boxes[node]).of; {
	case w.cfg.LinkTails:
		s.boxes[node] = w.numberBox(w.surviving(box, a.what))
	case int(a.at) < len(box):
		s.boxes[node] = w.numberBox(box[:a.at])
	}
	s.verdict = w.judgeCrash(s.verdict, node)
}
