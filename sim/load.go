package sim

import (
	"math"

	"nexarsim/core"
	"nexarsim/core/comm"
	"nexarsim/scenarios"
)

// equip puts on a protocol's machines what a scenario's application needs of them, and nothing if it needs nothing: a run
// without collectives is the same run with and without them in the program.
func (s *Simulator) equip(make1 Constructor) Constructor {
	s.ring = false
	if !s.protocol.classic && (needsCommunicator(s.sc) || s.spec.Talk > 0) {
		make1 = withCommunicator(make1, s.drawRingMin())
	}
	if w := s.sc.Workload; w != nil && w.Kind == "register" {
		make1 = withRegister(make1, s.rule())
	}
	return make1
}

// needsCommunicator tells whether somebody in a scenario calls split, barrier or all-reduce.
func needsCommunicator(sc *scenarios.Scenario) bool {
	if w := sc.Workload; w != nil && w.Kind != "register" {
		return true
	}
	for i := range sc.Faults {
		if op, ok := appCall(&sc.Faults[i].Act); ok && op.Collective() {
			return true
		}
	}
	return false
}

// drawRingMin lets half of the runs send their few numbers round the ring, as large ones would go.
func (s *Simulator) drawRingMin() int {
	if s.dice.Decide(choiceKey(domainRing, 0, 0), 0, 2) == 0 {
		s.drawn = append(s.drawn, "all-reduce by "+comm.RecursiveDoubling.String())
		return math.MaxInt32
	}
	s.ring = true
	s.drawn = append(s.drawn, "all-reduce by "+comm.RingAllReduce.String())
	return 1
}

func withCommunicator(make1 Constructor, ringMin int) Constructor {
	return func(set core.Setup) (core.Machine, error) {
		m, err := make1(set)
		if err != nil {
			return nil, err
		}
		return comm.New(m, comm.Settings{Setup: set, RingMin: ringMin})
	}
}

// rule is which members are enough for the register: classic has no rule, and takes whoever is left.
func (s *Simulator) rule() core.Rule {
	if s.protocol.name == "quorum" {
		return core.Majority
	}
	return core.FailStop
}

func withRegister(make1 Constructor, rule core.Rule) Constructor {
	return func(set core.Setup) (core.Machine, error) {
		m, err := make1(set)
		if err != nil {
			return nil, err
		}
		return comm.NewRegister(m, comm.RegisterSettings{Setup: set, Rule: rule})
	}
}

// load is what the application does all along: workers who call again and again, each after its call before has ended.
type load struct {
	workers []worker
	calls   uint64
}

// worker is a node's application, or a client of the register.
type worker struct {
	node int    // where it calls; a client's changes with each call
	open uint64 // the call that has not ended; 0: none
	made uint64
}

// loadCalls is where the ids of a workload's calls begin: acts have the lower ones.
const loadCalls = 1 << 40

// planLoad lets the workers begin, each at a moment of its own within the first period.
func (s *Simulator) planLoad() {
	s.load.workers, s.load.calls = s.load.workers[:0], loadCalls
	w := s.sc.Workload
	if w == nil {
		return
	}
	workers := s.world
	if w.Kind == "register" {
		workers = w.Clients
	}
	for i := range workers {
		s.load.workers = append(s.load.workers, worker{node: i % s.world})
		first := s.dice.Decide(choiceKey(domainLoad, uint64(i), 0), 0, uint64(w.Every))
		s.queue.push(int64(first), classLoad, uint32(i), 0)
	}
}

// ended notes the end of a worker's call.
func (l *load) ended(id uint64) {
	for i := range l.workers {
		if id > loadCalls && l.workers[i].open == id {
			l.workers[i].open = 0
			return
		}
	}
}

// loadDue lets a worker call, if its call before has ended and there is time left for another: a call that nobody could
// wait for decides nothing.
func (s *Simulator) loadDue(e *entry) {
	if e.a >= firstTalker {
		s.talkDue(e)
		return
	}
	i := int(e.a)
	w, kind := &s.load.workers[i], s.sc.Workload.Kind
	if n := &s.nodes[w.node]; kind != "register" && (n.down() || n.ended || s.postpone(w.node, e)) {
		return
	}
	s.queue.push(s.now+int64(s.sc.Workload.Every), classLoad, e.a, 0)
	if s.now > s.end-int64(s.sc.Settle)/2 {
		return
	}
	if kind == "register" {
		s.client(i, w)
		return
	}
	if w.open == 0 {
		op := core.CallBarrier
		if kind == "allreduce" {
			op = core.CallAllReduce
		}
		s.work(w, op, s.brings(w.node, op))
	}
}

// client lets a client of the register call: at any node that runs, to write what nobody else writes, or to read. One whose
// node has died goes elsewhere, and never learns what became of its call.
func (s *Simulator) client(i int, w *worker) {
	if w.open != 0 && !s.nodes[w.node].down() {
		return
	}
	key := choiceKey(domainLoad, uint64(i), w.made+1)
	node := int(s.dice.Decide(key, 0, uint64(s.world)))
	if n := &s.nodes[node]; n.down() || n.ended || n.pauses > 0 {
		w.made++ // another draw the next time
		return
	}
	w.node = node
	if s.dice.Decide(key, 1, 2) == 0 {
		s.work(w, core.CallRead, 0)
		return
	}
	s.work(w, core.CallWrite, int64(i+1)*1_000_000+int64(w.made)+1)
}

// work makes a call as a step of the worker's node.
func (s *Simulator) work(w *worker, op core.CallOp, value int64) {
	s.load.calls++
	w.made++
	w.open = s.load.calls
	s.in = core.Input{Kind: core.InCall, Call: op, ID: w.open, Value: value}
	s.cause = 0
	s.step(w.node)
}

// brings is what a node brings to its next call: a number to an all-reduce, a colour to a split of a communicator that has
// colours.
func (s *Simulator) brings(node int, op core.CallOp) int64 {
	switch {
	case op == core.CallAllReduce:
		return core.Contribution(core.NodeID(node), s.rec.CallNumber(node, op))
	case op == core.CallSplit && !s.protocol.classic:
		return int64(node % 2)
	}
	return 0
}
