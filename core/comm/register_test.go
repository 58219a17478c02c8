package comm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"nexarsim/core"
)

// write lets a node write; read lets it read. What became of it is what the call came to when all is quiet.
func (w *world) write(id int, value int64) uint64 {
	w.t.Helper()
	return w.call(id, core.Input{Call: core.CallWrite, Value: value})
}

func (w *world) read(id int) uint64 {
	w.t.Helper()
	return w.call(id, core.Input{Call: core.CallRead})
}

func (w *world) wantRead(id int, want string) {
	w.t.Helper()
	call := w.read(id)
	w.settle()
	if d := w.result(id, call); d.Err != "" || d.Result != want {
		w.t.Fatalf("node %d reads %q, %q, want %s", id, d.Result, d.Err, want)
	}
}

// pass lets time pass.
func (w *world) pass(d core.Instant) {
	w.t.Helper()
	for limit := w.now + d; w.step(limit); {
	}
	w.now += d
}

// TestRegisterIsOne: whoever writes, everybody reads it, also over a network that loses and repeats, and in the next view.
func TestRegisterIsOne(t *testing.T) {
	for _, rule := range []core.Rule{core.Majority, core.FailStop} {
		for seed := range uint64(20) {
			w := newRegisters(t, 4, rule, seed)
			w.loss, w.double = 0.1, 0.1
			w.wantRead(3, "0")
			for id := range 4 {
				call := w.write(id, int64(10+id))
				w.settle()
				if d := w.result(id, call); d.Err != "" || d.Result != "" {
					t.Fatalf("seed %d: write: %+v", seed, d)
				}
				w.wantRead((id+1)%4, fmt.Sprint(10+id))
			}
			w.down[0] = true
			w.install(core.NodeSetOf(0), 1, 2, 3)
			w.wantRead(3, "13")
			w.wantRead(1, "13")
		}
	}
}

// TestRegisterNeedsItsQuorum: a minority answers nobody, and says so at the deadline.
func TestRegisterNeedsItsQuorum(t *testing.T) {
	w := newRegisters(t, 4, core.Majority, 1)
	w.down[1], w.down[2], w.down[3] = true, true, true
	call := w.read(0)
	w.settle()
	if d := w.result(0, call); d.Err != "read: not answered within 30s" {
		t.Errorf("%+v", d)
	}
	w = newRegisters(t, 4, core.Majority, 1)
	w.down[2], w.down[3] = true, true // half of the view, with its lowest rank
	w.wantRead(1, "0")
}

// TestRegisterFailStop: whom the lowest rank suspects is not waited for, from the moment on at which it does.
func TestRegisterFailStop(t *testing.T) {
	w := newRegisters(t, 3, core.FailStop, 1)
	w.down[2] = true
	call := w.write(1, 5)
	w.pass(second)
	if len(w.done[1]) != 0 {
		t.Fatalf("it ended without node 2: %+v", w.done[1])
	}
	r := w.machines[0].(*Register)
	w.out.Reset()
	r.believe(w.now, 2, true, &w.out)
	for i := range w.out.List() {
		if e := &w.out.List()[i]; e.Kind == core.OutSend {
			w.send(0, e.Peer, w.out.Message(e))
		}
	}
	w.settle()
	if d := w.result(1, call); d.Err != "" {
		t.Errorf("%+v", d)
	}
}

// TestRegisterAsksAll: the lowest rank of a new view does not answer before every member has, each after its own install.
func TestRegisterAsksAll(t *testing.T) {
	w := newRegisters(t, 4, core.Majority, 1)
	w.deaf = func(_, to core.NodeID, m *core.Message) bool { return to == 1 && m.Kind == Store }
	w.write(0, 7)
	w.pass(second)
	w.deaf = nil
	w.down[0] = true
	w.install(core.NodeSetOf(0), 1, 2)
	call := w.read(2)
	w.pass(3 * second)
	if n := len(w.done[2]); n != 0 {
		t.Fatalf("it answered before node 3 had installed: %+v", w.done[2])
	}
	w.install(core.NodeSetOf(0), 3)
	w.settle()
	if d := w.result(2, call); d.Result != "7" {
		t.Errorf("%+v, want 7", d)
	}
}

