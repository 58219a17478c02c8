package explore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"nexarsim/checker"
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
	sent *[]mail // what was sent and is not yet in the trace
}

// noted is a step of a run: an input of a node, its crash, or what the environment does to the network.
type noted struct {
	node   int
	crash  bool
	later  bool // the crash comes later than in the run
	in     core.Input
	state  []byte // after it
	id     uint64 // of a message
	again  bool   // the message comes again
	lost   *mail
	tells  bool    // the input is answered with a decision
	split  [][]int // by a partition
	healed bool
}

func (y *spy) Step(now core.Instant, in *core.Input, out *core.Effects) {
	given := *in
	given.Hold = false // how long a suspicion is held is the driver's affair
	y.Machine.Step(now, &given, out)
	*y.log = append(*y.log, noted{node: int(y.node), in: given, state: y.AppendState(nil)})
	for i := range out.List() {
		if e := &out.List()[i]; e.Kind == core.OutSend {
			n := &(*y.log)[len(*y.log)-1]
			n.tells = n.tells || in.Kind == core.InDeliver && e.Peer == in.From && out.Message(e).Kind == core.Commit
			*y.sent = append(*y.sent, mail{from: uint8(y.node), to: uint8(e.Peer), msg: *out.Message(e)})
		}
	}
}

func (y *spy) Clone() core.Machine { return &spy{y.Machine.Clone(), y.node, y.log, y.sent} }

// projection takes a run of the simulator for a path of what is explored.
type projection struct {
	w     *world
	table map[State]struct{} // all states there are; nil: they are not looked up
	took  map[do]int         // steps of each sort, of all runs
	last  State              // of the run that was followed last
	shown map[string]int     // properties, and how many runs have broken them
	later int                // runs in which a crash comes later
}

// newProjection explores a world, breadth first and by itself.
func newProjection(t *testing.T, c *Config) *projection {
	t.Helper()
	make1, err := newWorlds(c)
	if err != nil {
		t.Fatal(err)
	}
	p := &projection{w: make1(), took: map[do]int{}, shown: map[string]int{}}
	p.table = map[State]struct{}{p.w.initial: {}}
	queue := []State{p.w.initial}
	for at := 0; at < len(queue); at++ {
		if p.w.Marks(&queue[at]).Stop {
			continue
		}
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
		if n.in.Kind == core.InStart && !n.crash && n.lost == nil && n.split == nil && !n.healed {
			continue
		}
		if n.state != nil && p.w.cells.at(s.cells[n.node]).of.still {
			continue // nobody reads what it does: left out
		}
		a, idle, err := p.find(&s, n)
		if err != nil && n.state != nil && n.in.Kind == core.InDeliver && n.in.Msg.Kind == core.Commit && p.tell(&s, n.node, n.in.From) {
			a, idle, err = p.find(&s, n)
		}
		if idle && n.tells {
			p.tell(&s, int(n.in.From), core.NodeID(n.node))
		}
		if err != nil {
			return taken, fmt.Errorf("step %d: %w", i+1, err)
		}
		if !idle {
			p.w.apply(&s, a)
			taken++
			p.took[a.do]++
		}
		if _, known := p.table[s]; !known && p.table != nil {
			return taken, fmt.Errorf("step %d leads to a state that was never seen", i+1)
		}
		if c := p.w.cells.at(s.cells[n.node]).of; n.state != nil && !c.still && !bytes.Equal(c.m.AppendState(nil), n.state) {
			return taken, fmt.Errorf("step %d, input %d: node %d is in another state", i+1, n.in.Kind, n.node)
		}
	}
	p.last = s
	if slices.ContainsFunc(log, func(n noted) bool { return n.later }) {
		p.later++
	}
	return taken, nil
}

// judged holds what a judge finds unsafe in the run that was followed last, line by line and with its times, against what the
// last state of its path shows.
func (p *projection) judged(judge *checker.Judge) error {
	marks := p.w.Marks(&p.last).Bits
	for i, property := range safety {
		shows := marks>>i&1 != 0
		if judge.Violated(property) != shows {
			return fmt.Errorf("%s is broken in the run: %v, and in what is explored: %v", property, !shows, shows)
		}
		if shows {
			p.shown[property]++
		}
	}
	return nil
}

