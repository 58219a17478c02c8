package explore

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// A state is made of parts that recur: what one node is in, what one node has sent, what the judge has seen. Each
// different part is kept once, under a number, so that a state is a few numbers, and a step that a part takes is worked
// out once. Numbers depend on who met a part first; a part's hash depends on the part alone, and it is hashes that
// fingerprints are made of.

const (
	atlasPageBits = 10
	atlasPages    = 1 << 16
	atlasShards   = 64
)

// atlas is the different parts of one sort. All workers share it.
type atlas[T any] struct {
	shards [atlasShards]atlasShard
	pages  [atlasPages]atomic.Pointer[[1 << atlasPageBits]part[T]]
	count  atomic.Uint32
	twin   func(number uint32, of T) // in tests: sees each part that was met again
}

type atlasShard struct {
	mu   sync.RWMutex
	seen map[uint64]name
	_    [32]byte
}

// name is a part's number, with the other half of its hash: two parts never share one hash unnoticed.
type name struct {
	rest   uint64
	number uint32
}

type part[T any] struct {
	hash, rest uint64 // halves of one
	of         T
}

// number gives the number of the part with this encoding, and makes the part if it is new.
func (a *atlas[T]) number(encoding []byte, make1 func() T) uint32 {
	h := xxh3.Hash128(encoding)
	s := &a.shards[h.Hi%atlasShards]
	s.mu.RLock()
	n, ok := s.seen[h.Hi]
	s.mu.RUnlock()
	if !ok {
		n = a.add(s, h, make1)
	}
	if ok && a.twin != nil {
		a.twin(n.number, make1())
	}
	if n.rest != h.Lo {
		panic(fmt.Sprintf("two different parts share the hash %016x", h.Hi))
	}
	return n.number
}

func (a *atlas[T]) add(s *atlasShard, h xxh3.Uint128, make1 func() T) name {
	of := make1()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.seen[h.Hi]; ok { // another worker was faster
		return n
	}
	n := name{h.Lo, a.count.Add(1) - 1}
	page := &a.pages[n.number>>atlasPageBits]
	if page.Load() == nil {
		page.CompareAndSwap(nil, new([1 << atlasPageBits]part[T]))
	}
	page.Load()[n.number&(1<<atlasPageBits-1)] = part[T]{h.Hi, h.Lo, of}
	if s.seen == nil {
		s.seen = map[uint64]name{}
	}
	s.seen[h.Hi] = n
	return n
}

func (a *atlas[T]) at(number uint32) *part[T] {
	return &a.pages[number>>atlasPageBits].Load()[number&(1<<atlasPageBits-1)]
}

// common remembers what follows from two numbers, for all workers: what one of them has worked out, the others take over into
// memories of their own.
type common[T any] struct {
	shards [atlasShards]commonShard[T]
}

type commonShard[T any] struct {
	mu sync.RWMutex
	of map[uint64]T
	_  [32]byte
}

func (c *common[T]) get(key uint64) (T, bool) {
	s := &c.shards[memoHash(key)%atlasShards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	x, ok := s.of[key]
	return x, ok
}

func (c *common[T]) put(key uint64, x T) {
	s := &c.shards[memoHash(key)%atlasShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[uint64]T{}
	}
	s.of[key] = x
}
