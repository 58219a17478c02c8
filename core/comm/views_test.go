package comm

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"nexarsim/core"
)

// everybody lets all members make the same call and gives the ids.
func (w *world) everybody(in core.Input) (ids []uint64) {
	w.t.Helper()
	for id := range w.stacks {
		in := in
		if in.Call == core.CallAllReduce {
			in.Value = int64(id) + 1
		}
		ids = append(ids, w.call(id, in))
	}
	return ids
}

// TestViewGone: an operation ends with its view, at once, and says which one came instead and whether others may have
// finished it.
func TestViewGone(t *testing.T) {
	w := newWorld(t, 4, 1, 1)
	w.deaf = func(from, _ core.NodeID, _ *core.Message) bool { return from == 3 }
	ids := w.everybody(core.Input{Call: core.CallAllReduce})
	for w.step(w.now + 10_000_000) {
	}
	before := w.now
	w.install(core.NodeSetOf(3), 0, 1, 2)
	for id := range 3 {
		d := w.result(id, ids[id])
		g, ok := ViewGone(d.Err)
		if want := (Gone{Epoch: 0, Next: 1, Call: core.CallAllReduce}); !ok || g != want {
			t.Errorf("node %d: %q is read as %+v, %v; want %+v", id, d.Err, g, ok, want)
		}
	}
	if w.now != before {
		t.Errorf("it took until %d, from %d", w.now, before)
	}
	w.deaf = nil
	w.down[3] = true
	ids = w.everybody(core.Input{Call: core.CallAllReduce})
	w.settle()
	for id := range 3 {
		if d := w.result(id, ids[id]); d.Err != "" || d.Result != "6" {
			t.Errorf("node %d: the all-reduce of the new view gave %q, %q, want 6", id, d.Result, d.Err)
		}
	}
}

// TestMayHaveFinished: whoever has given away all that others need says that they may have finished.
func TestMayHaveFinished(t *testing.T) {
	w := newWorld(t, 3, 1, 1)
	w.deaf = func(_, to core.NodeID, m *core.Message) bool {
		return to == 0 && m.Kind == Data && PartOf(m).Label == 3
	}
	ids := w.everybody(core.Input{Call: core.CallAllReduce})
	for w.step(w.now + 50_000_000) {
	}
	for id, want := range map[int]string{1: "6", 2: "6"} {
		if d := w.result(id, ids[id]); d.Result != want {
			t.Fatalf("node %d: %+v, want %s", id, d, want)
		}
	}
	w.install(core.NodeSetOf(2), 0, 1)
	if g, _ := ViewGone(w.result(0, ids[0]).Err); !g.MayHaveFinished {
		t.Errorf("node 0 does not say that others may have finished: %q", w.result(0, ids[0]).Err)
	}
}

// TestEvictedEnds: so does a node that the group goes on without, and it can call nothing any more.
func TestEvictedEnds(t *testing.T) {
	w := newWorld(t, 3, 1, 1)
	id := w.call(0, core.Input{Call: core.CallBarrier})
	w.give(0, core.Input{Kind: core.InDeliver, Msg: core.Message{Kind: 2}})
	g, ok := ViewGone(w.result(0, id).Err)
	if want := (Gone{Epoch: 0, Next: 1, Evicted: true, Call: core.CallBarrier, MayHaveFinished: true}); !ok || g != want {
		t.Errorf("%q is read as %+v, want %+v", w.result(0, id).Err, g, want)
	}
	again := w.call(0, core.Input{Call: core.CallBarrier})
	if d := w.result(0, again); !strings.Contains(d.Err, "this node is not in epoch 1") {
		t.Errorf("a call after it ended with %q", d.Err)
	}
	if w.timers[0] != [core.MaxTimers]core.Instant{} {
		t.Errorf("timers are still set: %v", w.timers[0])
	}
}

