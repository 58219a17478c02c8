// Package examples runs the tests of the modules below examples, as their readers would.
package examples

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// goTest runs go test in an example.
func goTest(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"test", "-count=1"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestExamples: each example's tests pass.
func TestExamples(t *testing.T) {
	modules, err := filepath.Glob("../../examples/*/go.mod")
	if err != nil || len(modules) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, m := range modules {
		if out, err := goTest(t, filepath.Dir(m), "./..."); err != nil {
			t.Errorf("%s: %v\n%s", m, err, out)
		}
	}
}

// TestFlags: a test binary that uses sim.Check takes seeds from its flags, and refuses what are none.
func TestFlags(t *testing.T) {
	const dir = "../../examples/toy"
	for _, args := range [][]string{{"-nexarsim.seeds=7"}, {"-nexarsim.seeds=5..9"}, {"-nexarsim.seed=18446744073709551615"}} {
		if out, err := goTest(t, dir, append([]string{"-run=FollowerDies"}, args...)...); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	out, err := goTest(t, dir, "-run=FollowerDies", "-nexarsim.seeds=9..5")
	if err == nil || !strings.Contains(out, "expected a number, or a range such as 5..9") {
		t.Errorf("reversed seeds: %v\n%s", err, out)
	}
}
