package scenarios_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nexarsim/scenarios"
)

// TestContractExample reads the file that the contract shows, with everything in it.
func TestContractExample(t *testing.T) {
	data, err := os.ReadFile("testdata/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := scenarios.Parse("contract.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contractExample(), withoutLines(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// contractExample is what testdata/contract.yaml means.
func contractExample() *scenarios.Scenario {
	const second = time.Second
	return &scenarios.Scenario{
		Name: "leader-dies-mid-broadcast", About: "The leader tells one follower and dies.", World: scenarios.Range{Min: 5, Max: 5},
		Protocol: "quorum", Model: scenarios.Asynchronous,
		Config: scenarios.Config{Policy: "automatic", HeartbeatInterval: second, HeartbeatTimeout: 5 * second, RecoveryTimeout: 30 * second},
		Network: scenarios.Network{
			Latency: scenarios.Latency{Kind: scenarios.Uniform, Min: 50 * time.Microsecond, Max: 2 * time.Millisecond},
			Reorder: true, IdleTimeout: 30 * second,
		},
		Duration: 120 * second, Settle: 60 * second,
		Faults: []scenarios.Fault{
			{At: 10 * second, Act: scenarios.Act{Kind: scenarios.ActCrash, Nodes: []int{4}}},
			{At: 10 * second, Act: scenarios.Act{Kind: scenarios.ActCrash, Nodes: []int{4}, Silent: true}},
			{
				When: &scenarios.Trigger{Node: 0, Kind: scenarios.Sends, Message: "agreement", Nth: 1, Peer: -1, Epoch: -1},
				Act:  scenarios.Act{Kind: scenarios.ActCrash, Nodes: []int{0}},
			},
			{At: 20 * second, For: 120 * second, Act: scenarios.Act{Kind: scenarios.ActPartition, Groups: [][]int{{0, 1}, {2, 3}}}},
			{At: 5 * second, For: 60 * second, Act: scenarios.Act{Kind: scenarios.ActCut, Links: []scenarios.Link{{From: 3, To: 2}}}},
			{At: 5 * second, For: 30 * second, Act: scenarios.Act{Kind: scenarios.ActPause, Nodes: []int{2}}},
			{At: 5 * second, Act: scenarios.Act{Kind: scenarios.ActSuspect, Suspect: []scenarios.Accusation{{By: 1, Of: 2}}}},
			{At: 5 * second, For: 10 * second, Act: scenarios.Act{Kind: scenarios.ActSlow, Nodes: []int{1}, By: 20 * time.Millisecond}},
			{At: 5 * second, For: 10 * second, Act: scenarios.Act{Kind: scenarios.ActLoss, Rate: 300_000_000, Links: []scenarios.Link{{From: 0, To: 1}}}},
			{At: 5 * second, For: 10 * second, Act: scenarios.Act{Kind: scenarios.ActDuplicate, Rate: 300_000_000}},
			{At: 5 * second, Act: scenarios.Act{Kind: scenarios.ActSkew, Skew: []scenarios.ClockSkew{{Node: 1, Rate: 1_010_000_000, Step: 50 * time.Millisecond}}}},
			{At: 9 * second, For: 23 * second, Act: scenarios.Act{Kind: scenarios.ActHold, Nodes: []int{0}}},
			{At: 3 * second, Act: scenarios.Act{Kind: scenarios.ActApp, Op: "split", Nodes: []int{0, 1, 2}}},
			{Random: &scenarios.Random{
				Crashes: scenarios.Range{Max: 2}, Partitions: scenarios.Range{Max: 1}, Cuts: scenarios.Range{Max: 1}, Pauses: scenarios.Range{Max: 1},
				Suspicions: scenarios.Range{Max: 1}, BetweenMin: 5 * second, BetweenMax: 60 * second,
			}},
		},
		Workload: &scenarios.Workload{Kind: "register", Clients: 2, Every: 500 * time.Millisecond},
		Expect:   []scenarios.Expectation{{Protocol: "quorum"}, {Protocol: "classic", Violates: []string{"validity"}}},
	}
}

// TestAcceptedForms: a value may be written in several ways, and JSON shows the one that is meant.
func TestAcceptedForms(t *testing.T) {
	tests := []struct{ line, want string }{
		{`world: 3..8`, `"world":"3..8"`},
		{`world: 5..5`, `"world":5`},
		{`duration: 1m30s`, `"duration":"90s"`},
		{`duration: 1.5s`, `"duration":"1500ms"`},
		{`duration: 8784h`, `"duration":"8784h"`},
		{`settle: 0s`, `"settle":"0s"`},
		{`network: {latency: 5ms}`, `"latency":"5ms..5ms"`},
		{`network: {latency: 0s..1500us}`, `"latency":"0s..1500us"`},
		{`network: {latency: {exponential: {min: 100us, mean: 1ms}}}`, `"latency":{"exponential":{"min":"100us","mean":"1ms"}}`},
		{`network: {latency: {bimodal: {fast: 1ms, slow: 9ms..10ms, share: .01}}}`, `"latency":{"bimodal":{"fast":"1ms..1ms","slow":"9ms..10ms","share":0.01}}`},
		{`network: {loss: 0.123456789, duplicate: 1.0}`, `"loss":0.123456789,"duplicate":1,`},
		{`network: {transport: random}`, `"transport":"random"`},
		{`model: crash-stop`, `"model":"crash-stop"`},
		{"about: |\n  Two\n  lines.\n", `"about":"Two lines."`},
		{`faults: []`, `"faults":[]`},
		{`faults: [{at: 0s, pause: [0], for: 1ns}]`, `"faults":[{"at":"0s","pause":[0],"for":"1ns"}]`},
		{`faults: [{at: 1s, skew: [{node: 0, rate: 0.5}, {node: 1, step: -1.5s}]}]`, `"skew":[{"node":0,"rate":0.5,"step":"0s"},{"node":1,"rate":1,"step":"-1500ms"}]`},
		{`faults: [{when: {node: 0, receives: data, peer: 1, epoch: 0}, loss: 1}]`, `{"when":{"node":0,"receives":"data","nth":1,"peer":1,"epoch":0},"loss":1}`},
		{`faults: [{when: {node: 0, suspects: 2, nth: 3}, hold: [1], for: 1s}]`, `{"when":{"node":0,"suspects":2,"nth":3},"hold":[1],"for":"1s"}`},
		{`faults: [{when: {node: 0, installs: 2}, suspect: [{by: 0, of: 1}], for: 1s}]`, `{"when":{"node":0,"installs":2,"nth":1},"suspect":[{"by":0,"of":1}],"for":"1s"}`},
		{`faults: [{random: {crashes: 2}}]`, `"random":{"crashes":2,"partitions":0,"cuts":0,"pauses":0,"suspicions":0,"between":"0s..2m"}`},
		{`faults: [{at: 1s, app: {barrier: [0]}}, {at: 1s, app: {allreduce: [1, 0]}}]`, `{"at":"1s","app":{"allreduce":[1,0]}}`},
		{"config: {policy: manual}\nfaults: [{at: 1s, app: {recover: [0]}}]", `"app":{"recover":[0]}`},
		{`workload: {allreduce: {every: 200ms}}`, `"workload":{"allreduce":{"every":"200ms"}}`},
		{`expect: {quorum: {violates: []}, classic+epoch: {may: [late]}}`, `"expect":{"quorum":"pass","classic+epoch":{"violates":[],"may":["late"]}}`},
	}
	accepts := compiledSchema(t)
	for _, test := range tests {
		text := "name: x\n" + test.line + "\n"
		if !strings.HasPrefix(test.line, "world") {
			text += "world: 3\n"
		}
		s, err := scenarios.Parse("x.yaml", []byte(text))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if got := string(scenarios.JSON(s)); !strings.Contains(got, test.want) {
			t.Errorf("%s\ngot  %s\nwant %s", test.line, got, test.want)
		}
		if err := accepts([]byte(text)); err != nil {
			t.Errorf("%s\nschema: %v", test.line, err)
		}
	}
}

// TestFormatDuration writes the largest unit that is exact.
func TestFormatDuration(t *testing.T) {
	tests := map[time.Duration]string{
		0: "0s", 1: "1ns", 1500: "1500ns", time.Millisecond: "1ms", 90 * time.Second: "90s", time.Minute: "1m", 36 * time.Hour: "36h", -50 * time.Millisecond: "-50ms",
	}
	for d, want := range tests {
		if got := scenarios.FormatDuration(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}

// TestNearest finds the word that was meant, and none where there is none.
func TestNearest(t *testing.T) {
	tests := []struct{ word, want string }{
		{"quorom", "quorum"}, {"Quorum", "quorum"}, {"failstop", "fail-stop"}, {"clasic", "classic"}, {"classic+reply", "classic+replay"},
		{"qu", ""}, {"raft", ""}, {"", ""}, {strings.Repeat("q", 1000), ""},
	}
	for _, test := range tests {
		if got, ok := scenarios.Nearest(test.word, scenarios.Protocols()); got != test.want || ok != (test.want != "") {
			t.Errorf("%q: got %q, %v, want %q", test.word, got, ok, test.want)
		}
	}
}