// tell has a node told what a run tells it as the answer to an old message, which the world has left out.
func (p *projection) tell(s *State, node int, by core.NodeID) bool {
	for _, a := range p.w.enabled(s) {
		if a.do == doTell && int(a.node) == node && core.NodeID(a.peer) == by {
			p.w.apply(s, a)
			if p.took != nil {
				p.took[doTell]++
			}
			return true
		}
	}
	return false
}

// find looks for the act that is a step of a run. A message that the world has dropped must do nothing: idle.
func (p *projection) find(s *State, n *noted) (a act, idle bool, err error) {
	w := p.w
	for _, a := range w.enabled(s) {
		switch {
		case n.lost != nil:
			if a.do == doLose && w.isMail(a.what, int(n.lost.from), int(n.lost.to), &n.lost.msg) {
				return a, false, nil
			}
		case n.split != nil:
			if a.do == doPartition && splits(a.peer, s.dead, n.split) {
				return a, false, nil
			}
		case n.healed:
			if a.do == doHeal {
				return a, false, nil
			}
		case n.crash:
			if a.do == doCrash && int(a.node) == n.node && int(a.at) == len(w.boxes.at(s.boxes[n.node]).of) {
				return a, false, nil
			}
		case n.in.Kind == core.InDeliver:
			wanted := doDeliver
			if n.again {
				wanted = doDuplicate
			}
			if a.do == wanted && w.isMail(a.what, int(n.in.From), n.node, &n.in.Msg) {
				return a, false, nil
			}
		case n.in.Kind == core.InTimer:
			if (a.do == doTimer || a.do == doEarly) && int(a.node) == n.node && a.what == uint32(n.in.Timer) {
				return a, false, nil
			}
		case n.in.Kind == core.InSuspect:
			if (a.do == doSuspect || a.do == doAccuse) && int(a.node) == n.node && core.NodeID(a.peer) == n.in.Peer {
				return a, false, nil
			}
		case n.in.Kind == core.InClosed:
			if a.do == doClose && int(a.node) == n.node && core.NodeID(a.peer) == n.in.Peer {
				return a, false, nil
			}
		case n.in.Kind == core.InWake:
			if a.do == doWake && int(a.node) == n.node && uint64(a.what) == n.in.ID {
				return a, false, nil
			}
		case n.in.Kind == core.InSent:
			if a.do == doAnswer && n.in.Err == "" && int(a.node) == n.node && uint64(a.what) == n.in.ID {
				return a, false, nil
			}
		case n.in.Kind == core.InTrust:
			if a.do == doTrust && int(a.node) == n.node && core.NodeID(a.peer) == n.in.Peer {
				return a, false, nil
			}
		}
	}
	if n.state != nil && n.in.Kind == core.InDeliver && n.in.Msg.Kind == core.Commit {
		if a, ok := p.sameNews(s, n); ok {
			return a, false, nil
		}
	}
	return p.without(s, n)
}

// sameNews finds a decision on its way to a node from somebody else: while there is one, nobody tells the node another time.
func (p *projection) sameNews(s *State, n *noted) (act, bool) {
	for _, a := range p.w.enabled(s) {
		if a.do != doDeliver || int(a.peer) != n.node {
			continue
		}
		if m := &p.w.mails.at(a.what).of.msg; m.Kind == core.Commit && m.Epoch == n.in.Msg.Epoch && m.Set == n.in.Msg.Set {
			return a, true
		}
	}
	return act{}, false
}

// failedSend is what no path has: the node is told first.
const failedSend = "a send fails of a node that was not told that the connection has ended"

