package sim

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// listener is a test that fails without failing this one.
type listener struct {
	*testing.T
	errors, logs []string
}

func (l *listener) Errorf(format string, args ...any) {
	l.errors = append(l.errors, fmt.Sprintf(format, args...))
}

func (l *listener) Fatalf(format string, args ...any) { l.Errorf(format, args...) }

func (l *listener) Logf(format string, args ...any) {
	l.logs = append(l.logs, fmt.Sprintf(format, args...))
}

func checked(t *testing.T, spec CheckSpec) *listener {
	t.Helper()
	l := &listener{T: t}
	Check(l, spec)
	return l
}

// TestCheck: a protocol that holds passes and leaves nothing; one that does not fails with its cause, its story, a capsule
// and the command; the capsule is replayed first from then on, and passes silently once the bug is repaired.
func TestCheck(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "testdata", "capsules")
	sc, _ := scenarios.Builtin("even-split")
	if l := checked(t, CheckSpec{Scenario: sc, Seeds: 5, Dir: dir}); len(l.errors) > 0 {
		t.Fatalf("quorum: %q", l.errors)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a test that passes wrote something")
	}
	bare := *sc
	bare.Expect = nil
	spec := CheckSpec{Scenario: &bare, Protocol: "fail-stop", Seeds: 5, Dir: dir}
	if l := checked(t, CheckSpec{Scenario: sc, Protocol: "fail-stop", Seeds: 5, Dir: dir}); len(l.errors) > 0 {
		t.Errorf("what the scenario expects fails the test: %q", l.errors)
	}
	l := checked(t, spec)
	text := strings.Join(l.errors, "\n")
	name := filepath.Join(dir, "even-split-fail-stop-agreement.json")
	for _, want := range []string{
		"even-split with fail-stop, seed 1 breaks agreement: nodes ", "needs: a partition of 0 from 1 for 10s", "INSTALLS epoch 1", "kept as " + name,
		"go test -run '^TestCheck$' -nexarsim.seed=1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("a failing test does not say %q:\n%s", want, text)
		}
	}
	kept, err := capsule.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	l = checked(t, spec)
	if len(l.errors) != 1 || !strings.Contains(l.errors[0], name+": reproduced\nneeds: ") {
		t.Errorf("the second time: %q", l.errors)
	}

	// The same capsule, said to be of a protocol that holds; one that found no place any more; one of another protocol.
	kept.Protocol = "quorum"
	write(t, name, kept)
	late := *kept
	late.Decisions = append(late.Decisions, capsule.Decision{Kind: capsule.Packet, From: 0, To: 1, Message: "vote", Epoch: 7, Nth: 1, Lost: true})
	write(t, filepath.Join(dir, "late.json"), &late)
	kept.Protocol = "herald"
	write(t, filepath.Join(dir, "other.json"), kept)
	l = checked(t, CheckSpec{Scenario: sc, Seeds: 2, Dir: dir})
	if len(l.errors) > 0 || len(l.logs) != 1 || !strings.Contains(l.logs[0], `late.json: diverged at {"link":[0,1],"kind":"vote","epoch":7`) {
		t.Errorf("errors %q, logs %q", l.errors, l.logs)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken.json"), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if l = checked(t, CheckSpec{Scenario: sc, Seeds: 1, Dir: dir}); len(l.errors) != 1 || !strings.Contains(l.errors[0], "broken.json:1:2") {
		t.Errorf("a broken capsule: %q", l.errors)
	}
}

func write(t *testing.T, name string, c *capsule.Capsule) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := capsule.Write(f, c); err != nil {
		t.Fatal(err)
	}
}

// TestCheckRefuses: what cannot be run fails at once.
func TestCheckRefuses(t *testing.T) {
	if l := checked(t, CheckSpec{}); len(l.errors) != 1 || !strings.Contains(l.errors[0], "no scenario") {
		t.Errorf("without a scenario: %q", l.errors)
	}
	sc, _ := scenarios.Builtin("even-split")
	if l := checked(t, CheckSpec{Scenario: sc, Protocol: "none", Dir: t.TempDir()}); len(l.errors) != 1 || !strings.Contains(l.errors[0], "unknown") {
		t.Errorf("with an unknown protocol: %q", l.errors)
	}
}
