package explore

import (
	"fmt"
	"slices"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/scenarios"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
)

// The name of the scenario in a schedule's capsule. Its times mean nothing: the clock of a schedule stands still.
const scenarioName = "explored"

// keptAll stands in a capsule's budget for all kinds of messages.
const keptAll = "all"

// NewCapsule keeps a counterexample: the steps by their names, the budget, and what its replay comes to. Who made it is
// for the caller to say: FoundBy.
func NewCapsule(v *Violation) (*capsule.Capsule, error) {
	if v.Untold {
		return nil, fmt.Errorf("explore: capsule of %s: its schedule is not known", v.Property)
	}
	c := &v.Schedule.Config
	sc, err := scenario(c, scenarioName)
	if err != nil {
		return nil, fmt.Errorf("explore: capsule of %s: %w", v.Property, err)
	}
	out := &capsule.Capsule{Mode: capsule.Schedule, Scenario: sc, Protocol: c.Protocol, Seed: 1, Property: v.Property}
	if err := put(out, &v.Schedule); err != nil {
		return nil, err
	}
	r, err := Replay(&v.Schedule)
	if err != nil {
		return nil, fmt.Errorf("explore: capsule of %s: %w", v.Property, err)
	}
	seal(out, r)
	if r.Verdict.First(v.Property, v.Liveness) == nil {
		return nil, fmt.Errorf("explore: capsule of %s: its own replay does not show it", v.Property)
	}
	out.Cause = cause(&v.Schedule)
	return out, nil
}

// scenario is what a schedule's files say of a scenario: what the nodes are, and no faults.
func scenario(c *Config, name string) (*scenarios.Scenario, error) {
	text := fmt.Sprintf("{name: %s, world: %d, protocol: %s, network: {transport: %s}}", name, c.World, protocolOf(c.Protocol), c.transport())
	return scenarios.Parse(name, []byte(text))
}

// protocolOf is a protocol as a scenario may name it; a machine of the caller's own has a name of its own.
func protocolOf(name string) string {
	if slices.Contains(scenarios.Protocols(), name) {
		return name
	}
	return "quorum"
}

// put writes a schedule into a capsule.
func put(c *capsule.Capsule, s *Schedule) error {
	b := &s.Config.Budget
	kept, err := keptNames(&s.Config)
	if err != nil {
		return err
	}
	c.Budget = &capsule.Budget{
		Crashes: b.Crashes, FalseSuspicions: b.FalseSuspicions, Partitions: b.Partitions, EarlyTimeouts: b.EarlyTimeouts,
		Losses: b.Losses, Duplicates: b.Duplicates, LinkTails: s.Config.LinkTails, Kept: kept,
	}
	c.Decisions = nil
	for i := range s.Steps {
		c.Decisions = append(c.Decisions, capsule.Decision{Kind: capsule.Next, Step: s.Steps[i].inCapsule()})
	}
	return nil
}

// seal writes down what a capsule's own replay came to.
func seal(c *capsule.Capsule, r *Replayed) {
	c.Violations = slices.Clone(r.Verdict.Violations)
	c.Digest, c.Steps = fmt.Sprintf("%016x", r.Digest), uint64(len(r.Lines))
}

// keptNames names the kinds of messages that were kept although the machines claim that they do nothing any more.
func keptNames(c *Config) ([]string, error) {
	if c.Plain.KeepSpent {
		return []string{keptAll}, nil
	}
	if c.Plain.KeepKinds == 0 {
		return nil, nil
	}
	machines, err := c.machines()
	if err != nil {
		return nil, err
	}
	var names []string
	for k := range core.Kind(64) {
		if c.Plain.KeepKinds>>k&1 != 0 {
			names = append(names, machines[0].KindName(k))
		}
	}
	return names, nil
}

// ScheduleOf reads the schedule of a capsule. A protocol, if one is named, takes the place of the capsule's; so does a
// constructor.
func ScheduleOf(c *capsule.Capsule, protocol string, make1 sim.Constructor) (*Schedule, error) {
	if protocol == "" {
		protocol = c.Protocol
	}
	s := &Schedule{Config: Config{Protocol: protocol, World: c.Scenario.World.Min, Make: make1}}
	if b := c.Budget; b != nil {
		s.Config.Budget = Budget{
			Crashes: b.Crashes, FalseSuspicions: b.FalseSuspicions, Partitions: b.Partitions, EarlyTimeouts: b.EarlyTimeouts,
			Losses: b.Losses, Duplicates: b.Duplicates,
		}
		s.Config.LinkTails = b.LinkTails
	}
	if err := s.Config.Validate(); err != nil {
		return nil, err
	}
	if err := s.Config.keep(c.Budget); err != nil {
		return nil, err
	}
	for i := range c.Decisions {
		s.Steps = append(s.Steps, fromCapsule(c.Decisions[i].Step))
	}
	return s, nil
}

// keep takes over which messages are kept. A kind that the protocol does not have is never in flight.
func (c *Config) keep(b *capsule.Budget) error {
	if b == nil || len(b.Kept) == 0 {
		return nil
	}
	machines, err := c.machines()
	if err != nil {
		return err
	}
	c.Plain.KeepSpent = slices.Contains(b.Kept, keptAll)
	for k := range core.Kind(64) {
		if slices.Contains(b.Kept, machines[0].KindName(k)) {
			c.Plain.KeepKinds |= 1 << k
		}
	}
	return nil
}

