package search

import (
	"context"
	"math/bits"
	"slices"
	"sort"
	"sync/atomic"
)

// graph is the free steps between the states that were expanded, for one pass over it. Where a search was stopped, what is
// beyond them may lead anywhere; what never leaves them is known all the same.
//
// Most steps lead to states with higher numbers: a cycle has one that leads back. So most states are on no cycle but a
// step to themselves, and that shows without a walk: they lead to no step back, or no step back leads to them. Only
// the others, those of the core, are walked through.
type graph struct {
	rec   *records
	edges *edges
	n     uint32 // states that were expanded: the first ones
	found uint32 // states

	ctx   context.Context
	looks uint32      // at it, nearly
	left  atomic.Bool // it has ended: nothing that comes of the pass means anything
}

// lookEvery is how many edges or states are gone through between two looks at the context, where one worker does it alone.
// Where several do it is looked at in each group.
const lookEvery = 1 << 12

// interrupted tells whether the pass is to be left.
func (g *graph) interrupted() bool {
	g.looks++
	return g.left.Load() || g.looks%lookEvery == 1 && g.ended()
}

// ended looks at the context.
func (g *graph) ended() bool {
	if !g.left.Load() && g.ctx.Err() != nil {
		g.left.Store(true)
	}
	return g.left.Load()
}

// frame is a state on the way of a depth-first walk, with the edges that are left to follow.
type frame struct {
	state uint32
	child uint32 // the next state whose parent is this one
	data  []byte // the edges to states with another parent
}

// frame begins to follow a state's edges.
func (g *graph) frame(state uint32) frame {
	return frame{state, g.firstChild(state), g.edges.of(state)}
}

// firstChild finds the first state whose parent is the given one, or what comes after. Numbers go by parent, so that the
// children of a state stand together.
func (g *graph) firstChild(state uint32) uint32 {
	at := sort.Search(int(g.found), func(i int) bool {
		p := g.rec.parents.at(uint32(i))
		return p != noParent && p >= state
	})
	return uint32(at)
}

// next takes one edge off a frame.
func (g *graph) next(f *frame) (to uint32, progress, ok bool) {
	for f.child < g.found && g.rec.parents.at(f.child) == f.state {
		to = f.child
		f.child++
		if step := g.rec.steps.at(to); step&recFree != 0 {
			return to, step&recProgress != 0, true
		}
	}
	if len(f.data) == 0 {
		return 0, false, false
	}
	to, progress, f.data = nextEdge(f.state, f.data)
	return to, progress, true
}

// steps appends what a state's steps lead to. The first state whose parent it is comes at child or later.
func (g *graph) steps(out []uint32, state uint32, child *uint32) []uint32 {
	for ; *child < g.found; *child++ {
		p := g.rec.parents.at(*child)
		if p > state && p != noParent {
			break
		}
		if p == state && g.rec.steps.at(*child)&recFree != 0 {
			out = append(out, *child)
		}
	}
	for data := g.edges.of(state); len(data) > 0; {
		var to uint32
		to, _, data = nextEdge(state, data)
		out = append(out, to)
	}
	return out
}

// pass is one look for the states that are on cycles, among those of a set.
type pass struct {
	of     bitset // nil for all
	before bitset // leads to a step back
	after  bitset // a step back leads to it
}

// between finds, among the states of a set, those that lead to a step back and are led to by one: the states of every cycle
// are among them. A step back leads to the same level or an earlier one, so that a level's states do not wait for each other.
func (e *engine[S]) between(g *graph, of bitset) bitset {
	p := &pass{of, newBitset(g.n), newBitset(g.n)}
	levels := len(e.starts)
	for levels > 0 && e.starts[levels-1] >= g.n {
		levels--
	}
	for level := levels - 1; level >= 0; level-- {
		e.eachGroup(g, level, func(w *worker[S], from, to, end uint32) { w.down(g, p, from, to, end) })
	}
	for level := range levels {
		e.eachGroup(g, level, func(w *worker[S], from, to, end uint32) { w.up(g, p, from, to, end) })
	}
	for i := range p.before {
		p.before[i] &= p.after[i]
	}
	return p.before
}

