package search

import "encoding/binary"

// records keep of each state how the search came to it.
type records struct {
	parents pages[uint32]
	steps   pages[uint16] // the step's number in its parent's list, and two flags
	owed    pages[uint32] // the marks of kind Eventually; only if there is such a property
}

const (
	stepFree     = 1 << 14
	stepProgress = 1 << 15
	stepMask     = stepFree - 1
	noParent     = 1<<32 - 1
)

// stepMax bounds how many steps a state may allow.
const stepMax = stepMask

const pageBits = 14

// pages is a list that grows without being copied.
type pages[T any] struct {
	list [][]T
	n    int
}

func (p *pages[T]) add(x T) {
	if p.n>>pageBits == len(p.list) {
		p.list = append(p.list, make([]T, 0, 1<<pageBits))
	}
	last := &p.list[len(p.list)-1]
	*last = append(*last, x)
	p.n++
}

func (p *pages[T]) at(i uint32) T { return p.list[i>>pageBits][i&(1<<pageBits-1)] }

// edges keep, of each state in the order of their numbers, the free steps that lead to a state which another step has
// found first. The rest of the free steps is in the records: each state's own parent.
type edges struct {
	pages []edgePage
	n     uint32 // states
	bytes uint64
}

type edgePage struct {
	ends []uint32 // where each state's part of data ends
	data []byte
}

const edgePageBits = 12

// begin opens the list of the next state.
func (e *edges) begin() *edgePage {
	if e.n>>edgePageBits == uint32(len(e.pages)) {
		e.pages = append(e.pages, edgePage{ends: make([]uint32, 0, 1<<edgePageBits)})
	}
	e.n++
	return &e.pages[len(e.pages)-1]
}

func (p *edgePage) add(from, to uint32, progress bool) {
	x := zigzag(int64(to)-int64(from)) << 1
	if progress {
		x |= 1
	}
	p.data = binary.AppendUvarint(p.data, x)
}

func (e *edges) end(p *edgePage) { p.ends = append(p.ends, uint32(len(p.data))) }

// of gives a state's part of the data.
func (e *edges) of(state uint32) []byte {
	if state >= e.n {
		return nil // found, and not expanded
	}
	p := &e.pages[state>>edgePageBits]
	i := state & (1<<edgePageBits - 1)
	begin := uint32(0)
	if i > 0 {
		begin = p.ends[i-1]
	}
	return p.data[begin:p.ends[i]]
}

// nextEdge takes one edge off a state's data.
func nextEdge(from uint32, data []byte) (to uint32, progress bool, rest []byte) {
	x, n := binary.Uvarint(data)
	return uint32(int64(from) + unzigzag(x>>1)), x&1 != 0, data[n:]
}

func (e *edges) size() uint64 {
	var n uint64
	for i := range e.pages {
		n += uint64(4*cap(e.pages[i].ends) + cap(e.pages[i].data))
	}
	return n
}

func zigzag(x int64) uint64   { return uint64(x<<1) ^ uint64(x>>63) }
func unzigzag(x uint64) int64 { return int64(x>>1) ^ -int64(x&1) }
