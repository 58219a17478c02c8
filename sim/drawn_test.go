package sim_test

import (
	"testing"

	"pgregory.net/rapid"

	"nexarsim/scenarios"
	"nexarsim/scenarios/scenariogen"
	"nexarsim/sim"
)

// TestDrawnScenarios lets rapid draw whole scenarios, faults of every kind at every moment, and holds the hardened core to
// all its properties: the majority rule everywhere, fail-stop under an accurate detector. A failure is shrunk to the least
// scenario that shows it.
func TestDrawnScenarios(t *testing.T) {
	t.Run("quorum", func(t *testing.T) { drawn(t, "quorum", false) })
	t.Run("quorum in crash-stop", func(t *testing.T) { drawn(t, "quorum", true) })
	t.Run("fail-stop", func(t *testing.T) { drawn(t, "fail-stop", true) })
}

func drawn(t *testing.T, protocol string, crashStop bool) {
	s := sim.New()
	gen := scenariogen.Runnable(crashStop)
	rapid.Check(t, func(t *rapid.T) {
		sc := gen.Draw(t, "scenario")
		seed := rapid.Uint64Range(1, 1<<40).Draw(t, "seed")
		res, err := s.Run(sim.Spec{Scenario: sc, Protocol: protocol, Seed: seed})
		if err != nil {
			t.Fatalf("%v\n%s", err, scenarios.JSON(sc))
		}
		v := res.Verdict
		if len(v.Malformed) > 0 || len(v.Violations) > 0 {
			t.Fatalf("malformed %v, violations %+v\n%s", v.Malformed, v.Violations, scenarios.JSON(sc))
		}
	})
}
