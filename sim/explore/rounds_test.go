package explore

import (
	"testing"
)

// TestRoundsLowered: a state whose rounds were lowered allows the same steps as before, and each leads to what is the same
// with its rounds lowered.
func TestRoundsLowered(t *testing.T) {
	for _, c := range []Config{
		{Protocol: "quorum", World: 3, Budget: Budget{FalseSuspicions: 2}},
		{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, FalseSuspicions: 1}},
		{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}},
	} {
		c.Plain.KeepRounds = true
		p := newProjection(t, &c)
		lowered := 0
		for s := range p.table {
			low := s
			if p.w.lower(&low).by == 0 {
				continue
			}
			lowered++
			compareSteps(t, p.w, &s, &low)
		}
		t.Logf("%s %+v: %d of %d states are lowered", c.Protocol, c.Budget, lowered, len(p.table))
		if lowered == 0 {
			t.Errorf("%s %+v: no state is lowered", c.Protocol, c.Budget)
		}
	}
}

func compareSteps(t *testing.T, w *world, s, low *State) {
	t.Helper()
	var names []string
	var ends []State
	for _, a := range append([]act(nil), w.enabled(s)...) {
		step := w.name(s, a)
		names = append(names, step.String())
		next := *s
		w.apply(&next, a)
		w.lower(&next)
		ends = append(ends, next)
	}
	acts := append([]act(nil), w.enabled(low)...)
	if len(acts) != len(names) {
		t.Fatalf("%d steps, and %d when lowered", len(names), len(acts))
	}
	for i, a := range acts {
		step := w.name(low, a)
		next := *low
		w.apply(&next, a)
		w.lower(&next)
		if step.String() != names[i] || next != ends[i] {
			for j := range w.cfg.World {
				t.Logf("cell %d: %+v\n and lowered %+v\n low %+v", j, w.cells.at(ends[i].cells[j]).of.m, w.cells.at(next.cells[j]).of.m, w.cells.at(low.cells[j]).of.m)
			}
			t.Fatalf("step %d is %s, and when lowered %s; same end %v: %+v %+v", i, names[i], step.String(), next == ends[i], ends[i], next)
		}
	}
}