// eachGroup shares out the states of a level. end is the first state of the next one.
func (e *engine[S]) eachGroup(g *graph, level int, do func(w *worker[S], from, to, end uint32)) {
	begin, end := e.starts[level], g.n
	if level+1 < len(e.starts) {
		end = min(end, e.starts[level+1])
	}
	first := begin >> groupBits
	e.share(int((end-1)>>groupBits-first)+1, func(w *worker[S], i int) {
		group := first + uint32(i)
		if !g.ended() {
			do(w, max(begin, group<<groupBits), min(end, (group+1)<<groupBits), end)
		}
	})
}

// down finds, of a level's states from one up to another, those that lead to a step back.
func (w *worker[S]) down(g *graph, p *pass, from, to, end uint32) {
	if p.of.emptyIn(from, to) {
		return
	}
	child := g.firstChild(from)
	for s := from; s < to; s++ {
		if !p.of.has(s) {
			continue
		}
		w.steps = g.steps(w.steps[:0], s, &child)
		leads := false
		for _, t := range w.steps {
			switch {
			case t == s || t >= g.n || !p.of.has(t):
			case t < end:
				leads = true
				p.after.share(t)
			default:
				leads = leads || p.before.sees(t)
			}
		}
		if leads {
			p.before.share(s)
		}
	}
}

// up finds what the states that a step back leads to lead to in turn.
func (w *worker[S]) up(g *graph, p *pass, from, to, end uint32) {
	if p.before.emptyIn(from, to) {
		return
	}
	child := g.firstChild(from)
	for s := from; s < to; s++ {
		if !p.before.sees(s) || !p.after.sees(s) {
			continue
		}
		w.steps = g.steps(w.steps[:0], s, &child)
		for _, t := range w.steps {
			if t >= end && t < g.n && p.before.sees(t) {
				p.after.share(t)
			}
		}
	}
}

// cycles is the strongly connected components of a graph that may have more than one state.
type cycles struct {
	core       bitset   // their states
	ranks      []uint32 // of each word of core, how many states are before it
	components []uint32 // of the states in core, one after another
}

// coreOf finds the states that are walked through. Each pass looks at what the last one has left.
func (e *engine[S]) coreOf(g *graph) *cycles {
	c := &cycles{}
	for size := g.n; ; {
		c.core = e.between(g, c.core)
		n := c.core.count()
		if g.ended() || n == 0 || n >= size-size/4 {
			break
		}
		size = n
	}
	n := uint32(0)
	for _, word := range c.core {
		c.ranks = append(c.ranks, n)
		n += uint32(bits.OnesCount64(word))
	}
	c.components = make([]uint32, n)
	return c
}

// rank gives the place of a state of the core among these.
func (c *cycles) rank(state uint32) uint32 {
	return c.ranks[state>>6] + uint32(bits.OnesCount64(c.core[state>>6]&(1<<(state&63)-1)))
}

// in tells whether a state is in the core.
func (c *cycles) in(state uint32) bool { return int(state>>6) < len(c.core) && c.core.has(state) }

// of gives the component of a state of the core.
func (c *cycles) of(state uint32) (component uint32, ok bool) {
	if !c.in(state) {
		return 0, false
	}
	return c.components[c.rank(state)], true
}

// together tells whether two states are on one cycle.
func (c *cycles) together(a, b uint32) bool {
	return a == b || c.in(a) && c.in(b) && c.components[c.rank(a)] == c.components[c.rank(b)]
}

func (c *cycles) bytes() uint64 { return uint64(8*len(c.core) + 4*(len(c.ranks)+len(c.components))) }

// walk finds the components within the core (D. J. Pearce, "A space-efficient algorithm for finding strongly connected
// components", 2016: one word a state). States of one component get one word.
func (g *graph) walk(in *cycles, leaves func(component []uint32)) {
	index := in.components
	c := uint32(len(index)) // components are numbered downwards, so that a finished one is above all that are open
	next := uint32(1)
	var frames []frame
	var open []uint32
	var root []bool
	at := func(s uint32) *uint32 { return &index[in.rank(s)] }
	enter := func(s uint32) {
		*at(s) = next
		next++
		frames = append(frames, g.frame(s))
		root = append(root, true)
	}
	for start := range g.n {
		if g.left.Load() {
			break
		}
		if !in.core.has(start) || *at(start) != 0 {
			continue
		}
		enter(start)
		for len(frames) > 0 && !g.interrupted() {
			f := &frames[len(frames)-1]
			if to, _, ok := g.next(f); ok {
				if !in.in(to) {
					continue
				}
				if *at(to) == 0 {
					enter(to)
				} else if *at(to) < *at(f.state) {
					*at(f.state) = *at(to)
					root[len(root)-1] = false
				}
				continue
			}
			s, isRoot := f.state, root[len(root)-1]
			frames, root = frames[:len(frames)-1], root[:len(root)-1]
			if isRoot {
				begin := len(open)
				next--
				for begin > 0 && *at(s) <= *at(open[begin-1]) {
					begin--
					next--
				}
				open = append(open, s)
				for _, o := range open[begin:] {
					*at(o) = c
				}
				leaves(open[begin:])
				open = open[:begin]
				c--
			} else {
				open = append(open, s)
			}
			if len(frames) > 0 {
				if up := frames[len(frames)-1].state; *at(s) < *at(up) {
					*at(up) = *at(s)
					root[len(root)-1] = false
				}
			}
		}
	}
}

