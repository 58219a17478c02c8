package comm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"nexarsim/core"
)

// post is a message as one process would keep it: in the queue of its epoch, communicator, sender, receiver and tag.
type route struct {
	epoch    core.Epoch
	comm     uint64
	from, to core.NodeID
	tag      int32
}

// order is a receive that has not ended, as one process would keep it.
type orderly struct {
	id   uint64
	comm uint64
	from core.Rank
	tag  int32
}

// postOffice is the twin of all members' messages: queues, and each member's receives in their order.
type postOffice struct {
	*world
	queues   map[route][]string
	receives [][]orderly // by node, those of its present view
	sends    map[uint64]route
	halves   []uint64 // by node, the communicator of its colour
	seen     []int    // by node, how many ends were looked at
	ends     int
}

func (o *postOffice) members(node int, comm uint64) []core.NodeID {
	return o.stacks[node].find(comm).members
}

func (o *postOffice) rank(node int, comm uint64) core.Rank {
	return core.Rank(slices.Index(o.members(node, comm), core.NodeID(node)))
}

// look takes the ends that are new, in their order.
func (o *postOffice) look() {
	o.t.Helper()
	for node := range o.done {
		for ; o.seen[node] < len(o.done[node]); o.seen[node]++ {
			o.end(node, o.done[node][o.seen[node]])
		}
		for _, c := range o.stacks[node].comms {
			for _, from := range c.members {
				if n := len(slices.DeleteFunc(slices.Clone(c.mail.kept), func(x kept) bool { return c.members[x.from] != from })); n > keptPerMember {
					o.t.Fatalf("node %d keeps %d messages of node %d", node, n, from)
				}
			}
		}
	}
}

func (o *postOffice) end(node int, d core.Done) {
	o.t.Helper()
	if d.Call != core.CallReceive || d.Err != "" {
		return
	}
	o.ends++
	e, ok := core.EnvelopeOf(d.Result)
	at := slices.IndexFunc(o.receives[node], func(r orderly) bool { return r.id == d.ID })
	if !ok || at < 0 {
		o.t.Fatalf("node %d: %+v is the end of no receive", node, d)
	}
	r := o.receives[node][at]
	if e.Tag != r.tag || r.from != core.NoRank && r.from != e.From {
		o.t.Fatalf("node %d: %+v came to %+v", node, e, r)
	}
	for _, earlier := range o.receives[node][:at] {
		if earlier.comm == r.comm && earlier.tag == r.tag && (earlier.from == core.NoRank || earlier.from == e.From) {
			o.t.Fatalf("node %d: %+v came to %+v, called after %+v", node, e, r, earlier)
		}
	}
	o.receives[node] = slices.Delete(o.receives[node], at, at+1)
	where := route{o.stacks[node].view.Epoch, r.comm, o.members(node, r.comm)[e.From], core.NodeID(node), e.Tag}
	if e.To != o.rank(node, r.comm) || e.Node != where.from {
		o.t.Fatalf("node %d: %+v names others", node, e)
	}
	queue := o.queues[where]
	if len(queue) == 0 || queue[0] != e.Data {
		o.t.Fatalf("node %d was given %q of %+v, one process %q", node, e.Data, where, queue)
	}
	o.queues[where] = queue[1:]
}

// act lets a node send or receive something.
func (o *postOffice) act(t *rapid.T, node int) {
	comm := o.stacks[node].view.CommID
	if o.stacks[node].view.Epoch == 0 && rapid.Bool().Draw(t, "half") {
		comm = o.halves[node]
	}
	peer := core.Rank(rapid.IntRange(0, len(o.members(node, comm))-1).Draw(t, "peer"))
	tag := int32(rapid.IntRange(0, 2).Draw(t, "tag"))
	if rapid.Bool().Draw(t, "send") {
		o.nextCall++
		data := fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "data"), " ", o.nextCall/2)
		where := route{o.stacks[node].view.Epoch, comm, core.NodeID(node), o.members(node, comm)[peer], tag}
		o.queues[where] = append(o.queues[where], data)
		o.sends[o.nextCall] = where
		o.give(node, core.Input{Kind: core.InCall, Call: core.CallSend, ID: o.nextCall, Comm: comm, Body: core.Envelope{To: peer, Tag: tag, Data: data}.Encode()})
		return
	}
	if rapid.Bool().Draw(t, "any") {
		peer = core.NoRank
	}
	o.nextCall++
	o.receives[node] = append(o.receives[node], orderly{o.nextCall, comm, peer, tag})
	o.give(node, core.Input{Kind: core.InCall, Call: core.CallReceive, ID: o.nextCall, Comm: comm, Body: core.Envelope{From: peer, Tag: tag}.Encode()})
}

