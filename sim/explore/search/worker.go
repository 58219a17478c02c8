package search

import (
	"context"
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// worker expands parts of a level.
type worker[S any] struct {
	engine *engine[S]
	sys    System[S]
	narrow bool
	buf    []byte
	out    []Successor[S]

	level     int64 // transitions of the present level
	levelSeen [MaxProperties]uint64
}

// close takes what a level has shown into the result, now that the level is whole.
func (w *worker[S]) close() {
	for i, p := range w.engine.props {
		if p.Kind == Sometimes {
			w.engine.found[i].States += w.levelSeen[i]
		}
	}
	w.level, w.levelSeen = 0, [MaxProperties]uint64{}
}

func (w *worker[S]) fingerprint(s *S) fingerprint {
	w.buf = w.sys.AppendState(w.buf[:0], s)
	if w.narrow {
		return fingerprint{lo: xxh3.Hash(w.buf)}
	}
	h := xxh3.Hash128(w.buf)
	return fingerprint{h.Hi, h.Lo}
}

// work takes chunks until there are none left.
func (w *worker[S]) work(ctx context.Context, chunks []chunk) {
	e := w.engine
	for {
		i := int(e.next.Add(1)) - 1
		if i >= len(chunks) || e.full.Load() || ctx.Err() != nil {
			return
		}
		w.expand(&chunks[i], i*chunkSize)
		if chunks[i].err != nil {
			e.next.Store(int64(len(chunks)))
			return
		}
		if e.opts.Progress != nil && w == e.workers[0] {
			e.opts.Progress(Progress{
				States: uint64(e.states.Load()), Transitions: uint64(e.transitions.Load()), Depth: e.depth,
				Level: len(e.level), Expanded: int(e.expanded.Load()),
			})
		}
	}
}

// expand takes every step that the states of a chunk allow. A panic of the system is an error of its own, told with its
// state.
func (w *worker[S]) expand(c *chunk, from int) {
	e := w.engine
	*c = chunk{edges: c.edges[:0], ends: c.ends[:0], steps: c.steps[:0], marks: c.marks[:0]}
	defer func() {
		if p := recover(); p != nil {
			c.err = fmt.Errorf("search: the system failed in a state %d steps from its beginning: %v", e.depth, p)
		}
	}()
	to := min(from+chunkSize, len(e.level))
	var transitions, added int64
	for i := from; i < to; i++ {
		s := &e.level[i]
		marks := w.sys.Marks(s)
		c.marks = append(c.marks, marks.Bits)
		if !marks.Stop {
			t, a := w.follow(c, s, e.base+uint32(i))
			transitions, added = transitions+t, added+a
		}
		c.ends = append(c.ends, len(c.edges))
	}
	w.level += transitions
	e.transitions.Add(transitions)
	e.expanded.Add(int64(to - from))
	if e.states.Add(added) > int64(e.opts.MaxStates) {
		e.full.Store(true)
	}
}

// follow takes the steps that one state allows.
func (w *worker[S]) follow(c *chunk, s *S, number uint32) (transitions, added int64) {
	e := w.engine
	w.out = w.sys.Successors(s, w.out[:0])
	if len(w.out) > stepMax {
		panic(fmt.Sprintf("%d steps are possible: at most %d", len(w.out), stepMax))
	}
	for step := range w.out {
		next := &w.out[step]
		g, isNew := e.table.insert(w.fingerprint(&next.State), number, uint16(step), &next.State)
		if isNew {
			added++
		}
		for seen := next.Seen; seen != 0; seen &= seen - 1 {
			w.levelSeen[bits.TrailingZeros32(seen)]++
		}
		if e.graph && next.Free {
			if next.Progress {
				g |= edgeProgress
			}
			c.edges, c.steps = append(c.edges, g), append(c.steps, uint16(step))
		}
	}
	return int64(len(w.out)), added
}

func sizeOf[T any](x T) uintptr { return unsafe.Sizeof(x) }
