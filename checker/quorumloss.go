package checker

import "nexarsim/checker/trace"

// S8 Quorum loss: a node that lacks a quorum installs nothing and says so within the recovery timeout, once for each loss
// and for no other reason. Judged for protocol quorum, whose rule is the majority: more than half of the view, or the
// half that holds its lowest rank. Installing without is of safety; saying it too late, of liveness.

// quorumLossFold follows each node's own suspicions.
type quorumLossFold struct {
	on       bool // judged at all
	owed     bool // the reports are: policy abort ends instead
	limit    int64
	nodes    []loss
	deadline int64 // the earliest time at which a report may be overdue
}

// loss is a node's state of lacking a quorum.
type loss struct {
	lost     bool  // the members it does not suspect are none
	reported bool  // said, or found overdue
	overdue  bool  // found overdue, and not said yet
	again    bool  // may be said once more: it installed another view since
	excused  bool  // its clock was set meanwhile
	since    int64 // since when it lacks one, and runs by a true clock
}

const noDeadline = 1<<63 - 1

func (f *quorumLossFold) reset(set *settings) {
	f.on = set.quorum
	f.owed = set.quorum && set.Policy != "abort"
	f.limit, f.deadline = set.RecoveryTimeout, noDeadline
	f.nodes = f.nodes[:0]
	for range set.n {
		f.nodes = append(f.nodes, loss{})
	}
}

func (f *quorumLossFold) copyFrom(o *quorumLossFold) {
	nodes := append(f.nodes[:0], o.nodes...)
	*f = *o
	f.nodes = nodes
}

// install judges one (before it is applied to the world).
func (f *quorumLossFold) install(w *world, in *install, out *findings) {
	if !f.on {
		return
	}
	old := w.members(in.from)
	kept := len(old) - w.changes[in.via].removed.n
	lowest := len(old) > 0 && old[0] >= 0 && old[0] < w.n && w.isMember(in.to, old[0])
	if !ruleMajority.quorum(kept, len(old), lowest) {
		out.by(QuorumLoss, in.t, in.node, "node %d installed epoch %d with members %s, which are no quorum of %s", in.node, in.said.Epoch, show(in.said.Members), show(old))
	}
}

// installed goes on in the new view. What was said of a loss that lasts stands; a report is due anew only if it was not.
func (f *quorumLossFold) installed(w *world, node int) {
	if !f.on {
		return
	}
	before := f.nodes[node]
	f.nodes[node] = loss{}
	f.update(w, node)
	if l := &f.nodes[node]; l.lost && before.lost {
		l.reported, l.again = before.reported, true
	}
}

// update looks at a node whose suspicions changed.
func (f *quorumLossFold) update(w *world, node int) {
	if !f.on {
		return
	}
	l := &f.nodes[node]
	if n := &w.nodes[node]; n.crashed || n.ended || n.panicked || n.leaving || f.hasQuorum(w, node) {
		*l = loss{}
		return
	}
	if !l.lost {
		*l = loss{lost: true, since: w.now}
		f.arm(w.now)
	}
}

func (f *quorumLossFold) hasQuorum(w *world, node int) bool {
	count, lowest := w.trusted(node)
	return ruleMajority.quorum(count, len(w.members(w.nodes[node].view)), lowest)
}

// excuse keeps nobody to the time of a loss during which its clock was set: its timers are due by that clock.
func (f *quorumLossFold) excuse(a *trace.Act) {
	for _, s := range a.Skew {
		if f.on && s.Step != 0 {
			f.nodes[s.Node].excused = f.nodes[s.Node].lost
		}
	}
}

// restart gives a node its time anew: it slept, or its clock was wrong.
func (f *quorumLossFold) restart(w *world, node int) {
	if l := &f.nodes[node]; f.on && l.lost && !l.reported {
		l.since = w.now
		f.arm(w.now)
	}
}

func (f *quorumLossFold) arm(since int64) { f.deadline = min(f.deadline, since+f.limit) }

// pass judges what was due before t.
func (f *quorumLossFold) pass(w *world, t int64, out *findings) {
	if t <= f.deadline {
		return
	}
	f.deadline = noDeadline
	for i := range f.nodes {
		l := &f.nodes[i]
		if !f.due(w, i) {
			continue
		}
		if at := l.since + f.limit; at < t {
			l.reported, l.overdue = true, true
			out.by(QuorumLoss, at, i, "%snode %d reported no quorum-lost within %s of the suspicion that left it less than a quorum", latePrefix, i, span64(f.limit))
			continue
		}
		f.arm(l.since)
	}
}

// due reports whether a node's time is running.
func (f *quorumLossFold) due(w *world, node int) bool {
	l, n := &f.nodes[node], &w.nodes[node]
	return f.owed && l.lost && !l.reported && !l.excused && !n.paused && n.skewed == 0
}

// told judges a report.
func (f *quorumLossFold) told(ev *trace.Event, out *findings) {
	if !f.on {
		return
	}
	l := &f.nodes[ev.Node]
	switch {
	case !l.lost:
		out.by(QuorumLoss, ev.T, ev.Node, "node %d reported quorum-lost although the members that it does not suspect are a quorum", ev.Node)
	case l.reported && !l.again && !l.overdue:
		out.by(QuorumLoss, ev.T, ev.Node, "node %d reported the same loss of its quorum twice", ev.Node)
	}
	l.reported, l.again, l.overdue = true, false, false
}

// finish says what the end of the run leaves open.
func (f *quorumLossFold) finish(w *world, out *outcome) {
	for i := range f.nodes {
		l, n := &f.nodes[i], &w.nodes[i]
		switch {
		case !f.owed || !l.lost || l.reported:
		case n.paused || n.skewed > 0 || l.excused:
			out.undecided(QuorumLoss, "node %d lacked a quorum while it was paused or its clock was wrong", i)
		default:
			out.undecided(QuorumLoss, "node %d lost its quorum less than %s before the end", i, span64(f.limit))
		}
	}
}

func (f *quorumLossFold) appendState(buf []byte, c *canon) []byte {
	for i := range f.nodes {
		l := &f.nodes[i]
		buf = append(buf, byte(flag(l.lost)|flag(l.reported)<<1|flag(l.again)<<2|flag(l.overdue)<<3|flag(l.excused)<<4))
		if l.lost && !l.reported {
			buf = c.appendTime(buf, l.since)
		}
	}
	return buf
}
