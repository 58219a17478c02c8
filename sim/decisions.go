package sim

import (
	"math/bits"

	"nexarsim/netsim"
)

// domain is what kind of choice a key is about. It is the key's highest byte, so that two domains never share a key.
type domain uint64

const (
	domainPacket domain = iota + 1 // which link, kind, epoch, how-many-th
	domainClose
	domainRelease
	domainReopen
	domainDetect
	domainWorld
	domainTransport
	domainPhase
	domainRandom
	domainRing // how all-reduces go
	domainLoad // when a worker begins, what it asks for, and where
	domainTalk // what applications say to each other
)

// choiceKey is the key of a choice that is not about a packet.
func choiceKey(d domain, what, which uint64) netsim.Key {
	return netsim.Key{A: uint64(d)<<56 | what, B: which}
}

// seeded makes choices by hashing the seed with what a choice means, instead of drawing in order: a new choice elsewhere
// shifts nothing. The finalizer is that of splitmix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
// Generators", 2014), the scaling to n is Lemire's multiplication ("Fast Random Integer Generation in an Interval", 2019),
// whose bias is below n/2^64.
type seeded struct {
	seed uint64
	last netsim.Key
	hash uint64
}

func (s *seeded) reset(seed uint64) { *s = seeded{seed: mix(seed)} }

// Decide implements netsim.Decider.
func (s *seeded) Decide(k netsim.Key, lane netsim.Lane, n uint64) uint64 {
	if k != s.last {
		s.last = k
		s.hash = mix(mix(s.seed^k.A) ^ k.B)
	}
	v := s.hash
	if lane != 0 {
		v = mix(v + uint64(lane)*0x9e3779b97f4a7c15)
	}
	hi, _ := bits.Mul64(v, n)
	return hi
}

func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// count is a how-many-th of one link and kind in one epoch.
type count struct {
	epoch uint32
	n     uint32
}

// counters numbers the packets of each link and kind. They begin anew with each epoch, so that a key does not depend on
// how much was said before.
type counters struct {
	world  int
	dense  [kindMax][]count // by kind, then from*world+to; worlds up to denseMax
	sparse map[uint64]*count
}

const (
	denseMax = 512
	kindMax  = 256
	lateMax  = 1<<24 - 2 // how many epochs late a key can tell
)

func (c *counters) reset(world int) {
	if c.world != world {
		*c = counters{world: world}
	}
	for k := range c.dense {
		clear(c.dense[k])
	}
	clear(c.sparse)
}

func (c *counters) at(kind uint8, from, to int) *count {
	if c.world <= denseMax {
		if c.dense[kind] == nil {
			c.dense[kind] = make([]count, c.world*c.world)
		}
		return &c.dense[kind][from*c.world+to]
	}
	if c.sparse == nil {
		c.sparse = make(map[uint64]*count)
	}
	id := uint64(kind)<<32 | uint64(from)<<16 | uint64(to)
	at := c.sparse[id]
	if at == nil {
		at = new(count)
		c.sparse[id] = at
	}
	return at
}

// key is the key of the next packet of a link and kind. A packet of an older epoch than the last one goes on with that
// one's numbers, and says so, so that no two packets share a key.
func (c *counters) key(d domain, kind uint8, from, to int, epoch uint32) netsim.Key {
	at := c.at(kind, from, to)
	var late uint64
	switch {
	case epoch > at.epoch:
		*at = count{epoch: epoch}
	case epoch < at.epoch:
		late = 1 + min(uint64(at.epoch-epoch), lateMax)
	}
	at.n++
	return netsim.Key{
		A: uint64(d)<<56 | late<<32 | uint64(kind)<<24 | uint64(from)<<toBits | uint64(to),
		B: uint64(epoch)<<32 | uint64(at.n),
	}
}
