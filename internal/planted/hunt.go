package planted

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"nexarsim/checker"
	"nexarsim/internal/expect"
	"nexarsim/scenarios"
	"nexarsim/sim"
	"nexarsim/sim/explore"
)

// Hunt is what became of one defect: of a search, and of two sweeps. Each is nil until it has been made.
type Hunt struct {
	Name     string  `json:"name"`
	Edits    string  `json:"edits"` // a hash of the defect's edits
	Explored *Search `json:"explored,omitempty"`
	Random   *Sweep  `json:"random,omitempty"` // the scenarios that draw their faults
	All      *Sweep  `json:"all,omitempty"`    // all built-in scenarios
}

// Search is the search that found a defect, in the first world that shows it.
type Search struct {
	Property string  `json:"property"` // the one that the shortest schedule breaks; empty if nothing was found
	Steps    int     `json:"steps"`
	Behind   int     `json:"behind,omitempty"` // steps of a schedule behind which the search began
	Budget   Budget  `json:"budget"`
	States   uint64  `json:"states"`  // of that world
	Worlds   int     `json:"worlds"`  // that were searched, this one with them
	Seconds  float64 `json:"seconds"` // of processor time, for all of them
	Complete bool    `json:"complete"`
	Doubt    string  `json:"doubt,omitempty"`
}

// Budget is a world of the hunt.
type Budget struct {
	Nodes           int `json:"nodes"`
	Crashes         int `json:"crashes,omitempty"`
	FalseSuspicions int `json:"false_suspicions,omitempty"`
	Partitions      int `json:"partitions,omitempty"`
	EarlyTimeouts   int `json:"early_timeouts,omitempty"`
	Losses          int `json:"losses,omitempty"`
	Duplicates      int `json:"duplicates,omitempty"`
}

// Sweep is random runs: run n is of scenario n modulo their number, with seed 1 + n divided by it.
type Sweep struct {
	Scenarios int     `json:"scenarios"`
	Runs      uint64  `json:"runs"`
	First     uint64  `json:"first"`   // the first run that shows something, from 1; 0 if none does
	Shown     uint64  `json:"shown"`   // runs that show something
	Seconds   float64 `json:"seconds"` // of processor time
	Broken    []Count `json:"broken"`
}

// Count is how many runs broke a property.
type Count struct {
	Property string `json:"property"`
	Runs     uint64 `json:"runs"`
}

// SweepRuns is how many runs a sweep of the hunt makes; piece of them at a time, so that it can be stopped.
const (
	SweepRuns = 100_000
	piece     = 20_000
)

const (
	huntWorkers = 2
	huntStates  = 4_000_000
	huntMinutes = 4 // of wall time, for the search of one defect: a busy machine gives it a minute of its own
)

// worlds is what a search goes through, smallest first.
var worlds = []Budget{
	{Nodes: 2, Crashes: 1, FalseSuspicions: 1, Partitions: 1},
	{Nodes: 3, Crashes: 1, FalseSuspicions: 1},
	{Nodes: 3, Crashes: 2, FalseSuspicions: 1},
	{Nodes: 3, FalseSuspicions: 2},
	{Nodes: 3, Crashes: 2, FalseSuspicions: 1, Duplicates: 1},
	{Nodes: 3, Crashes: 2, FalseSuspicions: 1, Losses: 1},
	{Nodes: 3, Crashes: 2, FalseSuspicions: 1, EarlyTimeouts: 1},
	{Nodes: 3, Crashes: 1, FalseSuspicions: 2},
	{Nodes: 4, Crashes: 2},
	{Nodes: 4, Crashes: 1, FalseSuspicions: 1},
	{Nodes: 4, Crashes: 1, FalseSuspicions: 1, Duplicates: 1},
	{Nodes: 4, Crashes: 1, FalseSuspicions: 1, Losses: 1},
	{Nodes: 3, Crashes: 2, FalseSuspicions: 1, Partitions: 1},
}

