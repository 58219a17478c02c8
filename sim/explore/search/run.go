package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Options bound a search.
type Options struct {
	Workers   int
	MaxStates int // the search ends before the level that would bring it above; at most StatesMax, 0 for that
	MaxDepth  int // steps; 0 for no bound
	// Until is a set of properties (bit i for the i-th) of kind Never. The search ends after the level in which the first of
	// them shows.
	Until uint32
	// Narrow keeps 64 bits of each fingerprint in place of 128. A search of n states then misses one with a chance of
	// about n*n/2^65.
	Narrow bool
	// Progress is told how far the search has come, often, from the goroutine that called Run. It may be nil.
	Progress func(Progress)
}

// StatesMax is how many states a search can hold.
const StatesMax = 1<<31 - 2

// Progress is how far a search has come.
type Progress struct {
	States      uint64
	Transitions uint64
	Depth       int
	Level       int // states of the level that is being expanded
	Expanded    int // of these
}

// Stopped says why a search did not come to its end.
type Stopped uint8

// The reasons.
const (
	ByNothing   Stopped = iota // it came to its end
	ByStates                   // MaxStates
	ByDepth                    // MaxDepth
	ByInterrupt                // the context
	ByProperty                 // Until
)

// Result is what a search found.
type Result struct {
	States      uint64
	Transitions uint64
	Depth       int // steps to the states that are farthest away
	Stopped     Stopped
	Bits        int // of a fingerprint
	Bytes       uint64
	Found       []Found // one for each property of the system, in its order
	// Unjudged: the context ended before cycles had been looked for. Nothing is said of Eventually and NoCycle.
	Unjudged bool
}

// Complete tells whether every state was seen.
func (r *Result) Complete() bool { return r.Stopped == ByNothing }

// MissProbability bounds the chance that two states shared a fingerprint, so that one was missed.
func (r *Result) MissProbability() float64 {
	n := float64(r.States)
	p := n * n
	for range r.Bits + 1 {
		p /= 2
	}
	return p
}

// Found is what became of one property.
type Found struct {
	Property Property
	States   uint64 // states that show it; for NoCycle, states with a step that a cycle repeats; for Sometimes, steps
	Steps    int    // to the nearest of them; not for Sometimes
	Path     Path   // if there is one
	// Open, of NoCycle: the context ended before the way back was found. The path leads to where the cycle begins.
	Open bool
}

// Path is how a state is reached: which of the initial states, and the numbers of the steps taken.
type Path struct {
	Initial int
	Steps   []int
}

// engine is a search under way.
type engine[S any] struct {
	opts  Options
	props []Property
	table *table[S]
	rec   records
	edges edges
	graph bool // a property asks for cycles

	level   []S // the states to expand
	base    uint32
	depth   int
	starts  []uint32 // the first state of each level
	workers []*worker[S]
	chunks  []chunk

	states      atomic.Int64
	transitions atomic.Int64
	next        atomic.Int64 // chunk
	expanded    atomic.Int64
	full        atomic.Bool
	found       []Found
	first       []uint32 // the nearest state of each property
	components  []uint32 // of the graph, by state
	peak        uint64   // memory of the largest pair of levels
}

// chunk is what a part of a level gave.
type chunk struct {
	edges []target // with flags
	ends  []int    // of each state's edges
	steps []uint16 // of each edge
	marks []uint32 // of each state
	err   error
}

const chunkSize = 128

// flags of an edge in a chunk, beside its target
const edgeProgress target = 1 << 62

