package comm

import (
	"slices"

	"nexarsim/core"
)

// Running is what a driver has to know of an operation whose elements it moves.
type Running struct {
	ID      uint64 // of the call
	Call    core.CallOp
	Plan    Plan
	Type    Type
	Reduce  Reduce
	Bulk    bool
	Active  bool          // it has not ended
	Members []core.NodeID // by rank; read only
}

// Operation is the operation of a number on a communicator, as a message names it by Num and Ballot.Round: the one that
// runs, or the one that ended last and may still be asked for. False if there is none such, or not any more.
func (k *Stack) Operation(commID uint64, number uint32) (Running, bool) {
	c := k.find(commID)
	if c == nil || number == 0 || number > c.number {
		return Running{}, false
	}
	op := &c.op
	switch {
	case op.active && op.number == number:
	case c.prev.valid && c.prev.number == number:
		op = &c.prev
	case c.number == number && op.number == number: // a broadcast is not retained
	default:
		return Running{}, false
	}
	return Running{op.id, op.call, op.plan, op.typ, op.reduce, op.bulk, op.active, c.members}, true
}

// Passed tells whether nothing that comes of an operation of the current view can count any more.
func (k *Stack) Passed(commID uint64, number uint32) bool {
	c := k.find(commID)
	return c != nil && (number < c.number || number == c.number && !c.op.active)
}

// Members is who calls on a communicator, by rank; false if the current view has none of that id.
func (k *Stack) Members(commID uint64) ([]core.NodeID, bool) {
	c := k.find(commID)
	if c == nil {
		return nil, false
	}
	return slices.Clone(c.members), true
}

// Sent is the step in which the rank sends the part of a label to a peer; false if there is none.
func (p *Plan) Sent(to core.Rank, label int) (Step, bool) {
	i, known := p.sending(to, label)
	if !known {
		return Step{}, false
	}
	return p.Step(i), true
}

// Received is the step in which the rank receives the part of a label from a peer; false if there is none.
func (p *Plan) Received(from core.Rank, label int) (Step, bool) {
	i, known := p.receiving(from, label)
	if !known {
		return Step{}, false
	}
	return p.Step(i), true
}

// Has tells whether the current view has a communicator of that id.
func (k *Stack) Has(commID uint64) bool { return k.find(commID) != nil }

// Retains tells whether members can still ask for parts of a call's operation.
func (k *Stack) Retains(id uint64) bool {
	for i := range k.comms {
		c := &k.comms[i]
		if c.op.active && c.op.id == id || c.prev.valid && c.prev.id == id || c.number == c.op.number && c.op.id == id {
			return true
		}
	}
	return false
}
