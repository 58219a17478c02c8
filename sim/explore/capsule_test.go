package explore

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker"
	"nexarsim/core"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
)

// mute is a node that hears no proposal: nothing is ever decided.
type mute struct{ forgetting }

func muted(s core.Setup) (core.Machine, error) {
	s.Config.Rule = core.Majority
	n, err := core.New(s)
	return &mute{forgetting{n}}, err
}

func (m *mute) Clone() core.Machine { return &mute{forgetting{m.Machine.Clone()}} }

func (m *mute) Step(now core.Instant, in *core.Input, out *core.Effects) {
	if in.Kind != core.InDeliver || in.Msg.Kind != core.Agreement {
		m.Machine.Step(now, in, out)
	}
}

func (m *mute) Spent(from core.NodeID, msg *core.Message) (spent, answered bool) {
	if msg.Kind == core.Agreement {
		return true, false
	}
	return m.forgetting.Spent(from, msg)
}

// chatter is a node that uses each vote and sends it back, for ever.
type chatter struct{ forgetting }

func chatting(s core.Setup) (core.Machine, error) {
	s.Config.Rule = core.Majority
	n, err := core.New(s)
	return &chatter{forgetting{n}}, err
}

func (m *chatter) Clone() core.Machine { return &chatter{forgetting{m.Machine.Clone()}} }

func (m *chatter) Step(now core.Instant, in *core.Input, out *core.Effects) {
	if in.Kind == core.InDeliver && in.Msg.Kind == core.Vote {
		answer := in.Msg
		out.Used()
		out.Send(in.From, &answer)
		return
	}
	m.Machine.Step(now, in, out)
}

func (m *chatter) Spent(from core.NodeID, msg *core.Message) (spent, answered bool) {
	if msg.Kind == core.Vote {
		return false, false
	}
	return m.forgetting.Spent(from, msg)
}

// counterexamples is what is found in worlds that break something, each with its machines.
func counterexamples(t *testing.T) (all []Violation) {
	t.Helper()
	for _, c := range []Config{
		{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}},
		{Protocol: "forgetful", Make: forgetful, World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}},
		{Protocol: "muted", Make: muted, World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}},
		{Protocol: "chatting", Make: chatting, World: 3, Budget: Budget{Crashes: 1}},
	} {
		found := explore(t, c, 2).Violations
		if len(found) == 0 {
			t.Errorf("%s: nothing found", c.Protocol)
		}
		all = append(all, found...)
	}
	return all
}

// kept writes a capsule of a counterexample and reads it again.
func kept(t *testing.T, v *Violation) *capsule.Capsule {
	t.Helper()
	c, err := NewCapsule(v)
	if err != nil {
		t.Fatal(err)
	}
	c.FoundBy = capsule.Origin{Command: "explore", Version: "(devel)"}
	var text bytes.Buffer
	if err := capsule.Write(&text, c); err != nil {
		t.Fatal(err)
	}
	again, err := capsule.Parse("kept.json", text.Bytes())
	if err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	return again
}

// TestCapsules: each counterexample comes back from its file to the same verdict, step for step; without its last step it
// does not show.
func TestCapsules(t *testing.T) {
	kinds := map[string]bool{}
	for _, v := range counterexamples(t) {
		kinds[v.Property] = true
		c := kept(t, &v)
		r, err := ReplayCapsule(sim.ReplaySpec{Capsule: c, New: v.Schedule.Config.Make})
		if err != nil {
			t.Fatal(err)
		}
		if r.Outcome != sim.Reproduced || !r.Same || r.Steps != uint64(v.Steps) || len(r.Story) != v.Steps {
			t.Errorf("%s of %s: %s, same %v, %d steps; expected it reproduced in %d", v.Property, c.Protocol, r.Outcome, r.Same, r.Steps, v.Steps)
		}
		if diff := cmp.Diff(c.Violations, r.Verdict.Violations); diff != "" {
			t.Errorf("%s of %s (-kept +replayed):\n%s", v.Property, c.Protocol, diff)
		}
		c.Decisions = c.Decisions[:len(c.Decisions)-1]
		if r, err = ReplayCapsule(sim.ReplaySpec{Capsule: c, New: v.Schedule.Config.Make}); err != nil || r.Outcome != sim.Fixed {
			t.Errorf("%s of %s without its last step: %v, %v; expected it fixed", v.Property, c.Protocol, r.Outcome, err)
		}
	}
	for _, property := range []string{checker.Agreement, checker.Recovery, checker.Livelock} {
		if !kinds[property] {
			t.Errorf("no counterexample of %s was tried", property)
		}
	}
}