// Run explores a system. Each worker gets a system of its own from make. An error means that the system contradicts
// itself; a violation is no error.
func Run[S any](ctx context.Context, make1 func() System[S], o Options) (*Result, error) {
	if o.Workers < 1 {
		return nil, errors.New("search: expected at least one worker")
	}
	if o.MaxStates <= 0 || o.MaxStates > StatesMax {
		o.MaxStates = StatesMax
	}
	e := &engine[S]{opts: o, table: newTable[S](!o.Narrow)}
	for range o.Workers {
		e.workers = append(e.workers, &worker[S]{engine: e, sys: make1(), narrow: o.Narrow})
	}
	e.props = e.workers[0].sys.Properties()
	if len(e.props) > MaxProperties {
		return nil, fmt.Errorf("search: %d properties: at most %d", len(e.props), MaxProperties)
	}
	for _, p := range e.props {
		e.graph = e.graph || p.Kind == Eventually || p.Kind == NoCycle
		e.found = append(e.found, Found{Property: p})
		e.first = append(e.first, 0)
	}
	stopped, err := e.explore(ctx)
	if err != nil {
		return nil, err
	}
	return e.result(ctx, stopped)
}

func (e *engine[S]) explore(ctx context.Context) (Stopped, error) {
	w := e.workers[0]
	initial := w.sys.Initial()
	for i := range initial {
		if i > stepMax {
			return 0, fmt.Errorf("search: %d initial states: at most %d", len(initial), stepMax)
		}
		if _, added := e.table.insert(w.fingerprint(&initial[i]), noParent, uint16(i), &initial[i]); added {
			e.states.Add(1)
		}
	}
	for {
		e.settle()
		if len(e.level) == 0 {
			e.depth--
			return ByNothing, nil
		}
		if e.opts.MaxDepth > 0 && e.depth == e.opts.MaxDepth {
			e.markLast()
			return ByDepth, nil
		}
		if stopped, err := e.expand(ctx); err != nil || stopped != ByNothing {
			return stopped, err
		}
		e.depth++
	}
}

// expand makes the next level out of the present one.
func (e *engine[S]) expand(ctx context.Context) (Stopped, error) {
	count := (len(e.level) + chunkSize - 1) / chunkSize
	for len(e.chunks) < count {
		e.chunks = append(e.chunks, chunk{})
	}
	chunks := e.chunks[:count]
	e.next.Store(0)
	e.expanded.Store(0)
	var wait sync.WaitGroup
	for _, w := range e.workers[1:] {
		wait.Go(func() { w.work(ctx, chunks) })
	}
	e.workers[0].work(ctx, chunks)
	wait.Wait()
	for i := range chunks {
		if chunks[i].err != nil {
			return 0, chunks[i].err
		}
	}
	switch {
	case e.full.Load():
		e.discard()
		return ByStates, nil
	case ctx.Err() != nil:
		e.leave()
		return ByInterrupt, nil
	}
	e.tally(chunks)
	for _, w := range e.workers {
		w.close()
	}
	for i := range e.found {
		if e.opts.Until>>i&1 != 0 && e.found[i].States > 0 {
			e.states.Store(int64(e.rec.parents.n))
			return ByProperty, nil
		}
	}
	return ByNothing, nil
}

// found is where a new state waits for its number.
type found struct {
	at   uint32
	in   uint16 // shard
	step uint16
}

// inOrder gives the states that the last expansion has found by parent and step. Parents are the states of the level that
// was expanded: each gets its place by counting, and the few states of one parent are put in order.
func (e *engine[S]) inOrder() []found {
	t := e.table
	first := make([]uint32, max(len(e.level), 1)+1)
	place := func(parent uint32) uint32 {
		if parent == noParent {
			return 0
		}
		return parent - e.base
	}
	for i := range t.shards {
		for at := range t.shards[i].pending {
			first[place(t.shards[i].pending[at].parent)+1]++
		}
	}
	for i := 1; i < len(first); i++ {
		first[i] += first[i-1]
	}
	order := make([]found, first[len(first)-1])
	end := slices.Clone(first)
	for i := range t.shards {
		for at := range t.shards[i].pending {
			p := &t.shards[i].pending[at]
			of := place(p.parent)
			j := end[of]
			for ; j > first[of] && order[j-1].step > p.step; j-- {
				order[j] = order[j-1]
			}
			order[j] = found{uint32(at), uint16(i), p.step}
			end[of]++
		}
	}
	return order
}

