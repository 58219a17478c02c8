package search

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func smallSystem(world, crashes int) func() System[small] {
	return func() System[small] { return &smallModel{world: world, crashes: crashes} }
}

func run[S any](t interface {
	Helper()
	Fatal(...any)
}, sys func() System[S], o Options) *Result {
	t.Helper()
	r, err := Run(context.Background(), sys, o)
	if err != nil {
		t.Fatal(err)
	}
	r.Bytes = 0
	return r
}

// TestWorkers: counts and counterexamples do not depend on how many workers there are, nor on how wide fingerprints are.
func TestWorkers(t *testing.T) {
	want := run(t, smallSystem(5, 2), Options{Workers: 1})
	for _, workers := range []int{2, 3, 8} {
		if diff := cmp.Diff(want, run(t, smallSystem(5, 2), Options{Workers: workers})); diff != "" {
			t.Errorf("%d workers (-one +these):\n%s", workers, diff)
		}
	}
	narrow := run(t, smallSystem(5, 2), Options{Workers: 2, Narrow: true})
	if narrow.Bits != 64 || narrow.MissProbability() > 1e-6 {
		t.Errorf("narrow: %d bits, %g", narrow.Bits, narrow.MissProbability())
	}
	narrow.Bits = want.Bits
	if diff := cmp.Diff(want, narrow); diff != "" {
		t.Errorf("64 bits (-128 +64):\n%s", diff)
	}
}

