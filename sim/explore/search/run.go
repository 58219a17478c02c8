package search

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
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
	graph bool   // a property asks for cycles
	never uint32 // the properties of kind Never

	level   []target // where the states to expand are, by their numbers from base on
	spare   []target // of the level before
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
	cycles      *cycles
	peak        uint64 // memory of the largest pair of levels
}

// chunk is what a part of a level gave. The steps of all of its states stand one after another.
type chunk struct {
	from  uint32   // its first state
	to    []target // of each step
	flags []uint8  // of each step
	ends  []uint32 // of each state's steps
	marks []uint32 // of each state
	any   uint32   // of these marks
	own   uint32   // how many states it has found; then, how many the chunks before it have
	err   error
}

// Flags of a step in a chunk.
const (
	stepFirst    uint8 = 1 << iota // it may be the one that a new state is reached by
	stepOwn                        // it is that
	stepFree                       // Successor.Free
	stepProgress                   // and Successor.Progress
)

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
		w := &worker[S]{engine: e, sys: make1(), narrow: o.Narrow}
		w.short, _ = w.sys.(Fingerprinter[S])
		e.workers = append(e.workers, w)
	}
	e.props = e.workers[0].sys.Properties()
	if len(e.props) > MaxProperties {
		return nil, fmt.Errorf("search: %d properties: at most %d", len(e.props), MaxProperties)
	}
	for i, p := range e.props {
		switch p.Kind {
		case Never:
			e.never |= 1 << i
		case Eventually:
			e.rec.owed.begin(i)
		}
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
	if err := e.begin(); err != nil {
		return 0, err
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

// begin finds the initial states, as if they were the steps of one state without a number.
func (e *engine[S]) begin() error {
	w := e.workers[0]
	initial := w.sys.Initial()
	if len(initial) > stepMax {
		return fmt.Errorf("search: %d initial states: at most %d", len(initial), stepMax)
	}
	w.out = w.out[:0]
	for i := range initial {
		w.out = append(w.out, Successor[S]{State: initial[i]})
	}
	e.chunks = []chunk{{from: noParent, ends: []uint32{uint32(len(initial))}, marks: []uint32{0}}}
	e.states.Add(w.insert(&e.chunks[0], 0))
	return nil
}

// count is how many chunks the level has. A chunk is a group of numbers, so that what is kept of the edges of a group is
// written by one worker.
func (e *engine[S]) count() int {
	if len(e.level) == 0 {
		return 0
	}
	last := e.base + uint32(len(e.level)) - 1
	return int(last>>groupBits-e.base>>groupBits) + 1
}

// bounds gives the states of a chunk.
func (e *engine[S]) bounds(i int) (from, to uint32) {
	group := e.base>>groupBits + uint32(i)
	return max(e.base, group<<groupBits), min(e.base+uint32(len(e.level)), (group+1)<<groupBits)
}

// at gives a state of the level.
func (e *engine[S]) at(number uint32) *S {
	in, at, _ := e.level[number-e.base].place()
	return &e.table.shards[in].level[at]
}

// expand takes all steps of the level.
func (e *engine[S]) expand(ctx context.Context) (Stopped, error) {
	count := e.count()
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

// tally counts the marks of the level that was expanded.
func (e *engine[S]) tally(chunks []chunk) {
	for i := range chunks {
		c := &chunks[i]
		if c.any&e.never == 0 {
			continue
		}
		for j, m := range c.marks {
			e.mark(c.from+uint32(j), m)
		}
	}
}

func (e *engine[S]) mark(state uint32, marks uint32) {
	for m := marks & e.never; m != 0; m &= m - 1 {
		e.note(bits.TrailingZeros32(m), state)
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
		number := e.base + uint32(i)
		e.mark(number, e.workers[0].sys.Marks(e.at(number)).Bits)
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
