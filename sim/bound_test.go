package sim_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"nexarsim/checker"
	"nexarsim/core"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// boundOf is the bound of L1 as docs/protocol.md derives it, from the durations that the core really uses.
func boundOf(c core.Config, delay time.Duration) time.Duration {
	d := c.Durations()
	detection := c.HeartbeatTimeout + 2*c.HeartbeatInterval + 4*delay
	agreement := 3*d.RetransmitMax + 8*d.Stagger + 2*8*d.BackOff + d.BatchWindow + 8*delay
	return detection + 2*agreement
}

// TestBoundFollowsTheCore: the judge has its own arithmetic, which must say what the core's durations say.
func TestBoundFollowsTheCore(t *testing.T) {
	for _, c := range []core.Config{
		core.DefaultConfig(),
		{HeartbeatInterval: 50 * time.Millisecond, HeartbeatTimeout: 200 * time.Millisecond, RecoveryTimeout: 2 * time.Second},
	} {
		for _, delay := range []time.Duration{0, 2 * time.Millisecond, time.Second} {
			judge := checker.Config{HeartbeatInterval: int64(c.HeartbeatInterval), HeartbeatTimeout: int64(c.HeartbeatTimeout), RecoveryTimeout: int64(c.RecoveryTimeout)}
			got := time.Duration(checker.LateBound(judge, checker.Network{LatencyMax: int64(delay)}))
			if want := boundOf(c, delay); got != want {
				t.Errorf("interval %v, delay %v: the judge's bound is %v, the core's durations give %v", c.HeartbeatInterval, delay, got, want)
			}
		}
	}
}

// TestDocumentShowsTheDurations holds the table of docs/protocol.md, and the bound below it, to the core.
func TestDocumentShowsTheDurations(t *testing.T) {
	text, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	d := core.DefaultConfig().Durations()
	for _, row := range []struct {
		name, value string
		is          time.Duration
	}{
		{"first retransmission", "I/4", d.RetransmitMin},
		{"longest retransmission (each doubles up to it)", "I", d.RetransmitMax},
		{"batching window", "I/10", d.BatchWindow},
		{"take-over stagger, a step for each position, 8 at most", "I/2", d.Stagger},
		{"back-off, times position mod 8 + 1, doubled with each refusal up to 8-fold", "I/10", d.BackOff},
		{"stall", "T", d.Stall},
		{"report of a lost quorum", "R/2", d.QuorumLoss},
		{"linger", "2R", d.Linger},
	} {
		if line := fmt.Sprintf("| %s | %s | %v |", row.name, row.value, row.is); !strings.Contains(string(text), line) {
			t.Errorf("docs/protocol.md has no row %q", line)
		}
	}
	if bound := fmt.Sprintf("%v with the defaults and d = 2 ms", boundOf(core.DefaultConfig(), 2*time.Millisecond)); !strings.Contains(strings.Join(strings.Fields(string(text)), " "), strings.Replace(bound, "24.44s", "24.44 s", 1)) {
		t.Errorf("docs/protocol.md does not say %q", bound)
	}
}

// TestWorstInstallKeepsTheBound compares the slowest install of a sweep with the bound: below it, and not so far below
// that the bound would never bite.
func TestWorstInstallKeepsTheBound(t *testing.T) {
	s := sim.New()
	var worst, bound time.Duration
	var where string
	for _, name := range scenarios.Names() {
		sc, _ := scenarios.Builtin(name)
		if sc.Config.HeartbeatInterval != time.Second || sc.Network.Latency.Max != 2*time.Millisecond {
			continue // another bound
		}
		for _, protocol := range sim.Protocols() {
			for seed := uint64(1); seed <= 10; seed++ {
				res, err := s.Run(sim.Spec{Scenario: sc, Protocol: protocol, Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Duration(res.Verdict.Slowest); took > worst {
					worst, where = took, fmt.Sprintf("%s %s seed %d", name, protocol, seed)
				}
			}
		}
	}
	bound = boundOf(core.DefaultConfig(), 2*time.Millisecond)
	t.Logf("the slowest install took %v of %v: %s", worst, bound, where)
	if worst > bound || worst < bound/4 {
		t.Errorf("the slowest install took %v (%s), the bound is %v", worst, where, bound)
	}
}
