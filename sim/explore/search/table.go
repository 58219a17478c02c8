package search

import (
	"math/bits"
	"sync"
)

// fingerprint stands for a state. A narrow table keeps lo alone.
type fingerprint struct{ lo, hi uint64 }

const (
	shardBits  = 6
	shardCount = 1 << shardBits
	slotsMin   = 64
	// A shard grows by loadGrow when more than loadMax of its slots are taken: linear probing stays short up to there.
	loadMaxNum, loadMaxDen   = 5, 6
	loadGrowNum, loadGrowDen = 3, 2
)

// A slot's reference is the state's number plus one, or, with freshRef, the state's place among those that its shard has
// found in the level that is being made. 0 is a free slot.
const freshRef = 1 << 31

// fresh is what is known of a state that was found in the level that is being made. Its parent and step are the least that
// lead to it, so that numbers and paths do not depend on who found it first.
type fresh struct {
	parent uint32
	slot   uint32
	step   uint16
}

func (f *fresh) before(parent uint32, step uint16) bool {
	return f.parent < parent || f.parent == parent && f.step <= step
}

// shard is the part of the table whose fingerprints begin alike. Slots stand in the order of their fingerprints, but for
// the probing, so that growing goes once through old and new memory from one end to the other.
type shard[S any] struct {
	mu      sync.Mutex
	words   []uint32 // of each slot its reference, and the fingerprint's two or four
	slots   int
	used    int
	touched uint32 // so that no read of touch is left out
	fresh   []fresh
	states  []S      // the fresh ones
	level   []S      // those of the level that is being expanded
	final   []uint32 // of the level that was made last: the number of each state
	_       [64]byte // workers lock neighbours
}

// table is the set of fingerprints seen.
type table[S any] struct {
	stride int // words a slot
	shards [shardCount]shard[S]
}

func newTable[S any](wide bool) *table[S] {
	t := &table[S]{stride: 3}
	if wide {
		t.stride = 5
	}
	for i := range t.shards {
		s := &t.shards[i]
		s.words, s.slots = make([]uint32, slotsMin*t.stride), slotsMin
	}
	return t
}

// shardOf gives the shard of a fingerprint.
func shardOf(fp fingerprint) int { return int(fp.lo >> (64 - shardBits)) }

// home is where probing for a fingerprint begins among n slots.
func home(lo uint64, n int) int {
	hi, _ := bits.Mul64(lo<<shardBits, uint64(n))
	return int(hi)
}

// find gives the slot that has the fingerprint, or the free one where it belongs.
func (t *table[S]) find(s *shard[S], fp fingerprint) (slot int, found bool) {
	a, b, c, d := uint32(fp.lo), uint32(fp.lo>>32), uint32(fp.hi), uint32(fp.hi>>32)
	for i := home(fp.lo, s.slots); ; {
		w := s.words[i*t.stride : i*t.stride+t.stride]
		if w[0] == 0 {
			return i, false
		}
		if w[1] == a && w[2] == b && (len(w) == 3 || w[3] == c && w[4] == d) {
			return i, true
		}
		if i++; i == s.slots {
			i = 0
		}
	}
}

func (t *table[S]) put(s *shard[S], slot int, fp fingerprint, ref uint32) {
	w := s.words[slot*t.stride : slot*t.stride+t.stride]
	w[0], w[1], w[2] = ref, uint32(fp.lo), uint32(fp.lo>>32)
	if len(w) > 3 {
		w[3], w[4] = uint32(fp.hi), uint32(fp.hi>>32)
	}
}

// grow gives a shard more slots.
func (t *table[S]) grow(s *shard[S]) {
	old := s.words
	s.slots = s.slots * loadGrowNum / loadGrowDen
	s.words = make([]uint32, s.slots*t.stride)
	for ; len(old) > 0; old = old[t.stride:] {
		if old[0] == 0 {
			continue
		}
		fp := fingerprint{lo: uint64(old[1]) | uint64(old[2])<<32}
		if t.stride > 3 {
			fp.hi = uint64(old[3]) | uint64(old[4])<<32
		}
		slot, _ := t.find(s, fp)
		t.put(s, slot, fp, old[0])
		if old[0]&freshRef != 0 {
			s.fresh[old[0]&^freshRef].slot = uint32(slot)
		}
	}
}

