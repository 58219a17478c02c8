package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

	"nexarsim/internal/expect"
	"nexarsim/internal/seeds"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// Sweep is the document of `sweep` and `merge`.
type Sweep struct {
	Runs         uint64            `json:"runs"`
	Steps        uint64            `json:"steps"`
	Messages     uint64            `json:"messages"`
	Installs     uint64            `json:"installs"`
	VirtualNS    uint64            `json:"virtual_ns"`
	ElapsedMS    int64             `json:"elapsed_ms"`
	Digest       string            `json:"digest"`
	Violations   []Finding         `json:"violations"`
	Missing      []Missing         `json:"missing"`
	Bound        float64           `json:"failure_rate_below"` // with 95 % confidence, of runs that end unexpectedly
	Reach        map[string]uint64 `json:"reach"`
	ReachMissing []string          `json:"reach_missing"`
	Undecided    uint64            `json:"undecided"` // runs that left a property open
	Unfired      []Unfired         `json:"unfired"`
	Doubled      uint64            `json:"doubled"`
	Different    []Difference      `json:"different"`
	Malformed    []string          `json:"malformed"`
	NoExpect     bool              `json:"no_expect,omitempty"`
	Interrupted  bool              `json:"interrupted,omitempty"`
	Scenarios    []Scenario        `json:"scenarios"`
	Parts        []Part            `json:"parts"`
	Exit         Code              `json:"exit"`
}

// Finding is one property that runs of one scenario and protocol broke: how many, and the shortest of them.
type Finding struct {
	Scenario string `json:"scenario"`
	Protocol string `json:"protocol"`
	Seed     string `json:"seed"`
	Property string `json:"property"`
	Capsule  string `json:"capsule"` // the file that keeps the run; empty if none was written
	Steps    uint64 `json:"steps"`
	Count    uint64 `json:"count"`
	Expected bool   `json:"expected"`
	Reported bool   `json:"reported_only,omitempty"` // neither expected nor held against the protocol
	Liveness bool   `json:"liveness"`
	Why      string `json:"why"`

	Causes []Cause `json:"causes"`
}

// Cause is those of a finding's runs that look like one: what is wrong is told by sentences of one shape.
type Cause struct {
	Cause   string `json:"cause"`
	Seed    string `json:"seed"` // of the run with the fewest steps, ties to the least seed
	Steps   uint64 `json:"steps"`
	Count   uint64 `json:"count"`
	Capsule string `json:"capsule"` // the file that keeps it; empty if none was written
}

// Missing is a property that runs of one scenario and protocol had to break and did not.
type Missing struct {
	Scenario string `json:"scenario"`
	Protocol string `json:"protocol"`
	Property string `json:"property"`
}

// Unfired is a fault whose trigger did not come, in so many runs.
type Unfired struct {
	Scenario string `json:"scenario"`
	Protocol string `json:"protocol"`
	Fault    string `json:"fault"`
	Count    uint64 `json:"count"`
}

// Scenario is what a merge has to know of a scenario: that all documents mean the same by its name, and what it expects.
type Scenario struct {
	Name     string                 `json:"name"`
	SHA256   string                 `json:"sha256"` // of scenarios.JSON
	Protocol string                 `json:"protocol"`
	Expect   map[string]Expectation `json:"expect,omitempty"`
}

// Expectation is what a scenario expects of one protocol.
type Expectation struct {
	Violates []string `json:"violates,omitempty"`
	May      []string `json:"may,omitempty"`
}

// Part is one sweep, or some shards of it: each scenario with each protocol and each seed, in that order.
type Part struct {
	Scenarios []string `json:"scenarios"`
	Protocols []string `json:"protocols,omitempty"` // none: each scenario's own
	Seeds     string   `json:"seeds"`
	Shards    []string `json:"shards,omitempty"` // as in 1/3; none: all of it
}

// Sweeping is what a sweep was asked to do.
type Sweeping struct {
	Scenarios []*scenarios.Scenario
	Protocols []string
	Seeds     seeds.Set
	Shard     sim.Shard
	NoExpect  bool
}

// NewSweep tells a sweep and judges it.
func NewSweep(of *Sweeping, r *sim.SweepResult, elapsed time.Duration) *Sweep {
	d := &Sweep{
		Runs: r.Runs, Steps: r.Steps, Messages: r.Messages, Installs: r.Installs, VirtualNS: r.VirtualNS,
		ElapsedMS: elapsed.Milliseconds(), Digest: r.DigestText(), Undecided: r.Undecided, Doubled: r.Doubled,
		Malformed: list(r.Malformed), Unfired: []Unfired{}, Different: []Difference{}, NoExpect: of.NoExpect,
		Reach: map[string]uint64{}, Parts: []Part{of.part()},
	}
	for _, p := range sim.ReachPoints() {
		d.Reach[p.String()] = r.Reach[p]
	}
	for _, f := range r.Findings {
		d.Violations = append(d.Violations, Finding{
			Scenario: f.Scenario, Protocol: f.Protocol, Seed: strconv.FormatUint(f.Seed, 10), Property: f.Property,
			Steps: f.Steps, Count: f.Count, Liveness: f.Liveness, Why: f.Why, Causes: newCauses(f.Causes),
		})
	}
	for _, u := range r.Unfired {
		d.Unfired = append(d.Unfired, Unfired(u))
	}
	for i := range r.Different {
		d.Different = append(d.Different, *NewDifference(&r.Different[i]))
	}
	for _, sc := range of.Scenarios {
		d.Scenarios = append(d.Scenarios, newScenario(sc))
	}
	d.judge(of.Shard.Of <= 1)
	return d
}

