package explore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker"
	"nexarsim/core"
	"nexarsim/core/classic"
	"nexarsim/sim/explore/search"
)

// published is the worlds of classic and its rungs whose counts are pinned.
var published = []struct {
	protocol       string
	world, crashes int
	states, steps  uint64
	depth          int
	found          []string
}{
	{"classic", 2, 1, 18, 23, 6, []string{"history in 4 steps", "livelock in 5 steps", "recovery in 4 steps", "validity in 4 steps"}},
	{"classic", 3, 1, 544, 1489, 16, []string{
		"eviction in 12 steps", "history in 9 steps", "livelock in 10 steps", "recovery in 12 steps", "validity in 8 steps",
	}},
	{"classic+replay", 2, 1, 13, 16, 4, nil},
	{"classic+replay", 3, 1, 289, 783, 11, nil},
	{"classic+replay", 3, 2, 1121, 3528, 14, []string{"agreement in 10 steps", "history in 7 steps", "recovery in 5 steps", "validity in 7 steps"}},
	{"classic+routers", 3, 2, 1125, 3534, 14, []string{"agreement in 10 steps", "history in 7 steps", "recovery in 5 steps", "validity in 7 steps"}},
	{"classic+numbering", 3, 2, 1117, 3528, 14, []string{"agreement in 10 steps", "recovery in 5 steps"}},
	{"classic+epoch", 3, 1, 289, 783, 11, nil},
	{"classic+epoch", 3, 2, 1117, 3528, 14, []string{"agreement in 10 steps", "recovery in 5 steps"}},
}

