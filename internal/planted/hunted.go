package planted

// Defect is a slip in the core for the hunt.
type Defect struct {
	Name  string // one word
	Words string // what goes wrong, as the table says it
	Edits []Edit
}

// Hunted is the defects of the hunt. The first few any sweep finds, so that the table shows what a common defect looks like;
// then come those of which random runs show little or nothing.
func Hunted() []Defect { return hunted }

var hunted = []Defect{
	{"half-without-the-lowest", "any half of a view decides", []Edit{
		{"core/quorum.go", " && n > 0 && in.Has(v.members[0])", " && n > 0"},
	}},
	{"union-keeps-voters", "a voter left in the union of suspicions", []Edit{
		{"core/propose.go", "silent := f.suspicions.Minus(n.lead.voters)", "silent := f.suspicions"},
	}},
	{"voters-excluded-below-a-quorum", "voters are excluded though no quorum stays", []Edit{
		{"core/propose.go", "	if n.quorum(n.view.set.Minus(harsh)) {\n", "	if !harsh.Empty() {\n"},
	}},
	{"asks-only-alone", "a coordinator asks only while nobody has voted", []Edit{
		{"core/lead.go", "!n.quorum(n.lead.voters) && found.anything() {\n		n.ask(", "len(n.lead.votes) == 0 && found.anything() {\n		n.ask("},
	}},
	{"old-questions-unanswered", "old epochs' questions are not answered", []Edit{
		{"core/catchup.go", "	if m.Kind == Commit || m.Kind == Ack && m.Num == 0 {\n", "	if m.Epoch < Epoch(len(n.decided)) {\n"},
	}},
	{"nobody-takes-over", "nobody takes over from a suspected coordinator", []Edit{
		{"core/vote.go", "	if n.suspected.Has(n.promised.Coordinator) {\n		n.soonest(timerTakeOver, after(now, wait), out)\n		return\n	}\n", "	if n.suspected.Has(n.promised.Coordinator) {\n		return\n	}\n"},
	}},
	{"excluded-goes-silent", "the excluded node goes silent", []Edit{
		{"core/install.go", "n.stop(learner, EndEvicted, \"\", out)", "n.stop(ended, EndEvicted, \"\", out)"},
		{"core/install.go", "	n.arm(timerLinger, after(now, n.times.Linger), out)\n", ""},
	}},
	{"accepted-forgotten", "the accepted proposal is forgotten at a new promise", []Edit{
		{"core/vote.go", "	n.promised = b\n", "	n.promised = b\n	n.accepted, n.chosen = NoBallot, NodeSet{}\n"},
	}},
	{"vote-hides-older-acceptance", "a vote tells only what was accepted in its own ballot", []Edit{
		{"core/vote.go", "	if n.accepted.Exists() {\n		m.Set, m.Num", "	if n.accepted == n.promised {\n		m.Set, m.Num"},
	}},
	{"own-acceptance-ignored", "a coordinator ignores its own acceptance", []Edit{
		{"core/lead.go", "f := findings{suspicions: n.suspected, accepted: n.accepted, value: n.chosen}", "f := findings{suspicions: n.suspected, accepted: NoBallot}"},
	}},
	{"union-over-accepted", "suspicions are added to what was accepted already", []Edit{
		{"core/propose.go", "		return f.value\n", "		return f.value.Union(f.suspicions.Minus(n.lead.voters))\n"},
	}},
	{"first-accepted-wins", "not the highest accepted ballot is proposed, but the first", []Edit{
		{"core/propose.go", "	if f.accepted.Less(v.accepted) {\n", "	if !f.accepted.Exists() {\n"},
	}},
	{"lowest-accepted-wins", "of two accepted proposals the older one is proposed", []Edit{
		{"core/propose.go", "	if f.accepted.Less(v.accepted) {\n", "	if !f.accepted.Exists() || v.accepted.Less(f.accepted) {\n"},
	}},
	{"accepts-below-promise", "a proposal below the promise is accepted", []Edit{
		{"core/accept.go", "	if m.Ballot.Less(n.promised) {\n		n.refuse(from, m.Ballot, out)\n		return\n	}\n", "	if m.Ballot.Less(n.accepted) {\n		n.refuse(from, m.Ballot, out)\n		return\n	}\n"},
	}},
	{"promise-falls", "a promise falls to a lower unsuspected member", []Edit{
		{"core/vote.go", "	case n.promised.Less(hint) && c == n.self:\n		n.startLead(now, hint, out)\n	case n.promised.Less(hint):", "	case n.promised != hint && c == n.self:\n		n.startLead(now, hint, out)\n	case n.promised != hint:"},
	}},
	{"prepare-without-promise", "a question is answered without a promise", []Edit{
		{"core/vote.go", "	n.promise(m.Ballot, out)\n	n.sendVote(now, out)\n", "	held := n.promised\n	n.promised = m.Ballot\n	n.writeVote(out)\n	n.promised = held\n"},
	}},
	{"votes-counted-twice", "a vote that comes twice counts twice", []Edit{
		{"core/lead.go", "	refused Ballot // the", "	heard   int\n	refused Ballot // the"},
		{"core/lead.go", "	n.lead.voters = n.lead.voters.With(v.from)\n", "	n.lead.voters = n.lead.voters.With(v.from)\n	n.lead.heard++\n"},
		{"core/lead.go", "	if !n.quorum(n.lead.voters) {\n		if found", "	if !n.quorum(n.lead.voters) && 2*(n.lead.heard+1) <= n.view.World() {\n		if found"},
		{"core/encode.go", "	buf = l.voters.AppendState(buf)\n", "	buf = l.voters.AppendState(append(buf, byte(min(l.heard, 9))))\n"},
	}},
	{"acks-counted-twice", "an acceptance that comes twice counts twice", []Edit{
		{"core/lead.go", "	refused Ballot // the", "	heard   int\n	refused Ballot // the"},
		{"core/accept.go", "	n.lead.acks = n.lead.acks.With(from)\n", "	n.lead.acks = n.lead.acks.With(from)\n	n.lead.heard++\n"},
		{"core/accept.go", "	if !n.quorum(n.lead.acks) {\n", "	if !n.quorum(n.lead.acks) && 2*(n.lead.heard+1) <= n.view.World() {\n"},
		{"core/encode.go", "		return l.acks.AppendState(buf)\n", "		return append(l.acks.AppendState(buf), byte(min(l.heard, 9)))\n"},
	}},
	{"votes-carry-acceptance", "a vote counts as an acceptance", []Edit{
		{"core/propose.go", "	n.lead.acks = NodeSetOf(n.self)\n", "	n.lead.acks = n.lead.voters\n"},
	}},
	{"agreement-survives-install", "what was accepted survives an install", []Edit{
		{"core/node.go", "	n.promised, n.accepted, n.chosen, n.voted = NoBallot, NoBallot, NodeSet{}, NodeSet{}\n", "	n.promised, n.voted = NoBallot, NodeSet{}\n"},
	}},
	{"proposal-to-survivors-only", "a proposal is sent only to those who stay", []Edit{
		{"core/lead.go", "n.sendProposal(n.view.set.Minus(n.lead.acks), out)", "n.sendProposal(n.view.set.Minus(n.lead.acks).Minus(n.lead.value), out)"},
		{"core/propose.go", "	n.sendProposal(n.view.set, out)\n", "	n.sendProposal(n.view.set.Minus(value), out)\n"},
	}},
	{"rounds-rise-by-time", "whoever waits outbids the coordinator, for ever", []Edit{
		{"core/vote.go", "	if n.self > n.promised.Coordinator {\n		n.armOnce(", "	if n.self != n.promised.Coordinator {\n		n.armOnce("},
		{"core/vote.go", "	if !n.engaged() || !suspect && n.self < n.promised.Coordinator {\n", "	if !n.engaged() || !suspect && n.self == n.promised.Coordinator {\n"},
	}},
	{"stale-ack-counts", "a stale ballot's acceptance counts", []Edit{
		{"core/accept.go", "	if n.lead.phase != proposed || m.Ballot != n.lead.ballot {\n", "	if n.lead.phase != proposed {\n"},
	}},
}
