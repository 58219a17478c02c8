package core

// pursue does what the node's suspicions ask for now. It is called whenever they, or what the node has promised or
// accepted, may have changed.
//
// The lowest unsuspected member is only a hint for whom to vote for: safety rests on ballots alone. A node moves to it
// only if it has promised nothing higher. Otherwise, after a withdrawn suspicion, its promise would fall:
// of three nodes, 2 suspects 0 and promises (0,1), withdraws and promises (0,0); 1 and 2 have decided in (0,1), 0 and 2
// decide something else in (0,0).
func (n *Node) pursue(now Instant, out *Effects) {
	if n.status != running || n.waitsForConsent() {
		return
	}
	if n.leads() {
		n.advance(now, out)
		return
	}
	if !n.engaged() {
		n.calm(out)
		return
	}
	c := n.unsuspected().First()
	hint := Ballot{0, c}
	switch {
	case n.promised.Less(hint) && c == n.self:
		n.startLead(now, hint, out)
	case n.promised.Less(hint):
		n.promise(hint, out)
		n.sendVote(now, out)
	default:
		n.standBy(now, out)
	}
}

// engaged tells whether the node has a reason of its own to bring the agreement to its end. Under policy manual that is
// the application's call, or an acceptance in an agreement that somebody else has started.
func (n *Node) engaged() bool {
	if n.accepted.Exists() {
		return true
	}
	return !n.suspected.Empty() && (n.cfg.Policy != Manual || n.consent)
}

// standBy stays with a promise: it tells that ballot's coordinator of larger suspicions, and takes over from it when it
// is suspected or gives no sign.
func (n *Node) standBy(now Instant, out *Effects) {
	if n.accepted != n.promised && n.voted != n.suspected {
		n.sendVote(now, out)
	}
	n.armRetransmit(now, out)
	n.armTakeOver(now, out)
}

// armTakeOver sets the staggered timer after which the node starts a higher ballot. If the coordinator is suspected, a
// step a position; otherwise after the stall time, and only by a node above it: its next ballot is of the same round, so
// rounds never rise by time alone.
func (n *Node) armTakeOver(now Instant, out *Effects) {
	wait := n.times.stagger(n.position())
	if n.suspected.Has(n.promised.Coordinator) {
		n.soonest(timerTakeOver, after(now, wait), out)
		return
	}
	if n.self > n.promised.Coordinator {
		n.armOnce(timerTakeOver, after(now, n.times.Stall+wait), out)
	}
}

// soonest sets a timer unless it is due earlier already.
func (n *Node) soonest(id TimerID, at Instant, out *Effects) {
	if n.armed>>id&1 == 0 || at < n.due[id] {
		n.arm(id, at, out)
	}
}

// calm stops what nobody needs any more. A coordinator that was told of suspicions is told that they are withdrawn: it
// must not propose them for want of news.
func (n *Node) calm(out *Effects) {
	n.disarm(timerRetransmit, out)
	n.disarm(timerTakeOver, out)
	if n.promised.Exists() && n.voted != n.suspected {
		n.writeVote(out)
	}
}

// promise binds the node to a ballot. Whatever it led below that is over.
func (n *Node) promise(b Ballot, out *Effects) {
	if b == n.promised {
		return
	}
	n.promised = b
	n.voted = NodeSet{}
	n.repeats = 0
	n.disarm(timerTakeOver, out)
	n.disarm(timerRetransmit, out)
	if n.leads() && n.lead.ballot.Less(b) {
		n.dropLead(out)
	}
}

// sendVote votes and sees to it that the vote is repeated.
func (n *Node) sendVote(now Instant, out *Effects) {
	n.writeVote(out)
	if n.engaged() {
		n.armRetransmit(now, out)
		n.armTakeOver(now, out)
	}
}

// writeVote sends the promise with what the coordinator must know: the accepted proposal if there is one, because only
// that may be proposed then; else the suspicions.
func (n *Node) writeVote(out *Effects) {
	m := n.message(Vote, n.promised)
	n.voted = n.suspected
	m.Set, m.Num = n.suspected, 0
	if n.accepted.Exists() {
		m.Set, m.Num = n.chosen, n.accepted.pack()
	}
	out.Send(n.promised.Coordinator, &m)
}

// prepare answers a coordinator's question with a vote, or with what stands against it.
func (n *Node) prepare(now Instant, from NodeID, m *Message, out *Effects) {
	if m.Ballot.Coordinator != from {
		return
	}
	if m.Ballot.Less(n.promised) {
		n.refuse(from, m.Ballot, out)
		return
	}
	if m.Ballot != n.promised {
		out.Used()
	}
	n.promise(m.Ballot, out)
	n.sendVote(now, out)
}

// refuse tells a coordinator what it has to exceed.
func (n *Node) refuse(to NodeID, b Ballot, out *Effects) {
	m := n.message(Refusal, b)
	m.Num = n.promised.pack()
	out.Send(to, &m)
}

// armRetransmit repeats the last message until it is answered: at first soon, then less and less often.
func (n *Node) armRetransmit(now Instant, out *Effects) {
	wait := min(n.times.RetransmitMin<<min(n.repeats, 8), n.times.RetransmitMax)
	n.armOnce(timerRetransmit, after(now, wait), out)
}

// retransmit repeats a member's vote or ack, or a coordinator's question or proposal.
func (n *Node) retransmit(now Instant, out *Effects) {
	if n.repeats < 255 {
		n.repeats++
	}
	switch {
	case n.leads():
		n.repeatLead(now, out)
		return
	case !n.engaged() || !n.promised.Exists():
		return
	case n.accepted == n.promised:
		n.writeAck(1, out)
	default:
		n.writeVote(out)
	}
	n.armRetransmit(now, out)
}

// takeOver starts a higher ballot: after a refusal, or in place of a coordinator that is suspected or gives no sign.
func (n *Node) takeOver(now Instant, out *Effects) {
	if n.waitsForConsent() {
		return
	}
	if n.leads() {
		if n.lead.ballot.Less(n.lead.refused) {
			n.startLead(now, n.lead.refused.next(n.self), out)
			n.ask(n.unsuspected(), out)
		}
		return
	}
	suspect := n.suspected.Has(n.promised.Coordinator)
	if !n.engaged() || !suspect && n.self < n.promised.Coordinator {
		return
	}
	n.startLead(now, n.promised.next(n.self), out)
	n.ask(n.unsuspected(), out)
}