// without says what a step is that the world does not allow.
func (p *projection) without(s *State, n *noted) (a act, idle bool, err error) {
	w := p.w
	switch {
	case n.lost != nil && !w.inFlight(s, n.lost):
		return a, true, nil // it could do nothing
	case n.lost != nil && s.losses == 0:
		return a, false, &outside{"one more loss"}
	case n.lost != nil:
		return a, false, fmt.Errorf("a message in flight cannot be lost")
	case n.split != nil && splits(0, s.dead, n.split), n.healed && s.split == 0:
		return a, true, nil // one side has crashed
	case n.split != nil, n.healed:
		return a, false, fmt.Errorf("the group cannot be split, or healed")
	case n.crash:
		return a, false, &outside{"one more crash"}
	case n.in.Kind == core.InSent && n.in.Err != "":
		return a, false, &outside{failedSend}
	case n.in.Kind == core.InTimer:
		return a, false, &outside{"one more early timer"}
	case n.in.Kind == core.InDeliver && s.apart(int(n.in.From), n.node):
		return a, false, &outside{"a message that was under way at the split arrives"}
	case n.in.Kind == core.InDeliver && n.again && s.duplicates == 0:
		return a, false, &outside{"one more duplicate"}
	}
	c := w.cells.at(s.cells[n.node]).of
	switch {
	case bytes.Equal(c.m.AppendState(nil), n.state):
		return a, true, nil
	case n.in.Kind == core.InSuspect && s.suspicions == 0:
		return a, false, &outside{"one more false suspicion"}
	}
	return a, false, fmt.Errorf("input %d of node %d is not possible, and does something: %+v", n.in.Kind, n.node, n.in.Msg)
}

// isMail tells whether a mail is this message.
func (w *world) isMail(number uint32, from, to int, m *core.Message) bool {
	return bytes.Equal(appendMail(nil, uint8(from), uint8(to), m), []byte(w.mails.at(number).of.key))
}

func (w *world) inFlight(s *State, m *mail) bool {
	return slices.ContainsFunc(w.boxes.at(s.boxes[m.from]).of, func(number uint32) bool { return w.isMail(number, int(m.from), int(m.to), &m.msg) })
}

// splits tells whether one side of the living is that of a partition.
func splits(side, dead uint8, groups [][]int) bool {
	for _, g := range groups {
		set := uint8(0)
		for _, node := range g {
			set |= 1 << node
		}
		if set&^dead == side {
			return true
		}
	}
	return false
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
		f := p.followAll(t, x.runs, func(seed uint64) ([]noted, *checker.Judge, error) {
			return spied(s, sim.Spec{Scenario: sc, Protocol: x.config.Protocol, Seed: seed}, x.rule, &x.config)
		})
		if x.config.World == 3 && x.rule == core.Majority {
			told(t, "%s of %s runs of three nodes are within 2 crashes and 2 early timers", grouped(f.within), grouped(f.made))
		}
	}
}

// followed is what became of runs: how many there were, how many of them are within the budget, and why the others are not.
type followed struct {
	made, within int
	outside      map[string]int
}

// followAll makes runs, each with a seed of its own, until so many are within the budget: each of these is a path that
// breaks what it breaks. It gives up after ten times as many.
func (p *projection) followAll(t *testing.T, runs int, run func(seed uint64) ([]noted, *checker.Judge, error)) followed {
	t.Helper()
	name := fmt.Sprintf("%s, %d nodes", p.w.cfg.Protocol, p.w.cfg.World)
	f, steps := followed{outside: map[string]int{}}, 0
	for f.within < runs && f.made < 10*runs {
		f.made++
		log, judge, err := run(uint64(f.made))
		if err != nil {
			t.Fatalf("%s, run %d: %v", name, f.made, err)
		}
		taken, err := p.follow(log)
		if err == nil {
			err = p.judged(judge)
		}
		if err == nil {
			f.within, steps = f.within+1, steps+taken
			continue
		}
		o, ok := asOutside(err)
		if !ok {
			t.Fatalf("%s, run %d: %v", name, f.made, err)
		}
		f.outside[o.why]++
	}
	t.Logf("%s: %d states; %d of %d runs are within the budget, with %d steps %v; a crash later in %d; broken: %v; outside: %v",
		name, len(p.table), f.within, f.made, steps, p.took, p.later, p.shown, f.outside)
	if f.within < runs {
		t.Errorf("%s: %d runs are within the budget; expected %d", name, f.within, runs)
	}
	return f
}

// spied makes a run of the simulator and notes its steps. The judge is one of what is explored, and has seen the run.
func spied(s *sim.Simulator, spec sim.Spec, rule core.Rule, c *Config) ([]noted, *checker.Judge, error) {
	return spiedOn(s, spec, func(setup core.Setup) (core.Machine, error) {
		setup.Config.Rule = rule
		return core.New(setup)
	}, c)
}

