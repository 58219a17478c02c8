package checker

import (
	"math/bits"
	"slices"

	"nexarsim/checker/trace"
)

// never is the time of what has not happened.
const never = -1 << 62

// viewID names a view that was interned: the same epoch and members, the same name.
type viewID int

const noView viewID = -1

// view is an epoch with its members in rank order, as somebody installed or announced it.
type view struct {
	epoch     uint64
	members   span // in world.ints
	bits      int  // of the members that exist, in world.bits
	hash      uint64
	next      viewID // the next one with the same hash
	double    int    // a member that stands twice in it; -1
	unknown   int    // whether a member that does not exist stands in it
	installed bool
	first     int // who installed it first; -1 for the first view of all
	firstT    int64
	lastT     int64
}

// span is a part of a list.
type span struct{ off, n int }

// change is what leads from one view to another.
type change struct {
	from, to viewID
	removed  span // members of from that are not in to, in world.ints
	ranks    span // their ranks in from
	stranger int  // a member of to that was none of from; -1
	swapped  int  // a member that was overtaken by a later one; -1
}

// install is an install being judged: what the node said, and where it came from.
type install struct {
	node int
	t    int64
	said *trace.View
	from viewID
	to   viewID
	via  int // world.changes
}

// node is what the run shows of one node.
type node struct {
	view viewID
	rank int // in its view; -1 if it is no member of it

	crashed  bool
	paused   bool
	ended    bool // the orchestrator
	panicked bool
	leaving  bool // its application was told to shut down
	why      string
	said     string // why, with the error's text: for the sentence of a finding alone

	excludedAtEnd bool // it ended when others had gone on without it
	skewed        int  // acts in force
	held          int

	suspectedBy   int   // how many others suspect it now
	everSuspected bool  // whether any other ever did
	acquittedAt   int64 // when one of them last stopped

	crashedAt   int64
	endedAt     int64
	resumedAt   int64
	installedAt int64
	suspectedAt int64 // its latest suspicion of somebody
	doubts      uint64
}

// gone reports whether the others have to go on without the node: it crashed or was shut down.
func (n *node) gone() bool { return n.crashed || n.ended && n.why == "shutdown" }

// goneAt is since when.
func (n *node) goneAt() int64 {
	if n.crashed {
		return n.crashedAt
	}
	return n.endedAt
}

// world is the picture of the run so far that all folds share: who lives, what each node installed last and suspects
// now, and which acts of the environment are in force. It changes after the folds have seen an event.
type world struct {
	now   int64
	n     int
	words int // of a bit set of nodes
	nodes []node

	ints    []int // members and removed nodes, by span
	bits    []uint64
	views   []view
	byHash  index[uint64]
	latest  viewID // interned last: most installs repeat it
	changes []change
	byPair  index[[2]viewID]
	last    int // the change looked up last

	suspects []uint64 // one row of bits for each node; made when the first suspicion comes
	doubted  bool     // suspects has a bit
	doubts   uint64   // suspicions and crashes so far

	acts    []act
	lastAct int64 // beginning or end of an act that touches links or nodes
	linkAct int64 // the same for acts that can keep messages from flowing
	lastEnv int64 // anything done by the environment

	installs int
}

func (w *world) reset(n int) {
	w.now, w.n, w.words = 0, n, (n+63)/64
	w.nodes = slices.Grow(w.nodes[:0], n)[:n]
	for i := range w.nodes {
		w.nodes[i] = node{rank: i, crashedAt: never, endedAt: never, resumedAt: never, installedAt: never, suspectedAt: never, acquittedAt: never}
	}
	w.ints, w.bits, w.views, w.changes = w.ints[:0], w.bits[:0], w.views[:0], w.changes[:0]
	w.byHash.reset()
	w.byPair.reset()
	w.latest, w.last = noView, -1
	if w.doubted || len(w.suspects) != n*w.words {
		w.suspects = w.suspects[:0]
	}
	w.doubted, w.doubts, w.installs = false, 0, 0
	w.acts, w.lastAct, w.linkAct, w.lastEnv = w.acts[:0], never, never, never
	w.firstView()
}