// leave lets a node install the next view, without some.
func (o *postOffice) leave(node int, dead core.NodeSet) {
	o.t.Helper()
	epoch := o.stacks[node].view.Epoch
	from := len(o.done[node])
	o.install(dead, node)
	for _, d := range o.done[node][from:] {
		if g, ok := ViewGone(d.Err); !ok || g.Epoch != epoch || g.Next != epoch+1 || g.Call != d.Call {
			o.t.Fatalf("node %d: %+v ended with its view, read as %+v", node, d, g)
		}
	}
	for _, r := range o.receives[node] {
		o.result(node, r.id) // it has ended
	}
	for id, where := range o.sends {
		if where.from == core.NodeID(node) && where.epoch == epoch {
			o.result(node, id)
		}
	}
	o.receives[node] = nil
}

// TestMessagesLikeOneProcess: whoever sends and receives what, with whatever losses, doubles and delays, on the view's
// communicator and on halves of it, across a change of the view that its members meet at different moments: each receive
// gets what one process with queues would give it.
func TestMessagesLikeOneProcess(t *testing.T) {
	ends, programs := 0, 0
	for range 5 {
		rapid.Check(t, func(t *rapid.T) { ends, programs = ends+messagesLikeOneProcess(t), programs+1 })
	}
	if ends < programs { // it is more than two of each, in the middle
		t.Errorf("%d receives of %d programs ended with a message: the programs say nothing", ends, programs)
	}
}

func messagesLikeOneProcess(t *rapid.T) int {
	n := rapid.IntRange(1, 5).Draw(t, "world")
	o := &postOffice{world: newWorld(t, n, 1, rapid.Uint64().Draw(t, "seed")), queues: map[route][]string{}, sends: map[uint64]route{}}
	o.receives, o.seen = make([][]orderly, n), make([]int, n)
	for id := range n {
		o.call(id, core.Input{Call: core.CallSplit, Value: int64(id % 2)})
	}
	o.settle()
	for id := range n {
		half, err := ParseCommID(o.done[id][0].Result)
		if err != nil {
			t.Fatal(err)
		}
		o.halves = append(o.halves, half)
	}
	if rapid.Bool().Draw(t, "lossy") {
		o.loss, o.double = 0.2, 0.2
	}
	dead := core.NodeSet{}
	acts := rapid.IntRange(1, 40).Draw(t, "acts")
	change := rapid.IntRange(0, 2*acts).Draw(t, "change")
	late := []int{} // members that have yet to install
	for i := range acts {
		if i == change && n > 1 {
			dead = core.NodeSetOf(core.NodeID(n - 1))
			o.down[n-1] = true
			for id := range n - 1 {
				late = append(late, id)
			}
		}
		if len(late) > 0 && rapid.Bool().Draw(t, "install") {
			o.leave(late[0], dead)
			late = late[1:]
		}
		if node := rapid.IntRange(0, n-1).Draw(t, "node"); !o.down[node] {
			o.act(t, node)
		}
		o.look()
		for limit := o.now + core.Instant(o.r.Int64N(5_000_000)); o.step(limit); {
			o.look()
		}
	}
	for _, id := range late {
		o.leave(id, dead)
	}
	for limit := o.now + 20*second; o.step(limit); {
		o.look()
	}
	o.nothingWaits()
	for limit := o.now + 1000*second; o.step(limit); {
		o.look()
	}
	for id := range n {
		if o.timers[id] != [core.MaxTimers]core.Instant{} && !o.down[id] {
			t.Fatalf("node %d: timers are still set: %v", id, o.timers[id])
		}
	}
	return o.ends
}

