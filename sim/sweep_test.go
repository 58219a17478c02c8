package sim

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nexarsim/scenarios"
)

type atomicCounter struct{ n atomic.Int64 }

func (c *atomicCounter) add() { c.n.Add(1) }

// TestSweepIsItsRuns adds up runs made one by one.
func TestSweepIsItsRuns(t *testing.T) {
	spec := sweepOf(t, SeedList([]uint64{7, 3, 1 << 50}))
	got := sweep(t, spec)
	var want SweepResult
	findings := map[findingKey]Finding{}
	s := New()
	for _, sc := range spec.Scenarios {
		for _, protocol := range spec.Protocols {
			for _, seed := range []uint64{7, 3, 1 << 50} {
				res, err := s.Run(Spec{Scenario: sc, Protocol: protocol, Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				want.Runs++
				want.Steps += res.Steps
				want.Messages += res.Messages
				want.Installs += res.Installs
				want.VirtualNS += uint64(res.VirtualNS)
				sum := sha256.Sum256([]byte(fmt.Sprintf("%s\n%s\n%d\n%016x\n", sc.Name, protocol, seed, res.Digest)))
				for i := range sum {
					want.Digest[i] ^= sum[i]
				}
				for i := range want.Reach {
					want.Reach[i] += res.Reach[i]
				}
				for _, f := range FindingsOf(res) {
					key := findingKey{f.Scenario, f.Protocol, f.Property}
					old, ok := findings[key]
					f.Count += old.Count
					f.Causes = joinCauses(f.Causes, old.Causes)
					old.Causes = f.Causes
					if ok && (old.Steps < f.Steps || old.Steps == f.Steps && old.Seed < f.Seed) {
						old.Count = f.Count
						f = old
					}
					findings[key] = f
				}
			}
		}
	}
	if got.Runs != want.Runs || got.Steps != want.Steps || got.Messages != want.Messages || got.Installs != want.Installs ||
		got.VirtualNS != want.VirtualNS || got.Digest != want.Digest || got.Reach != want.Reach {
		t.Errorf("the sweep is %+v, its runs are %+v", got, want)
	}
	if len(got.Findings) != len(findings) {
		t.Errorf("%d findings, want %d", len(got.Findings), len(findings))
	}
	for i, f := range got.Findings {
		want := findings[findingKey{f.Scenario, f.Protocol, f.Property}]
		want.Liveness = f.Liveness // of all runs together
		if diff := cmp.Diff(want, f); diff != "" {
			t.Errorf("finding (-runs +sweep):\n%s", diff)
		}
		if i > 0 && got.Findings[i-1].key() >= f.key() {
			t.Errorf("findings %q and %q are out of order", got.Findings[i-1].key(), f.key())
		}
	}
	if got.DigestText() != fmt.Sprintf("%x", want.Digest) {
		t.Errorf("digest %s", got.DigestText())
	}
}

// TestShardsShareTheRuns: each run belongs to one shard, the I-th of N takes every N-th beginning with the I-th.
func TestShardsShareTheRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.Uint64Range(0, 60).Draw(t, "runs")
		of := rapid.IntRange(1, 9).Draw(t, "shards")
		owner := map[uint64]int{}
		for i := 1; i <= of; i++ {
			s := Shard{Index: i, Of: of}
			for k := range s.share(all) {
				run := s.run(k)
				if owner[run] != 0 || run >= all || int(run%uint64(of)) != i-1 {
					t.Fatalf("run %d of %d is of shards %d and %d", run, all, owner[run], i)
				}
				owner[run] = i
			}
		}
		if uint64(len(owner)) != all {
			t.Fatalf("%d of %d runs belong to a shard", len(owner), all)
		}
	})
}

// TestMergeHasNoOrder: findings of many runs come to the same, however they are grouped: the count of all, and the run
// with the least steps, of those the one with the least seed. What is safety in one run is not liveness in all.
func TestMergeHasNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) Finding {
			return Finding{
				Scenario: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "scenario"), Property: rapid.SampledFrom([]string{"p", "q"}).Draw(t, "property"),
				Liveness: rapid.Bool().Draw(t, "liveness"), Steps: rapid.Uint64Range(1, 3).Draw(t, "steps"), Count: 1,
			}
		})
		findings := rapid.SliceOfN(one, 0, 12).Draw(t, "findings")
		for i := range findings {
			findings[i].Seed = uint64(i + 1)
		}
		want := map[findingKey]*Finding{}
		for _, f := range findings {
			key := findingKey{f.Scenario, f.Protocol, f.Property}
			w := want[key]
			if w == nil {
				w = &Finding{Scenario: f.Scenario, Property: f.Property, Liveness: true, Steps: math.MaxUint64}
				want[key] = w
			}
			w.Count++
			w.Liveness = w.Liveness && f.Liveness
			if f.Steps < w.Steps {
				w.Steps, w.Seed = f.Steps, f.Seed
			}
		}
		tallies := []*tally{newTally(), newTally(), newTally()}
		for _, f := range rapid.Permutation(findings).Draw(t, "order") {
			tallies[rapid.IntRange(0, 2).Draw(t, "worker")].find(&f)
		}
		all := newTally()
		for _, w := range tallies {
			all.merge(w)
		}
		got := all.result().Findings
		if len(got) != len(want) {
			t.Fatalf("%d findings, want %d", len(got), len(want))
		}
		for _, f := range got {
			if diff := cmp.Diff(*want[findingKey{f.Scenario, f.Protocol, f.Property}], f); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// TestSeeds gives each seed once, in order, up to the last that there is.
func TestSeeds(t *testing.T) {
	for _, c := range []struct {
		seeds Seeds
		want  []uint64
	}{
		{SeedRange(1, 3), []uint64{1, 2, 3}},
		{SeedRange(math.MaxUint64-1, math.MaxUint64), []uint64{math.MaxUint64 - 1, math.MaxUint64}},
		{SeedRange(5, 5), []uint64{5}},
		{SeedList([]uint64{9, 2, 4}), []uint64{9, 2, 4}},
	} {
		var got []uint64
		for i := range c.seeds.Len() {
			got = append(got, c.seeds.at(i))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Error(diff)
		}
	}
	if n := SeedRange(1, math.MaxUint64).Len(); n != math.MaxUint64 {
		t.Errorf("all seeds are %d", n)
	}
}

// TestSweepStops when its context is cancelled, with what was done until then.
func TestSweepStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	spec := sweepOf(t, SeedRange(1, 1_000_000))
	spec.Workers = 1
	var done atomicCounter
	spec.Done = func() {
		if done.add(); done.n.Load() == 5 {
			cancel()
		}
	}
	res, err := Sweep(ctx, spec)
	if !errors.Is(err, context.Canceled) || res == nil || res.Runs != 5 || done.n.Load() != 5 {
		t.Errorf("error %v, result %+v, %d runs told", err, res, done.n.Load())
	}
}

