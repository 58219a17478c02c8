package checker

import (
	"math/bits"
	"slices"

	"nexarsim/checker/trace"
)

// Calm is where nothing gives a collective call of a view's members a reason to fail: no member is suspected by any node
// that runs, crashed, paused, ended, told to shut down, held by its application or on a wrong clock; none of them installs
// a view; the links among them are open, unslowed, and lose at most a tenth; and what an act leaves behind (messages on
// their way, connections that open again) is over. Only calm is owed a success. A network whose delays leave no room for
// a message or two from each member to each in half the time that a call has is never calm.

// tripsPerMember is how many of the longest delays a call may need for each member.
const tripsPerMember = 4

// size gives how many members that exist a view has.
func (w *world) size(v viewID) int {
	n := 0
	for _, word := range w.memberBits(v) {
		n += bits.OnesCount64(word)
	}
	return n
}

// calm reports whether all is calm among the members of a view, as far as it shows now.
func (w *world) calm(set *settings, v viewID) bool {
	if size := w.size(v); size > 1 && set.LatencyMax > spreadMax/int64(tripsPerMember*size) {
		return false
	}
	for k, word := range w.memberBits(v) {
		for ; word != 0; word &= word - 1 {
			n := &w.nodes[k<<6+bits.TrailingZeros64(word)]
			if !n.runs() || n.paused || n.leaving || n.held > 0 || n.skewed > 0 {
				return false
			}
		}
	}
	return !w.accused(v) && !w.disturbed(set, v)
}

// runs reports whether a node's orchestrator is there.
func (n *node) runs() bool { return !n.crashed && !n.ended && !n.panicked }

// accused reports whether a node that runs suspects a member of a view, other than itself.
func (w *world) accused(v viewID) bool {
	if !w.doubted {
		return false
	}
	members := w.memberBits(v)
	for by := range w.nodes {
		if !w.nodes[by].runs() {
			continue
		}
		for k, word := range w.row(by) {
			word &= members[k]
			if k == by>>6 {
				word &^= 1 << (by & 63)
			}
			if word != 0 {
				return true
			}
		}
	}
	return false
}

// disturbed reports whether an act in force, or the network itself, keeps messages among the members of a view from
// flowing as they should.
func (w *world) disturbed(set *settings, v viewID) bool {
	if w.size(v) < 2 {
		return false
	}
	everywhere := set.Loss
	for i := range w.acts {
		switch a := &w.acts[i]; a.kind {
		case trace.Partition:
			if w.separates(a.words, v) {
				return true
			}
		case trace.Cut:
			if w.joins(a.words, v) {
				return true
			}
		case trace.Slow:
			if slices.ContainsFunc(a.words[1:], func(n int64) bool { return w.isMember(v, int(n)) }) {
				return true
			}
		case trace.Loss:
			if len(a.words) == 1 {
				everywhere += a.words[0]
			}
		}
	}
	return everywhere > lossMax || w.lossySomewhere(v, everywhere)
}

// separates reports whether a flattened partition parts members of a view from each other.
func (w *world) separates(words []int64, v viewID) bool {
	groups := 0
	for len(words) > 0 {
		group := words[1 : 1+words[0]]
		if slices.ContainsFunc(group, func(n int64) bool { return w.isMember(v, int(n)) }) {
			groups++
		}
		words = words[1+len(group):]
	}
	return groups > 1
}

// joins reports whether one of some flattened links leads from member to member.
func (w *world) joins(words []int64, v viewID) bool {
	for i := 0; i+1 < len(words); i += 2 {
		if w.isMember(v, int(words[i])) && w.isMember(v, int(words[i+1])) {
			return true
		}
	}
	return false
}

// lossySomewhere reports whether some link between members loses too much, given what all links lose.
func (w *world) lossySomewhere(v viewID, everywhere int64) bool {
	for i := range w.acts {
		a := &w.acts[i]
		if a.kind != trace.Loss {
			continue
		}
		for k := 1; k+1 < len(a.words); k += 2 {
			from, to := int(a.words[k]), int(a.words[k+1])
			if w.isMember(v, from) && w.isMember(v, to) && everywhere+w.lossOn(from, to) > lossMax {
				return true
			}
		}
	}
	return false
}

// lossOn gives what the acts that name a link lose on it.
func (w *world) lossOn(from, to int) (loss int64) {
	for i := range w.acts {
		if a := &w.acts[i]; a.kind == trace.Loss && len(a.words) > 1 && hasLink(a.words[1:], from, to) {
			loss += a.words[0]
		}
	}
	return loss
}

// troubles gives the calls of a node's views a reason, from now on.
func (f *collectiveFold) troubles(w *world, node int) {
	for _, i := range f.open {
		if r := &f.rounds[i]; r.reason == noDeadline && w.isMember(r.key.view, node) {
			r.reason = w.now
		}
	}
}

// begins looks at an act that has come into force.
func (f *collectiveFold) begins(w *world, set *settings, ev *trace.Event) {
	switch ev.Kind {
	case trace.Hold:
		for _, n := range ev.Act.Nodes {
			f.troubles(w, n)
		}
		return
	case trace.Skew:
		for _, s := range ev.Act.Skew {
			f.troubles(w, s.Node)
		}
		return
	}
	for _, i := range f.open {
		if r := &f.rounds[i]; r.reason == noDeadline && w.disturbed(set, r.key.view) {
			r.reason = w.now
		}
	}
}

// settles notes that something ended which keeps messages from flowing, and may go on doing so for a while: whoever was
// silent has to be heard again.
func (f *collectiveFold) settles(set *settings, t int64) {
	f.calmFrom = max(f.calmFrom, t+set.HeartbeatTimeout+tripsPerMember*set.LatencyMax)
}
