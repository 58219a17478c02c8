package explore

import (
	"context"
	"fmt"
	"slices"

	"nexarsim/checker"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
)

// ShrinkCapsule makes a capsule of mode schedule smaller: what sim.ShrinkSpec.Schedule asks for. Steps are taken away, and
// with them those that are no longer possible; nodes, and the budget that is not needed. In the end no single step can be
// taken away. The violation keeps its property, its kind and the shape of its sentence.
func ShrinkCapsule(ctx context.Context, spec sim.ShrinkSpec) (*capsule.Capsule, error) {
	s := &shrinker{ctx: ctx, spec: spec}
	if err := s.start(); err != nil {
		return nil, err
	}
	s.reduce()
	if s.err != nil {
		return nil, s.err
	}
	return s.sealed()
}

// shrinker is one schedule being made smaller.
type shrinker struct {
	ctx      context.Context
	spec     sim.ShrinkSpec
	best     Schedule
	property string
	liveness bool
	shape    string
	replays  int
	err      error
}

func (s *shrinker) start() error {
	c := s.spec.Capsule
	schedule, err := ScheduleOf(c, s.spec.Protocol, s.spec.New)
	if err != nil {
		return fmt.Errorf("shrink: %w", err)
	}
	if c.Property == "" {
		return fmt.Errorf("shrink: %w: the capsule names no property", sim.ErrNotShown)
	}
	s.property, s.liveness, s.best = c.Property, checker.OnlyLiveness(c.Violations, c.Property), *schedule
	r, err := Replay(schedule)
	if _, diverged := err.(*Diverged); diverged {
		return fmt.Errorf("shrink: %w: %w", sim.ErrNotShown, err)
	}
	if err != nil {
		return err
	}
	if r.Verdict.First(c.Property, s.liveness) == nil {
		return fmt.Errorf("shrink: %w: replayed, the capsule does not break %s", sim.ErrNotShown, c.Property)
	}
	s.shape = shapeOf(r, c.Property, s.liveness)
	return nil
}

// shapeOf is the shape of the first violation of a property and kind.
func shapeOf(r *Replayed, property string, liveness bool) string {
	if v := r.Verdict.First(property, liveness); v != nil {
		return sim.Shape(v.Why)
	}
	return ""
}

// stopped tells whether it is to end with what it has.
func (s *shrinker) stopped() bool {
	return s.err != nil || s.ctx.Err() != nil || s.spec.Replays > 0 && s.replays >= s.spec.Replays
}

// reduce does everything that makes a schedule smaller, as long as something does.
func (s *shrinker) reduce() {
	for changed := true; changed && !s.stopped(); {
		changed = s.dropSteps()
		changed = s.dropNodes() || changed
		changed = s.tighten() || changed
	}
}

// try takes a candidate for the best if it shows the violation: as many of its steps as are possible, up to the one that
// shows it.
func (s *shrinker) try(c Config, steps []Step) bool {
	if s.stopped() {
		return false
	}
	s.replays++
	p, err := newPlayer(&c, nil)
	if err != nil {
		s.err = err
		return false
	}
	for i := range steps {
		a, ok := p.find(&steps[i])
		if !ok {
			continue
		}
		if s.err = p.execute(a); s.err != nil {
			return false
		}
		if !s.liveness && p.judge.Violated(s.property) {
			break
		}
	}
	r := p.end()
	if r.Verdict.First(s.property, s.liveness) == nil || shapeOf(r, s.property, s.liveness) != s.shape {
		return false
	}
	s.best = Schedule{Config: c}
	for i := range p.taken {
		s.best.Steps = append(s.best.Steps, p.taken[i].step)
	}
	if s.spec.Progress != nil {
		s.spec.Progress(sim.ShrinkProgress{Replays: s.replays, Nodes: c.World, Decisions: len(s.best.Steps)})
	}
	return true
}

