package explore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"nexarsim/checker"
	"nexarsim/core"
	"nexarsim/sim/explore/search"
)

// Options bound a search.
type Options struct {
	Workers   int
	MaxStates int // 0: as many as there is room for
	MaxDepth  int // steps; 0 for no bound
	Progress  func(search.Progress)
	// From is where the search begins: after these steps, with what they leave of the budget. What is found is told with
	// them. The result is complete for what follows them.
	From []Step
}

// Result is what a search found.
type Result struct {
	Config          Config
	States          uint64
	Transitions     uint64
	Depth           int
	Stopped         search.Stopped
	Bits            int // of a fingerprint
	MissProbability float64
	Bytes           uint64 // held by the search: fingerprints, parents, edges, and the two largest levels
	Violations      []Violation
	Seen            []Probe
	Chance          *Chance // of a bounded number of random runs; nil for a search
	Folded          []int   // the nodes that are alike, of which states were folded; with Config.Symmetry
	Unfolded        string  // why no more than these
	Doubt           string  // why the machines' own claims of what can be left out were not used; empty if they were
	// Unjudged says what an interrupt has left open of the states that were seen; nil if nothing.
	Unjudged []string
}

// What an interrupt may leave open.
const (
	// UnjudgedLiveness is recovery, livelock but for views that are installed without end, and a loss of quorum that is never
	// told.
	UnjudgedLiveness = "liveness"
	// UnjudgedClaims is whether messages that were left out do nothing.
	UnjudgedClaims = "claims"
)

// Complete tells whether every state was seen.
func (r *Result) Complete() bool { return r.Stopped == search.ByNothing && r.Chance == nil }

// Violation is a property that some schedule breaks.
type Violation struct {
	Property string
	Liveness bool
	Steps    int    // of the shortest schedule that shows it
	States   uint64 // that show it; of random runs, how many of them
	Why      string
	Schedule Schedule
	Untold   bool // an interrupt came before its schedule was known: there is none, and Why says no more
}

// Probe is a situation, and how many steps have led into it: a search that never saw a decision proves little.
type Probe struct {
	Name  string
	Steps uint64
}

// narrowStates is how many states 64 bits of each fingerprint tell apart with a chance of a miss below 1e-6.
const narrowStates = 6_000_000

// Run goes through every state of a group within its budget.
func Run(ctx context.Context, c Config, o Options) (*Result, error) {
	if c.Symmetry {
		return runFolded(ctx, c, o)
	}
	return trusting(ctx, c, func(c Config) (*Result, []doubt, error) { return run(ctx, c, o, 0) })
}

// trusting looks at a group, again and without a claim of its machines for each claim that turns out not to hold.
func trusting(ctx context.Context, c Config, look func(Config) (*Result, []doubt, error)) (*Result, error) {
	var texts []string
	var earlier []Violation
	for {
		r, doubts, err := look(c)
		if err != nil {
			return nil, err
		}
		if len(doubts) > 0 && ctx.Err() != nil {
			r.open(UnjudgedClaims)
			doubts = nil
		}
		if len(doubts) == 0 {
			if r.Stopped == search.ByInterrupt {
				r.recall(earlier)
			}
			r.Doubt = strings.Join(texts, "; ")
			return r, nil
		}
		r.recall(earlier)
		earlier = r.Violations
		for _, d := range doubts {
			texts = append(texts, d.text)
			if c.Plain.KeepKinds |= 1 << min(d.about, 63); d.about == 0 {
				c.Plain.KeepSpent = true
			}
		}
	}
}

// runFolded looks at a group with as many nodes folded as are alike, from the last one on.
func runFolded(ctx context.Context, c Config, o Options) (*Result, error) {
	c.LinkTails = true
	unfolded := ""
	for first := max(1, c.World-foldedMost); ; first++ {
		if c.World-first < foldedLeast {
			first = 0
		}
		r, err := trusting(ctx, c, func(c Config) (*Result, []doubt, error) { return run(ctx, c, o, first) })
		switch different := new(differs); {
		case errors.As(err, &different):
			if unfolded = different.why; different.all {
				first = c.World
			}
		case err != nil:
			return nil, err
		default:
			for i := first; i > 0 && i < c.World; i++ {
				r.Folded = append(r.Folded, i)
			}
			r.Unfolded = unfolded
			return r, nil
		}
	}
}

