package core

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// packet is a message under way.
type packet struct {
	from, to NodeID
	msg      Message
}

// world drives the nodes of one group: it keeps what is under way and which timers are set, and gives everything that a
// node does to the judge. Whoever owns it says what happens next.
type world struct {
	cfg     Config
	now     Instant
	nodes   []*Node
	crashed uint64
	closed  uint64 // shut down by their applications
	armed   []uint16
	due     [][timerCount]Instant
	flight  []packet
	sends   int
	out     Effects
	judge   *judge
	cut     int // with the next step the node dies after so many effects; below 0: it does not
	reach   *reach
	story   *strings.Builder         // what happens, in words; nil: nobody reads it
	before  func(n *Node, in *Input) // sees every step before it is taken; may be nil
}

// flightMax bounds what is under way: beyond it the oldest is lost, as a network may.
const flightMax = 150

func testConfig(r Rule, p Policy, external bool) Config {
	c := DefaultConfig()
	c.Rule, c.Policy, c.ExternalDetector = r, p, external
	return c
}

// testGroup is the comm_id of a test's first view.
func testGroup(n int) uint64 {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("node-", i)
	}
	return RootCommID(ids)
}

func newWorld(t testing.TB, n int, cfg Config, book *commBook) *world {
	t.Helper()
	w := &world{
		cfg: cfg, armed: make([]uint16, n), due: make([][timerCount]Instant, n), cut: -1,
		judge: newJudge(n, testGroup(n), cfg, book), reach: newReach(),
	}
	for i := range n {
		node, err := New(Setup{Self: NodeID(i), World: n, CommID: testGroup(n), Config: cfg})
		if err != nil {
			t.Fatal(err)
		}
		w.nodes = append(w.nodes, node)
	}
	return w
}

func (w *world) startAll() {
	for i := range w.nodes {
		w.step(NodeID(i), Input{Kind: InStart, Phase: int64(w.cfg.HeartbeatInterval) * int64(i) / int64(len(w.nodes))})
	}
}

// alive tells whether a process runs, be its orchestrator ended or not.
func (w *world) alive(i NodeID) bool { return w.crashed>>uint(i)&1 == 0 }

// gone tells whether a node will never answer again: crashed, or shut down.
func (w *world) gone(i NodeID) bool { return (w.crashed|w.closed)>>uint(i)&1 != 0 }

func (w *world) say(format string, args ...any) {
	if w.story != nil {
		fmt.Fprintf(w.story, format+"\n", args...)
	}
}

// step gives one input to a live node, and performs and judges what it answers.
func (w *world) step(i NodeID, in Input) {
	if !w.alive(i) {
		return
	}
	n := w.nodes[i]
	view, epoch := n.View(), n.View().Epoch
	switch in.Kind {
	case InTimer:
		w.armed[i] &^= 1 << in.Timer
	case InShutdown:
		w.closed |= mask(i)
	}
	if w.before != nil {
		w.before(n, &in)
	}
	w.out.Reset()
	n.Step(w.now, &in, &w.out)
	list := w.out.List()
	if len(list) > 4*len(w.nodes)+64 {
		w.judge.fail("one step of node %d has %d effects", i, len(list))
	}
	w.reach.step(w, i, &in)
	if w.cut >= 0 && w.cut < len(list) {
		list = list[:w.cut]
	}
	for k := range list {
		if list[k].Kind == OutUsed && (in.Kind != InDeliver || in.Msg.Epoch != epoch || in.Msg.Group != w.judge.group || view.Rank(in.From) == NoRank) {
			w.judge.fail("S6: node %d of epoch %d uses a %v of epoch %d from %d", i, epoch, in.Msg.Kind, in.Msg.Epoch, in.From)
		}
		w.perform(i, &list[k])
	}
	if w.story != nil {
		w.tell(i, list)
	}
	if w.cut >= 0 {
		w.cut = -1
		w.crash(i)
		return
	}
	w.judge.settled(i, "ends its step")
	w.judge.regain(i)
	if w.armed[i] != n.armed {
		w.judge.fail("node %d has timers %b set; its driver has %b", i, n.armed, w.armed[i])
	}
}

