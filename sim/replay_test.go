package sim

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// capsuleOf makes a run and keeps it.
func capsuleOf(t *testing.T, spec Spec, property string) (*capsule.Capsule, *Result) {
	t.Helper()
	c, res, err := New().Record(spec, property)
	if err != nil {
		t.Fatal(err)
	}
	return c, res
}

// throughFile writes a capsule and reads it again.
func throughFile(t *testing.T, c *capsule.Capsule) *capsule.Capsule {
	t.Helper()
	var first, second bytes.Buffer
	if err := capsule.Write(&first, c); err != nil {
		t.Fatal(err)
	}
	again, err := capsule.Parse("test.json", first.Bytes())
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, first.String())
	}
	if err := capsule.Write(&second, again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.String(), second.String()); diff != "" {
		t.Fatalf("written, read and written again (-first +second):\n%s", diff)
	}
	return again
}

func replay(t *testing.T, spec ReplaySpec) *Replayed {
	t.Helper()
	r, err := New().Replay(spec)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecordedRunsAreReplayed: a capsule of a run is the same run, whatever the seed drew: worlds, transports, faults,
// latencies of each distribution, losses, copies, what a closed connection or a heal brought. Recording alters nothing.
func TestRecordedRunsAreReplayed(t *testing.T) {
	const large = 20_000 // decisions of a world that would take long as a file
	for _, name := range scenarios.Names() {
		sc, _ := scenarios.Builtin(name)
		for i, protocol := range []string{"quorum", "fail-stop"} {
			if errors.Is(Runnable(sc, protocol), ErrNoCommunicator) {
				continue
			}
			for _, seed := range []uint64{uint64(i) + 1, uint64(len(name)) + 77} {
				spec := Spec{Scenario: sc, Protocol: protocol, Seed: seed}
				want, err := New().Run(spec)
				if err != nil {
					t.Fatal(err)
				}
				c, res := capsuleOf(t, spec, "")
				if diff := cmp.Diff(want, res); diff != "" {
					t.Fatalf("%s %s seed %d: recording makes another run:\n%s", name, protocol, seed, diff)
				}
				if len(c.Decisions) < large {
					c = throughFile(t, c)
				}
				r := replay(t, ReplaySpec{Capsule: c})
				if !r.Same || r.Outcome != Reproduced || r.Steps != want.Steps || r.Messages != want.Messages || r.Installs != want.Installs {
					t.Errorf("%s %s seed %d: %s, digest %s, %d steps; recorded: digest %s, %d steps; %s, nearest %s", name, protocol, seed,
						r.Outcome, r.DigestText(), r.Steps, want.DigestText(), want.Steps, r.Missing, r.Nearest)
				}
				if diff := cmp.Diff(want.Verdict, r.Verdict); diff != "" {
					t.Errorf("%s %s seed %d: other verdict (-run +replay):\n%s", name, protocol, seed, diff)
				}
			}
		}
	}
}
