package explore

import (
	"fmt"
	"testing"

	"nexarsim/core"
	"nexarsim/core/classic"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// TestProjectedClassic: runs of the first and the last rung of classic, on streams and with crashes, are paths of what is explored,
// and all states are in the table.
func TestProjectedClassic(t *testing.T) {
	for _, x := range []struct {
		protocol string
		repair   classic.Repair
		crashes  int
		runs     int
	}{
		{"classic+epoch", classic.Generation, 2, 300},
		{"classic+replay", classic.Replay, 2, 300},
	} {
		c := Config{Protocol: x.protocol, World: 3, Budget: Budget{Crashes: x.crashes, EarlyTimeouts: 1}}
		p := newProjection(t, &c)
		p.took = map[do]int{}
		sc, err := scenarios.Parse("projected", fmt.Appendf(nil, "name: projected\nworld: 3\nmodel: crash-stop\nnetwork: {transport: stream}\nfaults: [{random: {crashes: 1..%d, between: 5s..9s}}]\n", x.crashes))
		if err != nil {
			t.Fatal(err)
		}
		s, why := sim.New(), map[string]int{}
		within, steps, made := 0, 0, 0
		for ; within < x.runs && made < 10*x.runs; made++ {
			log, err := spiedOn(s, sim.Spec{Scenario: sc, Protocol: "quorum", Seed: uint64(made) + 1}, func(setup core.Setup) (core.Machine, error) {
				setup.Config.ExternalDetector = true // as in what is explored
				setup.CommID = sim.RootID(x.protocol, nodeIDs(c.World))
				return classic.New(setup, x.repair)
			})
			if err != nil {
				t.Fatal(err)
			}
			taken, err := p.follow(log)
			if err == nil {
				within, steps = within+1, steps+taken
				continue
			}
			o, ok := asOutside(err)
			if !ok {
				t.Fatalf("%s, run %d: %v", x.protocol, made+1, err)
			}
			why[o.why]++
		}
		t.Logf("%s: %d states; %d of %d runs are within the budget, with %d steps %v; outside: %v", x.protocol, len(p.table), within, made, steps, p.took, why)
		if within < x.runs {
			t.Errorf("%s: %d runs are within the budget; expected %d", x.protocol, within, x.runs)
		}
	}
}
