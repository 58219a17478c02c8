package core

// leadPhase is how far a coordinator's ballot has come.
type leadPhase uint8

const (
	idle       leadPhase = iota // the node leads no ballot
	collecting                  // it collects promises
	proposed                    // it has proposed and collects acceptances
)

// vote is what a member told a coordinator with its promise. A newer one of the same ballot replaces it.
type vote struct {
	from     NodeID
	set      NodeSet // suspicions, or the accepted proposal
	accepted Ballot
}

// lead is a coordinator's ballot.
type lead struct {
	ballot  Ballot
	phase   leadPhase
	waited  bool    // the batching window has ended
	votes   []vote  // of others, one each, in order of arrival
	voters  NodeSet // their senders and the node itself
	value   NodeSet // what was proposed: one proposal for each ballot, ever
	acks    NodeSet
	refused Ballot // the highest ballot that stood against this one
}

func (n *Node) leads() bool { return n.lead.phase != idle }

// startLead makes the node the coordinator of one of its own ballots, higher than all it has promised.
func (n *Node) startLead(now Instant, b Ballot, out *Effects) {
	n.promise(b, out)
	n.lead = lead{ballot: b, phase: collecting, voters: NodeSetOf(n.self), refused: NoBallot, votes: n.lead.votes[:0]}
	n.disarm(timerWindow, out)
	n.advance(now, out)
}

// dropLead gives a ballot up for a higher one of somebody else.
func (n *Node) dropLead(out *Effects) {
	n.lead = lead{ballot: NoBallot, refused: NoBallot, votes: n.lead.votes[:0]}
	n.disarm(timerWindow, out)
}

// vote takes a promise for one of this node's ballots. A vote for a ballot that it has not started makes it the
// coordinator of that ballot, whether it suspects anybody itself or not.
func (n *Node) vote(now Instant, from NodeID, m *Message, out *Effects) {
	if m.Ballot.Coordinator != n.self || m.Ballot.Less(n.promised) {
		return
	}
	if n.lead.ballot != m.Ballot {
		if !n.promised.Less(m.Ballot) {
			return
		}
		n.startLead(now, m.Ballot, out)
	}
	if n.lead.phase != collecting {
		return
	}
	if n.record(vote{from, m.Set.Intersect(n.view.set), unpackBallot(m.Num)}) {
		out.Used()
	}
	n.advance(now, out)
}

// record keeps a member's latest vote; false if it is the one that is there already.
func (n *Node) record(v vote) bool {
	n.lead.voters = n.lead.voters.With(v.from)
	for i := range n.lead.votes {
		if n.lead.votes[i].from == v.from {
			changed := n.lead.votes[i] != v
			n.lead.votes[i] = v
			return changed
		}
	}
	n.lead.votes = append(n.lead.votes, v)
	return true
}

// advance goes as far with the ballot as votes, acceptances and suspicions allow. No timer stands on the common path:
// the batching window ends at once when every unsuspected member has voted.
func (n *Node) advance(now Instant, out *Effects) {
	if n.lead.phase == proposed {
		n.count(now, out)
		return
	}
	found := n.findings()
	if !n.quorum(n.lead.voters) {
		if found.anything() {
			n.armRetransmit(now, out)
		}
		return
	}
	if n.lead.waited || found.accepted.Exists() || n.unsuspected().SubsetOf(n.lead.voters) {
		n.propose(now, found, out)
		return
	}
	if n.armed>>timerWindow&1 == 0 && found.anything() {
		n.arm(timerWindow, after(now, n.times.BatchWindow), out)
		n.ask(found.suspicions.Minus(n.suspected), out) // the accused are asked: whoever answers stays
	}
}

// findings gathers what the promises say, this node's own included.
func (n *Node) findings() findings {
	f := findings{suspicions: n.suspected, accepted: n.accepted, value: n.chosen}
	for i := range n.lead.votes {
		f.add(&n.lead.votes[i])
	}
	return f
}

// closeWindow ends the wait for members that have not voted.
func (n *Node) closeWindow(now Instant, out *Effects) {
	if n.lead.phase == collecting {
		n.lead.waited = true
		n.advance(now, out)
	}
}

// ask sends Prepare to those of the given members that have not promised this ballot.
func (n *Node) ask(members NodeSet, out *Effects) {
	if n.lead.phase != collecting {
		return
	}
	members = members.Intersect(n.view.set).Minus(n.lead.voters)
	if members.Empty() {
		return
	}
	m := n.message(Prepare, n.lead.ballot)
	letter := out.Write(&m)
	for id := members.First(); id != NoNode; id = members.Next(id) {
		out.SendLetter(id, letter)
	}
	n.armRetransmit(n.last, out)
}

// repeatLead asks again whoever has not answered. A coordinator without a quorum asks every unsuspected member, not only
// when nobody has voted: two halves of four would wait for each other for ever.
func (n *Node) repeatLead(now Instant, out *Effects) {
	if n.lead.phase == proposed {
		n.sendProposal(n.view.set.Minus(n.lead.acks), out)
		n.armRetransmit(now, out)
		return
	}
	if found := n.findings(); !n.quorum(n.lead.voters) && found.anything() {
		n.ask(n.unsuspected(), out)
	}
}

// refused takes the news that a member has promised a higher ballot. The ballot goes on: the others may still be a
// quorum. After its back-off the coordinator tries a higher one.
func (n *Node) refused(now Instant, m *Message, out *Effects) {
	higher := unpackBallot(m.Num)
	if !n.leads() || m.Ballot != n.lead.ballot || !n.lead.refused.Less(higher) || !n.lead.ballot.Less(higher) {
		return
	}
	n.lead.refused = higher
	if n.refusals < 255 {
		n.refusals++
	}
	n.armOnce(timerTakeOver, after(now, n.times.backOff(n.position(), int(n.refusals))), out)
}
