package comm

import "nexarsim/core"

// The messages of a communicator. Num is the comm_id, Ballot.Round the number of the operation in that communicator,
// Ballot.Coordinator what PartOf reads: the call and the part of it. The last three are about messages between two ranks.
const (
	// Data is a collective's part. Body: the segment's elements, unless they are bulk or there are none.
	Data core.Kind = 64 + iota
	// Want asks for a part that has not come.
	Want
	// Failed says that its sender has given the operation up. Label: failedApart if members have called different things.
	Failed
	// Tagged is a message from one rank to another. Ballot.Round: its number among those of its sender, receiver and tag,
	// from 1. Ballot.Coordinator: the tag. Body: the data.
	Tagged
	// Taken confirms a Tagged message, by the same number and tag, and all before it.
	Taken
	// Ready says that there is room for the Tagged message of this number and tag, which was refused.
	Ready
)

// failedApart says that the communicator is of no use any more.
const failedApart = 1

// kindEnd is the first kind above those of a communicator.
const kindEnd = Ready + 1

// The call takes the lowest bits of a part's name.
const callBits = 5

// Part names a message of an operation: what was called, and the label of the part, the same at sender and receiver.
type Part struct {
	Call  core.CallOp
	Label int
}

func (p Part) pack() core.NodeID { return core.NodeID(p.Label<<callBits | int(p.Call)) }

// PartOf is the part that a message of a communicator is, or asks for.
func PartOf(m *core.Message) Part {
	packed := int(m.Ballot.Coordinator)
	return Part{Call: core.CallOp(packed & (1<<callBits - 1)), Label: packed >> callBits}
}

// kindName names the messages of a communicator; "" for any other.
func kindName(k core.Kind) string {
	switch k {
	case Data, Tagged:
		return "data"
	case Want:
		return "want"
	case Failed:
		return "failed"
	case Taken:
		return "receipt"
	case Ready:
		return "ready"
	}
	return ""
}
