package explore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"nexarsim/sim/explore/search"
)

// Random runs with priorities, after Burckhardt, Kothari, Musuvathi and Nagarakatte (A Randomized Scheduler with
// Probabilistic Guarantees of Finding Bugs, 2010). Whatever has to happen in an order is a thread: the messages of one
// kind on one link, the timer of a node, the suspicions of one node by another, a fault. Each gets a priority by chance,
// and the possible step of the highest one is taken; at d-1 moments drawn from k the thread that is about to move falls
// below all others. A bug that needs d such threads to come in an order is met by a run with at least 1/(n*k^(d-1)).
//
// Faults may take place, and need not: which ones a run has is drawn before it, so that one that the bug does not need does
// not use up the budget of one that it needs. That divides the chance by the number of those choices.

// MaxRuns bounds the random runs.
const MaxRuns = 10_000_000

// MaxBugDepth bounds the depth of the bug that they are to find.
const MaxBugDepth = 16

// PCT says which random runs are wanted.
type PCT struct {
	Runs     int
	Depth    int // of the bug, from 1
	Steps    int // of a run, at most
	Seed     uint64
	Progress func(search.Progress)
}

// Chance is what random runs were, and so what they are worth: each meets a bug of the given depth that shows within
// Steps with a probability of at least 1/(Threads * Steps^(Depth-1) * Choices).
type Chance struct {
	Runs    int
	Depth   int
	Seed    uint64
	Threads int // the most that a run had
	Steps   int
	Choices uint64 // of the faults of a run
	Cut     int    // runs that had not come to their end after so many steps
}

// RunPCT makes random runs of a group within its budget, one after another. The same seed gives the same result.
func RunPCT(ctx context.Context, c Config, o PCT) (*Result, error) {
	for _, b := range []struct {
		name        string
		value, most int
	}{{"runs", o.Runs, MaxRuns}, {"depth", o.Depth, MaxBugDepth}, {"steps", o.Steps, 1 << 20}} {
		if b.value < 1 || b.value > b.most {
			return nil, fmt.Errorf("%s %d: expected 1 to %d", b.name, b.value, b.most)
		}
	}
	if c.LinkTails || c.Symmetry {
		return nil, errors.New("random runs lose what a crashed node has sent last of all links together: expected neither LinkTails nor Symmetry")
	}
	c.Plain.KeepBeliefs = true // a run goes on where nodes disagree
	return trusting(ctx, c, func(c Config) (*Result, []doubt, error) {
		make1, err := newWorlds(&c)
		if err != nil {
			return nil, nil, err
		}
		p := &pct{PCT: o, w: make1(), seen: map[uint64]struct{}{}, stuck: map[State]bool{}}
		r, err := p.runs(ctx, c)
		if err != nil {
			return nil, nil, err
		}
		doubts, whole := broken(ctx, []*world{p.w})
		if !whole {
			r.open(UnjudgedClaims)
		}
		return r, doubts, nil
	})
}

// pct is random runs under way.
type pct struct {
	PCT
	w      *world
	seen   map[uint64]struct{} // hashes of states
	stuck  map[State]bool
	found  []search.Found
	chance Chance
	result Result
	buf    []byte
}

// thread is steps that come in an order: which acts belong to it.
type thread struct {
	do         do
	node, peer uint8
	kind       uint32
}

// pctRun is one of the runs.
type pctRun struct {
	draws    draws
	priority map[thread]uint64
	falls    []int // the moments; whoever is about to move at number i gets priority i+1, below all others
	plan     plan
	state    State
	been     map[State]bool
	path     []int
	shown    uint32 // properties
}

