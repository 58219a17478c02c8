package sim

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"nexarsim/netsim"
)

func seededWith(seed uint64) *seeded {
	s := new(seeded)
	s.reset(seed)
	return s
}

// TestDecideHasNoMemory: what a choice is depends on seed, key, lane and range alone, in whatever order it is asked.
func TestDecideHasNoMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type choice struct {
			k    netsim.Key
			lane netsim.Lane
			n    uint64
		}
		seed := rapid.Uint64().Draw(t, "seed")
		choices := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) choice {
			return choice{
				netsim.Key{A: rapid.Uint64Range(1, 3).Draw(t, "a"), B: rapid.Uint64Range(0, 2).Draw(t, "b")},
				netsim.Lane(rapid.Uint32Range(0, 4).Draw(t, "lane")), rapid.Uint64Min(1).Draw(t, "n"),
			}
		}), 1, 30).Draw(t, "choices")
		one := seededWith(seed)
		var got []uint64
		for _, c := range choices {
			v := one.Decide(c.k, c.lane, c.n)
			if v >= c.n {
				t.Fatalf("%+v: %d", c, v)
			}
			got = append(got, v)
		}
		again := seededWith(seed)
		order := rapid.Permutation(choices).Draw(t, "order")
		for _, c := range order {
			again.Decide(c.k, c.lane, c.n)
		}
		for i, c := range choices {
			if v := again.Decide(c.k, c.lane, c.n); v != got[i] {
				t.Fatalf("%+v is %d, and was %d", c, v, got[i])
			}
			if v := seededWith(seed).Decide(c.k, c.lane, c.n); v != got[i] {
				t.Fatalf("%+v alone is %d, and was %d", c, v, got[i])
			}
		}
	})
}

// TestDecideIsUniform counts neighbouring keys, lanes and seeds into buckets: a chi square with 63 degrees of freedom
// stays below 120 (a chance of 2e-5 that an even one does not), and neighbours do not go together.
func TestDecideIsUniform(t *testing.T) {
	const draws, buckets = 64_000, 64
	for name, at := range map[string]func(i uint64) (seed uint64, k netsim.Key, lane netsim.Lane){
		"how-many-th": func(i uint64) (uint64, netsim.Key, netsim.Lane) { return 1, netsim.Key{A: 1 << 56, B: i}, 0 },
		"link":        func(i uint64) (uint64, netsim.Key, netsim.Lane) { return 1, netsim.Key{A: 1<<56 | i, B: 1}, 0 },
		"epoch":       func(i uint64) (uint64, netsim.Key, netsim.Lane) { return 1, netsim.Key{A: 1 << 56, B: i << 32}, 0 },
		"lane":        func(i uint64) (uint64, netsim.Key, netsim.Lane) { return 1, netsim.Key{A: 1 << 56}, netsim.Lane(i) },
		"lane of key": func(i uint64) (uint64, netsim.Key, netsim.Lane) { return 1, netsim.Key{A: 1 << 56, B: i}, 3 },
		"seed":        func(i uint64) (uint64, netsim.Key, netsim.Lane) { return i + 1, netsim.Key{A: 1 << 56}, 0 },
	} {
		var count [buckets]int
		together := 0
		last := uint64(0)
		for i := range uint64(draws) {
			seed, k, lane := at(i)
			v := seededWith(seed).Decide(k, lane, buckets)
			count[v]++
			if i > 0 && v == last {
				together++
			}
			last = v
		}
		chi := 0.0
		for _, n := range count {
			d := float64(n) - draws/buckets
			chi += d * d / (draws / buckets)
		}
		if chi > 120 {
			t.Errorf("%s: chi square %.1f", name, chi)
		}
		if want := float64(draws) / buckets; math.Abs(float64(together)-want) > 5*math.Sqrt(want) {
			t.Errorf("%s: %d neighbours are equal, want about %.0f", name, together, want)
		}
	}
}