// nothingWaits: of a message and a receive that match none waits for the other (MPI 4.1, section 3.5, progress), and what
// ended well at its sender is at its receiver.
func (o *postOffice) nothingWaits() {
	o.t.Helper()
	for node, open := range o.receives {
		for _, r := range open {
			for from, id := range o.members(node, r.comm) {
				where := route{o.stacks[node].view.Epoch, r.comm, id, core.NodeID(node), r.tag}
				if !o.down[node] && !o.down[id] && (r.from == core.NoRank || int(r.from) == from) && len(o.queues[where]) > 0 {
					o.t.Fatalf("%+v waits at node %d for one of %+v: %q", r, node, where, o.queues[where])
				}
			}
		}
	}
	for where, queue := range o.queues {
		if s := o.stacks[where.to]; o.down[where.to] || o.down[where.from] || s.view.Epoch != where.epoch {
			continue
		}
		keeps := 0
		c := o.stacks[where.to].find(where.comm)
		for _, x := range c.mail.kept {
			if c.members[x.from] == where.from && x.tag == where.tag {
				keeps++
			}
		}
		open := 0
		for _, l := range o.stacks[where.from].find(where.comm).mail.letters {
			if o.members(int(where.from), where.comm)[l.to] == where.to && l.tag == where.tag {
				open++
			}
		}
		if len(queue) != keeps+open {
			o.t.Fatalf("%+v: one process has %q, node %d keeps %d and node %d has %d on its way", where, queue, where.to, keeps, where.from, open)
		}
	}
}

// send and receive make calls and give their ids.
func (w *world) sendTo(id int, to core.Rank, tag int32, data string) uint64 {
	return w.call(id, core.Input{Call: core.CallSend, Body: core.Envelope{To: to, Tag: tag, Data: data}.Encode()})
}

func (w *world) receiveFrom(id int, from core.Rank, tag int32) uint64 {
	return w.call(id, core.Input{Call: core.CallReceive, Body: core.Envelope{From: from, Tag: tag}.Encode()})
}

// TestSend: a message costs two, itself and its receipt, and its receiver learns whose it is.
func TestSend(t *testing.T) {
	w := newWorld(t, 3, 1, 1)
	s := w.sendTo(2, 0, 7, "hello")
	w.settle()
	if d := w.result(2, s); d.Err != "" || w.sent != 2 {
		t.Errorf("%+v after %d messages, want 2", d, w.sent)
	}
	r := w.receiveFrom(0, core.NoRank, 7)
	want := core.Envelope{From: 2, To: 0, Node: 2, Tag: 7, Data: "hello"}
	if e, ok := core.EnvelopeOf(w.result(0, r).Result); !ok || e != want {
		t.Errorf("%+v, want %+v", e, want)
	}
}

// TestRoomIsBounded: of what nobody receives a sender can place four messages; the others wait at the sender, and come when
// there is room. Whatever is received in the meantime passes them.
func TestRoomIsBounded(t *testing.T) {
	w := newWorld(t, 2, 1, 1)
	var sends []uint64
	for tag := range int32(10) {
		sends = append(sends, w.sendTo(0, 1, tag, fmt.Sprint(tag)))
	}
	for limit := w.now + 5*second; w.step(limit); {
	}
	if n := len(w.done[0]); n != keptPerMember || w.stacks[1].Counts().Full == 0 {
		t.Errorf("%d sends have ended, want %d; %+v", n, keptPerMember, w.stacks[1].Counts())
	}
	var receives []uint64
	for tag := int32(9); tag >= 0; tag-- {
		receives = append(receives, w.receiveFrom(1, 0, tag))
		for limit := w.now + second; w.step(limit); { // a sender asks that often at the least
		}
		if n := len(w.done[1]); n != len(receives) {
			t.Fatalf("%d receives have ended of %d: the last waits for tag %d", n, len(receives), tag)
		}
	}
	w.settle()
	for i, id := range sends {
		e, _ := core.EnvelopeOf(w.result(1, receives[9-i]).Result)
		if d := w.result(0, id); d.Err != "" || e.Data != fmt.Sprint(i) {
			t.Errorf("send %d: %+v, received as %+v", i, d, e)
		}
	}
}

// TestMessagesHaveDeadlines: what is not taken in time ends, at both ends, and the next of its channel goes on.
func TestMessagesHaveDeadlines(t *testing.T) {
	w := newWorld(t, 2, 1, 1)
	w.deaf = func(_, _ core.NodeID, m *core.Message) bool { return m.Kind == Tagged && m.Body == "lost" }
	lost, r := w.sendTo(0, 1, 3, "lost"), w.receiveFrom(1, 0, 4)
	any := w.receiveFrom(1, core.NoRank, 5)
	for limit := w.now + 20*second; w.step(limit); {
	}
	w.now = 21 * second
	next := w.sendTo(0, 1, 3, "next")
	w.settle()
	for _, c := range []struct {
		node int
		id   uint64
		want string
	}{
		{0, lost, "send to rank 1 with tag 3 in epoch 0: not taken within 30s"},
		{1, r, "receive from rank 0 with tag 4 in epoch 0: nothing came within 30s"},
		{1, any, "receive from any rank with tag 5 in epoch 0: nothing came within 30s"},
		{0, next, ""},
	} {
		if d := w.result(c.node, c.id); d.Err != c.want {
			t.Errorf("%q, want %q", d.Err, c.want)
		}
	}
	if e, _ := core.EnvelopeOf(w.result(1, w.receiveFrom(1, 0, 3)).Result); e.Data != "next" {
		t.Errorf("%+v, want the message after the one that was given up", e)
	}
}

