package checker_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker"
	"nexarsim/checker/trace"
)

// line is the line that a use stands for.
func line(u checker.Use) *trace.Event {
	return &trace.Event{
		T: u.T, Node: u.Node, From: u.From, Epoch: u.Epoch, Kind: trace.Deliver, Used: true,
		Msg: &trace.Message{Type: "data", Group: u.Group, Epoch: u.Of},
	}
}

// TestUses: whatever has happened, a use that was taken is to the judge what its line would have been, and one that was not
// has left no trace.
func TestUses(t *testing.T) {
	taken, left := 0, 0
	for seed := range uint64(200) {
		r := &nonsense{Rand: rand.New(rand.NewPCG(seed, 2)), world: 2 + int(seed)%5}
		h := trace.Header{
			Source: []string{"sim", "quic"}[r.IntN(2)], Protocol: []string{"quorum", "fail-stop"}[r.IntN(2)], World: r.world,
			Model: "asynchronous", CommID: 0xf00, Config: []byte(`{"policy":"automatic"}`),
		}
		j, err := checker.New(&h)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			if ev := r.event(); seed%2 == 0 || !ev.Kind.IsAct() || ev.Kind <= trace.Resume {
				j.Observe(&ev)
			}
			u := checker.Use{T: r.now - 1 + r.Int64N(3), Node: r.near(), From: r.near(), Epoch: uint64(r.IntN(3)), Group: 0xf00}
			if u.Of = u.Epoch; r.IntN(4) == 0 {
				u.Of, u.Group = uint64(r.IntN(3)), 0xf00+r.Uint64N(2)
			}
			short, long := j.Clone(), j.Clone()
			if !short.Uses(u) {
				left++
				long = j
			} else {
				taken++
				long.Observe(line(u))
			}
			end := checker.Ending{T: r.now + 1, Complete: true}
			if !bytes.Equal(short.AppendState(nil), long.AppendState(nil)) {
				t.Fatalf("seed %d: %+v: another state than its line's", seed, u)
			}
			if diff := cmp.Diff(long.Finish(end), short.Finish(end)); diff != "" {
				t.Fatalf("seed %d: %+v: another verdict than its line's (-want +got):\n%s", seed, u, diff)
			}
		}
	}
	if taken < 500 || left < 500 {
		t.Errorf("%d taken, %d left", taken, left)
	}
}

// TestUsesWhatBreaksNothing: of an ordinary run it takes all, and nothing that breaks a property.
func TestUsesWhatBreaksNothing(t *testing.T) {
	s := tell(t, "world 4\n 1s crash 3\n 2s suspect 0..2 3\n recover 0..2 1 0..2")
	j, err := checker.New(&s.h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.evs {
		j.Observe(&s.evs[i])
	}
	lawful := checker.Use{T: 3e9, Node: 0, From: 2, Epoch: 1, Group: s.h.CommID, Of: 1}
	if !j.Uses(lawful) {
		t.Error("an ordinary use is left")
	}
	for name, change := range map[string]func(u *checker.Use){
		"another group":       func(u *checker.Use) { u.Group++ },
		"an older view":       func(u *checker.Use) { u.Of = 0 },
		"a later view":        func(u *checker.Use) { u.Of = 2 },
		"time that goes back": func(u *checker.Use) { u.T = 1e9 },
		"a dead node":         func(u *checker.Use) { u.Node = 3 },
		"no such node":        func(u *checker.Use) { u.Node = 4 },
		"no such sender":      func(u *checker.Use) { u.From = -1 },
	} {
		u := lawful
		if change(&u); j.Uses(u) {
			t.Errorf("%s: taken", name)
		}
	}
}

// BenchmarkUses is the same event without its line.
func BenchmarkUses(b *testing.B) {
	s := tell(b, "world 8")
	j, err := checker.New(&s.h)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !j.Uses(checker.Use{Node: 1, From: 2, Group: 0xf00}) {
			b.Fatal("left")
		}
	}
}
