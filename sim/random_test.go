package sim

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nexarsim/scenarios"
)

// aRange draws a range of small counts.
func aRange(t *rapid.T, label string) scenarios.Range {
	lo := rapid.IntRange(0, 4).Draw(t, label)
	return scenarios.Range{Min: lo, Max: lo + rapid.IntRange(0, 3).Draw(t, label+" more")}
}

// TestRandomFaults: what is drawn stays within what was asked for: how many, when, how long, whom.
func TestRandomFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &scenarios.Random{
			Crashes: aRange(t, "crashes"), Partitions: aRange(t, "partitions"), Cuts: aRange(t, "cuts"), Pauses: aRange(t, "pauses"),
			Suspicions: aRange(t, "suspicions"),
			BetweenMin: time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "from")),
		}
		r.BetweenMax = r.BetweenMin + time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "length"))
		world := rapid.IntRange(1, 8).Draw(t, "world")
		index := rapid.IntRange(0, 3).Draw(t, "index")
		f := &scenarios.Fault{Random: r}
		seed := rapid.Uint64().Draw(t, "seed")
		acts := expand(f, index, world, seededWith(seed))
		count := map[scenarios.ActKind]int{}
		dead := map[int]bool{}
		for i := range acts {
			a := &acts[i]
			count[a.Kind]++
			if a.at < int64(r.BetweenMin) || a.at > int64(r.BetweenMax) {
				t.Fatalf("%s: not in %v..%v", a.describe(), r.BetweenMin, r.BetweenMax)
			}
			if a.dur < 0 || a.dur > int64(30*time.Second) {
				t.Fatalf("%s: lasts longer than 30s", a.describe())
			}
			if lasts := a.Kind != scenarios.ActCrash && a.Kind != scenarios.ActSuspect; lasts && a.dur == 0 {
				t.Fatalf("%s: has no end", a.describe())
			}
			checkWhom(t, a, world, dead)
		}
		within := func(kind scenarios.ActKind, n scenarios.Range, possible bool) {
			if got := count[kind]; possible && (got < n.Min || got > n.Max) || !possible && got != 0 {
				t.Fatalf("%d acts %v, want %v", got, kind, n)
			}
		}
		within(scenarios.ActCrash, scenarios.Range{Min: min(r.Crashes.Min, world), Max: min(r.Crashes.Max, world)}, true)
		within(scenarios.ActPartition, r.Partitions, world > 1)
		within(scenarios.ActCut, r.Cuts, world > 1)
		within(scenarios.ActPause, r.Pauses, true)
		within(scenarios.ActSuspect, r.Suspicions, world > 1)
		again := expand(f, index, world, seededWith(seed))
		if !slices.EqualFunc(acts, again, func(a, b act) bool { return a.describe() == b.describe() }) {
			t.Fatal("the same seed draws something else")
		}
	})
}

// checkWhom holds an act to nodes that exist, each once.
func checkWhom(t *rapid.T, a *act, world int, dead map[int]bool) {
	nodes := append([]int(nil), a.Nodes...)
	for _, g := range a.Groups {
		if len(g) == 0 {
			t.Fatalf("%s: an empty side", a.describe())
		}
		nodes = append(nodes, g...)
	}
	for _, l := range a.Links {
		nodes = append(nodes, l.From, l.To)
	}
	for _, s := range a.Suspect {
		nodes = append(nodes, s.By, s.Of)
	}
	slices.Sort(nodes)
	if len(nodes) == 0 || nodes[0] < 0 || nodes[len(nodes)-1] >= world || len(slices.Compact(slices.Clone(nodes))) != len(nodes) {
		t.Fatalf("%s: nodes %v in a world of %d", a.describe(), nodes, world)
	}
	if a.Kind == scenarios.ActPartition && len(nodes) != world {
		t.Fatalf("%s: a partition is a split of all", a.describe())
	}
	if a.Kind == scenarios.ActCrash {
		if dead[nodes[0]] {
			t.Fatalf("%s: it is dead already", a.describe())
		}
		dead[nodes[0]] = true
	}
}

// TestRandomFaultsVary: over many seeds each number, node and moment comes up, and two random faults of one scenario
// draw independently.
func TestRandomFaultsVary(t *testing.T) {
	f := &scenarios.Fault{Random: &scenarios.Random{Crashes: scenarios.Range{Min: 0, Max: 3}, BetweenMin: 0, BetweenMax: time.Minute}}
	var numbers, victims [4]int
	early, silent, same := 0, 0, 0
	for seed := uint64(1); seed <= 1000; seed++ {
		acts := expand(f, 0, 4, seededWith(seed))
		numbers[len(acts)]++
		for _, a := range acts {
			victims[a.Nodes[0]]++
			early += int(bit(a.at < int64(30*time.Second)))
			silent += int(bit(a.Silent))
		}
		if len(acts) == len(expand(f, 1, 4, seededWith(seed))) {
			same++
		}
	}
	for i := range numbers {
		if numbers[i] < 190 || numbers[i] > 310 || victims[i] < 300 || victims[i] > 450 {
			t.Errorf("%d crashes came up %d times of 1000, node %d died %d times of about 375", i, numbers[i], i, victims[i])
		}
	}
	if early < 650 || early > 850 || silent < 650 || silent > 850 || same < 190 || same > 310 {
		t.Errorf("%d of about 1500 crashes were early, %d silent; two faults drew the same number %d times of 1000", early, silent, same)
	}
}

// TestDrawnIsTold: a run tells each act that it drew, in a line.
func TestDrawnIsTold(t *testing.T) {
	l := experiment(t, 4, "faults:\n  - {random: {crashes: 1, partitions: 1, cuts: 1, pauses: 1, suspicions: 1, between: 1s..2s}}\n", nil)
	if len(l.res.Drawn) != 5 || l.res.Unfired != nil {
		t.Errorf("drawn %q, unfired %q", l.res.Drawn, l.res.Unfired)
	}
}
