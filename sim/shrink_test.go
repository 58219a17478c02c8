package sim

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// broken records the first of some seeds of a built-in scenario that breaks something.
func broken(t *testing.T, name, protocol string) *capsule.Capsule {
	t.Helper()
	sc, ok := scenarios.Builtin(name)
	if !ok {
		t.Fatalf("no scenario %s", name)
	}
	for seed := uint64(1); seed < 200; seed++ {
		c, res, err := New().Record(Spec{Scenario: sc, Protocol: protocol, Seed: seed}, "")
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Verdict.Violations) > 0 {
			return c
		}
	}
	t.Fatalf("no run of %s with %s broke anything", name, protocol)
	return nil
}

func shrunk(t *testing.T, spec ShrinkSpec) *capsule.Capsule {
	t.Helper()
	c, err := Shrink(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return throughFile(t, c)
}

// firm tells whether a capsule shows its violation in each variation.
func firm(t *testing.T, c *capsule.Capsule, make1 Constructor) bool {
	t.Helper()
	for v := Plain; v < variations; v++ {
		ok, err := New().Shows(ReplaySpec{Capsule: c, New: make1}, v)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return false
		}
	}
	return true
}

// minimal fails if a decision of a capsule can be dropped.
func minimal(t *testing.T, c *capsule.Capsule, make1 Constructor) {
	t.Helper()
	if !firm(t, c, make1) {
		t.Errorf("the violation rests on an accident: it does not stand in each variation")
	}
	for i := range c.Decisions {
		less := *c
		less.Decisions = cut(c.Decisions, i)
		if firm(t, &less, make1) {
			t.Errorf("decision %d is not needed: %s", i+1, c.Decisions[i].String())
		}
	}
}

// TestShrink makes capsules smaller: the same property is broken by the smallest number of nodes and decisions, none of
// which can be taken away, and the same capsule always comes to the same.
func TestShrink(t *testing.T) {
	for _, name := range []string{"even-split", "random-mix", "everything-at-once", "stale-burst-after-heal", "chaos-in-a-lossy-network"} {
		c := broken(t, name, "fail-stop")
		small := shrunk(t, ShrinkSpec{Capsule: c})
		if small.Property != c.Property || len(small.Decisions) > 2 || small.Scenario.World.Min != 2 {
			t.Errorf("%s: %s by %d decisions in a world of %d; expected %s by a partition of two nodes", name, small.Property,
				len(small.Decisions), small.Scenario.World.Min, c.Property)
		}
		minimal(t, small, nil)
		r := replay(t, ReplaySpec{Capsule: small})
		if r.Outcome != Reproduced || !r.Same {
			t.Errorf("%s: the shrunk capsule is %s, same digest: %v", name, r.Outcome, r.Same)
		}
		if r = replay(t, ReplaySpec{Capsule: small, Protocol: "quorum"}); r.Outcome != Fixed {
			t.Errorf("%s: with a quorum it is %s at %s, expected fixed", name, r.Outcome, r.Missing)
		}
		if diff := cmp.Diff(small, shrunk(t, ShrinkSpec{Capsule: c})); diff != "" {
			t.Errorf("%s: shrunk twice (-first +second):\n%s", name, diff)
		}
	}
}

// TestShrinkEnds: a context or a number of replays ends it early, with the best so far, which still shows the violation.
func TestShrinkEnds(t *testing.T) {
	c := broken(t, "random-mix", "fail-stop")
	best := shrunk(t, ShrinkSpec{Capsule: c, Replays: 20})
	if n := len(best.Decisions); n >= len(c.Decisions) || n <= 1 {
		t.Errorf("20 replays leave %d of %d decisions", n, len(c.Decisions))
	}
	if r := replay(t, ReplaySpec{Capsule: best}); r.Outcome != Reproduced || !r.Same {
		t.Errorf("the best so far is %s", r.Outcome)
	}
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	got, err := Shrink(ctx, ShrinkSpec{Capsule: c, Progress: func(p ShrinkProgress) {
		if seen++; seen == 3 {
			cancel()
		}
		if p.Decisions > len(c.Decisions) || p.Replays == 0 || p.Nodes > c.Scenario.World.Min {
			t.Errorf("progress %+v", p)
		}
	}})
	if !errors.Is(err, context.Canceled) || got == nil || seen != 3 || len(got.Decisions) >= len(c.Decisions) {
		t.Errorf("interrupted after three steps: %v, %d steps, %v", err, seen, got)
	}
}

// TestShrinkRefuses: what shows no violation has nothing to shrink.
func TestShrinkRefuses(t *testing.T) {
	sc, _ := scenarios.Builtin("leader-dies")
	clean, _ := capsuleOf(t, Spec{Scenario: sc, Seed: 1}, "")
	if _, err := Shrink(context.Background(), ShrinkSpec{Capsule: clean}); !errors.Is(err, ErrNotShown) {
		t.Errorf("a run without a violation: %v", err)
	}
	c := broken(t, "even-split", "fail-stop")
	if _, err := Shrink(context.Background(), ShrinkSpec{Capsule: c, Protocol: "quorum"}); !errors.Is(err, ErrNotShown) {
		t.Errorf("a protocol that holds: %v", err)
	}
	if _, _, err := New().Record(Spec{Scenario: sc, Seed: 1}, "agreement"); err == nil {
		t.Error("a run was recorded for a property that it did not break")
	}
}