// dropSteps takes steps away, first half of them, in the end one by one, until none can be.
func (s *shrinker) dropSteps() (changed bool) {
	for size := (len(s.best.Steps) + 1) / 2; size > 0 && !s.stopped(); {
		dropped := false
		for end := len(s.best.Steps); end > 0 && !s.stopped(); end = min(end, len(s.best.Steps)) {
			from := max(0, end-size)
			dropped = s.try(s.best.Config, slices.Concat(s.best.Steps[:from], s.best.Steps[end:])) || dropped
			end = from
		}
		changed = changed || dropped
		if size == 1 && dropped {
			continue
		}
		size /= 2
	}
	return changed
}

// dropNodes takes nodes away, from the last, with their steps; the others are numbered anew.
func (s *shrinker) dropNodes() (changed bool) {
	for node := s.best.Config.World - 1; node >= 0 && s.best.Config.World > 2; node-- {
		c := s.best.Config
		c.World--
		c.Crashes = min(c.Crashes, c.World)
		changed = s.try(c, withoutNode(s.best.Steps, node)) || changed
	}
	return changed
}

// withoutNode is what is left of steps when a node does not exist.
func withoutNode(steps []Step, gone int) []Step {
	var out []Step
	renumber := func(n *int) {
		if *n > gone {
			*n--
		}
	}
	for _, step := range steps {
		if step.concerns(gone) {
			continue
		}
		renumber(&step.Node)
		renumber(&step.Peer)
		step.Groups, step.Tails = groupsWithout(step.Groups, gone), tailsWithout(step.Tails, gone)
		if step.Do == DoPartition && len(step.Groups) < 2 {
			continue
		}
		out = append(out, step)
	}
	return out
}

// concerns tells whether a step has a node in it, but for the sides of a partition.
func (s *Step) concerns(node int) bool {
	switch s.Do {
	case DoPartition, DoHeal:
		return false
	case DoDeliver, DoDuplicate, DoLose, DoSuspect, DoTrust, DoTell:
		return s.Node == node || s.Peer == node
	}
	return s.Node == node
}

func groupsWithout(groups [][]int, gone int) [][]int {
	var out [][]int
	for _, g := range groups {
		var left []int
		for _, n := range g {
			switch {
			case n < gone:
				left = append(left, n)
			case n > gone:
				left = append(left, n-1)
			}
		}
		if len(left) > 0 {
			out = append(out, left)
		}
	}
	return out
}

func tailsWithout(tails []Tail, gone int) []Tail {
	var out []Tail
	for _, t := range tails {
		switch {
		case t.To < gone:
			out = append(out, t)
		case t.To > gone:
			out = append(out, Tail{t.To - 1, t.Lost})
		}
	}
	return out
}

// tighten makes the budget no larger than the violation needs.
func (s *shrinker) tighten() (changed bool) {
	for i := range s.best.Config.counts() {
		for *s.best.Config.counts()[i] > 0 && !s.stopped() {
			c := s.best.Config
			*c.counts()[i]--
			if !s.try(c, s.best.Steps) {
				break
			}
			changed = true
		}
	}
	return changed
}

// counts gives the numbers of a budget.
func (b *Budget) counts() []*int {
	return []*int{&b.Crashes, &b.FalseSuspicions, &b.Partitions, &b.EarlyTimeouts, &b.Losses, &b.Duplicates}
}

// sealed is the result as a capsule.
func (s *shrinker) sealed() (*capsule.Capsule, error) {
	out := *s.spec.Capsule
	sc := *out.Scenario
	sc.World.Min, sc.World.Max, sc.Expect = s.best.Config.World, s.best.Config.World, nil
	out.Scenario, out.Protocol, out.Orders = &sc, s.best.Config.Protocol, nil
	if err := put(&out, &s.best); err != nil {
		return nil, err
	}
	r, err := Replay(&s.best)
	if err != nil {
		return nil, fmt.Errorf("shrink: %w", err)
	}
	seal(&out, r)
	out.Cause = cause(&s.best)
	return &out, s.ctx.Err()
}
