package search

import (
	"slices"
	"sync"
	"sync/atomic"
)

// settle numbers the states that the last expansion has found, by parent and step, and makes them the level to expand. The
// chunk of a state's parent numbers it: once it is known how many each chunk has, all chunks can be numbered side by side.
func (e *engine[S]) settle() {
	chunks := e.chunks[:max(e.count(), 1)] // one has the initial states
	e.share(len(chunks), func(_ *worker[S], i int) { e.own(&chunks[i]) })
	base, total := uint32(e.rec.parents.n), uint32(0)
	for i := range chunks {
		own := chunks[i].own
		chunks[i].own = total
		total += own
	}
	e.measure(chunks, int(total))
	e.rec.parents.extend(int(total))
	e.rec.steps.extend(int(total))
	for i := range e.table.shards {
		s := &e.table.shards[i]
		s.final = slices.Grow(s.final[:0], len(s.fresh))[:len(s.fresh)]
	}
	next := slices.Grow(e.spare[:0], int(total))[:total]
	e.share(len(chunks), func(_ *worker[S], i int) { e.assign(&chunks[i], base, next) })
	linked := 0
	if e.graph && e.depth > 0 {
		linked = len(chunks)
		e.edges.extend(uint32(len(e.level)))
		e.rec.owed.extend(int(e.edges.n))
	}
	e.share(linked+shardCount, func(w *worker[S], i int) {
		if i < linked {
			e.link(w, &chunks[i])
		} else {
			e.table.settle(&e.table.shards[i-linked])
		}
	})
	e.spare, e.level, e.base = e.level, next, base
	if total > 0 {
		e.starts = append(e.starts, base)
	}
}

// share has the workers do what is independent of each other, from 0 to n-1: groups of a level, or the table's shards beside
// them. A single group is not worth it.
func (e *engine[S]) share(n int, do func(w *worker[S], i int)) {
	if len(e.workers) == 1 || n <= shardCount+1 && len(e.level) <= groupSize {
		for i := range n {
			do(e.workers[0], i)
		}
		return
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for _, w := range e.workers {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(w, i)
			}
		})
	}
	wait.Wait()
}

// eachStep visits the steps of a chunk whose flags have a bit, with the state that each leads from and its number there.
func (c *chunk) eachStep(flag uint8, visit func(i int, from uint32, step uint16)) {
	i := uint32(0)
	for j, end := range c.ends {
		for begin := i; i < end; i++ {
			if c.flags[i]&flag != 0 {
				visit(int(i), c.from+uint32(j), uint16(i-begin))
			}
		}
	}
}

// own finds the steps of a chunk that new states are reached by.
func (e *engine[S]) own(c *chunk) {
	c.own = 0
	c.eachStep(stepFirst, func(i int, from uint32, step uint16) {
		in, at, _ := c.to[i].place()
		if f := &e.table.shards[in].fresh[at]; f.parent == from && f.step == step {
			c.flags[i] |= stepOwn
			c.own++
		}
	})
}

// assign numbers a chunk's new states.
func (e *engine[S]) assign(c *chunk, base uint32, next []target) {
	place := c.own
	c.eachStep(stepOwn, func(i int, from uint32, step uint16) {
		in, at, _ := c.to[i].place()
		number := base + place
		e.table.shards[in].final[at] = number
		e.rec.parents.set(number, from)
		e.rec.steps.set(number, step|uint16(c.flags[i]&stepFree)<<freeShift|uint16(c.flags[i]&stepProgress)<<progressShift)
		next[place] = c.to[i]
		place++
	})
}

// link stores the free edges of a chunk of the level that was expanded, now that all of their ends have numbers, and what
// its states owe.
func (e *engine[S]) link(w *worker[S], c *chunk) {
	page := &e.edges.pages[c.from>>groupBits]
	w.buf = w.buf[:0]
	i := uint32(0)
	for j, end := range c.ends {
		from := c.from + uint32(j)
		for ; i < end; i++ {
			if c.flags[i]&(stepFree|stepOwn) == stepFree {
				w.buf = appendEdge(w.buf, from, e.table.number(c.to[i]), c.flags[i]&stepProgress != 0)
			}
		}
		page.ends = append(page.ends, uint32(len(page.data)+len(w.buf)))
		e.rec.owed.set(from, c.marks[j])
	}
	page.data = append(page.data, w.buf...)
}

// measure notes the memory of the level that was expanded and the one that was found.
func (e *engine[S]) measure(chunks []chunk, found int) {
	var zero S
	state, steps := uint64(sizeOf(zero)), 0
	for i := range chunks {
		steps += len(chunks[i].to)
	}
	e.peak = max(e.peak, uint64(len(e.level))*(state+4)+uint64(found)*(state+uint64(sizeOf(fresh{}))+8)+5*uint64(steps))
}