// TestGoneReadsBack: every way in which a view ends is read back from its text.
func TestGoneReadsBack(t *testing.T) {
	for _, g := range []Gone{
		{Epoch: 0, Next: 1, Call: core.CallBarrier}, {Epoch: 7, Next: 9, Call: core.CallAllReduce, MayHaveFinished: true},
		{Epoch: 2, Next: 3, Evicted: true, Call: core.CallSplit}, {Epoch: 1, Ended: "shutdown", Call: core.CallReduceScatter, MayHaveFinished: true},
		{Epoch: 1, Next: 2},
	} {
		if back, ok := ViewGone(g.Error()); !ok || back != g {
			t.Errorf("%q is read as %+v, %v, want %+v", g.Error(), back, ok, g)
		}
	}
	for _, text := range []string{"", "view x is gone: epoch 1", "view 1 is gone", "allreduce 1 of epoch 0: not ended within 30s"} {
		if g, ok := ViewGone(text); ok {
			t.Errorf("%q is read as %+v", text, g)
		}
	}
}

// TestEarlyMembersWait: a member that installs a view earlier calls at once; its messages wait at the others for their
// install. What is still on its way of the old view never counts in the new one.
func TestEarlyMembersWait(t *testing.T) {
	for seed := range uint64(50) {
		w := newWorld(t, 5, 1, seed)
		w.everybody(core.Input{Call: core.CallAllReduce})
		for range w.r.IntN(20) {
			w.step(w.now + second)
		}
		w.down[4] = true
		ids := make([]uint64, 4)
		for _, id := range w.r.Perm(4) {
			w.install(core.NodeSetOf(4), id)
			ids[id] = w.call(id, core.Input{Call: core.CallAllReduce, Value: int64(100 + id)})
			for range w.r.IntN(20) {
				w.step(w.now + second)
			}
		}
		w.settle()
		for id := range 4 {
			if d := w.result(id, ids[id]); d.Err != "" || d.Result != "406" {
				t.Fatalf("seed %d, node %d: %q, %q, want 406", seed, id, d.Result, d.Err)
			}
		}
	}
}

// TestStaleIsCounted: what comes of a view that is gone is dropped and counted.
func TestStaleIsCounted(t *testing.T) {
	w := newWorld(t, 3, 1, 1)
	w.everybody(core.Input{Call: core.CallBarrier})
	w.install(core.NodeSetOf(2), 0, 1)
	w.settle()
	if c := w.stacks[0].Counts(); c.Stale == 0 {
		t.Errorf("%+v: nothing stale was counted", c)
	}
}

// TestHeldIsBounded: nobody can fill a member's memory with messages of views to come.
func TestHeldIsBounded(t *testing.T) {
	w := newWorld(t, 3, 1, 1)
	for i := range 1000 {
		m := core.Message{Kind: Data, Group: testGroup, Epoch: core.Epoch(1 + i), Ballot: core.Ballot{Round: 1}}
		w.give(0, core.Input{Kind: core.InDeliver, From: 1, Msg: m})
	}
	if n := len(w.stacks[0].held); n > heldPerMember*4 || w.stacks[0].Counts().Full != uint64(1000-n) {
		t.Errorf("%d messages are held, %+v", n, w.stacks[0].Counts())
	}
}

// TestDeadline: without an answer a call ends at its deadline and says whom it waited for; the others are told so, and do
// not wait out theirs.
func TestDeadline(t *testing.T) {
	w := newWorld(t, 3, 1, 1)
	first := w.call(0, core.Input{Call: core.CallBarrier})
	for limit := w.now + 20*second; w.step(limit); {
	}
	w.now += 20*second - w.now
	other := w.call(1, core.Input{Call: core.CallBarrier})
	for limit := w.now + 12*second; w.step(limit); {
	}
	want := "barrier 1 of epoch 0: not ended within 30s: nothing came from rank 2 in step 1 of 2"
	if d := w.result(0, first); d.Err != want {
		t.Errorf("%q, want %q", d.Err, want)
	}
	w.settle()
	if d := w.result(1, other); !strings.Contains(d.Err, "has given it up") {
		t.Errorf("node 1 ended with %q", d.Err)
	}
}

