package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/core/comm"
	"nexarsim/scenarios"
)

// TestEquip: machines carry what the application needs of them and nothing else, so that runs without collectives stay
// what they were.
func TestEquip(t *testing.T) {
	for _, c := range []struct{ text, protocol, want string }{
		{"faults:\n  - {at: 1s, crash: [1]}\n", "quorum", "*core.Node"},
		{"faults:\n  - {at: 1s, app: {shutdown: [1]}}\n", "fail-stop", "*core.Node"},
		{"faults:\n  - {at: 1s, app: {split: [1]}}\n", "quorum", "*comm.Stack"},
		{"faults:\n  - {at: 1s, app: {barrier: [1]}}\n", "classic", "*classic.Node"},
		{"workload: {allreduce: {every: 1s}}\n", "fail-stop", "*comm.Stack"},
		{"workload: {barrier: {every: 1s}}\n", "classic", "*classic.Node"},
		{"workload: {register: {clients: 1, every: 1s}}\n", "quorum", "*comm.Register"},
		{"workload: {register: {clients: 1, every: 1s}}\n", "classic+epoch", "*comm.Register"},
	} {
		s := New()
		if _, err := s.Run(Spec{Scenario: probing(t, 2, c.text), Protocol: c.protocol, Seed: 1}); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%T", s.nodes[0].m); got != c.want {
			t.Errorf("%s with %q: %s, want %s", c.protocol, c.text, got, c.want)
		}
	}
}

