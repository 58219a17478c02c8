package explore

// mostStuck bounds how many states are looked at to learn that a state leads nowhere. What it takes more for is not
// called stuck.
const mostStuck = 20_000

// stuck tells whether nothing but timers is left in a state, and whatever happens by itself leads back to it: then what is
// owed there is owed for ever.
func (w *world) stuck(s *State) bool {
	if !w.quiet(s) {
		return false
	}
	g := graph{index: map[State]int32{}}
	g.add(*s, -1)
	for at := 0; at < len(g.states); at++ {
		from := g.states[at]
		for _, a := range w.enabled(&from) {
			if !a.free() {
				continue
			}
			next := from
			w.apply(&next, a)
			if g.add(next, int32(at)); len(g.states) > mostStuck {
				return false
			}
		}
	}
	return g.leadsBack()
}

// graph is states that lead to each other.
type graph struct {
	states []State
	before [][]int32 // of each state, those that lead to it
	index  map[State]int32
}

func (g *graph) add(s State, from int32) {
	at, known := g.index[s]
	if !known {
		at = int32(len(g.states))
		g.index[s] = at
		g.states, g.before = append(g.states, s), append(g.before, nil)
	}
	if from >= 0 {
		g.before[at] = append(g.before[at], from)
	}
}

// leadsBack tells whether the first state is reached from all of them.
func (g *graph) leadsBack() bool {
	reached := make([]bool, len(g.states))
	reached[0] = true
	queue := []int32{0}
	for at := 0; at < len(queue); at++ {
		for _, from := range g.before[queue[at]] {
			if !reached[from] {
				reached[from] = true
				queue = append(queue, from)
			}
		}
	}
	return len(queue) == len(g.states)
}
