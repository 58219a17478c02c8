package search

import "encoding/binary"

// records keep of each state how the search came to it.
type records struct {
	parents pages[uint32]
	steps   pages[uint16] // the step's number in its parent's list, and two flags
	owed    owed
}

const (
	freeBit       = 14
	progressBit   = 15
	recFree       = 1 << freeBit
	recProgress   = 1 << progressBit
	stepMask      = recFree - 1
	noParent      = 1<<32 - 1
	freeShift     = freeBit - 2 // from stepFree
	progressShift = progressBit - 3
)

// stepMax bounds how many steps a state may allow.
const stepMax = stepMask

const pageBits = 14

// pages is a list that grows without being copied.
type pages[T any] struct {
	list [][]T
	n    int
}

// extend makes room for n more.
func (p *pages[T]) extend(n int) {
	p.n += n
	for p.n > len(p.list)<<pageBits {
		p.list = append(p.list, make([]T, 1<<pageBits))
	}
}

func (p *pages[T]) at(i uint32) T     { return p.list[i>>pageBits][i&(1<<pageBits-1)] }
func (p *pages[T]) set(i uint32, x T) { p.list[i>>pageBits][i&(1<<pageBits-1)] = x }

// owed has the marks of kind Eventually: of each such property a bit for each state.
type owed struct {
	properties []int
	sets       [][]uint64
}

func (o *owed) begin(property int) {
	o.properties, o.sets = append(o.properties, property), append(o.sets, nil)
}

// extend makes room for n states.
func (o *owed) extend(n int) {
	for i := range o.sets {
		for len(o.sets[i])<<6 < n {
			o.sets[i] = append(o.sets[i], 0)
		}
	}
}

// set keeps a state's marks. States of one group are one worker's.
func (o *owed) set(state, marks uint32) {
	for i, property := range o.properties {
		o.sets[i][state>>6] |= uint64(marks>>property&1) << (state & 63)
	}
}

// at gives a state's marks.
func (o *owed) at(state uint32) (marks uint32) {
	for i, property := range o.properties {
		marks |= uint32(o.sets[i][state>>6]>>(state&63)&1) << property
	}
	return marks
}

func (o *owed) bytes() (n uint64) {
	for i := range o.sets {
		n += uint64(8 * len(o.sets[i]))
	}
	return n
}

// Numbers come in groups, each of which is a chunk of a level, or the end of one and chunks of those that follow.
const (
	groupBits = 7
	groupSize = 1 << groupBits
)

// edges keep, of each state that was expanded, the free steps that lead to a state which another step has found first. The
// rest of the free steps is in the records: each state's own parent.
type edges struct {
	pages []edgePage // one a group
	n     uint32     // states
}

type edgePage struct {
	ends []uint32 // where each state's part of data ends
	data []byte
}

// extend makes room for n more states.
func (e *edges) extend(n uint32) {
	e.n += n
	for uint32(len(e.pages))<<groupBits < e.n {
		e.pages = append(e.pages, edgePage{})
	}
}

func appendEdge(data []byte, from, to uint32, progress bool) []byte {
	x := zigzag(int64(to)-int64(from)) << 1
	if progress {
		x |= 1
	}
	return binary.AppendUvarint(data, x)
}

// of gives a state's part of the data.
func (e *edges) of(state uint32) []byte {
	if state >= e.n {
		return nil // found, and not expanded
	}
	p := &e.pages[state>>groupBits]
	i := state & (groupSize - 1)
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

func (e *edges) bytes() (n uint64) {
	for i := range e.pages {
		n += uint64(4*cap(e.pages[i].ends)+cap(e.pages[i].data)) + uint64(sizeOf(edgePage{}))
	}
	return n
}

func zigzag(x int64) uint64   { return uint64(x<<1) ^ uint64(x>>63) }
func unzigzag(x uint64) int64 { return int64(x>>1) ^ -int64(x&1) }
