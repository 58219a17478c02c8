package explore

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/internal/record"
)

// The driver below is the plainest there is: machines that are stepped one input after another, every message kept until
// it is delivered or lost, timers as they were asked for, and a judge that sees each line once. It shares with what is
// explored the machines and the judge alone: no parts, no memory of steps, no message left out.

// plainGroup is a group so driven.
type plainGroup struct {
	machines []core.Machine
	armed    []uint16
	dead     []bool
	epoch    []core.Epoch
	flight   [][]mail // of each sender, in the order of sending
	judge    *checker.Judge
	rec      *record.Recorder
	now      int64
	out      core.Effects
}

func newPlainGroup(t *testing.T, c *Config) *plainGroup {
	t.Helper()
	machines, err := c.machines()
	if err != nil {
		t.Fatal(err)
	}
	judge, err := checker.New(header(c))
	if err != nil {
		t.Fatal(err)
	}
	g := &plainGroup{
		machines: machines, armed: make([]uint16, c.World), dead: make([]bool, c.World), epoch: make([]core.Epoch, c.World),
		flight: make([][]mail, c.World), judge: judge, rec: record.New(),
	}
	g.rec.Reset(func(ev *trace.Event) { g.judge.Observe(ev) }, false, machines[0].KindName)
	for i := range machines {
		g.step(i, &core.Input{Kind: core.InStart}, nil)
	}
	return g
}

// step gives a node an input and performs what it asks for. over says which links are closed.
func (g *plainGroup) step(node int, in *core.Input, closed func(from, to int) bool) {
	g.out.Reset()
	g.machines[node].Step(0, in, &g.out)
	list := g.out.List()
	if in.Kind == core.InDeliver {
		used := slices.ContainsFunc(list, func(e core.Effect) bool { return e.Kind == core.OutUsed })
		g.rec.Deliver(g.now, node, int(in.From), 0, &in.Msg, g.epoch[node], used)
	}
	for i := range list {
		switch e := &list[i]; e.Kind {
		case core.OutSend:
			if to := int(e.Peer); !g.dead[to] && (closed == nil || !closed(node, to)) {
				g.flight[node] = append(g.flight[node], mail{from: uint8(node), to: uint8(to), msg: *g.out.Message(e)})
			}
		case core.OutSetTimer:
			g.armed[node] |= 1 << e.Timer
		case core.OutCancelTimer:
			g.armed[node] &^= 1 << e.Timer
		case core.OutBelieve:
			g.rec.Believe(g.now, node, int(e.Peer), e.Suspected, 0)
		case core.OutInstall:
			g.epoch[node] = g.out.Install(e).View.Epoch
			g.rec.Install(g.now, node, g.out.Install(e), 0)
		case core.OutEvent:
			g.rec.Event(g.now, node, g.out.Event(e), 0)
		case core.OutEnd:
			g.rec.End(g.now, node, e.Why, g.out.Text(e), 0)
		case core.OutPanic:
			g.rec.Panic(g.now, node, g.out.Text(e), 0)
		default:
		}
	}
}

// drop takes the last message like this one out of the flight, or the first.
func (g *plainGroup) drop(m *mail, last bool) bool {
	box := g.flight[m.from]
	alike := func(o mail) bool {
		return bytes.Equal(appendMail(nil, o.from, o.to, &o.msg), appendMail(nil, m.from, m.to, &m.msg))
	}
	at := slices.IndexFunc(box, alike)
	for i := len(box) - 1; last && i > at && at >= 0; i-- {
		if alike(box[i]) {
			at = i
		}
	}
	if at < 0 {
		return false
	}
	g.flight[m.from] = slices.Delete(slices.Clone(box), at, at+1)
	return true
}

