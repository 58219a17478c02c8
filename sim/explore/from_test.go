package explore

import (
	"context"
	"errors"
	"slices"
	"testing"

	"nexarsim/core"
)

// lenient is a node that counts an acceptance of an older ballot of its own for the one that it has proposed last.
type lenient struct {
	core.Machine
	proposed core.Ballot
}

func newLenient(s core.Setup) (core.Machine, error) {
	s.Config.Rule = core.Majority
	n, err := core.New(s)
	return &lenient{n, core.NoBallot}, err
}

func (l *lenient) Clone() core.Machine { return &lenient{l.Machine.Clone(), l.proposed} }

func (l *lenient) AppendState(buf []byte) []byte {
	return append(l.Machine.AppendState(buf), byte(l.proposed.Round), byte(l.proposed.Coordinator+1))
}

func (l *lenient) Step(now core.Instant, in *core.Input, out *core.Effects) {
	changed := *in
	if in.Kind == core.InDeliver && in.Msg.Kind == core.Ack {
		changed.Msg.Ballot = l.proposed
	}
	l.Machine.Step(now, &changed, out)
	for i := range out.List() {
		if e := &out.List()[i]; e.Kind == core.OutSend && out.Message(e).Kind == core.Agreement {
			l.proposed = out.Message(e).Ballot
		}
	}
}

func (l *lenient) Spent(from core.NodeID, m *core.Message) (spent, answered bool) {
	if m.Kind == core.Ack {
		return false, false
	}
	return l.Machine.(*core.Node).Spent(from, m)
}

func (l *lenient) Supersedes(newer, older *core.Message) bool {
	return l.Machine.(*core.Node).Supersedes(newer, older)
}

func (l *lenient) TimerName(id core.TimerID) string { return l.Machine.(*core.Node).TimerName(id) }

func (l *lenient) TimerLasts(id core.TimerID) bool { return l.Machine.(*core.Node).TimerLasts(id) }

func send(kind string, from, to int) Step {
	return Step{Do: DoDeliver, Kind: kind, Node: from, Peer: to, Nth: 1}
}

// threeRounds is a schedule in which an acceptance of an older ballot is worth something: node 1 proposes to leave 0 out,
// and 3 accepts; 2 does not hear of it and proposes, with the promise of 0, to leave 1 out; 1 is refused, learns of that
// from 2 in its second ballot, and proposes it, with the promise of 3.
var threeRounds = []Step{
	{Do: DoSuspect, Node: 1, Peer: 0}, {Do: DoTimer, Node: 1, Timer: "retransmit"},
	send("prepare", 1, 2), send("prepare", 1, 3), send("vote", 2, 1), send("vote", 3, 1), send("agreement", 1, 3),
	{Do: DoSuspect, Node: 2, Peer: 1}, {Do: DoTimer, Node: 2, Timer: "take-over"},
	send("prepare", 2, 0), send("vote", 0, 2), {Do: DoTimer, Node: 2, Timer: "window"},
	send("agreement", 1, 2), send("refusal", 2, 1), {Do: DoTimer, Node: 1, Timer: "take-over"},
	send("prepare", 1, 2), send("prepare", 1, 3), send("vote", 2, 1), send("vote", 3, 1),
	send("agreement", 1, 2), send("ack", 2, 1), {Do: DoTimer, Node: 3, Timer: "take-over"},
	send("prepare", 3, 0), send("vote", 0, 3),
}

// threeRoundsEnd is how two nodes come to two views after it: 1 takes the acceptance of 3 for one of its second ballot,
// while 3, with the promise of 0, proposes what it has accepted.
var threeRoundsEnd = []Step{
	send("ack", 3, 1), send("agreement", 3, 0), send("ack", 0, 3), send("commit", 1, 2),
}

var threeRoundsBudget = Budget{FalseSuspicions: 2, EarlyTimeouts: 4}

// TestStaleAck: an acceptance that is counted for a later ballot makes two views of one epoch, three ballots and an older
// acceptance on from the start; the core as it is does not decide by it.
func TestStaleAck(t *testing.T) {
	c := Config{Protocol: "quorum", Make: newLenient, World: 4, Budget: threeRoundsBudget}
	v := Violation{Property: "agreement", Steps: len(threeRounds) + len(threeRoundsEnd), Schedule: Schedule{Config: c, Steps: slices.Concat(threeRounds, threeRoundsEnd)}}
	checkReplay(t, &v)
	c.Make = nil
	_, err := Replay(&Schedule{Config: c, Steps: v.Schedule.Steps})
	if d := (*Diverged)(nil); !errors.As(err, &d) || d.At != len(threeRounds)+1 {
		t.Errorf("the core as it is: %v", err)
	}
}

// TestFrom: a search that begins behind a schedule finds what is ahead of it, and tells it from the start on.
func TestFrom(t *testing.T) {
	for _, c := range []struct {
		make1 func(core.Setup) (core.Machine, error)
		want  int
		depth int // 0: the search is whole
	}{{newLenient, len(threeRounds) + len(threeRoundsEnd), len(threeRoundsEnd)}, {nil, 0, 0}} {
		config := Config{Protocol: "quorum", Make: c.make1, World: 4, Budget: threeRoundsBudget}
		r, err := Run(context.Background(), config, Options{Workers: 2, From: threeRounds, MaxDepth: c.depth})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d states, %v, doubt %q", r.States, findings(r), r.Doubt)
		if c.want == 0 && (len(r.Violations) > 0 || !r.Complete()) {
			t.Errorf("found %v", findings(r))
		}
		for i := range r.Violations {
			v := &r.Violations[i]
			checkReplay(t, v)
			if v.Property == "agreement" && v.Steps > c.want {
				t.Errorf("agreement in %d steps, by hand %d", v.Steps, c.want)
			}
		}
		if c.want > 0 && !slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.Property == "agreement" }) {
			t.Errorf("found %v, expected agreement", findings(r))
		}
	}
	config := Config{Protocol: "quorum", World: 4}
	_, err := Run(context.Background(), config, Options{Workers: 1, From: threeRounds})
	if d := (*Diverged)(nil); !errors.As(err, &d) || d.At != 1 {
		t.Errorf("without a budget: %v", err)
	}
}
