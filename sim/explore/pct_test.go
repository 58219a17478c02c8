package explore

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPCT: random runs find what a search finds, in schedules that replay; they are the same for the same seed, and claim
// no more than they are worth.
func TestPCT(t *testing.T) {
	for _, c := range []Config{
		{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}},
		{Protocol: "muted", Make: muted, World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}},
	} {
		o := PCT{Runs: 400, Depth: 2, Steps: 80, Seed: 7}
		r, err := RunPCT(context.Background(), c, o)
		if err != nil {
			t.Fatal(err)
		}
		whole := explore(t, c, 2)
		if r.Complete() || r.States > whole.States || r.Chance.Runs != 400 || r.Chance.Threads == 0 || r.Chance.Steps != 80 {
			t.Errorf("%s: complete %v, %d states of %d, %+v", c.Protocol, r.Complete(), r.States, whole.States, r.Chance)
		}
		if len(r.Violations) == 0 {
			t.Errorf("%s: nothing found", c.Protocol)
		}
		for i := range r.Violations {
			v := &r.Violations[i]
			checkReplay(t, v)
			shortest := 0
			for _, w := range whole.Violations {
				if w.Property == v.Property {
					shortest = w.Steps
				}
			}
			if shortest == 0 || v.Steps < shortest {
				t.Errorf("%s: %s in %d steps; the search's shortest has %d", c.Protocol, v.Property, v.Steps, shortest)
			}
		}
		again, err := RunPCT(context.Background(), c, o)
		if err != nil {
			t.Fatal(err)
		}
		o.Seed = 8
		other, err := RunPCT(context.Background(), c, o)
		if err != nil {
			t.Fatal(err)
		}
		ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Make" }, cmp.Ignore())
		if diff := cmp.Diff(r, again, ignore); diff != "" {
			t.Errorf("%s, again (-first +second):\n%s", c.Protocol, diff)
		}
		if r.Transitions == other.Transitions && r.States == other.States {
			t.Errorf("%s: another seed makes the same runs", c.Protocol)
		}
	}
}

// TestPCTPlans: every plan of faults is drawn, and their number is the one that is told.
func TestPCTPlans(t *testing.T) {
	c := Config{World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1, Partitions: 1}}
	seen := map[[3]fault]bool{}
	d := draws{1}
	for range 20_000 {
		var p plan
		p.draw(&d, &c)
		var key [3]fault
		copy(key[:], p)
		seen[key] = true
	}
	if want := uint64((9 + 1) * (6 + 1) * (3 + 1)); uint64(len(seen)) != want || choices(&c) != want {
		t.Errorf("%d plans were drawn, %d are told; expected %d", len(seen), choices(&c), want)
	}
}

// TestPCTPriorities: without moments at which a thread falls, the highest thread moves as long as it can, so that a run
// that misses nothing but the order of two threads is met by about half of the seeds.
func TestPCTPriorities(t *testing.T) {
	c := Config{Protocol: "fail-stop", World: 2, Budget: Budget{Partitions: 1}}
	r, err := RunPCT(context.Background(), c, PCT{Runs: 2000, Depth: 1, Steps: 40, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Violations) != 1 {
		t.Fatalf("%d violations", len(r.Violations))
	}
	if runs := r.Violations[0].States; runs*uint64(r.Chance.Threads)*r.Chance.Choices < 2000 {
		t.Errorf("%d of 2000 runs meet a bug of depth 1: fewer than 1/(%d*%d)", runs, r.Chance.Threads, r.Chance.Choices)
	}
	for _, o := range []PCT{{Runs: 0, Depth: 1, Steps: 1}, {Runs: 1, Depth: 17, Steps: 1}, {Runs: 1, Depth: 1}} {
		if _, err := RunPCT(context.Background(), c, o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
