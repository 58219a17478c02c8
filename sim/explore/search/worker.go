package search

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// worker expands parts of a level.
type worker[S any] struct {
	engine *engine[S]
	sys    System[S]
	short  Fingerprinter[S] // the same system, if it is one
	narrow bool
	buf    []byte

	out      []Successor[S] // what follows the states of a batch
	arrivals []arrival      // of each
	lists    []uint32       // places in out, by shard
	steps    []uint32       // of a state, in the graph

	level     int64 // transitions of the present level
	levelSeen [MaxProperties]uint64
}

// batchSize is how many steps are collected, at least, before they are looked up; unless a chunk ends before.
const batchSize = 2048

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
	if w.short != nil {
		if lo, hi, ok := w.short.Fingerprint(s); ok {
			if w.narrow {
				hi = 0
			}
			return fingerprint{lo, hi}
		}
	}
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
		w.expand(&chunks[i], i)
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
func (w *worker[S]) expand(c *chunk, i int) {
	e := w.engine
	from, to := e.bounds(i)
	*c = chunk{from: from, to: c.to[:0], flags: c.flags[:0], ends: c.ends[:0], marks: c.marks[:0]}
	defer func() {
		if p := recover(); p != nil {
			c.err = fmt.Errorf("search: the system failed in a state %d steps from its beginning: %v", e.depth, p)
		}
	}()
	w.out = w.out[:0]
	var added int64
	first := 0 // state of the batch
	for number := from; number < to; number++ {
		s := e.at(number)
		marks := w.sys.Marks(s)
		c.marks = append(c.marks, marks.Bits)
		c.any |= marks.Bits
		if !marks.Stop {
			w.follow(s)
		}
		c.ends = append(c.ends, uint32(len(c.to)+len(w.out)))
		if len(w.out) >= batchSize {
			added += w.insert(c, first)
			first = len(c.ends)
		}
	}
	added += w.insert(c, first)
	w.level += int64(len(c.to))
	e.transitions.Add(int64(len(c.to)))
	e.expanded.Add(int64(to - from))
	if e.states.Add(added) > int64(e.opts.MaxStates) {
		e.full.Store(true)
	}
}

// follow takes the steps that one state allows.
func (w *worker[S]) follow(s *S) {
	before := len(w.out)
	w.out = w.sys.Successors(s, w.out)
	if n := len(w.out) - before; n > stepMax {
		panic(fmt.Sprintf("%d steps are possible: at most %d", n, stepMax))
	}
}

// insert looks up where the steps of a batch lead, which a chunk's states from the given one on allow. What one shard has
// is looked up together.
func (w *worker[S]) insert(c *chunk, first int) (added int64) {
	e := w.engine
	var starts [shardCount + 1]uint32
	w.arrive(c, first, &starts)
	begin := len(c.to)
	c.to = append(c.to, make([]target, len(w.out))...)
	for i := range w.out {
		c.flags = append(c.flags, w.flags(&w.out[i]))
	}
	w.sort(&starts)
	for in := range shardCount {
		if list := w.lists[starts[in]:starts[in+1]]; len(list) > 0 {
			added += int64(e.table.insert(in, list, w.arrivals, w.out, c.to[begin:], c.flags[begin:]))
		}
	}
	w.out = w.out[:0]
	return added
}

// arrive notes where each step of a batch leads, and counts those of each shard.
func (w *worker[S]) arrive(c *chunk, first int, starts *[shardCount + 1]uint32) {
	w.arrivals = w.arrivals[:0]
	i, offset := 0, uint32(len(c.to))
	for j, end := range c.ends[first:] {
		for begin := i; i < int(end-offset); i++ {
			fp := w.fingerprint(&w.out[i].State)
			w.arrivals = append(w.arrivals, arrival{fp, c.from + uint32(first+j), uint16(i - begin)})
			starts[shardOf(fp)+1]++
		}
	}
}

// flags takes note of what a step is and shows.
func (w *worker[S]) flags(next *Successor[S]) (flags uint8) {
	for seen := next.Seen; seen != 0; seen &= seen - 1 {
		w.levelSeen[bits.TrailingZeros32(seen)]++
	}
	if next.Free && w.engine.graph {
		flags = stepFree
		if next.Progress {
			flags |= stepProgress
		}
	}
	return flags
}

// sort lists the arrivals by shard, in their order.
func (w *worker[S]) sort(starts *[shardCount + 1]uint32) {
	for in := range shardCount {
		starts[in+1] += starts[in]
	}
	w.lists = slices.Grow(w.lists[:0], len(w.arrivals))[:len(w.arrivals)]
	at := *starts
	for i := range w.arrivals {
		in := shardOf(w.arrivals[i].fp)
		w.lists[at[in]] = uint32(i)
		at[in]++
	}
}

func sizeOf[T any](x T) uintptr { return unsafe.Sizeof(x) }
