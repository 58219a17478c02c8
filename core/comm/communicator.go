package comm

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"

	"nexarsim/core"
)

// communicator is some members who call collectives together: those of a view, or of one colour of a split.
type communicator struct {
	id      uint64
	members []core.NodeID // by rank
	rank    core.Rank     // this node's
	number  uint32        // of the operation that runs or ran last
	op      operation
	// Whoever has ended an operation keeps its buffer until it has ended the next one that synchronizes: only then has
	// everybody ended the former, so that nobody can ask for a part of it any more.
	prev   operation
	failed [failedKept]uint32 // the operations given up last
	fails  int
	mail   mail
	broken bool // members have called different things: no number means the same call to all any more
}

// failedKept is how many operations that were given up are remembered.
const failedKept = 4

// reset makes it another communicator and keeps its memory.
func (c *communicator) reset(id uint64, members []core.NodeID, self core.NodeID) {
	c.id, c.members, c.number = id, members, 0
	c.rank = c.rankOf(self)
	c.op.active, c.prev.valid, c.broken = false, false, false
	c.failed, c.fails = [failedKept]uint32{}, 0
	c.mail.reset()
}

func (c *communicator) rankOf(id core.NodeID) core.Rank {
	if i, ok := slices.BinarySearch(c.members, id); ok { // members keep their order, in splits too
		return core.Rank(i)
	}
	return core.NoRank
}

// gaveUp tells whether this member has given an operation up, or cannot know any more.
func (c *communicator) gaveUp(number uint32) bool {
	return slices.Contains(c.failed[:], number) || c.fails > failedKept && number < slices.Min(c.failed[:])
}

// split is the communicator of this node's colour, given the colours of all ranks; false if it has none. Its id is a
// function of the parent's id, the number of the split and the colour: of the decided history and the calls alone.
func (c *communicator) split(colours []byte) (communicator, bool) {
	mine := int64(uint64At(colours, 8*int(c.rank)))
	if mine < 0 {
		return communicator{}, false
	}
	var sub communicator
	var members []core.NodeID
	for r, id := range c.members {
		if int64(uint64At(colours, 8*r)) == mine {
			members = append(members, id)
		}
	}
	sub.reset(splitID(c.id, c.number, mine), members, c.members[c.rank])
	return sub, true
}

func splitID(parent uint64, number uint32, colour int64) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(appendUint64(appendUint32(appendUint64([]byte("split"), parent), number), uint64(colour))) // a hash never fails
	return max(h.Sum64(), 1)
}

// CommIDText is a comm_id as a split's result names it.
func CommIDText(id uint64) string { return fmt.Sprintf("%016x", id) }

// ParseCommID is its inverse.
func ParseCommID(text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 16, 64)
	if err != nil || len(text) != 16 {
		return 0, fmt.Errorf("comm_id %q: expected 16 hexadecimal digits", text)
	}
	return id, nil
}
