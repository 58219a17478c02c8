package checker

import (
	"slices"

	"nexarsim/checker/trace"
)

// act is an act of the environment in force, its description flattened into words so that equal acts are equal lists.
type act struct {
	kind  trace.Kind // that began it
	words []int64
}

// flatten describes an act: what its end has to repeat.
func flatten(words []int64, kind trace.Kind, a *trace.Act) []int64 {
	words = words[:0]
	switch kind {
	case trace.Partition:
		for _, g := range a.Groups {
			words = append(words, int64(len(g)))
			words = appendNodes(words, g)
		}
	case trace.Cut:
		words = appendLinks(words, a.Links)
	case trace.Slow:
		words = appendNodes(append(words, a.By), a.Nodes)
	case trace.Loss, trace.Duplicate:
		words = appendLinks(append(words, a.Rate), a.Links)
	case trace.Skew:
		for _, s := range a.Skew {
			words = append(words, int64(s.Node), s.Rate, s.Step)
		}
	default: // trace.Hold
		words = appendNodes(words, a.Nodes)
	}
	return words
}

func appendNodes(words []int64, nodes []int) []int64 {
	for _, n := range nodes {
		words = append(words, int64(n))
	}
	return words
}

func appendLinks(words []int64, links []trace.Link) []int64 {
	for _, l := range links {
		words = append(words, int64(l.From), int64(l.To))
	}
	return words
}

// beginning gives the kind whose end this kind is, KindInvalid if it is no end of an act that lasts.
func beginning(end trace.Kind, a *trace.Act) trace.Kind {
	switch end {
	case trace.Heal:
		if len(a.Links) > 0 {
			return trace.Cut
		}
		return trace.Partition
	case trace.SlowEnd:
		return trace.Slow
	case trace.LossEnd:
		return trace.Loss
	case trace.DuplicateEnd:
		return trace.Duplicate
	case trace.SkewEnd:
		return trace.Skew
	case trace.HoldEnd:
		return trace.Hold
	}
	return trace.KindInvalid
}

// lasts reports whether an act of this kind stays in force until an end names it.
func lasts(k trace.Kind) bool {
	switch k {
	case trace.Partition, trace.Cut, trace.Slow, trace.Loss, trace.Duplicate, trace.Skew, trace.Hold:
		return true
	}
	return false
}

// beginAct puts an act in force. The list is kept in order of kind and words: what is in force matters, not since when.
func (w *world) beginAct(kind trace.Kind, a *trace.Act) {
	w.touch(kind)
	w.countActs(kind, a, 1)
	n := len(w.acts)
	w.putAct(n, kind, nil)
	last := &w.acts[n]
	last.words = flatten(last.words, kind, a)
	for i := n; i > 0 && compareActs(&w.acts[i], &w.acts[i-1]) < 0; i-- {
		w.acts[i], w.acts[i-1] = w.acts[i-1], w.acts[i]
	}
}

// putAct appends an act, in memory of an earlier one.
func (w *world) putAct(n int, kind trace.Kind, words []int64) {
	w.acts = slices.Grow(w.acts, 1)[:n+1]
	w.acts[n].kind = kind
	w.acts[n].words = append(w.acts[n].words[:0], words...)
}

func compareActs(a, b *act) int {
	if a.kind != b.kind {
		return int(a.kind) - int(b.kind)
	}
	return slices.Compare(a.words, b.words)
}

// endAct ends the act that the end names; false if none such is in force.
func (w *world) endAct(kind trace.Kind, a *trace.Act) bool {
	began := beginning(kind, a)
	n := len(w.acts)
	w.putAct(n, began, nil) // the description, for comparison
	w.acts[n].words = flatten(w.acts[n].words, began, a)
	at := 0
	for at < n && compareActs(&w.acts[at], &w.acts[n]) != 0 {
		at++
	}
	w.acts = w.acts[:n]
	if at == n {
		return false
	}
	w.touch(began)
	w.countActs(began, a, -1)
	for i := at; i < n-1; i++ {
		w.acts[i], w.acts[i+1] = w.acts[i+1], w.acts[i]
	}
	w.acts = w.acts[:n-1]
	return true
}

func (w *world) touch(kind trace.Kind) {
	w.lastAct = w.now
	switch kind {
	case trace.Partition, trace.Cut, trace.Loss, trace.Slow, trace.Skew:
		w.linkAct = w.now
	}
}

// countActs keeps for each node how many acts of a kind are on it.
func (w *world) countActs(kind trace.Kind, a *trace.Act, by int) {
	switch kind {
	case trace.Skew:
		for _, s := range a.Skew {
			w.nodes[s.Node].skewed += by
		}
	case trace.Hold:
		for _, n := range a.Nodes {
			w.nodes[n].held += by
		}
	}
}

// open reports whether a link is open in every act in force.
func (w *world) open(from, to int) bool {
	for i := range w.acts {
		switch a := &w.acts[i]; a.kind {
		case trace.Partition:
			if f, t := groupOf(a.words, from), groupOf(a.words, to); f >= 0 && t >= 0 && f != t {
				return false
			}
		case trace.Cut:
			if hasLink(a.words, from, to) {
				return false
			}
		}
	}
	return true
}

// groupOf gives a node's group in a flattened partition, -1 if it is in none and so connected to everybody.
func groupOf(words []int64, n int) int {
	for g := 0; len(words) > 0; g++ {
		size := words[0]
		if slices.Contains(words[1:1+size], int64(n)) {
			return g
		}
		words = words[1+size:]
	}
	return -1
}

func hasLink(words []int64, from, to int) bool {
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] == int64(from) && words[i+1] == int64(to) {
			return true
		}
	}
	return false
}

// disturbs reports whether an act of this kind can keep messages from flowing.
func disturbs(k trace.Kind) bool {
	switch k {
	case trace.Partition, trace.Cut, trace.Loss, trace.Slow, trace.Skew:
		return true
	}
	return false
}

// flows reports whether messages from one node reach another within a bound: the link is open, loses no more than a
// tenth (its own loss and that of the acts on it together), and is not slowed, nor a clock at its ends bent, beyond what
// the recovery timeout leaves room for.
func (w *world) flows(from, to int, loss, recoveryTimeout int64) bool {
	if !w.open(from, to) {
		return false
	}
	for i := range w.acts {
		switch a := &w.acts[i]; a.kind {
		case trace.Loss:
			if len(a.words) == 1 || hasLink(a.words[1:], from, to) {
				loss += a.words[0]
			}
		case trace.Slow:
			if a.words[0] > recoveryTimeout/slowShare && (slices.Contains(a.words[1:], int64(from)) || slices.Contains(a.words[1:], int64(to))) {
				return false
			}
		case trace.Skew:
			for i := 0; i < len(a.words); i += 3 {
				if n := a.words[i]; (n == int64(from) || n == int64(to)) && (a.words[i+1] < rateMin || a.words[i+1] > rateMax) {
					return false
				}
			}
		}
	}
	return loss <= lossMax
}

// A clock between half and twice its speed still measures timeouts well enough to owe a recovery.
const (
	rateMin = 500_000_000
	rateMax = 2_000_000_000
)
