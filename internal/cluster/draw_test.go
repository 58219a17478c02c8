package cluster

import (
	"bytes"
	"testing"

	"nexarsim/scenarios"
)

// TestDraw: what is drawn can be run, is the same each time, and leaves fail-stop its assumption: nothing is cut, and
// whoever is stopped or slowed comes back long before anybody suspects it.
func TestDraw(t *testing.T) {
	seen := map[string]int{}
	for seed := uint64(1); seed <= 2000; seed++ {
		text, protocol := Draw(seed)
		if again, _ := Draw(seed); !bytes.Equal(text, again) {
			t.Fatalf("seed %d draws\n%s\nand\n%s", seed, text, again)
		}
		sc, err := scenarios.Parse("drawn", text)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		plan, err := NewPlan(sc, 0, protocol, seed)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		if plan.World < 3 || plan.World > 8 || len(plan.Drawn) > 0 {
			t.Fatalf("seed %d: a world of %d, and %v left to draw", seed, plan.World, plan.Drawn)
		}
		seen[protocol]++
		for i := range plan.acts {
			a := &plan.acts[i]
			seen[a.Kind.String()]++
			if protocol != "fail-stop" {
				continue
			}
			short := sc.Config.HeartbeatTimeout / 4
			switch {
			case a.Kind == scenarios.ActCrash:
			case a.Kind == scenarios.ActPause && a.dur < short:
			case a.Kind == scenarios.ActSlow && a.By < short:
			default:
				t.Fatalf("seed %d: %s\nfail-stop does not assume that this happens:\n%s", seed, a.describe(), text)
			}
		}
	}
	for _, k := range []string{"quorum", "fail-stop", "crash", "pause", "partition", "cut", "slow", "loss", "duplicate"} {
		if seen[k] < 50 {
			t.Errorf("%s was drawn %d times", k, seen[k])
		}
	}
}
