package explore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker"
	"nexarsim/core"
	"nexarsim/sim/explore/search"
)

// patience is a context that ends when it has been looked at so often.
type patience struct {
	context.Context
	looks atomic.Int64
	most  int64
}

func (p *patience) Err() error {
	if p.looks.Add(1) > p.most {
		return context.Canceled
	}
	return nil
}

// careless is a node that forgets what it has accepted, and claims that refusals do nothing.
type careless struct{ boasting }

func carelessly(s core.Setup) (core.Machine, error) {
	s.Config.Rule = core.Majority
	n, err := core.New(s)
	return &careless{boasting{forgetting{n}}}, err
}

func (c *careless) Clone() core.Machine { return &careless{boasting{forgetting{c.Machine.Clone()}}} }

func (c *careless) Step(now core.Instant, in *core.Input, out *core.Effects) {
	c.forgetting.Step(now, in, out)
}

// TestInterrupted: wherever it is interrupted, a search gives counts, never says that it is complete, says what it has not
// judged, and keeps the violations of safety that it has found, those of a search that was begun again among them.
func TestInterrupted(t *testing.T) {
	for _, c := range []Config{
		{Protocol: "quorum", World: 3, Budget: Budget{FalseSuspicions: 2}},
		{Protocol: "fail-stop", World: 2, Budget: Budget{Partitions: 1}}, // begun again where nodes disagree
		{Protocol: "careless", Make: carelessly, World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}},
		{Protocol: "chatting", Make: chatting, World: 3, Budget: Budget{Crashes: 1}},
		{Protocol: "classic", World: 3, Budget: Budget{Crashes: 1}},
	} {
		t.Run(c.Protocol, func(t *testing.T) {
			look := func(most int64) (*Result, int64) {
				ctx := &patience{Context: context.Background(), most: most}
				r, err := Run(ctx, c, Options{Workers: 1})
				if err != nil {
					t.Fatal(err)
				}
				r.Bytes = 0
				return r, ctx.looks.Load()
			}
			whole, all := look(1 << 62)
			if !whole.Complete() || whole.Unjudged != nil {
				t.Fatalf("stopped %v, unjudged %v", whole.Stopped, whole.Unjudged)
			}
			const samples = 25
			kept := map[string]bool{}
			open := map[string]bool{}
			for i := range int64(samples) {
				n := all * i / samples
				if i > samples-10 { // the last looks
					n = max(all-(samples-i), 0)
				}
				r, looks := look(n)
				if looks <= n {
					if diff := cmp.Diff(whole, r); diff != "" {
						t.Errorf("not interrupted after %d looks of %d (-whole +this):\n%s", n, all, diff)
					}
					continue
				}
				untold := slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.Untold })
				if r.Stopped != search.ByInterrupt || r.Complete() || len(r.Unjudged) == 0 && !untold || r.States == 0 {
					t.Errorf("after %d looks: stopped %v, unjudged %v, %d states", n, r.Stopped, r.Unjudged, r.States)
				}
				open[fmt.Sprint(r.Unjudged)] = true
				shown := map[string]bool{}
				for j := range r.Violations {
					v := &r.Violations[j]
					if shown[v.Property] = true; !v.Untold {
						checkReplay(t, v)
					}
				}
				for _, v := range whole.Violations {
					if kept[v.Property] = kept[v.Property] || shown[v.Property]; kept[v.Property] && !v.Liveness && !shown[v.Property] {
						t.Errorf("after %d looks: %s is not told any more", n, v.Property)
					}
				}
			}
			if c.streams() && !open["[liveness]"] || !c.streams() && (!open["[liveness claims]"] || !open["[claims]"]) {
				t.Errorf("left open: %v: expected liveness, and if there are claims these alone too", open)
			}
		})
	}
}

// counting is a node that counts how often its timer has fired, up to countMost, and tells of a recovery on the way that there
// was none of.
type counting struct{ n uint32 }

const (
	countTold = 600
	countMost = 1500
)

func (c *counting) Clone() core.Machine           { own := *c; return &own }
func (c *counting) AppendState(buf []byte) []byte { return binary.LittleEndian.AppendUint32(buf, c.n) }
func (c *counting) KindName(core.Kind) string     { return "none" }
func (c *counting) Step(_ core.Instant, in *core.Input, out *core.Effects) {
	if in.Kind != core.InStart && in.Kind != core.InTimer || c.n == countMost {
		return
	}
	c.n++
	out.SetTimer(0, 1)
	if c.n == countTold {
		out.PutEvent(core.Event{Kind: core.EventRecovered, NewWorldSize: 1})
	}
}

// TestInterruptedDeep: what is far from the beginning takes long to tell. An interrupt that has come leaves it untold, and what
// it is stays.
func TestInterruptedDeep(t *testing.T) {
	c := Config{Protocol: "counting", World: 1, Make: func(core.Setup) (core.Machine, error) { return new(counting), nil }}
	whole := explore(t, c, 1)
	if len(whole.Violations) != 1 || whole.Violations[0].Property != checker.History || whole.Violations[0].Untold || whole.Depth != countMost {
		t.Fatalf("depth %d, %d violations", whole.Depth, len(whole.Violations))
	}
	checkReplay(t, &whole.Violations[0])
	for _, at := range []struct{ depth, found int }{{countTold - 100, 0}, {countTold + 100, 1}} {
		ctx, cancel := context.WithCancel(context.Background())
		r, err := Run(ctx, c, Options{Workers: 1, Progress: func(p search.Progress) {
			if p.Depth == at.depth {
				cancel()
			}
		}})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if r.Stopped != search.ByInterrupt || r.Depth != at.depth-1 || r.States != uint64(at.depth) || len(r.Violations) != at.found {
			t.Errorf("stopped %v at depth %d, %d states, %d violations", r.Stopped, r.Depth, r.States, len(r.Violations))
		}
		for _, v := range r.Violations {
			if v.Property != checker.History || !v.Untold || v.Steps != whole.Violations[0].Steps || len(v.Schedule.Steps) > 0 {
				t.Errorf("%s in %d steps, untold %v: %s", v.Property, v.Steps, v.Untold, v.Why)
			}
			if _, err := NewCapsule(&v); err == nil {
				t.Error("a capsule is made of a schedule that is not known")
			}
		}
	}
}

// TestInterruptedRuns: random runs are left in the middle of one, which does not count as one that was made.
func TestInterruptedRuns(t *testing.T) {
	c := Config{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}}
	o := PCT{Runs: 50, Depth: 2, Steps: 60, Seed: 1}
	look := func(most int64) (*Result, int64) {
		ctx := &patience{Context: context.Background(), most: most}
		r, err := RunPCT(ctx, c, o)
		if err != nil {
			t.Fatal(err)
		}
		return r, ctx.looks.Load()
	}
	whole, all := look(1 << 62)
	if all < int64(whole.Transitions) {
		t.Errorf("the context was looked at %d times in %d steps", all, whole.Transitions)
	}
	for i := range int64(20) {
		r, _ := look(all * i / 20)
		if r.Stopped != search.ByInterrupt || !slices.Contains(r.Unjudged, UnjudgedClaims) || r.Chance.Runs >= o.Runs && i < 10 || r.Transitions > whole.Transitions {
			t.Errorf("after %d looks: stopped %v, unjudged %v, %d runs, %d steps", all*i/20, r.Stopped, r.Unjudged, r.Chance.Runs, r.Transitions)
		}
	}
}