// firstView is epoch 0 with all nodes.
func (w *world) firstView() {
	off := len(w.ints)
	for i := range w.n {
		w.ints = append(w.ints, i)
	}
	all := w.ints[off:]
	w.ints = w.ints[:off]
	v := &w.views[w.intern(0, all)]
	v.installed, v.firstT, v.lastT = true, 0, 0
}

func (w *world) copyFrom(o *world) {
	w.now, w.n, w.words = o.now, o.n, o.words
	w.nodes = append(w.nodes[:0], o.nodes...)
	w.ints = append(w.ints[:0], o.ints...)
	w.bits = append(w.bits[:0], o.bits...)
	w.views = append(w.views[:0], o.views...)
	w.byHash.copyFrom(&o.byHash)
	w.latest, w.last = o.latest, o.last
	w.changes = append(w.changes[:0], o.changes...)
	w.byPair.copyFrom(&o.byPair)
	w.suspects = append(w.suspects[:0], o.suspects...)
	w.doubted, w.doubts, w.installs = o.doubted, o.doubts, o.installs
	w.lastAct, w.linkAct, w.lastEnv = o.lastAct, o.linkAct, o.lastEnv
	w.acts = w.acts[:0]
	for i := range o.acts {
		w.putAct(len(w.acts), o.acts[i].kind, o.acts[i].words)
	}
}

func (w *world) list(s span) []int { return w.ints[s.off : s.off+s.n] }

// members gives a view's members in rank order.
func (w *world) members(v viewID) []int { return w.list(w.views[v].members) }

// memberBits gives them as a set.
func (w *world) memberBits(v viewID) []uint64 {
	off := w.views[v].bits
	return w.bits[off : off+w.words]
}

func (w *world) isMember(v viewID, n int) bool { return w.memberBits(v)[n>>6]>>(n&63)&1 != 0 }

// rankOf gives a node's rank in a view, -1 if it is no member.
func (w *world) rankOf(v viewID, n int) int {
	if !w.isMember(v, n) {
		return -1
	}
	return slices.Index(w.members(v), n)
}

// intern names a view, the same whoever installs it.
func (w *world) intern(epoch uint64, members []int) viewID {
	if w.latest != noView && w.is(w.latest, epoch, members) {
		return w.latest
	}
	hash := epoch*0x9e3779b97f4a7c15 + 1
	for _, m := range members {
		hash = (hash ^ uint64(m)) * 0x100000001b3
		hash ^= hash >> 29
	}
	at := viewID(w.byHash.find(hash))
	for at != noView && !w.is(at, epoch, members) {
		at = w.views[at].next
	}
	if at == noView {
		at = w.newView(epoch, members, hash)
	}
	w.latest = at
	return at
}

func (w *world) is(v viewID, epoch uint64, members []int) bool {
	return w.views[v].epoch == epoch && slices.Equal(w.members(v), members)
}

func (w *world) newView(epoch uint64, members []int, hash uint64) viewID {
	id := viewID(len(w.views))
	next := noView
	if first := w.byHash.find(hash); first >= 0 {
		next, w.views[first].next = w.views[first].next, id
	}
	w.byHash.add(hash)
	v := view{epoch: epoch, members: span{len(w.ints), len(members)}, bits: len(w.bits), hash: hash, next: next, double: -1, unknown: -1, first: -1, firstT: never, lastT: never}
	w.ints = append(w.ints, members...)
	for range w.words {
		w.bits = append(w.bits, 0)
	}
	set := w.bits[v.bits:]
	for i, m := range w.list(v.members) {
		switch {
		case m < 0 || m >= w.n:
			v.unknown = i
		case set[m>>6]>>(m&63)&1 != 0:
			v.double = m
		default:
			set[m>>6] |= 1 << (m & 63)
		}
	}
	w.views = append(w.views, v)
	return id
}

// change finds what leads from one view to another.
func (w *world) change(from, to viewID) int {
	if w.last >= 0 && w.changes[w.last].from == from && w.changes[w.last].to == to {
		return w.last
	}
	key := [2]viewID{from, to}
	at := w.byPair.find(key)
	if at < 0 {
		at = len(w.changes)
		w.byPair.add(key)
		w.changes = append(w.changes, w.compare(from, to))
	}
	w.last = at
	return at
}