// TestMessagesEndWithTheirView: a send and a receive end in the step in which their view goes, and what comes late of it is
// dropped and counted.
func TestMessagesEndWithTheirView(t *testing.T) {
	w := newWorld(t, 3, 1, 1)
	s, second, r := w.sendTo(0, 1, 1, "old"), w.sendTo(0, 1, 1, "behind it"), w.receiveFrom(0, 2, 1)
	w.install(core.NodeSetOf(2), 0, 1)
	for id, want := range map[uint64]Gone{
		s: {Next: 1, Call: core.CallSend, MayHaveFinished: true}, second: {Next: 1, Call: core.CallSend}, r: {Next: 1, Call: core.CallReceive},
	} {
		if g, ok := ViewGone(w.result(0, id).Err); !ok || g != want {
			t.Errorf("%q is read as %+v, want %+v", w.result(0, id).Err, g, want)
		}
	}
	again := w.receiveFrom(1, 0, 1)
	w.sendTo(0, 1, 1, "new")
	w.settle()
	if e, _ := core.EnvelopeOf(w.result(1, again).Result); e.Data != "new" || w.stacks[1].Counts().Stale != 1 {
		t.Errorf("%+v, %+v: want the new view's message, and the old one counted", e, w.stacks[1].Counts())
	}
}

// TestEarlyMessagesWait: what comes of a view that its receiver has not installed waits for it, once.
func TestEarlyMessagesWait(t *testing.T) {
	w := newWorld(t, 3, 1, 1)
	w.install(core.NodeSetOf(2), 0)
	s := w.sendTo(0, 1, 1, "early")
	for limit := w.now + 10*second; w.step(limit); {
	}
	if n := len(w.stacks[1].held); n != 1 || len(w.done[0]) != 0 {
		t.Fatalf("%d messages are held, want 1; %+v", n, w.done[0])
	}
	r := w.receiveFrom(1, 0, 1) // in the old view
	w.install(core.NodeSetOf(2), 1)
	again := w.receiveFrom(1, 0, 1)
	w.settle()
	if e, _ := core.EnvelopeOf(w.result(1, again).Result); e.Data != "early" || w.result(0, s).Err != "" {
		t.Errorf("%+v, %+v", e, w.result(0, s))
	}
	if _, gone := ViewGone(w.result(1, r).Err); !gone {
		t.Errorf("the old view's receive ended with %+v", w.result(1, r))
	}
}

// TestMessagesRefused: what arguments rule out.
func TestMessagesRefused(t *testing.T) {
	w := newWorld(t, 2, 1, 1)
	for _, c := range []struct {
		in   core.Input
		want string
	}{
		{core.Input{Call: core.CallSend, Body: "to 2"}, "send: the body is no core.Envelope"},
		{core.Input{Call: core.CallSend, Body: core.Envelope{To: 2}.Encode()}, "send: rank 2 in a world of 2: expected 0 to 1"},
		{core.Input{Call: core.CallSend, Body: core.Envelope{To: core.NoRank}.Encode()}, "send: rank -1 in a world of 2: expected 0 to 1"},
		{core.Input{Call: core.CallReceive, Body: core.Envelope{From: 2}.Encode()}, "receive: rank 2 in a world of 2: expected 0 to 1, or NoRank for any"},
		{core.Input{Call: core.CallSend, Body: core.Envelope{Data: strings.Repeat("x", EnvelopeMax+1)}.Encode()}, "send: 32769 bytes: expected at most 32768"},
		{core.Input{Call: core.CallReceive, Body: core.Envelope{Tag: -1}.Encode()}, "receive: tag -1: expected 0 to 2147483646"},
		{core.Input{Call: core.CallSend, Body: core.Envelope{Tag: TagMax + 1}.Encode()}, "send: tag 2147483647: expected 0 to 2147483646"},
		{core.Input{Call: core.CallReceive, Comm: 5, Body: core.Envelope{}.Encode()}, "communicator 0000000000000005 is none of epoch 0"},
	} {
		if d := w.result(0, w.call(0, c.in)); d.Err != c.want {
			t.Errorf("%q, want %q", d.Err, c.want)
		}
	}
}

