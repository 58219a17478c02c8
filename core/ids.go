package core

import "math"

// NodeID is a node's number: its position in the first view of its group, from 0. It is never renumbered and never reused.
type NodeID int32

// NoNode stands where there is no node.
const NoNode NodeID = -1

// Rank is a member's position in a view, from 0. Only a View converts between ranks and node numbers.
type Rank int32

// NoRank is the rank of a node that is not a member.
const NoRank Rank = -1

// Epoch numbers the views of a group, from 0. It grows by one with each view.
type Epoch uint32

// Instant is a reading of the driver's clock in nanoseconds. Only differences between two instants mean something.
type Instant int64

// Ballot is the right to propose once in an epoch: a round and the coordinator who owns it. Ballots are ordered by round,
// then by coordinator, so that two coordinators never share one (Lamport, "Paxos Made Simple", section 2.2).
type Ballot struct {
	Round       uint32
	Coordinator NodeID
}

// NoBallot is less than every ballot that a node can own.
var NoBallot = Ballot{Round: 0, Coordinator: NoNode}

// Less tells whether b is a lower ballot than o.
func (b Ballot) Less(o Ballot) bool {
	if b.Round != o.Round {
		return b.Round < o.Round
	}
	return b.Coordinator < o.Coordinator
}

// roundMax bounds the rounds that a node takes seriously, so that a hostile one cannot make them wrap.
const roundMax = math.MaxInt32

// Exists tells whether b is a ballot at all.
func (b Ballot) Exists() bool { return b.Coordinator != NoNode }

// next is the lowest ballot of coordinator that is higher than b.
func (b Ballot) next(coordinator NodeID) Ballot {
	if b.Coordinator < coordinator {
		return Ballot{b.Round, coordinator}
	}
	return Ballot{b.Round + 1, coordinator}
}

// pack turns a ballot into the number that a message carries beside its own ballot; no ballot is 0.
func (b Ballot) pack() uint64 {
	if !b.Exists() {
		return 0
	}
	return uint64(b.Round)<<32 | uint64(b.Coordinator) + 1
}

// unpackBallot is the inverse of pack. A number that no ballot packs to is no ballot.
func unpackBallot(p uint64) Ballot {
	low := p & math.MaxUint32
	if low == 0 || low > math.MaxInt32 || p>>32 > roundMax {
		return NoBallot
	}
	return Ballot{uint32(p >> 32), NodeID(low - 1)}
}
