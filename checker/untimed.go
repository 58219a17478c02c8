package checker

import (
	"encoding/binary"
	"slices"
)

// AppendUntimed appends an encoding for an explorer, whose clock only tells what came first. Judges of one group with
// equal encodings give equal verdicts on whatever such a run can still hold up to a violation of agreement and with it, if
// no deadline passes before the end. It leaves out what has no say any more: all of a crashed node but its part in the history, who was ever suspected of those
// whom nobody can exclude any more, what a node believes of others than its view's members, and the count of installs of a
// node that has excluded somebody with each of them (a livelock is then found, but may be found later).
func (j *Judge) AppendUntimed(buf []byte) []byte {
	var orders [16]viewID
	var places [16]int
	c := newCanon(&j.world, orders[:0], places[:0])
	w := &j.world
	buf = appendUint(buf, uint64(len(c.order)))
	for _, id := range c.order {
		v := &w.views[id]
		buf = appendUint(buf, v.epoch)
		buf = appendUint(buf, uint64(v.members.n)<<1|flag(v.installed))
		for _, m := range w.members(id) {
			buf = binary.AppendVarint(buf, int64(m))
		}
	}
	buf = j.agreement.appendState(buf, &c)
	paths := j.commID.paths(&c)
	for _, path := range paths {
		buf = appendUint(buf, uint64(len(path)))
		buf = append(buf, path...)
	}
	held := make([]bool, len(w.views))
	for i := range w.nodes {
		buf = j.appendNode(buf, i, &c, paths)
		if w.nodes[i].runs() {
			held[w.nodes[i].view] = true
		}
	}
	buf = j.appendDoubts(buf, held, &c)
	for _, word := range j.history.told {
		buf = appendUint(buf, word)
	}
	buf = w.appendActs(buf)
	return appendUint(appendUint(buf, j.found.mask()), uint64(len(j.malformed)))
}

// AppendErrant appends what AppendUntimed leaves out and what has a say where nodes may disagree on a view, or install
// without excluding anybody and come to suspect whom they have excluded: how often each node that runs has installed since the last fault or
// suspicion, and all that it believes. An explorer of such a protocol wants both encodings.
func (j *Judge) AppendErrant(buf []byte) []byte {
	w := &j.world
	for i := range w.nodes {
		if !w.nodes[i].runs() {
			continue
		}
		s := &j.livelock.nodes[i]
		buf = appendUint(buf, uint64(s.installs)*flag(s.faults == j.livelock.faults))
		row := w.row(i)
		for k := range w.words {
			if row == nil {
				buf = append(buf, 0)
			} else {
				buf = appendUint(buf, row[k])
			}
		}
	}
	return buf
}

// appendNode writes what is known of one node.
func (j *Judge) appendNode(buf []byte, i int, c *canon, paths [][]byte) []byte {
	w := &j.world
	n := &w.nodes[i]
	if n.crashed {
		return append(buf, 1)
	}
	buf = append(buf, byte(flag(n.paused)<<1|flag(n.ended)<<2|flag(n.panicked)<<3|flag(n.leaving)<<4|flag(n.excludedAtEnd)<<5|flag(n.doubts == w.doubts)<<6))
	if n.ended {
		buf = append(buf, n.why[1]) // no two reasons share it
	}
	at, _ := slices.BinarySearchFunc(paths, j.commID.path(nil, j.commID.nodes[i], c), slices.Compare[[]byte])
	buf = appendUint(buf, uint64(at))
	buf = appendUint(buf, uint64(c.place[n.view]))
	buf = appendUint(buf, j.eviction.nodes[i].epoch)
	h := &j.history.nodes[i]
	buf = append(buf, byte(flag(h.pending >= 0)|flag(h.closing == "evicted")<<1|flag(h.closing == "aborted")<<2|flag(h.asked)<<3|flag(h.ever)<<4|flag(h.claim != noView)<<5))
	if h.pending >= 0 {
		buf = appendUint(buf, uint64(c.place[w.changes[h.pending].from]))
	}
	if h.claim != noView {
		buf = appendUint(buf, uint64(c.place[h.claim]))
	}
	l := &j.quorumLoss.nodes[i]
	buf = append(buf, byte(flag(l.lost)|flag(l.reported)<<1|flag(l.again)<<2|flag(l.overdue)<<3|flag(l.excused)<<4))
	if !n.runs() {
		return buf
	}
	v := &w.views[n.view]
	if v.epoch > uint64(w.n-v.members.n) { // some install excluded nobody
		s := &j.livelock.nodes[i]
		buf = appendUint(buf, uint64(s.installs)*flag(s.faults == j.livelock.faults)+1)
	} else {
		buf = append(buf, 0)
	}
	row := w.row(i)
	for k, word := range w.memberBits(n.view) {
		if row == nil {
			word = 0
		} else {
			word &= row[k]
		}
		buf = appendUint(buf, word)
	}
	return buf
}

// appendDoubts writes what explains that members are excluded: of each whom somebody can still exclude, whether anybody
// ever suspected it; of each view that can still be left, whether something in its past explains a change of it.
func (j *Judge) appendDoubts(buf []byte, held []bool, c *canon) []byte {
	w := &j.world
	for x := range w.nodes {
		excludable := false
		for v := range w.views {
			excludable = excludable || held[v] && w.isMember(viewID(v), x)
		}
		if excludable {
			buf = append(buf, byte(flag(w.nodes[x].everSuspected)))
		}
	}
	for _, v := range c.order {
		if held[v] {
			buf = append(buf, byte(flag(w.explained(v))))
		}
	}
	return buf
}

// explained reports whether a change of a view has a reason that neither the rows nor the crashes show: a suspicion of a
// member that was withdrawn since the view exists, or one that a member will not withdraw, because it has ended or has
// gone on without whom it suspects.
func (w *world) explained(v viewID) bool {
	found := false
	for _, x := range w.members(v) {
		if x < 0 || x >= w.n {
			continue
		}
		if w.nodes[x].gone() {
			return false // that is reason enough, for good
		}
		found = found || w.nodes[x].acquittedAt >= w.views[v].firstT
		for _, by := range w.members(v) {
			if by < 0 || by >= w.n || by == x || found || !w.isSuspected(by, x) {
				continue
			}
			n := &w.nodes[by]
			found = !n.runs() || !w.isMember(n.view, x)
		}
	}
	return found
}

// path writes a history, the latest view first.
func (f *commIDFold) path(buf []byte, at int, c *canon) []byte {
	for ; at > 0; at = f.steps[at].parent {
		buf = appendUint(buf, uint64(c.place[f.steps[at].view]))
		buf = binary.LittleEndian.AppendUint64(buf, f.steps[at].commID)
	}
	return buf
}

// paths gives all histories that some node went through, sorted.
func (f *commIDFold) paths(c *canon) [][]byte {
	all := make([][]byte, 0, len(f.steps))
	for at := range f.steps {
		all = append(all, f.path(nil, at, c))
	}
	slices.SortFunc(all, slices.Compare[[]byte])
	return all
}
