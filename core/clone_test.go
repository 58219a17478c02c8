package core

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// randomInput is any input that a driver could give, for a node of a small world.
func randomInput(r *rand.Rand, world int, group uint64) Input {
	node := func() NodeID { return NodeID(r.IntN(world)) }
	ballot := func() Ballot { return Ballot{uint32(r.IntN(3)), node()} }
	in := Input{
		Kind: InputKind(1 + r.IntN(int(InShutdown))), Timer: TimerID(r.IntN(int(timerCount))), Call: CallOp(1 + r.IntN(6)),
		Hold: r.IntN(4) == 0, From: node(), Peer: node(), ID: uint64(r.IntN(9)), Phase: int64(r.IntN(1e9)),
	}
	in.Msg = Message{
		Kind: Kind(1 + r.IntN(8)), Group: group, Epoch: Epoch(r.IntN(3)), Ballot: ballot(),
		Set: NodeSetOf(unmask(r.Uint64N(1 << world))...), Num: uint64(r.IntN(5)),
	}
	switch in.Msg.Kind {
	case Vote, Refusal:
		if r.IntN(2) == 0 {
			in.Msg.Num = ballot().pack()
		}
	case Prepare, Agreement:
		in.Msg.Ballot.Coordinator = in.From
	}
	if r.IntN(3) > 0 {
		in.Kind = InDeliver
	}
	return in
}

