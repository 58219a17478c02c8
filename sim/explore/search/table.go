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

// pendingRef marks a slot's reference to a state of the level that is being made; without it, the reference is the state's
// number plus one. 0 is a free slot.
const pendingRef = 1 << 31

// pending is a state that was found in the level that is being made. Its parent and step are the least that lead to it,
// so that numbers and paths do not depend on who found it first.
type pending[S any] struct {
	fp     fingerprint
	parent uint32
	step   uint16
	state  S
}

func (p *pending[S]) before(parent uint32, step uint16) bool {
	return p.parent < parent || p.parent == parent && p.step <= step
}

// shard is the part of the table whose fingerprints begin alike. Slots stand in the order of their fingerprints, but for
// the probing, so that growing goes once through old and new memory from one end to the other.
type shard[S any] struct {
	mu      sync.Mutex
	keys    []uint64 // one word a slot, or two if wide
	refs    []uint32
	used    int
	pending []pending[S]
	final   []uint32 // of the level that was made last: the number of each pending state
	_       [64]byte // workers lock neighbours
}

// table is the set of fingerprints seen.
type table[S any] struct {
	wide   bool
	shards [shardCount]shard[S]
}

func newTable[S any](wide bool) *table[S] {
	t := &table[S]{wide: wide}
	for i := range t.shards {
		s := &t.shards[i]
		s.keys, s.refs = make([]uint64, slotsMin*t.stride()), make([]uint32, slotsMin)
	}
	return t
}

func (t *table[S]) stride() int {
	if t.wide {
		return 2
	}
	return 1
}

// home is where probing for a fingerprint begins among n slots.
func home(lo uint64, n int) int {
	hi, _ := bits.Mul64(lo<<shardBits, uint64(n))
	return int(hi)
}

// find gives the slot that has the fingerprint, or the free one where it belongs.
func (t *table[S]) find(s *shard[S], fp fingerprint) (slot int, found bool) {
	n := len(s.refs)
	for i := home(fp.lo, n); ; {
		switch {
		case s.refs[i] == 0:
			return i, false
		case t.wide:
			if s.keys[2*i] == fp.lo && s.keys[2*i+1] == fp.hi {
				return i, true
			}
		case s.keys[i] == fp.lo:
			return i, true
		}
		if i++; i == n {
			i = 0
		}
	}
}

func (t *table[S]) put(s *shard[S], slot int, fp fingerprint, ref uint32) {
	if t.wide {
		s.keys[2*slot], s.keys[2*slot+1] = fp.lo, fp.hi
	} else {
		s.keys[slot] = fp.lo
	}
	s.refs[slot] = ref
}

// grow gives a shard more slots.
func (t *table[S]) grow(s *shard[S]) {
	keys, refs := s.keys, s.refs
	n := len(refs) * loadGrowNum / loadGrowDen
	s.keys, s.refs = make([]uint64, n*t.stride()), make([]uint32, n)
	for i, ref := range refs {
		if ref == 0 {
			continue
		}
		fp := fingerprint{lo: keys[i*t.stride()]}
		if t.wide {
			fp.hi = keys[2*i+1]
		}
		slot, _ := t.find(s, fp)
		t.put(s, slot, fp, ref)
	}
}

// target is a step's destination: a number, or the place of a pending state.
type target uint64

const pendingTarget target = 1 << 63

// number gives the state's number; only after settle for one that was pending.
func (t *table[S]) number(g target) uint32 {
	if g&pendingTarget == 0 {
		return uint32(g)
	}
	at := uint64(g &^ pendingTarget)
	return t.shards[at%shardCount].final[at/shardCount]
}

// insert adds a state that a step of parent leads to, if it is new.
func (t *table[S]) insert(fp fingerprint, parent uint32, step uint16, state *S) (to target, added bool) {
	which := fp.lo >> (64 - shardBits)
	s := &t.shards[which]
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, found := t.find(s, fp)
	if !found {
		at := len(s.pending)
		s.pending = append(s.pending, pending[S]{fp, parent, step, *state})
		t.put(s, slot, fp, uint32(at)|pendingRef)
		if s.used++; s.used*loadMaxDen > len(s.refs)*loadMaxNum {
			t.grow(s)
		}
		return pendingTarget | target(uint64(at)*shardCount+which), true
	}
	ref := s.refs[slot]
	if ref&pendingRef == 0 {
		return target(ref - 1), false
	}
	at := ref &^ pendingRef
	if p := &s.pending[at]; !p.before(parent, step) {
		p.parent, p.step, p.state = parent, step, *state
	}
	return pendingTarget | target(uint64(at)*shardCount+which), false
}

// lookup gives the number of a state of an earlier level.
func (t *table[S]) lookup(fp fingerprint) (uint32, bool) {
	s := &t.shards[fp.lo>>(64-shardBits)]
	slot, found := t.find(s, fp)
	if !found || s.refs[slot]&pendingRef != 0 {
		return 0, false
	}
	return s.refs[slot] - 1, true
}

// bytes is the memory that the table holds, without what is pending.
func (t *table[S]) bytes() uint64 {
	var n uint64
	for i := range t.shards {
		n += uint64(8*cap(t.shards[i].keys) + 4*cap(t.shards[i].refs))
	}
	return n
}
