package checker

import (
	"slices"

	"nexarsim/checker/trace"
)

// S4 History: epochs grow by one at each node, with one install and one recovered event for each, in that order, and the
// event's old rank, new rank, world size and dead ranks (in the old numbering) fit the two views. So do the fields of
// every other event: it is told in the current epoch, rank and world, and what ends an orchestrator is told before it
// ends. Nothing is installed after the end, nothing under policy abort, and under policy manual nothing before the
// application asked.

// historyFold knows where each node stands between an install and its event.
type historyFold struct {
	nodes []chronicle
	told  []uint64 // policy manual: for each node a set of those that failure-detected named in its view
}

// chronicle is what a node has yet to tell.
type chronicle struct {
	pending int    // the change whose recovered event is to come, in world.changes; -1
	closing string // "evicted" or "aborted" was told: the end is to come
	claim   viewID // the view that an evicted event describes; noView
	claimAt int64
	asked   bool  // policy manual: the application called recover in this epoch
	askedAt int64 //
	ever    bool  // it did so at all
}

func (f *historyFold) reset(n int) {
	f.nodes = f.nodes[:0]
	for range n {
		f.nodes = append(f.nodes, chronicle{pending: -1, claim: noView, claimAt: never, askedAt: never})
	}
	f.told = f.told[:0]
}

func (f *historyFold) copyFrom(o *historyFold) {
	f.nodes = append(f.nodes[:0], o.nodes...)
	f.told = append(f.told[:0], o.told...)
}

// install judges one before it is applied to the world.
func (f *historyFold) install(w *world, set *settings, in *install, out *findings) {
	n, h, said := &w.nodes[in.node], &f.nodes[in.node], in.said
	switch before := w.views[in.from].epoch; {
	case n.ended || n.panicked:
		out.by(History, in.t, in.node, "node %d installed epoch %d after its orchestrator had ended", in.node, said.Epoch)
	case h.closing != "":
		out.by(History, in.t, in.node, "node %d installed epoch %d after it had told that it was %s", in.node, said.Epoch, h.closing)
	case said.Epoch != before+1:
		out.by(History, in.t, in.node, "node %d installed epoch %d after epoch %d", in.node, said.Epoch, before)
	case h.pending >= 0:
		out.by(History, in.t, in.node, "node %d installed epoch %d before the recovered event of epoch %d", in.node, said.Epoch, before)
	case !slices.Equal(said.Dead, w.list(w.changes[in.via].removed)):
		out.by(History, in.t, in.node, "node %d installed epoch %d and says that nodes %s left, who left is %s", in.node, said.Epoch, show(said.Dead), show(w.list(w.changes[in.via].removed)))
	case set.Policy == "abort":
		out.by(History, in.t, in.node, "node %d installed epoch %d under policy abort", in.node, said.Epoch)
	case set.Policy == "manual" && !h.ever:
		out.by(History, in.t, in.node, "node %d installed epoch %d under policy manual before its application called recover", in.node, said.Epoch)
	}
	h.pending, h.asked = in.via, false
	if len(f.told) > 0 {
		clear(f.told[in.node*w.words : (in.node+1)*w.words])
	}
}

// asks notes a call of recover.
func (f *historyFold) asks(w *world, node int) {
	h := &f.nodes[node]
	h.asked, h.ever, h.askedAt = true, true, w.now
}

// tell judges an event that the application was told.
func (f *historyFold) tell(w *world, set *settings, ev *trace.Event, out *findings) {
	n, h := &w.nodes[ev.Node], &f.nodes[ev.Node]
	switch {
	case n.ended:
		out.by(History, ev.T, ev.Node, "node %d told its application %s after its orchestrator had ended", ev.Node, ev.Told.Kind)
	case h.closing != "":
		out.by(History, ev.T, ev.Node, "node %d told its application %s after it had told that it was %s", ev.Node, ev.Told.Kind, h.closing)
	}
	switch ev.Told.Kind {
	case "recovered":
		f.recovered(w, ev, out)
	case "evicted":
		f.evicted(w, ev, out)
	case "aborted":
		h.closing = "aborted"
		f.current(w, ev, out)
		f.deadSuspected(w, set, ev, out)
	case "quorum-lost":
		f.current(w, ev, out)
		f.deadAreSuspects(w, set, ev, out)
	case "failure-detected":
		f.current(w, ev, out)
		f.newlyDead(w, set, ev, out)
	}
}

// wrong names a field that does not fit.
func (f *historyFold) wrong(ev *trace.Event, out *findings, field string, got, want any) {
	out.by(History, ev.T, ev.Node, "node %d's %s event of epoch %d has %s %v, expected %v", ev.Node, ev.Told.Kind, ev.Told.Epoch, field, got, want)
}

