package checker

import (
	"cmp"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/anishathalye/porcupine"

	"nexarsim/checker/trace"
)

// Linearizability: the reads and writes of the group's one register look as if each had happened at one instant between its
// start and its end (Herlihy, Wing, "Linearizability: A Correctness Condition for Concurrent Objects", 1990). A call that
// ended with an error, or not at all, may have happened at any time after its start, or never.
//
// The search is porcupine's. It is exponential at worst, so the history is cut where no call runs, and a search that takes
// too many steps is left undecided: a number of steps, not a time, so that a verdict does not depend on the machine. What
// a piece can leave in the register is what the next one may find there.

const (
	pieceMin   = 32        // calls before a cut is looked for
	pieceMax   = 2000      // calls of a piece
	searchMax  = 200_000   // steps of one search
	searchesOf = 2_000_000 // steps of all searches of a run
)

// access is a read or a write of the register.
type access struct {
	node      int
	n         uint64
	write     bool
	ended     bool // without an error
	value     answer
	call, ret int64 // ret: forever, unless it ended
}

const forever = math.MaxInt64

// linearFold keeps the history until its end.
type linearFold struct {
	all []access
}

func (f *linearFold) reset() { f.all = f.all[:0] }

func (f *linearFold) copyFrom(o *linearFold) { f.all = append(f.all[:0], o.all...) }

// take adds a line of a read or a write.
func (f *linearFold) take(ev *trace.Event) {
	c := ev.Call
	write := c.Op == "write"
	if !write && c.Op != "read" {
		return
	}
	if c.Phase == "start" {
		a := access{node: ev.Node, n: c.N, write: write, call: ev.T, ret: forever}
		if write {
			a.value = answerOf(c.Value)
		}
		f.all = append(f.all, a)
		return
	}
	for i := len(f.all) - 1; i >= 0; i-- {
		a := &f.all[i]
		if a.node != ev.Node || a.n != c.N || a.write != write {
			continue
		}
		if a.ret == forever && !a.ended && c.Error == "" {
			a.ended, a.ret = true, ev.T
			if !write {
				a.value = answerOf(c.Value)
			}
		}
		return
	}
}

// appendState writes each call in the order of its start, and before how many starts it had ended.
func (f *linearFold) appendState(buf []byte) []byte {
	buf = appendUint(buf, uint64(len(f.all)))
	for i := range f.all {
		a := &f.all[i]
		after := len(f.all)
		if a.ended {
			after = 0
			for k := range f.all {
				if f.all[k].call <= a.ret {
					after++
				}
			}
		}
		buf = append(buf, byte(flag(a.write)|flag(a.ended)<<1|flag(a.value.whole)<<2))
		buf = appendUint(appendUint(appendUint(buf, uint64(after)), a.value.number), a.n)
		buf = appendUint(buf, uint64(a.node))
	}
	return buf
}

// finish judges the history.
func (f *linearFold) finish(out *outcome) {
	if !slices.ContainsFunc(f.all, func(a access) bool { return a.ended && !a.write }) {
		return // nobody has seen anything
	}
	s := search{left: searchesOf}
	switch bad, of := s.judge(f.bounded()); {
	case s.tired:
		out.undecided(Linearizability, "the calls of the register overlap too much to try every order within %d steps", searchesOf)
	case bad != nil:
		s.explain(bad, of, out)
	}
}

// bounded is the calls that matter, by start. A read without an end says nothing. A write of which nobody knows whether it
// happened says nothing if nobody has read it, and happened before the end of the first read that did otherwise. That
// needs values to be written once; the others stay open.
func (f *linearFold) bounded() []access {
	writes, read := map[answer]int{}, map[answer]int64{}
	for i := range f.all {
		a := &f.all[i]
		if a.write {
			writes[a.value]++
		} else if a.ended {
			if first, ok := read[a.value]; !ok || a.ret < first {
				read[a.value] = a.ret
			}
		}
	}
	var calls []access
	for _, a := range f.all {
		if !a.ended {
			first, ok := read[a.value]
			if !a.write || !ok && writes[a.value] == 1 {
				continue
			}
			if writes[a.value] == 1 {
				a.ret = max(first, a.call)
			}
		}
		calls = append(calls, a)
	}
	slices.SortStableFunc(calls, func(a, b access) int { return cmp.Or(cmp.Compare(a.call, b.call), cmp.Compare(a.ret, b.ret)) })
	return calls
}

// search is a judgement in progress.
type search struct {
	left  int // steps of all searches
	tired bool
}

// judge goes through the history piece by piece. It gives the piece that no order explains, and what the register may have
// held before it.
func (s *search) judge(calls []access) (bad []access, before []answer) {
	states := []answer{{number: 0, whole: true}} // as it is made
	for len(calls) > 0 && !s.tired {
		n := cut(calls)
		if n > pieceMax {
			s.tired = true
			return nil, nil
		}
		after := s.leaves(calls[:n], states)
		if len(after) == 0 && !s.tired {
			return calls[:n], states
		}
		states, calls = after, calls[n:]
	}
	return nil, nil
}

// cut is how many calls come before the first moment, after enough of them, at which none runs.
func cut(calls []access) int {
	last := int64(never)
	for i := range calls {
		if i >= pieceMin && last < calls[i].call {
			return i
		}
		last = max(last, calls[i].ret)
	}
	return len(calls)
}

