package core

import "testing"

// TestSpent: what a node calls spent, and the nearest message that it does not.
func TestSpent(t *testing.T) {
	n, err := New(Setup{Self: 1, World: 3, CommID: 7, Config: externalConfig()})
	if err != nil {
		t.Fatal(err)
	}
	var out Effects
	step := func(in Input) {
		out.Reset()
		n.Step(0, &in, &out)
	}
	step(Input{Kind: InStart})
	step(Input{Kind: InSuspect, Peer: 0}) // it leads ballot 0.1
	own, other := Ballot{0, 1}, Ballot{0, 0}
	message := func(k Kind, b Ballot) Message {
		return Message{Kind: k, Group: 7, Ballot: b, Set: NodeSetOf(0)}
	}
	for _, x := range []struct {
		name            string
		from            NodeID
		m               Message
		spent, answered bool
	}{
		{"a vote for the ballot that it leads", 2, message(Vote, own), false, false},
		{"a vote for somebody else's ballot", 2, message(Vote, other), true, false},
		{"a question of a higher ballot", 2, message(Prepare, Ballot{0, 2}), false, false},
		{"a question of a lower one", 0, message(Prepare, other), false, true},
		{"a proposal of a lower ballot", 0, message(Agreement, other), false, true},
		{"a proposal by another than its coordinator", 2, message(Agreement, other), true, true},
		{"an ack of a ballot that it may yet lead", 2, message(Ack, Ballot{1, 1}), false, false},
		{"a refusal of its ballot", 2, Message{Kind: Refusal, Group: 7, Ballot: own, Num: Ballot{0, 2}.pack()}, false, false},
		{"a refusal that names nothing higher", 2, Message{Kind: Refusal, Group: 7, Ballot: own, Num: other.pack()}, true, false},
		{"a decision", 2, message(Commit, NoBallot), false, false},
		{"another group's decision", 2, Message{Kind: Commit, Group: 8, Set: NodeSetOf(0)}, true, false},
		{"a later epoch's vote", 2, Message{Kind: Vote, Group: 7, Epoch: 1, Ballot: own}, false, false},
	} {
		spent, answered := n.Spent(x.from, &x.m)
		if spent != x.spent || answered != x.answered {
			t.Errorf("%s: spent %v, answered %v; expected %v, %v", x.name, spent, answered, x.spent, x.answered)
		}
	}
	vote := message(Vote, own)
	step(Input{Kind: InDeliver, From: 2, Msg: vote}) // and now it has proposed
	if spent, _ := n.Spent(2, &vote); !spent {
		t.Error("a vote for a ballot that is proposed already is not spent")
	}
	ack := message(Ack, own)
	if spent, _ := n.Spent(2, &ack); spent {
		t.Error("the ack that decides is spent")
	}
	step(Input{Kind: InDeliver, From: 2, Msg: ack})
	if spent, _ := n.Spent(2, &ack); !spent {
		t.Error("an old epoch's ack is not spent")
	}
}

// TestSupersedes: a vote replaces one of its own ballot, and nothing else.
func TestSupersedes(t *testing.T) {
	n := new(Node)
	vote := Message{Kind: Vote, Ballot: Ballot{0, 1}}
	later := Message{Kind: Vote, Ballot: Ballot{1, 1}}
	if !n.Supersedes(&vote, &vote) || n.Supersedes(&later, &vote) || n.Supersedes(&vote, &Message{Kind: Ack, Ballot: vote.Ballot}) {
		t.Error("which messages make which others idle")
	}
}

// TestTimerNames: each timer has a name of its own, and only the last one outlasts the others.
func TestTimerNames(t *testing.T) {
	n, seen := new(Node), map[string]bool{}
	for id := range timerCount {
		name := n.TimerName(id)
		if name == "" || name == "invalid" || seen[name] || n.TimerLasts(id) != (id == timerLinger) {
			t.Errorf("timer %d: %q, lasts %v", id, name, n.TimerLasts(id))
		}
		seen[name] = true
	}
	if n.TimerName(timerCount) != "invalid" {
		t.Error("a timer too many has a name")
	}
}

func externalConfig() Config {
	c := DefaultConfig()
	c.ExternalDetector = true
	return c
}