// TestLoss: a tenth of all messages lost costs time, and nothing else.
func TestLoss(t *testing.T) {
	w := newWorld(t, 8, 1, 3)
	w.loss = 0.1
	for range 20 {
		w.check(&program{op: core.CallAllReduce, typ: Int64, reduce: Sum, count: 16, ringMin: 1})
		w.check(&program{op: core.CallBarrier, ringMin: 1})
		w.check(&program{op: core.CallBroadcast, typ: Float32, count: 3, root: 5, ringMin: 1})
	}
}

// TestQuiet: a communicator without a call says nothing and sets no timer; one whose call has ended neither.
func TestQuiet(t *testing.T) {
	w := newWorld(t, 4, 1, 1)
	w.check(&program{op: core.CallBarrier, ringMin: 1})
	sent := w.sent
	w.settle()
	if w.sent != sent || !slices.Equal(w.timers, make([][core.MaxTimers]core.Instant, 4)) {
		t.Errorf("%d messages after the end, timers %v", w.sent-sent, w.timers)
	}
}

// TestHold: while its application holds the lock a node's calls wait, and nobody else's do.
func TestHold(t *testing.T) {
	w := newWorld(t, 3, 1, 1)
	w.call(0, core.Input{Call: core.CallHold})
	ids := w.everybody(core.Input{Call: core.CallBarrier})
	for limit := w.now + second; w.step(limit); {
	}
	for id := range 3 {
		if len(w.done[id]) != 0 {
			t.Errorf("node %d: %+v ended while node 0 held its lock", id, w.done[id])
		}
	}
	w.call(0, core.Input{Call: core.CallRelease})
	w.settle()
	for id := range 3 {
		if d := w.result(id, ids[id]); d.Err != "" {
			t.Errorf("node %d: %q", id, d.Err)
		}
	}
}

// TestDifferentCalls: members that call different things are told so, rather than wait, and so is whoever calls after that,
// until the next view.
func TestDifferentCalls(t *testing.T) {
	w := newWorld(t, 2, 1, 1)
	a := w.call(0, core.Input{Call: core.CallBarrier})
	b := w.call(1, core.Input{Call: core.CallAllReduce})
	w.settle()
	for id, call := range []uint64{a, b} {
		if d := w.result(id, call); !strings.Contains(d.Err, "is in") && !strings.Contains(d.Err, "given it up") {
			t.Errorf("node %d: %q", id, d.Err)
		}
		if d := w.result(id, w.call(id, core.Input{Call: core.CallBarrier})); !strings.Contains(d.Err, "different things") {
			t.Errorf("node %d goes on: %+v", id, d)
		}
	}
	w.install(core.NodeSetOf(1), 0)
	if d := w.result(0, w.call(0, core.Input{Call: core.CallBarrier})); d.Err != "" {
		t.Errorf("in the next view: %q", d.Err)
	}
}

// TestRefused: what arguments rule out is refused and counts as no call.
func TestRefused(t *testing.T) {
	w := newWorld(t, 2, 1, 1)
	for _, c := range []struct {
		in   core.Input
		want string
	}{
		{core.Input{Call: core.CallBroadcast}, "broadcast: a request of 0 bytes: expected at least 7"},
		{core.Input{Call: core.CallBroadcast, Body: Request{Type: Int64, Root: 2}.Encode()}, "broadcast: root 2 in a world of 2"},
		{core.Input{Call: core.CallBroadcast, Body: Request{Type: 9}.Encode()}, "broadcast: element type 9: expected Int64, Int32, Float64 or Float32"},
		{core.Input{Call: core.CallAllGather, Body: Request{Type: Int64, Elements: []byte{1}}.Encode()}, "allgather: 1 bytes of int64: expected a multiple of 8"},
		{core.Input{Call: core.CallAllToAll, Body: Request{Type: Int32, Elements: make([]byte, 12)}.Encode()}, "alltoall: 3 elements: expected as many for each of 2 ranks"},
		{core.Input{Call: core.CallAllReduce, Body: Request{Type: Int32, Elements: make([]byte, 12)}.Encode()}, "allreduce: no reduction: expected Sum, Min, Max or Product"},
		{core.Input{Call: core.CallAllReduce, Body: Request{Type: Int32, Reduce: 9}.Encode()}, "allreduce: reduction 9: expected Sum, Min, Max or Product"},
		{core.Input{Call: core.CallBarrier, Comm: 5}, "communicator 0000000000000005 is none of epoch 0"},
	} {
		if d := w.result(0, w.call(0, c.in)); d.Err != c.want {
			t.Errorf("%q, want %q", d.Err, c.want)
		}
	}
	w.check(&program{op: core.CallBarrier, ringMin: 1})
}

