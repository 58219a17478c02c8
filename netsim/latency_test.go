package netsim

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// hashed is a decider that has no memory: a seed, mixed with the key and the lane.
type hashed uint64

func (h hashed) Decide(k Key, lane Lane, n uint64) uint64 {
	x := uint64(h)
	for _, w := range []uint64{k.A, k.B, uint64(lane)} {
		x = (x ^ w) * 0x9e3779b97f4a7c15
		x ^= x >> 29
		x *= 0xbf58476d1ce4e5b9
		x ^= x >> 32
	}
	hi := new(big.Int).Mul(new(big.Int).SetUint64(x), new(big.Int).SetUint64(n))
	return hi.Rsh(hi, 64).Uint64()
}

// quick is hashed without the arithmetic of unlimited size, for tests that draw often. n is at most 2^32.
type quick uint64

func (h quick) Decide(k Key, lane Lane, n uint64) uint64 {
	x := (uint64(h) ^ k.B + uint64(lane)<<40) * 0x9e3779b97f4a7c15
	x ^= x >> 29
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 32
	x *= 0x94d049bb133111eb
	return x >> 32 * n >> 32
}

// answers gives the same answer to everything: the least, the greatest, or a share of the range in thousandths.
type answers uint64

func (a answers) Decide(_ Key, _ Lane, n uint64) uint64 {
	if a >= 1000 {
		return n - 1
	}
	return n / 1000 * uint64(a)
}

// longest is the longest delay that a scenario can ask for: a leap year.
const longest = int64(366 * 24 * time.Hour)

func TestTableOfLogarithms(t *testing.T) {
	for i, got := range negLog {
		want := -math.Log1p(-float64(i)/256) * (1 << 20)
		if math.Abs(float64(got)-want) > 1 {
			t.Errorf("negLog[%d] is %d, want %.2f", i, got, want)
		}
		if i > 0 && got <= negLog[i-1] {
			t.Errorf("negLog[%d] is %d, not above %d", i, got, negLog[i-1])
		}
	}
	if want := math.Log(256) * (1 << 20); math.Abs(negLogEnd-want) > 1 {
		t.Errorf("negLogEnd is %d, want %.2f", negLogEnd, want)
	}
}

// TestMulShift holds it to arithmetic of unlimited size, for all factors that a delay can have.
func TestMulShift(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(0, 5*negLogEnd).Draw(t, "a")
		b := rapid.OneOf(rapid.Int64Range(0, 5000), rapid.Int64Range(0, longest)).Draw(t, "b")
		exact := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		exact.Rsh(exact, 20)
		got := mulShift(a, b)
		if d := exact.Int64() - got; d < 0 || d > 3 {
			t.Fatalf("mulShift(%d, %d) is %d, want %v", a, b, got, exact)
		}
	})
}

// delay draws the parameters of a distribution, from nothing to a year.
func delay(t *rapid.T, label string) int64 {
	return rapid.OneOf(
		rapid.Int64Range(0, 10), rapid.Int64Range(0, int64(time.Second)), rapid.Int64Range(0, longest), rapid.Just(longest),
	).Draw(t, label)
}

// distribution draws a distribution, with the least and the greatest delay that it promises.
func distribution(t *rapid.T) (l Latency, least, most int64) {
	lo := delay(t, "min")
	hi := lo + delay(t, "span")
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		return Uniform(lo, hi), lo, hi
	case 1:
		return Exponential(lo, hi), lo, lo + TailMax*(hi-lo)
	}
	slowLo := delay(t, "slow min")
	slowHi := slowLo + delay(t, "slow span")
	share := rapid.SampledFrom([]int64{0, 1, PPB / 2, PPB - 1, PPB}).Draw(t, "share")
	return Bimodal(lo, hi, slowLo, slowHi, share), min(lo, slowLo), max(hi, slowHi)
}

func TestLatencyBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, least, most := distribution(t)
		if got := l.Max(); got != most {
			t.Fatalf("Max() is %d, want %d", got, most)
		}
		lane := rapid.SampledFrom([]Lane{LaneLatency, LaneDuplicateLatency, LaneRelease}).Draw(t, "lane")
		seed := rapid.Uint64().Draw(t, "seed")
		deciders := []Decider{answers(0), answers(1), answers(500), answers(999), answers(1000)}
		for i := range uint64(10) {
			deciders = append(deciders, hashed(seed+i))
		}
		for _, d := range deciders {
			if got := l.draw(d, Key{seed, 1}, lane); got < least || got > most {
				t.Fatalf("%+v gives %d, not in %d..%d, to %v", l, got, least, most, d)
			}
		}
	})
}

