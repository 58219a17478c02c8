package explore

import "testing"

// TestPartialOrder measures what a reduction by partial order could gain: in each state one free step is taken alone if it
// changes nothing that is broken or owed and commutes with every other step that is possible there, one step ahead. A sound
// reduction has to look at all that may ever come (that no other message reaches that node first), so it takes fewer alone.
func TestPartialOrder(t *testing.T) {
	for _, x := range []struct {
		config Config
		half   bool // of the states could be spared
	}{
		{Config{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, FalseSuspicions: 1}}, false},
		{Config{Protocol: "quorum", World: 4, Budget: Budget{Crashes: 2}}, false},
		{Config{Protocol: "quorum", World: 4, Budget: Budget{Crashes: 1, FalseSuspicions: 1}}, true},
		{Config{Protocol: "fail-stop", World: 4, Budget: Budget{Crashes: 2, Losses: 1}}, false},
		{Config{Protocol: "quorum", World: 3, Budget: Budget{FalseSuspicions: 2}}, true},
	} {
		make1, err := newWorlds(&x.config)
		if err != nil {
			t.Fatal(err)
		}
		w := make1()
		all := len(reached(w, nil))
		least := len(reached(w, func(s *State, acts []act) []act {
			if a, ok := w.commuting(s, acts); ok {
				return []act{a}
			}
			return acts
		}))
		t.Logf("%s, %d nodes, %+v: %d states, at best %d", x.config.Protocol, x.config.World, x.config.Budget, all, least)
		if half := all >= 2*least; half != x.half {
			t.Errorf("%s, %d nodes, %+v: %d states could be %d: docs/explore.md says otherwise", x.config.Protocol, x.config.World, x.config.Budget, all, least)
		}
	}
}

// reached explores with the steps that choose leaves.
func reached(w *world, choose func(*State, []act) []act) map[State]struct{} {
	seen := map[State]struct{}{w.initial: {}}
	queue := []State{w.initial}
	for at := 0; at < len(queue); at++ {
		acts := append([]act(nil), w.enabled(&queue[at])...)
		if choose != nil {
			acts = choose(&queue[at], acts)
		}
		for _, a := range acts {
			next := queue[at]
			w.apply(&next, a)
			if _, known := seen[next]; !known {
				seen[next] = struct{}{}
				queue = append(queue, next)
			}
		}
	}
	return seen
}

// commuting finds a free step that the judge does not see and that commutes with all others.
func (w *world) commuting(s *State, acts []act) (act, bool) {
	after := make([]State, len(acts))
	for i, a := range acts {
		after[i] = *s
		w.apply(&after[i], a)
	}
	for i, a := range acts {
		if !a.free() || a.do == doTimer || !w.sameMarks(s, &after[i]) || after[i] == *s {
			continue
		}
		all := true
		for j, b := range acts {
			if i != j && !w.commute(&after[i], &after[j], s, a, b) {
				all = false
				break
			}
		}
		if all {
			return a, true
		}
	}
	return act{}, false
}

func (w *world) commute(afterA, afterB, s *State, a, b act) bool {
	na, nb := w.name(s, a), w.name(s, b)
	x, ok := w.named(afterA, &nb)
	if !ok {
		return false
	}
	one := *afterA
	w.apply(&one, x)
	y, ok := w.named(afterB, &na)
	if !ok {
		return false
	}
	two := *afterB
	w.apply(&two, y)
	return one == two
}

// sameMarks tells whether the judge finds the same broken and owed in two states.
func (w *world) sameMarks(a, b *State) bool {
	x, y := w.verdicts.at(a.verdict).of, w.verdicts.at(b.verdict).of
	return x.broken == y.broken && x.owed == y.owed
}