func TestClassic(t *testing.T) {
	for _, want := range published {
		t.Run(fmt.Sprintf("%s,%d,%d", want.protocol, want.world, want.crashes), func(t *testing.T) {
			c := Config{Protocol: want.protocol, World: want.world, Budget: Budget{Crashes: want.crashes}}
			r := explore(t, c, 1)
			if r.States != want.states || r.Transitions != want.steps || r.Depth != want.depth {
				t.Errorf("%d, %d, %d: states, transitions and depth; expected %d, %d, %d", r.States, r.Transitions, r.Depth, want.states, want.steps, want.depth)
			}
			if diff := cmp.Diff(want.found, findings(r)); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			again := explore(t, c, 2)
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

// TestClassicSeen: what classic is known to get into is gone through, and nothing that only the hardened protocol has.
func TestClassicSeen(t *testing.T) {
	r := explore(t, Config{Protocol: "classic", World: 3, Budget: Budget{Crashes: 1}}, 2)
	for _, p := range r.Seen {
		if panics := p.Name == "a node panicked"; panics != (p.Steps == 0) {
			t.Errorf("%s: %d steps", p.Name, p.Steps)
		}
	}
	r = explore(t, Config{Protocol: "classic+epoch", World: 4, Budget: Budget{FalseSuspicions: 3}}, 2)
	for _, p := range r.Seen {
		switch p.Name {
		case "a node panicked":
			if p.Steps == 0 {
				t.Error("no live node panics that was excluded")
			}
		case Deaf, "a node learned that a connection had ended":
			if p.Steps > 0 {
				t.Errorf("%s, %d times", p.Name, p.Steps)
			}
		}
	}
}

// safetyOf is what was found, without how far away recovery is: in full, what nodes still do whose orchestrator has ended
// must have been done before anybody can say that nothing but timers is left.
func safetyOf(r *Result) (all []string) {
	for _, text := range findings(r) {
		if property, _, _ := strings.Cut(text, " "); property == "recovery" {
			text = property
		}
		all = append(all, text)
	}
	return all
}

// TestClassicReductions: that nodes whose orchestrator has ended are left out changes neither what is found nor how short
// the way to it is.
func TestClassicReductions(t *testing.T) {
	for _, c := range []Config{
		{Protocol: "classic", World: 2, Budget: Budget{Crashes: 2}},
		{Protocol: "classic", World: 3, Budget: Budget{Crashes: 1}},
		{Protocol: "classic+replay", World: 3, Budget: Budget{Crashes: 2}},
		{Protocol: "classic+epoch", World: 3, Budget: Budget{Crashes: 2}},
		{Protocol: "classic+numbering", World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}},
	} {
		reduced := explore(t, c, 2)
		full := c
		full.Plain = Plain{KeepSpent: true, KeepOrder: true}
		r := explore(t, full, 2)
		if r.States < reduced.States {
			t.Errorf("%s %+v: %d states, and with reductions %d", c.Protocol, c.Budget, r.States, reduced.States)
		}
		if diff := cmp.Diff(safetyOf(reduced), safetyOf(r)); diff != "" {
			t.Errorf("%s %+v (-reduced +full):\n%s", c.Protocol, c.Budget, diff)
		}
	}
}

// suspicious is a node of classic+epoch that takes the end of a connection for a death, as its monitor never does.
type suspicious struct{ core.Machine }

func (s *suspicious) Clone() core.Machine { return &suspicious{s.Machine.Clone()} }

func (s *suspicious) Step(now core.Instant, in *core.Input, out *core.Effects) {
	s.Machine.Step(now, in, out)
	if in.Kind == core.InClosed {
		s.Machine.Step(now, &core.Input{Kind: core.InSuspect, Peer: (in.Peer + 1) % 3}, out)
	}
}

// TestClassicChanged: a machine that suspects the wrong peer is found out, beside the one that does not.
func TestClassicChanged(t *testing.T) {
	c := Config{Protocol: "classic+epoch", World: 3, Budget: Budget{Crashes: 1}, Make: func(s core.Setup) (core.Machine, error) {
		n, err := classic.New(s, classic.Generation)
		return &suspicious{n}, err
	}}
	if r := explore(t, c, 2); !strings.Contains(strings.Join(findings(r), ", "), "validity") {
		t.Errorf("found %v", findings(r))
	}
	c.Make = nil
	if r := explore(t, c, 2); len(r.Violations) > 0 {
		t.Errorf("found %v", findings(r))
	}
}

// TestStreams: a stream loses nothing while its connection lasts, and gives nothing twice.
func TestStreams(t *testing.T) {
	for _, b := range []Budget{{Losses: 1}, {Duplicates: 1}} {
		c := Config{Protocol: "classic", World: 3, Budget: b}
		if _, err := Run(context.Background(), c, Options{}); err == nil || !strings.Contains(err.Error(), "streams") {
			t.Errorf("%+v: %v", b, err)
		}
	}
}

// TestWordsAreThePathsOwn: states whose judges judge alike are one, and the search keeps the judge that it met first. A
// violation is told in the words of its own schedule all the same.
func TestWordsAreThePathsOwn(t *testing.T) {
	c := Config{Protocol: "classic+epoch", World: 4, Budget: Budget{Crashes: 2}}
	make1, err := newWorlds(&c)
	if err != nil {
		t.Fatal(err)
	}
	begin := []string{"crash 0", "suspect 0 by 2", "suspect 0 by 3", "crash 1"}
	two, three := []string{"close 1 at 2", "wake 1 of 2"}, []string{"close 1 at 3", "wake 1 of 3"}
	w := make1()
	pathOf(t, w, slices.Concat(begin, three, two)) // its judge is met first
	for _, first := range [][]string{two, three} {
		last := two
		if &first[0] == &two[0] {
			last = three
		}
		path := pathOf(t, w, slices.Concat(begin, first, last))
		var r Result
		f := search.Found{Property: search.Property{Name: checker.Recovery, Kind: search.Eventually}, States: 1, Steps: len(path.Steps), Path: path}
		if err := r.add(context.Background(), w, &f, nil); err != nil {
			t.Fatal(err)
		}
		want := "node " + first[0][len(first[0])-1:] + "'s orchestrator ended"
		if why := r.Violations[0].Why; !strings.HasPrefix(why, want) {
			t.Errorf("told as %q, expected %q", why, want)
		}
	}
}

// pathOf finds the numbers of named steps.
func pathOf(t *testing.T, w *world, names []string) (p search.Path) {
	t.Helper()
	s := w.Initial()[0]
next:
	for _, name := range names {
		for i, to := range w.Successors(&s, nil) {
			if step := w.describe([]State{s}, []int{i})[0]; step.String() == name {
				p.Steps = append(p.Steps, i)
				s = to.State
				continue next
			}
		}
		t.Fatalf("no step %q after %v", name, p.Steps)
	}
	return p
}
