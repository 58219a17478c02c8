package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"nexarsim/checker/trace"
)

// maxFound bounds how many violations of one property are kept: the first of each set of nodes, until there are so many.
const maxFound = 8

// findings collects violations while a run is judged. It allocates only when there is one.
type findings struct {
	list []trace.Violation
}

func (f *findings) reset() { f.list = f.list[:0] }

func (f *findings) copyFrom(o *findings) { f.list = append(f.list[:0], o.list...) }

// has reports whether a property was broken.
func (f *findings) has(property string) bool {
	for i := range f.list {
		if f.list[i].Property == property {
			return true
		}
	}
	return false
}

// by keeps a violation by one node.
func (f *findings) by(property string, t int64, node int, format string, args ...any) {
	f.add(property, t, []int{node}, format, args...)
}

// between keeps one that concerns two.
func (f *findings) between(property string, t int64, a, b int, format string, args ...any) {
	f.add(property, t, []int{a, b}, format, args...)
}

// add keeps a violation, unless the same nodes broke the same property before: of two the earlier in time is kept, and
// some are found later than others that happened after them.
func (f *findings) add(property string, t int64, nodes []int, format string, args ...any) {
	nodes = slices.Clone(nodes)
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	same, count := -1, 0
	for i := range f.list {
		if f.list[i].Property != property {
			continue
		}
		if count++; slices.Equal(f.list[i].Nodes, nodes) {
			same = i
		}
	}
	if same < 0 && count >= maxFound || same >= 0 && f.list[same].T <= t {
		return
	}
	v := trace.Violation{Property: property, T: t, Nodes: nodes, Why: fmt.Sprintf(format, args...)}
	if same >= 0 {
		f.list[same] = v
		return
	}
	f.list = append(f.list, v)
}

// sorted gives the violations by time, then property, then as they were found.
func (f *findings) sorted() []trace.Violation {
	if len(f.list) == 0 {
		return nil
	}
	out := slices.Clone(f.list)
	slices.SortStableFunc(out, func(a, b trace.Violation) int {
		return cmp.Or(cmp.Compare(a.T, b.T), cmp.Compare(rank(a.Property), rank(b.Property)))
	})
	return out
}

// show writes a list of numbers for a sentence; long ones are cut.
func show(xs []int) string {
	const shown = 16
	var b strings.Builder
	b.WriteByte('[')
	for i, x := range xs {
		if i == shown {
			fmt.Fprintf(&b, " .. %d more", len(xs)-shown)
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, x)
	}
	b.WriteByte(']')
	return b.String()
}

// nodesText chooses between "node 1" and "nodes 1 and 2".
func nodesText(nodes []int) string {
	switch len(nodes) {
	case 1:
		return fmt.Sprintf("node %d", nodes[0])
	case 2:
		return fmt.Sprintf("nodes %d and %d", nodes[0], nodes[1])
	}
	return "nodes " + show(nodes)
}

// span64 writes a time or a duration.
func span64(ns int64) string { return time.Duration(ns).String() }
