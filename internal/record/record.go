// Package record is the one translation from what a machine is given and does to the lines of a trace. Both drivers, the
// simulator and the real network, use it, so that a judge cannot tell their histories apart. It judges nothing and
// writes no file: each line goes to a sink.
//
//	r := record.New(world, names, sink)
//	cause := r.Deliver(t, node, from, id, msg, epoch, used)
//	r.Effects(...)
package record

import (
	"nexarsim/checker/trace"
	"nexarsim/core"
)

// Sink takes the lines in their order. The event and what it points to are reused after it returns.
type Sink func(*trace.Event)

// Recorder numbers the lines of one run and knows what caused what. With full off it leaves out the lines that no verdict
// rests on: sends, drops, and deliveries that were not used.
type Recorder struct {
	sink  Sink
	full  bool
	names func(core.Kind) string
	named [1 << 8]string // what names has said of each kind; "": it was not asked

	seq  uint64
	sent map[uint64]uint64 // message id to the line of its send; full only

	ev   trace.Event
	got  trace.Event // a delivery: most lines of a run are, and use a few fields of many
	msg  trace.Message
	view trace.View
	note trace.Notice
	act  trace.Act

	call  trace.Operation
	calls []caller // by node, as far as one has called
}

// New makes a recorder.
func New() *Recorder { return &Recorder{} }

// Reset begins a new run.
func (r *Recorder) Reset(sink Sink, full bool, names func(core.Kind) string) {
	r.sink, r.full, r.names, r.seq = sink, full, names, 0
	r.named = [1 << 8]string{}
	r.sent, r.calls = nil, r.calls[:0]
	if full {
		r.sent = make(map[uint64]uint64)
	}
}

// ResetPart begins the record of one node of a real run, all lines of it. What caused a delivery stands in another node's
// file: whoever merges them adds it.
func (r *Recorder) ResetPart(sink Sink, names func(core.Kind) string) {
	r.Reset(sink, false, names)
	r.full = true
}

// Full tells whether all lines are wanted.
func (r *Recorder) Full() bool { return r.full }

// emit numbers a line and passes it on.
func (r *Recorder) emit(t int64, node int, kind trace.Kind, cause uint64) uint64 {
	r.seq++
	r.ev.Seq, r.ev.Cause, r.ev.T, r.ev.Node, r.ev.Kind = r.seq, cause, t, node, kind
	r.sink(&r.ev)
	r.ev = trace.Event{}
	return r.seq
}

// Crash, pause and resume of one node.

// Crash records a death.
func (r *Recorder) Crash(t int64, node int, silent bool, cause uint64) uint64 {
	r.ev.Silent = silent
	return r.emit(t, node, trace.Crash, cause)
}

// Pause records that a node stops running.
func (r *Recorder) Pause(t int64, node int, cause uint64) uint64 {
	return r.emit(t, node, trace.Pause, cause)
}

// Resume records that it runs again.
func (r *Recorder) Resume(t int64, node int, cause uint64) uint64 {
	return r.emit(t, node, trace.Resume, cause)
}

// Busy records that a node took n steps within one heartbeat interval.
func (r *Recorder) Busy(t int64, node int, n uint64) uint64 {
	r.ev.N = n
	return r.emit(t, node, trace.Busy, 0)
}

// Act records the beginning or the end of an act that names no single node.
func (r *Recorder) Act(t int64, kind trace.Kind, act trace.Act, cause uint64) uint64 {
	r.act = act
	r.ev.Act = &r.act
	return r.emit(t, -1, kind, cause)
}

// Send records a message on its way.
func (r *Recorder) Send(t int64, node, to int, id uint64, m *core.Message, cause uint64) uint64 {
	if !r.full {
		return 0
	}
	r.ev.To, r.ev.ID, r.ev.Msg = to, id, r.message(m)
	seq := r.emit(t, node, trace.Send, cause)
	if r.sent != nil {
		r.sent[id] = seq
	}
	return seq
}

// Deliver records an arrival; epoch is the receiver's before the step.
func (r *Recorder) Deliver(t int64, node, from int, id uint64, m *core.Message, epoch core.Epoch, used bool) uint64 {
	if !r.full && !used {
		return 0
	}
	return r.delivery(t, node, from, id, m, epoch, used, false)
}

