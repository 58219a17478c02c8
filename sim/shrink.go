package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nexarsim/checker"
	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// ErrNotShown marks a capsule whose violation its replay does not show: there is nothing to shrink.
var ErrNotShown = errors.New("the violation does not appear")

// ShrinkSpec says what to make smaller.
type ShrinkSpec struct {
	Capsule  *capsule.Capsule
	Protocol string      // "": the capsule's
	New      Constructor // as in Spec
	Replays  int         // how many runs it may take; 0: as many as it needs
	Progress func(ShrinkProgress)

	// Schedule shrinks capsules of mode schedule: the explorer's business, which brings it. Nil refuses them.
	Schedule func(context.Context, ShrinkSpec) (*capsule.Capsule, error)
}

// ShrinkProgress is how far it has come.
type ShrinkProgress struct {
	Replays   int
	Nodes     int
	Decisions int
}

// Shrink makes a capsule smaller that shows the same violation: the same property, of the same kind, told by a sentence
// of the same shape. Nodes, acts and fates are taken away, times become shorter and rounder, moments by the clock become
// moments of the protocol. Each candidate is judged by replays, also by those that vary what a capsule leaves open
// (Variation), as far as the capsule that it began with could bear them: what matters is said, and not left to accidents.
// In the end no single decision can be taken away. The result is sealed: digest and verdict are those of its replay.
//
// The same capsule gives the same result. A context that ends, or the given number of replays, ends it early with the best
// so far; the context's error comes with it.
func Shrink(ctx context.Context, spec ShrinkSpec) (*capsule.Capsule, error) {
	s := &shrinker{ctx: ctx, spec: spec, sim: New()}
	if spec.Capsule.Mode == capsule.Schedule {
		if spec.Schedule != nil {
			return spec.Schedule(ctx, spec)
		}
		return nil, fmt.Errorf("shrink: a capsule of mode schedule: %w", ErrUnavailable)
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	s.reduce()
	if s.err != nil {
		return nil, s.err
	}
	s.explain()
	if s.err != nil {
		return nil, s.err
	}
	return s.best, ctx.Err()
}

// shrinker is one capsule being made smaller.
type shrinker struct {
	ctx      context.Context
	spec     ShrinkSpec
	sim      *Simulator
	best     *capsule.Capsule
	liveness bool
	shape    string
	violated time.Duration // when, in the last replay of a candidate
	vary     []Variation   // that the violation has to survive
	replays  int
	err      error
}

// start sees whether there is a violation, and which variations it survives.
func (s *shrinker) start() error {
	c := *s.spec.Capsule
	sc := *c.Scenario
	sc.Expect = nil // of what the scenario was
	c.Scenario, c.Cause, c.Orders = &sc, "", nil
	if s.spec.Protocol != "" {
		c.Protocol = s.spec.Protocol
	}
	c.Decisions = slices.Clone(c.Decisions)
	for i := range c.Decisions {
		c.Decisions[i].Line = 0
	}
	s.best = &c
	if c.Property == "" {
		return fmt.Errorf("shrink: %w: the capsule names no property", ErrNotShown)
	}
	liveness := checker.OnlyLiveness(c.Violations, c.Property)
	s.liveness = liveness
	res, err := s.run(&c, Plain)
	if err != nil {
		return err
	}
	if res.Verdict.First(c.Property, liveness) == nil {
		return fmt.Errorf("shrink: %w: replayed, the capsule does not break %s", ErrNotShown, c.Property)
	}
	s.shape, s.violated = shapeOf(res, c.Property, liveness)
	s.vary = []Variation{Plain}
	for v := Plain + 1; v < variations; v++ {
		if res, err = s.run(&c, v); err != nil {
			return err
		}
		if res.Verdict.First(c.Property, liveness) != nil {
			s.vary = append(s.vary, v)
		}
	}
	return nil
}

// shapeOf is the shape of the first violation of a property and kind, and when it was.
func shapeOf(res *Result, property string, liveness bool) (shape string, at time.Duration) {
	if v := res.Verdict.First(property, liveness); v != nil {
		return Shape(v.Why), time.Duration(v.T)
	}
	return "", 0
}

func (s *shrinker) run(c *capsule.Capsule, v Variation) (*Result, error) {
	s.replays++
	return s.sim.play(ReplaySpec{Capsule: c, New: s.spec.New}, newPlayer(c.Decisions), v, nil)
}

// stopped tells whether it is to end with what it has.
func (s *shrinker) stopped() bool {
	return s.err != nil || s.ctx.Err() != nil || s.spec.Replays > 0 && s.replays >= s.spec.Replays
}

// holds tells whether a candidate shows the violation, in all the variations that it has to survive.
func (s *shrinker) holds(c *capsule.Capsule) bool {
	for _, v := range s.vary {
		if s.stopped() {
			return false
		}
		res, err := s.run(c, v)
		if err != nil {
			return false // no run: a scenario that the protocol does not take
		}
		if len(res.Verdict.Malformed) > 0 || res.Verdict.First(c.Property, s.liveness) == nil {
			return false
		}
		if v != Plain {
			continue
		}
		shape, at := shapeOf(res, c.Property, s.liveness)
		if shape != s.shape {
			return false
		}
		s.violated = at
	}
	return true
}

// try takes a candidate for the best if it holds.
func (s *shrinker) try(c *capsule.Capsule) bool {
	if !s.holds(c) {
		return false
	}
	s.take(c)
	return true
}

// take makes a candidate that holds the best.
func (s *shrinker) take(c *capsule.Capsule) {
	s.best = c
	if s.spec.Progress != nil {
		s.spec.Progress(ShrinkProgress{s.replays, c.Scenario.World.Min, len(c.Decisions)})
	}
}

// with is the best with other decisions.
func (s *shrinker) with(list []capsule.Decision) *capsule.Capsule {
	c := *s.best
	c.Decisions = list
	return &c
}

// inScenario is the best with a changed scenario.
func (s *shrinker) inScenario(change func(*scenarios.Scenario)) *capsule.Capsule {
	c := *s.best
	sc := *c.Scenario
	change(&sc)
	c.Scenario = &sc
	return &c
}

// reduce does everything that makes a capsule smaller, as long as something does.
func (s *shrinker) reduce() {
	s.settleTransport()
	s.shorten()
	s.dropKinds()
	s.dropChunks()
	for before := ""; !s.stopped(); {
		s.dropNodes()
		s.gatherLosses()
		s.simplifyActs()
		s.shorten()
		s.simplifyFates()
		s.dropChunks()
		now := s.mark()
		if now == before {
			return
		}
		before = now
	}
}

// settleTransport says which transport it was where the scenario left it to the protocol: another one, on which the
// capsule may be replayed, has another.
func (s *shrinker) settleTransport() {
	if s.best.Scenario.Network.Transport == "" {
		s.try(s.inScenario(func(sc *scenarios.Scenario) { sc.Network.Transport = transportName(s.sim.stream) }))
	}
}

// mark tells two states apart.
func (s *shrinker) mark() string {
	text := string(scenarios.JSON(s.best.Scenario))
	for i := range s.best.Decisions {
		text += "\n" + s.best.Decisions[i].String()
	}
	return text
}

// dropKinds takes away what often is beside the point, a lot at a time.
func (s *shrinker) dropKinds() {
	var kinds []string
	for i := range s.best.Decisions {
		if name := s.best.Decisions[i].Message; name != "" && !slices.Contains(kinds, name) {
			kinds = append(kinds, name)
		}
	}
	drop := func(gone func(d *capsule.Decision) bool) {
		s.try(s.with(slices.DeleteFunc(slices.Clone(s.best.Decisions), func(d capsule.Decision) bool { return gone(&d) })))
	}
	drop(func(d *capsule.Decision) bool { return d.Kind != capsule.Act })
	drop(func(d *capsule.Decision) bool { return d.Kind == capsule.Phase || d.Message == "heartbeat" })
	drop(func(d *capsule.Decision) bool { return d.Kind == capsule.Phase })
	for _, name := range kinds {
		drop(func(d *capsule.Decision) bool { return d.Message == name })
		drop(func(d *capsule.Decision) bool { return d.Message == name && d.Nth > 1 })
	}
	drop(func(d *capsule.Decision) bool { return d.Kind == capsule.Detect })
	drop(func(d *capsule.Decision) bool { return d.Kind == capsule.Reopen || d.Kind == capsule.Release })
	drop(func(d *capsule.Decision) bool { return d.Kind == capsule.Close })
}

// dropChunks takes decisions away, first half of them, in the end one by one, until none can be.
func (s *shrinker) dropChunks() {
	size := (len(s.best.Decisions) + 1) / 2
	for size > 0 && !s.stopped() {
		dropped := false
		for end := len(s.best.Decisions); end > 0 && !s.stopped(); {
			from := max(0, end-size)
			list := slices.Concat(s.best.Decisions[:from], s.best.Decisions[end:])
			dropped = s.try(s.with(list)) || dropped
			end = from
		}
		if size == 1 && dropped {
			continue
		}
		size /= 2
	}
}

// dropNodes takes nodes away, from the last, with all that is decided about them; the others are numbered anew.
func (s *shrinker) dropNodes() {
	for node := s.best.Scenario.World.Min - 1; node >= 0 && !s.stopped(); node-- {
		if s.best.Scenario.World.Min <= 2 {
			return
		}
		c := s.inScenario(func(sc *scenarios.Scenario) { sc.World.Min, sc.World.Max = sc.World.Min-1, sc.World.Max-1 })
		c.Decisions = without(c.Decisions, node)
		s.try(c)
	}
}