// differs says why nodes are not folded: some, or all of them.
type differs struct {
	why string
	all bool
}

// Error tells it.
func (d *differs) Error() string { return d.why }

// run makes one search, with the nodes from the first on folded if it is not 0. The doubts are claims of the machines that do not hold.
func run(ctx context.Context, c Config, o Options, first int) (*Result, []doubt, error) {
	until := uint32(1 << markAgreement)
	if c.streams() || c.Plain.KeepBeliefs {
		until = 0
	}
	make1, err := newWorlds(&c)
	if err != nil {
		return nil, nil, err
	}
	if make1, err = starting(make1, o.From); err != nil {
		return nil, nil, err
	}
	searching, stop := ctx, func() {}
	if first > 0 {
		searching, stop = context.WithCancel(ctx)
		defer stop()
	}
	var worlds []*world
	found, err := search.Run(searching, func() search.System[State] {
		w := make1()
		if first > 0 {
			w.fold(first, stop)
		}
		worlds = append(worlds, w)
		return w
	}, search.Options{
		Workers: o.Workers, MaxStates: o.MaxStates, MaxDepth: o.MaxDepth, Progress: o.Progress,
		Narrow: o.MaxStates > 0 && o.MaxStates <= narrowStates, Until: until,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("explore %s: %w", c.Protocol, err)
	}
	for _, w := range worlds {
		if w.sym != nil && w.sym.broken != "" {
			return nil, nil, &differs{why: w.sym.broken}
		}
	}
	if first > 0 && cycles(found) {
		return nil, nil, &differs{why: "a livelock was found: it comes back to its beginning only under other names", all: true}
	}
	r, err := gather(ctx, worlds[0], found, o.From)
	switch {
	case err != nil:
		return nil, nil, err
	case found.Stopped == search.ByProperty: // from here on more tells states apart
		c.Plain.KeepBeliefs = true
		again, doubts, err := run(ctx, c, o, first)
		if err == nil && again.Stopped == search.ByInterrupt && again.Depth < r.Depth {
			r.open(UnjudgedClaims) // the first search has come farther
			return r, nil, nil
		}
		return again, doubts, err
	}
	doubts, whole := broken(ctx, worlds)
	if !whole {
		r.open(UnjudgedClaims)
	}
	return r, doubts, nil
}

// gather tells what a search has found.
func gather(ctx context.Context, w *world, found *search.Result, from []Step) (*Result, error) {
	r := &Result{
		Config: *w.cfg, States: found.States, Transitions: found.Transitions, Depth: found.Depth, Stopped: found.Stopped,
		Bits: found.Bits, MissProbability: found.MissProbability(), Bytes: found.Bytes,
	}
	if found.Unjudged {
		r.open(UnjudgedLiveness)
	}
	for _, f := range found.Found {
		switch {
		case f.Property.Kind == search.Sometimes && !w.shows(f.Property.Name):
		case f.Property.Kind == search.Sometimes:
			r.Seen = append(r.Seen, Probe{f.Property.Name, f.States})
		case f.States > 0:
			if err := r.add(ctx, w, &f, from); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// open notes what an interrupt has left open.
func (r *Result) open(what string) {
	r.Stopped = search.ByInterrupt
	r.Unjudged = append(r.Unjudged, what)
}

// recall adds violations of an earlier search that this one has not come to.
func (r *Result) recall(earlier []Violation) {
	for _, v := range earlier {
		if !slices.ContainsFunc(r.Violations, func(o Violation) bool { return o.Property == v.Property }) {
			r.Violations = append(r.Violations, v)
		}
	}
}

// cycles tells whether a cycle was found that nothing may repeat.
func cycles(r *search.Result) bool {
	return slices.ContainsFunc(r.Found, func(f search.Found) bool { return f.Property.Kind == search.NoCycle && f.States > 0 })
}

// toldAnyway is how many steps a schedule may have that is told even if an interrupt has come: so many take a moment.
const toldAnyway = 500

// add tells a violation. Two properties may be shown in two ways; the shorter one is told, and both are counted.
func (r *Result) add(ctx context.Context, w *world, f *search.Found, from []Step) error {
	v := Violation{
		Property: f.Property.Name, Liveness: f.Property.Kind != search.Never || f.Property.Name == checker.Livelock,
		Steps: len(from) + f.Steps, States: f.States, Schedule: Schedule{Config: *w.cfg},
	}
	if f.Steps <= toldAnyway {
		ctx = context.WithoutCancel(ctx)
	}
	err := ctx.Err()
	if err == nil && !f.Open {
		err = w.explain(ctx, &v, f, from)
	}
	switch {
	case f.Open, err != nil && ctx.Err() != nil:
		v.Untold, v.Why, v.Schedule.Steps = true, "interrupted before its schedule was known", nil
		r.Stopped = search.ByInterrupt
	case err != nil:
		return err
	}
	i := slices.IndexFunc(r.Violations, func(o Violation) bool { return o.Property == v.Property })
	switch {
	case i < 0:
		r.Violations = append(r.Violations, v)
	case v.Liveness && !r.Violations[i].Liveness, v.Liveness == r.Violations[i].Liveness && v.Steps >= r.Violations[i].Steps:
		r.Violations[i].States += v.States
	default:
		v.States += r.Violations[i].States
		r.Violations[i] = v
	}
	return nil
}

// explain tells the schedule of a violation, and why it is one.
func (w *world) explain(ctx context.Context, v *Violation, f *search.Found, from []Step) error {
	states, err := search.Walk[State](ctx, w, f.Path)
	if err != nil {
		return err
	}
	v.Schedule.Steps = slices.Concat(from, w.describe(states, f.Path.Steps))
	switch {
	case f.Property.Kind == search.NoCycle:
		v.Why = w.whyCycle(states)
	case f.Property.Name == checker.Recovery && !w.streams:
		v.Why = w.whyWaiting(&states[len(states)-1])
	default:
		// Not of the judge that the search keeps: it stands for all that judge alike, and whose words those are depends on who
		// was met first.
		v.Why, err = whyReplayed(ctx, &v.Schedule, v.Property, v.Liveness)
	}
	return err
}

// whyReplayed tells what is wrong at the end of a schedule, in the words of a judge that has seen this schedule alone.
func whyReplayed(ctx context.Context, s *Schedule, property string, liveness bool) (string, error) {
	p, err := newPlayer(&s.Config, nil)
	if err != nil {
		return "", err
	}
	for i := range s.Steps {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if err := p.take(&s.Steps[i]); err != nil {
			return "", err
		}
	}
	return why(p.judge, property, liveness), nil
}

// whyWaiting says who waits for whom: what each node's timers would bring about, for ever.
func (w *world) whyWaiting(s *State) string {
	v := w.verdicts.at(s.verdict).of
	var owing []string
	for _, node := range v.owing {
		owing = append(owing, fmt.Sprint(node))
	}
	text := nodesText(owing) + " never install the view that is owed: nothing is left but timers, and what they bring about leads back here"
	for i := range w.cfg.World {
		if waits := w.waits(s, i); waits != "" {
			text += fmt.Sprintf("; node %d %s", i, waits)
		}
	}
	return text
}

func nodesText(nodes []string) string {
	if len(nodes) == 1 {
		return "node " + nodes[0]
	}
	return "nodes " + strings.Join(nodes, ", ")
}

// waits tells what a node repeats, or that it waits for nothing.
func (w *world) waits(s *State, node int) string {
	if !w.alive(s, node) {
		return ""
	}
	c := w.cells.at(s.cells[node]).of
	var parts []string
	for id := range core.TimerID(core.MaxTimers) {
		if (c.armed&^c.lasts)>>id&1 == 0 {
			continue
		}
		for _, number := range w.step(s.cells[node], giveTimer|input(id)).sends {
			m := w.mails.at(number).of
			text := fmt.Sprintf("repeats its %s to %d", c.m.KindName(m.msg.Kind), m.to)
			if s.dead>>m.to&1 != 0 {
				text += ", which has crashed"
			}
			parts = append(parts, text)
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, " and ")
	case c.ended:
		return ""
	}
	return "waits and asks nobody"
}

func (w *world) whyCycle(states []State) string {
	last := &states[len(states)-1]
	for i := range states {
		if states[i] == *last {
			return fmt.Sprintf("the last %d steps lead back to where they began, with a message used or a view installed among them, and no fault", len(states)-1-i)
		}
	}
	return "a cycle without a fault uses messages or installs views"
}
