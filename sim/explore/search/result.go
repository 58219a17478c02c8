package search

import (
	"context"
	"fmt"
	"slices"
	"sort"
)

// result sums up. A search that was stopped judges what never leaves the states that it has expanded; one that is
// interrupted, whenever that is, does not look for cycles any more.
func (e *engine[S]) result(ctx context.Context, stopped Stopped) (*Result, error) {
	r := &Result{
		States: uint64(e.states.Load()), Transitions: uint64(e.transitions.Load()), Depth: e.depth, Stopped: stopped, Bits: 128,
	}
	if e.opts.Narrow {
		r.Bits = 64
	}
	r.Bytes = e.table.bytes() + uint64(e.rec.parents.n)*6 + e.rec.owed.bytes() + e.edges.bytes() + e.peak
	if e.graph {
		bytes, judged := e.judgeCycles(ctx)
		if r.Bytes += bytes; !judged {
			r.Stopped, r.Unjudged = ByInterrupt, true
		}
	}
	for i := range e.found {
		f := &e.found[i]
		if f.States == 0 || f.Property.Kind == Sometimes {
			continue
		}
		f.Path = e.pathTo(e.first[i])
		f.Steps = len(f.Path.Steps)
		if f.Property.Kind == NoCycle {
			if err := e.closeCycle(ctx, f); err != nil {
				return nil, err
			}
			if f.Open {
				r.Stopped = ByInterrupt
			}
		}
	}
	r.Found = e.found
	return r, nil
}

// depthOf gives the level of a state.
func (e *engine[S]) depthOf(state uint32) int {
	return sort.Search(len(e.starts), func(i int) bool { return e.starts[i] > state }) - 1
}

// pathTo gives the steps that lead to a state.
func (e *engine[S]) pathTo(state uint32) Path {
	steps := make([]int, 0, e.depthOf(state))
	for {
		parent, step := e.rec.parents.at(state), int(e.rec.steps.at(state)&stepMask)
		if parent == noParent {
			slices.Reverse(steps)
			return Path{Initial: step, Steps: steps}
		}
		steps = append(steps, step)
		state = parent
	}
}

// Walk gives the states that a path goes through, the initial one first. It ends with the context's error if that ends.
func Walk[S any](ctx context.Context, sys System[S], p Path) ([]S, error) {
	initial := sys.Initial()
	if p.Initial >= len(initial) {
		return nil, fmt.Errorf("search: the path begins in initial state %d of %d", p.Initial, len(initial))
	}
	states := []S{initial[p.Initial]}
	for i, step := range p.Steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		next := sys.Successors(&states[i], nil)
		if step >= len(next) {
			return nil, fmt.Errorf("search: step %d of the path is number %d of %d", i+1, step, len(next))
		}
		states = append(states, next[step].State)
	}
	return states, nil
}

// closeCycle completes the path to a state with a repeated step: the step that makes progress, and the shortest way of
// free steps back to the state.
func (e *engine[S]) closeCycle(ctx context.Context, f *Found) error {
	w := e.workers[0]
	states, err := Walk(ctx, w.sys, f.Path)
	if f.Open = ctx.Err() != nil; f.Open {
		return nil
	}
	if err != nil {
		return err
	}
	start := states[len(states)-1]
	goal := w.fingerprint(&start)
	home, _ := e.componentOf(goal)
	best := []int(nil)
	for step, next := range w.sys.Successors(&start, nil) {
		if !next.Free || !next.Progress {
			continue
		}
		if back, ok := w.back(ctx, next.State, goal, home); ok && (best == nil || len(back)+1 < len(best)) {
			best = append([]int{step}, back...)
		}
	}
	if f.Open = ctx.Err() != nil; f.Open {
		return nil
	}
	if best == nil {
		return fmt.Errorf("search: the cycle of %s does not close", f.Property.Name)
	}
	f.Path.Steps = append(f.Path.Steps, best...)
	f.Steps = len(f.Path.Steps)
	return nil
}

// componentOf gives the component of a state that was expanded.
func (e *engine[S]) componentOf(fp fingerprint) (uint32, bool) {
	state, ok := e.table.lookup(fp)
	if !ok {
		return 0, false
	}
	return e.cycles.of(state)
}

// back finds the shortest way of free steps to a state, within its component: no way back leaves that.
func (w *worker[S]) back(ctx context.Context, from S, goal fingerprint, home uint32) ([]int, bool) {
	type node struct {
		state S
		up    int
		step  int
	}
	queue := []node{{from, -1, 0}}
	seen := map[fingerprint]bool{w.fingerprint(&from): true}
	for at := 0; at < len(queue) && ctx.Err() == nil; at++ {
		if w.fingerprint(&queue[at].state) == goal {
			var steps []int
			for i := at; queue[i].up >= 0; i = queue[i].up {
				steps = append(steps, queue[i].step)
			}
			slices.Reverse(steps)
			return steps, true
		}
		for step, next := range w.sys.Successors(&queue[at].state, nil) {
			if fp := w.fingerprint(&next.State); next.Free && !seen[fp] {
				seen[fp] = true
				if in, ok := w.engine.componentOf(fp); !ok || in != home {
					continue
				}
				queue = append(queue, node{next.State, at, step})
			}
		}
	}
	return nil, false
}