// effectsOf is everything that a step asks for, as one value.
func effectsOf(o *Effects) string {
	var b bytes.Buffer
	for i := range o.List() {
		e := &o.List()[i]
		fmt.Fprintf(&b, "%+v", *e)
		switch e.Kind {
		case OutSend:
			fmt.Fprintf(&b, " %+v", *o.Message(e))
		case OutInstall:
			fmt.Fprintf(&b, " %+v", *o.Install(e))
		case OutEvent:
			fmt.Fprintf(&b, " %+v", *o.Event(e))
		case OutDone:
			fmt.Fprintf(&b, " %+v", *o.Done(e))
		case OutEnd, OutPanic:
			fmt.Fprintf(&b, " %s", o.Text(e))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestCloneIndependence: whatever a clone goes through, the original's state does not change; and a clone does exactly what
// the original does, down to its encoding. It is tried before every step of random schedules.
func TestCloneIndependence(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var out Effects
	for seed := range uint64(300) {
		s := newSchedule(t, randomProgram(seed), newCommBook())
		var want string     // the effects of the step
		var state []byte    // and the state after it
		var stepped *Node   // of this node
		verify := func() {} // compares with what the original did
		s.before = func(n *Node, in *Input) {
			verify()
			start := n.AppendState(nil)
			same := n.Clone().(*Node)
			if got := same.AppendState(nil); !bytes.Equal(start, got) {
				t.Fatalf("seed %d: a clone encodes as %x, want %x", seed, got, start)
			}
			out.Reset()
			same.Step(s.now, in, &out)
			want, state, stepped = effectsOf(&out), same.AppendState(nil), n
			for range 5 {
				other := randomInput(r, len(s.nodes), s.judge.group)
				out.Reset()
				same.Step(s.now, &other, &out)
			}
			if got := n.AppendState(nil); !bytes.Equal(start, got) {
				t.Fatalf("seed %d: node %d: steps of a clone changed the original from %x to %x", seed, n.self, start, got)
			}
			verify = func() {
				if diff := cmp.Diff(want, effectsOf(&s.out)); diff != "" {
					t.Fatalf("seed %d: node %d and its clone: effects differ (-clone +node)\n%s", seed, stepped.self, diff)
				}
				if got := stepped.AppendState(nil); !bytes.Equal(state, got) {
					t.Fatalf("seed %d: node %d encodes as %x, its clone as %x", seed, stepped.self, got, state)
				}
			}
		}
		if v := s.run(); v != "" {
			t.Fatalf("seed %d: %s", seed, v)
		}
		verify()
	}
}

// TestDeterminism: the same inputs, after a rerun from the start, give the same effects and encodings.
func TestDeterminism(t *testing.T) {
	record := func(seed uint64) []string {
		var steps []string
		s := newSchedule(t, randomProgram(seed), newCommBook())
		s.before = func(n *Node, in *Input) {
			steps = append(steps, effectsOf(&s.out), string(n.AppendState(nil)))
		}
		if v := s.run(); v != "" {
			t.Fatalf("seed %d: %s", seed, v)
		}
		return steps
	}
	for seed := range uint64(200) {
		if diff := cmp.Diff(record(seed), record(seed)); diff != "" {
			t.Fatalf("seed %d (-first +second)\n%s", seed, diff)
		}
	}
}

// stepAll gives a new node inputs and returns its encoding.
func stepAll(t testing.TB, cfg Config, world int, now Instant, inputs []Input) []byte {
	t.Helper()
	n, err := New(Setup{Self: 0, World: world, CommID: testGroup(world), Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	var out Effects
	for i := range inputs {
		out.Reset()
		n.Step(now, &inputs[i], &out)
		if !cfg.ExternalDetector {
			now += Instant(inputs[i].ID)
		}
	}
	return n.AppendState(nil)
}

// TestEncodingIgnoresOrderOfArrival: votes, and later acks, that arrive in another order lead to the same state.
func TestEncodingIgnoresOrderOfArrival(t *testing.T) {
	const world = 9
	group := testGroup(world)
	rapid.Check(t, func(rt *rapid.T) {
		inputs := []Input{{Kind: InStart}, {Kind: InSuspect, Peer: 8}}
		var votes []Input
		for _, from := range rapid.Permutation([]NodeID{1, 2, 3, 4, 5, 6, 7}).Draw(rt, "voters")[:rapid.IntRange(2, 7).Draw(rt, "votes")] {
			m := Message{Kind: Vote, Group: group, Ballot: Ballot{0, 0}, Set: NodeSetOf(8)}
			if len(votes) < 3 {
				m.Set = NodeSetOf(8, NodeID(rapid.IntRange(1, 8).Draw(rt, "suspected"))).Without(from)
			}
			votes = append(votes, Input{Kind: InDeliver, From: from, Msg: m})
		}
		below := min(len(votes), 3) // with the fourth there is a quorum, and the order decides whose news come in time
		first := slices.Concat(inputs, rapid.Permutation(votes[:below]).Draw(rt, "first"))
		second := slices.Concat(inputs, rapid.Permutation(votes[:below]).Draw(rt, "second"))
		if len(votes) == 7 {
			// All have voted: a proposal, and acks below a quorum.
			for i, in := range votes[below:] {
				in.Msg.Set = NodeSetOf(8)
				votes[below+i] = in
			}
			first, second = append(first, votes[below:]...), append(second, votes[below:]...)
			var acks []Input
			for _, from := range []NodeID{2, 5, 7} {
				acks = append(acks, Input{Kind: InDeliver, From: from, Msg: Message{Kind: Ack, Group: group, Ballot: Ballot{0, 0}}})
			}
			first = append(first, rapid.Permutation(acks).Draw(rt, "first acks")...)
			second = append(second, rapid.Permutation(acks).Draw(rt, "second acks")...)
		}
		cfg := testConfig(Majority, Automatic, true)
		if a, b := stepAll(t, cfg, world, 0, first), stepAll(t, cfg, world, 0, second); !bytes.Equal(a, b) {
			rt.Fatalf("states differ:\n%x\n%x", a, b)
		}
	})
}

// TestEncodingIgnoresTheHour: the same life at another time of the clock leads to the same state.
func TestEncodingIgnoresTheHour(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 3))
		inputs := []Input{{Kind: InStart, Phase: 5e8}}
		for range r.IntN(40) {
			in := randomInput(r, 5, testGroup(5))
			in.ID = r.Uint64N(uint64(time.Second)) // here: how long until the next one
			inputs = append(inputs, in)
		}
		cfg := testConfig(Majority, Policy(1+r.IntN(3)), false)
		a, b := stepAll(t, cfg, 5, 0, inputs), stepAll(t, cfg, 5, 1e17, inputs)
		if !bytes.Equal(a, b) {
			t.Fatalf("seed %d: states differ:\n%x\n%x", seed, a, b)
		}
	}
}

// TestEncodingTellsApart: nodes that encode alike do the same for whatever comes next. Random nodes are sorted by their
// encoding, and all of one encoding are given the same inputs.
func TestEncodingTellsApart(t *testing.T) {
	const world = 3
	cfg := testConfig(Majority, Automatic, true)
	r := rand.New(rand.NewPCG(5, 6))
	alike := map[string]*Node{}
	pairs := 0
	var out Effects
	for range 20000 {
		n, err := New(Setup{Self: 1, World: world, CommID: testGroup(world), Config: cfg})
		if err != nil {
			t.Fatal(err)
		}
		n.Step(0, &Input{Kind: InStart}, &out)
		for range r.IntN(7) {
			in := randomInput(r, world, testGroup(world))
			in.Msg.Epoch = 0
			if in.Kind == InShutdown || in.Kind == InDeliver && in.Msg.Kind == Commit {
				continue
			}
			out.Reset()
			n.Step(0, &in, &out)
		}
		code := string(n.AppendState(nil))
		other, ok := alike[code]
		if !ok || reflect.DeepEqual(other, n) {
			alike[code] = n
			continue
		}
		pairs++
		a, b := other.Clone(), n.Clone()
		for range 6 {
			in := randomInput(r, world, testGroup(world))
			var outA, outB Effects
			a.Step(0, &in, &outA)
			b.Step(0, &in, &outB)
			if diff := cmp.Diff(effectsOf(&outA), effectsOf(&outB)); diff != "" {
				t.Fatalf("two nodes encode alike and differ after %+v\n%s\n%+v\n%+v", in, diff, other, n)
			}
			if got, want := b.AppendState(nil), a.AppendState(nil); !bytes.Equal(got, want) {
				t.Fatalf("two nodes encode alike, and differently after %+v\n%+v\n%+v", in, other, n)
			}
		}
	}
	if pairs == 0 {
		t.Error("no two different nodes encoded alike: nothing was tried")
	}
	t.Logf("%d encodings, %d pairs of different nodes that encode alike", len(alike), pairs)
}
