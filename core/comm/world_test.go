package comm

import (
	"container/heap"
	"math/rand/v2"

	"nexarsim/core"
)

// views is a machine that installs the views that it is told to: a message of kind 1 excludes its Set, one of kind 2 ends
// it. Everything else about recovery is not the communicator's matter.
type views struct{ view core.View }

func (v *views) Step(_ core.Instant, in *core.Input, out *core.Effects) {
	if in.Kind != core.InDeliver {
		return
	}
	switch in.Msg.Kind {
	case 1:
		v.view = v.view.Excluding(in.Msg.Set)
		out.PutInstall(core.Install{View: v.view, Dead: in.Msg.Set})
	case 2:
		out.PutEvent(core.Event{Kind: core.EventEvicted, Epoch: v.view.Epoch + 1})
		out.End(core.EndEvicted, "")
	}
}

func (v *views) Clone() core.Machine { c := *v; return &c }

func (v *views) AppendState(buf []byte) []byte { return appendUint64(buf, uint64(v.view.Epoch)) }

func (v *views) KindName(core.Kind) string { return "views" }

const testGroup = 77

// reporter is a test, or one of the cases that rapid draws.
type reporter interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// world is some stacks on a network that delays, loses and doubles what a test wants, with a clock of its own.
type world struct {
	t        reporter
	machines []core.Machine
	stacks   []*Stack // the machines, if they are communicators
	r        *rand.Rand
	now      core.Instant
	queue    deliveries
	seq      uint64
	timers   [][core.MaxTimers]core.Instant // 0: not armed
	down     []bool
	loss     float64
	double   float64
	done     [][]core.Done
	sent     int
	last     []core.Message // what was sent, the newest last
	out      core.Effects
	nextCall uint64
	deaf     func(from, to core.NodeID, m *core.Message) bool
}

type delivery struct {
	at       core.Instant
	seq      uint64
	from, to core.NodeID
	msg      core.Message
}

type deliveries []delivery

func (d deliveries) Len() int { return len(d) }
func (d deliveries) Less(i, j int) bool {
	return d[i].at < d[j].at || d[i].at == d[j].at && d[i].seq < d[j].seq
}
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)   { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	old := *d
	x := old[len(old)-1]
	*d = old[:len(old)-1]
	return x
}

func newWorld(t reporter, n int, ringMin int, seed uint64) *world {
	t.Helper()
	w := &world{t: t, r: rand.New(rand.NewPCG(seed, 1)), now: 1, done: make([][]core.Done, n), down: make([]bool, n)}
	w.timers = make([][core.MaxTimers]core.Instant, n)
	for id := range n {
		s, err := New(&views{core.FirstView(n, testGroup)}, Settings{Setup: setup(n, id), RingMin: ringMin})
		if err != nil {
			t.Fatal(err)
		}
		w.machines, w.stacks = append(w.machines, s), append(w.stacks, s)
		w.give(id, core.Input{Kind: core.InStart})
	}
	return w
}

func setup(n, id int) core.Setup {
	return core.Setup{Self: core.NodeID(id), World: n, CommID: testGroup, Config: core.DefaultConfig()}
}

// newRegisters is a world whose machines keep a register.
func newRegisters(t reporter, n int, rule core.Rule, seed uint64) *world {
	t.Helper()
	w := newWorld(t, n, 1, seed)
	w.machines, w.stacks = w.machines[:0], nil
	for id := range n {
		m, err := NewRegister(&views{core.FirstView(n, testGroup)}, RegisterSettings{Setup: setup(n, id), Rule: rule})
		if err != nil {
			t.Fatal(err)
		}
		w.machines = append(w.machines, m)
	}
	for id := range n {
		w.give(id, core.Input{Kind: core.InStart})
	}
	return w
}

// give gives a stack an input and performs what it asks for.
func (w *world) give(id int, in core.Input) {
	w.t.Helper()
	if w.down[id] {
		return
	}
	w.out.Reset()
	w.machines[id].Step(w.now, &in, &w.out)
	for i := range w.out.List() {
		switch e := &w.out.List()[i]; e.Kind {
		case core.OutSend:
			w.send(core.NodeID(id), e.Peer, w.out.Message(e))
		case core.OutSetTimer:
			w.timers[id][e.Timer] = e.At
		case core.OutCancelTimer:
			w.timers[id][e.Timer] = 0
		case core.OutDone:
			w.done[id] = append(w.done[id], *w.out.Done(e))
		}
	}
}

func (w *world) send(from, to core.NodeID, m *core.Message) {
	w.t.Helper()
	if to < 0 || int(to) >= len(w.machines) || to == from {
		w.t.Fatalf("node %d sends to %d", from, to)
	}
	w.sent++
	w.last = append(w.last, *m)
	copies := 1
	switch {
	case w.deaf != nil && w.deaf(from, to, m), w.r.Float64() < w.loss:
		copies = 0
	case w.r.Float64() < w.double:
		copies = 2
	}
	for range copies {
		w.seq++
		delay := core.Instant(50_000 + w.r.Int64N(1_950_000))
		heap.Push(&w.queue, delivery{w.now + delay, w.seq, from, to, *m})
	}
}

// step does what is due next before a limit; false if nothing is.
func (w *world) step(limit core.Instant) bool {
	w.t.Helper()
	at, node, timer := limit, -1, 0
	for id := range w.timers {
		for t, due := range w.timers[id] {
			if due != 0 && due < at {
				at, node, timer = due, id, t
			}
		}
	}
	if len(w.queue) > 0 && w.queue[0].at <= at {
		d := heap.Pop(&w.queue).(delivery)
		w.now = d.at
		w.give(int(d.to), core.Input{Kind: core.InDeliver, From: d.from, ID: d.seq, Msg: d.msg})
		return true
	}
	if node < 0 {
		return false
	}
	w.now = max(w.now, at)
	w.timers[node][timer] = 0
	w.give(node, core.Input{Kind: core.InTimer, Timer: core.TimerID(timer)})
	return true
}

// settle runs until nothing more happens.
func (w *world) settle() {
	w.t.Helper()
	limit := w.now + 1000*second
	for n := 0; w.step(limit); n++ {
		if n > 10_000_000 {
			w.t.Fatal("it never ends")
		}
	}
}

const second = core.Instant(1_000_000_000)

// call lets a node call, and gives the call's id.
func (w *world) call(id int, in core.Input) uint64 {
	w.t.Helper()
	w.nextCall++
	in.Kind, in.ID = core.InCall, w.nextCall
	w.give(id, in)
	return in.ID
}

// result is how a node's call ended.
func (w *world) result(id int, call uint64) core.Done {
	w.t.Helper()
	for _, d := range w.done[id] {
		if d.ID == call {
			return d
		}
	}
	w.t.Fatalf("node %d's call %d has not ended", id, call)
	return core.Done{}
}

// install makes nodes install the next view, without some.
func (w *world) install(dead core.NodeSet, at ...int) {
	w.t.Helper()
	for _, id := range at {
		w.give(id, core.Input{Kind: core.InDeliver, Msg: core.Message{Kind: 1, Set: dead}})
	}
}