// Hash names what a defect changes.
func (d *Defect) Hash() string {
	h := sha256.New()
	for _, e := range d.Edits {
		fmt.Fprintf(h, "%q %q %q\n", e.File, e.Old, e.New)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// Parts is what a hunt consists of, in the order in which it is made.
var Parts = []string{"explored", "random", "all"}

// Measure makes a part of the hunt for the defect that this very program was built with; of a sweep the runs that come after
// those that there are. Seconds are left to whoever started the program.
func Measure(ctx context.Context, d *Defect, part string, runs uint64) (h *Hunt, err error) {
	h = new(Hunt)
	switch part {
	case "explored":
		h.Explored, err = search(ctx, d)
	case "random":
		h.Random, err = sweep(ctx, randomScenarios(), runs)
	case "all":
		h.All, err = sweep(ctx, builtinScenarios(), runs)
	default:
		err = fmt.Errorf("%s: expected one of %v", part, Parts)
	}
	return h, err
}

// Runs is how many runs of a part there are; complete tells whether it has all it needs.
func (h *Hunt) Runs(part string) (runs uint64, complete bool) {
	s := h.Random
	switch part {
	case "explored":
		return 0, h.Explored != nil
	case "all":
		s = h.All
	}
	if s == nil {
		return 0, false
	}
	return s.Runs, s.Runs >= SweepRuns
}

// Take adds what was made in a process of its own, with the processor time that it took.
func (h *Hunt) Take(part *Hunt, took time.Duration) {
	seconds := float64(took.Round(100*time.Millisecond)) / float64(time.Second)
	if part.Explored != nil {
		h.Explored = part.Explored
		h.Explored.Seconds = seconds
	}
	h.Random = h.Random.with(part.Random, seconds)
	h.All = h.All.with(part.All, seconds)
}

// with is a sweep with later runs.
func (s *Sweep) with(more *Sweep, seconds float64) *Sweep {
	if more == nil {
		return s
	}
	if s == nil {
		s = &Sweep{Scenarios: more.Scenarios}
	}
	sum := *s
	sum.Runs += more.Runs
	sum.Shown += more.Shown
	sum.Seconds = float64(int64(10*(sum.Seconds+seconds)+0.5)) / 10
	if sum.First == 0 {
		sum.First = more.First
	}
	sum.Broken = nil
	for _, p := range checker.Properties {
		if n := s.broke(p) + more.broke(p); n > 0 {
			sum.Broken = append(sum.Broken, Count{p, n})
		}
	}
	return &sum
}

// broke is how many runs broke a property.
func (s *Sweep) broke(property string) uint64 {
	for _, c := range s.Broken {
		if c.Property == property {
			return c.Runs
		}
	}
	return 0
}

// search goes through the worlds until one shows something.
func search(ctx context.Context, d *Defect) (*Search, error) {
	found := &Search{Behind: len(d.From)}
	ctx, stop := context.WithTimeout(ctx, huntMinutes*time.Minute)
	defer stop()
	in := worlds
	if d.In != nil {
		in = []Budget{*d.In}
	}
	for _, b := range in {
		if ctx.Err() != nil {
			break
		}
		r, err := explore.Run(ctx, b.config(), explore.Options{Workers: huntWorkers, MaxStates: huntStates, From: d.From})
		if err != nil {
			return nil, err
		}
		found.Budget, found.States, found.Complete, found.Doubt = b, r.States, r.Complete(), r.Doubt
		found.Worlds++
		if v := shortest(r.Violations); v != nil {
			found.Property, found.Steps = v.Property, v.Steps
			break
		}
	}
	return found, nil
}

// shortest is the violation with the fewest steps, and of two the one whose property comes first.
func shortest(all []explore.Violation) *explore.Violation {
	var best *explore.Violation
	for _, p := range checker.Properties {
		for i := range all {
			if v := &all[i]; v.Property == p && (best == nil || v.Steps < best.Steps) {
				best = v
			}
		}
	}
	return best
}

func (b *Budget) config() explore.Config {
	return explore.Config{Protocol: "quorum", World: b.Nodes, Budget: explore.Budget{
		Crashes: b.Crashes, FalseSuspicions: b.FalseSuspicions, Partitions: b.Partitions,
		EarlyTimeouts: b.EarlyTimeouts, Losses: b.Losses, Duplicates: b.Duplicates,
	}}
}

func builtinScenarios() (all []*scenarios.Scenario) {
	for _, name := range scenarios.Names() {
		if sc, ok := scenarios.Builtin(name); ok {
			all = append(all, sc)
		}
	}
	return all
}

// randomScenarios is those that draw their faults, and nothing else about them is said.
func randomScenarios() []*scenarios.Scenario {
	return slices.DeleteFunc(builtinScenarios(), func(sc *scenarios.Scenario) bool { return !strings.HasPrefix(sc.Name, "random-") })
}

// sweep makes runs from a number on, and counts those that show what their scenario does not expect.
func sweep(ctx context.Context, all []*scenarios.Scenario, from uint64) (*Sweep, error) {
	s := &Sweep{Scenarios: len(all), Runs: min(piece, SweepRuns-from)}
	var next atomic.Uint64
	next.Store(from)
	var wait sync.WaitGroup
	var parts [huntWorkers]tally
	for i := range parts {
		wait.Go(func() { parts[i].make(ctx, all, &next, from+s.Runs) })
	}
	wait.Wait()
	var sum tally
	for i := range parts {
		if parts[i].err != nil {
			return nil, parts[i].err
		}
		sum.join(&parts[i])
	}
	s.First, s.Shown = sum.first, sum.shown
	for i, p := range checker.Properties {
		if n := sum.broken[i]; n > 0 {
			s.Broken = append(s.Broken, Count{p, n})
		}
	}
	return s, nil
}

// tally is what one worker's runs showed.
type tally struct {
	first, shown uint64
	broken       [32]uint64 // by checker.Properties
	err          error
}

func (t *tally) make(ctx context.Context, all []*scenarios.Scenario, next *atomic.Uint64, end uint64) {
	s := sim.New()
	for t.err == nil {
		n := next.Add(1) - 1
		if n >= end {
			return
		}
		if t.err = ctx.Err(); t.err != nil {
			return
		}
		sc := all[n%uint64(len(all))]
		r, err := s.Run(sim.Spec{Scenario: sc, Protocol: "quorum", Seed: 1 + n/uint64(len(all))})
		if err != nil {
			t.err = fmt.Errorf("hunt: %w", err)
			return
		}
		t.count(n+1, sc, r)
	}
}

func (t *tally) count(number uint64, sc *scenarios.Scenario, r *sim.Result) {
	var found []expect.Found
	for i := range r.Verdict.Violations {
		v := &r.Verdict.Violations[i]
		f := expect.Found{Property: v.Property, Liveness: checker.IsLiveness(v)}
		if !slices.ContainsFunc(found, func(o expect.Found) bool { return o.Property == f.Property }) {
			found = append(found, f)
		}
	}
	unexpected := expect.Judge(sc.Expect, "quorum", found).Unexpected
	if len(unexpected) == 0 {
		return
	}
	t.shown++
	if t.first == 0 || number < t.first {
		t.first = number
	}
	for _, f := range unexpected {
		t.broken[slices.Index(checker.Properties, f.Property)]++
	}
}

func (t *tally) join(o *tally) {
	t.shown += o.shown
	if o.first != 0 && (t.first == 0 || o.first < t.first) {
		t.first = o.first
	}
	for i, n := range o.broken {
		t.broken[i] += n
	}
}

// ReadHunts reads the file of the hunt; there is none before the first.
func ReadHunts(name string) ([]Hunt, error) {
	b, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read hunt: %w", err)
	}
	var all []Hunt
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("read hunt: %s: %w: make hunt writes it anew", name, err)
	}
	return all, nil
}

// WriteHunts writes it.
func WriteHunts(name string, all []Hunt) error {
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return fmt.Errorf("write hunt: %w", err)
	}
	if err := os.WriteFile(name+".new", append(b, '\n'), 0o666); err != nil {
		return fmt.Errorf("write hunt: %w", err)
	}
	return os.Rename(name+".new", name)
}
