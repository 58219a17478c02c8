package sim

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/core"
	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// capsuleOf makes a run and keeps it.
func capsuleOf(t *testing.T, spec Spec, property string) (*capsule.Capsule, *Result) {
	t.Helper()
	c, res, err := New().Record(spec, property)
	if err != nil {
		t.Fatal(err)
	}
	return c, res
}

// throughFile writes a capsule and reads it again.
func throughFile(t *testing.T, c *capsule.Capsule) *capsule.Capsule {
	t.Helper()
	var first, second bytes.Buffer
	if err := capsule.Write(&first, c); err != nil {
		t.Fatal(err)
	}
	again, err := capsule.Parse("test.json", first.Bytes())
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, first.String())
	}
	if err := capsule.Write(&second, again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.String(), second.String()); diff != "" {
		t.Fatalf("written, read and written again (-first +second):\n%s", diff)
	}
	return again
}

func replay(t *testing.T, spec ReplaySpec) *Replayed {
	t.Helper()
	r, err := New().Replay(spec)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecordedRunsAreReplayed: a capsule of a run is the same run, whatever the seed drew: worlds, transports, faults,
// latencies of each distribution, losses, copies, what a closed connection or a heal brought. Recording alters nothing.
func TestRecordedRunsAreReplayed(t *testing.T) {
	const large = 20_000 // decisions of a world that would take long as a file
	for _, name := range scenarios.Names() {
		sc, _ := scenarios.Builtin(name)
		for i, protocol := range []string{"quorum", "fail-stop"} {
			for _, seed := range []uint64{uint64(i) + 1, uint64(len(name)) + 77} {
				spec := Spec{Scenario: sc, Protocol: protocol, Seed: seed}
				want, err := New().Run(spec)
				if err != nil {
					t.Fatal(err)
				}
				c, res := capsuleOf(t, spec, "")
				if diff := cmp.Diff(want, res); diff != "" {
					t.Fatalf("%s %s seed %d: recording makes another run:\n%s", name, protocol, seed, diff)
				}
				if len(c.Decisions) < large {
					c = throughFile(t, c)
				}
				r := replay(t, ReplaySpec{Capsule: c})
				if !r.Same || r.Outcome != Reproduced || r.Steps != want.Steps || r.Messages != want.Messages || r.Installs != want.Installs {
					t.Errorf("%s %s seed %d: %s, digest %s, %d steps; recorded: digest %s, %d steps; %s, nearest %s", name, protocol, seed,
						r.Outcome, r.DigestText(), r.Steps, want.DigestText(), want.Steps, r.Missing, r.Nearest)
				}
				if diff := cmp.Diff(want.Verdict, r.Verdict); diff != "" {
					t.Errorf("%s %s seed %d: other verdict (-run +replay):\n%s", name, protocol, seed, diff)
				}
			}
		}
	}
}

// disordered is a bug of the toy that the causes are tested with: it minds votes that come in the wrong
// order.
func disordered(t *toy) bool {
	return t.self == 0 && t.has("vote 2") && t.before("vote 2", "vote 1") && t.has("timer 2")
}

// kept is a capsule of the toy: node 1's vote is late, and so comes after node 2's.
func kept(t *testing.T, delay string) *capsule.Capsule {
	t.Helper()
	c, err := capsule.Parse("kept.json", []byte(`{"format":"nexarsim-capsule","version":1,"mode":"timed",
"scenario":{"name":"toy","world":3,"duration":"60s","network":{"transport":"datagram"}},"protocol":"toy","seed":"1","property":"eviction",
"decisions":[
{"act":{"when":{"node":1,"sends":"vote","nth":1,"peer":2,"epoch":0},"crash":[1]}},
{"link":[1,0],"kind":"vote","epoch":0,"nth":1,"delay":"`+delay+`"},
{"close":[1,0],"nth":1,"delay":"20ms"}
],
"orders":[
{"first":{"node":0,"receives":"vote","peer":2,"epoch":0,"nth":1},"then":{"node":0,"receives":"vote","peer":1,"epoch":0,"nth":1}}
],
"verdict":{"violations":[{"property":"eviction","t":1,"nodes":[0],"why":"node 0 panicked: the bug"}]},
"digest":"0000000000000000","steps":1,"found_by":{"command":"hand","version":"(devel)"}}`))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOutcomes: reproduced, and each way in which it may not be: the bug is repaired, a decision has no place, the order is
// another. Only the first of those is fixed.
func TestOutcomes(t *testing.T) {
	repaired := toyWith(func(*toy) bool { return false })
	quieter := func(s core.Setup) (core.Machine, error) {
		return &mumbling{toy{self: s.Self, world: s.World, bug: disordered}}, nil
	}
	for _, c := range []struct {
		name    string
		delay   string
		machine Constructor
		want    Outcome
		missing string
		nearest string
	}{
		{"as it was", "10ms", toyWith(disordered), Reproduced, "", ""},
		{"repaired", "10ms", repaired, Fixed, "", ""},
		{"the vote is not late enough", "100ns", toyWith(disordered), Diverged, "the arrival of node 2's vote at 0 before the arrival of node 1's vote at 0", "the other order"},
		{"votes have another name", "10ms", quieter, Diverged, `{"act":{"when":{"node":1,"sends":"vote","nth":1,"peer":2,"epoch":0},"crash":[1]}}`, ""},
	} {
		k := kept(t, c.delay)
		if c.delay != "10ms" {
			k.Decisions = k.Decisions[1:]
			k.Decisions[1] = capsule.Decision{Kind: capsule.Packet, From: 2, To: 0, Message: "vote", Nth: 1, Delay: 5e6}
		}
		r := replay(t, ReplaySpec{Capsule: k, New: c.machine})
		if r.Outcome != c.want || r.Missing != c.missing || r.Nearest != c.nearest {
			t.Errorf("%s: %s at %s, nearest %s; expected %s at %s, nearest %s", c.name, r.Outcome, r.Missing, r.Nearest, c.want, c.missing, c.nearest)
		}
		if (r.Line > 0) != (r.Outcome == Diverged) {
			t.Errorf("%s: line %d", c.name, r.Line)
		}
	}
	k := kept(t, "10ms")
	k.Decisions[1].Nth = 3
	r := replay(t, ReplaySpec{Capsule: k, New: repaired})
	if r.Outcome != Diverged || r.At != 2 || r.Nearest != `{"link":[1,0],"kind":"vote","epoch":0,"nth":1}` {
		t.Errorf("the third vote: %s at %d, nearest %s", r.Outcome, r.At, r.Nearest)
	}
}

// mumbling is the toy with another name for votes.
type mumbling struct{ toy }

func (m *mumbling) KindName(k core.Kind) string {
	if k == core.Vote {
		return "ballot"
	}
	return k.String()
}

// TestVariationsChangeOnlyWhatIsOpen: a recorded run, in which next to nothing is open, is the same run in all of them.
func TestVariationsChangeOnlyWhatIsOpen(t *testing.T) {
	c := broken(t, "even-split", "fail-stop")
	for v := Plain; v < variations; v++ {
		if ok, err := New().Shows(ReplaySpec{Capsule: c}, v); err != nil || !ok {
			t.Errorf("variation %d: %v, %v", v, ok, err)
		}
	}
}

// TestScheduleIsHandedOn: a capsule of an exploration is the explorer's to replay.
func TestScheduleIsHandedOn(t *testing.T) {
	c := broken(t, "even-split", "fail-stop")
	c.Mode, c.Decisions = capsule.Schedule, nil
	if _, err := New().Replay(ReplaySpec{Capsule: c}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without an explorer: %v", err)
	}
	want := &Replayed{Outcome: Fixed}
	got, err := New().Replay(ReplaySpec{Capsule: c, Schedule: func(ReplaySpec) (*Replayed, error) { return want, nil }})
	if got != want || err != nil {
		t.Errorf("with one: %v, %v", got, err)
	}
}

// TestShapes: sentences that differ in numbers, times and sets have one shape.
func TestShapes(t *testing.T) {
	for _, same := range [][2]string{
		{"nodes 0 and 12 installed different members for epoch 1: [0 1] and [1 2 .. 3 more]", "node # installed different members for epoch #: [] and []"},
		{"node 3's orchestrator ended (evicted: gone) although the node was not excluded", "node #'s orchestrator ended (evicted: gone) although the node was not excluded"},
		{"node 1 installed epoch 2 5.0005s after the last thing that arose, the bound is 1m3s", "node # installed epoch # after the last thing that arose, the bound is #"},
		{"comm_id 00ab12cd00ab12cd stands for two views: epoch 3 with members [1], and epoch 4 with members [2]", "comm_id # stands for two views: epoch # with members [], and epoch # with members []"},
	} {
		if got := Shape(same[0]); got != same[1] {
			t.Errorf("%q has the shape\n%q, expected\n%q", same[0], got, same[1])
		}
	}
}
