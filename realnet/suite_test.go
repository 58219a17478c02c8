package realnet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nexarsim/core"
	"nexarsim/realnet"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// The conformance suite of drivers: one body, run over the simulated network and over QUIC. Its machine is a probe that
// asks for one of each effect and keeps a journal of what it is given; the body holds the journal to the duties that core's
// package comment numbers.

// drivers are those that owe a machine the same.
var drivers = []struct {
	name string
	run  func(t *testing.T, p *probes)
}{
	{"sim", runSimulated},
	{"quic", runReal},
}

const (
	suiteWorld = 3
	ask        = core.Kind(40) // is answered
	answer     = core.Kind(41)
	fatal      = core.Kind(42) // whoever gets it panics, by its model
	final      = core.Kind(43) // whoever gets it ends its orchestrator
	settled    = core.Kind(44) // its sender has had all that it is owed so far
)

// probes are the machines of one run.
type probes struct {
	mu   sync.Mutex
	all  []*probe
	done chan struct{}
}

func newProbes() *probes { return &probes{done: make(chan struct{})} }

// probe is a machine that takes part in no protocol.
type probe struct {
	of      *probes
	self    core.NodeID
	journal []string
	timerAt core.Instant // when timer 0 may fire
	early   bool         // it fired before that
	seen    map[string]int
	settled bool
	ended   bool
	dead    bool // it has panicked, by its model
	late    int  // inputs after that
}

func (p *probes) make(s core.Setup) (core.Machine, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := &probe{of: p, self: s.Self, seen: map[string]int{}}
	p.all = append(p.all, m)
	return m, nil
}

func (m *probe) Clone() core.Machine           { return m }
func (m *probe) AppendState(buf []byte) []byte { return buf }
func (m *probe) KindName(core.Kind) string     { return "data" }

// question is what node from asks: every field holds something.
func question(from core.NodeID) core.Message {
	return core.Message{
		Kind: ask, Group: 1<<63 + uint64(from), Num: 1<<40 + 3, Set: core.NodeSetOf(0, 2), Body: "\x00\xff body", Epoch: 1 << 20,
		Ballot: core.Ballot{Round: 1<<31 - 1, Coordinator: from},
	}
}

// Step keeps the journal and asks for effects.
func (m *probe) Step(now core.Instant, in *core.Input, out *core.Effects) {
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	if m.dead {
		m.late++
		return
	}
	entry := in.Kind.String()
	switch in.Kind {
	case core.InStart:
		m.start(now, out)
	case core.InTimer:
		entry += fmt.Sprint(" ", in.Timer)
		m.early = m.early || in.Timer == 0 && now < m.timerAt
	case core.InWake:
		entry += fmt.Sprint(" ", in.ID)
	case core.InSent:
		entry += fmt.Sprintf(" %d %v", in.ID, in.Err == "")
	case core.InDeliver:
		entry += fmt.Sprint(" ", in.Msg.Kind, " from ", in.From)
		m.deliver(in, out)
	default:
	}
	m.journal = append(m.journal, entry)
	m.seen[entry]++
	m.settle(out)
	m.of.check()
}

func (m *probe) start(now core.Instant, out *core.Effects) {
	second := core.Instant(time.Second)
	m.timerAt = now + second/5
	out.SetTimer(0, now+second/100)
	out.SetTimer(0, m.timerAt) // in place of the first
	out.SetTimer(1, now+second/100)
	out.CancelTimer(1)
	out.CancelTimer(2) // of what is not set
	out.Wake(7)
	out.Wake(8)
	for peer := range core.NodeID(suiteWorld) {
		if peer != m.self {
			q := question(m.self)
			out.SendOp(peer, &q, 100+uint32(peer))
		}
	}
}

// settle tells node 0 once this node has had its timer and both questions. When all have, node 0 makes node 1 panic and
// node 2 end, and asks both once more.
func (m *probe) settle(out *core.Effects) {
	has := m.seen["timer 0"] > 0
	for peer := range core.NodeID(suiteWorld) {
		has = has && (peer == m.self || m.seen[fmt.Sprint("deliver kind-40 from ", peer)] > 0 && m.seen[fmt.Sprintf("sent %d true", 100+peer)] > 0)
	}
	if m.self == 0 {
		has = has && m.seen["deliver kind-44 from 1"] > 0 && m.seen["deliver kind-44 from 2"] > 0
	}
	if !has || m.settled {
		return
	}
	m.settled = true
	if m.self != 0 {
		out.Send(0, &core.Message{Kind: settled})
		return
	}
	out.Send(1, &core.Message{Kind: fatal})
	out.Send(2, &core.Message{Kind: final})
	for peer := core.NodeID(1); peer < suiteWorld; peer++ {
		q := question(0)
		out.Send(peer, &q)
	}
}

