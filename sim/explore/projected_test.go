package explore

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// spy is a machine in the simulator that notes what it is given, and what it is in afterwards.
type spy struct {
	core.Machine
	node core.NodeID
	log  *[]noted
}

// noted is a step of a run: an input of a node, or its crash.
type noted struct {
	node  int
	crash bool
	in    core.Input
	state []byte // after it
}

func (y *spy) Step(now core.Instant, in *core.Input, out *core.Effects) {
	y.Machine.Step(now, in, out)
	*y.log = append(*y.log, noted{node: int(y.node), in: *in, state: y.AppendState(nil)})
}

func (y *spy) Clone() core.Machine { return &spy{y.Machine.Clone(), y.node, y.log} }

// projection takes a run of the simulator for a path of what is explored.
type projection struct {
	w     *world
	table map[State]struct{} // all states there are
}

// newProjection explores a world, breadth first and by itself.
func newProjection(t *testing.T, c *Config) *projection {
	t.Helper()
	make1, err := newWorlds(c)
	if err != nil {
		t.Fatal(err)
	}
	p := &projection{w: make1()}
	p.table = map[State]struct{}{p.w.initial: {}}
	queue := []State{p.w.initial}
	for at := 0; at < len(queue); at++ {
		for _, next := range p.w.Successors(&queue[at], nil) {
			if _, known := p.table[next.State]; !known {
				p.table[next.State] = struct{}{}
				queue = append(queue, next.State)
			}
		}
	}
	return p
}

// outside says that a run does something that the budget does not allow: it is none of the runs that are explored.
type outside struct{ why string }

func (o *outside) Error() string { return "outside: " + o.why }

// follow takes the steps of a run. It gives the steps that it took for acts.
func (p *projection) follow(log []noted) (taken int, err error) {
	s := p.w.initial
	for i := range log {
		n := &log[i]
		if n.in.Kind == core.InStart && !n.crash {
			continue
		}
		a, idle, err := p.find(&s, n)
		if err != nil {
			return taken, fmt.Errorf("step %d: %w", i+1, err)
		}
		if !idle {
			p.w.apply(&s, a)
			taken++
		}
		if _, known := p.table[s]; !known {
			return taken, fmt.Errorf("step %d leads to a state that was never seen", i+1)
		}
		if c := p.w.cells.at(s.cells[n.node]).of; !n.crash && !bytes.Equal(c.m.AppendState(nil), n.state) {
			return taken, fmt.Errorf("step %d, input %d: node %d is in another state", i+1, n.in.Kind, n.node)
		}
	}
	return taken, nil
}

// find looks for the act that is a step of a run. A message that the world has dropped must do nothing: idle.
func (p *projection) find(s *State, n *noted) (a act, idle bool, err error) {
	w := p.w
	for _, a := range w.enabled(s) {
		switch {
		case n.crash:
			if a.do == doCrash && int(a.node) == n.node && int(a.at) == len(w.boxes.at(s.boxes[n.node]).of) {
				return a, false, nil
			}
		case n.in.Kind == core.InDeliver:
			m := n.in.Msg
			if a.do == doDeliver && bytes.Equal(appendMail(nil, uint8(n.in.From), uint8(n.node), &m), []byte(w.mails.at(a.what).of.key)) {
				return a, false, nil
			}
		case n.in.Kind == core.InTimer:
			if (a.do == doTimer || a.do == doEarly) && int(a.node) == n.node && a.what == uint32(n.in.Timer) {
				return a, false, nil
			}
		case n.in.Kind == core.InSuspect:
			if a.do == doSuspect && int(a.node) == n.node && core.NodeID(a.peer) == n.in.Peer {
				return a, false, nil
			}
		}
	}
	switch {
	case n.in.Kind == core.InTimer:
		return a, false, &outside{"one more early timer"}
	case n.crash:
		return a, false, &outside{"one more crash"}
	}
	c := w.cells.at(s.cells[n.node]).of
	if bytes.Equal(c.m.AppendState(nil), n.state) {
		return a, true, nil
	}
	return a, false, fmt.Errorf("input %d of node %d is not possible, and does something", n.in.Kind, n.node)
}