// TestBulk: with bulk elements the machine plans the same messages, and moves no byte.
func TestBulk(t *testing.T) {
	w := newWorld(t, 4, 1<<20, 1)
	ids := w.everybody(core.Input{Call: core.CallAllReduce, Body: Request{Type: Float32, Reduce: Sum, Bulk: true, Count: 2 << 20}.Encode()})
	w.settle()
	for id, call := range ids {
		if d := w.result(id, call); d.Err != "" || d.Result != "" {
			t.Errorf("node %d: %+v", id, d)
		}
	}
	if w.sent != 4*6 || slices.ContainsFunc(w.last, func(m core.Message) bool { return m.Body != "" }) {
		t.Errorf("%d messages, want %d without a byte", w.sent, 4*6)
	}
}

// TestSplit: colours part a view; ids are the same at all members of a colour and differ between them; two communicators
// that share members do not wait for each other; a new view ends them.
func TestSplit(t *testing.T) {
	w := newWorld(t, 5, 1, 1)
	split := func(colour func(id int) int64) (comms []uint64) {
		calls := make([]uint64, 5)
		for id := range 5 {
			calls[id] = w.call(id, core.Input{Call: core.CallSplit, Value: colour(id)})
		}
		w.settle()
		for id, call := range calls {
			d := w.result(id, call)
			if d.Err != "" {
				t.Fatalf("node %d: %q", id, d.Err)
			}
			comm := uint64(0)
			if d.Result != "" {
				var err error
				if comm, err = ParseCommID(d.Result); err != nil {
					t.Fatal(err)
				}
			}
			comms = append(comms, comm)
		}
		return comms
	}
	a := split(func(id int) int64 { return int64(id % 2) })   // 0 2 4, 1 3
	b := split(func(id int) int64 { return int64(id/3) - 0 }) // 0 1 2, 3 4
	none := split(func(id int) int64 { return int64(id) - 1 })
	if a[0] != a[2] || a[0] != a[4] || a[1] != a[3] || a[0] == a[1] || b[0] == a[0] || none[0] != 0 || none[1] == 0 {
		t.Fatalf("comm_ids %x, %x and %x", a, b, none)
	}
	// Node 2 begins with a, nodes 0 and 1 with b: whoever locked one for the other would wait for ever.
	sum := map[int][]uint64{}
	for _, id := range []int{4, 2, 0, 1, 3} {
		first, then := a[id], b[id]
		if id < 2 {
			first, then = then, first
		}
		x := w.call(id, core.Input{Call: core.CallAllReduce, Comm: first, Value: 1 << id})
		y := w.call(id, core.Input{Call: core.CallAllReduce, Comm: then, Value: 1 << id})
		sum[id] = []uint64{x, y}
	}
	w.settle()
	for id, want := range map[int][]string{0: {"7", "21"}, 1: {"7", "10"}, 2: {"21", "7"}, 3: {"10", "24"}, 4: {"21", "24"}} {
		for i, call := range sum[id] {
			if d := w.result(id, call); d.Result != want[i] || d.Err != "" {
				t.Errorf("node %d: %q, %q, want %s", id, d.Result, d.Err, want[i])
			}
		}
	}
	w.install(core.NodeSetOf(4), 0)
	if d := w.result(0, w.call(0, core.Input{Call: core.CallBarrier, Comm: a[0]})); !strings.Contains(d.Err, "is none of epoch 1") {
		t.Errorf("a communicator of the old view answered %q", d.Err)
	}
}

