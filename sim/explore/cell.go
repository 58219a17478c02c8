package explore

import (
	"encoding/binary"
	"fmt"
	"slices"

	"nexarsim/core"
)

// A cell is what one node is in: its machine, and what its driver keeps for it.
type cell struct {
	m       core.Machine // nil for a crashed node
	node    uint8
	epoch   core.Epoch
	members uint8 // of its view
	armed   uint16
	lasts   uint16 // timers of those that must not fire in place of others
	closed  uint8  // peers whose connection has ended, where messages travel on streams
	ended   bool
	still   bool     // nothing moves in it any more: it has panicked, or ended where all that is explored ends with it
	wakes   []uint32 // ascending
	answers []uint32 // the ops of sends that asked for an answer, in their order
	by      origin
}

// An expert is a machine that tells what a driver can leave out. Machines need not be any.
type expert interface {
	Spent(from core.NodeID, m *core.Message) (spent, answered bool)
	Supersedes(newer, older *core.Message) bool
}

// A keeper is a machine that knows timers which must not fire in place of others.
type keeper interface {
	TimerLasts(core.TimerID) bool
}

// A namer is a machine that names its timers.
type namer interface {
	TimerName(core.TimerID) string
}

func (c *cell) append(buf []byte) []byte {
	if c.m == nil {
		return buf
	}
	flags := byte(0)
	if c.ended {
		flags |= 1
	}
	if c.still {
		flags |= 2
	}
	buf = append(buf, c.node, flags, c.members, c.closed)
	buf = binary.AppendUvarint(buf, uint64(c.epoch))
	if c.still {
		return buf
	}
	buf = binary.LittleEndian.AppendUint16(buf, c.armed)
	buf = append(buf, byte(len(c.wakes)), byte(len(c.answers)))
	for _, w := range c.wakes {
		buf = binary.LittleEndian.AppendUint32(buf, w)
	}
	for _, op := range c.answers {
		buf = binary.LittleEndian.AppendUint32(buf, op)
	}
	return c.m.AppendState(buf)
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// An input is one of core's, in one word.
type input uint32

const (
	inputBits          = 28
	giveDeliver  input = 0 << inputBits // the mail
	giveTimer    input = 1 << inputBits
	giveSuspect  input = 2 << inputBits // the peer
	giveTrust    input = 3 << inputBits
	giveWake     input = 4 << inputBits // the wake's id
	giveSent     input = 5 << inputBits // the first answer that is due
	giveStart    input = 6 << inputBits
	giveClosed   input = 7 << inputBits // the peer
	inputPayload input = 1<<inputBits - 1
	inputKind          = ^inputPayload
)

// outcome is what a cell makes of an input.
type outcome struct {
	cell  uint32
	from  uint32 // the cell before
	in    input
	sends []uint32 // mails
	asks  []uint32 // per send: the op to be answered, 0 for none; nil if all are 0
	seen  uint32
	lines uint32 // that the judge sees, if any

	changed  bool // something came of it
	visible  bool // the judge sees it
	progress bool
	held     bool // to what comes of it under other names
}

// step works out what a cell makes of an input, once.
func (w *world) step(c uint32, in input) *outcome {
	key := pair(c, uint32(in))
	i, ok := w.steps.get(key)
	if !ok {
		o := w.workOutOnce(key, c, in)
		i = uint32(len(w.outcomes))
		w.steps.put(key, i)
		w.outcomes = append(w.outcomes, o)
	}
	if w.sym != nil && !w.outcomes[i].held && w.holding() {
		w.outcomes[i].held = true
		w.holdStep(w.outcomes[i])
	}
	return &w.outcomes[i]
}

// workOutOnce takes over what another worker has worked out, if nodes are not folded: each worker holds what it does itself
// to what comes of it under other names.
func (w *world) workOutOnce(key uint64, number uint32, in input) outcome {
	if w.sym != nil {
		return w.workOut(number, in)
	}
	o, known := w.stepped.get(key)
	if !known {
		o = w.workOut(number, in)
		w.stepped.put(key, o)
	}
	return o
}

func (w *world) workOut(number uint32, in input) outcome {
	before := w.cells.at(number).of
	after := *before
	after.wakes = slices.Clone(before.wakes)
	after.answers = slices.Clone(before.answers)
	after.by = origin{how: byStep, of: number, in: in}
	o := outcome{from: number, in: in}
	w.finish(&after, &o)
	if o.visible {
		o.lines = w.numberLines(before, after.by)
	}
	o.changed = o.cell != number || len(o.sends) > 0 || o.visible
	return o
}

// finish takes the step of an outcome.
func (w *world) finish(c *cell, o *outcome) {
	w.run(c, o.in)
	switch payload := o.in & inputPayload; o.in & inputKind {
	case giveTimer:
		c.armed &^= 1 << payload
	case giveWake:
		if i := slices.Index(c.wakes, uint32(payload)); i >= 0 {
			c.wakes = slices.Delete(c.wakes, i, i+1)
		}
	case giveSent:
		c.answers = c.answers[1:]
	case giveClosed:
		c.closed |= 1 << payload
		o.seen |= probeClosed
	}
	w.perform(c, o)
	if c.still && w.cfg.Partitions == 0 {
		c.closed = 0 // its peers ask whom it has left only after a partition
	}
	o.cell = w.numberCell(c)
}

func (w *world) numberCell(c *cell) uint32 {
	w.buf = c.append(w.buf[:0])
	return w.cells.number(w.buf, func() *cell { kept := *c; return &kept })
}

// run gives a copy of a cell's machine an input.
func (w *world) run(c *cell, in input) {
	w.input(c, in)
	c.m = c.m.Clone()
	w.drive(c.m, int(c.node))
}

// drive gives a node's machine the input in w.in; the effects are in w.effects, and a panic that ends them in w.failure: what
// was thrown in it, or an effect that no driver could perform.
func (w *world) drive(m core.Machine, node int) {
	w.out.Reset()
	w.effects, w.failure = nil, ""
	defer func() {
		if p := recover(); p != nil {
			w.effects, w.failure = nil, fmt.Sprint(p)
		}
	}()
	m.Step(0, &w.in, &w.out)
	w.effects = w.out.List()
	for i := range w.effects {
		if w.failure = w.impossible(node, &w.effects[i]); w.failure != "" {
			w.effects = w.effects[:i]
			return
		}
	}
}

// impossible says why an effect cannot be performed; empty if it can.
func (w *world) impossible(node int, e *core.Effect) string {
	switch e.Kind {
	case core.OutSend:
		if e.Peer < 0 || int(e.Peer) >= w.cfg.World || e.Peer == core.NodeID(node) {
			return fmt.Sprintf("node %d sends to %d in a world of %d", node, e.Peer, w.cfg.World)
		}
	case core.OutSetTimer, core.OutCancelTimer:
		if e.Timer >= core.MaxTimers {
			return fmt.Sprintf("timer %d: a machine has timers 0 to %d", e.Timer, core.MaxTimers-1)
		}
	case core.OutWake:
		if input(e.Op) > inputPayload {
			return fmt.Sprintf("wake %d: explore takes 0 to %d", e.Op, inputPayload)
		}
	}
	return ""
}

func (w *world) input(c *cell, in input) {
	w.in = core.Input{}
	payload := in & inputPayload
	switch in & inputKind {
	case giveDeliver:
		m := w.mails.at(uint32(payload)).of
		w.in = core.Input{Kind: core.InDeliver, From: core.NodeID(m.from), Msg: m.msg}
	case giveTimer:
		w.in = core.Input{Kind: core.InTimer, Timer: core.TimerID(payload)}
	case giveSuspect:
		w.in = core.Input{Kind: core.InSuspect, Peer: core.NodeID(payload)}
	case giveTrust:
		w.in = core.Input{Kind: core.InTrust, Peer: core.NodeID(payload)}
	case giveWake:
		w.in = core.Input{Kind: core.InWake, ID: uint64(payload)}
	case giveSent:
		w.in = core.Input{Kind: core.InSent, ID: uint64(c.answers[0])}
	case giveStart:
		w.in = core.Input{Kind: core.InStart}
	case giveClosed:
		w.in = core.Input{Kind: core.InClosed, Peer: core.NodeID(payload)}
	}
}

// perform does to a cell what its machine asks for, and notes what concerns others.
func (w *world) perform(c *cell, o *outcome) {
	for i := range w.effects {
		e := &w.effects[i]
		switch e.Kind {
		case core.OutSend:
			w.performSend(c, e, o)
		case core.OutSetTimer:
			setTimer(c, e.Timer)
		case core.OutCancelTimer:
			c.armed &^= 1 << e.Timer
		case core.OutWake:
			setWake(c, e.Op)
		case core.OutUsed:
			o.visible, o.progress = true, true
			if _, _, late := w.out.Late(e); late {
				o.seen |= probeLate
			}
		case core.OutBelieve:
			o.visible = true
		case core.OutInstall:
			v := w.out.Install(e).View
			c.epoch, c.members = v.Epoch, bitsOf(v.Set())
			o.visible, o.progress = true, true
			o.seen |= probeInstall
		case core.OutEvent:
			o.visible = true
			o.seen |= probeOf(w.out.Event(e).Kind)
		case core.OutPanic:
			o.visible, c.still = true, true
			o.seen |= probePanic
		case core.OutEnd:
			o.visible, c.ended = true, true
			c.still = c.still || w.streams && !w.cfg.Plain.KeepSpent
			o.seen |= probeOfEnd(w.out.Text(e))
		case core.OutDone:
		}
	}
	if w.failure != "" {
		o.visible, c.still = true, true
	}
}

func (w *world) performSend(c *cell, e *core.Effect, o *outcome) {
	m := w.out.Message(e)
	by := c.by
	by.nth = uint8(len(o.sends))
	o.sends = append(o.sends, w.numberMail(c.node, uint8(e.Peer), m, by))
	if e.Op != 0 && o.asks == nil {
		o.asks = make([]uint32, len(o.sends)-1)
	}
	if o.asks != nil {
		o.asks = append(o.asks, e.Op)
	}
	o.seen |= probeOfSend(c, m)
}

func setTimer(c *cell, id core.TimerID) {
	c.armed |= 1 << id
	if k, ok := c.m.(keeper); ok && k.TimerLasts(id) {
		c.lasts |= 1 << id
	}
}

// setWake asks for a wake; one that is pending already is the same.
func setWake(c *cell, id uint32) {
	if i, found := slices.BinarySearch(c.wakes, id); !found {
		c.wakes = slices.Insert(c.wakes, i, id)
	}
}

func bitsOf(s core.NodeSet) (set uint8) {
	for id := s.First(); id != core.NoNode; id = s.Next(id) {
		set |= 1 << id
	}
	return set
}