// TestLanesDiffer: two lanes of one packet have nothing to do with each other.
func TestLanesDiffer(t *testing.T) {
	const draws = 20_000
	s := seededWith(5)
	for a := netsim.Lane(0); a < 8; a++ {
		for b := a + 1; b < 8; b++ {
			both := 0
			for i := range uint64(draws) {
				k := netsim.Key{A: 1 << 56, B: i}
				if s.Decide(k, a, 4) == s.Decide(k, b, 4) {
					both++
				}
			}
			if math.Abs(float64(both)-draws/4) > 5*math.Sqrt(draws*3/16) {
				t.Errorf("lanes %d and %d are equal %d times of %d", a, b, both, draws)
			}
		}
	}
}

// TestKeysAreUnique: no two choices of a run share a key, whatever is sent in which epoch, as long as a packet is not
// 128 epochs late; also in worlds whose counters are not one table.
func TestKeysAreUnique(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := rapid.SampledFrom([]int{2, 3, denseMax, denseMax + 1, 4096}).Draw(t, "world")
		var c counters
		if rapid.Bool().Draw(t, "used") {
			c.reset(rapid.SampledFrom([]int{world, 2, 4096}).Draw(t, "world before"))
			c.key(domainPacket, 1, 0, 1, 7)
		}
		c.reset(world)
		type link struct {
			kind     uint8
			from, to int
		}
		node := rapid.SampledFrom([]int{0, 1, min(256, world-1), world - 1})
		links := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) link {
			return link{rapid.SampledFrom([]uint8{0, 1, 255}).Draw(t, "kind"), node.Draw(t, "from"), node.Draw(t, "to")}
		}), 1, 3).Draw(t, "links")
		seen := map[netsim.Key]int{}
		epoch := uint32(0)
		for i := range rapid.IntRange(1, 80).Draw(t, "packets") {
			epoch += rapid.SampledFrom([]uint32{0, 0, 1, 2, 40}).Draw(t, "epochs")
			late := rapid.Uint32Range(0, min(epoch, 127)).Draw(t, "late")
			l := rapid.SampledFrom(links).Draw(t, "link")
			d := rapid.SampledFrom([]domain{domainPacket, domainPacket, domainClose, domainRelease, domainReopen}).Draw(t, "domain")
			k := c.key(d, l.kind, l.from, l.to, epoch-late)
			if j, ok := seen[k]; ok {
				t.Fatalf("packets %d and %d share the key %x", j, i, k)
			}
			seen[k] = i
		}
		for d := domainDetect; d <= domainRandom; d++ {
			for what := range uint64(3) {
				k := choiceKey(d, what, 1)
				if j, ok := seen[k]; ok {
					t.Fatalf("choice %d of domain %d shares the key of packet %d", what, d, j)
				}
				seen[k] = -1
			}
		}
	})
}

// TestKeysSayWhatTheyMean: a packet's key does not depend on what was said before in other epochs, kinds or links.
func TestKeysSayWhatTheyMean(t *testing.T) {
	var a, b counters
	a.reset(3)
	b.reset(3)
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		b.key(domainPacket, uint8(r.IntN(3)), r.IntN(3), r.IntN(3), uint32(r.IntN(5)))
	}
	for i := range 10 {
		if x, y := a.key(domainPacket, 1, 0, 2, 9), b.key(domainPacket, 1, 0, 2, 9); x != y {
			t.Errorf("the %d-th packet of epoch 9 has the key %x or %x", i, x, y)
		}
	}
}

// TestMixIsOneToOne takes its steps back: no two words mix to one.
func TestMixIsOneToOne(t *testing.T) {
	inverse := func(x uint64) uint64 { // Newton's iteration modulo 2^64
		y := x
		for range 6 {
			y *= 2 - x*y
		}
		return y
	}
	unshift := func(x uint64, by uint) uint64 {
		y := x
		for range 64 / by {
			y = x ^ y>>by
		}
		return y
	}
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Uint64().Draw(t, "x")
		y := unshift(mix(x), 31) * inverse(0x94d049bb133111eb)
		y = unshift(y, 27) * inverse(0xbf58476d1ce4e5b9)
		if y = unshift(y, 30); y != x {
			t.Fatalf("mix(%x) comes back as %x", x, y)
		}
	})
}