func newCauses(causes []sim.Cause) []Cause {
	all := make([]Cause, len(causes))
	for i, c := range causes {
		all[i] = Cause{Cause: c.Shape, Seed: strconv.FormatUint(c.Seed, 10), Steps: c.Steps, Count: c.Count}
	}
	return all
}

// Interrupt marks a sweep that was ended before all its runs were made. What it found stands; what it did not find says
// nothing.
func (d *Sweep) Interrupt() {
	d.Interrupted = true
	d.judge(false)
	if d.Exit == Passed {
		d.Exit = Interrupted
	}
}

func (of *Sweeping) part() Part {
	p := Part{Protocols: of.Protocols, Seeds: of.Seeds.String()}
	for _, sc := range of.Scenarios {
		p.Scenarios = append(p.Scenarios, sc.Name)
	}
	if of.Shard.Of > 1 {
		p.Shards = []string{fmt.Sprintf("%d/%d", of.Shard.Index, of.Shard.Of)}
	}
	return p
}

func newScenario(sc *scenarios.Scenario) Scenario {
	sum := sha256.Sum256(scenarios.JSON(sc))
	s := Scenario{Name: sc.Name, SHA256: hex.EncodeToString(sum[:]), Protocol: sc.Protocol}
	for _, e := range sc.Expect {
		if s.Expect == nil {
			s.Expect = map[string]Expectation{}
		}
		s.Expect[e.Protocol] = Expectation{e.Violates, e.May}
	}
	return s
}

// expectations is what the scenario expects of a protocol, as package expect takes it.
func (s *Scenario) expectations(protocol string) []scenarios.Expectation {
	e, ok := s.Expect[protocol]
	if !ok {
		return nil
	}
	return []scenarios.Expectation{{Protocol: protocol, Violates: e.Violates, May: e.May}}
}

// unit is one scenario with one protocol.
type unit struct{ scenario, protocol string }

// byName finds scenarios.
func (d *Sweep) byName() map[string]*Scenario {
	all := make(map[string]*Scenario, len(d.Scenarios))
	for i := range d.Scenarios {
		all[d.Scenarios[i].Name] = &d.Scenarios[i]
	}
	return all
}

// units is each scenario and protocol that the document is about, in order, once.
func (d *Sweep) units() []unit {
	var units []unit
	seen := map[unit]bool{}
	byName := d.byName()
	for i := range d.Parts {
		for _, u := range d.Parts[i].units(byName) {
			if !seen[u] {
				seen[u] = true
				units = append(units, u)
			}
		}
	}
	return units
}

// units is the scenarios and protocols of a part, in the order in which it ran them.
func (p *Part) units(byName map[string]*Scenario) []unit {
	var units []unit
	for _, name := range p.Scenarios {
		if len(p.Protocols) == 0 {
			units = append(units, unit{name, byName[name].Protocol})
		}
		for _, protocol := range p.Protocols {
			units = append(units, unit{name, protocol})
		}
	}
	return units
}

// judge compares the findings with what each scenario expects, and fills in all that follows from that. What is missing
// is held against a sweep only if no other shard may have it.
func (d *Sweep) judge(complete bool) {
	d.Missing, d.ReachMissing = []Missing{}, []string{}
	d.Violations = list(d.Violations)
	for _, p := range sim.ReachPoints() {
		if d.Reach[p.String()] == 0 {
			d.ReachMissing = append(d.ReachMissing, p.String())
		}
	}
	findings := map[unit][]*Finding{}
	for i := range d.Violations {
		f := &d.Violations[i]
		u := unit{f.Scenario, f.Protocol}
		findings[u] = append(findings[u], f)
	}
	facts := Facts{Malformed: len(d.Malformed) > 0, Different: len(d.Different) > 0}
	byName := d.byName()
	for _, u := range d.units() {
		j := d.judgeUnit(u, byName[u.scenario], findings[u])
		if !complete {
			j.Missing = nil
		}
		facts.Judged = append(facts.Judged, j)
	}
	d.Bound = Bound(d.Worst(), d.Runs)
	d.Exit = facts.Code()
}

func (d *Sweep) judgeUnit(u unit, sc *Scenario, findings []*Finding) expect.Judgement {
	found := make([]expect.Found, len(findings))
	for i, f := range findings {
		found[i] = expect.Found{Property: f.Property, Liveness: f.Liveness}
		f.Expected, f.Reported = false, false
	}
	if d.NoExpect {
		return expect.Ignored(found)
	}
	j := expect.Judge(sc.expectations(u.protocol), u.protocol, found)
	for _, f := range findings {
		is := func(x expect.Found) bool { return x.Property == f.Property }
		f.Expected = slices.ContainsFunc(j.Expected, is)
		f.Reported = slices.ContainsFunc(j.Reported, is)
	}
	for _, p := range j.Missing {
		d.Missing = append(d.Missing, Missing{u.scenario, u.protocol, p})
	}
	return j
}

// Unexpected is the findings that are held against a protocol.
func (d *Sweep) Unexpected() []*Finding {
	var out []*Finding
	for i := range d.Violations {
		if f := &d.Violations[i]; !f.Expected && !f.Reported {
			out = append(out, f)
		}
	}
	return out
}

// Worst is a lower bound of how many runs ended unexpectedly: the most that broke one property.
func (d *Sweep) Worst() uint64 {
	var n uint64
	for _, f := range d.Unexpected() {
		n = max(n, f.Count)
	}
	return n
}