func (p *pct) runs(ctx context.Context, c Config) (*Result, error) {
	for _, of := range p.w.Properties() {
		p.found = append(p.found, search.Found{Property: of})
	}
	p.chance = Chance{Depth: p.Depth, Seed: p.Seed, Steps: p.Steps, Choices: choices(&c)}
	p.result = Result{Config: c, Bits: 64, Chance: &p.chance}
	for i := range p.Runs {
		if ctx.Err() != nil {
			p.result.Stopped = search.ByInterrupt
			break
		}
		if p.run(ctx, uint64(i)); ctx.Err() != nil {
			p.result.Stopped = search.ByInterrupt
			break
		}
		p.chance.Runs++
		if p.Progress != nil {
			p.Progress(search.Progress{States: uint64(len(p.seen)), Transitions: p.result.Transitions, Depth: p.result.Depth, Level: p.Runs, Expanded: i + 1})
		}
	}
	r := &p.result
	r.States = uint64(len(p.seen))
	for i := range p.found {
		f := &p.found[i]
		switch {
		case f.Property.Kind == search.Sometimes:
			r.Seen = append(r.Seen, Probe{f.Property.Name, f.States})
		case f.States > 0:
			if err := r.add(ctx, p.w, f, nil); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// run makes one random run. An interrupt ends it: what it has shown up to there stays.
func (p *pct) run(ctx context.Context, number uint64) {
	r := &pctRun{draws: draws{mix(p.Seed) ^ mix(number+0x51ed)}, priority: map[thread]uint64{}, been: map[State]bool{}, state: p.w.initial}
	for range p.Depth - 1 {
		r.falls = append(r.falls, 1+int(r.draws.below(uint64(p.Steps))))
	}
	r.plan.draw(&r.draws, p.w.cfg)
	p.note(r)
	for ctx.Err() == nil {
		a, at, ok := p.next(r)
		switch {
		case !ok:
			p.finish(r)
			return
		case len(r.path) == p.Steps:
			p.chance.Cut++
			p.finish(r)
			return
		}
		r.plan.use(a)
		_, seen := p.w.apply(&r.state, a)
		r.path = append(r.path, at)
		p.result.Transitions++
		for i := range p.found {
			if seen>>i&1 != 0 {
				p.found[i].States++
			}
		}
		if p.note(r) {
			p.finish(r)
			return
		}
	}
}

func (p *pct) finish(r *pctRun) {
	p.result.Depth = max(p.result.Depth, len(r.path))
	p.chance.Threads = max(p.chance.Threads, len(r.priority))
}

// note looks at the state that a run has come to, and says whether the run ends there.
func (p *pct) note(r *pctRun) (stop bool) {
	p.buf = p.w.AppendState(p.buf[:0], &r.state)
	p.seen[xxh3.Hash(p.buf)] = struct{}{}
	m := p.w.Marks(&r.state)
	for i := range p.found {
		f := &p.found[i]
		if (m.Bits&^r.shown)>>i&1 == 0 || f.Property.Kind == search.Eventually && !p.isStuck(&r.state) {
			continue
		}
		r.shown |= 1 << i
		if f.States++; f.States == 1 || len(r.path) < f.Steps {
			f.Steps, f.Path = len(r.path), search.Path{Steps: slices.Clone(r.path)}
		}
	}
	return m.Stop
}

func (p *pct) isStuck(s *State) bool {
	stuck, known := p.stuck[*s]
	if !known {
		stuck = p.w.stuck(s)
		p.stuck[*s] = stuck
	}
	return stuck
}

// next chooses the step that a run takes. Where it has been before and nothing but timers is left, they would go on like
// that for ever: then it is a fault's turn, and if the run has none left, it is at its end.
func (p *pct) next(r *pctRun) (a act, at int, ok bool) {
	round := r.been[r.state] && p.w.quiet(&r.state)
	r.been[r.state] = true
	a, at, of, ok := p.highest(r, round)
	for i := range r.falls {
		if ok && r.falls[i] == len(r.path)+1 {
			r.priority[of] = uint64(i + 1)
			a, at, of, ok = p.highest(r, round)
		}
	}
	return a, at, ok
}

// highest is the first possible step of the thread with the highest priority.
func (p *pct) highest(r *pctRun, faults bool) (best act, at int, of thread, ok bool) {
	top := uint64(0)
	for i, a := range p.w.enabled(&r.state) {
		if faults && a.free() || !a.free() && !r.plan.allows(p.w, &r.state, a) {
			continue
		}
		t := p.threadOf(a)
		priority, known := r.priority[t]
		if !known {
			priority = max(r.draws.next(), MaxBugDepth+1)
			r.priority[t] = priority
		}
		if priority > top {
			best, at, of, top, ok = a, i, t, priority, true
		}
	}
	return best, at, of, ok
}

func (p *pct) threadOf(a act) thread {
	t := thread{do: a.do, node: a.node, peer: a.peer}
	switch a.do {
	case doDeliver, doLose, doDuplicate:
		t.kind = uint32(p.w.mails.at(a.what).of.msg.Kind)
	case doTimer, doEarly:
		t.do, t.kind = doTimer, a.what
	}
	return t
}

// draws is numbers by chance.
type draws struct{ state uint64 }

func (d *draws) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	return mix(d.state)
}

// below draws from 0 to n-1. What n takes of 64 bits is too little to bend it.
func (d *draws) below(n uint64) uint64 { return d.next() % n }

// mix is the finisher of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