// settle numbers the states that the last expansion has found, by parent and step, and makes them the level to expand.
func (e *engine[S]) settle() {
	t := e.table
	order := e.inOrder()
	total := len(order)
	for i := range t.shards {
		s := &t.shards[i]
		s.final = slices.Grow(s.final[:0], len(s.pending))[:len(s.pending)]
	}
	var zero S
	pair := uint64(len(e.level)+total) * uint64(sizeOf(zero))
	e.peak = max(e.peak, pair+uint64(total)*(uint64(sizeOf(pending[S]{}))+16))
	base := uint32(e.rec.parents.n)
	level := make([]S, total)
	for i, o := range order {
		s := &t.shards[o.in]
		s.final[o.at] = base + uint32(i)
		level[i] = s.pending[o.at].state
		e.rec.parents.add(s.pending[o.at].parent)
		e.rec.steps.add(s.pending[o.at].step)
	}
	for i := range t.shards {
		t.settle(&t.shards[i])
	}
	if e.graph && e.depth > 0 {
		e.link()
	}
	e.level, e.base = level, base
	if total > 0 {
		e.starts = append(e.starts, base)
	}
}

// settle replaces a shard's references to pending states by their numbers.
func (t *table[S]) settle(s *shard[S]) {
	for at := range s.pending {
		slot, _ := t.find(s, s.pending[at].fp)
		s.refs[slot] = s.final[at] + 1
	}
	s.pending = s.pending[:0]
}

// link stores the free edges of the level that was expanded, now that all of their ends have numbers.
func (e *engine[S]) link() {
	count := (len(e.level) + chunkSize - 1) / chunkSize
	from := e.base
	for i := range e.chunks[:count] {
		c := &e.chunks[i]
		at := 0
		for _, end := range c.ends {
			page := e.edges.begin()
			for ; at < end; at++ {
				e.keepEdge(page, from, c.edges[at], c.steps[at])
			}
			e.edges.end(page)
			from++
		}
	}
}

func (e *engine[S]) keepEdge(page *edgePage, from uint32, g target, step uint16) {
	progress := g&edgeProgress != 0
	to := e.table.number(g &^ edgeProgress)
	if e.rec.parents.at(to) == from && e.rec.steps.at(to)&stepMask == step {
		flags := uint16(stepFree)
		if progress {
			flags |= stepProgress
		}
		e.rec.steps.list[to>>pageBits][to&(1<<pageBits-1)] |= flags
		return
	}
	page.add(from, to, progress)
}

// tally counts the marks of the level that was expanded.
func (e *engine[S]) tally(chunks []chunk) {
	owing := uint32(0)
	for i, p := range e.props {
		if p.Kind == Eventually {
			owing |= 1 << i
		}
	}
	state := e.base
	for i := range chunks {
		for _, m := range chunks[i].marks {
			e.mark(state, m)
			if owing != 0 {
				e.rec.owed.add(m & owing)
			}
			state++
		}
	}
}

func (e *engine[S]) mark(state uint32, marks uint32) {
	for i, p := range e.props {
		if marks>>i&1 != 0 && p.Kind == Never {
			e.note(i, state)
		}
	}
}

// note counts a state that shows a property. States come in the order of their numbers, so that the first is the nearest.
func (e *engine[S]) note(property int, state uint32) {
	f := &e.found[property]
	if f.States == 0 {
		e.first[property] = state
	}
	f.States++
}

// markLast counts the marks of a level that is not expanded.
func (e *engine[S]) markLast() {
	for i := range e.level {
		e.mark(e.base+uint32(i), e.workers[0].sys.Marks(&e.level[i]).Bits)
	}
}

// discard forgets the level that is not whole, so that what is told does not depend on which states of it were found
// first.
func (e *engine[S]) discard() {
	e.states.Store(int64(e.rec.parents.n))
	for _, w := range e.workers {
		e.transitions.Add(-w.level)
	}
	e.markLast()
}

// leave forgets the level that was to be expanded too, as it may take long to judge; but for the first, which is short.
func (e *engine[S]) leave() {
	if e.depth == 0 {
		e.discard()
		return
	}
	e.states.Store(int64(e.base))
	for _, w := range e.workers {
		e.transitions.Add(-w.level)
	}
	e.depth--
}