func spiedOn(s *sim.Simulator, spec sim.Spec, make1 sim.Constructor, c *Config) ([]noted, *checker.Judge, error) {
	judge, err := checker.New(header(c))
	if err != nil {
		return nil, nil, err
	}
	var log []noted
	var sent []mail
	byID := map[uint64]mail{}
	spec.New = func(setup core.Setup) (core.Machine, error) {
		m, err := make1(setup)
		return &spy{m, setup.Self, &log, &sent}, err
	}
	spec.Observe = func(ev *trace.Event) {
		judge.Observe(ev)
		switch ev.Kind {
		case trace.Crash:
			log = append(log, noted{node: ev.Node, crash: true})
		case trace.Partition:
			log = append(log, noted{split: ev.Act.Groups})
		case trace.Heal:
			log = append(log, noted{healed: true})
		case trace.Send:
			byID[ev.ID], sent = sent[0], sent[1:]
		case trace.Deliver:
			if !ev.Late { // of what came in an earlier step
				log[len(log)-1].id = ev.ID
			}
		case trace.Drop:
			if ev.Why == "loss" || ev.Why == "closed" { // the latter of what a node had sent before it crashed
				m := byID[ev.ID]
				log = append(log, noted{id: ev.ID, lost: &m})
			}
		}
	}
	_, err = s.Run(spec)
	return outlived(copies(log)), judge, err
}

// outlived puts the crash of a node behind the last moment at which somebody ceases to suspect it. The node does nothing in
// between, and what is sent to it there is lost with it all the same, so that the others cannot tell; but who comes to suspect it
// in between suspects a live node.
func outlived(log []noted) []noted {
	before := map[int][]byte{} // of each node, its state
	moved := map[int]int{}     // of each crash, behind what
	crashed := map[int]int{}
	for i := range log {
		n := &log[i]
		if n.crash {
			crashed[n.node] = i
		}
		if n.state == nil {
			continue
		}
		if at, dead := crashed[int(n.in.Peer)]; dead && n.in.Kind == core.InTrust && !bytes.Equal(before[n.node], n.state) {
			moved[at] = i
		}
		before[n.node] = n.state
	}
	var kept []noted
	for i := range log {
		if _, later := moved[i]; !later {
			kept = append(kept, log[i])
		}
		for at := range i { // crashes in their order
			if to, later := moved[at]; later && to == i {
				n := log[at]
				n.later = true
				kept = append(kept, n)
			}
		}
	}
	return kept
}

// copies marks a message that comes again, and leaves out the loss of one of two copies: no more is known of such a message
// than that one came.
func copies(log []noted) []noted {
	left := map[uint64]int{}
	for i := range log {
		if n := &log[i]; !n.crash && n.in.Kind == core.InDeliver {
			left[n.id]++
		}
	}
	var kept []noted
	for _, n := range log {
		switch {
		case n.lost != nil && left[n.id] > 0, n.lost != nil && left[n.id] < 0:
			continue
		case n.lost == nil && n.state != nil && n.in.Kind == core.InDeliver:
			left[n.id]--
			n.again = left[n.id] > 0
			if left[n.id] == 0 {
				left[n.id] = -1 // a copy that is lost later is nothing
			}
		}
		kept = append(kept, n)
	}
	return kept
}

// TestProjectedNotices: a run that has a step too few is no path.
func TestProjectedNotices(t *testing.T) {
	c := Config{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, EarlyTimeouts: 2}}
	p := newProjection(t, &c)
	sc, err := scenarios.Parse("one", []byte("name: one\nworld: 3\nmodel: crash-stop\nnetwork: {transport: datagram}\nfaults: [{at: 5s, crash: [2]}]"))
	if err != nil {
		t.Fatal(err)
	}
	log, judge, err := spied(sim.New(), sim.Spec{Scenario: sc, Protocol: "quorum", Seed: 1}, core.Majority, &c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.follow(log); err != nil {
		t.Fatal(err)
	}
	if err := p.judged(judge); err != nil {
		t.Error(err)
	}
	judge.Observe(&trace.Event{T: 1 << 50, Kind: trace.Panic, Error: "nothing that a path has"})
	if p.judged(judge) == nil {
		t.Error("a run that breaks something else is the same")
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