func (w *world) perform(i NodeID, e *Effect) {
	switch e.Kind {
	case OutSend:
		m := w.out.Message(e)
		w.judge.send(i, e.Peer, m)
		w.reach.send(w, i, m)
		w.sends++
		if len(w.flight) >= flightMax {
			w.flight = append(w.flight[:0], w.flight[1:]...)
		}
		w.flight = append(w.flight, packet{i, e.Peer, *m})
	case OutSetTimer:
		w.armed[i] |= 1 << e.Timer
		w.due[i][e.Timer] = e.At
	case OutCancelTimer:
		if w.armed[i]>>e.Timer&1 == 0 {
			w.judge.fail("node %d cancels %s, which is not set", i, timerNames[e.Timer])
		}
		w.armed[i] &^= 1 << e.Timer
	case OutBelieve:
		w.judge.believe(i, e.Peer, e.Suspected)
		w.reach.believe(e.Suspected)
	case OutInstall:
		w.judge.install(i, w.out.Install(e))
		w.reach.install(w.out.Install(e))
	case OutEvent:
		w.judge.event(i, w.out.Event(e))
		w.reach.event(w.out.Event(e).Kind)
	case OutEnd:
		w.judge.end(i, e.Why)
	case OutPanic:
		w.judge.fail("S7: node %d panics: %s", i, w.out.Text(e))
	case OutUsed, OutDone:
	default:
		w.judge.fail("node %d has an effect of kind %d", i, e.Kind)
	}
}

// tell writes effects into the story: a broadcast as one line, nothing of heartbeats and timers.
func (w *world) tell(i NodeID, list []Effect) {
	for k := 0; k < len(list); k++ {
		e := &list[k]
		if e.Kind != OutSend {
			w.tellOne(i, e)
			continue
		}
		to := []string{fmt.Sprint(e.Peer)}
		for k+1 < len(list) && list[k+1].Kind == OutSend && w.out.MessageIndex(&list[k+1]) == w.out.MessageIndex(e) {
			k++
			to = append(to, fmt.Sprint(list[k].Peer))
		}
		if w.out.Message(e).Kind == Heartbeat {
			continue
		}
		w.say("  %d->%s %s", i, strings.Join(to, ","), messageText(w.out.Message(e)))
	}
}

func (w *world) tellOne(i NodeID, e *Effect) {
	switch e.Kind {
	case OutBelieve:
		w.say("  %d %s %d", i, beliefNames[e.Suspected], e.Peer)
	case OutInstall:
		in := w.out.Install(e)
		w.say("  %d installs epoch %d: %v without %v", i, in.View.Epoch, in.View.Members(), in.Dead)
	case OutEvent:
		ev := w.out.Event(e)
		w.say("  %d tells %v: epoch %d, rank %d to %d of %d, dead ranks %v", i, ev.Kind, ev.Epoch, ev.OldRank, ev.NewRank, ev.NewWorldSize, ev.DeadRanks)
	case OutDone:
		d := w.out.Done(e)
		w.say("  %d ends call %d of %v: result %q, error %q", i, d.ID, d.Call, d.Result, d.Err)
	case OutEnd:
		w.say("  %d ends: %v %q", i, e.Why, w.out.Text(e))
	}
}

var beliefNames = map[bool]string{true: "suspects", false: "trusts"}

var timerNames = [...]string{
	timerTick: "tick", timerSilence: "silence", timerRetransmit: "retransmit", timerWindow: "window",
	timerTakeOver: "take-over", timerQuorumLoss: "quorum-loss", timerLinger: "linger",
}

