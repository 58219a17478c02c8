package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
	"runtime"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"nexarsim/checker"
	"nexarsim/scenarios"
)

// Seeds is an ordered set of seeds: a range, or a list.
type Seeds struct {
	first, last uint64 // a range, if list is nil
	list        []uint64
}

// SeedRange is first..last, both included; first must be at least 1 and at most last.
func SeedRange(first, last uint64) Seeds { return Seeds{first: first, last: last} }

// SeedList is the given seeds in their order, which must not repeat.
func SeedList(list []uint64) Seeds { return Seeds{list: list} }

// Len is the number of seeds.
func (s Seeds) Len() uint64 {
	if s.list != nil {
		return uint64(len(s.list))
	}
	return s.last - s.first + 1
}

func (s Seeds) at(i uint64) uint64 {
	if s.list != nil {
		return s.list[i]
	}
	return s.first + i
}

// SweepSpec says which runs a sweep makes: every scenario with every protocol and every seed, in that order.
type SweepSpec struct {
	Scenarios []*scenarios.Scenario
	Protocols []string // empty: each scenario's own
	Seeds     Seeds
	Workers   int    // 0: one for each processor
	Shard     Shard  // the zero value is all of it
	Done      func() // called after each run, from any goroutine; may be nil
}

// Shard is every Of-th run, beginning with the Index-th, from 1.
type Shard struct{ Index, Of int }

// Finding is one property that runs of one scenario and protocol broke: how many, and the shortest of them.
type Finding struct {
	Scenario string
	Protocol string
	Property string
	Liveness bool
	Seed     uint64 // of the run with the fewest steps, ties to the least seed
	Steps    uint64
	Count    uint64
	Why      string // the sentence of that run's first violation of this property
	Causes   []Cause
}

// Cause is findings of one property that look like one: their sentences have the same shape.
type Cause struct {
	Shape string
	Seed  uint64 // of the run with the fewest steps, ties to the least seed
	Steps uint64
	Count uint64
}

// joinCauses adds one list of causes, by shape, to another.
func joinCauses(all, more []Cause) []Cause {
	for _, c := range more {
		i, known := slices.BinarySearchFunc(all, c.Shape, func(o Cause, shape string) int { return strings.Compare(o.Shape, shape) })
		if !known {
			all = slices.Insert(all, i, c)
			continue
		}
		old := &all[i]
		if c.Steps < old.Steps || c.Steps == old.Steps && c.Seed < old.Seed {
			old.Seed, old.Steps = c.Seed, c.Steps
		}
		old.Count += c.Count
	}
	return all
}

// better tells whether f is to be shown rather than o.
func (f *Finding) better(o *Finding) bool {
	return f.Steps < o.Steps || f.Steps == o.Steps && f.Seed < o.Seed
}

// SweepResult is what a sweep, or several merged ones, came to.
type SweepResult struct {
	Runs      uint64
	Steps     uint64
	Messages  uint64
	Installs  uint64
	VirtualNS uint64 // wraps after 584 years
	Digest    [sha256.Size]byte
	Findings  []Finding // by scenario, protocol, property
	Reach     Reach
	Undecided uint64 // runs that left some property undecided
	Unfired   []UnfiredFault
	Doubled   uint64       // runs made twice and compared
	Different []Difference // of those, the ones that differed; by scenario, protocol, seed
	Malformed []string     // runs in which the harness broke its own assumptions
}

// UnfiredFault is a fault whose trigger came in none of the runs of a scenario and protocol.
type UnfiredFault struct {
	Scenario, Protocol, Fault string
	Count                     uint64 // runs in which it did not fire
}

// doubleEvery is how many runs of a sweep there are for each that is made twice.
const doubleEvery = 20

// unit is the runs of one scenario and protocol.
type unit struct {
	sc       *scenarios.Scenario
	protocol string
}

func (spec *SweepSpec) units() ([]unit, error) {
	var units []unit
	for _, sc := range spec.Scenarios {
		protocols := spec.Protocols
		if len(protocols) == 0 {
			protocols = []string{sc.Protocol}
		}
		for _, p := range protocols {
			if _, err := Protocol(p); err != nil {
				return nil, err
			}
			units = append(units, unit{sc, p})
		}
	}
	return units, nil
}

