package explore

import (
	"fmt"
	"testing"

	"nexarsim/checker"
	"nexarsim/core"
	"nexarsim/core/classic"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// TestProjectedClassic: runs of classic as published, and of its first and last rung, on streams and with crashes, are paths of
// what is explored, all states are in the table, and what they break is the same.
func TestProjectedClassic(t *testing.T) {
	all, followed, left := 0, 0, map[string]int{}
	published, locked := 0, 0
	for _, x := range []struct {
		protocol string
		repair   classic.Repair
		world    int
		crashes  int
		runs     int
		breaks   []string
	}{
		{"classic", classic.AsPublished, 2, 1, 100, []string{checker.Validity, checker.History, checker.Livelock}},
		{"classic", classic.AsPublished, 3, 1, 300, []string{checker.Validity, checker.History, checker.Livelock}},
		{"classic", classic.AsPublished, 3, 2, 300, []string{checker.Validity, checker.History, checker.Livelock}},
		{"classic", classic.AsPublished, 4, 1, 100, nil},
		{"classic+epoch", classic.Generation, 3, 2, 300, nil},
		{"classic+replay", classic.Replay, 3, 2, 300, []string{checker.History}},
	} {
		c := Config{Protocol: x.protocol, World: x.world, Budget: Budget{Crashes: x.crashes, EarlyTimeouts: 1}}
		p := newProjection(t, &c)
		p.took = map[do]int{}
		sc, err := scenarios.Parse("projected", fmt.Appendf(nil, "name: projected\nworld: %d\nmodel: crash-stop\nnetwork: {transport: stream}\nfaults: [{random: {crashes: 1..%d, between: 5s..9s}}]\n", x.world, x.crashes))
		if err != nil {
			t.Fatal(err)
		}
		s, why := sim.New(), map[string]int{}
		within, steps, made := 0, 0, 0
		for ; within < x.runs && made < 10*x.runs; made++ {
			log, judge, err := spiedOn(s, sim.Spec{Scenario: sc, Protocol: "quorum", Seed: uint64(made) + 1}, func(setup core.Setup) (core.Machine, error) {
				setup.Config.ExternalDetector = true // as in what is explored
				setup.CommID = sim.RootID(x.protocol, nodeIDs(c.World))
				return classic.New(setup, x.repair)
			}, &c)
			if err != nil {
				t.Fatal(err)
			}
			taken, err := p.follow(log)
			if err == nil {
				err = p.judged(judge)
			}
			if err == nil {
				within, steps = within+1, steps+taken
				continue
			}
			o, ok := asOutside(err)
			if !ok {
				t.Fatalf("%s, run %d: %v", x.protocol, made+1, err)
			}
			why[o.why]++
			left[o.why]++
		}
		t.Logf("%s, %d nodes: %d states; %d of %d runs are within the budget, with %d steps %v; broken: %v; outside: %v", x.protocol, x.world, len(p.table), within, made, steps, p.took, p.shown, why)
		for _, property := range x.breaks {
			if p.shown[property] == 0 {
				t.Errorf("%s, %d nodes: no run breaks %s", x.protocol, x.world, property)
			}
		}
		if within < x.runs {
			t.Errorf("%s, %d nodes: %d runs are within the budget; expected %d", x.protocol, x.world, within, x.runs)
		}
		all, followed = all+made, followed+within
		if x.repair == classic.AsPublished {
			published, locked = published+within, locked+p.shown[checker.Livelock]
		}
	}
	told(t, "%s of `classic` as published and of its first and last rung", grouped(followed))
	told(t, "%d of %d runs of the published crate end in one", locked, published)
	told(t, "%d of %s runs are left out for it |", left[failedSend], grouped(all))
	if all-followed != left[failedSend] {
		t.Errorf("left out: %v: expected a send that fails alone", left)
	}
}
