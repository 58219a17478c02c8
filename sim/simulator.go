package sim

import (
	"fmt"
	"math"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/internal/record"
	"nexarsim/netsim"
	"nexarsim/scenarios"
)

// Simulator runs one run at a time and keeps its memory for the next. It is not safe for concurrent use; a sweep has one
// for each worker. The zero value is not ready: use New.
type Simulator struct {
	spec     Spec
	protocol protocol
	sc       *scenarios.Scenario
	cfg      core.Config
	world    int
	stream   bool
	observed bool

	queue    queue
	now      int64
	end      int64
	over     bool // the run ended early: livelock
	dice     seeded
	counters counters
	net      *netsim.Network
	choices  source // what the network and the detector are asked: nil for what the seed says
	nodes    []node
	slots    []slot
	free     []uint32 // slots that hold no message in flight
	held     []heldPacket
	inputs   []pendingInput
	parked   []entry
	closes   []closing
	acts     []act
	watch    watch
	load     load
	talk     talk
	ring     bool // all-reduces go round the ring

	in      core.Input
	out     *core.Effects
	letters []int32 // slot of each message of the current step, -1 while it has none
	base    uint64  // the stepping node's send counter when the step began
	cause   uint64  // the line that made the current step happen
	act     uint64  // the line of the current act; the cause of what it brings about

	digest   digest
	rec      *record.Recorder
	judge    *checker.Judge
	header   trace.Header
	headerOf headerKey
	inputBuf []byte
	inputNo  uint64
	reach    reachState

	started  int // how many nodes have had their first input
	stepping int // the node whose machine runs at this moment; nobody otherwise

	steps, messages, installs uint64
	busyMax                   int
	drawn                     []string
}

// New makes a simulator.
func New() *Simulator { return &Simulator{rec: record.New(), out: new(core.Effects)} }

// Run runs one run to its end and judges it. The error says what is wrong with the spec; a violation is a result, not an
// error.
func (s *Simulator) Run(spec Spec) (*Result, error) {
	if err := s.prepare(spec); err != nil {
		return nil, err
	}
	s.started = 0
	for !s.loop() {
		// A panic of a machine ended the loop; the run goes on without that node.
	}
	return s.finish(), nil
}

// prepare makes everything that stands before the first step.
func (s *Simulator) prepare(spec Spec) error {
	if spec.Scenario == nil {
		return fmt.Errorf("run: no scenario")
	}
	if spec.Seed == 0 {
		return fmt.Errorf("run %s: seed 0: expected 1 to %d", spec.Scenario.Name, uint64(math.MaxUint64))
	}
	s.spec, s.sc = spec, spec.Scenario
	s.spec.Protocol = spec.protocol()
	named, known := findProtocol(s.spec.Protocol)
	s.protocol = named
	make1 := spec.New
	switch {
	case make1 != nil:
	case known:
		make1 = named.make
	default:
		return errUnknown(s.spec.Protocol)
	}
	if spec.Talk > 0 && s.protocol.classic {
		return fmt.Errorf("run %s: protocol %s has no communicator to talk on: expected quorum or fail-stop", s.sc.Name, s.spec.Protocol)
	}
	cfg, err := config(s.sc)
	if err != nil {
		return err
	}
	if s.protocol.classic {
		cfg.ExternalDetector = false // it has its own monitor in runs, which is accurate if nothing is cut
	}
	s.cfg = cfg
	s.reset()
	s.drawWorld()
	if spec.New == nil {
		make1 = s.equip(make1)
	}
	if err := s.makeNodes(make1); err != nil {
		return err
	}
	s.makeNetwork()
	s.plan()
	s.planLoad()
	s.planTalk()
	if s.choices = spec.choices; s.choices != nil {
		if err := s.choices.bind(s); err != nil {
			return err
		}
		s.net.Use(s.choices)
	}
	return s.makeJudge()
}

func (s *Simulator) reset() {
	s.queue.reset(span(&s.sc.Network.Latency))
	s.queue.flips = s.flips()
	s.now, s.end, s.over = 0, int64(s.sc.Duration), false
	s.dice.reset(s.spec.Seed)
	s.digest.reset(s.spec.Log)
	s.slots, s.free, s.held = s.slots[:0], s.free[:0], s.held[:0]
	s.inputs, s.parked, s.acts, s.closes = s.inputs[:0], s.parked[:0], s.acts[:0], s.closes[:0]
	s.steps, s.messages, s.installs, s.inputNo = 0, 0, 0, 0
	s.cause, s.act, s.stepping = 0, 0, nobody
	s.drawn = nil
	s.observed = s.spec.Observe != nil
}

// drawWorld draws the number of nodes and the transport.
func (s *Simulator) drawWorld() {
	r := s.sc.World
	s.world = r.Min
	if r.Max > r.Min {
		s.world += int(s.dice.Decide(choiceKey(domainWorld, 0, 0), 0, uint64(r.Max-r.Min)+1))
		s.drawn = append(s.drawn, fmt.Sprintf("world %d", s.world))
	}
	switch s.sc.Network.Transport {
	case "stream":
		s.stream = true
	case "random":
		s.stream = s.dice.Decide(choiceKey(domainTransport, 0, 0), 0, 2) == 1
		s.drawn = append(s.drawn, "transport "+transportName(s.stream))
	default:
		s.stream = s.protocol.stream()
	}
	s.counters.reset(s.world)
	s.busyMax = 1000 * s.world
}