// Total is how many runs the spec, or its shard, makes.
func (spec *SweepSpec) Total() (uint64, error) {
	units, err := spec.units()
	if err != nil {
		return 0, err
	}
	hi, all := bits.Mul64(uint64(len(units)), spec.Seeds.Len())
	if hi != 0 {
		return 0, fmt.Errorf("sweep: more than 2^64 runs")
	}
	return spec.Shard.share(all), nil
}

func (s Shard) share(all uint64) uint64 {
	if s.Of <= 1 {
		return all
	}
	return (all + uint64(s.Of) - uint64(s.Index)) / uint64(s.Of)
}

// run is the i-th run of the shard as a number among all.
func (s Shard) run(i uint64) uint64 {
	if s.Of <= 1 {
		return i
	}
	return i*uint64(s.Of) + uint64(s.Index) - 1
}

// batch is how many runs a worker takes at once.
const batch = 16

// Sweep makes all the runs over the processors. The result does not depend on how many workers there are. A cancelled
// context ends it early with the context's error and what was done until then.
func Sweep(ctx context.Context, spec SweepSpec) (*SweepResult, error) {
	units, err := spec.units()
	if err != nil {
		return nil, err
	}
	total, err := spec.Total()
	if err != nil {
		return nil, err
	}
	workers := spec.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Uint64
	tallies := make([]*tally, workers)
	var wg sync.WaitGroup
	for w := range workers {
		tallies[w] = newTally()
		wg.Add(1)
		go func() {
			defer wg.Done()
			tallies[w].work(ctx, &spec, units, &next, total)
		}()
	}
	wg.Wait()
	all := newTally()
	for _, t := range tallies {
		if t.err != nil {
			return nil, t.err
		}
		all.merge(t)
	}
	return all.result(), ctx.Err()
}

// tally is what one worker has seen.
type tally struct {
	SweepResult
	sim      *Simulator
	findings map[findingKey]*Finding
	unfired  map[unfiredKey]uint64
	err      error
}

type findingKey struct{ scenario, protocol, property string }

type unfiredKey struct{ scenario, protocol, fault string }

func newTally() *tally {
	return &tally{sim: New(), findings: map[findingKey]*Finding{}, unfired: map[unfiredKey]uint64{}}
}

func (t *tally) work(ctx context.Context, spec *SweepSpec, units []unit, next *atomic.Uint64, total uint64) {
	seeds := spec.Seeds.Len()
	for t.err == nil {
		from := next.Add(batch) - batch
		if from >= total {
			return
		}
		for i := from; i < min(from+batch, total); i++ {
			if ctx.Err() != nil {
				return
			}
			number := spec.Shard.run(i)
			u := units[number/seeds]
			t.run(u, spec.Seeds.at(number%seeds), number%doubleEvery == 0)
			if spec.Done != nil {
				spec.Done()
			}
		}
	}
}

// HarnessError is a defect of the harness itself, met in the middle of a run.
type HarnessError struct {
	Scenario string
	Protocol string
	Seed     uint64
	Panic    string
	Stack    []byte
}

func (e *HarnessError) Error() string {
	return fmt.Sprintf("run %s %s seed %d: the harness failed: %s", e.Scenario, e.Protocol, e.Seed, e.Panic)
}

// run makes one run, or two of the same.
func (t *tally) run(u unit, seed uint64, twice bool) {
	defer func() {
		if p := recover(); p != nil {
			t.err = &HarnessError{u.sc.Name, u.protocol, seed, fmt.Sprint(p), debug.Stack()}
		}
	}()
	spec := Spec{Scenario: u.sc, Protocol: u.protocol, Seed: seed}
	var res *Result
	var err error
	if twice {
		var diff *Difference
		res, diff, err = t.sim.Double(spec)
		t.Doubled++
		if diff != nil {
			t.Different = append(t.Different, *diff)
		}
	} else {
		res, err = t.sim.Run(spec)
	}
	if err != nil {
		t.err = err
		return
	}
	t.add(res)
}