// TestPath: the steps of a counterexample lead to what it is one of, and no shorter way does.
func TestPath(t *testing.T) {
	r := run(t, smallSystem(4, 2), Options{Workers: 2})
	sys := &smallModel{world: 4, crashes: 2}
	for _, f := range r.Found {
		if f.Property.Kind == Sometimes {
			if f.States == 0 || f.Steps != 0 {
				t.Errorf("%s: seen %d times", f.Property.Name, f.States)
			}
			continue
		}
		states, err := Walk(context.Background(), sys, f.Path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range states {
			shows := sys.Marks(&states[i]).Bits>>markOf(f.Property.Name)&1 != 0
			if f.Property.Kind != Eventually && shows != (i == len(states)-1) {
				t.Errorf("%s: state %d of %d shows it: %v", f.Property.Name, i, len(states)-1, shows)
			}
		}
		if f.Property.Kind == Eventually && len(sys.Successors(&states[len(states)-1], nil)) > 0 {
			t.Errorf("%s: its state is none of the last", f.Property.Name)
		}
	}
	if _, err := Walk(context.Background(), sys, Path{Steps: []int{99}}); err == nil {
		t.Error("a path with a step that is not there is walked")
	}
	if _, err := Walk(context.Background(), sys, Path{Initial: 1}); err == nil {
		t.Error("a path from an initial state that is not there is walked")
	}
}

func markOf(name string) int {
	for i, p := range (&smallModel{}).Properties() {
		if p.Name == name {
			return i
		}
	}
	return -1
}

// TestBounds: a search that is stopped says so and tells whole levels, for any number of workers; one that has just enough
// room is complete.
func TestBounds(t *testing.T) {
	want := run(t, smallSystem(5, 2), Options{Workers: 1, MaxStates: 5000})
	if want.Stopped != ByStates || want.Complete() || want.States > 5000 || want.States < 2500 {
		t.Fatalf("%+v", want)
	}
	if diff := cmp.Diff(want, run(t, smallSystem(5, 2), Options{Workers: 3, MaxStates: 5000})); diff != "" {
		t.Errorf("3 workers (-one +three):\n%s", diff)
	}
	if r := run(t, smallSystem(5, 2), Options{Workers: 2, MaxStates: 13567}); !r.Complete() || r.States != 13567 {
		t.Errorf("exactly as many states as there are: %+v", r)
	}
	if r := run(t, smallSystem(5, 2), Options{Workers: 2, MaxStates: 13566}); r.Complete() || r.States >= 13567 {
		t.Errorf("one state less than there are: %+v", r)
	}
	shallow := run(t, smallSystem(4, 2), Options{Workers: 2, MaxDepth: 13})
	if shallow.Stopped != ByDepth || shallow.Depth != 13 || shallow.Found[markDisagree].Steps != 13 {
		t.Errorf("13 steps deep: %+v", shallow)
	}
	// What hangs 12 steps away or nearer is known to hang without the rest.
	whole := run(t, smallSystem(4, 2), Options{Workers: 2})
	if hang := shallow.Found[markHang]; hang.States == 0 || hang.States > whole.Found[markHang].States || hang.Steps != whole.Found[markHang].Steps {
		t.Errorf("13 steps deep: %+v hang, and in all %+v", hang, whole.Found[markHang])
	}
	if r := run(t, smallSystem(4, 2), Options{Workers: 2, MaxDepth: 12}); r.Found[markDisagree].States != 0 {
		t.Errorf("12 steps deep: %+v", r)
	}
	if _, err := Run(context.Background(), smallSystem(3, 1), Options{}); err == nil {
		t.Error("a search without workers begins")
	}
}

// TestInterrupt: a search that is interrupted tells what it has.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	told := 0
	o := Options{Workers: 2, Progress: func(p Progress) {
		if told++; p.States > 1000 {
			cancel()
		}
	}}
	r, err := Run(ctx, smallSystem(5, 3), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Stopped != ByInterrupt || r.States == 0 || r.States >= 129935 || told == 0 {
		t.Errorf("stopped %v with %d states, told %d times", r.Stopped, r.States, told)
	}
}

// web is any graph with any marks: the system that a naive twin can judge.
type web struct {
	edges [][]Successor[int]
	marks []uint32
	fails int // a state whose successors panic; -1 for none
}

const (
	webNever = iota
	webOwed
	webCycle
	webSeen
)

func (w *web) Properties() []Property {
	return []Property{{"never", Never}, {"owed", Eventually}, {"cycle", NoCycle}, {"seen", Sometimes}}
}
func (w *web) Initial() []int                        { return []int{0, 1} }
func (w *web) AppendState(buf []byte, s *int) []byte { return append(buf, byte(*s), byte(*s>>8)) }
func (w *web) Marks(s *int) Marks                    { return Marks{Bits: w.marks[*s]} }
func (w *web) Successors(s *int, out []Successor[int]) []Successor[int] {
	if *s == w.fails {
		panic("no way on")
	}
	return append(out, w.edges[*s]...)
}

// reach is the states that steps lead to, with how many of them it takes.
func (w *web) reach(from []int, free bool) map[int]int {
	depth := map[int]int{}
	for _, s := range from {
		depth[s] = 0
	}
	for queue := from; len(queue) > 0; queue = queue[1:] {
		for _, e := range w.edges[queue[0]] {
			if _, seen := depth[e.State]; !seen && (e.Free || !free) {
				depth[e.State] = depth[queue[0]] + 1
				queue = append(queue, e.State)
			}
		}
	}
	return depth
}

// twin judges the graph by what the kinds of properties say.
func (w *web) twin() (states, transitions uint64, found [4]Found) {
	all := w.reach([]int{0, 1}, false)
	for i := range found {
		found[i].Property = w.Properties()[i]
	}
	note := func(i, steps int) {
		if found[i].States++; found[i].States == 1 || steps < found[i].Steps {
			found[i].Steps = steps
		}
	}
	for s, depth := range all {
		states++
		transitions += uint64(len(w.edges[s]))
		if w.marks[s]>>webNever&1 != 0 {
			note(webNever, depth)
		}
		for _, e := range w.edges[s] {
			found[webSeen].States += uint64(e.Seen >> webSeen & 1)
		}
		after := w.reach([]int{s}, true)
		if w.marks[s]>>webOwed&1 != 0 && w.returns(s, after) {
			note(webOwed, depth)
		}
		if back := w.cycle(s); back > 0 {
			note(webCycle, depth+back)
		}
	}
	return states, transitions, found
}

// returns tells whether each state after s leads back to it.
func (w *web) returns(s int, after map[int]int) bool {
	for t := range after {
		if _, ok := w.reach([]int{t}, true)[s]; !ok {
			return false
		}
	}
	return true
}

// cycle is the length of the shortest cycle that begins with a step from s that makes progress; 0 if there is none.
func (w *web) cycle(s int) int {
	best := 0
	for _, e := range w.edges[s] {
		if !e.Free || !e.Progress {
			continue
		}
		if back, ok := w.reach([]int{e.State}, true)[s]; ok && (best == 0 || back+1 < best) {
			best = back + 1
		}
	}
	return best
}

// TestTwin: on any graph the engine and the definitions agree.
func TestTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 14).Draw(t, "states")
		w := &web{fails: -1}
		for range n {
			w.marks = append(w.marks, rapid.Uint32Range(0, 3).Draw(t, "marks"))
			var out []Successor[int]
			for range rapid.IntRange(0, 3).Draw(t, "steps") {
				out = append(out, Successor[int]{
					State: rapid.IntRange(0, n-1).Draw(t, "to"), Free: rapid.IntRange(0, 3).Draw(t, "free") > 0,
					Progress: rapid.IntRange(0, 4).Draw(t, "progress") == 0, Seen: rapid.Uint32Range(0, 1).Draw(t, "seen") << webSeen,
				})
			}
			w.edges = append(w.edges, out)
		}
		states, transitions, found := w.twin()
		r := run(t, func() System[int] { return w }, Options{Workers: 2})
		if r.States != states || r.Transitions != transitions {
			t.Fatalf("%d states, %d transitions; expected %d, %d", r.States, r.Transitions, states, transitions)
		}
		for i, want := range found {
			got := r.Found[i]
			if got.States != want.States || i != webCycle && got.Steps != want.Steps {
				t.Fatalf("%s: %d states, %d steps; expected %d, %d", want.Property.Name, got.States, got.Steps, want.States, want.Steps)
			}
			if i == webCycle && got.States > 0 {
				w.checkCycle(t, got, want.Steps)
			}
		}
		// A search that goes less deep finds some of that, and nothing else.
		part := run(t, func() System[int] { return w }, Options{Workers: 2, MaxDepth: rapid.IntRange(1, 5).Draw(t, "depth")})
		for i, got := range part.Found {
			if got.States > r.Found[i].States {
				t.Fatalf("%s: %d states in a part, %d in all", got.Property.Name, got.States, r.Found[i].States)
			}
			if i == webCycle && got.States > 0 {
				w.checkCycle(t, got, 0)
			}
		}
	})
}