// TestClone: a clone goes on like the original, and neither changes the other.
func TestClone(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, 4, []int{1, 1 << 20}[seed%2], seed)
		w.everybody(core.Input{Call: core.CallAllReduce})
		w.everybody(core.Input{Call: core.CallSplit})
		for range w.r.IntN(40) {
			w.step(w.now + second)
		}
		for id, s := range w.stacks {
			before := s.AppendState(nil)
			c := s.Clone().(*Stack)
			if !bytes.Equal(before, c.AppendState(nil)) {
				t.Fatalf("seed %d: the clone of node %d has another state", seed, id)
			}
			w.machines[id], w.stacks[id] = c, c
			defer func() {
				if !bytes.Equal(before, s.AppendState(nil)) {
					t.Errorf("seed %d: what the clone of node %d did changed the original", seed, id)
				}
			}()
		}
		w.settle()
		for id, s := range w.stacks {
			if len(w.done[id]) != 2 || s.comms[0].op.active {
				t.Fatalf("seed %d: node %d ended %+v", seed, id, w.done[id])
			}
		}
	}
}

// FuzzStep: whatever comes, in whatever state, a stack does not panic, sends a bounded number of messages, and only what
// its network could carry.
func FuzzStep(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint16(200))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		w := newWorld(t, 1+int(seed%5), []int{1, 1 << 20}[seed%2], seed)
		w.loss, w.double = 0.1, 0.1
		for range min(steps, 2000) {
			before := w.sent
			w.give(w.r.IntN(len(w.stacks)), wild(w))
			for range w.r.IntN(4) {
				w.step(w.now + second)
			}
			if n := w.sent - before; n > 100*len(w.stacks) {
				t.Fatalf("%d messages in one step", n)
			}
		}
		for _, s := range w.stacks {
			if !bytes.Equal(s.AppendState(nil), s.Clone().AppendState(nil)) {
				t.Fatal("a clone has another state")
			}
		}
	})
}

// wild is any input.
func wild(w *world) core.Input {
	r := w.r
	n := len(w.machines)
	in := core.Input{
		Kind: core.InputKind(1 + r.IntN(int(core.InShutdown))), Timer: core.TimerID(r.IntN(core.MaxTimers)), Call: core.CallOp(r.IntN(int(core.CallReceive) + 2)),
		ID: r.Uint64N(9), From: core.NodeID(r.IntN(n+2) - 1), Peer: core.NodeID(r.IntN(n)), Value: r.Int64N(9) - 4,
	}
	if r.IntN(2) == 0 {
		body := make([]byte, r.IntN(40))
		for i := range body {
			body[i] = byte(r.IntN(6))
		}
		in.Body = string(body)
	}
	if r.IntN(2) == 0 {
		in.Body = Request{Type: Type(1 + r.IntN(4)), Reduce: Reduce(1 + r.IntN(4)), Root: r.IntN(n), Elements: make([]byte, 8*n*r.IntN(3))}.Encode()
	}
	if r.IntN(3) == 0 {
		in.Body = core.Envelope{From: core.Rank(r.IntN(n+1) - 1), To: core.Rank(r.IntN(n)), Tag: int32(r.IntN(3)), Data: in.Body}.Encode()
	}
	if len(w.last) > 0 && r.IntN(2) == 0 {
		in.Kind, in.Msg = core.InDeliver, w.last[r.IntN(len(w.last))]
		mangle(r, &in.Msg)
	}
	if r.IntN(40) == 0 {
		in.Kind, in.Msg = core.InDeliver, core.Message{Kind: 1, Set: core.NodeSetOf(core.NodeID(n))}
	}
	return in
}

func mangle(r *rand.Rand, m *core.Message) {
	switch r.IntN(8) {
	case 0:
		m.Kind = []core.Kind{Data, Ask}[r.IntN(2)] + core.Kind(r.IntN(7))
	case 1:
		m.Epoch += core.Epoch(r.IntN(3)) - 1
	case 2:
		m.Ballot.Round += uint32(r.IntN(3)) - 1
	case 3:
		m.Ballot.Coordinator = core.NodeID(int32(r.Uint32()))
	case 4:
		m.Body = m.Body[:r.IntN(len(m.Body)+1)]
	case 5:
		m.Num += r.Uint64N(2)
	case 6:
		m.Ballot.Coordinator += core.NodeID(r.IntN(64) - 32)
	}
}
