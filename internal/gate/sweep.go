package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"nexarsim/internal/report"
	"nexarsim/internal/seeds"
	"nexarsim/scenarios"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
)

// sweepPart makes a run of each scenario with each of some protocols and each seed, and holds what they broke against what
// the scenarios expect.
type sweepPart struct {
	name      string
	about     string
	scenarios []*scenarios.Scenario
	protocols []string
	seeds     string // all that a scenario and protocol may need
	first     string // of these, the ones that all get; empty: all
	more      string // and those for what is expected and has not come with the first ones
	reach     bool   // situations that were never reached are worth a word: these protocols can reach them all
	version   string
}

// Name is `sweep`, or another word for the same with other protocols.
func (s *sweepPart) Name() string { return s.name }

// About names protocols and seeds.
func (s *sweepPart) About() string { return s.about }

// Look sweeps.
func (s *sweepPart) Look(ctx context.Context, keep *Shelf) Outcome {
	first := s.first
	if first == "" {
		first = s.seeds
	}
	doc, err := s.sweep(ctx, s.scenarios, s.protocols, first)
	if err == nil && s.more != "" && !doc.Interrupted {
		doc, err = s.goOn(ctx, doc)
	}
	if err != nil {
		return Outcome{Findings: []Finding{failure(err, s.whereItBroke(err))}}
	}
	o := Outcome{Stopped: doc.Interrupted, Digest: doc.Digest, Counts: []Count{{"run", doc.Runs}, {"step", doc.Steps}, {"install", doc.Installs}}}
	if n := len(doc.ReachMissing); n > 0 && s.reach && !doc.Interrupted {
		o.Notes = append(o.Notes, fmt.Sprintf("%d of %d situations were never reached: %s", n, len(doc.Reach), strings.Join(doc.ReachMissing, ", ")))
	}
	if doc.Undecided > 0 {
		o.Notes = append(o.Notes, plural(doc.Undecided, "run")+" left a property open")
	}
	o.Findings = s.findings(ctx, doc, keep)
	return o
}

// sweep makes the runs of some scenarios, protocols and seeds.
func (s *sweepPart) sweep(ctx context.Context, some []*scenarios.Scenario, protocols []string, of string) (*report.Sweep, error) {
	set, err := seeds.Parse(of)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	res, err := sim.Sweep(ctx, sim.SweepSpec{Scenarios: some, Protocols: protocols, Seeds: set.Sim()})
	stopped := err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err())
	if err != nil && !stopped {
		return nil, err
	}
	doc := report.NewSweep(&report.Sweeping{Scenarios: some, Protocols: protocols, Seeds: set}, res, time.Since(start))
	if stopped {
		doc.Interrupt()
	}
	return doc, nil
}

// goOn gives those scenarios and protocols more seeds that have not shown what is expected of them, and puts all of it
// together.
func (s *sweepPart) goOn(ctx context.Context, first *report.Sweep) (*report.Sweep, error) {
	all := []report.Named{{Sweep: first}}
	stopped := false
	for _, protocol := range s.protocols {
		var some []*scenarios.Scenario
		for _, sc := range s.scenarios {
			if slices.ContainsFunc(first.Missing, func(m report.Missing) bool { return m.Scenario == sc.Name && m.Protocol == protocol }) {
				some = append(some, sc)
			}
		}
		if len(some) == 0 {
			continue
		}
		doc, err := s.sweep(ctx, some, []string{protocol}, s.more)
		if err != nil {
			return nil, err
		}
		stopped = stopped || doc.Interrupted
		all = append(all, report.Named{Sweep: doc})
	}
	doc, err := report.Merge(all)
	if err == nil && stopped {
		doc.Interrupt()
	}
	return doc, err
}

// whereItBroke is the command that shows a failure of the harness again.
func (s *sweepPart) whereItBroke(err error) string {
	var h *sim.HarnessError
	if errors.As(err, &h) {
		return runLine(h.Scenario, strconv.FormatUint(h.Seed, 10), h.Protocol)
	}
	return "nexarsim validate " + s.name
}

func runLine(scenario, seed, protocol string) string {
	return fmt.Sprintf("nexarsim run %s --seed %s --protocol %s", report.Quote(scenario), seed, protocol)
}