// TestProjected: what the simulator does within the budget is explored: each run is a path, its nodes are in the same
// states, and all states are in the table.
func TestProjected(t *testing.T) {
	for _, x := range []struct {
		config Config
		rule   core.Rule
		runs   int
	}{
		{Config{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, EarlyTimeouts: 2}}, core.Majority, 1000},
		{Config{Protocol: "quorum", World: 4, Budget: Budget{Crashes: 2, EarlyTimeouts: 1}}, core.Majority, 200},
		{Config{Protocol: "fail-stop", World: 3, Budget: Budget{Crashes: 2, EarlyTimeouts: 2}}, core.FailStop, 500},
	} {
		p := newProjection(t, &x.config)
		sc, err := scenarios.Parse("projected", fmt.Appendf(nil, `
name: projected
world: %d
model: crash-stop
network: {transport: datagram}
faults: [{random: {crashes: 1..2, between: 5s..20s}}]
`, x.config.World))
		if err != nil {
			t.Fatal(err)
		}
		s := sim.New()
		within, steps, seed := 0, 0, uint64(0)
		for ; within < x.runs && seed < 4*uint64(x.runs); seed++ {
			log, err := spied(s, sim.Spec{Scenario: sc, Protocol: x.config.Protocol, Seed: seed + 1}, x.rule)
			if err != nil {
				t.Fatal(err)
			}
			taken, err := p.follow(log)
			if err == nil {
				within, steps = within+1, steps+taken
				continue
			}
			if _, ok := asOutside(err); !ok {
				t.Fatalf("%s, %d nodes, seed %d: %v", x.config.Protocol, x.config.World, seed+1, err)
			}
		}
		t.Logf("%s, %d nodes: %d states; %d of %d runs are within the budget, with %d steps", x.config.Protocol, x.config.World, len(p.table), within, seed, steps)
		if within < x.runs {
			t.Errorf("%s, %d nodes: %d runs are within the budget; expected %d", x.config.Protocol, x.config.World, within, x.runs)
		}
	}
}

// spied makes a run of the simulator and notes its steps.
func spied(s *sim.Simulator, spec sim.Spec, rule core.Rule) ([]noted, error) {
	var log []noted
	spec.New = func(setup core.Setup) (core.Machine, error) {
		setup.Config.Rule = rule
		m, err := core.New(setup)
		return &spy{m, setup.Self, &log}, err
	}
	spec.Observe = func(ev *trace.Event) {
		if ev.Kind == trace.Crash {
			log = append(log, noted{node: ev.Node, crash: true})
		}
	}
	_, err := s.Run(spec)
	return log, err
}

// TestProjectedNotices: a run that has a step too few is no path.
func TestProjectedNotices(t *testing.T) {
	c := Config{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, EarlyTimeouts: 2}}
	p := newProjection(t, &c)
	sc, err := scenarios.Parse("one", []byte("name: one\nworld: 3\nmodel: crash-stop\nnetwork: {transport: datagram}\nfaults: [{at: 5s, crash: [2]}]"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := spied(sim.New(), sim.Spec{Scenario: sc, Protocol: "quorum", Seed: 1}, core.Majority)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.follow(log); err != nil {
		t.Fatal(err)
	}
	for i := range log {
		if log[i].in.Kind == core.InSuspect {
			if _, err := p.follow(append(log[:i:i], log[i+1:]...)); err == nil {
				t.Error("a run without one of its suspicions is a path")
			}
			return
		}
	}
	t.Error("nobody suspects anybody")
}

func asOutside(err error) (o *outside, ok bool) {
	return o, errors.As(err, &o)
}
