package explore

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/core"
)

func explore(t *testing.T, c Config, workers int) *Result {
	t.Helper()
	r, err := Run(context.Background(), c, Options{Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Complete() {
		t.Fatalf("stopped: %v", r.Stopped)
	}
	return r
}

func findings(r *Result) (all []string) {
	for _, v := range r.Violations {
		all = append(all, fmt.Sprintf("%s in %d steps", v.Property, v.Steps))
	}
	slices.Sort(all)
	return all
}

// small is the worlds whose counts are pinned: a change of one is a change of the protocol, of the judge or of what is
// explored, and wants a reason.
var small = []struct {
	config              Config
	states, transitions uint64
	depth               int
	found               []string
	unseen              []string
}{
	{Config{Protocol: "quorum", World: 2, Budget: Budget{Crashes: 1, FalseSuspicions: 1, Partitions: 1}}, 283, 753, 9, nil, []string{
		"a second coordinator proposed", "a ballot was refused",
	}},
	{Config{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}}, 3122, 7189, 17, nil, nil},
	{Config{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, FalseSuspicions: 1}}, 7009, 21858, 22, nil, nil},
	{Config{Protocol: "quorum", World: 3, Budget: Budget{FalseSuspicions: 2}}, 7176, 19512, 23, nil, nil},
	{Config{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, EarlyTimeouts: 1, Losses: 1, Duplicates: 1}}, 5886, 19492, 18, nil, []string{
		"a live node was excluded and learned it", "a suspicion was withdrawn",
	}},
	{Config{Protocol: "fail-stop", World: 3, Budget: Budget{Crashes: 2, EarlyTimeouts: 1, Losses: 1}}, 1550, 4944, 15, nil, []string{
		"a live node was excluded and learned it", "a node reported the loss of its quorum", "a suspicion was withdrawn",
	}},
	{Config{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}}, 10249, 22976, 33, []string{"agreement in 8 steps"}, []string{
		"a node reported the loss of its quorum",
	}},
}

func TestPinned(t *testing.T) {
	for _, want := range small {
		t.Run(fmt.Sprintf("%s,%d,%+v", want.config.Protocol, want.config.World, want.config.Budget), func(t *testing.T) {
			r := explore(t, want.config, 1)
			if r.States != want.states || r.Transitions != want.transitions || r.Depth != want.depth {
				t.Errorf("%d, %d, %d: states, transitions and depth; expected %d, %d, %d", r.States, r.Transitions, r.Depth, want.states, want.transitions, want.depth)
			}
			if diff := cmp.Diff(want.found, findings(r)); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			var unseen []string
			for _, p := range r.Seen {
				if p.Steps == 0 {
					unseen = append(unseen, p.Name)
				}
			}
			if diff := cmp.Diff(want.unseen, unseen); diff != "" {
				t.Errorf("never seen (-want +got):\n%s", diff)
			}
			if r.Doubt != "" {
				t.Error(r.Doubt)
			}
			again := explore(t, want.config, 2)
			r.Bytes, again.Bytes = 0, 0
			if diff := cmp.Diff(r, again); diff != "" {
				t.Errorf("two workers (-one +two):\n%s", diff)
			}
			for i := range r.Violations {
				checkReplay(t, &r.Violations[i])
			}
		})
	}
}

// checkReplay: a counterexample, taken again step by step by its names with machines of its own, ends in the violation.
func checkReplay(t *testing.T, v *Violation) {
	t.Helper()
	p, err := Replay(&v.Schedule)
	if err != nil {
		t.Fatal(err)
	}
	shown := p.Cycle > 0 && v.Property == "livelock"
	for i := range p.Verdict.Violations {
		shown = shown || p.Verdict.Violations[i].Property == v.Property
	}
	if !shown {
		t.Errorf("%s is not shown by its schedule: %v", v.Property, p.Verdict.Violations)
	}
	if len(p.Lines) != v.Steps {
		t.Errorf("%d lines for %d steps", len(p.Lines), v.Steps)
	}
}

// TestReductions: what is left out changes neither what is found nor how short the shortest way to it is.
func TestReductions(t *testing.T) {
	for _, c := range []Config{
		{Protocol: "quorum", World: 2, Budget: Budget{Crashes: 1, FalseSuspicions: 1, Partitions: 1}},
		{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}},
		{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}},
		{Protocol: "fail-stop", World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}},
		{Protocol: "broken", Make: forgetful, World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}},
	} {
		reduced := explore(t, c, 2)
		for _, plain := range []Plain{{KeepSpent: true}, {KeepVotes: true}, {KeepOrder: true}, {KeepRounds: true}, {KeepSpent: true, KeepVotes: true, KeepOrder: true, KeepRounds: true}} {
			full := c
			full.Plain = plain
			r := explore(t, full, 2)
			if r.States < reduced.States {
				t.Errorf("%s %+v %+v: %d states, and with reductions %d", c.Protocol, c.Budget, plain, r.States, reduced.States)
			}
			if diff := cmp.Diff(findings(reduced), findings(r)); diff != "" {
				t.Errorf("%s %+v %+v (-reduced +full):\n%s", c.Protocol, c.Budget, plain, diff)
			}
		}
	}
}

