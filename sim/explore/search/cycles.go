package search

import (
	"context"
	"math/bits"
	"slices"
	"sort"
)

// graph is the free steps between the states that were expanded, for one pass over it. Where a search was stopped, what is
// beyond them may lead anywhere; what never leaves them is known all the same.
type graph struct {
	rec   *records
	edges *edges
	n     uint32 // states that were expanded: the first ones
	found uint32 // states

	ctx   context.Context
	looks uint32 // at it, nearly
	left  bool   // it has ended: nothing that comes of the pass means anything
}

// lookEvery is how many edges or states are gone through between two looks at the context.
const lookEvery = 1 << 12

// interrupted tells whether the pass is to be left.
func (g *graph) interrupted() bool {
	if g.looks%lookEvery == 0 && g.ctx.Err() != nil {
		g.left = true
	}
	g.looks++
	return g.left
}

// frame is a state on the way of a depth-first walk, with the edges that are left to follow.
type frame struct {
	state uint32
	child uint32 // the next state whose parent is this one
	data  []byte // the edges to states with another parent
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
func (g *graph) next(f *frame) (to uint32, ok bool) {
	for f.child < g.found && g.rec.parents.at(f.child) == f.state {
		to = f.child
		f.child++
		if g.rec.steps.at(to)&stepFree != 0 {
			return to, true
		}
	}
	if len(f.data) == 0 {
		return 0, false
	}
	to, _, f.data = nextEdge(f.state, f.data)
	return to, true
}

// components finds the strongly connected components of the free steps (D. J. Pearce, "A space-efficient algorithm for
// finding strongly connected components", 2016: one word a state). States of one component get one word.
func (g *graph) components(leaves func(component []uint32)) []uint32 {
	index := make([]uint32, g.n)
	c := g.n // components are numbered downwards, so that a finished one is above all that are open
	next := uint32(1)
	var frames []frame
	var open []uint32
	var root []bool
	enter := func(s uint32) {
		index[s] = next
		next++
		frames = append(frames, frame{s, g.firstChild(s), g.edges.of(s)})
		root = append(root, true)
	}
	for start := range g.n {
		if index[start] != 0 {
			continue
		}
		if g.left {
			break
		}
		enter(start)
		for len(frames) > 0 && !g.interrupted() {
			f := &frames[len(frames)-1]
			if to, ok := g.next(f); ok {
				if to >= g.n {
					continue
				}
				if index[to] == 0 {
					enter(to)
				} else if index[to] < index[f.state] {
					index[f.state] = index[to]
					root[len(root)-1] = false
				}
				continue
			}
			s, isRoot := f.state, root[len(root)-1]
			frames, root = frames[:len(frames)-1], root[:len(root)-1]
			if isRoot {
				begin := len(open)
				next--
				for begin > 0 && index[s] <= index[open[begin-1]] {
					begin--
					next--
				}
				open = append(open, s)
				for _, o := range open[begin:] {
					index[o] = c
				}
				leaves(open[begin:])
				open = open[:begin]
				c--
			} else {
				open = append(open, s)
			}
			if len(frames) > 0 {
				if up := frames[len(frames)-1].state; index[s] < index[up] {
					index[up] = index[s]
					root[len(root)-1] = false
				}
			}
		}
	}
	return index
}

// judgeCycles judges the properties that ask for the whole graph, and gives the memory that it took. It judges none if the
// context ends before the last of them.
func (e *engine[S]) judgeCycles(ctx context.Context) (bytes uint64, judged bool) {
	g := &graph{rec: &e.rec, edges: &e.edges, n: e.edges.n, found: uint32(e.rec.parents.n), ctx: ctx}
	if ctx.Err() != nil {
		return 0, false
	}
	bottom := make([]uint64, (g.n+63)/64)
	var pieces [][]uint32
	index := g.components(func(component []uint32) {
		if e.rec.owed.n > 0 && e.owes(component) {
			pieces = append(pieces, append([]uint32(nil), component...))
		}
	})
	for _, component := range pieces {
		if !g.left && g.closed(component, index) {
			for _, s := range component {
				bottom[s>>6] |= 1 << (s & 63)
			}
		}
	}
	property, repeated := e.repeats(g, index)
	if g.left {
		return 0, false
	}
	for s := range g.n {
		if bottom[s>>6]>>(s&63)&1 == 0 {
			continue
		}
		owed := e.rec.owed.at(s)
		for i := range e.props {
			if owed>>i&1 != 0 {
				e.note(i, s)
			}
		}
	}
	for i, set := range repeated {
		for ; set != 0; set &= set - 1 {
			e.note(property, uint32(64*i+bits.TrailingZeros64(set)))
		}
	}
	e.components = index
	return uint64(4*len(index) + 8*len(bottom)), true
}

func (e *engine[S]) owes(component []uint32) bool {
	for _, s := range component {
		if e.rec.owed.at(s) != 0 {
			return true
		}
	}
	return false
}

// closed tells whether no free step leaves a component, or what was expanded.
func (g *graph) closed(component, index []uint32) bool {
	for _, s := range component {
		if g.interrupted() {
			return false
		}
		f := frame{s, g.firstChild(s), g.edges.of(s)}
		for {
			to, ok := g.next(&f)
			if !ok {
				break
			}
			if to >= g.n || index[to] != index[s] {
				return false
			}
		}
	}
	return true
}

// repeats looks for steps that make progress within a component, which can be repeated for ever: the set of the states that
// allow one. It is empty if no property is about that.
func (e *engine[S]) repeats(g *graph, index []uint32) (property int, set []uint64) {
	property = slices.IndexFunc(e.props, func(p Property) bool { return p.Kind == NoCycle })
	if property < 0 || g.left {
		return property, nil
	}
	set = make([]uint64, (g.n+63)/64)
	for to := range g.n {
		from := g.rec.parents.at(to)
		if from != noParent && g.rec.steps.at(to)&stepProgress != 0 && index[from] == index[to] {
			set[from>>6] |= 1 << (from & 63)
		}
	}
	for from := range g.n {
		if g.interrupted() {
			return property, nil
		}
		for data := g.edges.of(from); len(data) > 0; {
			var to uint32
			var progress bool
			to, progress, data = nextEdge(from, data)
			if progress && to < g.n && index[from] == index[to] {
				set[from>>6] |= 1 << (from & 63)
			}
		}
	}
	return property, set
}