// follow does what an act of the world does. It fails where that is not possible.
func (g *plainGroup) follow(w *world, s *State, a act) error {
	g.now++
	node, closed := int(a.node), func(from, to int) bool { return s.apart(from, to) }
	switch a.do {
	case doDeliver, doDuplicate, doLose:
		m := w.mails.at(a.what).of
		if a.do == doDuplicate {
			g.flight[m.from] = append(g.flight[m.from], *m)
		}
		if !g.drop(m, false) {
			return fmt.Errorf("%s is not in flight", w.kindName(m.msg.Kind))
		}
		if a.do != doLose {
			g.step(int(m.to), &core.Input{Kind: core.InDeliver, From: core.NodeID(m.from), Msg: m.msg}, closed)
		}
	case doTell:
		m := w.mails.at(a.what).of
		g.step(int(m.to), &core.Input{Kind: core.InDeliver, From: core.NodeID(m.from), Msg: m.msg}, closed)
	case doTimer, doEarly:
		if g.armed[node]>>a.what&1 == 0 {
			return fmt.Errorf("timer %d is not set", a.what)
		}
		g.armed[node] &^= 1 << a.what
		g.step(node, &core.Input{Kind: core.InTimer, Timer: core.TimerID(a.what)}, closed)
	case doSuspect, doAccuse:
		g.step(node, &core.Input{Kind: core.InSuspect, Peer: core.NodeID(a.peer)}, closed)
	case doTrust:
		g.step(node, &core.Input{Kind: core.InTrust, Peer: core.NodeID(a.peer)}, closed)
	case doCrash:
		box := w.boxes.at(s.boxes[node]).of
		for at := len(box) - 1; at >= int(a.at); at-- {
			if !g.drop(w.mails.at(box[at]).of, true) {
				return fmt.Errorf("a message that is lost with its sender is not in flight")
			}
		}
		g.dead[node] = true
		g.rec.Crash(g.now, node, false, 0)
	case doPartition:
		live := uint8(1<<w.cfg.World-1) &^ s.dead
		g.rec.Act(g.now, trace.Partition, trace.Act{Groups: [][]int{nodesOf(live &^ a.peer), nodesOf(a.peer)}}, 0)
	case doHeal:
		g.rec.Act(g.now, trace.Heal, trace.Act{Groups: [][]int{nodesOf(s.split &^ s.side), nodesOf(s.side)}}, 0)
	default:
		return fmt.Errorf("act %d is not known here", a.do)
	}
	return nil
}

// cut loses what is in flight over closed links.
func (g *plainGroup) cut(s *State) {
	for from := range g.flight {
		g.flight[from] = slices.DeleteFunc(slices.Clone(g.flight[from]), func(m mail) bool { return !s.open(from, int(m.to)) })
	}
}

// same holds the group against a state of the world.
func (g *plainGroup) same(w *world, s *State) error {
	for i, m := range g.machines {
		if g.dead[i] != (s.dead>>i&1 != 0) {
			return fmt.Errorf("node %d: dead %v", i, g.dead[i])
		}
		if g.dead[i] {
			continue
		}
		c := w.cells.at(s.cells[i]).of
		if !bytes.Equal(m.AppendState(nil), c.m.AppendState(nil)) {
			return fmt.Errorf("node %d is in another state", i)
		}
		if g.armed[i] != c.armed || g.epoch[i] != c.epoch {
			return fmt.Errorf("node %d: timers %b in epoch %d, and in the world %b in %d", i, g.armed[i], g.epoch[i], c.armed, c.epoch)
		}
	}
	for from := range g.machines {
		left := plainGroup{flight: slices.Clone(g.flight)}
		for _, number := range w.boxes.at(s.boxes[from]).of {
			m := w.mails.at(number).of
			if !left.drop(m, false) {
				return fmt.Errorf("the world has %s from %d to %d in flight, and nobody sent it", w.kindName(m.msg.Kind), m.from, m.to)
			}
		}
		if err := g.idle(w, s, left.flight[from]); err != nil {
			return err
		}
	}
	if !bytes.Equal(g.judge.AppendUntimed(nil), w.verdicts.at(s.verdict).of.judge.AppendUntimed(nil)) {
		return fmt.Errorf("the judge knows something else")
	}
	return nil
}