// TestCapsuleDiverges: a step that is not possible is named, with the possible one that comes nearest.
func TestCapsuleDiverges(t *testing.T) {
	found := explore(t, Config{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}}, 2).Violations
	c := kept(t, &found[0])
	c.Decisions[5].Step.Nth = 2
	r, err := ReplayCapsule(sim.ReplaySpec{Capsule: c})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"do":"deliver","from":2,"to":1,"kind":"vote","nth":1}`
	if r.Outcome != sim.Diverged || r.At != 6 || r.Line != c.Decisions[5].Line || r.Line == 0 || r.Nearest != want || !strings.Contains(r.Missing, `"nth":2`) {
		t.Errorf("%s at %d, line %d: %s, nearest %s; expected nearest %s", r.Outcome, r.At, r.Line, r.Missing, r.Nearest, want)
	}
	c = kept(t, &found[0])
	if r, err = ReplayCapsule(sim.ReplaySpec{Capsule: c, Protocol: "quorum"}); err != nil || r.Outcome == sim.Reproduced {
		t.Errorf("quorum: %v, %v", r.Outcome, err)
	}
	c.Scenario.World.Min, c.Scenario.World.Max = 9, 9
	if _, err := ReplayCapsule(sim.ReplaySpec{Capsule: c}); err == nil {
		t.Error("nine nodes are replayed")
	}
}

// TestShrinkSchedule: what the violation does not need goes, nodes and budget with it; in the end no step can be taken away.
func TestShrinkSchedule(t *testing.T) {
	r, err := RunPCT(context.Background(), Config{
		Protocol: "fail-stop", World: 4, Budget: Budget{Crashes: 1, Partitions: 1, Duplicates: 1},
	}, PCT{Runs: 200, Depth: 3, Steps: 80, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	found := append(r.Violations, counterexamples(t)...)
	if len(r.Violations) == 0 {
		t.Error("random runs found nothing to shrink")
	}
	for _, v := range found {
		c := kept(t, &v)
		make1 := v.Schedule.Config.Make
		small, err := ShrinkCapsule(context.Background(), sim.ShrinkSpec{Capsule: c, New: make1})
		if err != nil {
			t.Fatal(err)
		}
		if len(small.Decisions) > len(c.Decisions) || small.Scenario.World.Min > c.Scenario.World.Min || !strings.HasPrefix(small.Cause, "needs") {
			t.Errorf("%s: %d steps, %d nodes, cause %q; was %d", v.Property, len(small.Decisions), small.Scenario.World.Min, small.Cause, len(c.Decisions))
		}
		again, err := ReplayCapsule(sim.ReplaySpec{Capsule: small, New: make1})
		if err != nil || again.Outcome != sim.Reproduced || !again.Same {
			t.Errorf("%s: shrunk, it is %v, %v", v.Property, again, err)
		}
		for i := range small.Decisions {
			less := *small
			less.Decisions = append(append([]capsule.Decision(nil), small.Decisions[:i]...), small.Decisions[i+1:]...)
			r, err := ReplayCapsule(sim.ReplaySpec{Capsule: &less, New: make1})
			if err != nil || r.Outcome == sim.Reproduced {
				t.Errorf("%s: still shown without step %d, %s: %v", v.Property, i+1, small.Decisions[i].String(), err)
			}
		}
	}
	c := kept(t, &found[0])
	if _, err := ShrinkCapsule(context.Background(), sim.ShrinkSpec{Capsule: c, Protocol: "quorum"}); !errors.Is(err, sim.ErrNotShown) {
		t.Errorf("nothing to shrink: %v", err)
	}
}
