package core

import (
	"math"
	"slices"
	"testing"
)

// hostileNodes is node numbers that no honest sender would use. (The far end of NodeID is missing on purpose: a set that
// holds 2147483647 takes 256 MB.)
var hostileNodes = []NodeID{0, 1, 2, 3, 4, -1, math.MinInt32, 5, 63, 64, 65, 4096, 1 << 20}

var hostileEpochs = []Epoch{0, 1, 2, 3, 7, 1 << 31, math.MaxUint32 - 8, math.MaxUint32}

var hostileRounds = []uint32{0, 1, 2, math.MaxUint32 - 1, math.MaxUint32}

var hostileNumbers = []uint64{0, 1, 2, 1 << 31, 1 << 32, 1<<32 + 1, math.MaxUint32, 1 << 63, math.MaxUint64}

// hostileMessage reads a message of any content from a program.
func hostileMessage(p *program, group uint64) Message {
	m := Message{
		Kind: Kind(p.choose(10)), Group: group, Epoch: hostileEpochs[p.choose(len(hostileEpochs))], Body: "x"[:p.choose(2)],
		Ballot: Ballot{hostileRounds[p.choose(len(hostileRounds))], hostileNodes[p.choose(len(hostileNodes))]},
		Num:    hostileNumbers[p.choose(len(hostileNumbers))],
	}
	for range p.choose(4) {
		m.Set = m.Set.Union(NodeSetOf(hostileNodes[p.choose(len(hostileNodes))]))
	}
	if p.choose(4) == 3 {
		m.Num = m.Ballot.pack()
	}
	if p.choose(16) == 15 {
		m.Group++
	}
	return m
}

// hostileInput reads an input of any content.
func hostileInput(p *program, group uint64) Input {
	return Input{
		Kind: InputKind(p.choose(int(InShutdown) + 3)), Timer: TimerID(p.choose(256)), Call: CallOp(p.choose(9)), Hold: p.choose(2) == 1,
		From: hostileNodes[p.choose(len(hostileNodes))], Peer: hostileNodes[p.choose(len(hostileNodes))],
		ID: hostileNumbers[p.choose(len(hostileNumbers))], Phase: int64(hostileNumbers[p.choose(len(hostileNumbers))]),
		Err: "x"[:p.choose(2)], Msg: hostileMessage(p, group),
	}
}

// survive takes one step and holds it to what any step owes: it returns, its effects are bounded, a view only grows by
// one, with the node in it, and nothing is sent to strangers.
func survive(t *testing.T, n *Node, now Instant, in *Input, out *Effects) {
	t.Helper()
	epoch := n.View().Epoch
	out.Reset()
	n.Step(now, in, out)
	if len(out.List()) > 4*n.world+64 {
		t.Fatalf("%d effects after %+v", len(out.List()), in)
	}
	for i := range out.List() {
		e := &out.List()[i]
		switch e.Kind {
		case OutSend:
			if e.Peer < 0 || int(e.Peer) >= n.world || e.Peer == n.self || out.Message(e).Group != n.group {
				t.Fatalf("%+v is sent to %d after %+v", out.Message(e), e.Peer, in)
			}
		case OutBelieve:
			if e.Peer < 0 || int(e.Peer) >= n.world || e.Peer == n.self {
				t.Fatalf("a belief about %d after %+v", e.Peer, in)
			}
		case OutInstall:
			v := out.Install(e).View
			if epoch++; v.Epoch != epoch || v.Rank(n.self) == NoRank || !v.Set().SubsetOf(NodeRange(n.world)) {
				t.Fatalf("epoch %d of %v is installed as number %d after %+v", v.Epoch, v.Members(), epoch, in)
			}
		case OutPanic:
			t.Fatalf("panic %q after %+v", out.Text(e), in)
		}
	}
	if len(n.decided) > n.world || len(n.lead.votes) >= n.world {
		t.Fatalf("%d decisions and %d votes are kept after %+v", len(n.decided), len(n.lead.votes), in)
	}
	n.AppendState(nil)
}

// hostileSeeds opens the corpus: schedules of the random search, and some that reach far with few bytes.
func hostileSeeds(f *testing.F) {
	for seed := range uint64(6) {
		f.Add(randomProgram(seed), randomProgram(seed+100))
	}
	f.Add([]byte{2}, []byte{1, 1, 0, 3, 1, 4})
	f.Add([]byte{}, []byte{})
}

// FuzzDeliver brings any message, from anybody, into any state that a random schedule reaches.
func FuzzDeliver(f *testing.F) {
	hostileSeeds(f)
	f.Fuzz(func(t *testing.T, schedule, hostile []byte) {
		if len(schedule) > 400 || len(hostile) > 400 {
			return
		}
		s := newSchedule(t, schedule, newCommBook())
		if v := s.run(); v != "" {
			t.Fatal(v)
		}
		// Not the end of it, where everybody agrees, but any moment before.
		s = newSchedule(t, schedule, newCommBook())
		s.startAll()
		for s.more() {
			s.act()
		}
		p := &program{bytes: hostile}
		for p.more() {
			n := s.nodes[p.choose(len(s.nodes))]
			in := Input{Kind: InDeliver, From: hostileNodes[p.choose(len(hostileNodes))], Msg: hostileMessage(p, s.judge.group)}
			survive(t, n, s.now, &in, &s.out)
		}
	})
}

// FuzzStep gives a single node inputs of any kind and content, with a clock that may jump back.
func FuzzStep(f *testing.F) {
	hostileSeeds(f)
	f.Fuzz(func(t *testing.T, head, hostile []byte) {
		if len(hostile) > 2000 {
			return
		}
		h, p := &program{bytes: head}, &program{bytes: hostile}
		world := []int{1, 2, 3, 5, 66}[h.choose(5)]
		cfg := testConfig([]Rule{Majority, FailStop}[h.choose(2)], Policy(1+h.choose(3)), h.choose(2) == 0)
		self := NodeID(h.choose(world))
		n, err := New(Setup{Self: self, World: world, CommID: testGroup(world), Config: cfg})
		if err != nil {
			t.Fatal(err)
		}
		var out Effects
		now := Instant(0)
		if h.choose(4) > 0 {
			survive(t, n, now, &Input{Kind: InStart}, &out)
		}
		for p.more() {
			now += Instant(hostileNumbers[p.choose(len(hostileNumbers))])
			in := hostileInput(p, testGroup(world))
			survive(t, n, now, &in, &out)
			if p.choose(8) == 0 {
				n = n.Clone().(*Node)
			}
		}
	})
}

// FuzzSchedule is the random search under the fuzzer, which looks for new code instead of new bytes.
func FuzzSchedule(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(randomProgram(seed))
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		if len(bytes) > 1000 {
			return
		}
		if v := runProgram(t, slices.Clone(bytes), newCommBook(), newReach(), nil); v != "" {
			t.Fatalf("%s\n%s", v, shortest(t, bytes, v))
		}
	})
}