func (t *tally) add(res *Result) {
	t.Runs++
	t.Steps += res.Steps
	t.Messages += res.Messages
	t.Installs += res.Installs
	t.VirtualNS += uint64(res.VirtualNS)
	t.Reach.Add(&res.Reach)
	for i, b := range RunDigest(res) {
		t.Digest[i] ^= b
	}
	if len(res.Verdict.Undecided) > 0 {
		t.Undecided++
	}
	for _, m := range res.Verdict.Malformed {
		t.Malformed = append(t.Malformed, fmt.Sprintf("%s %s seed %d: %s", res.Scenario, res.Protocol, res.Seed, m))
	}
	for _, f := range res.Unfired {
		t.unfired[unfiredKey{res.Scenario, res.Protocol, f}]++
	}
	for _, f := range FindingsOf(res) {
		t.find(&f)
	}
}

// RunDigest is what one run contributes to a sweep's digest: SHA-256 of its scenario, protocol, seed and digest, a line
// each. A sweep's digest is the exclusive or of its runs', so that it does not depend on their order.
func RunDigest(res *Result) [sha256.Size]byte {
	return sha256.Sum256([]byte(fmt.Sprintf("%s\n%s\n%d\n%s\n", res.Scenario, res.Protocol, res.Seed, res.DigestText())))
}

// FindingsOf is each property that a run broke, once, with its first sentence. It is one of liveness only if nothing of it
// was unsafe.
func FindingsOf(res *Result) []Finding {
	var out []Finding
	for i := range res.Verdict.Violations {
		v := &res.Verdict.Violations[i]
		at := slices.IndexFunc(out, func(f Finding) bool { return f.Property == v.Property })
		if at >= 0 {
			out[at].Liveness = out[at].Liveness && checker.IsLiveness(v)
			continue
		}
		out = append(out, Finding{
			Scenario: res.Scenario, Protocol: res.Protocol, Property: v.Property, Liveness: checker.IsLiveness(v),
			Seed: res.Seed, Steps: res.Steps, Count: 1, Why: v.Why,
			Causes: []Cause{{Shape(v.Why), res.Seed, res.Steps, 1}},
		})
	}
	return out
}

func (t *tally) find(f *Finding) {
	key := findingKey{f.Scenario, f.Protocol, f.Property}
	old := t.findings[key]
	if old == nil {
		c := *f
		c.Causes = slices.Clone(f.Causes)
		t.findings[key] = &c
		return
	}
	count := old.Count + f.Count
	live := old.Liveness && f.Liveness
	causes := joinCauses(old.Causes, f.Causes)
	if f.better(old) {
		*old = *f
	}
	old.Count, old.Liveness, old.Causes = count, live, causes
}

// merge adds another tally. All of it is sums, exclusive ors and minima, so that the order does not matter.
func (t *tally) merge(o *tally) {
	t.Runs += o.Runs
	t.Steps += o.Steps
	t.Messages += o.Messages
	t.Installs += o.Installs
	t.VirtualNS += o.VirtualNS
	t.Undecided += o.Undecided
	t.Doubled += o.Doubled
	t.Reach.Add(&o.Reach)
	for i := range t.Digest {
		t.Digest[i] ^= o.Digest[i]
	}
	t.Different = append(t.Different, o.Different...)
	t.Malformed = append(t.Malformed, o.Malformed...)
	for _, f := range o.findings { // unordered: find keeps sums and minima
		t.find(f)
	}
	for k, n := range o.unfired { // unordered: sums
		t.unfired[k] += n
	}
}

// result sorts what was gathered.
func (t *tally) result() *SweepResult {
	r := t.SweepResult
	for _, f := range t.findings { // unordered: sorted below
		r.Findings = append(r.Findings, *f)
	}
	sort.Slice(r.Findings, func(i, j int) bool { return r.Findings[i].key() < r.Findings[j].key() })
	for k, n := range t.unfired { // unordered: sorted below
		r.Unfired = append(r.Unfired, UnfiredFault{k.scenario, k.protocol, k.fault, n})
	}
	sort.Slice(r.Unfired, func(i, j int) bool { return r.Unfired[i].key() < r.Unfired[j].key() })
	sort.Slice(r.Different, func(i, j int) bool { return r.Different[i].String() < r.Different[j].String() })
	sort.Strings(r.Malformed)
	return &r
}

func (f *Finding) key() string { return f.Scenario + "\x00" + f.Protocol + "\x00" + f.Property }

func (u *UnfiredFault) key() string { return u.Scenario + "\x00" + u.Protocol + "\x00" + u.Fault }

// DigestText is the digest as reports show it.
func (r *SweepResult) DigestText() string { return hex.EncodeToString(r.Digest[:]) }
