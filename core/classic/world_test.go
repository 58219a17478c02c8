package classic

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nexarsim/core"
)

// tester is what a test and a rapid check have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// packet is a message under way.
type packet struct {
	id       uint64
	from, to core.NodeID
	msg      core.Message
}

// pending is an input that a node has asked for: the end of a send, or a wake.
type pending struct {
	name string
	in   core.Input
}

// world drives the processes of one group. Whoever owns it says what happens; ends of sends and wakes come at once, in the
// order in which they were asked for, unless a node goes by hand.
type world struct {
	t       tester
	cfg     core.Config
	now     core.Instant
	nodes   []*Node
	dead    []bool // processes that have crashed
	byHand  []bool
	queued  [][]pending
	armed   [][timerCount]bool
	due     [][timerCount]core.Instant
	flight  []packet
	packets uint64
	out     core.Effects
	quota   int // automatic steps that one input may bring about

	installs [][]core.Install
	events   [][]core.Event
	dones    [][]core.Done
	ends     []string // how each orchestrator ended
	panics   []string

	story  *strings.Builder           // nil: nobody reads along
	before func(*Node, *core.Input)   // sees each step before it is taken; may be nil
	after  func(*Node, []core.Effect) // and after it; may be nil
	fails  map[[2]core.NodeID]bool    // sends on these links fail
}

func testConfig() core.Config {
	c := core.DefaultConfig()
	c.ExternalDetector = true
	return c
}

func newWorld(t tester, n int, cfg core.Config, r Repair) *world {
	t.Helper()
	w := &world{
		t: t, cfg: cfg, dead: make([]bool, n), byHand: make([]bool, n), queued: make([][]pending, n),
		armed: make([][timerCount]bool, n), due: make([][timerCount]core.Instant, n), quota: 100,
		installs: make([][]core.Install, n), events: make([][]core.Event, n), dones: make([][]core.Done, n),
		ends: make([]string, n), panics: make([]string, n), fails: map[[2]core.NodeID]bool{},
	}
	for i := range n {
		node, err := New(core.Setup{Self: core.NodeID(i), World: n, Config: cfg}, r)
		if err != nil {
			t.Fatal(err)
		}
		w.nodes = append(w.nodes, node)
	}
	for i := range n {
		w.give(core.NodeID(i), core.Input{Kind: core.InStart, Phase: int64(cfg.HeartbeatInterval)})
	}
	return w
}

func (w *world) say(format string, args ...any) {
	if w.story != nil {
		fmt.Fprintf(w.story, "  "+format+"\n", args...)
	}
}

// give is one input and what it brings about at that node.
func (w *world) give(i core.NodeID, in core.Input) {
	w.step(i, in)
	for range w.quota {
		if w.byHand[i] || len(w.queued[i]) == 0 {
			return
		}
		w.next(i, "")
	}
}

// next takes the oldest pending input of a name, of any name if that is empty. False: there is none.
func (w *world) next(i core.NodeID, name string) bool {
	k := slices.IndexFunc(w.queued[i], func(p pending) bool { return name == "" || p.name == name })
	if k < 0 {
		return false
	}
	p := w.queued[i][k]
	w.queued[i] = slices.Delete(w.queued[i], k, k+1)
	w.step(i, p.in)
	return true
}

func (w *world) step(i core.NodeID, in core.Input) {
	if w.dead[i] {
		return
	}
	if in.Kind == core.InTimer {
		w.armed[i][in.Timer] = false
	}
	if w.before != nil {
		w.before(w.nodes[i], &in)
	}
	w.out.Reset()
	w.nodes[i].Step(w.now, &in, &w.out)
	list := w.out.List()
	for k := range list {
		w.perform(i, &list[k])
	}
	if w.after != nil {
		w.after(w.nodes[i], list)
	}
}

var wakeNames = [...]string{wakeWatch: "watch", wakeLock: "lock", wakeShutdown: "shutdown"}

func (w *world) perform(i core.NodeID, e *core.Effect) {
	switch e.Kind {
	case core.OutSend:
		w.send(i, e)
	case core.OutSetTimer:
		w.armed[i][e.Timer], w.due[i][e.Timer] = true, e.At
	case core.OutCancelTimer:
		w.armed[i][e.Timer] = false
	case core.OutWake:
		w.queued[i] = append(w.queued[i], pending{wakeNames[e.Op], core.Input{Kind: core.InWake, ID: uint64(e.Op)}})
	case core.OutBelieve:
		w.say("%d believes %d dead", i, e.Peer)
	case core.OutUsed:
		if m, _, late := w.out.Late(e); late {
			w.say("%d uses what has waited from %d: %s", i, e.Peer, w.text(m))
		}
	case core.OutInstall:
		in := *w.out.Install(e)
		w.installs[i] = append(w.installs[i], in)
		w.say("%d rebuilds: %v without nodes %v", i, in.View.Members(), in.Dead)
	case core.OutEvent:
		ev := *w.out.Event(e)
		w.events[i] = append(w.events[i], ev)
		w.say("%d tells %v: rank %d to %d of %d, dead ranks %v", i, ev.Kind, ev.OldRank, ev.NewRank, ev.NewWorldSize, ev.DeadRanks)
	case core.OutDone:
		d := *w.out.Done(e)
		w.dones[i] = append(w.dones[i], d)
		w.say("%d ends %v: result %q, error %q", i, d.Call, d.Result, d.Err)
	case core.OutPanic:
		w.panics[i] = w.out.Text(e)
		w.say("%d panics: %s", i, w.panics[i])
	case core.OutEnd:
		w.ends[i] = strings.TrimSpace(e.Why.String() + " " + w.out.Text(e))
		w.say("%d's orchestrator ends: %s", i, w.ends[i])
	}
}

