package sim

import (
	"fmt"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/sim/capsule"
)

// ReplaySpec says which capsule is to be replayed, and on what.
type ReplaySpec struct {
	Capsule  *capsule.Capsule
	Protocol string      // "": the capsule's
	New      Constructor // as in Spec

	Header  func(*trace.Header) // as in Spec
	Observe func(*trace.Event)
	Inputs  bool

	// Schedule replays capsules of mode schedule: the explorer's business, which brings it. Nil refuses them.
	Schedule func(ReplaySpec) (*Replayed, error)
}

// Outcome says how a replay ended.
type Outcome string

// The outcomes.
const (
	Reproduced Outcome = "reproduced" // the property is broken again
	Fixed      Outcome = "fixed"      // all that the capsule lists found its place, and the property held
	Diverged   Outcome = "diverged"   // the property held, but something that the capsule lists found no place
)

// Replayed is what a replay came to.
type Replayed struct {
	*Result
	Outcome Outcome
	Same    bool     // the digest is the capsule's: the same run, step for step
	At      int      // diverged: the number of the first decision that found no place, from 1; 0: an order or the digest
	Line    int      // diverged: its line in the capsule's file, if it came from one
	Missing string   // diverged: the decision or the order, as text
	Nearest string   // diverged: what comes nearest to it in the new run; may be empty
	Story   []string // of a schedule: a line for each step
}

// Replay makes a capsule's run again, on the protocol as it is now. The error says that the capsule cannot be run; what
// became of it is the Outcome.
func (s *Simulator) Replay(spec ReplaySpec) (*Replayed, error) {
	c := spec.Capsule
	if c.Mode == capsule.Schedule {
		if spec.Schedule == nil {
			return nil, fmt.Errorf("replay: a capsule of mode schedule: %w", ErrUnavailable)
		}
		return spec.Schedule(spec)
	}
	w := newOrderWatch(c.Orders, spec.Observe)
	observe := w.observe
	if len(c.Orders) == 0 {
		observe = spec.Observe
	}
	p := newPlayer(c.Decisions)
	res, err := s.play(spec, p, Plain, observe)
	if err != nil {
		return nil, err
	}
	r := &Replayed{Result: res, Same: res.DigestText() == c.Digest}
	wanted, kind := c.Property != "", checker.OnlyLiveness(c.Violations, c.Property)
	unmet, order := p.unmet(), w.broken
	switch {
	case wanted && res.Verdict.First(c.Property, kind) != nil, !wanted && r.Same:
		r.Outcome = Reproduced
	case unmet >= 0:
		d := &c.Decisions[unmet]
		r.Outcome, r.At, r.Line, r.Missing = Diverged, unmet+1, d.Line, d.String()
		r.Nearest, err = s.nearest(spec, d)
	case order >= 0:
		r.Outcome, r.Line, r.Missing = Diverged, c.Orders[order].Line, c.Orders[order].String()
		r.Nearest = "the other order"
	case !wanted:
		r.Outcome, r.Missing, r.Nearest = Diverged, "digest "+c.Digest, "digest "+res.DigestText()
	default:
		r.Outcome = Fixed
	}
	return r, err
}

// play makes the run of a capsule with a player.
func (s *Simulator) play(spec ReplaySpec, p *player, v Variation, observe func(*trace.Event)) (*Result, error) {
	c := spec.Capsule
	protocol := spec.Protocol
	if protocol == "" {
		protocol = c.Protocol
	}
	return s.Run(Spec{
		Scenario: restored(c), Protocol: protocol, Seed: c.Seed, New: spec.New, Header: spec.Header, Observe: observe, Inputs: spec.Inputs,
		choices: p, variation: v,
	})
}

// Shows tells whether a capsule's violation appears when what it leaves open is varied.
func (s *Simulator) Shows(spec ReplaySpec, v Variation) (bool, error) {
	c := spec.Capsule
	if c.Mode == capsule.Schedule {
		return false, fmt.Errorf("replay: a capsule of mode schedule: %w", ErrUnavailable)
	}
	res, err := s.play(spec, newPlayer(c.Decisions), v, nil)
	if err != nil {
		return false, err
	}
	return c.Property != "" && res.Verdict.First(c.Property, checker.OnlyLiveness(c.Violations, c.Property)) != nil, nil
}

// nearest looks in the run that diverged for what comes nearest to a decision that found no place.
func (s *Simulator) nearest(spec ReplaySpec, d *capsule.Decision) (string, error) {
	if d.Kind == capsule.Act {
		return "", nil
	}
	p := newPlayer(spec.Capsule.Decisions)
	p.log = true
	if _, err := s.play(spec, p, Plain, nil); err != nil {
		return "", err
	}
	var best *capsule.Decision
	least := uint64(1) << 62
	for i := range p.asked {
		if far := distance(d, &p.asked[i]); far < least {
			best, least = &p.asked[i], far
		}
	}
	if best == nil {
		return "", nil
	}
	return best.About(), nil
}

// distance is how far what was asked is from what a decision is about: first another how-many-th, then another epoch,
// then one end of the link, then the kind of message.
func distance(d, asked *capsule.Decision) uint64 {
	const never = uint64(1) << 62
	if d.Kind != asked.Kind || d.Kind == capsule.Phase {
		return never
	}
	if d.Kind == capsule.Detect {
		switch {
		case d.Of == asked.Of:
			return 1
		case d.By == asked.By:
			return 2
		}
		return never
	}
	far := min(apart(d.Nth, asked.Nth), 1<<12)
	far += min(apart(d.Epoch, asked.Epoch)+apart(d.During, asked.During), 1<<12) << 13
	if d.From != asked.From {
		far += 1 << 30
	}
	if d.To != asked.To {
		far += 1 << 30
	}
	if d.Message != asked.Message {
		far += 3 << 30
	}
	if far >= 6<<30 {
		return never
	}
	return far
}

func apart(a, b uint64) uint64 { return max(a, b) - min(a, b) }