// TestBadSpecs are told before any run.
func TestBadSpecs(t *testing.T) {
	sc, _ := scenarios.Builtin("leader-dies")
	const text = `protocol "raft": unknown; available: classic, classic+epoch, classic+numbering, classic+replay, classic+routers, fail-stop, quorum`
	_, runErr := New().Run(Spec{Scenario: sc, Protocol: "raft", Seed: 1})
	_, sweepErr := Sweep(context.Background(), SweepSpec{Scenarios: []*scenarios.Scenario{sc}, Protocols: []string{"quorum", "raft"}, Seeds: SeedRange(1, 2)})
	_, namedErr := Protocol("raft")
	for _, err := range []error{runErr, sweepErr, namedErr} {
		if err == nil || err.Error() != text {
			t.Errorf("error %v, want %s", err, text)
		}
	}
	if _, err := New().Run(Spec{Scenario: sc}); err == nil || err.Error() != "run leader-dies: seed 0: expected 1 to 18446744073709551615" {
		t.Errorf("seed 0: error %v", err)
	}
	if _, err := New().Run(Spec{Seed: 1}); err == nil || err.Error() != "run: no scenario" {
		t.Errorf("no scenario: error %v", err)
	}
}

// TestErrorLeavesTheSimulatorUsable: after a spec that could not be run the next one is.
func TestErrorLeavesTheSimulatorUsable(t *testing.T) {
	sc, _ := scenarios.Builtin("leader-dies")
	s := New()
	for range 2 {
		if _, err := s.Run(Spec{Scenario: sc, Protocol: "raft", Seed: 1}); err == nil {
			t.Error("no error")
		}
		res, err := s.Run(Spec{Scenario: sc, Seed: 1})
		if err != nil || len(res.Verdict.Violations) != 0 {
			t.Errorf("error %v, result %+v", err, res)
		}
	}
}

// allocationsOf counts what a run of W(8) allocates after the first.
func allocationsOf(t *testing.T) float64 {
	t.Helper()
	sc := workload(t, 8)
	s := New()
	seed := uint64(0)
	run := func() {
		seed++
		if _, err := s.Run(Spec{Scenario: sc, Protocol: "quorum", Seed: seed}); err != nil {
			t.Fatal(err)
		}
	}
	run()
	return testing.AllocsPerRun(100, run)
}

// TestAllocations holds a run to what it allocates today: eight machines, their views, a few texts. The steps themselves
// allocate nothing, or it would be thousands.
func TestAllocations(t *testing.T) {
	got := allocationsOf(t)
	t.Logf("%.0f allocations for each run of W(8)", got)
	if got > 150 { // the race detector allocates too
		t.Errorf("%.0f allocations for each run of W(8), want at most 150", got)
	}
}

// TestRingAllocatesPerCall: what a run of all-reduces round the ring allocates is for its calls, and not for the segments
// of each: four times the members, so four times the segments of a call, cost a call nothing more.
func TestRingAllocatesPerCall(t *testing.T) {
	perCall := func(world int) float64 {
		s := New()
		sc := probing(t, world, "workload: {allreduce: {every: 1s}}\nduration: 60s\nsettle: 10s\n")
		seed := uint64(1)
		for s.ring = false; !s.ring; seed++ {
			s.dice.reset(seed + 1)
			s.ring = s.dice.Decide(choiceKey(domainRing, 0, 0), 0, 2) != 0
		}
		calls := uint64(0)
		run := func() {
			res, err := s.Run(Spec{Scenario: sc, Protocol: "quorum", Seed: seed})
			if err != nil || len(res.Verdict.Violations) != 0 {
				t.Fatal(err, res)
			}
			calls = s.load.calls - loadCalls
		}
		run()
		return testing.AllocsPerRun(3, run) / float64(calls)
	}
	few, many := perCall(8), perCall(32)
	t.Logf("%.1f allocations for each call of 14 segments, %.1f for each of 62", few, many)
	if many > few+2 { // a slab of segments is one for some hundreds of them, a node's views and sets are more for a larger world
		t.Errorf("%.1f allocations for each call of 14 segments, but %.1f for each of 62", few, many)
	}
}
