package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker/trace"
	"nexarsim/scenarios"
)

// mergeParts merges what members have recorded, given as text, and tells the lines in short.
func mergeParts(t *testing.T, end int64, acts []trace.Event, parts ...string) (string, *Result, error) {
	t.Helper()
	sc, err := scenarios.Parse("test", fmt.Appendf(nil, "name: merge\nworld: %d\n", len(parts)))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(sc, 0, "quorum", 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, text := range parts {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("node-%d.jsonl", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got strings.Builder
	l := &launcher{plan: plan, lines: acts, spec: &Spec{Plan: plan, Dir: dir, Observe: func(ev *trace.Event) error {
		fmt.Fprintf(&got, "%d<%d t=%d node %d %v %d\n", ev.Seq, ev.Cause, ev.T, ev.Node, ev.Kind, ev.ID)
		return nil
	}}}
	res, err := l.merge(end)
	return got.String(), res, err
}

const (
	sendLine    = `{"seq":%d,"t":%d,"node":%d,"ev":"send","to":%d,"id":%d,"msg":{"type":"heartbeat","epoch":0,"num":1}}` + "\n"
	deliverLine = `{"seq":%d,"t":%d,"node":%d,"ev":"deliver","from":%d,"id":%d,"epoch":0,"used":false}` + "\n"
	suspectLine = `{"seq":%d,"cause":%d,"t":%d,"node":%d,"ev":"suspect","peer":%d}` + "\n"
)

// TestMergeOrder: by time, a send before its deliveries; who was killed has died after its own last line, whenever the
// launcher noted the deed.
func TestMergeOrder(t *testing.T) {
	zero := fmt.Sprintf(sendLine, 1, 5, 0, 1, 0) + fmt.Sprintf(deliverLine, 2, 7, 0, 1, 1) + fmt.Sprintf(suspectLine, 3, 2, 7, 0, 1)
	one := fmt.Sprintf(deliverLine, 1, 5, 1, 0, 0) + fmt.Sprintf(sendLine, 2, 7, 1, 0, 1) + fmt.Sprintf(sendLine, 3, 9, 1, 0, 3)
	got, res, err := mergeParts(t, 8, []trace.Event{{T: 7, Node: 1, Kind: trace.Crash}}, zero, one)
	if err != nil {
		t.Fatal(err)
	}
	want := `1<0 t=5 node 0 send 0
2<1 t=5 node 1 deliver 0
3<0 t=7 node 1 send 1
4<3 t=7 node 0 deliver 1
5<4 t=7 node 0 suspect 0
6<0 t=8 node 1 crash 0
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	if res.Messages != 2 || res.End != 8 || res.Steps != 1 {
		t.Errorf("result %+v: expected 2 messages, 1 step, end 8", res)
	}
}

// TestMergeOfKilled: a last line that was cut is dropped, and a member that was killed before it had done anything has no
// file.
func TestMergeOfKilled(t *testing.T) {
	got, _, err := mergeParts(t, 100, nil, fmt.Sprintf(sendLine, 1, 5, 0, 1, 0)+`{"seq":2,"t":6,"no`, "")
	if err != nil || got != "1<0 t=5 node 0 send 0\n" {
		t.Errorf("merged %q (%v): expected the whole line alone", got, err)
	}
}

func TestMergeRefuses(t *testing.T) {
	for name, s := range map[string]struct {
		parts []string
		says  string
	}{
		"delivery of what was never sent": {[]string{"", fmt.Sprintf(deliverLine, 1, 5, 1, 0, 0)}, "does not record that it sent it"},
		"send after its delivery":         {[]string{fmt.Sprintf(sendLine, 1, 6, 0, 1, 0), fmt.Sprintf(deliverLine, 1, 5, 1, 0, 0)}, "does not record that it sent it"},
		"time goes back":                  {[]string{fmt.Sprintf(sendLine, 1, 6, 0, 1, 0) + fmt.Sprintf(sendLine, 2, 5, 0, 1, 2), ""}, "time goes back"},
		"no line":                         {[]string{"{}\n", ""}, "node-0.jsonl"},
	} {
		if _, _, err := mergeParts(t, 100, nil, s.parts...); err == nil || !strings.Contains(err.Error(), s.says) {
			t.Errorf("%s: error %v: expected one that says %q", name, err, s.says)
		}
	}
}

// TestRefusals names what real processes cannot show, each beside what they can.
func TestRefusals(t *testing.T) {
	for _, s := range []struct{ line, says string }{
		{"faults: [{at: 1s, crash: [1], silent: true}, {at: 1s, pause: [0], for: 1s}, {at: 1s, loss: 0.1, for: 1s}]", ""},
		{"faults: [{when: {node: 0, installs: 1}, crash: [0]}]", ""},
		{"faults: [{at: 1s, suspect: [{by: 0, of: 1}]}]", "faults[0]: suspect"},
		{"faults: [{at: 1s, skew: [{node: 0, rate: 1.01}]}]", "faults[0]: skew"},
		{"faults: [{at: 1s, hold: [0], for: 1s}]", ""},
		{"faults: [{at: 1s, app: {barrier: [0]}}]", ""},
		{"faults: [{random: {suspicions: 0..1, between: 1s..2s}}]", "suspicions"},
		{"faults: [{random: {crashes: 0..1, between: 1s..2s}}]", ""},
		{"network: {loss: 0.1}", "network.loss"},
		{"network: {transport: datagram}", "network.transport"},
		{"network: {transport: stream}", ""},
		{"network: {latency: 1s..2s}", "network.latency"},
		{"workload: {barrier: {every: 1s}}", ""},
		{"model: crash-stop", "model crash-stop"},
	} {
		sc, err := scenarios.Parse("test", []byte("name: refusals\nworld: 3\n"+s.line+"\n"))
		if err != nil {
			t.Errorf("%s: %v", s.line, err)
			continue
		}
		_, err = NewPlan(sc, 0, "quorum", 1)
		switch {
		case s.says == "" && err != nil:
			t.Errorf("%s: %v", s.line, err)
		case s.says != "" && (err == nil || !strings.Contains(err.Error(), s.says)):
			t.Errorf("%s: error %v: expected one that says %q", s.line, err, s.says)
		}
	}
	sc, _ := scenarios.Builtin("leader-dies")
	if _, err := NewPlan(sc, 0, "classic", 1); err == nil || !strings.Contains(err.Error(), "classic") {
		t.Errorf("classic: error %v: expected one that names it", err)
	}
}

// TestDrawnActs: a seed draws the same acts each time, another seed others.
func TestDrawnActs(t *testing.T) {
	sc, err := scenarios.Parse("test", []byte("name: drawn\nworld: 3..8\nfaults: [{random: {crashes: 2, partitions: 1, cuts: 1, pauses: 1, between: 1s..20s}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	drawn := func(seed uint64) string {
		p, err := NewPlan(sc, 0, "quorum", seed)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(p.Drawn, "\n")
	}
	if a, b := drawn(7), drawn(7); a != b || strings.Count(a, "\n") != 5 {
		t.Errorf("seed 7 draws\n%s\nand\n%s\nexpected the same six lines", a, b)
	}
	if drawn(7) == drawn(8) {
		t.Error("seeds 7 and 8 draw the same")
	}
}
