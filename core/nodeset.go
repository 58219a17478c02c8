package core

import (
	"math/bits"
	"strconv"
	"strings"
)

// NodeSet is a set of node numbers. It is a value: comparable with ==, safe to copy and to share. Sets of nodes below 64
// cost no allocation; larger ones hold an immutable string of words.
type NodeSet struct {
	lo   uint64
	rest string // eight bytes for each further 64 nodes, little endian; never ends in a zero word
}

// NodeRange is the set of nodes 0..n-1.
func NodeRange(n int) NodeSet {
	var b setBuilder
	for id := range NodeID(n) {
		b.add(id)
	}
	return b.set()
}

// NodeSetOf is the set of the given nodes. Negative numbers are left out.
func NodeSetOf(ids ...NodeID) NodeSet {
	var b setBuilder
	for _, id := range ids {
		if id >= 0 {
			b.add(id)
		}
	}
	return b.set()
}

type setBuilder struct{ words []uint64 }

func (b *setBuilder) add(id NodeID) {
	w := int(id) / 64
	for len(b.words) <= w {
		b.words = append(b.words, 0)
	}
	b.words[w] |= 1 << (uint(id) % 64)
}

func (b *setBuilder) set() NodeSet {
	if len(b.words) == 0 {
		return NodeSet{}
	}
	n := len(b.words)
	for n > 1 && b.words[n-1] == 0 {
		n--
	}
	s := NodeSet{lo: b.words[0]}
	if n > 1 {
		buf := make([]byte, 0, 8*(n-1))
		for _, w := range b.words[1:n] {
			for shift := 0; shift < 64; shift += 8 {
				buf = append(buf, byte(w>>shift))
			}
		}
		s.rest = string(buf)
	}
	return s
}

// word is the i-th group of 64 nodes.
func (s NodeSet) word(i int) uint64 {
	if i == 0 {
		return s.lo
	}
	at := 8 * (i - 1)
	if at >= len(s.rest) {
		return 0
	}
	var w uint64
	for k := 0; k < 8; k++ {
		w |= uint64(s.rest[at+k]) << (8 * k)
	}
	return w
}

func (s NodeSet) words() int { return 1 + len(s.rest)/8 }

// Has tells whether id is in s.
func (s NodeSet) Has(id NodeID) bool {
	if uint32(id) < 64 {
		return s.lo>>uint(id)&1 != 0
	}
	if id < 0 {
		return false
	}
	return s.word(int(id)/64)>>(uint(id)%64)&1 != 0
}

// Empty tells whether s has no element.
func (s NodeSet) Empty() bool { return s.lo == 0 && s.rest == "" }

// Len is the number of elements.
func (s NodeSet) Len() int {
	n := bits.OnesCount64(s.lo)
	for i := 1; i < s.words(); i++ {
		n += bits.OnesCount64(s.word(i))
	}
	return n
}

// First is the least element, NoNode if there is none.
func (s NodeSet) First() NodeID { return s.Next(-1) }

// Next is the least element greater than id, NoNode if there is none.
func (s NodeSet) Next(id NodeID) NodeID {
	at := int(id) + 1
	for i := at / 64; i < s.words(); i++ {
		w := s.word(i)
		if i == at/64 {
			w &= ^uint64(0) << (uint(at) % 64)
		}
		if w != 0 {
			return NodeID(64*i + bits.TrailingZeros64(w))
		}
	}
	return NoNode
}

// With is s and id.
func (s NodeSet) With(id NodeID) NodeSet {
	if uint32(id) < 64 {
		s.lo |= 1 << uint(id)
		return s
	}
	return s.Union(NodeSetOf(id))
}

// Without is s less id.
func (s NodeSet) Without(id NodeID) NodeSet {
	if uint32(id) < 64 {
		s.lo &^= 1 << uint(id)
		return s
	}
	return s.Minus(NodeSetOf(id))
}

// Union is what is in s or in o.
func (s NodeSet) Union(o NodeSet) NodeSet {
	return s.combine(o, func(a, b uint64) uint64 { return a | b })
}

// Minus is what is in s and not in o.
func (s NodeSet) Minus(o NodeSet) NodeSet {
	return s.combine(o, func(a, b uint64) uint64 { return a &^ b })
}

// Intersect is what is in s and in o.
func (s NodeSet) Intersect(o NodeSet) NodeSet {
	return s.combine(o, func(a, b uint64) uint64 { return a & b })
}

// SubsetOf tells whether every element of s is in o.
func (s NodeSet) SubsetOf(o NodeSet) bool {
	if s.rest == "" {
		return s.lo&^o.lo == 0
	}
	return s.Minus(o).Empty()
}

func (s NodeSet) combine(o NodeSet, f func(a, b uint64) uint64) NodeSet {
	if s.rest == "" && o.rest == "" {
		return NodeSet{lo: f(s.lo, o.lo)}
	}
	var b setBuilder
	for i := range max(s.words(), o.words()) {
		b.words = append(b.words, f(s.word(i), o.word(i)))
	}
	return b.set()
}

// AppendIDs appends the elements in ascending order.
func (s NodeSet) AppendIDs(ids []NodeID) []NodeID {
	for id := s.First(); id != NoNode; id = s.Next(id) {
		ids = append(ids, id)
	}
	return ids
}

// AppendState appends a canonical encoding: equal sets, and only those, encode alike.
func (s NodeSet) AppendState(buf []byte) []byte {
	buf = appendUint(buf, uint64(len(s.rest)/8))
	buf = appendUint(buf, s.lo)
	return append(buf, s.rest...)
}

// String is the set as "{0 3 4}".
func (s NodeSet) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for id := s.First(); id != NoNode; id = s.Next(id) {
		if b.Len() > 1 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.Itoa(int(id)))
	}
	b.WriteByte('}')
	return b.String()
}
