package core

// Ballots are only compared: with each other, and with those of round 0 that a node without a promise begins. So where
// every member has promised something of round r or more, no ballot below r is ever begun again, and all rounds from r on
// may be lowered together as long as they stay above what lies below. A driver that holds many states, such as the explorer,
// so makes few out of endlessly many: members that outbid each other for ever come back to where they were.

// Rounds visits the rounds of all ballots that the node may still read, which are those of its encoding, and gives the one
// that it has promised. It is false for a node that is in no agreement: before its start, and after it has left.
func (n *Node) Rounds(visit func(round uint32)) (promised uint32, ok bool) {
	if n.status != running {
		return 0, false
	}
	for _, b := range [...]Ballot{n.promised, n.accepted, n.lead.ballot, n.lead.refused} {
		visit(b.Round)
	}
	if n.lead.phase != collecting {
		return n.promised.Round, true
	}
	for i := range n.lead.votes {
		visit(n.lead.votes[i].accepted.Round)
	}
	return n.promised.Round, true
}

// LowerRounds takes by off every round from a given one on.
func (n *Node) LowerRounds(from, by uint32) {
	n.promised = n.promised.lowered(from, by)
	n.accepted = n.accepted.lowered(from, by)
	n.lead.ballot = n.lead.ballot.lowered(from, by)
	n.lead.refused = n.lead.refused.lowered(from, by)
	for i := range n.lead.votes {
		n.lead.votes[i].accepted = n.lead.votes[i].accepted.lowered(from, by)
	}
}

func (b Ballot) lowered(from, by uint32) Ballot {
	if b.Round >= from {
		b.Round -= by
	}
	return b
}

// Rounds visits the rounds of the ballots that a message of the recovery protocol names.
func (m *Message) Rounds(visit func(round uint32)) {
	visit(m.Ballot.Round)
	if m.Kind == Vote || m.Kind == Refusal {
		visit(unpackBallot(m.Num).Round)
	}
}

// LowerRounds takes by off every round from a given one on.
func (m *Message) LowerRounds(from, by uint32) {
	m.Ballot = m.Ballot.lowered(from, by)
	if b := unpackBallot(m.Num); (m.Kind == Vote || m.Kind == Refusal) && b.Exists() {
		m.Num = b.lowered(from, by).pack()
	}
}
