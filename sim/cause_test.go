package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"nexarsim/checker"
	"nexarsim/core"
	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// toy is a machine with a bug whose cause is known. At 10 s node 0 proposes to the others, who acknowledge, and commits to
// each as its acknowledgement comes; at 20 s the others vote, to each other and to 0. What happened to it stands in a list,
// and the bug is a condition on that.
type toy struct {
	self  core.NodeID
	world int
	had   []string
	bug   func(t *toy) bool
	over  bool
}

func toyWith(bug func(t *toy) bool) Constructor {
	return func(s core.Setup) (core.Machine, error) { return &toy{self: s.Self, world: s.World, bug: bug}, nil }
}

func (t *toy) Step(now core.Instant, in *core.Input, out *core.Effects) {
	switch in.Kind {
	case core.InStart:
		for i, at := range []core.Instant{10e9, 20e9, 30e9} {
			out.SetTimer(core.TimerID(i), at)
		}
	case core.InTimer:
		t.had = append(t.had, fmt.Sprintf("timer %d", in.Timer))
		if now > core.Instant(in.Timer+1)*10e9+3e9 {
			t.had = append(t.had, "late")
		}
		switch {
		case in.Timer == 0 && t.self == 0:
			t.tell(core.Agreement, out)
		case in.Timer == 1 && t.self != 0:
			t.tell(core.Vote, out)
		}
	case core.InClosed, core.InSuspect:
		if !t.has("suspects %d", in.Peer) {
			t.had = append(t.had, fmt.Sprintf("suspects %d", in.Peer))
			out.Believe(in.Peer, true)
		}
	case core.InDeliver:
		t.had = append(t.had, fmt.Sprintf("%s %d", in.Msg.Kind, in.From))
		switch in.Msg.Kind {
		case core.Agreement:
			out.Send(in.From, &core.Message{Kind: core.Ack})
		case core.Ack:
			out.Send(in.From, &core.Message{Kind: core.Commit})
		}
	}
	if !t.over && t.bug(t) {
		t.over = true
		out.Panic("the bug")
	}
}

func (t *toy) tell(kind core.Kind, out *core.Effects) {
	l := out.Write(&core.Message{Kind: kind})
	for id := range t.world {
		if core.NodeID(id) != t.self {
			out.SendLetter(core.NodeID(id), l)
		}
	}
}

func (t *toy) has(format string, args ...any) bool { return t.at(format, args...) >= 0 }

func (t *toy) at(format string, args ...any) int {
	return slices.Index(t.had, fmt.Sprintf(format, args...))
}

// before tells whether two things happened, in this order, or the first did and the other not yet.
func (t *toy) before(first, then string) bool {
	a, b := t.at("%s", first), t.at("%s", then)
	return a >= 0 && (b < 0 || a < b)
}

func (t *toy) Clone() core.Machine {
	c := *t
	c.had = slices.Clone(t.had)
	return &c
}

func (t *toy) AppendState(buf []byte) []byte { return append(buf, strings.Join(t.had, "\n")...) }

func (t *toy) KindName(k core.Kind) string { return k.String() }