// leaves is what the register may hold after a piece; nothing if no order explains the piece.
func (s *search) leaves(piece []access, states []answer) (after []answer) {
	last := lastWrites(piece)
	for _, state := range states {
		if len(last) == 0 {
			if s.explains(piece, state, nil) {
				after = append(after, state)
			}
			continue
		}
		for i := range last {
			if !slices.Contains(after, last[i]) && s.explains(piece, state, &last[i]) {
				after = append(after, last[i])
			}
		}
	}
	return after
}

// lastWrites is the values of the writes that may be a piece's last one: none began after their end.
func lastWrites(piece []access) (values []answer) {
	begun := int64(never)
	for i := range piece {
		if piece[i].write {
			begun = max(begun, piece[i].call)
		}
	}
	for i := range piece {
		if a := &piece[i]; a.write && a.ret >= begun && !slices.Contains(values, a.value) {
			values = append(values, a.value)
		}
	}
	return values
}

// request is what porcupine's model is given: a call, and for a read its value.
type request struct {
	write bool
	value answer
}

// model is a register that counts how often it was asked, and says no to everything once it is tired.
func (s *search) model(init answer) porcupine.Model {
	steps := 0
	return porcupine.Model{
		Init: func() any { return init },
		Step: func(state, input, output any) (bool, any) {
			if steps++; steps > searchMax || s.left <= 0 {
				s.tired = true
				return false, state
			}
			s.left--
			in := input.(request)
			if in.write {
				return true, in.value
			}
			return output.(answer) == state.(answer), state
		},
		Hash: func(state any) uint64 { return state.(answer).number },
		DescribeOperation: func(input, output any) string {
			if in := input.(request); in.write {
				return "write " + in.value.text()
			}
			return "read " + output.(answer).text()
		},
		DescribeState: func(state any) string { return state.(answer).text() },
	}
}

func (a answer) text() string {
	if a.whole {
		return strconv.FormatInt(int64(a.number), 10)
	}
	return "#" + strconv.FormatUint(a.number, 16)
}

// history is a piece as porcupine reads it, with a read of what it is to end with.
func history(piece []access, end *answer) []porcupine.Operation {
	ops := make([]porcupine.Operation, 0, len(piece)+1)
	last := int64(0)
	for i := range piece {
		a := &piece[i]
		ops = append(ops, porcupine.Operation{ClientId: a.node, Input: request{a.write, a.value}, Output: a.value, Call: a.call, Return: a.ret})
		last = max(last, a.call, a.ret)
	}
	if end != nil {
		last = min(last, forever-1)
		ops = append(ops, porcupine.Operation{Input: request{}, Output: *end, Call: last + 1, Return: last + 1})
	}
	return ops
}

// explains reports whether some order of a piece's calls explains it, from a state and to an end.
func (s *search) explains(piece []access, from answer, end *answer) bool {
	return !s.tired && porcupine.CheckOperations(s.model(from), history(piece, end))
}

// explain names the call of a piece by whose end no order was left.
func (s *search) explain(piece []access, states []answer, out *outcome) {
	ends := slices.Clone(piece)
	slices.SortStableFunc(ends, func(a, b access) int { return cmp.Compare(a.ret, b.ret) })
	i, _ := slices.BinarySearchFunc(ends, true, func(a access, _ bool) int {
		if s.possible(piece, states, a.ret) {
			return -1
		}
		return 1
	})
	a := &ends[min(i, len(ends)-1)]
	const format = "no order of the calls explains that node %d's %s %d, from %s to %s, gave %s"
	w := before(piece, a)
	if w == nil {
		out.by(Linearizability, a.ret, a.node, format, a.node, a.name(), a.n, span64(a.call), span64(a.ret), a.value.text())
		return
	}
	out.between(Linearizability, a.ret, w.node, a.node, format+": node %d's write %d of %s had ended at %s",
		a.node, a.name(), a.n, span64(a.call), span64(a.ret), a.value.text(), w.node, w.n, w.value.text(), span64(w.ret))
}

func (a *access) name() string {
	if a.write {
		return "write"
	}
	return "read"
}

// possible reports whether an order explains what had happened of a piece by a moment: calls that ran then may have
// happened or not.
func (s *search) possible(piece []access, states []answer, t int64) bool {
	var part []access
	for _, a := range piece {
		switch {
		case a.call > t || a.ret > t && !a.write:
			continue
		case a.ret > t:
			a.ret = forever
		}
		part = append(part, a)
	}
	return slices.ContainsFunc(states, func(state answer) bool { return s.explains(part, state, nil) })
}

// before is the last write that had ended when a call began; nil if there is none.
func before(piece []access, a *access) (w *access) {
	for i := range piece {
		if p := &piece[i]; p.write && p.ended && p.ret < a.call && p.value != a.value && (w == nil || p.ret > w.ret) {
			w = p
		}
	}
	return w
}

// Picture writes porcupine's picture of the calls that no order explains: an HTML page of its own. False if there are none.
func (j *Judge) Picture(to io.Writer) (bool, error) {
	s := search{left: searchesOf}
	piece, states := s.judge(j.linear.bounded())
	if piece == nil || s.tired {
		return false, nil
	}
	m := s.model(states[0])
	_, info := porcupine.CheckOperationsVerbose(m, history(piece, nil), 0)
	return true, porcupine.Visualize(m, info, to)
}