func (w *world) compare(from, to viewID) change {
	c := change{from: from, to: to, stranger: -1, swapped: -1}
	kept := w.memberBits(to)
	c.removed.off = len(w.ints)
	for _, m := range w.members(from) {
		if m >= 0 && m < w.n && kept[m>>6]>>(m&63)&1 == 0 {
			w.ints = append(w.ints, m)
		}
	}
	c.removed.n = len(w.ints) - c.removed.off
	c.ranks.off = len(w.ints)
	for rank, m := range w.members(from) {
		if m >= 0 && m < w.n && kept[m>>6]>>(m&63)&1 == 0 {
			w.ints = append(w.ints, rank)
		}
	}
	c.ranks.n = len(w.ints) - c.ranks.off
	c.stranger, c.swapped = w.disorder(from, to)
	return c
}

// disorder finds a member of to that was none of from, and one that does not stand where from's order puts it.
func (w *world) disorder(from, to viewID) (stranger, swapped int) {
	old := w.members(from)
	at := 0
	for _, m := range w.members(to) {
		if m < 0 || m >= w.n || !w.isMember(from, m) {
			return m, -1
		}
		for at < len(old) && old[at] != m {
			at++
		}
		if at == len(old) {
			return -1, m
		}
		at++
	}
	return -1, -1
}

// describe prepares an install for the folds.
func (w *world) describe(ev *trace.Event) install {
	from := w.nodes[ev.Node].view
	to := w.intern(ev.Install.Epoch, ev.Install.Members)
	return install{node: ev.Node, t: ev.T, said: ev.Install, from: from, to: to, via: w.change(from, to)}
}

// apply makes it the node's view.
func (w *world) apply(in *install) {
	v := &w.views[in.to]
	if !v.installed {
		v.installed, v.first, v.firstT = true, in.node, in.t
	}
	v.lastT = in.t
	n := &w.nodes[in.node]
	n.view, n.installedAt, n.doubts = in.to, in.t, w.doubts
	members := w.members(in.to)
	n.rank = in.said.Rank
	if n.rank < 0 || n.rank >= len(members) || members[n.rank] != in.node {
		n.rank = w.rankOf(in.to, in.node)
	}
	w.installs++
}

// row gives whom a node suspects, nil if nobody suspects anybody yet.
func (w *world) row(n int) []uint64 {
	if len(w.suspects) == 0 {
		return nil
	}
	return w.suspects[n*w.words : (n+1)*w.words]
}

func (w *world) isSuspected(by, of int) bool {
	row := w.row(by)
	return row != nil && row[of>>6]>>(of&63)&1 != 0
}

// suspect notes a suspicion; false if it stood before.
func (w *world) suspect(by, of int) bool {
	if w.isSuspected(by, of) {
		return false
	}
	if len(w.suspects) == 0 {
		size := w.n * w.words
		w.suspects = slices.Grow(w.suspects, size)[:size]
		clear(w.suspects)
	}
	w.suspects[by*w.words+of>>6] |= 1 << (of & 63)
	w.doubted = true
	w.doubts++
	w.nodes[by].suspectedAt = w.now
	if by != of {
		w.nodes[of].suspectedBy++
		w.nodes[of].everSuspected = true
	}
	return true
}

// trust withdraws one; false if there was none.
func (w *world) trust(by, of int) bool {
	if !w.isSuspected(by, of) {
		return false
	}
	w.suspects[by*w.words+of>>6] &^= 1 << (of & 63)
	if by != of {
		w.nodes[of].suspectedBy--
		w.nodes[of].acquittedAt = w.now
	}
	return true
}

// trusted counts the members of a node's view that it does not suspect, and gives the first of them in rank order if
// that is the view's first member.
func (w *world) trusted(n int) (count int, lowest bool) {
	v := w.nodes[n].view
	row := w.row(n)
	for i, word := range w.memberBits(v) {
		if row != nil {
			word &^= row[i]
		}
		count += bits.OnesCount64(word)
	}
	members := w.members(v)
	lowest = len(members) > 0 && members[0] >= 0 && members[0] < w.n && !w.isSuspected(n, members[0])
	return count, lowest
}

// quorum applies the rule of S1 to count members of a view of size members; lowest tells whether its lowest rank is
// among them.
func (r quorumRule) quorum(count, size int, lowest bool) bool {
	if r == ruleAny {
		return count > 0
	}
	return 2*count > size || 2*count == size && lowest
}