func (w *world) send(i core.NodeID, e *core.Effect) {
	m := *w.out.Message(e)
	end := core.Input{Kind: core.InSent, ID: uint64(e.Op)}
	if w.fails[[2]core.NodeID{i, e.Peer}] {
		end.Err = "connection closed"
	} else {
		w.packets++
		w.flight = append(w.flight, packet{w.packets, i, e.Peer, m})
	}
	if m.Kind != core.Heartbeat {
		w.say("%d->%d %s%s", i, e.Peer, w.text(&m), map[bool]string{true: ": fails"}[end.Err != ""])
	}
	w.queued[i] = append(w.queued[i], pending{"sent", end})
}

func (w *world) text(m *core.Message) string {
	name := w.nodes[0].KindName(m.Kind)
	switch m.Kind {
	case core.Vote, core.Agreement:
		return fmt.Sprintf("%s %v", name, m.Set)
	case Barrier, BarrierAck:
		return fmt.Sprintf("%s %d", name, m.Ballot.Round)
	case Data:
		return fmt.Sprintf("%s of tag %d: %s", name, tagOf(m), m.Body)
	}
	return name
}

// deliver brings the oldest message of a link and kind (any kind: 0). Heartbeats do not tell.
func (w *world) deliver(from, to core.NodeID, kind core.Kind) bool {
	k := slices.IndexFunc(w.flight, func(p packet) bool {
		return p.from == from && p.to == to && (kind == 0 || p.msg.Kind == kind)
	})
	if k < 0 {
		return false
	}
	w.arrive(k, false)
	return true
}

// arrive delivers the k-th message under way, and keeps a copy of it there if it is to arrive again.
func (w *world) arrive(k int, again bool) {
	p := w.flight[k]
	if !again {
		w.flight = slices.Delete(w.flight, k, k+1)
	}
	w.give(p.to, core.Input{Kind: core.InDeliver, From: p.from, ID: p.id, Msg: p.msg})
}

// stabilize delivers all that is under way, in order, and what comes of it.
func (w *world) stabilize() {
	for range 10000 {
		if len(w.flight) == 0 {
			return
		}
		w.arrive(0, false)
	}
	w.t.Fatal("this never ends")
}

// alive is the processes that run.
func (w *world) alive() []core.NodeID {
	var ids []core.NodeID
	for i := range w.nodes {
		if !w.dead[i] {
			ids = append(ids, core.NodeID(i))
		}
	}
	return ids
}

func (w *world) suspect(by, of core.NodeID) { w.give(by, core.Input{Kind: core.InSuspect, Peer: of}) }

// crash ends processes; the others' monitors have not noticed yet.
func (w *world) crash(ids ...core.NodeID) {
	for _, i := range ids {
		w.dead[i] = true
	}
}

// suspectAll: every live node believes the given ones dead, in that order.
func (w *world) suspectAll(of ...core.NodeID) {
	for _, by := range w.alive() {
		for _, id := range of {
			w.suspect(by, id)
		}
	}
}

// closed: a connection has ended, at both of its ends that still live.
func (w *world) closed(a, b core.NodeID) {
	w.give(a, core.Input{Kind: core.InClosed, Peer: b})
	w.give(b, core.Input{Kind: core.InClosed, Peer: a})
}

func (w *world) fire(i core.NodeID, id core.TimerID) {
	if !w.armed[i][id] {
		w.t.Fatalf("timer %s of node %d is not set", w.nodes[i].TimerName(id), i)
	}
	w.give(i, core.Input{Kind: core.InTimer, Timer: id})
}

func (w *world) call(i core.NodeID, op core.CallOp, value int64) {
	w.give(i, core.Input{Kind: core.InCall, Call: op, ID: uint64(len(w.dones[i])) + 1, Value: value})
}

// callAll: everybody alive makes a call; the i-th node brings 10^i to a sum.
func (w *world) callAll(op core.CallOp) {
	for _, i := range w.alive() {
		w.call(i, op, tenTo(i))
	}
}

func tenTo(i core.NodeID) int64 {
	x := int64(1)
	for range i {
		x *= 10
	}
	return x
}

// advance moves the clock on: timers fire when they are due, and messages arrive at once.
func (w *world) advance(d time.Duration) {
	end := w.now + core.Instant(d)
	for {
		node, timer, first := core.NoNode, core.TimerID(0), end+1
		for _, i := range w.alive() {
			for id := range timerCount {
				if w.armed[i][id] && w.due[i][id] < first {
					node, timer, first = i, id, w.due[i][id]
				}
			}
		}
		if node == core.NoNode {
			w.now = end
			return
		}
		w.now = max(w.now, first)
		w.fire(node, timer)
		w.stabilize()
	}
}

// members is what a node's communicator holds.
func (w *world) members(i core.NodeID) []core.NodeID { return w.nodes[i].comm.members }
