package sim_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// recordRun makes a run with its trace.
func recordRun(t *testing.T, spec sim.Spec) (*sim.Result, []byte) {
	t.Helper()
	var buf bytes.Buffer
	w := trace.NewWriter(&buf)
	spec.Header = func(h *trace.Header) {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	spec.Observe = func(ev *trace.Event) {
		if err := w.Write(ev); err != nil {
			t.Fatal(err)
		}
	}
	res, err := sim.New().Run(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return res, buf.Bytes()
}

// TestTraceTellsTheSame holds every built-in scenario to this: its trace is well formed (each delivery was sent, to that
// node, by that sender), and whoever judges the trace alone comes to the verdict of the run. So does the run of which nobody
// reads the lines, and whose judge is not told of all of them.
func TestTraceTellsTheSame(t *testing.T) {
	seeds := []uint64{1, 2, 3}
	if testing.Short() {
		seeds = seeds[:1]
	}
	quiet := sim.New()
	for _, name := range scenarios.Names() {
		sc, _ := scenarios.Builtin(name)
		for _, protocol := range sim.Protocols() {
			for _, seed := range seeds {
				res, text := recordRun(t, sim.Spec{Scenario: sc, Protocol: protocol, Seed: seed, Inputs: seed == 1})
				report, err := checker.CheckTrace(bytes.NewReader(text), name+".jsonl")
				if err != nil {
					t.Errorf("%s %s %d: %v", name, protocol, seed, err)
					continue
				}
				if got, want := properties(report.Verdict), properties(res.Verdict); !slices.Equal(got, want) || report.Differs != "" {
					t.Errorf("%s %s %d: the trace shows %v, the run %v", name, protocol, seed, got, want)
				}
				unread, err := quiet.Run(sim.Spec{Scenario: sc, Protocol: protocol, Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(res.Verdict, unread.Verdict); diff != "" || unread.Digest != res.Digest {
					t.Errorf("%s %s %d: digests %x and, unread, %x; verdict (-read +unread):\n%s", name, protocol, seed, res.Digest, unread.Digest, diff)
				}
			}
		}
	}
}

func properties(v checker.Verdict) []string {
	var names []string
	for _, p := range v.Violations {
		names = append(names, p.Property+"\x00"+p.Why)
	}
	return names
}