// TestMessagesBesideACollective: they do not wait for it, and it does not wait for them.
func TestMessagesBesideACollective(t *testing.T) {
	w := newWorld(t, 2, 1, 1)
	b := w.call(0, core.Input{Call: core.CallBarrier})
	s := w.sendTo(0, 1, 0, "while it waits")
	for limit := w.now + second; w.step(limit); {
	}
	if d := w.result(0, s); d.Err != "" {
		t.Errorf("%+v", d)
	}
	w.call(1, core.Input{Call: core.CallBarrier})
	w.settle()
	if d := w.result(0, b); d.Err != "" {
		t.Errorf("%+v", d)
	}
}

// TestMessageToItself: it comes like any other, and its room is as bounded.
func TestMessageToItself(t *testing.T) {
	w := newWorld(t, 1, 1, 1)
	var sends []uint64
	for i := range 6 {
		sends = append(sends, w.sendTo(0, 0, 0, fmt.Sprint(i)))
	}
	if n := len(w.done[0]); n != keptPerMember {
		t.Errorf("%d sends have ended, want %d", n, keptPerMember)
	}
	got := ""
	for range 6 {
		e, _ := core.EnvelopeOf(w.result(0, w.receiveFrom(0, 0, 0)).Result)
		got += e.Data
	}
	for _, id := range sends {
		if d := w.result(0, id); d.Err != "" {
			t.Errorf("%+v", d)
		}
	}
	if got != "012345" || w.sent != 0 {
		t.Errorf("%q with %d messages", got, w.sent)
	}
}

// TestMessagesInTheState: clones go on alike and apart, and what matters to the future is in the state.
func TestMessagesInTheState(t *testing.T) {
	w := newWorld(t, 2, 1, 1)
	quiet := string(w.stacks[0].AppendState(nil))
	states := map[string]string{quiet: "at rest"}
	for name, do := range map[string]func(k *Stack, out *core.Effects){
		"a send":  func(k *Stack, out *core.Effects) { k.Step(1, sending(1, 3, "a"), out) },
		"another": func(k *Stack, out *core.Effects) { k.Step(1, sending(1, 3, "b"), out) },
		"its tag": func(k *Stack, out *core.Effects) { k.Step(1, sending(1, 4, "a"), out) },
		"a receive": func(k *Stack, out *core.Effects) {
			k.Step(1, &core.Input{Kind: core.InCall, Call: core.CallReceive, ID: 9, Body: core.Envelope{From: 1}.Encode()}, out)
		},
		"kept": func(k *Stack, out *core.Effects) {
			k.Step(1, &core.Input{Kind: core.InDeliver, From: 1, Msg: tell(1, "a")}, out)
		},
		"kept, b": func(k *Stack, out *core.Effects) {
			k.Step(1, &core.Input{Kind: core.InDeliver, From: 1, Msg: tell(1, "b")}, out)
		},
	} {
		c := w.stacks[0].Clone().(*Stack)
		var out core.Effects
		do(c, &out)
		state := string(c.AppendState(nil))
		if before, known := states[state]; known {
			t.Errorf("%s and %s have one state", name, before)
		}
		states[state] = name
		if again := string(c.Clone().AppendState(nil)); again != state {
			t.Errorf("%s: a clone has another state", name)
		}
		if string(w.stacks[0].AppendState(nil)) != quiet {
			t.Fatalf("%s: what the clone did changed the original", name)
		}
	}
}

func sending(to core.Rank, tag int32, data string) *core.Input {
	return &core.Input{Kind: core.InCall, Call: core.CallSend, ID: 9, Body: core.Envelope{To: to, Tag: tag, Data: data}.Encode()}
}

func tell(n uint32, data string) core.Message {
	v := core.FirstView(2, testGroup)
	return core.Message{Kind: Tagged, Group: testGroup, Num: v.CommID, Ballot: core.Ballot{Round: n}, Body: data}
}

// TestEnvelope: it reads back, and nothing shorter than its head is one.
func TestEnvelope(t *testing.T) {
	e := core.Envelope{From: core.NoRank, To: 3, Node: 70_000, Tag: 1 << 30, Data: strings.Repeat("x", 99)}
	if back, ok := core.EnvelopeOf(e.Encode()); !ok || back != e {
		t.Errorf("%+v, %v", back, ok)
	}
	if _, ok := core.EnvelopeOf("fifteen bytes.."); ok {
		t.Error("fifteen bytes are read")
	}
}
