package sim

import (
	"fmt"

	"nexarsim/core"
	"nexarsim/netsim"
)

// nobody is the node of a step of the environment.
const nobody = -1

// loop handles what is due until the run ends; true when it has. A panic of a machine is caught here, once for the whole
// loop rather than at each step, and recorded as that node's.
func (s *Simulator) loop() (done bool) {
	defer func() {
		if s.stepping == nobody {
			return
		}
		if p := recover(); p != nil {
			id := s.stepping
			s.stepping = nobody
			if s.in.Kind == core.InDeliver {
				s.cause = s.rec.Deliver(s.now, id, int(s.in.From), s.in.ID, &s.in.Msg, s.nodes[id].epoch, false)
			}
			s.panicked(id, fmt.Sprint(p))
			done = false
		}
	}()
	s.begin()
	for !s.over {
		e, ok := s.queue.pop()
		if !ok || e.at > s.end {
			break
		}
		s.now = e.at
		s.handle(&e)
	}
	return true
}

func (s *Simulator) handle(e *entry) {
	switch e.class() {
	case classDeliver:
		s.arrive(e)
	case classTimer:
		s.timerDue(e)
	case classAct:
		s.actDue(int(e.a), e.b == 1)
	case classIdle:
		s.idleDue(e)
	case classReopen:
		s.reopenDue(int(e.a), int(e.b))
	case classClose:
		s.closeDue(e)
	case classInput:
		s.inputDue(e)
	case classWake:
		s.wakeDue(e)
	case classParked:
		s.parkedDue(e)
	case classLoad:
		s.loadDue(e)
	case classCount:
	}
}

// postpone keeps for the resume what is due at a paused node.
func (s *Simulator) postpone(id int, e *entry) bool {
	n := &s.nodes[id]
	if n.pauses == 0 {
		return false
	}
	n.missed = append(n.missed, *e)
	return true
}

// parkedDue hands a resumed node what it had missed.
func (s *Simulator) parkedDue(e *entry) {
	missed := s.parked[e.a]
	switch missed.class() {
	case classDeliver:
		s.receive(&missed)
	case classTimer:
		s.timerDue(&missed)
	case classClose:
		s.closeDue(&missed)
	case classInput:
		s.inputDue(&missed)
	case classWake:
		s.wakeDue(&missed)
	case classIdle:
		s.idleDue(&missed)
	case classLoad:
		s.loadDue(&missed)
	case classAct, classReopen, classParked, classCount:
	}
}

func (s *Simulator) timerDue(e *entry) {
	id, t := int(e.a), core.TimerID(e.b&(1<<timerBits-1))
	n := &s.nodes[id]
	tm := &n.timers[t]
	if tm.gen != e.b>>timerBits {
		return
	}
	tm.queued = false
	if !tm.armed || n.down() {
		return
	}
	if tm.ord != e.ord {
		s.queueTimer(id, t)
		return
	}
	if s.postpone(id, e) {
		return
	}
	tm.armed = false
	s.in.Kind, s.in.Timer = core.InTimer, t
	s.step(id)
}

func (s *Simulator) wakeDue(e *entry) {
	id := int(e.a)
	if s.nodes[id].down() || s.postpone(id, e) {
		return
	}
	s.in.Kind, s.in.ID = core.InWake, uint64(e.b)
	s.step(id)
}

// pendingInput is an input that an act has left for a node's next step.
type pendingInput struct {
	node  int
	cause uint64
	in    core.Input
}

func (s *Simulator) giveInput(id int, in core.Input) {
	s.inputs = append(s.inputs, pendingInput{node: id, cause: s.act, in: in})
	s.queue.push(s.now, classInput, uint32(len(s.inputs)-1), 0)
}

// giveInputAt is giveInput at a later instant.
func (s *Simulator) giveInputAt(at int64, id int, in core.Input) {
	s.inputs = append(s.inputs, pendingInput{node: id, cause: s.act, in: in})
	s.queue.push(at, classInput, uint32(len(s.inputs)-1), 0)
}

func (s *Simulator) inputDue(e *entry) {
	if e.b != 0 {
		s.sentDue(e)
		return
	}
	p := &s.inputs[e.a]
	if s.nodes[p.node].down() || s.postpone(p.node, e) {
		return
	}
	s.in = p.in
	s.in.Value = s.brings(p.node, p.in.Call)
	s.cause = p.cause
	s.step(p.node)
}

// sentDue tells a machine that a send has ended well.
func (s *Simulator) sentDue(e *entry) {
	id := int(e.a)
	if s.nodes[id].down() || s.postpone(id, e) {
		return
	}
	s.in = core.Input{Kind: core.InSent, ID: uint64(e.b - 1)}
	s.step(id)
}

// arrive asks the network about a packet that is due, and hands it over.
func (s *Simulator) arrive(e *entry) {
	sl := &s.slots[e.a]
	to := int(e.b & (1<<toBits - 1))
	if s.nodes[to].gone {
		s.lose(e, netsim.DropGone)
		return
	}
	switch why := s.net.Arrive(sl.sent, int(sl.from), to); why {
	case netsim.Delivered:
	case netsim.Held:
		s.hold(e, int(sl.from), to)
		return
	default:
		s.lose(e, why)
		return
	}
	if !s.postpone(to, e) {
		s.receive(e)
	}
}

// receive gives a node a message.
func (s *Simulator) receive(e *entry) {
	sl := &s.slots[e.a]
	to := int(e.b & (1<<toBits - 1))
	if s.nodes[to].gone {
		s.lose(e, netsim.DropGone)
		return
	}
	if s.nodes[to].pauses > 0 {
		s.nodes[to].missed = append(s.nodes[to].missed, *e)
		return
	}
	if s.nodes[to].mute {
		s.release(e.a)
		return
	}
	s.in.Kind, s.in.From, s.in.ID = core.InDeliver, core.NodeID(sl.from), s.idOf(e)
	s.in.Msg = sl.msg // a statement of its own: among others it would be copied twice
	s.step(to)
	s.in.ID = 0
	s.release(e.a)
}

// lose ends a packet's way.
func (s *Simulator) lose(e *entry, why netsim.Why) {
	s.rec.Drop(s.now, s.idOf(e), string(why))
	s.release(e.a)
}
