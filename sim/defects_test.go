//go:build defects

package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nexarsim/checker/trace"
)

// Each test here fails: it holds a promise of the documents or of a comment that the code does not keep. Whoever mends one
// moves its test to the others: go test -tags defects ./sim ./netsim ./internal/record

func TestTotalLossClosesStream(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 1ms, transport: stream, idle_timeout: 1s}
faults:
  - {at: 1s, loss: 1.0, links: [{from: 0, to: 1}], for: 5s}
`, nil)
	if len(l.log) == 0 || !strings.Contains(l.log[0], "closed") {
		t.Errorf("inputs %q: want a closed connection", l.log)
	}
}

// A run of W(8) after the first allocates at most 50 times (performance.md).
func TestAllocationsGoal(t *testing.T) {
	if got := allocationsOf(t); got > 50 {
		t.Errorf("%.0f allocations for each run of W(8), want at most 50", got)
	}
}

// A header follows its scenario, also when that is changed between two runs.
func TestHeaderFollowsItsScenario(t *testing.T) {
	s, sc := New(), probing(t, 2, "")
	for _, timeout := range []time.Duration{5 * second, 7 * second} {
		sc.Config.HeartbeatTimeout = timeout
		l := &lab{sim: s}
		_, err := s.Run(Spec{Scenario: sc, Seed: 1, New: l.machine, Observe: func(*trace.Event) {}, Header: func(h *trace.Header) {
			if !strings.Contains(string(h.Config), fmt.Sprintf("%q", timeout)) {
				t.Errorf("timeout %v: the header says %s", timeout, h.Config)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}