// callsOf makes a run and gives the lines of its calls.
func callsOf(t *testing.T, world int, text, protocol string, seed uint64) (calls []trace.Operation, nodes []int, res *Result) {
	t.Helper()
	res, err := New().Run(Spec{Scenario: probing(t, world, text), Protocol: protocol, Seed: seed, Observe: func(ev *trace.Event) {
		if ev.Kind == trace.Call {
			calls, nodes = append(calls, *ev.Call), append(nodes, ev.Node)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return calls, nodes, res
}

// TestLoads: each workload calls what it says, one call after the other at each node, and stops while there is time for
// an answer; without faults every call comes through, on every protocol that has no heartbeat in its barriers' way.
func TestLoads(t *testing.T) {
	for _, c := range []struct{ workload, op, protocol string }{
		{"allreduce: {every: 500ms}", "allreduce", "quorum"},
		{"allreduce: {every: 500ms}", "allreduce", "classic"},
		{"barrier: {every: 500ms}", "barrier", "fail-stop"},
		{"register: {clients: 4, every: 500ms}", "read write", "quorum"},
		{"register: {clients: 4, every: 500ms}", "read write", "classic"},
	} {
		calls, nodes, res := callsOf(t, 3, "workload: {"+c.workload+"}\nduration: 40s\nsettle: 20s\n", c.protocol, 1)
		open, ended := map[int]int{}, 0
		for i, o := range calls {
			if !strings.Contains(c.op, o.Op) || o.Error != "" {
				t.Errorf("%s, %s: %+v", c.protocol, c.workload, o)
			}
			if o.Phase == "start" {
				open[nodes[i]]++
			} else {
				open[nodes[i]]--
				ended++
			}
			if open[nodes[i]] > 1 && c.op != "read write" {
				t.Errorf("%s, %s: node %d makes a call in a call", c.protocol, c.workload, nodes[i])
			}
		}
		if want := 3 * 59; ended < want || ended > 4*62 || len(calls) != 2*ended {
			t.Errorf("%s, %s: %d calls, %d ended, want about %d", c.protocol, c.workload, len(calls)/2, ended, want)
		}
		if len(res.Verdict.Violations)+len(res.Verdict.Undecided) != 0 {
			t.Errorf("%s, %s: %+v", c.protocol, c.workload, res.Verdict)
		}
	}
}

// TestAllReduceByEither: about half of the seeds send round the ring, and say so.
func TestAllReduceByEither(t *testing.T) {
	seen := map[string]int{}
	for seed := uint64(1); seed <= 20; seed++ {
		_, _, res := callsOf(t, 4, "workload: {allreduce: {every: 1s}}\nduration: 4s\nsettle: 2s\n", "quorum", seed)
		i := slices.IndexFunc(res.Drawn, func(line string) bool { return strings.HasPrefix(line, "all-reduce by ") })
		if i < 0 {
			t.Fatalf("seed %d: drawn %q", seed, res.Drawn)
		}
		seen[res.Drawn[i]]++
	}
	if len(seen) != 2 {
		t.Errorf("%v", seen)
	}
}

// TestDeadNodesCallNothing: the worker of a node that died stops, and so does that of one that was excluded; a client goes
// elsewhere.
func TestDeadNodesCallNothing(t *testing.T) {
	for workload, kind := range map[string]string{"barrier: {every: 500ms}": "barrier", "register: {clients: 1, every: 500ms}": ""} {
		calls, nodes, _ := callsOf(t, 3, "workload: {"+workload+"}\nfaults:\n  - {at: 5s, crash: [2]}\nduration: 60s\nsettle: 20s\n", "quorum", 1)
		last := map[int]uint64{}
		for i, o := range calls {
			if o.Phase == "start" {
				last[nodes[i]]++
			}
		}
		if last[2] > 11 || last[0] < 30 || kind != "" && last[1] < 70 {
			t.Errorf("%s: calls of each node %v", workload, last)
		}
	}
}

// TestMachinesAgreeOnKinds: no kind of a machine on top is one of a machine below.
func TestMachinesAgreeOnKinds(t *testing.T) {
	s := New()
	if _, err := s.Run(Spec{Scenario: probing(t, 2, "workload: {register: {clients: 1, every: 1s}}\nfaults:\n  - {at: 1s, app: {split: [0]}}\n"), Protocol: "quorum", Seed: 1}); err != nil {
		t.Fatal(err)
	}
	names := map[string][]core.Kind{}
	for k := core.Kind(1); k < 100; k++ {
		name := s.nodes[0].m.KindName(k)
		names[name] = append(names[name], k)
	}
	if got := names["data"]; !slices.Equal(got, []core.Kind{comm.Data, comm.Tagged, comm.Store}) {
		t.Errorf("data is %v", got)
	}
	for name, kinds := range names {
		if len(kinds) > 1 && name != "data" {
			t.Errorf("%s is %v", name, kinds)
		}
	}
}

// relay passes on round the ring what comes, and does nothing else with it: the least that a machine can do that sends for each
// message it gets.
type relay struct {
	self, next core.NodeID
	message    core.Message
}

func newRelay(s core.Setup) (core.Machine, error) {
	r := &relay{self: s.Self, next: (s.Self + 1) % core.NodeID(s.World)}
	r.message = core.Message{Kind: comm.Data, Group: s.CommID, Body: "12345678"}
	return r, nil
}

func (r *relay) Step(_ core.Instant, in *core.Input, out *core.Effects) {
	if in.Kind == core.InDeliver {
		out.Used()
	}
	if in.Kind == core.InStart || in.Kind == core.InDeliver {
		r.message.Num++
		out.Send(r.next, &r.message)
	}
}

func (r *relay) Clone() core.Machine { c := *r; return &c }

func (r *relay) AppendState(buf []byte) []byte {
	return append(buf, byte(r.self), byte(r.message.Num))
}

func (r *relay) KindName(core.Kind) string { return "relay" }

// BenchmarkRing measures what an event costs in a world of 64 that sums all along round the ring, beside W(64) and the floor,
// turn by turn in one process; and beside a world of 64 that only passes messages on, which is the least that a ring can cost. An event is the same in all three: a step, which is one input given to one node.
func BenchmarkRing(b *testing.B) {
	const text = "name: ring\nabout: Sums round the ring.\nworld: 64\nduration: 60s\nsettle: 15s\nconfig: {recovery_timeout: 10s}\nworkload: {allreduce: {every: 1s}}\n"
	sums, err := scenarios.Parse("ring.yaml", []byte(text))
	if err != nil {
		b.Fatal(err)
	}
	plain, s, f, seed := workload(b, 64), New(), &floorSim{}, uint64(0)
	relays, err := scenarios.Parse("relay.yaml", []byte("name: relay\nabout: Messages round the ring.\nworld: 64\nduration: 4s\n"))
	if err != nil {
		b.Fatal(err)
	}
	var ours, base, ratio, overFloor, bare []float64
	run := func(sc *scenarios.Scenario, make1 Constructor) float64 {
		t := cpu(b)
		res, err := s.Run(Spec{Scenario: sc, Protocol: "quorum", Seed: seed, New: make1})
		if err != nil || len(res.Verdict.Violations) != 0 {
			b.Fatal(err, res)
		}
		return float64(cpu(b)-t) / float64(res.Steps)
	}
	for b.Loop() {
		seed++
		for s.ring = false; !s.ring; seed++ {
			s.dice.reset(seed)
			s.ring = s.dice.Decide(choiceKey(domainRing, 0, 0), 0, 2) != 0
		}
		seed--
		o := run(sums, nil)
		p := run(plain, nil)
		r := run(relays, newRelay)
		t := cpu(b)
		least := f.run(64, seed)
		l := float64(cpu(b)-t) / float64(least)
		ours, base, ratio, overFloor, bare = append(ours, o), append(base, p), append(ratio, o/p), append(overFloor, o/l), append(bare, r/p)
	}
	b.ReportMetric(median(ours), "ns/event")
	b.ReportMetric(median(base), "W64-ns/event")
	b.ReportMetric(median(ratio), "x-W64")
	b.ReportMetric(median(overFloor), "x-floor")
	b.ReportMetric(median(bare), "relay-x-W64")
	b.ReportMetric(0, "ns/op")
}