// judgeCycles judges the properties that ask for the whole graph, and gives the memory that it took. It judges none if the
// context ends before the last of them.
func (e *engine[S]) judgeCycles(ctx context.Context) (bytes uint64, judged bool) {
	g := &graph{rec: &e.rec, edges: &e.edges, n: e.edges.n, found: uint32(e.rec.parents.n), ctx: ctx}
	if g.ended() {
		return 0, false
	}
	bottom, repeats := e.alone(g)
	e.cycles = e.coreOf(g)
	var pieces [][]uint32
	g.walk(e.cycles, func(component []uint32) {
		for _, s := range component {
			bottom.remove(s)
		}
		if e.owes(component) {
			pieces = append(pieces, append([]uint32(nil), component...))
		}
	})
	for _, component := range pieces {
		if !g.left.Load() && g.closed(component, e.cycles) {
			for _, s := range component {
				bottom.add(s)
			}
		}
	}
	property := slices.IndexFunc(e.props, func(p Property) bool { return p.Kind == NoCycle })
	if property >= 0 {
		e.progress(g, repeats)
	}
	if g.ended() {
		return 0, false
	}
	bottom.each(func(s uint32) {
		owed := e.rec.owed.at(s)
		for ; owed != 0; owed &= owed - 1 {
			e.note(bits.TrailingZeros32(owed), s)
		}
	})
	if property >= 0 {
		repeats.each(func(s uint32) { e.note(property, s) })
	}
	return e.cycles.bytes() + uint64(8*(len(bottom)+len(repeats))), true
}

func (e *engine[S]) owes(component []uint32) bool {
	for _, s := range component {
		if e.rec.owed.at(s) != 0 {
			return true
		}
	}
	return false
}

// alone finds the states that no step leaves for another, and those with a step to themselves that makes progress.
func (e *engine[S]) alone(g *graph) (bottom, repeats bitset) {
	bottom, repeats = newBitset(g.n), newBitset(g.n)
	e.share(len(g.edges.pages), func(_ *worker[S], i int) {
		if g.ended() {
			return
		}
		from := uint32(i) << groupBits
		child := g.firstChild(from)
		for s := from; s < min(g.n, from+groupSize); s++ {
			f, leaves := frame{s, child, g.edges.of(s)}, false
			for to, progress, ok := g.next(&f); ok; to, progress, ok = g.next(&f) {
				leaves = leaves || to != s
				if progress && to == s {
					repeats.add(s)
				}
			}
			if child = f.child; !leaves {
				bottom.add(s)
			}
		}
	})
	return bottom, repeats
}

// closed tells whether no free step leaves a component, or what was expanded.
func (g *graph) closed(component []uint32, in *cycles) bool {
	for _, s := range component {
		if g.interrupted() {
			return false
		}
		f := g.frame(s)
		for to, _, ok := g.next(&f); ok; to, _, ok = g.next(&f) {
			if !in.together(s, to) {
				return false
			}
		}
	}
	return true
}

// progress adds to the states with a step to themselves that makes progress those with such a step within a component: it can
// be repeated for ever.
func (e *engine[S]) progress(g *graph, repeats bitset) {
	e.cycles.core.each(func(from uint32) {
		if g.interrupted() {
			return
		}
		f := g.frame(from)
		for to, progress, ok := g.next(&f); ok; to, progress, ok = g.next(&f) {
			if progress && e.cycles.together(from, to) {
				repeats.add(from)
			}
		}
	})
}
