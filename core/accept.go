package core

// agreement accepts a proposal unless something higher was promised. A node that the proposal excludes accepts like any
// other: its acceptance counts.
func (n *Node) agreement(now Instant, from NodeID, m *Message, out *Effects) {
	value := m.Set.Intersect(n.view.set)
	if m.Ballot.Coordinator != from || value.Empty() {
		return
	}
	if m.Ballot.Less(n.promised) {
		n.refuse(from, m.Ballot, out)
		return
	}
	if n.accepted == m.Ballot {
		n.writeAck(1, out)
		return
	}
	out.Used()
	n.promise(m.Ballot, out)
	n.accepted, n.chosen = m.Ballot, value
	n.repeats = 0
	n.disarm(timerTakeOver, out)
	n.disarm(timerRetransmit, out)
	n.writeAck(0, out)
	n.armRetransmit(now, out)
	n.armTakeOver(now, out)
}

// writeAck tells the ballot's coordinator of the acceptance. repeated: 0 the first time, else 1: a coordinator that has
// decided and told everybody answers only the latter.
func (n *Node) writeAck(repeated uint64, out *Effects) {
	m := n.message(Ack, n.accepted)
	m.Num = repeated
	out.Send(n.accepted.Coordinator, &m)
}

// ack counts an acceptance of the current proposal; one of an older ballot never counts.
func (n *Node) ack(now Instant, from NodeID, m *Message, out *Effects) {
	if n.lead.phase != proposed || m.Ballot != n.lead.ballot {
		return
	}
	if !n.lead.acks.Has(from) {
		out.Used()
	}
	n.lead.acks = n.lead.acks.With(from)
	n.count(now, out)
}

// count decides when a quorum has accepted, and tells everybody before it acts on it.
func (n *Node) count(now Instant, out *Effects) {
	if !n.quorum(n.lead.acks) {
		return
	}
	value := n.lead.value
	m := n.commitOf(n.view.Epoch, value)
	letter := out.Write(&m)
	for _, id := range n.view.members {
		if id != n.self {
			out.SendLetter(id, letter)
		}
	}
	n.learn(now, value, out)
}

func (n *Node) commitOf(e Epoch, dead NodeSet) Message {
	return Message{Kind: Commit, Group: n.group, Epoch: e, Ballot: NoBallot, Set: dead}
}