func (s *Simulator) makeNetwork() {
	n := &s.sc.Network
	cfg := netsim.Config{
		World: s.world, Stream: s.stream, Latency: latency(&n.Latency), Loss: int64(n.Loss), Duplicate: int64(n.Duplicate),
		Reorder: n.Reorder, IdleTimeout: int64(n.IdleTimeout),
	}
	if s.net == nil {
		s.net = netsim.New(cfg, &s.dice)
		return
	}
	s.net.Reset(cfg, &s.dice)
}

func latency(l *scenarios.Latency) netsim.Latency {
	switch l.Kind {
	case scenarios.Exponential:
		return netsim.Exponential(int64(l.Min), int64(l.Mean))
	case scenarios.Bimodal:
		return netsim.Bimodal(int64(l.Min), int64(l.Max), int64(l.SlowMin), int64(l.SlowMax), int64(l.Share))
	case scenarios.Uniform:
	}
	return netsim.Uniform(int64(l.Min), int64(l.Max))
}

// span is the longest delay of nearly all messages.
func span(l *scenarios.Latency) int64 {
	if l.Kind == scenarios.Exponential {
		return int64(4 * l.Mean)
	}
	d := latency(l)
	return d.Max()
}

// plan lays out the acts: timed ones into the queue, triggered ones to wait for their moment.
func (s *Simulator) plan() {
	s.watch.reset()
	for i := range s.sc.Faults {
		f := &s.sc.Faults[i]
		if f.Random != nil {
			for _, a := range expand(f, i, s.world, &s.dice) {
				s.drawn = append(s.drawn, a.describe())
				s.acts = append(s.acts, a)
			}
			continue
		}
		s.acts = append(s.acts, act{Act: f.Act, where: fmt.Sprintf("faults[%d]", i), at: int64(f.At), when: f.When, dur: int64(f.For)})
		if f.When != nil {
			s.watch.add(f.When, len(s.acts)-1, s.nodes[0].m)
			s.acts[len(s.acts)-1].at = -1
		}
	}
	for i := range s.acts {
		a := &s.acts[i]
		a.links = closes(&a.Act)
		if a.at >= 0 {
			s.queue.push(a.at, classAct, uint32(i), 0)
			s.prolong(a.at + a.dur)
		}
	}
}

// prolong sees to it that the run lasts until everything has settled after an act.
func (s *Simulator) prolong(t int64) { s.end = max(s.end, t+int64(s.sc.Settle)) }

// headerKey is what a header depends on, beside the seed.
type headerKey struct {
	sc       *scenarios.Scenario
	protocol string
	world    int
}

func (s *Simulator) makeJudge() error {
	key := headerKey{s.sc, s.spec.Protocol, s.world}
	if s.headerOf != key {
		ids := nodeIDs(s.world)
		model := "asynchronous"
		if s.sc.Model == scenarios.CrashStop {
			model = "crash-stop"
		}
		s.header = trace.Header{
			Source: "sim", Protocol: s.spec.Protocol, World: s.world, Model: model,
			Config: scenarios.ConfigJSON(s.sc), Scenario: scenarios.JSON(s.sc), CommID: s.protocol.rootID(ids), NodeIDs: ids,
		}
		s.headerOf = key
	}
	s.header.Seed = fmt.Sprint(s.spec.Seed)
	if s.judge == nil {
		j, err := checker.New(&s.header)
		if err != nil {
			return fmt.Errorf("run %s: %w", s.sc.Name, err)
		}
		s.judge = j
	} else if err := s.judge.Reset(&s.header); err != nil {
		return fmt.Errorf("run %s: %w", s.sc.Name, err)
	}
	if s.observed && s.spec.Header != nil {
		s.spec.Header(&s.header)
	}
	s.rec.Reset(s.line, s.observed, s.nodes[0].m.KindName)
	s.reach.reset(s.world)
	return nil
}

// line takes a line of the trace: the judge sees what can matter to it, an observer everything.
func (s *Simulator) line(ev *trace.Event) {
	if s.observed {
		s.spec.Observe(ev)
	}
	switch ev.Kind {
	case trace.Send, trace.Drop, trace.Input:
		return
	case trace.Deliver:
		if !ev.Used {
			return
		}
	}
	s.judge.Observe(ev)
	s.reach.line(ev)
}

// begin gives every node its first input.
func (s *Simulator) begin() {
	interval := uint64(s.cfg.HeartbeatInterval)
	for s.started < len(s.nodes) {
		id := s.started
		s.started++ // before the step: if the machine panics, the others still start
		phase := s.phase(id, interval)
		s.in = core.Input{Kind: core.InStart, Phase: int64(phase)}
		s.step(id)
	}
}

// finish judges the run and gathers what it came to.
func (s *Simulator) finish() *Result {
	end := max(s.end, s.now)
	if s.over {
		end = s.now
	}
	verdict := s.judge.Finish(checker.Ending{T: end, Complete: true})
	res := &Result{
		Scenario: s.sc.Name, Protocol: s.spec.Protocol, Seed: s.spec.Seed, World: s.world, Drawn: s.drawn,
		Digest: s.digest.sum(), Steps: s.steps, Messages: s.messages, Installs: s.installs, VirtualNS: end,
		Verdict: verdict, Reach: s.reach.hits,
	}
	for i := range s.acts {
		if a := &s.acts[i]; !a.fired {
			res.Unfired = append(res.Unfired, a.where+": "+actText(&a.Act))
		}
	}
	if s.observed {
		s.spec.Observe(&trace.Event{
			T: end, Node: -1, Kind: trace.Verdict, Violations: verdict.Violations, Digest: res.DigestText(),
			Steps: res.Steps, Installs: res.Installs,
		})
	}
	return res
}
