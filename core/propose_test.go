package core

import (
	"testing"

	"pgregory.net/rapid"
)

// twinVote is a promise as the starred sentences of docs/protocol.md speak of it.
type twinVote struct {
	from     NodeID
	round    uint32
	by       NodeID // NoNode: has accepted nothing
	accepted uint64
	suspects uint64
}

// twinProposal says again what a coordinator that holds these promises may propose.
func twinProposal(rule Rule, members []NodeID, self NodeID, suspects uint64, votes []twinVote) uint64 {
	best := -1
	voters, union := mask(), uint64(0)
	for i, v := range votes {
		voters |= mask(v.from)
		if v.by == NoNode {
			union |= v.suspects
			continue
		}
		if best < 0 || votes[best].round < v.round || votes[best].round == v.round && votes[best].by < v.by {
			best = i
		}
	}
	// The accepted value of the highest ballot, if there is one.
	if best >= 0 {
		return votes[best].accepted
	}
	// Else the union of the suspicions, without those that have voted in this ballot.
	lenient := uint64(0)
	for _, id := range members {
		if union>>uint(id)&1 != 0 && voters>>uint(id)&1 == 0 {
			lenient |= mask(id)
		}
	}
	// But for those whom the coordinator suspects itself at that moment, if those who stay are a quorum.
	strict := lenient
	for _, id := range members {
		if id != self && suspects>>uint(id)&1 != 0 && voters>>uint(id)&1 != 0 {
			strict |= mask(id)
		}
	}
	stay := mask(members...) &^ strict
	enough := naiveMajority(members, stay)
	if rule == FailStop {
		enough = mask(members...)&^suspects&^stay == 0
	}
	if enough {
		return strict
	}
	return lenient
}

// TestProposalTwin compares what a coordinator proposes with that, for arbitrary promises.
func TestProposalTwin(t *testing.T) {
	const world = 7
	rapid.Check(t, func(t *rapid.T) {
		any := rapid.Uint64Range(0, 1<<world-1)
		members := rapid.Uint64Range(1, 1<<world-1).Draw(t, "members")
		v := viewOf(world, members)
		self := rapid.SampledFrom(v.Members()).Draw(t, "self")
		rule := rapid.SampledFrom([]Rule{Majority, FailStop}).Draw(t, "rule")
		draw := func(from NodeID) twinVote {
			vote := twinVote{from: from, by: NoNode, suspects: any.Draw(t, "suspects") & members &^ mask(from)}
			if rapid.IntRange(0, 3).Draw(t, "accepted") == 0 {
				vote.round = rapid.Uint32Range(0, 2).Draw(t, "round")
				vote.by = rapid.SampledFrom(v.Members()).Draw(t, "by")
				// One proposal for each ballot: what was accepted is a function of it.
				vote.accepted = members & (uint64(vote.round)*37 + uint64(vote.by)*11 + 1)
			}
			return vote
		}
		own := draw(self)
		votes := []twinVote{own}
		for _, id := range v.Members() {
			if id != self && rapid.Bool().Draw(t, "votes") {
				votes = append(votes, draw(id))
			}
		}

		n, err := New(Setup{Self: self, World: world, CommID: 1, Config: testConfig(rule, Automatic, true)})
		if err != nil {
			t.Fatal(err)
		}
		n.view = v
		n.suspected = NodeSetOf(unmask(own.suspects)...)
		n.lead.phase, n.lead.voters = collecting, NodeSetOf(self)
		if own.by != NoNode {
			n.accepted, n.chosen = Ballot{own.round, own.by}, NodeSetOf(unmask(own.accepted)...)
		}
		for _, vote := range rapid.Permutation(votes[1:]).Draw(t, "order") {
			set, accepted := vote.suspects, NoBallot
			if vote.by != NoNode {
				set, accepted = vote.accepted, Ballot{vote.round, vote.by}
			}
			n.record(promiseOf(vote.from, set, accepted))
		}

		got := n.proposal(n.findings())
		want := twinProposal(rule, v.Members(), self, own.suspects, votes)
		if maskOf(got) != want {
			t.Fatalf("proposal is %v, want %v, of %v by %d with %+v", got, unmask(want), v.Members(), self, votes)
		}
	})
}

func promiseOf(from NodeID, set uint64, accepted Ballot) vote {
	return vote{from: from, set: NodeSetOf(unmask(set)...), accepted: accepted}
}
