package core

import (
	"cmp"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// drawBallot draws ballots of low rounds and coordinators, where ties are, and now and then others. The highest round is
// left out: there is no ballot above it.
func drawBallot(t *rapid.T) Ballot {
	if rapid.IntRange(0, 9).Draw(t, "none") == 0 {
		return NoBallot
	}
	round := rapid.OneOf(rapid.Uint32Range(0, 3), rapid.Uint32Range(0, roundMax-1)).Draw(t, "round")
	coordinator := rapid.OneOf(rapid.Int32Range(0, 3), rapid.Int32Range(0, math.MaxInt32-1)).Draw(t, "coordinator")
	return Ballot{round, NodeID(coordinator)}
}

func compareBallots(a, b Ballot) int {
	return cmp.Or(cmp.Compare(a.Round, b.Round), cmp.Compare(a.Coordinator, b.Coordinator))
}

// TestBallots: a total order by round, then coordinator; packing loses nothing; next is the lowest higher one of its owner.
func TestBallots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawBallot(t), drawBallot(t)
		if a.Less(b) != (compareBallots(a, b) < 0) {
			t.Fatalf("%v < %v is %v", a, b, a.Less(b))
		}
		if a.Exists() && !NoBallot.Less(a) || NoBallot.Exists() {
			t.Fatalf("%v is not above no ballot", a)
		}
		if got := unpackBallot(a.pack()); got != a {
			t.Fatalf("%v unpacks to %v", a, got)
		}
		if a.Exists() == (a.pack() == 0) || a.Exists() && b.Exists() && (a.pack() < b.pack()) != a.Less(b) {
			t.Fatalf("%v packs to %x, %v to %x", a, a.pack(), b, b.pack())
		}
		owner := NodeID(rapid.Int32Range(0, 5).Draw(t, "owner"))
		next := a.next(owner)
		if next.Coordinator != owner || !a.Less(next) {
			t.Fatalf("after %v comes %v for %d", a, next, owner)
		}
		if lower := (Ballot{next.Round - 1, owner}); next.Round > 0 && a.Less(lower) {
			t.Fatalf("after %v comes %v for %d, and %v is lower", a, next, owner, lower)
		}
	})
}

// TestUnpackAnything: what no ballot packs to is no ballot.
func TestUnpackAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 1 << 31, 1<<31 - 1, 1<<31 + 1, 1<<32 - 1, 1 << 32, math.MaxUint64})).Draw(t, "p")
		b := unpackBallot(p)
		if b.Exists() && (b.pack() != p || b.Coordinator < 0) || !b.Exists() && b != NoBallot {
			t.Fatalf("%x unpacks to %v, which packs to %x", p, b, b.pack())
		}
	})
}
