package corpus

import (
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// Outcome is what became of a capsule, and of the seed that it was found with, in the code as it is.
type Outcome struct {
	File     string
	Replay   sim.Outcome
	Missing  string            // diverged: what found no place
	Same     bool              // the same run, step for step
	Repaired map[string]string // by rung from the repairing one on
	Seed     bool              // the seed alone, in the scenario of its name, breaks the property again
}

// Outcome gathers it. Replay comes first.
func (e *Entry) Outcome() (Outcome, error) {
	r := e.Replays[0]
	o := Outcome{File: e.File, Replay: r.Outcome, Missing: r.Missing, Same: r.Same, Repaired: map[string]string{}}
	for _, p := range e.Repaired() {
		o.Repaired[p] = string(e.On(p).Outcome)
	}
	sc, ok := scenarios.Builtin(e.Found.Scenario)
	if !ok {
		return o, nil
	}
	res, err := sim.New().Run(sim.Spec{Scenario: sc, Protocol: e.Capsule.Protocol, Seed: e.Capsule.Seed})
	if err != nil {
		return o, err
	}
	o.Seed = e.Found.shows(res)
	return o, nil
}