// causes are bugs with the faults among which they are looked for, and what their cause is.
var causes = []struct {
	name     string
	scenario string
	bug      func(t *toy) bool
	cause    string // what shrinking may come to, with bars between
}{
	{
		"a death is fatal to whoever is told", "faults: [{random: {crashes: 1..3, between: 5s..40s}}, {at: 7s, pause: [3], for: 1s}]",
		func(t *toy) bool { return t.self == 0 && t.has("suspects 2") },
		"needs: node 2 dies",
	},
	{
		"two deaths are too many", "faults: [{random: {crashes: 2..4, between: 5s..40s}}]",
		func(t *toy) bool { return t.self == 0 && t.has("suspects 2") && t.has("suspects 3") },
		"needs: node 2 dies; node 3 dies",
	},
	{
		"a broadcast half done", "faults: [{at: 1s, suspect: [{by: 3, of: 2}]}, {when: {node: 0, sends: agreement, nth: 1}, crash: [0]}]",
		func(t *toy) bool {
			return t.self == 2 && t.before("suspects 0", "agreement 0") && t.before("vote 1", "timer 2") && t.has("vote 1") && !t.has("agreement 0") && t.has("timer 2")
		},
		"needs: node 0 dies after its agreement to 1 and before that to 2",
	},
	{
		"the first to be told is the only one", "faults: [{when: {node: 0, sends: agreement, nth: 1}, crash: [0]}, {at: 12s, crash: [4]}]",
		func(t *toy) bool {
			return t.self == 1 && t.has("agreement 0") && t.before("suspects 0", "commit 0") && t.has("timer 2")
		},
		"needs: node 0 dies as the ack of 1 reaches 0 and before its commit to 1",
	},
	{
		"votes in the wrong order", "faults: [{random: {crashes: 0..1, between: 5s..40s}}]",
		func(t *toy) bool {
			return t.self == 0 && t.has("vote 2") && t.before("vote 2", "vote 1") && t.has("timer 2")
		},
		"needs: the arrival of node 2's vote at 0 comes before the arrival of node 1's vote at 0",
	},
	{
		"a suspicion before a vote", "faults: [{random: {crashes: 1..2, between: 19s..21s}}]",
		func(t *toy) bool { return t.self == 1 && t.before("suspects 3", "vote 2") && t.has("vote 2") },
		"needs: node 3 dies before its vote to 0; node 1's suspicion of 3 comes before the arrival of node 2's vote at 1",
	},
	{
		"a commit that never comes", "network: {loss: 0.1}\nfaults: [{at: 25s, crash: [3]}]",
		func(t *toy) bool {
			return t.self == 1 && t.has("timer 2") && t.has("agreement 0") && !t.has("commit 0")
		},
		"needs: node 0's commit to 1 is lost|needs: node 1's ack to 0 is lost",
	},
	{
		"a commit twice", "network: {duplicate: 0.1}\nfaults: [{at: 25s, crash: [3]}]",
		func(t *toy) bool {
			n := 0
			for _, had := range t.had {
				if had == "commit 0" {
					n++
				}
			}
			return t.self == 1 && n == 2
		},
		"needs: node 0's commit to 1 arrives twice|needs: node 1's ack to 0 arrives twice|needs: node 0's agreement to 1 arrives twice",
	},
	{
		"a suspicion without reason", "faults: [{random: {suspicions: 1..3, crashes: 0..1, between: 5s..40s}}]",
		func(t *toy) bool { return t.self == 2 && t.has("suspects 1") && t.has("vote 1") && t.has("timer 2") },
		"needs: node 2 suspects 1 falsely for 1s|needs: node 2 suspects 1 falsely|" +
			"needs: node 1 dies; the arrival of node 1's vote at 2 comes before node 2's suspicion of 1",
	},
	{
		"a vote that a cut keeps out", "faults: [{random: {cuts: 2..3, between: 15s..22s}}]",
		func(t *toy) bool { return t.self == 0 && t.has("timer 2") && !t.has("vote 1") },
		"needs: no messages on 1->0 for 1s|needs: no messages on 1->0 for 5s|needs: no messages on 1->0 for 10s",
	},
	{
		"a split", "faults: [{at: 18s, partition: [[0, 1], [2, 3, 4]], for: 25s}]",
		func(t *toy) bool {
			return t.self == 0 && t.world > 3 && t.has("timer 2") && t.has("vote 1") && !t.has("vote 2") && !t.has("vote 3")
		},
		"needs: a partition of 0 from 2 and 3 for 5s",
	},
	{
		"news of a death that comes late", "model: crash-stop\nfaults: [{random: {crashes: 1..2, between: 10s..20s}}]",
		func(t *toy) bool { return t.self == 1 && t.has("suspects 3") && t.before("vote 2", "suspects 3") },
		"needs: node 3 dies; the arrival of node 2's vote at 1 comes before node 1's suspicion of 3",
	},
	{
		"an answer that is not waited for", "faults: [{when: {node: 0, receives: ack, nth: 2}, crash: [0]}]",
		func(t *toy) bool {
			return t.self == 2 && t.has("timer 2") && t.has("agreement 0") && !t.has("commit 0")
		},
		"needs: node 0 dies after its agreement to 2 and before its commit to 2; the arrival of node 0's agreement at 2 comes before node 2's suspicion of 0",
	},
	{
		"a long sleep", "faults: [{random: {pauses: 1..3, crashes: 0..1, between: 5s..30s}}]",
		func(t *toy) bool { return t.self == 0 && t.has("late") && t.has("vote 1") },
		"needs: node 0 is paused for 5s|needs: node 0 is paused for 10s|needs: node 0 is paused for 20s",
	},
}

// TestCauses: each bug is found by random runs, shrunk, and its cause told. Without the bug each capsule is fixed.
func TestCauses(t *testing.T) {
	for _, c := range causes {
		t.Run(c.name, func(t *testing.T) {
			sc, err := scenarios.Parse("toy.yaml", []byte("name: toy\nworld: 5\nduration: 60s\nsettle: 5s\n"+c.scenario))
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for seed := uint64(1); seed <= 300 && found < 3; seed++ {
				spec := Spec{Scenario: sc, Protocol: "toy", Seed: seed, New: toyWith(c.bug)}
				if res, err := New().Run(spec); err != nil || !broke(res, checker.Eviction) {
					continue
				}
				whole, _ := capsuleOf(t, spec, checker.Eviction)
				found++
				small := shrunk(t, ShrinkSpec{Capsule: whole, New: toyWith(c.bug)})
				if !slices.Contains(strings.Split(c.cause, "|"), small.Cause) {
					t.Errorf("seed %d: the cause is told as\n%q, expected\n%q\n%s", seed, small.Cause, c.cause, told(small))
				}
				minimal(t, small, toyWith(c.bug))
				if r := replay(t, ReplaySpec{Capsule: small, New: toyWith(c.bug)}); r.Outcome != Reproduced || !r.Same {
					t.Errorf("seed %d: %s", seed, r.Outcome)
				}
				if r := replay(t, ReplaySpec{Capsule: small, New: toyWith(func(*toy) bool { return false })}); r.Outcome != Fixed {
					t.Errorf("seed %d: repaired, it is %s at %s", seed, r.Outcome, r.Missing)
				}
			}
			if found == 0 {
				t.Error("no run has shown it")
			}
		})
	}
}

// told is a capsule's decisions, a line each.
func told(c *capsule.Capsule) string {
	text := ""
	for i := range c.Decisions {
		text += c.Decisions[i].String() + "\n"
	}
	for _, o := range c.Orders {
		text += o.String() + "\n"
	}
	return text
}
