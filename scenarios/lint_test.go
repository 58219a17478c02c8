package scenarios_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/scenarios"
)

// TestLintBuiltins: there is nothing to say about a built-in scenario.
func TestLintBuiltins(t *testing.T) {
	for _, name := range scenarios.Names() {
		s, _ := scenarios.Builtin(name)
		for _, w := range scenarios.Lint(s) {
			t.Errorf("%s.yaml:%d: %s", name, w.Line, w)
		}
	}
}

// TestLint shows each piece of advice, and beside it the nearest scenario that needs none.
func TestLint(t *testing.T) {
	const never = "it is judged for quorum only"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"short settle", "settle: 20s\nfaults: [{at: 1s, crash: [0]}]", []string{
			"settle: shorter than recovery_timeout (30s): what the last act brings about stays undecided; write 0s if only safety matters",
		}},
		{"no settle on purpose", "settle: 0s\nfaults: [{at: 1s, crash: [0]}]", nil},
		{"short settle without faults", "settle: 1s", nil},
		{"many heartbeats", "config: {heartbeat_interval: 1us, heartbeat_timeout: 1ms}", []string{
			"duration: about 3e+09 heartbeats a run: shorten it, or lengthen heartbeat_interval",
		}},
		{"manual without recover", "config: {policy: manual}\nfaults: [{at: 1s, crash: [0]}]", []string{
			"config.policy: manual, but no application ever recovers, so nobody owes an install: add {at: 20s, app: {recover: [0, 1]}}",
		}},
		{"manual with recover", "config: {policy: manual}\nfaults: [{at: 1s, crash: [0]}, {at: 9s, app: {recover: [1]}}]", nil},
		{"never judged", "expect: {fail-stop: {may: [quorum-loss]}, classic: {violates: [late, linearizability], may: [collective]}}", []string{
			"expect.fail-stop: quorum-loss is never found: " + never,
			"expect.classic: late is never found: it is judged for quorum and fail-stop only",
			"expect.classic: linearizability is never found: no workload writes and reads a register",
			"expect.classic: collective is never found: no application runs a collective",
		}},
		{"judged", "expect: {quorum: {may: [quorum-loss, late, collective]}}\nfaults: [{at: 1s, app: {barrier: [0]}}]", nil},
		{"after the end", "duration: 1m\nfaults: [{at: 70s, pause: [1], for: 10s}]", []string{
			"faults[0]: at 70s is after the duration (1m): the run is prolonged to 140s",
		}},
		{"dead already", "faults: [{at: 9s, pause: [1], for: 1s}, {at: 5s, crash: [1]}, {at: 9s, suspect: [{by: 1, of: 0}]}, {at: 9s, skew: [{node: 1, step: 1s}]}]", []string{
			"faults[0]: does nothing: by then every node that it is about has crashed",
			"faults[2]: does nothing: by then every node that it is about has crashed",
			"faults[3]: does nothing: by then every node that it is about has crashed",
		}},
		{"dead later", "faults: [{at: 4s, pause: [1], for: 1s}, {at: 5s, crash: [1]}, {at: 9s, pause: [1, 2], for: 1s}]", nil},
		{"all dead", "faults: [{at: 5s, crash: [0, 1, 2, 3, 4]}]", []string{"faults: all nodes crash: nobody is left to recover"}},
		{"never fires", "faults: [{at: 0s, crash: [1]}, {when: {node: 1, sends: vote}, crash: [2]}, {when: {node: 0, installs: 0}, crash: [2]}, {when: {node: 0, installs: 1, nth: 2}, crash: [2]}]", []string{
			"faults[1]: never fires: node 1 crashes at the start",
			"faults[2]: never fires: epoch 0 is the first view, which nobody installs",
			"faults[3]: never fires: a node installs an epoch once",
		}},
		{"not sent by classic", "protocol: classic\nfaults: [{when: {node: 0, sends: ack}, crash: [0]}, {when: {node: 0, sends: vote}, crash: [0]}]", []string{
			"faults[0]: never fires: classic sends no ack",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := scenarios.Parse("x.yaml", []byte("name: x\nworld: 5\n"+test.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range scenarios.Lint(s) {
				got = append(got, w.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
