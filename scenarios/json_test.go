package scenarios_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nexarsim/scenarios"
	"nexarsim/scenarios/scenariogen"
)

// withoutLines forgets where faults stood: in JSON they all stand in line 1.
func withoutLines(s *scenarios.Scenario) *scenarios.Scenario {
	for i := range s.Faults {
		s.Faults[i].Line = 0
	}
	return s
}

// checkRoundTrip compares a scenario with what its JSON parses to, and the JSON with that of the other.
func checkRoundTrip(t rapid.TB, s *scenarios.Scenario) {
	t.Helper()
	text := scenarios.JSON(s)
	if !json.Valid(text) || bytes.ContainsRune(text, '\n') {
		t.Fatalf("not JSON in one line: %s", text)
	}
	again, err := scenarios.Parse("json", text)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	if diff := cmp.Diff(s, withoutLines(again)); diff != "" {
		t.Fatalf("JSON(s) parses to another scenario (-want +got):\n%s", diff)
	}
	if second := scenarios.JSON(again); !bytes.Equal(text, second) {
		t.Fatalf("one scenario, two texts:\n%s\n%s", text, second)
	}
}

// TestJSONRoundTrip: the JSON of any scenario parses again to an equal one, and the schema accepts it.
func TestJSONRoundTrip(t *testing.T) {
	accepts := compiledSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		s := scenariogen.Gen().Draw(t, "scenario")
		checkRoundTrip(t, s)
		if err := accepts(scenarios.JSON(s)); err != nil {
			t.Fatalf("schema: %v\n%s", err, scenarios.JSON(s))
		}
	})
}

// TestJSONOfBuiltins: as for any scenario.
func TestJSONOfBuiltins(t *testing.T) {
	for _, name := range scenarios.Names() {
		s, _ := scenarios.Builtin(name)
		checkRoundTrip(t, withoutLines(s))
	}
}

// TestDefaults shows the smallest scenario with all that a file need not say.
func TestDefaults(t *testing.T) {
	s, err := scenarios.Parse("least.yaml", []byte("{name: least, world: 3}"))
	if err != nil {
		t.Fatal(err)
	}
	const config = `{"policy":"automatic","heartbeat_interval":"1s","heartbeat_timeout":"5s","recovery_timeout":"30s"}`
	want := `{"name":"least","world":3,"protocol":"quorum","model":"asynchronous","config":` + config +
		`,"network":{"latency":"50us..2ms","loss":0,"duplicate":0,"reorder":true,"idle_timeout":"30s"}` +
		`,"duration":"2m","settle":"1m","faults":[]}`
	if diff := cmp.Diff(want, string(scenarios.JSON(s))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(config, string(scenarios.ConfigJSON(s))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
