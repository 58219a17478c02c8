package classic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"nexarsim/core"
	"pgregory.net/rapid"
)

// shuffle delivers what is under way in an order of which only each link's own is kept, and reports what ended late.
func (w *world) shuffle(pick func(n int) int) {
	for range 100000 {
		if len(w.flight) == 0 {
			return
		}
		k := pick(len(w.flight))
		w.deliver(w.flight[k].from, w.flight[k].to, 0)
	}
	w.t.Fatal("this never ends")
}

// TestCollectivesWithoutFaults: when all members call and nothing fails, each call ends right, whatever the order in which
// the calls begin and the links deliver: a sum is the sum, and all have the same generation after a split.
func TestCollectivesWithoutFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "world")
		r := rapid.SampledFrom(Repairs()).Draw(t, "rung")
		ops := rapid.SliceOfN(rapid.SampledFrom([]core.CallOp{core.CallSplit, core.CallBarrier, core.CallAllReduce}), 1, 4).Draw(t, "calls")
		draw := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1))
		w := newWorld(t, n, testConfig(), r)
		var sums []string
		var splits uint64
		begun := make([]int, n)
		value := func(i, k int) int64 { return int64(k+1)*1000 + int64(i)*int64(i) - 7 }
		for k, op := range ops {
			sum := ""
			if op == core.CallAllReduce {
				total := int64(0)
				for i := range n {
					total += value(i, k)
				}
				sum = strconv.FormatInt(total, 10)
			}
			if op == core.CallSplit {
				splits++
			}
			sums = append(sums, sum)
		}
		for left := n * len(ops); left > 0; { // a node may call again before its last call has ended: the lock keeps the order
			i := draw.IntN(n)
			if begun[i] < len(ops) {
				w.call(core.NodeID(i), ops[begun[i]], value(i, begun[i]))
				begun[i]++
				left--
			}
			for len(w.flight) > 0 && draw.IntN(3) > 0 {
				k := draw.IntN(len(w.flight))
				w.deliver(w.flight[k].from, w.flight[k].to, 0)
			}
		}
		w.shuffle(draw.IntN)
		for i := range n {
			if w.nodes[i].comm.generation != splits || len(w.dones[i]) != len(ops) {
				t.Fatalf("node %d has generation %d after %d splits, and ended %+v", i, w.nodes[i].comm.generation, splits, w.dones[i])
			}
			for k, d := range w.dones[i] {
				if d.Call != ops[k] || d.Err != "" || d.Result != sums[k] {
					t.Fatalf("node %d: call %d of %v ended as %v: result %q, want %q; error %q", i, k, ops[k], d.Call, d.Result, sums[k], d.Err)
				}
			}
			for k := range w.nodes[i].data {
				if l := &w.nodes[i].data[k]; len(l.ready)+len(l.early)+len(w.nodes[i].control[k].items) > 0 {
					t.Fatalf("something is left in node %d's lane of %d", i, k)
				}
			}
		}
	})
}

// TestBarrierIsOne: nobody's barrier ends before everybody's has begun.
func TestBarrierIsOne(t *testing.T) {
	for n := 2; n <= 9; n++ {
		for late := range core.NodeID(n) {
			w := newWorld(t, n, testConfig(), AsPublished)
			for i := range core.NodeID(n) {
				if i != late {
					w.call(i, core.CallBarrier, 0)
				}
			}
			w.stabilize()
			for i := range n {
				if len(w.dones[i]) > 0 {
					t.Fatalf("world %d: node %d ends its barrier before node %d begins", n, i, late)
				}
			}
			w.call(late, core.CallBarrier, 0)
			w.stabilize()
			for i := range n {
				if len(w.dones[i]) != 1 || w.dones[i][0].Err != "" {
					t.Fatalf("world %d: node %d ends its barrier: %+v", n, i, w.dones[i])
				}
			}
		}
	}
}