// checkCycle holds a path to what it claims: it returns to a state that it came through, by free steps and with progress.
// The nearest state with such a step is not always the one with the shortest way round.
func (w *web) checkCycle(t *rapid.T, f Found, least int) {
	states, err := Walk(context.Background(), w, f.Path)
	if err != nil {
		t.Fatal(err)
	}
	last := len(states) - 1
	if f.Steps != last || f.Steps < least {
		t.Fatalf("cycle of %d steps with a path of %d; the least is %d", f.Steps, last, least)
	}
	for i := range last {
		if states[i] != states[last] {
			continue
		}
		progress := false
		for k := i; k < last; k++ {
			e := w.edges[states[k]][f.Path.Steps[k]]
			progress = progress || e.Progress
			if !e.Free {
				t.Fatalf("step %d of the cycle is not free", k+1)
			}
		}
		if progress {
			return
		}
	}
	t.Fatalf("no cycle with progress at the end of %v", states)
}

// TestPanic: what a system does wrong is an error that says where, not a crash of the process.
func TestPanic(t *testing.T) {
	w := &web{fails: 2, marks: make([]uint32, 3), edges: [][]Successor[int]{{{State: 2, Free: true}}, nil, nil}}
	_, err := Run(context.Background(), func() System[int] { return w }, Options{Workers: 2})
	const want = "search: the system failed in a state 1 steps from its beginning: no way on"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, expected %s", err, want)
	}
}

// BenchmarkSmallModel is the engine's own cost: a hand-packed model whose steps cost next to nothing.
func BenchmarkSmallModel(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			states, bytes := uint64(0), uint64(0)
			for b.Loop() {
				r, err := Run(context.Background(), smallSystem(6, 2), Options{Workers: workers})
				if err != nil {
					b.Fatal(err)
				}
				states += r.States
				bytes = r.Bytes / r.States
			}
			b.ReportMetric(float64(states)/b.Elapsed().Seconds(), "states/s")
			b.ReportMetric(float64(bytes), "B/state")
		})
	}
}
