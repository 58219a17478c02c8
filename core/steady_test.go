package core

import (
	"fmt"
	"testing"
	"time"
)

// steadyNode is a node that has started and heard everybody, and effects that it has filled before.
func steadyNode(t testing.TB, world int) (*Node, *Effects) {
	t.Helper()
	n, err := New(Setup{Self: 0, World: world, CommID: testGroup(world), Config: testConfig(Majority, Automatic, false)})
	if err != nil {
		t.Fatal(err)
	}
	out := &Effects{}
	n.Step(0, &Input{Kind: InStart}, out)
	out.Reset()
	n.Step(0, &Input{Kind: InTimer, Timer: timerTick}, out)
	return n, out
}

// steadySecond is one second of a node to whom nothing happens: its tick, everybody's heartbeats, and the silence timer
// whenever it is due.
func steadySecond(n *Node, world int, second uint64, out *Effects, in *Input) {
	now := Instant(second * uint64(time.Second))
	*in = Input{Kind: InTimer, Timer: timerTick}
	out.Reset()
	n.Step(now, in, out)
	*in = Input{Kind: InDeliver, Msg: Message{Kind: Heartbeat, Group: n.group, Num: second, Ballot: NoBallot}}
	for from := NodeID(1); int(from) < world; from++ {
		in.From = from
		out.Reset()
		n.Step(now, in, out)
	}
	if n.due[timerSilence] <= now {
		*in = Input{Kind: InTimer, Timer: timerSilence}
		out.Reset()
		n.Step(now, in, out)
	}
}

// TestSteadyStateAllocatesNothing, in worlds of one word.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	for _, world := range []int{2, 5, 64} {
		n, out := steadyNode(t, world)
		second := uint64(0)
		var in Input
		allocs := testing.AllocsPerRun(100, func() {
			second++
			steadySecond(n, world, second, out, &in)
		})
		if allocs != 0 {
			t.Errorf("world %d: a second of heartbeats allocates %v times, want 0", world, allocs)
		}
		if !n.Suspected().Empty() {
			t.Errorf("world %d: %v are suspected in the steady state", world, n.Suspected())
		}
	}
}

// TestSteadyHeartbeatsOfLargeWorlds: beyond one word heartbeats and ticks allocate nothing either.
func TestSteadyHeartbeatsOfLargeWorlds(t *testing.T) {
	const world = 200
	n, out := steadyNode(t, world)
	beat := Input{Kind: InDeliver, From: 199, Msg: Message{Kind: Heartbeat, Group: n.group, Ballot: NoBallot}}
	tick := Input{Kind: InTimer, Timer: timerTick}
	now := Instant(0)
	if allocs := testing.AllocsPerRun(100, func() {
		now += Instant(time.Second)
		beat.Msg.Num++
		out.Reset()
		n.Step(now, &beat, out)
		out.Reset()
		n.Step(now, &tick, out)
	}); allocs != 0 {
		t.Errorf("a heartbeat and a tick allocate %v times, want 0", allocs)
	}
}

func BenchmarkStepHeartbeat(b *testing.B) {
	for _, world := range []int{5, 64, 512} {
		b.Run(fmt.Sprint("world=", world), func(b *testing.B) {
			n, out := steadyNode(b, world)
			in := Input{Kind: InDeliver, From: 1, Msg: Message{Kind: Heartbeat, Group: n.group, Ballot: NoBallot}}
			b.ReportAllocs()
			for b.Loop() {
				in.Msg.Num++
				out.Reset()
				n.Step(0, &in, out)
			}
		})
	}
}

func BenchmarkStepTick(b *testing.B) {
	for _, world := range []int{5, 64, 512} {
		b.Run(fmt.Sprint("world=", world), func(b *testing.B) {
			n, out := steadyNode(b, world)
			in := Input{Kind: InTimer, Timer: timerTick}
			now := Instant(0)
			b.ReportAllocs()
			for b.Loop() {
				now += Instant(time.Second)
				out.Reset()
				n.Step(now, &in, out)
			}
		})
	}
}

// BenchmarkRound is a common round of a world: the last node crashes, and everybody installs. Without a judge.
func BenchmarkRound(b *testing.B) {
	for _, world := range []int{5, 64} {
		b.Run(fmt.Sprint("world=", world), func(b *testing.B) {
			b.ReportAllocs()
			messages := 0
			for b.Loop() {
				messages += commonRound(b, world)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(messages), "ns/message")
		})
	}
}

func commonRound(b *testing.B, world int) (messages int) {
	nodes := make([]*Node, world-1)
	var out Effects
	var flight []packet
	take := func(from NodeID) {
		for i := range out.List() {
			if e := &out.List()[i]; e.Kind == OutSend && int(e.Peer) < len(nodes) {
				flight = append(flight, packet{from, e.Peer, *out.Message(e)})
			}
		}
		out.Reset()
	}
	for i := range nodes {
		n, err := New(Setup{Self: NodeID(i), World: world, CommID: 1, Config: testConfig(Majority, Automatic, true)})
		if err != nil {
			b.Fatal(err)
		}
		nodes[i] = n
		n.Step(0, &Input{Kind: InStart}, &out)
		n.Step(0, &Input{Kind: InSuspect, Peer: NodeID(world - 1)}, &out)
		take(NodeID(i))
	}
	for ; messages < len(flight); messages++ {
		p := flight[messages]
		nodes[p.to].Step(0, &Input{Kind: InDeliver, From: p.from, Msg: p.msg}, &out)
		take(p.to)
	}
	for _, n := range nodes {
		if n.View().World() != world-1 {
			b.Fatalf("node %d has %v", n.self, n.View().Members())
		}
	}
	return messages
}
