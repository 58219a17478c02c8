package planted

import "nexarsim/sim/explore"

// Defect is a slip in the core for the hunt.
type Defect struct {
	Name  string // one word
	Words string // what goes wrong, as the table says it
	Edits []Edit

	// Where it is searched for, if not in all worlds of the hunt: what it takes is known and too much for those.
	In   *Budget
	From []explore.Step // and behind this schedule
}

// Hunted is the defects of the hunt. The first few any sweep finds, so that the table shows what a common defect looks like;
// then come those of which random runs show little or nothing.
func Hunted() []Defect { return hunted }

var hunted = []Defect{
	{Name: "half-without-the-lowest", Words: "any half of a view decides", Edits: []Edit{
		{"core/quorum.go", " && n > 0 && in.Has(v.members[0])", " && n > 0"},
	}},
	{Name: "union-keeps-voters", Words: "a voter left in the union of suspicions", Edits: []Edit{
		{"core/propose.go", "silent := f.suspicions.Minus(n.lead.voters)", "silent := f.suspicions"},
	}},
	{Name: "voters-excluded-below-a-quorum", Words: "voters are excluded though no quorum stays", Edits: []Edit{
		{"core/propose.go", "	if n.quorum(n.view.set.Minus(harsh)) {\n", "	if !harsh.Empty() {\n"},
	}},
	{Name: "asks-only-alone", Words: "a coordinator asks only while nobody has voted", Edits: []Edit{
		{"core/lead.go", "!n.quorum(n.lead.voters) && found.anything() {\n		n.ask(", "len(n.lead.votes) == 0 && found.anything() {\n		n.ask("},
	}},
	{Name: "old-questions-unanswered", Words: "old epochs' questions are not answered", Edits: []Edit{
		{"core/catchup.go", "	if m.Kind == Commit || m.Kind == Ack && m.Num == 0 {\n", "	if m.Epoch < Epoch(len(n.decided)) {\n"},
	}},
	{Name: "nobody-takes-over", Words: "nobody takes over from a suspected coordinator", Edits: []Edit{
		{"core/vote.go", "	if n.suspected.Has(n.promised.Coordinator) {\n		n.soonest(timerTakeOver, after(now, wait), out)\n		return\n	}\n", "	if n.suspected.Has(n.promised.Coordinator) {\n		return\n	}\n"},
	}},
	{Name: "excluded-goes-silent", Words: "the excluded node goes silent", Edits: []Edit{
		{"core/install.go", "n.stop(learner, EndEvicted, \"\", out)", "n.stop(ended, EndEvicted, \"\", out)"},
		{"core/install.go", "	n.arm(timerLinger, after(now, n.times.Linger), out)\n", ""},
	}},
	{Name: "accepted-forgotten", Words: "the accepted proposal is forgotten at a new promise", Edits: []Edit{
		{"core/vote.go", "	n.promised = b\n", "	n.promised = b\n	n.accepted, n.chosen = NoBallot, NodeSet{}\n"},
	}},
	{Name: "vote-hides-older-acceptance", Words: "a vote tells only what was accepted in its own ballot", Edits: []Edit{
		{"core/vote.go", "	if n.accepted.Exists() {\n		m.Set, m.Num", "	if n.accepted == n.promised {\n		m.Set, m.Num"},
	}},
	{Name: "own-acceptance-ignored", Words: "a coordinator ignores its own acceptance", Edits: []Edit{
		{"core/lead.go", "f := findings{suspicions: n.suspected, accepted: n.accepted, value: n.chosen}", "f := findings{suspicions: n.suspected, accepted: NoBallot}"},
	}},
	{Name: "union-over-accepted", Words: "suspicions are added to what was accepted already", Edits: []Edit{
		{"core/propose.go", "		return f.value\n", "		return f.value.Union(f.suspicions.Minus(n.lead.voters))\n"},
	}},
	{Name: "first-accepted-wins", Words: "not the highest accepted ballot is proposed, but the first", Edits: []Edit{
		{"core/propose.go", "	if f.accepted.Less(v.accepted) {\n", "	if !f.accepted.Exists() {\n"},
	}},
	{Name: "lowest-accepted-wins", Words: "of two accepted proposals the older one is proposed", Edits: []Edit{
		{"core/propose.go", "	if f.accepted.Less(v.accepted) {\n", "	if !f.accepted.Exists() || v.accepted.Less(f.accepted) {\n"},
	}},
	{Name: "accepts-below-promise", Words: "a proposal below the promise is accepted", Edits: []Edit{
		{"core/accept.go", "	if m.Ballot.Less(n.promised) {\n		n.refuse(from, m.Ballot, out)\n		return\n	}\n", "	if m.Ballot.Less(n.accepted) {\n		n.refuse(from, m.Ballot, out)\n		return\n	}\n"},
	}},
	{Name: "promise-falls", Words: "a promise falls to a lower unsuspected member", Edits: []Edit{
		{"core/vote.go", "	case n.promised.Less(hint) && c == n.self:\n		n.startLead(now, hint, out)\n	case n.promised.Less(hint):", "	case n.promised != hint && c == n.self:\n		n.startLead(now, hint, out)\n	case n.promised != hint:"},
	}},
	{Name: "prepare-without-promise", Words: "a question is answered without a promise", Edits: []Edit{
		{"core/vote.go", "	n.promise(m.Ballot, out)\n	n.sendVote(now, out)\n", "	held := n.promised\n	n.promised = m.Ballot\n	n.writeVote(out)\n	n.promised = held\n"},
	}},
	{Name: "votes-counted-twice", Words: "a vote that comes twice counts twice", Edits: []Edit{
		{"core/lead.go", "	refused Ballot // the", "	heard   int\n	refused Ballot // the"},
		{"core/lead.go", "	n.lead.voters = n.lead.voters.With(v.from)\n", "	n.lead.voters = n.lead.voters.With(v.from)\n	n.lead.heard++\n"},
		{"core/lead.go", "	if !n.quorum(n.lead.voters) {\n		if found", "	if !n.quorum(n.lead.voters) && 2*(n.lead.heard+1) <= n.view.World() {\n		if found"},
		{"core/encode.go", "	buf = l.voters.AppendState(buf)\n", "	buf = l.voters.AppendState(append(buf, byte(min(l.heard, 9))))\n"},
	}},
	{Name: "votes-carry-acceptance", Words: "a vote counts as an acceptance", Edits: []Edit{
		{"core/propose.go", "	n.lead.acks = NodeSetOf(n.self)\n", "	n.lead.acks = n.lead.voters\n"},
	}},
	{Name: "agreement-survives-install", Words: "what was accepted survives an install", Edits: []Edit{
		{"core/node.go", "	n.promised, n.accepted, n.chosen, n.voted = NoBallot, NoBallot, NodeSet{}, NodeSet{}\n", "	n.promised, n.voted = NoBallot, NodeSet{}\n"},
	}},
	{Name: "proposal-to-survivors-only", Words: "a proposal is sent only to those who stay", Edits: []Edit{
		{"core/lead.go", "n.sendProposal(n.view.set.Minus(n.lead.acks), out)", "n.sendProposal(n.view.set.Minus(n.lead.acks).Minus(n.lead.value), out)"},
		{"core/propose.go", "	n.sendProposal(n.view.set, out)\n", "	n.sendProposal(n.view.set.Minus(value), out)\n"},
	}},
	{Name: "rounds-rise-by-time", Words: "whoever waits outbids the coordinator, for ever", Edits: []Edit{
		{"core/vote.go", "	if n.self > n.promised.Coordinator {\n		n.armOnce(", "	if n.self != n.promised.Coordinator {\n		n.armOnce("},
		{"core/vote.go", "	if !n.engaged() || !suspect && n.self < n.promised.Coordinator {\n", "	if !n.engaged() || !suspect && n.self == n.promised.Coordinator {\n"},
	}},
	{Name: "stale-ack-counts", Words: "a stale ballot's acceptance counts", Edits: []Edit{
		{"core/accept.go", "	if n.lead.phase != proposed || m.Ballot != n.lead.ballot {\n", "	if n.lead.phase != proposed {\n"},
	}, In: &Budget{Nodes: 4, FalseSuspicions: 2, EarlyTimeouts: 4}, From: threeRounds},
}

