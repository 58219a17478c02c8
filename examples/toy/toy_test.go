package toy

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"nexarsim/scenarios"
	"nexarsim/scenarios/scenariogen"
	"nexarsim/sim"
)

func scenario(t *testing.T, text string) *scenarios.Scenario {
	t.Helper()
	sc, err := scenarios.Parse("toy_test.go", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

const followerDies = `
name: follower-dies
world: 3..6
faults: [{at: 5s, crash: [2]}]
`

const leaderDies = `
name: leader-dies-announcing
world: 4..6
faults:
  - {at: 5s, crash: [3]}
  - {when: {node: 0, sends: commit, nth: 1}, crash: [0]}
`

// TestFollowerDies is what a test of a protocol looks like: a scenario, the machine, and as many seeds as -nexarsim.seeds
// says.
func TestFollowerDies(t *testing.T) {
	sim.Check(t, sim.CheckSpec{Scenario: scenario(t, followerDies), Protocol: "herald", New: New})
}

// failing takes what a failing test says.
type failing struct {
	*testing.T
	said []string
}

func (f *failing) Errorf(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
}

// TestLeaderDies would fail: the bug is found. So that this module's tests pass, what the test says is held to what it has
// to say. Replace `f` by `t` in the call to see it fail.
func TestLeaderDies(t *testing.T) {
	dir := t.TempDir()
	f := &failing{T: t}
	spec := sim.CheckSpec{Scenario: scenario(t, leaderDies), Protocol: "herald", New: New, Dir: dir}
	sim.Check(f, spec)
	text := strings.Join(f.said, "\n")
	for _, want := range []string{
		"breaks recovery", "needs: node", "node 0 dies after its commit to 1 and before that to 2", "INSTALLS epoch 1", "kept as " + dir,
		"go test -run '^TestLeaderDies$' -nexarsim.seed=",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the test does not say %q:\n%s", want, text)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing was kept: %v", err)
	}

	// The next time the capsule is replayed before anything else, and nothing new is written.
	again := &failing{T: t}
	sim.Check(again, spec)
	if len(again.said) == 0 || !strings.Contains(again.said[0], "reproduced") {
		t.Errorf("the second time: %q", again.said)
	}
	if now, err := os.ReadDir(dir); err != nil || len(now) != len(files) {
		t.Errorf("%d files, then %d: %v", len(files), len(now), err)
	}
}

// TestDrawnScenarios draws scenarios with rapid, which shrinks one that fails. Announcements are heard by everybody as long
// as the herald lives, so here only others die.
func TestDrawnScenarios(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sc := scenariogen.Runnable(true).Draw(t, "scenario")
		var faults []scenarios.Fault
		for _, f := range sc.Faults {
			if f.Act.Kind == scenarios.ActCrash && !contains(f.Act.Nodes, 0) {
				faults = append(faults, f)
			}
		}
		sc.Faults, sc.Network.Loss, sc.Network.Reorder = faults, 0, false
		res, err := sim.New().Run(sim.Spec{Scenario: sc, Protocol: "herald", New: New, Seed: rapid.Uint64Range(1, 1<<40).Draw(t, "seed")})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range res.Verdict.Violations {
			if v.Property == "agreement" {
				t.Fatalf("%s", v.Why)
			}
		}
	})
}

func contains(nodes []int, node int) bool {
	for _, id := range nodes {
		if id == node {
			return true
		}
	}
	return false
}