// forgetting is a node that acks whatever is proposed to it, and tells of no acceptance in a vote.
type forgetting struct{ core.Machine }

func forgetful(s core.Setup) (core.Machine, error) {
	s.Config.Rule = core.Majority
	n, err := core.New(s)
	return &forgetting{n}, err
}

func (f *forgetting) Clone() core.Machine { return &forgetting{f.Machine.Clone()} }

func (f *forgetting) Step(now core.Instant, in *core.Input, out *core.Effects) {
	changed := *in
	if in.Kind == core.InDeliver && in.Msg.Kind == core.Vote {
		changed.Msg.Num, changed.Msg.Set = 0, core.NodeSet{}
	}
	f.Machine.Step(now, &changed, out)
}

func (f *forgetting) Spent(from core.NodeID, m *core.Message) (spent, answered bool) {
	return f.Machine.(*core.Node).Spent(from, m)
}

func (f *forgetting) Supersedes(newer, older *core.Message) bool {
	return f.Machine.(*core.Node).Supersedes(newer, older)
}

// boasting is a node that claims too much: that no refusal is worth anything.
type boasting struct{ forgetting }

func boastful(s core.Setup) (core.Machine, error) {
	s.Config.Rule = core.Majority
	n, err := core.New(s)
	return &boasting{forgetting{n}}, err
}

func (b *boasting) Clone() core.Machine { return &boasting{forgetting{b.Machine.Clone()}} }

func (b *boasting) Step(now core.Instant, in *core.Input, out *core.Effects) {
	b.Machine.Step(now, in, out)
}

func (b *boasting) Spent(from core.NodeID, m *core.Message) (spent, answered bool) {
	if m.Kind == core.Refusal {
		return true, false
	}
	return b.forgetting.Spent(from, m)
}

// TestClaims: a machine that claims wrongly what can be left out is noticed, and explored without its claims.
func TestClaims(t *testing.T) {
	c := Config{Protocol: "quorum", Make: boastful, World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}}
	r := explore(t, c, 2)
	if r.Doubt == "" {
		t.Fatal("nobody doubts that refusals are spent")
	}
	c.Plain.KeepKinds = 1 << core.Refusal
	if full := explore(t, c, 2); r.States != full.States || len(r.Violations) > 0 {
		t.Errorf("%d states, %d without its claims; %v", r.States, full.States, r.Violations)
	}
}

// TestDiverged: a schedule that does not fit says at which step, and what is possible there.
func TestDiverged(t *testing.T) {
	s := Schedule{Config: Config{Protocol: "quorum", World: 2, Budget: Budget{Crashes: 1}}, Steps: []Step{
		{Do: DoCrash, Node: 0}, {Do: DoSuspect, Node: 1, Peer: 0}, {Do: DoSuspect, Node: 1, Peer: 0},
	}}
	_, err := Replay(&s)
	d, ok := err.(*Diverged)
	if !ok || d.At != 3 || len(d.Enabled) == 0 {
		t.Fatalf("%v", err)
	}
	if got, want := err.Error(), "step 3, suspect 0 by 1: not possible there"; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
}

func TestConfig(t *testing.T) {
	for text, c := range map[string]Config{
		"world 9: explore takes 1 to 8 nodes": {Protocol: "quorum", World: 9},
		"world 0: explore takes 1 to 8 nodes": {Protocol: "quorum"},
		"crashes 4: expected 0 to 3":          {Protocol: "quorum", World: 3, Budget: Budget{Crashes: 4}},
		"partitions 2: expected 0 to 1":       {Protocol: "quorum", World: 3, Budget: Budget{Partitions: 2}},
		"classic with symmetry: its leaders write to one member after another, so that no two are alike: expected none": {
			Protocol: "classic", World: 3, Symmetry: true,
		},
		"losses -1: expected 0 to 200": {Protocol: "quorum", World: 3, Budget: Budget{Losses: -1}},
	} {
		if err := c.Validate(); err == nil || err.Error() != text {
			t.Errorf("%+v: got %v, expected %s", c, err, text)
		}
	}
	if c := (Config{Protocol: "quorum", World: 8, Budget: Budget{Crashes: 8, Partitions: 1}}); c.Validate() != nil {
		t.Error(c.Validate())
	}
}