// findings are those of the document that are held against a protocol: of each property and protocol the shortest run.
func (s *sweepPart) findings(ctx context.Context, doc *report.Sweep, keep *Shelf) []Finding {
	var all []Finding
	for _, text := range doc.Malformed {
		f := Finding{Code: report.Harness, Why: "the harness broke its own assumptions: " + text, Command: "nexarsim validate " + s.name}
		var scenario, protocol, seed string
		if n, _ := fmt.Sscanf(text, "%s %s seed %s", &scenario, &protocol, &seed); n == 3 {
			f.Command = runLine(scenario, strings.TrimSuffix(seed, ":"), protocol)
		}
		all = append(all, f)
	}
	for i := range doc.Different {
		d := &doc.Different[i]
		all = append(all, Finding{
			Code: report.Irreplicable, Why: fmt.Sprintf("two runs of %s with %s, seed %s, differ at step %d", d.Scenario, d.Protocol, d.Seed, d.Step),
			Command: runLine(d.Scenario, d.Seed, d.Protocol),
		})
	}
	for _, u := range shortest(doc.Unexpected()) {
		all = append(all, s.finding(ctx, u, keep))
	}
	if doc.Interrupted {
		return all // what is missing may have come later
	}
	for _, m := range doc.Missing {
		all = append(all, Finding{
			Property: m.Property, Code: report.Safety,
			Why:     fmt.Sprintf("no run of %s with %s violated it, and the scenario expects that", m.Scenario, m.Protocol),
			Command: fmt.Sprintf("nexarsim sweep %s --seeds %s --protocol %s", report.Quote(m.Scenario), s.seeds, m.Protocol),
		})
	}
	return all
}

// unexpected is the findings of one property and protocol: the shortest, and what all of them come to.
type unexpected struct {
	*report.Finding
	scenarios int
	runs      uint64
}

// shortest joins findings that differ in their scenarios, in the order in which the properties come first.
func shortest(found []*report.Finding) []*unexpected {
	var all []*unexpected
	for _, f := range found {
		i := slices.IndexFunc(all, func(u *unexpected) bool { return u.Property == f.Property && u.Protocol == f.Protocol })
		if i < 0 {
			all = append(all, &unexpected{Finding: f, scenarios: 1, runs: f.Count})
			continue
		}
		u := all[i]
		u.scenarios++
		u.runs += f.Count
		// A run that breaks safety shows more than one that breaks the property's liveness half.
		if worse, same := u.Liveness && !f.Liveness, u.Liveness == f.Liveness; worse || same && f.Steps < u.Steps {
			u.Finding = f
		}
	}
	return all
}

// finding tells one, and keeps its run if there is a place for it.
func (s *sweepPart) finding(ctx context.Context, u *unexpected, keep *Shelf) Finding {
	f := Finding{
		Property: u.Property, Code: report.Safety, Command: runLine(u.Scenario, u.Seed, u.Protocol),
		Why: fmt.Sprintf("%s with %s (the shortest of %s in %s): %s", u.Scenario, u.Protocol, plural(u.runs, "run"), plural(uint64(u.scenarios), "scenario"), u.Why),
	}
	if u.Liveness {
		f.Code = report.Liveness
	}
	if !keep.chosenByUser() {
		return f
	}
	name, err := s.keep(ctx, u.Finding, keep)
	if err != nil {
		f.Why += fmt.Sprintf(" (not kept: %s)", err)
		return f
	}
	f.File, f.Command = name, "nexarsim replay "+report.Quote(name)
	return f
}

// keep writes a capsule of a finding's shortest run, shrunk as far as the time allows.
func (s *sweepPart) keep(ctx context.Context, f *report.Finding, keep *Shelf) (string, error) {
	i := slices.IndexFunc(s.scenarios, func(sc *scenarios.Scenario) bool { return sc.Name == f.Scenario })
	seed, err := strconv.ParseUint(f.Seed, 10, 64)
	if err != nil {
		return "", err
	}
	whole, _, err := sim.New().Record(sim.Spec{Scenario: s.scenarios[i], Protocol: f.Protocol, Seed: seed}, f.Property)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, shrinkTime)
	defer cancel()
	small, err := sim.Shrink(ctx, sim.ShrinkSpec{Capsule: whole})
	if small == nil || err != nil && ctx.Err() == nil {
		small = whole
	}
	small.FoundBy = capsule.Origin{Command: "validate", Version: s.version}
	return keep.putCapsule(f.Scenario+"-"+f.Protocol+"-"+f.Property, small)
}

// shrinkTime bounds what is spent on making one capsule smaller: the gate is about whether, and shrink goes on later.
const shrinkTime = 5 * time.Second

func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
