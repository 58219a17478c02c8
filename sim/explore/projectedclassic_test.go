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
	all, within, left := 0, 0, map[string]int{}
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
		sc, err := scenarios.Parse("projected", fmt.Appendf(nil, "name: projected\nworld: %d\nmodel: crash-stop\nnetwork: {transport: stream}\nfaults: [{random: {crashes: 1..%d, between: 5s..9s}}]\n", x.world, x.crashes))
		if err != nil {
			t.Fatal(err)
		}
		s := sim.New()
		f := p.followAll(t, x.runs, func(seed uint64) ([]noted, *checker.Judge, error) {
			return spiedOn(s, sim.Spec{Scenario: sc, Protocol: "quorum", Seed: seed}, func(setup core.Setup) (core.Machine, error) {
				setup.Config.ExternalDetector = true // as in what is explored
				setup.CommID = sim.RootID(x.protocol, nodeIDs(c.World))
				return classic.New(setup, x.repair)
			}, &c)
		})
		for why, n := range f.outside { // unordered: sums
			left[why] += n
		}
		for _, property := range x.breaks {
			if p.shown[property] == 0 {
				t.Errorf("%s, %d nodes: no run breaks %s", x.protocol, x.world, property)
			}
		}
		all, within = all+f.made, within+f.within
		if x.repair == classic.AsPublished {
			published, locked = published+f.within, locked+p.shown[checker.Livelock]
		}
	}
	told(t, "%s of `classic` as published and of its first and last rung", grouped(within))
	told(t, "%d of %d runs of the published crate end in one", locked, published)
	told(t, "%d of %s runs are left out for it |", left[failedSend], grouped(all))
	if all-within != left[failedSend] {
		t.Errorf("left out: %v: expected a send that fails alone", left)
	}
}
