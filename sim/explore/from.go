package explore

// A search may begin where a schedule ends, with what that leaves of the budget: what needs more rounds than a whole search
// can hold is in reach of the last of them. It is complete for what follows the schedule, and for nothing else.

// from takes the steps of a schedule from the start on, by their names, and has the search begin there. The error is a
// *Diverged if a step finds no place.
func (w *world) from(steps []Step) error {
	s := w.initial
	for i := range steps {
		a, ok := w.named(&s, &steps[i])
		if !ok {
			d := &Diverged{At: i + 1, Step: steps[i]}
			for _, a := range w.enabled(&s) {
				d.Enabled = append(d.Enabled, w.name(&s, a))
			}
			return d
		}
		w.apply(&s, a)
	}
	w.start = s
	return nil
}

// named finds the act that a step names.
func (w *world) named(s *State, step *Step) (act, bool) {
	for _, a := range w.enabled(s) {
		if name := w.name(s, a); name.equal(step) {
			return a, true
		}
	}
	return act{}, false
}

// starting gives a constructor of worlds whose search begins where steps lead.
func starting(make1 func() *world, steps []Step) (func() *world, error) {
	if err := make1().from(steps); err != nil {
		return nil, err
	}
	return func() *world {
		w := make1()
		if err := w.from(steps); err != nil {
			panic(err) // it was possible a moment ago
		}
		return w
	}, nil
}
