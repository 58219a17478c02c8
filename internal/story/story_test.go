package story_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker/trace"
	"nexarsim/internal/story"
)

const second = 1_000_000_000

func vote(t int64, from, to int, set ...int) *trace.Event {
	return &trace.Event{T: t, Node: from, Kind: trace.Send, To: to, Msg: &trace.Message{Type: "vote", Coordinator: -1, Set: set}}
}

func told(world, limit int, events ...*trace.Event) string {
	s := story.New()
	for _, ev := range events {
		s.Observe(ev)
	}
	var b strings.Builder
	s.Print(&b, world, limit)
	return b.String()
}

// TestTell: one line a step, in the node's column; heartbeats are left out, what is sent again is folded.
func TestTell(t *testing.T) {
	heartbeat := &trace.Event{T: second, Node: 0, Kind: trace.Send, To: 1, Msg: &trace.Message{Type: "heartbeat", Coordinator: -1}}
	got := told(3, 200,
		heartbeat,
		&trace.Event{T: 2 * second, Node: 2, Kind: trace.Crash, Silent: true},
		&trace.Event{T: 3 * second, Node: -1, Kind: trace.Partition, Act: &trace.Act{Groups: [][]int{{0}, {1, 2}}}},
		&trace.Event{T: 4 * second, Node: 1, Kind: trace.Suspect, Peer: 2},
		vote(4*second, 1, 0, 2),
		vote(5*second, 1, 0, 2),
		vote(6*second, 1, 0, 2),
		&trace.Event{T: 7 * second, Node: 0, Kind: trace.Deliver, From: 1, Used: true, Msg: &trace.Message{Type: "vote"}},
		&trace.Event{T: 7 * second, Node: 0, Kind: trace.Send, To: 1, Msg: &trace.Message{Type: "agreement", Round: 1, Set: []int{2}}},
		&trace.Event{T: 7 * second, Node: 0, Kind: trace.Send, To: 2, Msg: &trace.Message{Type: "agreement", Round: 1, Set: []int{2}}},
		&trace.Event{T: 8 * second, Node: 1, Kind: trace.Install, Install: &trace.View{Epoch: 1, World: 2, Members: []int{0, 1}, Dead: []int{2}}},
		&trace.Event{T: 8 * second, Node: 1, Kind: trace.Told, Told: &trace.Notice{Kind: "recovered"}},
		&trace.Event{T: 9 * second, Node: 0, Kind: trace.Told, Told: &trace.Notice{Kind: "quorum-lost"}},
		&trace.Event{T: 9 * second, Node: 0, Kind: trace.End, Why: "error", Error: "a\nb"},
	)
	want := `       time  0       1       2
    2.0000s  .       .       CRASHES silently
    3.0000s  -- partition 0 | 1 2
    4.0000s  .       suspects 2; vote (suspects 2) to 0
    5.0000s  .       (sends 2 messages again, until 6.0000s)
    7.0000s  vote from 1: agreement (round 1, without 2) to 1 2
    8.0000s  .       INSTALLS epoch 1: 0 1 (without 2)
    9.0000s  tells quorum-lost; ends: error: a b
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestActs: every act of the environment has words.
func TestActs(t *testing.T) {
	act := &trace.Act{
		Groups: [][]int{{0}, {1}}, Links: []trace.Link{{From: 0, To: 1}}, Nodes: []int{1}, By: 5_000_000, Rate: 300_000_000,
		Skew: []trace.ClockSkew{{Node: 1, Rate: 1_010_000_000, Step: 50_000_000}}, Suspect: []trace.Accusation{{By: 0, Of: 1}}, Op: "shutdown",
	}
	seen := map[string]bool{}
	for kind := trace.Crash; kind.IsAct(); kind++ {
		got := told(2, 10, &trace.Event{T: second, Node: 1, Kind: kind, Act: act})
		if lines := strings.Count(got, "\n"); lines != 2 || seen[got] {
			t.Errorf("%s: %s", kind, got)
		}
		seen[got] = true
	}
	if !seen["       time  0       1\n    1.0000s  -- skew of 1: rate 1.01, step 50ms\n"] {
		t.Errorf("skew is told otherwise: %v", seen)
	}
}

// TestLimit: of a long story beginning and end are kept, within the limit, in order, and it says what is missing.
func TestLimit(t *testing.T) {
	s := story.New()
	for i := range 100_000 {
		at := int64(i+1) * second
		s.Observe(&trace.Event{T: at, Node: i % 2, Kind: trace.Suspect, Peer: 2})
		s.Observe(&trace.Event{T: at, Node: 2, Kind: trace.Send, To: i, Msg: &trace.Message{Type: "vote"}})
	}
	var b strings.Builder
	s.Print(&b, 3, 20)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) < 20 || len(lines) > 45 {
		t.Errorf("%d lines:\n%s", len(lines), b.String())
	}
	if !strings.Contains(lines[1], "1.0000s") || !strings.Contains(lines[len(lines)-2], "100000.0000s") {
		t.Errorf("beginning or end is missing:\n%s", b.String())
	}
	if want := fmt.Sprintf("%d more lines left out; --trace FILE writes every event.", 200_000-20); lines[len(lines)-1] != want {
		t.Errorf("last line %q, want %q", lines[len(lines)-1], want)
	}
}

// TestWide: many nodes have no columns, and long lists of them are shortened.
func TestWide(t *testing.T) {
	members := make([]int, 40)
	for i := range members {
		members[i] = i + i/20
	}
	got := told(41, 10, &trace.Event{T: second, Node: 40, Kind: trace.Install, Install: &trace.View{Epoch: 1, Members: members}})
	want := "       time\n    1.0000s  node 40: INSTALLS epoch 1: 0-19 21-40\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestQuiet(t *testing.T) {
	if got := told(3, 10); got != "Nothing happened but heartbeats.\n" {
		t.Errorf("got %q", got)
	}
}

// TestTellCalls: a call is told where it starts and where it ends, each start in a line of its own.
func TestTellCalls(t *testing.T) {
	call := func(t int64, node int, c trace.Operation) *trace.Event {
		return &trace.Event{T: t, Node: node, Kind: trace.Call, Call: &c}
	}
	data := &trace.Event{T: second, Node: 0, Kind: trace.Send, To: 1, Msg: &trace.Message{Type: "data", Coordinator: -1}}
	got := told(2, 200,
		call(second, 0, trace.Operation{Op: "allreduce", Phase: "start", N: 2, Value: `"2001"`}),
		data,
		call(second, 0, trace.Operation{Op: "barrier", Phase: "start", N: 1}),
		&trace.Event{T: 2 * second, Node: 0, Kind: trace.Deliver, From: 1, Used: true, Msg: &trace.Message{Type: "data"}},
		call(2*second, 0, trace.Operation{Op: "allreduce", Phase: "end", N: 2, Value: `"4003"`}),
		call(3*second, 0, trace.Operation{Op: "barrier", Phase: "end", N: 1, Error: "timed out"}),
	)
	want := `       time  0       1
    1.0000s  calls allreduce 2 with "2001"; data to 1
    1.0000s  calls barrier 1
    2.0000s  data from 1: allreduce 2 ends with "4003"
    3.0000s  barrier 1 FAILS: timed out
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
