package main

import (
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/internal/cluster"
	"nexarsim/scenarios"
)

// TestMachineAtFault: fail-stop is not blamed where the machine made a live member suspect, and nothing else excuses it.
func TestMachineAtFault(t *testing.T) {
	const doubt = "node 0 suspected node 1, which lived, at 3s"
	broken := checker.Verdict{Violations: []trace.Violation{{Property: checker.Agreement}}}
	for _, s := range []struct {
		name, protocol, act, doubt string
		verdict                    checker.Verdict
		fault                      bool
	}{
		{"the machine did it", "fail-stop", "crash: [2]", doubt, broken, true},
		{"nothing was broken", "fail-stop", "crash: [2]", doubt, checker.Verdict{}, false},
		{"nobody was suspected", "fail-stop", "crash: [2]", "", broken, false},
		{"a cut did it", "fail-stop", "cut: [{from: 0, to: 1}]", doubt, broken, false},
		{"a pause did it", "fail-stop", "pause: [1]", doubt, broken, false},
		{"quorum has to bear it", "quorum", "crash: [2]", doubt, broken, false},
	} {
		sc, err := scenarios.Parse("test", []byte("name: test\nworld: 3\nfaults: [{at: 1s, "+s.act+"}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		plan, err := cluster.NewPlan(sc, 0, s.protocol, 1)
		if err != nil {
			t.Fatal(err)
		}
		j := &judgedCluster{plan: plan, res: &cluster.Result{Doubt: s.doubt}, verdict: s.verdict}
		if err := j.machineAtFault(); (err != nil) != s.fault {
			t.Errorf("%s: error %v", s.name, err)
		}
	}
}