func messageText(m *Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v of epoch %d", m.Kind, m.Epoch)
	if m.Ballot.Exists() {
		fmt.Fprintf(&b, ", ballot %d.%d", m.Ballot.Round, m.Ballot.Coordinator)
	}
	switch m.Kind {
	case Vote:
		if a := unpackBallot(m.Num); a.Exists() {
			fmt.Fprintf(&b, ": accepted %v in %d.%d", m.Set, a.Round, a.Coordinator)
		} else {
			fmt.Fprintf(&b, ": suspects %v", m.Set)
		}
	case Agreement, Commit, Abort:
		fmt.Fprintf(&b, ": %v", m.Set)
	case Refusal:
		a := unpackBallot(m.Num)
		fmt.Fprintf(&b, ": promised %d.%d", a.Round, a.Coordinator)
	case Ack:
		if m.Num != 0 {
			b.WriteString(", repeated")
		}
	}
	return b.String()
}

func (w *world) deliver(p packet) {
	w.step(p.to, Input{Kind: InDeliver, From: p.from, Msg: p.msg})
}

// take removes the k-th packet under way.
func (w *world) take(k int) packet {
	p := w.flight[k]
	w.flight = append(w.flight[:k], w.flight[k+1:]...)
	return p
}

func (w *world) fire(i NodeID, id TimerID) { w.step(i, Input{Kind: InTimer, Timer: id}) }

func (w *world) suspect(by, of NodeID, hold bool) {
	w.step(by, Input{Kind: InSuspect, Peer: of, Hold: hold})
}

func (w *world) trust(by, of NodeID) { w.step(by, Input{Kind: InTrust, Peer: of}) }

// ask delivers a heartbeat, the way in which somebody of an old epoch learns of newer ones.
func (w *world) ask(from, to NodeID) {
	w.step(to, Input{Kind: InDeliver, From: from, Msg: Message{Kind: Heartbeat, Group: w.judge.group, Num: 1, Ballot: NoBallot, Epoch: w.nodes[from].View().Epoch}})
}

func (w *world) crash(i NodeID) {
	if w.alive(i) {
		w.reach.crash(w, i)
		w.crashed |= mask(i)
		w.judge.gone |= mask(i)
		w.armed[i] = 0
		w.say("  %d is dead", i)
	}
}

// newest is the last view that any live process knows of.
func (w *world) newest() refView {
	known := 0
	for i, n := range w.nodes {
		if !w.gone(NodeID(i)) {
			known = max(known, len(n.decided))
		}
	}
	return w.judge.views[known]
}

// recovered is "" if everybody has what is owed, else who has not.
func (w *world) recovered() string {
	if w.cfg.Policy == AbortAll {
		return w.abortedAll()
	}
	v := w.newest()
	epoch := Epoch(slices.IndexFunc(w.judge.views, func(o refView) bool { return o.history == v.history }))
	members := mask(v.members...)
	live := members &^ (w.crashed | w.closed)
	possible := naiveMajority(v.members, live) || w.cfg.Rule == FailStop
	for i, n := range w.nodes {
		id := NodeID(i)
		switch {
		case w.gone(id):
		case members&mask(id) == 0:
			if !w.judge.seats[i].evicted {
				return fmt.Sprintf("node %d does not know that it was evicted before epoch %d", i, epoch)
			}
		case n.View().Epoch != epoch:
			return fmt.Sprintf("node %d has not installed epoch %d", i, epoch)
		case !possible && !w.judge.seats[i].told:
			return fmt.Sprintf("node %d has not reported that its quorum is lost", i)
		}
	}
	if possible && live != members {
		return fmt.Sprintf("epoch %d still has %v, of which only %v live", epoch, v.members, unmask(live))
	}
	return ""
}

// abortedAll is "" if nothing has failed, or everybody has ended for it (policy abort).
func (w *world) abortedAll() string {
	failed := w.crashed|w.closed != 0
	for i := range w.nodes {
		failed = failed || w.judge.seats[i].ended
	}
	for i := range w.nodes {
		if failed && !w.gone(NodeID(i)) && !w.judge.seats[i].ended {
			return fmt.Sprintf("node %d has not aborted", i)
		}
	}
	return ""
}