// recovered holds the event of an install to the two views.
func (f *historyFold) recovered(w *world, ev *trace.Event, out *findings) {
	e, h := ev.Told, &f.nodes[ev.Node]
	if h.pending < 0 {
		out.by(History, ev.T, ev.Node, "node %d told of a recovery to epoch %d without an install", ev.Node, e.Epoch)
		return
	}
	c := &w.changes[h.pending]
	h.pending = -1
	ranks := w.list(c.ranks)
	if e.Epoch == w.views[c.to].epoch && e.NewRank == w.nodes[ev.Node].rank && e.NewWorldSize == w.views[c.to].members.n && slices.Equal(e.DeadRanks, ranks) {
		if old := w.members(c.from); e.OldRank >= 0 && e.OldRank < len(old) && old[e.OldRank] == ev.Node {
			return
		}
	}
	switch old := w.rankOf(c.from, ev.Node); {
	case e.Epoch != w.views[c.to].epoch:
		f.wrong(ev, out, "epoch", e.Epoch, w.views[c.to].epoch)
	case e.OldRank != old:
		f.wrong(ev, out, "old rank", e.OldRank, old)
	case e.NewRank != w.nodes[ev.Node].rank:
		f.wrong(ev, out, "new rank", e.NewRank, w.nodes[ev.Node].rank)
	case e.NewWorldSize != w.views[c.to].members.n:
		f.wrong(ev, out, "world size", e.NewWorldSize, w.views[c.to].members.n)
	case !slices.Equal(e.DeadRanks, ranks):
		f.wrong(ev, out, "dead ranks", show(e.DeadRanks), show(ranks))
	}
}

// current holds an event that changes no rank to the node's view.
func (f *historyFold) current(w *world, ev *trace.Event, out *findings) {
	e, n := ev.Told, &w.nodes[ev.Node]
	switch v := &w.views[n.view]; {
	case e.Epoch != v.epoch:
		f.wrong(ev, out, "epoch", e.Epoch, v.epoch)
	case e.OldRank != n.rank:
		f.wrong(ev, out, "old rank", e.OldRank, n.rank)
	case e.NewRank != n.rank:
		f.wrong(ev, out, "new rank", e.NewRank, n.rank)
	case e.NewWorldSize != v.members.n:
		f.wrong(ev, out, "world size", e.NewWorldSize, v.members.n)
	}
}

// deadMembers checks that dead ranks are ascending ranks of the node's view.
func (f *historyFold) deadMembers(w *world, ev *trace.Event, out *findings) bool {
	size := w.views[w.nodes[ev.Node].view].members.n
	before := -1
	for _, r := range ev.Told.DeadRanks {
		if r <= before || r >= size {
			f.wrong(ev, out, "dead ranks", show(ev.Told.DeadRanks), "ascending ranks of its view")
			return false
		}
		before = r
	}
	return true
}

// deadSuspected checks that somebody suspected each of the dead: this node, or another one whose agreement or abort it
// learned of. Classic has them in the numbering of its first view.
func (f *historyFold) deadSuspected(w *world, set *settings, ev *trace.Event, out *findings) {
	if set.classic || !f.deadMembers(w, ev, out) {
		return
	}
	for _, r := range ev.Told.DeadRanks {
		if x := w.members(w.nodes[ev.Node].view)[r]; x >= 0 && x < w.n && !w.nodes[x].everSuspected {
			f.wrong(ev, out, "a dead rank that no other node suspected", r, "only those that one did")
			return
		}
	}
}

// deadAreSuspects holds the dead ranks of quorum-lost to the members that the node suspects.
func (f *historyFold) deadAreSuspects(w *world, set *settings, ev *trace.Event, out *findings) {
	if !set.hardened || !f.deadMembers(w, ev, out) {
		return
	}
	at := 0
	dead := ev.Told.DeadRanks
	for rank, x := range w.members(w.nodes[ev.Node].view) {
		named := at < len(dead) && dead[at] == rank
		if named {
			at++
		}
		if x >= 0 && x < w.n && named != w.isSuspected(ev.Node, x) {
			f.wrong(ev, out, "dead ranks", show(dead), "exactly the ranks that it suspects")
			return
		}
	}
}

// newlyDead checks that failure-detected names members whom somebody suspected, and none that it named before.
func (f *historyFold) newlyDead(w *world, set *settings, ev *trace.Event, out *findings) {
	if set.classic || !f.deadMembers(w, ev, out) {
		return
	}
	f.deadSuspected(w, set, ev, out)
	if len(f.told) == 0 {
		size := w.n * w.words
		f.told = slices.Grow(f.told, size)[:size]
		clear(f.told)
	}
	row := f.told[ev.Node*w.words : (ev.Node+1)*w.words]
	for _, r := range ev.Told.DeadRanks {
		x := w.members(w.nodes[ev.Node].view)[r]
		if x < 0 || x >= w.n {
			continue
		}
		if row[x>>6]>>(x&63)&1 != 0 {
			f.wrong(ev, out, "a dead rank that it had told before", r, "only the newly dead")
		}
		row[x>>6] |= 1 << (x & 63)
	}
}

// trust makes a peer one that may be told anew.
func (f *historyFold) trust(w *world, by, of int) {
	if len(f.told) > 0 {
		f.told[by*w.words+of>>6] &^= 1 << (of & 63)
	}
}