// A collective that nobody else makes ends by its own timeout, gives the lock back, and leaves its tag used.
func TestCallEndsByItsTimeout(t *testing.T) {
	for _, op := range []core.CallOp{core.CallSplit, core.CallBarrier, core.CallAllReduce} {
		w := newWorld(t, 3, testConfig(), AsPublished)
		w.now = core.Instant(time.Minute)
		w.call(1, op, 5)
		if got, want := w.due[1][timerCall], w.now+core.Instant(30*time.Second); got != want {
			t.Errorf("%v waits until %d, want %d", op, got, want)
		}
		w.fire(1, timerCall)
		if d := w.dones[1]; len(d) != 1 || d[0].Err != op.String()+" failed: timeout waiting for rank 0" {
			t.Errorf("%v ends: %+v", op, d)
		}
		if n := w.nodes[1]; n.lock.holder != nobody || len(n.calls) != 0 || n.comm.tag+n.comm.barrier != 2 {
			t.Errorf("after %v: lock of %d, %d calls, tag %d, barrier %d", op, n.lock.holder, len(n.calls), n.comm.tag, n.comm.barrier)
		}
	}
}

// What the crate does not offer, or nobody holds, is an error at once.
func TestCallsThatCannotBe(t *testing.T) {
	w := newWorld(t, 2, testConfig(), AsPublished)
	w.call(0, core.CallRecover, 0)
	w.call(0, core.CallRelease, 0)
	w.call(0, core.CallOp(99), 0)
	want := []string{"recover: nexar 0.1.2 does not offer it", "release: nothing is held", "invalid: nexar 0.1.2 does not offer it"}
	for k, d := range w.dones[0] {
		if d.Err != want[k] {
			t.Errorf("%v: %q, want %q", d.Call, d.Err, want[k])
		}
	}
}

// TestLockInOrderOfRequest: "the lock is granted in order of request", also past somebody who has left the queue.
func TestLockInOrderOfRequest(t *testing.T) {
	w := newWorld(t, 1, testConfig(), AsPublished)
	for range 3 {
		w.call(0, core.CallHold, 0)
	}
	w.call(0, core.CallSplit, 0)
	var got []string
	tell := func() {
		for _, d := range w.dones[0] {
			got = append(got, fmt.Sprint(d.Call, " ", d.Err))
		}
		w.dones[0] = nil
	}
	tell()
	w.byHand[0] = true
	w.call(0, core.CallRelease, 0) // hands it to the second hold, which
	w.call(0, core.CallRelease, 0) // leaves before it has run,
	w.call(0, core.CallRelease, 0) // as does the third
	tell()
	for w.next(0, "") {
	}
	tell()
	want := []string{"hold ", "release ", "hold hold: released before the lock was granted", "release ", "hold hold: released before the lock was granted", "release ", "split "}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := w.nodes[0]; n.lock.holder != nobody || n.comm.generation != 1 {
		t.Errorf("lock of %d, generation %d", n.lock.holder, n.comm.generation)
	}
}

// naiveID is the sentence about comm_id, a byte at a time.
func naiveID(parent, generation uint64, dead ...uint32) uint64 {
	h := uint64(0xcbf29ce484222325)
	number := func(x uint64, bytes int) {
		for i := range bytes {
			h = (h ^ x>>(8*i)&0xff) * 0x100000001b3
		}
	}
	number(parent, 8)
	number(generation, 8)
	for _, r := range dead {
		number(uint64(r), 4)
	}
	if h == 0 {
		return 1
	}
	return h
}

// TestCommID holds the id to the sentence: parent, generation before this rebuild, each dead rank, those out of range too.
func TestCommID(t *testing.T) {
	for range 200 {
		p, g := rand.Uint64(), rand.Uint64N(math.MaxUint32)
		if got, want := childID(p, g, core.NodeSetOf(1, 3, 70, 300)), naiveID(p, g, 1, 3, 70, 300); got != want {
			t.Fatalf("child of %x, generation %d: %x, want %x", p, g, got, want)
		}
	}
	w := twoDeaths(t, 5, 4, 3, Routers) // root numbers: the second recovery's list is {3 4} of four ranks
	first := w.installs[0][0].View.CommID
	if want := naiveID(0, 0, 4); first != want {
		t.Errorf("the first child is %x, want %x", first, want)
	}
	if got, want := w.installs[0][1].View.CommID, naiveID(first, 0, 3, 4); got != want {
		t.Errorf("its child is %x, want %x", got, want)
	}
	w = newWorld(t, 2, testConfig(), Replay)
	w.callAll(core.CallSplit)
	w.stabilize()
	w.crash(1)
	w.suspect(0, 1)
	if got, want := w.installs[0][0].View.CommID, naiveID(0, 1, 1); got != want {
		t.Errorf("after a split the child is %x, want %x", got, want)
	}
	if w.nodes[0].comm.generation != 0 {
		t.Error("a child's counter starts at 0")
	}
}