// idle tries what the world has left out: delivered here and now, it does nothing at its receiver that counts. A vote is
// left out because of a newer one, too.
func (g *plainGroup) idle(w *world, s *State, left []mail) error {
	for i := range left {
		m := &left[i]
		if g.dead[m.to] || m.msg.Kind == core.Vote {
			continue
		}
		to := g.machines[m.to].Clone()
		before := to.AppendState(nil)
		var out core.Effects
		to.Step(0, &core.Input{Kind: core.InDeliver, From: core.NodeID(m.from), Msg: m.msg}, &out)
		for _, e := range out.List() {
			if e.Kind == core.OutUsed || e.Kind == core.OutInstall || e.Kind == core.OutEvent {
				return fmt.Errorf("the world left out %s from %d to %d, which is used", w.kindName(m.msg.Kind), m.from, m.to)
			}
		}
		if !bytes.Equal(before, to.AppendState(nil)) {
			return fmt.Errorf("the world left out %s from %d to %d, which changes its receiver", w.kindName(m.msg.Kind), m.from, m.to)
		}
	}
	return nil
}

// walks is the groups that are walked through.
var walks = []Config{
	{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, FalseSuspicions: 1, Partitions: 1, EarlyTimeouts: 1, Losses: 1, Duplicates: 1}},
	{Protocol: "quorum", World: 4, Budget: Budget{Crashes: 2, FalseSuspicions: 2}},
	{Protocol: "fail-stop", World: 3, Budget: Budget{Crashes: 1, Partitions: 1, EarlyTimeouts: 2}},
	{Protocol: "quorum", World: 5, Budget: Budget{Crashes: 2, Losses: 2, EarlyTimeouts: 2}},
}

// TestWalks: 100 random walks of what is explored, taken again by the plainest driver there is, come to the same states.
func TestWalks(t *testing.T) {
	steps, faults := 0, map[do]int{}
	for i := range 100 {
		c := walks[i%len(walks)]
		c.Plain.KeepRounds = true // the driver keeps them
		make1, err := newWorlds(&c)
		if err != nil {
			t.Fatal(err)
		}
		w, d, g := make1(), draws{uint64(i)}, newPlainGroup(t, &c)
		s := w.initial
		for range 60 {
			acts := w.enabled(&s)
			if len(acts) == 0 {
				break
			}
			a := acts[d.below(uint64(len(acts)))]
			if !a.free() && d.below(3) > 0 { // faults are most of what is possible: fewer of them let a walk go on longer
				a = acts[0]
			}
			next := s
			name := w.name(&s, a)
			w.apply(&next, a)
			err := g.follow(w, &s, a)
			g.cut(&next)
			if err == nil {
				err = g.same(w, &next)
			}
			if err != nil {
				t.Fatalf("%s %+v, walk %d, step %d, %s: %v", c.Protocol, c.Budget, i, g.now, name.String(), err)
			}
			steps++
			faults[a.do]++
			s = next
		}
	}
	t.Logf("%d steps: %v", steps, faults)
	told(t, "100 random walks with all sorts of steps (%s of them;", grouped(steps))
	for _, a := range []do{doDeliver, doSuspect, doTrust, doTell, doTimer, doEarly, doCrash, doAccuse, doPartition, doHeal, doLose, doDuplicate} {
		if faults[a] == 0 {
			t.Errorf("no walk took a step of sort %d", a)
		}
	}
}

// TestWalksNotice: a driver that forgets one input is noticed.
func TestWalksNotice(t *testing.T) {
	c := Config{Protocol: "quorum", World: 3, Budget: Budget{FalseSuspicions: 1}}
	make1, err := newWorlds(&c)
	if err != nil {
		t.Fatal(err)
	}
	w, g := make1(), newPlainGroup(t, &c)
	s := w.initial
	if err := g.same(w, &s); err != nil {
		t.Fatal(err)
	}
	w.apply(&s, w.enabled(&s)[0])
	if err := g.same(w, &s); err == nil {
		t.Error("a suspicion that one of the two has not seen makes no difference")
	}
}