// evicted holds the event to the decision that excludes the node: the one after its own epoch, with itself among the dead.
func (f *historyFold) evicted(w *world, ev *trace.Event, out *findings) {
	e, n, h := ev.Told, &w.nodes[ev.Node], &f.nodes[ev.Node]
	h.closing = "evicted"
	if !f.deadMembers(w, ev, out) {
		return
	}
	v := &w.views[n.view]
	switch {
	case e.Epoch != v.epoch+1:
		f.wrong(ev, out, "epoch", e.Epoch, v.epoch+1)
	case e.OldRank != n.rank:
		f.wrong(ev, out, "old rank", e.OldRank, n.rank)
	case e.NewRank != -1:
		f.wrong(ev, out, "new rank", e.NewRank, -1)
	case !slices.Contains(e.DeadRanks, n.rank):
		f.wrong(ev, out, "dead ranks", show(e.DeadRanks), "its own rank among them")
	case e.NewWorldSize != v.members.n-len(e.DeadRanks):
		f.wrong(ev, out, "world size", e.NewWorldSize, v.members.n-len(e.DeadRanks))
	case h.claim == noView:
		h.claim, h.claimAt = w.without(n.view, e.DeadRanks), ev.T
	}
}

// without interns the view that is left of one when some ranks leave it.
func (w *world) without(v viewID, ranks []int) viewID {
	members := w.members(v)
	off := len(w.ints)
	at := 0
	for rank, m := range members {
		if at < len(ranks) && ranks[at] == rank {
			at++
			continue
		}
		w.ints = append(w.ints, m)
	}
	rest := w.ints[off:]
	w.ints = w.ints[:off]
	return w.intern(w.views[v].epoch+1, rest)
}

// judgeClaims holds what evicted nodes said of an epoch to what was installed in it. Where nodes disagree on the epoch,
// either word is good: that they do is agreement's matter. (Nobody need have installed it: the rest may have crashed.)
func (f *historyFold) judgeClaims(w *world, first *agreementFold, out *outcome) {
	for node := range f.nodes {
		h := &f.nodes[node]
		if h.claim == noView || w.views[h.claim].installed {
			continue
		}
		other := first.of(w.views[h.claim].epoch)
		if other == noView {
			continue
		}
		v := &w.views[other]
		out.by(History, max(h.claimAt, v.firstT), node, "node %d was told that epoch %d has members %s, and they are %s", node, v.epoch, show(w.members(h.claim)), show(w.members(other)))
	}
}

// end judges the end of an orchestrator, before it is applied to the world.
func (f *historyFold) end(w *world, set *settings, ev *trace.Event, out *findings) {
	h := &f.nodes[ev.Node]
	switch {
	case w.nodes[ev.Node].ended:
		out.by(History, ev.T, ev.Node, "node %d ended twice: %s", ev.Node, endText(ev))
	case h.pending >= 0:
		out.by(History, ev.T, ev.Node, "node %d ended between the install of epoch %d and its event", ev.Node, w.views[w.nodes[ev.Node].view].epoch)
	case h.closing != "" && h.closing != ev.Why:
		out.by(History, ev.T, ev.Node, "node %d told that it was %s and ended otherwise: %s", ev.Node, h.closing, endText(ev))
	case h.closing == "" && !set.classic && (ev.Why == "evicted" || ev.Why == "aborted"):
		out.by(History, ev.T, ev.Node, "node %d ended as %s without telling its application", ev.Node, ev.Why)
	}
	h.closing, h.pending = "", -1
}

// finish looks for what was never told, at nodes that could have, and for what evicted nodes were told wrongly.
func (f *historyFold) finish(w *world, end Ending, first *agreementFold, out *outcome) {
	f.judgeClaims(w, first, out)
	for i := range f.nodes {
		h, n := &f.nodes[i], &w.nodes[i]
		if n.crashed || n.paused || n.panicked || n.ended || !end.Complete {
			continue
		}
		if h.pending >= 0 {
			out.by(History, end.T, i, "node %d installed epoch %d and never told its application", i, w.views[n.view].epoch)
		}
		if h.closing != "" {
			out.by(History, end.T, i, "node %d told that it was %s and its orchestrator never ended", i, h.closing)
		}
	}
}

func (f *historyFold) appendState(buf []byte, c *canon) []byte {
	for i := range f.nodes {
		h := &f.nodes[i]
		buf = append(buf, byte(flag(h.pending >= 0)|flag(h.closing == "evicted")<<1|flag(h.closing == "aborted")<<2|flag(h.asked)<<3|flag(h.ever)<<4|flag(h.claim != noView)<<5))
		if h.pending >= 0 {
			buf = appendUint(buf, uint64(c.place[c.w.changes[h.pending].from]))
		}
		if h.claim != noView {
			buf = appendUint(buf, uint64(c.place[h.claim]))
			buf = c.appendTime(buf, h.claimAt)
		}
		if h.asked {
			buf = c.appendTime(buf, h.askedAt)
		}
	}
	for _, word := range f.told {
		buf = appendUint(buf, word)
	}
	return buf
}