// inCapsule is a step as the file has it.
func (s *Step) inCapsule() *capsule.Step {
	c := &capsule.Step{Do: s.Do}
	switch s.Do {
	case DoDeliver, DoDuplicate, DoLose:
		c.From, c.To, c.Kind, c.Epoch, c.Nth = s.Node, s.Peer, s.Kind, s.Epoch, uint64(s.Nth)
	case DoTimer:
		c.Node, c.Timer = s.Node, s.Timer
	case DoSuspect, DoTrust, DoTell, DoClose:
		c.Node, c.Peer = s.Node, s.Peer
	case DoCrash:
		c.Node, c.Tail = s.Node, s.Lost
		for _, t := range s.Tails {
			c.Tails = append(c.Tails, [2]int{t.To, t.Lost})
		}
	case DoPartition:
		c.Groups = s.Groups
	case DoWake, DoSent:
		c.Node, c.Nth = s.Node, uint64(s.ID)
	}
	return c
}

// fromCapsule is a step of a file.
func fromCapsule(c *capsule.Step) Step {
	s := Step{Do: c.Do}
	switch c.Do {
	case DoDeliver, DoDuplicate, DoLose:
		s.Node, s.Peer, s.Kind, s.Epoch, s.Nth = c.From, c.To, c.Kind, c.Epoch, int(c.Nth)
	case DoTimer:
		s.Node, s.Timer = c.Node, c.Timer
	case DoSuspect, DoTrust, DoTell, DoClose:
		s.Node, s.Peer = c.Node, c.Peer
	case DoCrash:
		s.Node, s.Lost = c.Node, c.Tail
		for _, t := range c.Tails {
			s.Tails = append(s.Tails, Tail{t[0], t[1]})
		}
	case DoPartition:
		s.Groups = c.Groups
	case DoWake, DoSent:
		s.Node, s.ID = c.Node, uint32(c.Nth)
	}
	return s
}

// ReplayCapsule replays a capsule of mode schedule: what sim.ReplaySpec.Schedule asks for.
func ReplayCapsule(spec sim.ReplaySpec) (*sim.Replayed, error) {
	c := spec.Capsule
	s, err := ScheduleOf(c, spec.Protocol, spec.New)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	if spec.Header != nil {
		if err := headed(&s.Config, c.Scenario.Name, spec.Header); err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
	}
	p, err := newPlayer(&s.Config, spec.Observe)
	if err != nil {
		return nil, err
	}
	var missing *Diverged
	for i := range s.Steps {
		if err = p.take(&s.Steps[i]); err != nil {
			var ok bool
			if missing, ok = err.(*Diverged); !ok {
				return nil, err
			}
			break
		}
	}
	r := p.end()
	out := &sim.Replayed{Result: result(c, s, r), Story: r.Lines}
	out.Same = missing == nil && out.DigestText() == c.Digest
	wanted, liveness := c.Property != "", checker.OnlyLiveness(c.Violations, c.Property)
	switch {
	case wanted && r.Verdict.First(c.Property, liveness) != nil, !wanted && out.Same:
		out.Outcome = sim.Reproduced
	case missing != nil:
		d := &c.Decisions[missing.At-1]
		out.Outcome, out.At, out.Line, out.Missing = sim.Diverged, missing.At, d.Line, d.String()
		out.Nearest = missing.nearest()
	case !wanted:
		out.Outcome, out.Missing, out.Nearest = sim.Diverged, "digest "+c.Digest, "digest "+out.DigestText()
	default:
		out.Outcome = sim.Fixed
	}
	return out, nil
}

// headed gives the first line of a schedule's trace.
func headed(c *Config, name string, to func(*trace.Header)) error {
	sc, err := scenario(c, name)
	if err != nil {
		return err
	}
	h := header(c)
	h.Mode, h.Config, h.Scenario = trace.ModeSchedule, scenarios.ConfigJSON(sc), scenarios.JSON(sc)
	to(h)
	return nil
}

// result tells a replay as a run of the simulator.
func result(c *capsule.Capsule, s *Schedule, r *Replayed) *sim.Result {
	return &sim.Result{
		Scenario: c.Scenario.Name, Protocol: s.Config.Protocol, Seed: c.Seed, World: s.Config.World, Digest: r.Digest,
		Steps: uint64(len(r.Lines)), Messages: r.Messages, Installs: r.Installs, Verdict: r.Verdict,
	}
}

// nearest is the possible step that comes nearest to the one that is not possible, as a capsule has it; empty if nothing
// is possible.
func (d *Diverged) nearest() string {
	best, least := -1, 0
	for i := range d.Enabled {
		if far := d.Step.distance(&d.Enabled[i]); best < 0 || far < least {
			best, least = i, far
		}
	}
	if best < 0 {
		return ""
	}
	n := capsule.Decision{Kind: capsule.Next, Step: d.Enabled[best].inCapsule()}
	return n.String()
}

// distance is how far one step is from another: another deed is farthest, then another kind or timer, then other nodes.
func (s *Step) distance(o *Step) int {
	far := 0
	for _, x := range []struct {
		differs bool
		by      int
	}{
		{s.Do != o.Do, 100}, {(s.Kind == "") != (o.Kind == ""), 100}, {s.Kind != o.Kind, 20}, {s.Timer != o.Timer, 20}, {s.Node != o.Node, 12},
		{s.Peer != o.Peer, 10}, {s.Epoch != o.Epoch, 6}, {s.ID != o.ID, 3}, {!slices.EqualFunc(s.Groups, o.Groups, slices.Equal[[]int]), 3},
		{s.Nth != o.Nth, 2}, {s.Lost != o.Lost || !slices.Equal(s.Tails, o.Tails), 1},
	} {
		if x.differs {
			far += x.by
		}
	}
	return far
}
