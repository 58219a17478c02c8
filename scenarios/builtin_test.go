package scenarios_test

import (
	"testing"

	"nexarsim/scenarios"
)

// TestBuiltinParse reads every embedded file and compares its name with the file's.
func TestBuiltinParse(t *testing.T) {
	names := scenarios.Names()
	if len(names) < 50 {
		t.Errorf("%d built-in scenarios, want at least 50", len(names))
	}
	for _, name := range names {
		s, err := scenarios.Parse(name+".yaml", scenarios.Source(name))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if s.Name != name || s.About == "" {
			t.Errorf("%s.yaml: name %q, about %q", name, s.Name, s.About)
		}
	}
}