// TestUniformReachesItsEnds keeps both ends of a range within it.
func TestUniformReachesItsEnds(t *testing.T) {
	l := Uniform(50_000, 2_000_000)
	if lo, hi := l.draw(answers(0), Key{}, LaneLatency), l.draw(answers(1000), Key{}, LaneLatency); lo != 50_000 || hi != 2_000_000 {
		t.Errorf("drawn %d..%d, want 50000..2000000", lo, hi)
	}
	if l := Uniform(7, 7); l.draw(answers(1000), Key{}, LaneLatency) != 7 {
		t.Error("a range of one delay gives another")
	}
}

// TestExponentialMean draws often: the mean is what was asked for within 2 %, and the tail falls as it should.
func TestExponentialMean(t *testing.T) {
	const draws = 100_000
	for _, c := range []struct{ least, mean int64 }{
		{0, 5000}, {0, int64(time.Millisecond)}, {int64(time.Millisecond), int64(5 * time.Millisecond)}, {0, int64(time.Hour)}, {0, longest},
	} {
		l := Exponential(c.least, c.mean)
		sum, beyond := new(big.Int), [4]int{}
		for i := range uint64(draws) {
			d := l.draw(quick(c.mean), Key{0, i}, LaneLatency) - c.least
			sum.Add(sum, big.NewInt(d))
			for k := range beyond {
				if d > int64(k+1)*(c.mean-c.least) {
					beyond[k]++
				}
			}
		}
		mean, _ := new(big.Rat).SetFrac(sum, big.NewInt(draws)).Float64()
		if ratio := mean / float64(c.mean-c.least); math.Abs(ratio-1) > 0.02 {
			t.Errorf("exponential of mean %v: drawn %.4f times that", time.Duration(c.mean), ratio)
		}
		for k, n := range beyond {
			want := math.Exp(-float64(k + 1))
			if got := float64(n) / draws; math.Abs(got-want) > 5*math.Sqrt(want/draws) {
				t.Errorf("exponential of mean %v: %.5f of all beyond %d means, want %.5f", time.Duration(c.mean), got, k+1, want)
			}
		}
	}
}

// TestExponentialTailIsCutOff follows the draws of a value far out to their end.
func TestExponentialTailIsCutOff(t *testing.T) {
	l := Exponential(10, 1010)
	if got, want := l.draw(answers(1000), Key{}, LaneLatency), int64(10+TailMax*1000); got != want {
		t.Errorf("the greatest delay is %d, want %d", got, want)
	}
	if got := l.draw(answers(0), Key{}, LaneLatency); got != 10 {
		t.Errorf("the least delay is %d, want 10", got)
	}
}

func TestBimodalShare(t *testing.T) {
	const draws = 100_000
	for _, share := range []int64{0, PPB / 100, PPB / 2, PPB} {
		l, slow := Bimodal(0, 9, 100, 109, share), 0
		for i := range uint64(draws) {
			if l.draw(quick(7), Key{0, i}, LaneLatency) >= 100 {
				slow++
			}
		}
		want := float64(share) / PPB
		if got := float64(slow) / draws; math.Abs(got-want) > 5*math.Sqrt(want*(1-want)/draws) {
			t.Errorf("share %.3f: %.5f of all were slow", want, got)
		}
	}
}

// TestLanesAreDistinct gives each lane that one packet can ask for its own number: what one draw says is no hint of
// another's.
func TestLanesAreDistinct(t *testing.T) {
	asked := map[Lane]bool{}
	note := decideFunc(func(_ Key, lane Lane, n uint64) uint64 {
		if asked[lane] {
			t.Errorf("lane %d is asked twice", lane)
		}
		asked[lane] = true
		return n - 1
	})
	l := Exponential(0, 100)
	for _, lane := range []Lane{LaneLatency, LaneDuplicateLatency, LaneRelease} {
		l.draw(note, Key{}, lane)
	}
	for i := range Lane(attemptsMax) {
		chance(note, Key{}, laneLoss+i, 1)
	}
	clear(asked)
	l = Bimodal(0, 1, 2, 3, PPB/2)
	for _, lane := range []Lane{LaneLatency, LaneDuplicateLatency, LaneRelease} {
		l.draw(note, Key{}, lane)
	}
	chance(note, Key{}, LaneDuplicate, 1)
}

type decideFunc func(k Key, lane Lane, n uint64) uint64

func (f decideFunc) Decide(k Key, lane Lane, n uint64) uint64 { return f(k, lane, n) }

// TestChance: what cannot happen or must happen is no choice; a rate in between is met.
func TestChance(t *testing.T) {
	never := decideFunc(func(Key, Lane, uint64) uint64 { t.Error("asked"); return 0 })
	if chance(never, Key{}, laneLoss, 0) || !chance(never, Key{}, laneLoss, PPB) {
		t.Error("a rate of 0 happened, or a rate of 1 did not")
	}
	if chance(answers(1000), Key{}, laneLoss, PPB-1) || !chance(answers(0), Key{}, laneLoss, 1) {
		t.Error("the rates beside 0 and 1 count as them")
	}
}