// target is a step's destination: a state's number, or, with freshRef, its shard and its place there.
type target uint32

const placeBits = 31 - shardBits

func freshTarget(shard int, at uint32) target {
	if at >= 1<<placeBits {
		panic("too many states in one level")
	}
	return target(freshRef | uint32(shard)<<placeBits | at)
}

// place takes a fresh target apart.
func (g target) place() (shard int, at uint32, ok bool) {
	return int(g&^freshRef) >> placeBits, uint32(g) & (1<<placeBits - 1), g&freshRef != 0
}

// number gives the state's number; only after number1 for one that was fresh.
func (t *table[S]) number(g target) uint32 {
	if in, at, ok := g.place(); ok {
		return t.shards[in].final[at]
	}
	return uint32(g)
}

// arrival is a state that a step of parent leads to.
type arrival struct {
	fp     fingerprint
	parent uint32
	step   uint16
}

// insert adds those of the arrivals that are new, all of one shard: list has their places in arrivals and in states. to is
// told where they lead. What was found by this arrival first, or before any other so far, may become a state of its own;
// the step is marked so.
func (t *table[S]) insert(in int, list []uint32, arrivals []arrival, states []Successor[S], to []target, flags []uint8) (added int) {
	s := &t.shards[in]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touched += t.touch(s, list, arrivals)
	for _, i := range list {
		a := &arrivals[i]
		slot, found := t.find(s, a.fp)
		if !found {
			at := uint32(len(s.fresh))
			to[i] = freshTarget(in, at)
			flags[i] |= stepFirst
			s.fresh = append(s.fresh, fresh{a.parent, uint32(slot), a.step})
			s.states = append(s.states, states[i].State)
			t.put(s, slot, a.fp, at|freshRef)
			if s.used++; s.used*loadMaxDen > s.slots*loadMaxNum {
				t.grow(s)
			}
			added++
			continue
		}
		ref := s.words[slot*t.stride]
		if ref&freshRef == 0 {
			to[i] = target(ref - 1)
			continue
		}
		at := ref &^ freshRef
		to[i] = freshTarget(in, at)
		if f := &s.fresh[at]; !f.before(a.parent, a.step) {
			f.parent, f.step, s.states[at] = a.parent, a.step, states[i].State
			flags[i] |= stepFirst
		}
	}
	return added
}

// touch reads the slots where probing for the arrivals begins, so that waiting for one is waiting for all: the reads do not
// depend on each other.
func (t *table[S]) touch(s *shard[S], list []uint32, arrivals []arrival) (sum uint32) {
	for _, i := range list {
		sum += s.words[home(arrivals[i].fp.lo, s.slots)*t.stride]
	}
	return sum
}

// settle replaces a shard's references to fresh states by their numbers, which final has, and makes them the level to
// expand.
func (t *table[S]) settle(s *shard[S]) {
	for at := range s.fresh {
		s.words[int(s.fresh[at].slot)*t.stride] = s.final[at] + 1
	}
	s.fresh = s.fresh[:0]
	s.level, s.states = s.states, s.level[:0]
}

// lookup gives the number of a state of an earlier level.
func (t *table[S]) lookup(fp fingerprint) (uint32, bool) {
	s := &t.shards[shardOf(fp)]
	slot, found := t.find(s, fp)
	if !found {
		return 0, false
	}
	ref := s.words[slot*t.stride]
	return ref - 1, ref&freshRef == 0
}

// bytes is the memory that the table holds, without what is fresh.
func (t *table[S]) bytes() uint64 {
	var n uint64
	for i := range t.shards {
		n += uint64(4 * len(t.shards[i].words))
	}
	return n
}
