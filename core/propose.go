package core

// findings is what a coordinator knows from its quorum of promises.
type findings struct {
	suspicions NodeSet // the union, of those who have accepted nothing
	accepted   Ballot  // the highest ballot in which any of them has accepted
	value      NodeSet // what was accepted in it
}

func (f *findings) add(v *vote) {
	if !v.accepted.Exists() {
		f.suspicions = f.suspicions.Union(v.set)
		return
	}
	if f.accepted.Less(v.accepted) {
		f.accepted, f.value = v.accepted, v.set
	}
}

// anything tells whether there is something to agree on.
func (f *findings) anything() bool { return f.accepted.Exists() || !f.suspicions.Empty() }

// proposal is the dead set that a coordinator may propose; empty if there is none.
//
// What may have been decided already must be proposed again: the accepted value of the highest ballot. Otherwise it is
// the union of the suspicions less everyone who has voted in this ballot, because voting is a sign of life. Of three
// nodes, a false suspicion of a voter left in the union lets one node install alone. The coordinator may still exclude a
// voter that it suspects itself at this moment, if those who stay are a quorum of the view.
func (n *Node) proposal(f findings) NodeSet {
	if f.accepted.Exists() {
		return f.value
	}
	silent := f.suspicions.Minus(n.lead.voters)
	harsh := silent.Union(n.suspected.Intersect(n.lead.voters))
	if n.quorum(n.view.set.Minus(harsh)) {
		return harsh
	}
	return silent
}

// propose makes the ballot's one proposal, to every member of the view: those that it excludes may hold the acceptances
// without which the rest cannot go on. If there is nothing to propose, the promises stand.
func (n *Node) propose(now Instant, f findings, out *Effects) {
	n.disarm(timerWindow, out)
	n.lead.waited = false
	value := n.proposal(f)
	if value.Empty() {
		n.disarm(timerRetransmit, out)
		return
	}
	n.lead.phase = proposed
	n.lead.value = value
	n.lead.acks = NodeSetOf(n.self)
	n.accepted, n.chosen = n.lead.ballot, value
	n.repeats = 0
	n.disarm(timerRetransmit, out)
	n.sendProposal(n.view.set, out)
	n.armRetransmit(now, out)
	n.count(now, out)
}

func (n *Node) sendProposal(to NodeSet, out *Effects) {
	m := n.message(Agreement, n.lead.ballot)
	m.Set = n.lead.value
	letter := out.Write(&m)
	for id := to.First(); id != NoNode; id = to.Next(id) {
		if id != n.self {
			out.SendLetter(id, letter)
		}
	}
}
