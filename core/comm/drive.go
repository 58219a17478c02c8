package comm

import (
	"slices"

	"nexarsim/core"
)

// Running is what a driver has to know of an operation whose elements it moves.
type Running struct {
	ID      uint64 // of the call
	Call    core.CallOp
	Comm    uint64 // with Number: as the operation's messages name it, by Num and Ballot.Round
	Number  uint32
	Plan    Plan
	Type    Type
	Reduce  Reduce
	Members []core.NodeID // by rank; read only
}

// Begun is the operations with Request.Bulk that began in the last step, valid until the next one. An operation may have
// ended in the same step, and so may those after it.
func (k *Stack) Begun() []Running { return k.begun }

// tell notes an operation that begins.
func (k *Stack) tell(c *communicator) {
	op := &c.op
	if op.bulk {
		k.begun = append(k.begun, Running{op.id, op.call, c.id, op.number, op.plan, op.typ, op.reduce, c.members})
	}
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