// TestRegisterOutrunByViews: of 0 1 2 3, 0 and 1 store a write; 0 dies, 1 2 3 install, and 2 3 go on without 1 before it was
// asked. They cannot know what was written, and must not say that nothing was. Had 1 been asked, they would know.
func TestRegisterOutrunByViews(t *testing.T) {
	for _, asked := range []bool{false, true} {
		w := newRegisters(t, 4, core.Majority, 1)
		w.deaf = func(from, to core.NodeID, _ *core.Message) bool { return (from < 2) != (to < 2) }
		call := w.write(0, 7)
		w.pass(second)
		if d := w.result(0, call); d.Err != "" {
			t.Fatalf("half of the view with its lowest rank did not do: %+v", d)
		}
		w.down[0] = true
		w.install(core.NodeSetOf(0), 1, 2, 3)
		if asked {
			w.deaf = nil
			w.wantRead(3, "7")
		}
		w.down[1], w.deaf = true, nil
		w.install(core.NodeSetOf(1), 2, 3)
		if asked {
			w.wantRead(3, "7")
			continue
		}
		call = w.read(3)
		w.settle()
		if d := w.result(3, call); d.Err != "read: not answered within 30s" {
			t.Errorf("node 3 was told %q, %q", d.Result, d.Err)
		}
	}
}

// TestRegisterOrdersOnce: an order that comes again is not carried out again, even after another one.
func TestRegisterOrdersOnce(t *testing.T) {
	w := newRegisters(t, 3, core.Majority, 1)
	w.write(1, 5)
	w.settle()
	var first core.Message
	for _, m := range w.last {
		if m.Kind == Ordered {
			first = m
		}
	}
	w.write(2, 6)
	w.settle()
	w.give(0, core.Input{Kind: core.InDeliver, From: 1, Msg: first})
	w.wantRead(0, "6")
	for range endedKept + 5 {
		w.write(2, 6)
		w.settle()
	}
	w.give(0, core.Input{Kind: core.InDeliver, From: 1, Msg: first})
	w.wantRead(0, "6")
}

// TestRegisterEnds: a node that is no member any more answers nobody, stores nothing, and says why.
func TestRegisterEnds(t *testing.T) {
	w := newRegisters(t, 3, core.Majority, 1)
	call := w.write(2, 5)
	w.give(2, core.Input{Kind: core.InDeliver, Msg: core.Message{Kind: 2}})
	if g, ok := ViewGone(w.result(2, call).Err); !ok || !g.Evicted || !g.MayHaveFinished {
		t.Errorf("%q", w.result(2, call).Err)
	}
	if d := w.result(2, w.read(2)); !strings.Contains(d.Err, "not in epoch 1") {
		t.Errorf("%+v", d)
	}
	sent := w.sent
	w.give(2, core.Input{Kind: core.InDeliver, From: 0, Msg: core.Message{Kind: Store, Group: testGroup, Num: testGroup, Body: entry{1, 5}.text()}})
	if w.sent != sent || w.timers[2] != [core.MaxTimers]core.Instant{} {
		t.Errorf("%d messages, timers %v", w.sent-sent, w.timers[2])
	}
}

// TestRegisterQuiet: nothing is said while nobody calls.
func TestRegisterQuiet(t *testing.T) {
	w := newRegisters(t, 3, core.Majority, 1)
	w.wantRead(2, "0")
	sent := w.sent
	w.settle()
	for id, timers := range w.timers {
		if w.sent != sent || timers != [core.MaxTimers]core.Instant{} {
			t.Errorf("node %d: %d messages, timers %v", id, w.sent-sent, timers)
		}
	}
}

// FuzzRegister: whatever comes, in whatever state, a register does not panic, and a clone is alike.
func FuzzRegister(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint16(300))
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps uint16) {
		w := newRegisters(t, 1+int(seed%5), core.Rule(1+seed%2), seed)
		w.loss, w.double = 0.1, 0.1
		for range min(steps, 2000) {
			in := wild(w)
			if w.r.IntN(3) == 0 {
				in.Kind, in.Call = core.InCall, core.CallWrite+core.CallOp(w.r.IntN(2))
			}
			before := w.sent
			w.give(w.r.IntN(len(w.machines)), in)
			if n := w.sent - before; n > 2*(ordersMax+len(w.machines)) {
				t.Fatalf("%d messages in one step", n)
			}
			for range w.r.IntN(4) {
				w.step(w.now + second)
			}
		}
		for _, m := range w.machines {
			if !bytes.Equal(m.AppendState(nil), m.Clone().AppendState(nil)) {
				t.Fatal("a clone has another state")
			}
		}
	})
}
