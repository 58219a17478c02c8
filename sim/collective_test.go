package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/scenarios"
)

// speaker is a communicator without recovery, as small as one can be: whoever calls tells all others what it brings, says
// it again until it has heard from each of them, and ends the call then. Whoever is asked again answers again.
type speaker struct {
	core.Setup
	wrong string // what it does wrong
	made  [2]uint64
	heard map[part]int64 // what each node, itself included, has brought to each call
	calls []speech
}

// part is what one node brings to the n-th call of an operation.
type part struct {
	op   core.CallOp
	n    uint64
	node core.NodeID
}

// speech is a call that has not ended.
type speech struct {
	id uint64
	part
}

const again = 250 * milli

func (m *speaker) Clone() core.Machine           { c := *m; return &c }
func (m *speaker) AppendState(buf []byte) []byte { return buf }
func (m *speaker) KindName(k core.Kind) string   { return k.String() }

func (m *speaker) Step(now core.Instant, in *core.Input, out *core.Effects) {
	switch in.Kind {
	case core.InCall:
		m.call(now, in, out)
	case core.InDeliver:
		out.Used()
		p := part{core.CallOp(in.Msg.Num & 0xff), in.Msg.Num >> 9, in.From}
		p.n, m.heard[p] = in.Msg.Num>>9, number(in.Msg.Body)
		mine := part{p.op, p.n, m.Self}
		if value, ok := m.heard[mine]; ok && in.Msg.Num>>8&1 == 1 {
			out.Send(in.From, m.message(mine, value, 0))
		}
		m.finish(out)
	case core.InTimer:
		for _, c := range m.calls {
			m.tell(c.part, 1, out)
		}
		m.arm(now, out)
	}
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

func (m *speaker) call(now core.Instant, in *core.Input, out *core.Effects) {
	if !in.Call.Collective() || in.Call == core.CallSplit {
		out.PutDone(core.Done{ID: in.ID, Call: in.Call, Err: "not offered"})
		return
	}
	m.made[in.Call-core.CallBarrier]++
	p := part{in.Call, m.made[in.Call-core.CallBarrier], m.Self}
	m.heard[p] = in.Value
	m.calls = append(m.calls, speech{in.ID, p})
	m.tell(p, 0, out)
	m.arm(now, out)
	m.finish(out)
}

func (m *speaker) arm(now core.Instant, out *core.Effects) {
	if len(m.calls) > 0 {
		out.SetTimer(0, now+core.Instant(again))
	}
}

func (m *speaker) message(p part, value int64, repeated uint64) *core.Message {
	return &core.Message{
		Kind: 40, Group: m.CommID, Ballot: core.NoBallot, Num: p.n<<9 | repeated<<8 | uint64(p.op), Body: strconv.FormatInt(value, 10),
	}
}

func (m *speaker) tell(p part, repeated uint64, out *core.Effects) {
	for id := range core.NodeID(m.World) {
		if id != m.Self {
			out.Send(id, m.message(p, m.heard[p], repeated))
		}
	}
}

// finish ends the calls that everybody has a part in.
func (m *speaker) finish(out *core.Effects) {
	m.calls = slices.DeleteFunc(m.calls, func(c speech) bool {
		heard, sum := 0, int64(0)
		for id := range core.NodeID(m.World) {
			if value, ok := m.heard[part{c.op, c.n, id}]; ok {
				heard++
				sum += value
			}
		}
		done := core.Done{ID: c.id, Call: c.op}
		enough := m.World
		switch {
		case m.wrong == "lets one through":
			enough = m.World - 1
		case m.wrong == "fails" && m.Self == 1:
			done.Err = "unknown peer"
		case m.wrong == "fails at once" && m.Self == 0:
			enough, done.Err = 1, "unknown peer"
		case m.wrong == "never ends" && m.Self == 2:
			return false
		case m.wrong == "sums wrong" && m.Self == 1:
			sum -= m.heard[part{c.op, c.n, 2}]
		}
		if heard < enough {
			return false
		}
		if c.op == core.CallAllReduce && done.Err == "" {
			done.Result = strconv.FormatInt(sum, 10)
		}
		out.PutDone(done)
		if m.wrong == "answers twice" && m.Self == 0 {
			out.PutDone(done)
		}
		return true
	})
}

// speaking runs a scenario of three speakers, and gives their call lines and what is said of the property.
func speaking(t *testing.T, network, faults, wrong string) (calls []string, verdict string) {
	t.Helper()
	sc := probing(t, 3, "network: {latency: 1ms, "+network+"}\nduration: 10s\nsettle: 70s\nfaults:\n"+faults)
	spec := Spec{Scenario: sc, Protocol: "mine", Seed: 1, New: func(s core.Setup) (core.Machine, error) {
		return &speaker{Setup: s, wrong: wrong, heard: map[part]int64{}}, nil
	}}
	silent, err := New().Run(spec)
	if err != nil {
		t.Fatal(err)
	}
	apps := map[uint64]bool{}
	spec.Observe = func(ev *trace.Event) {
		switch ev.Kind {
		case trace.App:
			apps[ev.Seq] = true
		case trace.Call:
			calls = append(calls, callText(ev))
			if ev.Call.Phase == "start" != apps[ev.Cause] {
				t.Errorf("line %d, %s, is caused by line %d", ev.Seq, callText(ev), ev.Cause)
			}
		}
	}
	res, err := New().Run(spec)
	if err != nil {
		t.Fatal(err)
	}
	if res.Digest != silent.Digest {
		t.Error("the trace changes the digest")
	}
	if len(res.Verdict.Malformed) > 0 {
		t.Error(res.Verdict.Malformed)
	}
	for _, v := range res.Verdict.Violations {
		if v.Property == checker.Collective {
			verdict += fmt.Sprintf("%v %s\n", time.Duration(v.T), v.Why)
		}
	}
	if len(silent.Verdict.Violations) != len(res.Verdict.Violations) {
		t.Error("the trace changes the verdict")
	}
	return calls, verdict
}

func callText(ev *trace.Event) string {
	c := ev.Call
	text := fmt.Sprintf("%v %d %s %s %d", time.Duration(ev.T), ev.Node, c.Phase, c.Op, c.N)
	if c.Value != "" {
		text += " " + c.Value
	}
	if c.Error != "" {
		text += " error " + c.Error
	}
	if c.Epoch != 0 {
		text += fmt.Sprint(" epoch ", c.Epoch)
	}
	return text
}

var transports = []string{"transport: stream", "transport: datagram", "transport: datagram, loss: 0.1", "transport: stream, loss: 0.1, reorder: false"}

// TestCallLines: a call has a line before whatever it brings about, and one at its end; what a node brings to an
// all-reduce follows from its number and the how-manieth it is; recover, hold and release have none.
func TestCallLines(t *testing.T) {
	const faults = `  - {at: 1s, app: {barrier: [0, 1, 2]}}
  - {at: 2s, hold: [0], for: 1s}
  - {at: 3s, app: {split: [1]}}
  - {at: 4s, app: {allreduce: [0, 1]}}
  - {at: 5s, app: {allreduce: [2]}}
  - {at: 6s, app: {allreduce: [2, 0, 1]}}
`
	for _, network := range transports[:2] {
		calls, verdict := speaking(t, network, faults, "")
		want := []string{
			"1s 0 start barrier 1", "1s 1 start barrier 1", "1s 2 start barrier 1",
			"1.001s 1 end barrier 1", "1.001s 2 end barrier 1", "1.001s 0 end barrier 1",
			"3s 1 start split 1", "3s 1 end split 1 error not offered",
			`4s 0 start allreduce 1 "1001"`, `4s 1 start allreduce 1 "1002"`,
			`5s 2 start allreduce 1 "1003"`, `5s 2 end allreduce 1 "3006"`, `5.001s 0 end allreduce 1 "3006"`, `5.001s 1 end allreduce 1 "3006"`,
			`6s 2 start allreduce 2 "2003"`, `6s 0 start allreduce 2 "2001"`, `6s 1 start allreduce 2 "2002"`,
			`6.001s 0 end allreduce 2 "6006"`, `6.001s 1 end allreduce 2 "6006"`, `6.001s 2 end allreduce 2 "6006"`,
		}
		slices.Sort(want)
		slices.Sort(calls)
		if diff := cmp.Diff(want, calls); diff != "" {
			t.Errorf("%s (-want +got):\n%s", network, diff)
		}
		if verdict != "" {
			t.Errorf("%s: %s", network, verdict)
		}
	}
}

// TestCallLinesGone: a paused node's call starts when it wakes up, and a dead one's does not start.
func TestCallLinesGone(t *testing.T) {
	calls, verdict := speaking(t, "transport: datagram", `  - {at: 1s, pause: [1], for: 3s}
  - {at: 2s, app: {barrier: [0, 1]}}
  - {at: 5s, crash: [1]}
  - {at: 6s, app: {barrier: [1, 2]}}
`, "")
	want := []string{"2s 0 start barrier 1", "4s 1 start barrier 1", "6s 2 start barrier 1", "6s 2 end barrier 1", "6.001s 0 end barrier 1"}
	if calls = slices.DeleteFunc(calls, func(s string) bool { return s == "6.001s 1 end barrier 1" }); cmp.Diff(want, calls) != "" || verdict != "" {
		t.Errorf("%v\n%s", calls, verdict)
	}
}

// TestCollective: a communicator that does all as it should is not blamed, whatever the network; each wrong one is, for
// what it does and not for the rest, on every transport.
func TestCollective(t *testing.T) {
	const faults = `  - {at: 1s, app: {barrier: [0, 1, 2]}}
  - {at: 2s, app: {allreduce: [0, 1, 2]}}
  - {at: 3s, app: {allreduce: [0, 1]}}
  - {at: 4s, app: {allreduce: [2]}}
  - {at: 5s, app: {barrier: [0, 1, 2]}}
`
	for _, network := range transports {
		for wrong, want := range map[string][]string{
			"":                 nil,
			"lets one through": {"2.", "before node 2 had started it"},
			"fails":            {"1.", "node 1's part of barrier 1 of epoch 0 failed for no reason that shows: unknown peer"},
			"fails at once":    {"1s ", "node 0's part of barrier 1 of epoch 0 failed for no reason that shows: unknown peer"},
			"never ends":       {"1m15s ", "node 2's part of barrier 1 of epoch 0 never ended"},
			"sums wrong":       {"2.", `node 1 ended allreduce 1 of epoch 0 with "2003", the sum of the members' contributions is 3006`},
			"answers twice":    {"1.", "node 0 ended a barrier that it had not started"},
		} {
			_, verdict := speaking(t, network, faults, wrong)
			if want == nil && verdict != "" || want != nil && (!strings.HasPrefix(verdict, want[0]) || !strings.Contains(verdict, want[1])) {
				t.Errorf("%s, %q: found\n%swant %s", network, wrong, verdict, want)
			}
		}
	}
}

// TestCollectiveExcused: what fails or hangs because of an act is nobody's fault, and neither is a call that some member
// never makes; a success that was none is, even then.
func TestCollectiveExcused(t *testing.T) {
	for name, faults := range map[string]string{
		"a member that is paused":    "  - {at: 1s, pause: [0], for: 3s}\n  - {at: 2s, app: {barrier: [0, 1, 2]}}\n",
		"a cut":                      "  - {at: 1s, cut: [{from: 0, to: 1}]}\n  - {at: 2s, app: {barrier: [0, 1, 2]}}\n",
		"a slow member":              "  - {at: 1s, slow: {nodes: [1], by: 1s}}\n  - {at: 2s, app: {barrier: [0, 1, 2]}}\n",
		"a dead one":                 "  - {at: 1s, crash: [0]}\n  - {at: 2s, app: {barrier: [1, 2]}}\n",
		"a suspicion":                "  - {at: 1s, app: {shutdown: [0]}}\n  - {at: 2s, app: {barrier: [0, 1, 2]}}\n",
		"one that never calls":       "  - {at: 2s, app: {barrier: [1, 2]}}\n",
		"one that calls late":        "  - {at: 2s, app: {barrier: [1, 2]}}\n  - {at: 20s, app: {barrier: [0]}}\n",
		"one that is still to split": "  - {at: 2s, app: {split: [1, 2]}}\n  - {at: 3s, app: {barrier: [0, 1, 2]}}\n",
	} {
		for _, wrong := range []string{"", "fails", "never ends"} {
			if _, verdict := speaking(t, "transport: stream", faults, wrong); verdict != "" {
				t.Errorf("%s, %q: %s", name, wrong, verdict)
			}
		}
	}
	_, verdict := speaking(t, "transport: stream", "  - {at: 1s, cut: [{from: 0, to: 1}]}\n  - {at: 2s, app: {barrier: [0, 1]}}\n", "lets one through")
	if verdict != "2.001s node 0 ended barrier 1 of epoch 0 before node 2 had started it\n" {
		t.Errorf("behind a cut: %q", verdict)
	}
}

// TestContributionReachesTheDigest: two runs in which machines are given other numbers are other runs.
func TestContributionReachesTheDigest(t *testing.T) {
	var d [2]digest
	for i := range d {
		d[i].reset(nil)
		s := New()
		s.digest.reset(nil)
		s.markStep(0, &core.Input{Kind: core.InCall, Call: core.CallAllReduce, ID: 7, Value: int64(i)})
		d[i] = s.digest
	}
	if d[0].sum() == d[1].sum() {
		t.Error("the same digest")
	}
}

// TestProtocolNames: a scenario can name what there is, and nothing else.
func TestProtocolNames(t *testing.T) {
	names := slices.Sorted(slices.Values(scenarios.Protocols()))
	if diff := cmp.Diff(names, Protocols()); diff != "" {
		t.Error(diff)
	}
}
