package core

// Spent tells a driver that holds messages in flight, such as the explorer, whether a message can still do something at
// this node, now or ever. It does not count that a message of an old epoch is answered with decisions: heartbeats have
// the same answered at any time. answered: nothing but a refusal or a repeated ack will come of it, so that it is spent
// if its sender no longer leads the ballot.
//
// What it says stays true: epochs, promises and a ballot's acceptances only grow.
func (n *Node) Spent(from NodeID, m *Message) (spent, answered bool) {
	switch {
	case m.Group != n.group || from < 0 || int(from) >= n.world || from == n.self || n.status == ended || n.status == learner:
		return true, false
	case n.status != running || m.Kind == Abort || n.cfg.Policy != Automatic:
		return false, false
	case m.Kind == Heartbeat:
		return n.cfg.ExternalDetector, false
	case m.Epoch < n.view.Epoch:
		return true, false
	case m.Epoch > n.view.Epoch:
		return false, false
	case !n.view.set.Has(from) || m.Ballot.Round > roundMax:
		return true, false
	}
	return n.spentInAgreement(from, m)
}

func (n *Node) spentInAgreement(from NodeID, m *Message) (spent, answered bool) {
	switch m.Kind {
	case Vote:
		closed := n.lead.ballot == m.Ballot && n.lead.phase == proposed
		return m.Ballot.Coordinator != n.self || m.Ballot.Less(n.promised) || closed, false
	case Prepare:
		return m.Ballot.Coordinator != from, m.Ballot.Less(n.promised)
	case Agreement:
		wrong := m.Ballot.Coordinator != from || m.Set.Intersect(n.view.set).Empty()
		return wrong, m.Ballot.Less(n.promised) || m.Ballot == n.accepted
	case Ack:
		return n.over(m.Ballot) || n.lead.ballot == m.Ballot && n.lead.acks.Has(from), false
	case Refusal:
		higher := unpackBallot(m.Num)
		known := n.lead.ballot == m.Ballot && (!n.lead.refused.Less(higher) || !n.lead.ballot.Less(higher))
		return n.over(m.Ballot) || known, false
	}
	return false, false
}

// over tells whether the node does not lead a ballot and will not lead it any more: one is begun above all promises.
func (n *Node) over(b Ballot) bool { return n.lead.ballot != b && !n.promised.Less(b) }

// timerWords is how reports name the timers of a Node.
var timerWords = [...]string{
	timerTick: "tick", timerSilence: "silence", timerRetransmit: "retransmit", timerWindow: "window",
	timerTakeOver: "take-over", timerQuorumLoss: "quorum-loss", timerLinger: "linger",
}

// TimerName names a timer.
func (n *Node) TimerName(id TimerID) string {
	if int(id) < len(timerWords) {
		return timerWords[id]
	}
	return "invalid"
}

// TimerLasts tells whether a timer outlasts whatever the others bring about. A driver that holds the clock still must not
// fire it in their place: an excluded node would fall silent before anybody could have asked it.
func (n *Node) TimerLasts(id TimerID) bool { return id == timerLinger }

// Supersedes tells whether a message makes an older one to the same node idle: a vote repeats all that an earlier one of
// its ballot has said.
func (n *Node) Supersedes(newer, older *Message) bool {
	return newer.Kind == Vote && older.Kind == Vote && newer.Epoch == older.Epoch && newer.Ballot == older.Ballot
}