// threeRounds leads into the third ballot of three, the least in which an older acceptance is worth something: node 1
// proposes to leave 0 out, and 3 accepts; 2 does not hear of it and proposes, with the promise of 0, to leave 1 out; 1 is
// refused, learns of that from 2 in its second ballot, and proposes it, with the promise of 3, which then asks 0 itself.
var threeRounds = []explore.Step{
	{Do: explore.DoSuspect, Node: 1, Peer: 0}, timer(1, "retransmit"),
	deliver("prepare", 1, 2), deliver("prepare", 1, 3), deliver("vote", 2, 1), deliver("vote", 3, 1), deliver("agreement", 1, 3),
	{Do: explore.DoSuspect, Node: 2, Peer: 1}, timer(2, "take-over"),
	deliver("prepare", 2, 0), deliver("vote", 0, 2), timer(2, "window"),
	deliver("agreement", 1, 2), deliver("refusal", 2, 1), timer(1, "take-over"),
	deliver("prepare", 1, 2), deliver("prepare", 1, 3), deliver("vote", 2, 1), deliver("vote", 3, 1),
	deliver("agreement", 1, 2), deliver("ack", 2, 1), timer(3, "take-over"),
	deliver("prepare", 3, 0), deliver("vote", 0, 3),
}

func timer(node int, name string) explore.Step {
	return explore.Step{Do: explore.DoTimer, Node: node, Timer: name}
}

func deliver(kind string, from, to int) explore.Step {
	return explore.Step{Do: explore.DoDeliver, Kind: kind, Node: from, Peer: to, Nth: 1}
}
