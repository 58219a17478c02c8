package planted

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gateFindings is what the gate must say of a defect: which part finds it, and in which words the command begins that
// shows it again.
var gateFindings = []struct {
	bug, property string
	part          string
	command       string
}{
	{bug: "half-is-enough", property: "agreement", part: "explore", command: "nexarsim replay "},
	{bug: "evicted-by-error", property: "eviction", part: "cluster", command: "nexarsim check "},
}

// TestGate: with a defect in the core `validate` ends in 1, names the property, and each command that it names shows just
// that. Of the gate's parts a search and the real processes are made; TestPlanted sweeps.
func TestGate(t *testing.T) {
	some := gateFindings
	if testing.Short() {
		some = some[1:] // each builds the program anew; a search takes both processors
	}
	for _, c := range some {
		t.Run(c.bug, func(t *testing.T) {
			dir := t.TempDir()
			i := slices.IndexFunc(bugs, func(b bug) bool { return b.name == c.bug })
			program := build(t, bugs[i], dir)
			args := []string{"validate", "--quick", "--json", "--out", filepath.Join(dir, "kept"), c.part}
			out := command(t, program, args...)
			var doc gateDocument
			if err := json.Unmarshal([]byte(out.stdout), &doc); err != nil {
				t.Fatalf("%v: exit %d, %v\n%s", args, out.code, err, out.stderr)
			}
			if out.code != 1 || doc.Exit != 1 || doc.Passed {
				t.Errorf("%v: exit %d (%d, passed %v), want 1", args, out.code, doc.Exit, doc.Passed)
			}
			found := doc.of(c.part)
			if !slices.ContainsFunc(found, func(f gateFinding) bool { return f.Property == c.property && strings.HasPrefix(f.Command, c.command) }) {
				t.Errorf("%s finds %+v, want %s and a command %q", c.part, found, c.property, c.command)
			}
			for _, f := range found {
				f.shows(t, program)
			}
		})
	}
}

type gateDocument struct {
	Passed bool
	Exit   int
	Parts  []struct {
		Part     string
		Findings []gateFinding
	}
}

type gateFinding struct {
	Property, Command string
	Code              int
}

func (d *gateDocument) of(part string) (all []gateFinding) {
	for _, p := range d.Parts {
		if p.Part == part {
			all = append(all, p.Findings...)
		}
	}
	return all
}

// shows makes the command of a finding and holds what it says to the finding.
func (f *gateFinding) shows(t *testing.T, program string) {
	t.Helper()
	if f.Property == "" {
		return
	}
	again := command(t, program, append(strings.Fields(f.Command)[1:], "--json")...)
	if again.code != 1 && again.code != 4 {
		t.Errorf("%s: exit %d, want 1 or 4\n%s", f.Command, again.code, again.stderr)
		return
	}
	if d := document(t, again.stdout); !d.has(f.Property) {
		t.Errorf("%s: shows %v, want %s", f.Command, d.properties(), f.Property)
	}
}