func (m *probe) deliver(in *core.Input, out *core.Effects) {
	switch in.Msg.Kind {
	case ask:
		if in.Msg != question(in.From) {
			m.journal = append(m.journal, fmt.Sprintf("altered: %+v", in.Msg))
		}
		out.Used()
		out.Send(in.From, &core.Message{Kind: answer})
	case fatal:
		m.dead = true
		out.Panic("asked to")
		out.Send(0, &core.Message{Kind: answer}) // never performed
	case final:
		m.ended = true
		out.End(core.EndShutdown, "")
	}
}

// check ends the run when all that is owed has come.
func (p *probes) check() {
	if len(p.all) < suiteWorld || !p.node(1).dead || !p.node(2).ended {
		return
	}
	select {
	case <-p.done:
	default:
		if p.node(0).seen["deliver kind-41 from 2"] >= 2 {
			close(p.done)
		}
	}
}

func (p *probes) node(id core.NodeID) *probe {
	i := slices.IndexFunc(p.all, func(m *probe) bool { return m.self == id })
	return p.all[i]
}

func TestDriverSuite(t *testing.T) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			p := newProbes()
			d.run(t, p)
			p.judge(t)
		})
	}
}

func runSimulated(t *testing.T, p *probes) {
	sc, err := scenarios.Parse("suite", []byte("name: suite\nworld: 3\nduration: 5s\nnetwork: {transport: stream}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.New().Run(sim.Spec{Scenario: sc, Protocol: "quorum", Seed: 1, New: p.make}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.done:
	default:
		t.Error("the run ended before all had come that is owed")
	}
}

func runReal(t *testing.T, p *probes) {
	s := newSetup(t, suiteWorld, patient())
	for i := range s.configs {
		s.configs[i].Machine = p.make
	}
	groups := s.join(t)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
		t.Error("what is owed has not come")
	}
	for _, g := range groups {
		g.Close()
	}
	for node, why := range map[int]core.EndWhy{1: core.EndError, 2: core.EndShutdown} { // unordered: each stands alone
		var end *realnet.EndError
		if err := groups[node].Err(); !errors.As(err, &end) || end.Why != why {
			t.Errorf("node %d ended with %v: expected %v", node, err, why)
		}
	}
}

// judge holds the journals to the duties.
func (p *probes) judge(t *testing.T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.all {
		text := strings.Join(m.journal, "\n")
		if m.journal[0] != "start" || m.seen["start"] != 1 {
			t.Errorf("node %d: duty 1: start is the first input, once:\n%s", m.self, text)
		}
		if m.early || m.seen["timer 0"] != 1 || m.seen["timer 1"]+m.seen["timer 2"] > 0 {
			t.Errorf("node %d: duty 4: timer 0 fires once, at its second setting, the cancelled ones never:\n%s", m.self, text)
		}
		if m.seen["wake 7"] != 1 || m.seen["wake 8"] != 1 {
			t.Errorf("node %d: each wake is given once:\n%s", m.self, text)
		}
		for peer := range core.NodeID(suiteWorld) {
			if peer != m.self && m.seen[fmt.Sprintf("sent %d true", 100+peer)] != 1 {
				t.Errorf("node %d: the send to node %d is answered once, as sent:\n%s", m.self, peer, text)
			}
			if peer != m.self && m.seen[fmt.Sprint("deliver kind-40 from ", peer)] < 1 {
				t.Errorf("node %d: duty 6: the question of node %d arrives under its name:\n%s", m.self, peer, text)
			}
		}
		if strings.Contains(text, "altered") {
			t.Errorf("node %d: duty 6: a message arrives as it was sent:\n%s", m.self, text)
		}
	}
	if n := p.node(2).seen["deliver kind-40 from 0"]; n != 2 {
		t.Errorf("duty 8: an ended node goes on: node 2 got %d questions of node 0: expected 2", n)
	}
	if n := p.node(1).late; n > 0 {
		t.Errorf("duty 8: nothing happens after a panic: node 1 got %d inputs", n)
	}
}
