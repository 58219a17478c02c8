package search

import (
	"math/bits"
	"sync/atomic"
)

// bitset is a set of states. As what a look is restricted to, nil stands for all states.
type bitset []uint64

func newBitset(n uint32) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i uint32) bool { return b == nil || b[i>>6]>>(i&63)&1 != 0 }
func (b bitset) add(i uint32)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) remove(i uint32)   { b[i>>6] &^= 1 << (i & 63) }

// sees and share are has and add for a set that several workers add to at a time.
func (b bitset) sees(i uint32) bool { return atomic.LoadUint64(&b[i>>6])>>(i&63)&1 != 0 }

func (b bitset) share(i uint32) {
	if !b.sees(i) {
		atomic.OrUint64(&b[i>>6], 1<<(i&63))
	}
}

// emptyIn tells whether the set has nothing from one state on up to another; it may say no of states of one group.
func (b bitset) emptyIn(from, to uint32) bool {
	if b == nil {
		return false
	}
	for i := from >> 6; i <= (to-1)>>6; i++ {
		if atomic.LoadUint64(&b[i]) != 0 {
			return false
		}
	}
	return true
}

func (b bitset) count() (n uint32) {
	for _, word := range b {
		n += uint32(bits.OnesCount64(word))
	}
	return n
}

// each visits the states in their order.
func (b bitset) each(visit func(i uint32)) {
	for at, word := range b {
		for ; word != 0; word &= word - 1 {
			visit(uint32(at<<6 + bits.TrailingZeros64(word)))
		}
	}
}
