package search

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// ring is states that each lead to the next, and the last to the first: as deep as it has states, and one component.
type ring struct {
	states int
	steps  *int // taken so far
	wide   int  // states that lead nowhere, a step from each of the others
}

func (r *ring) Properties() []Property { return (&web{}).Properties() }
func (r *ring) Initial() []int         { return []int{0} }
func (r *ring) AppendState(buf []byte, s *int) []byte {
	return binary.LittleEndian.AppendUint32(buf, uint32(*s))
}

func (r *ring) Marks(s *int) Marks {
	m := Marks{Bits: 1 << webOwed}
	if *s >= r.states {
		m.Bits = 0
	}
	if *s == r.states/2 {
		m.Bits |= 1 << webNever
	}
	return m
}

func (r *ring) Successors(s *int, out []Successor[int]) []Successor[int] {
	*r.steps++
	if *s >= r.states {
		return out
	}
	for i := range r.wide {
		out = append(out, Successor[int]{State: r.states + i})
	}
	last := *s == r.states-1
	return append(out, Successor[int]{State: (*s + 1) % r.states, Free: true, Progress: last})
}

// TestInterruptAnywhere: wherever a search is interrupted, in its serial parts too and thousands of levels deep, it takes no
// more than the chunk under way, tells whole levels, and says what it has not judged.
func TestInterruptAnywhere(t *testing.T) {
	for _, sys := range []ring{{states: 10_000}, {states: 300, wide: 700}} {
		t.Run(fmt.Sprintf("%d,%d", sys.states, sys.wide), func(t *testing.T) {
			var steps int
			look := func(most int64) (*Result, *patience) {
				ctx := &patience{Context: context.Background(), most: most}
				steps = 0
				r, err := Run(ctx, func() System[int] { return &ring{sys.states, &steps, sys.wide} }, Options{Workers: 1})
				if err != nil {
					t.Fatal(err)
				}
				r.Bytes = 0
				return r, ctx
			}
			whole, ctx := look(1 << 62)
			if steps := whole.Found[webCycle].Steps; !whole.Complete() || whole.Unjudged || steps != 2*sys.states-1 {
				t.Fatalf("complete %v, unjudged %v, a cycle behind %d steps", whole.Complete(), whole.Unjudged, steps)
			}
			all, allSteps := ctx.looks.Load(), steps
			if all < int64(3*sys.states) {
				t.Errorf("the context was looked at %d times in %d levels", all, sys.states)
			}
			var inLevels, inCycles, inPath int
			for i := range int64(51) {
				n := all * i / 50
				if i > 45 { // the last looks
					n = all - (50-i)*(50-i)*2
				}
				r, ctx := look(n)
				if n == all {
					if diff := cmp.Diff(whole, r); diff != "" {
						t.Errorf("looked at as often as it was (-whole +this):\n%s", diff)
					}
					continue
				}
				if late := ctx.looks.Load() - n; late > 12 {
					t.Errorf("after %d looks: %d more after the end", n, late)
				}
				if r.Stopped != ByInterrupt || r.Complete() || steps > allSteps {
					t.Fatalf("after %d looks: stopped %v, %d steps", n, r.Stopped, steps)
				}
				if never := r.Found[webNever]; never.States > 0 && never.Steps != sys.states/2 {
					t.Errorf("after %d looks: shown behind %d steps", n, never.Steps)
				}
				cycle, owed := r.Found[webCycle], r.Found[webOwed]
				switch {
				case r.Depth < whole.Depth:
					inLevels++
					if want := uint64(r.Depth+1) + min(uint64(r.Depth), 1)*uint64(sys.wide); r.States != want || !r.Unjudged {
						t.Errorf("after %d looks: %d states, depth %d, expected %d; unjudged %v", n, r.States, r.Depth, want, r.Unjudged)
					}
				case r.Unjudged:
					inCycles++
				default:
					inPath++
					if !cycle.Open || owed.States != whole.Found[webOwed].States || len(cycle.Path.Steps) != sys.states-1 {
						t.Errorf("after %d looks: a cycle that is open: %v, behind %d steps; %d states owe", n, cycle.Open, len(cycle.Path.Steps), owed.States)
					}
				}
				if r.Unjudged && (cycle.States > 0 || owed.States > 0) {
					t.Errorf("after %d looks: unjudged, and %d states with a cycle, %d that owe", n, cycle.States, owed.States)
				}
			}
			if inLevels == 0 || inCycles == 0 && sys.states > lookEvery || inPath == 0 {
				t.Errorf("interrupted in levels %d times, in cycles %d, on the way back %d: expected each", inLevels, inCycles, inPath)
			}
		})
	}
}

// TestInterruptWide: of a level that is not whole, and of the one that it came from, no state is judged any more: a level may
// be large, and what is owed in it slow to judge.
func TestInterruptWide(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	judged := map[int]int{}
	r, err := Run(ctx, func() System[int] { return &fan{judged} }, Options{Workers: 1, Progress: func(p Progress) {
		if p.Depth == 1 && p.Expanded >= 2*groupSize-1 { // the first group has the initial state too
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Stopped != ByInterrupt || r.States != 1 || r.Transitions != fanWidth || r.Depth != 0 || !r.Unjudged {
		t.Errorf("%+v", r)
	}
	if len(judged) != 2*groupSize {
		t.Errorf("%d states were judged: expected those of the chunks that were expanded, %d", len(judged), 2*groupSize)
	}
}

// fan is one state that leads to many, which lead to as many more.
type fan struct{ judged map[int]int }

const fanWidth = 10_000

func (f *fan) Properties() []Property { return []Property{{"never", Never}, {"owed", Eventually}} }
func (f *fan) Initial() []int         { return []int{0} }
func (f *fan) AppendState(buf []byte, s *int) []byte {
	return binary.LittleEndian.AppendUint32(buf, uint32(*s))
}

func (f *fan) Marks(s *int) Marks {
	f.judged[*s]++
	return Marks{}
}

func (f *fan) Successors(s *int, out []Successor[int]) []Successor[int] {
	if *s > 0 {
		return append(out, Successor[int]{State: *s + fanWidth, Free: true})
	}
	for i := range fanWidth {
		out = append(out, Successor[int]{State: 1 + i, Free: true})
	}
	return out
}
