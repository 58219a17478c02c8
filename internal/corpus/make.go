package corpus

import (
	"context"
	"fmt"
	"strings"

	"nexarsim/scenarios"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
)

// searchSeeds is how many seeds of a scenario are looked at for the shortest run that shows a bug.
const searchSeeds = 500

// Make finds a record's bug again and shrinks it: of the runs that show it in its words, the one with the fewest steps.
func Make(ctx context.Context, r Record) (*capsule.Capsule, error) {
	sc, ok := scenarios.Builtin(r.Found.Scenario)
	if !ok {
		return nil, fmt.Errorf("make %s: no built-in scenario %s", r.File, r.Found.Scenario)
	}
	s := sim.New()
	seed, least := uint64(0), uint64(0)
	for n := uint64(1); n <= searchSeeds; n++ {
		res, err := s.Run(sim.Spec{Scenario: sc, Protocol: r.Found.Protocol, Seed: n})
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", r.File, err)
		}
		if r.Found.shows(res) && (seed == 0 || res.Steps < least) {
			seed, least = n, res.Steps
		}
	}
	if seed == 0 {
		return nil, fmt.Errorf("make %s: no violation of %s with the words %q in %d seeds of %s", r.File, r.Found.Property, r.Found.Words, searchSeeds, r.Found.Scenario)
	}
	c, _, err := s.Record(sim.Spec{Scenario: sc, Protocol: r.Found.Protocol, Seed: seed}, r.Found.Property)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", r.File, err)
	}
	c, err = sim.Shrink(ctx, sim.ShrinkSpec{Capsule: c})
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", r.File, err)
	}
	c.FoundBy.Command = "sweep"
	return c, nil
}

// shows tells whether a run's first violation of the property says it in the words.
func (f *Found) shows(res *sim.Result) bool {
	for i := range res.Verdict.Violations {
		if v := &res.Verdict.Violations[i]; v.Property == f.Property {
			return strings.Contains(v.Why, f.Words)
		}
	}
	return false
}