func (r *Recorder) delivery(t int64, node, from int, id uint64, m *core.Message, epoch core.Epoch, used, late bool) uint64 {
	r.seq++
	e := &r.got
	e.Seq, e.T, e.Node, e.Kind, e.Cause = r.seq, t, node, trace.Deliver, 0
	if r.sent != nil {
		e.Cause = r.sent[id]
	}
	e.From, e.ID, e.Epoch, e.Used, e.Late, e.Msg = from, id, uint64(epoch), used, late, r.message(m)
	r.sink(e)
	return r.seq
}

// Passed numbers a line that nobody has to read, and writes none: its number is the cause of what follows all the same.
func (r *Recorder) Passed() uint64 {
	r.seq++
	return r.seq
}

// Late records that a message counts which arrived in an earlier step.
func (r *Recorder) Late(t int64, node, from int, id uint64, m *core.Message, epoch core.Epoch) uint64 {
	return r.delivery(t, node, from, id, m, epoch, true, true)
}

// Drop records that a message, or a copy of it, will not arrive.
func (r *Recorder) Drop(t int64, id uint64, why string) {
	if r.full {
		r.ev.ID, r.ev.Why = id, why
		r.emit(t, -1, trace.Drop, r.sent[id])
	}
}

// Believe records a change of a node's belief.
func (r *Recorder) Believe(t int64, node, peer int, suspected bool, cause uint64) uint64 {
	kind := trace.Trust
	if suspected {
		kind = trace.Suspect
	}
	r.ev.Peer = peer
	return r.emit(t, node, kind, cause)
}

// Install records a new view.
func (r *Recorder) Install(t int64, node int, i *core.Install, cause uint64) uint64 {
	v := &i.View
	r.view = trace.View{
		Epoch: uint64(v.Epoch), Rank: int(v.Rank(core.NodeID(node))), World: v.World(), CommID: v.CommID,
		Members: r.view.Members[:0], Dead: appendSet(r.view.Dead[:0], i.Dead),
	}
	for _, id := range v.Members() {
		r.view.Members = append(r.view.Members, int(id))
	}
	r.ev.Install = &r.view
	return r.emit(t, node, trace.Install, cause)
}

// Event records what the application was told.
func (r *Recorder) Event(t int64, node int, e *core.Event, cause uint64) uint64 {
	r.note = trace.Notice{
		Kind: e.Kind.String(), Epoch: uint64(e.Epoch), OldRank: int(e.OldRank), NewRank: int(e.NewRank),
		NewWorldSize: e.NewWorldSize, DeadRanks: r.note.DeadRanks[:0],
	}
	for _, rank := range e.DeadRanks {
		r.note.DeadRanks = append(r.note.DeadRanks, int(rank))
	}
	r.ev.Told = &r.note
	return r.emit(t, node, trace.Told, cause)
}

// End records that an orchestrator ended.
func (r *Recorder) End(t int64, node int, why core.EndWhy, text string, cause uint64) uint64 {
	r.ev.Why, r.ev.Error = why.String(), text
	return r.emit(t, node, trace.End, cause)
}

// Panic records a panic, modelled or real.
func (r *Recorder) Panic(t int64, node int, text string, cause uint64) uint64 {
	r.ev.Error = text
	return r.emit(t, node, trace.Panic, cause)
}

// Input records the n-th input of a node, encoded by EncodeInput.
func (r *Recorder) Input(t int64, node int, n uint64, in []byte) uint64 {
	r.ev.N, r.ev.In = n, in
	return r.emit(t, node, trace.Input, 0)
}

func (r *Recorder) message(m *core.Message) *trace.Message {
	set := r.msg.Set[:0]
	if !m.Set.Empty() {
		set = appendSet(set, m.Set)
	}
	name := &r.named[m.Kind]
	if *name == "" {
		*name = r.names(m.Kind)
	}
	r.msg = trace.Message{
		Type: *name, Group: m.Group, Epoch: uint64(m.Epoch), Round: m.Ballot.Round,
		Coordinator: int(m.Ballot.Coordinator), Set: set, Num: m.Num, Body: m.Body,
	}
	return &r.msg
}

func appendSet(ids []int, s core.NodeSet) []int {
	for id := s.First(); id != core.NoNode; id = s.Next(id) {
		ids = append(ids, int(id))
	}
	return ids
}
