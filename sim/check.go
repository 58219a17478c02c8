package sim

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nexarsim/checker/trace"
	"nexarsim/internal/story"
	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// T is what Check needs of a test: *testing.T has it.
type T interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// CheckSpec says what a test checks.
type CheckSpec struct {
	Scenario *scenarios.Scenario
	Protocol string      // a name of Protocols, or with New any name for the machine; "" takes the scenario's
	New      Constructor // the caller's own machine; nil for the named protocol
	Seeds    uint64      // 1 to so many are run, unless -nexarsim.seeds says otherwise; 0: 100
	Dir      string      // where capsules are; "": testdata/capsules
	May      []string    // properties that may be broken, beside those that the scenario's expect allows
}

// The flags of a test binary that uses Check.
const (
	seedsFlag = "nexarsim.seeds"
	seedFlag  = "nexarsim.seed"
)

// checkSeeds is how many seeds a test runs that does not say.
const checkSeeds = 100

// causesShown is how many causes a test tells before it ends.
const causesShown = 3

func init() {
	if testing.Testing() { // a program that imports this package has no such flags
		flag.String(seedsFlag, "", "seeds that sim.Check runs: 1000, or 5..9")
		flag.Uint64(seedFlag, 0, "the one seed that sim.Check runs")
	}
}

// Check tests a protocol, or a machine of the caller's own, in a scenario, with seeds. First it replays the capsules in
// testdata/capsules that are of this protocol: one that is reproduced fails the test. Then it makes the runs; of each cause
// that breaks a property it writes a shrunk capsule there and fails with its story and the command that shows it again.
// With -nexarsim.seeds N, or A..B, it runs other seeds, with -nexarsim.seed N one and no capsules.
//
//	func TestRecovery(t *testing.T) {
//		sc, _ := scenarios.Builtin("leader-dies")
//		sim.Check(t, sim.CheckSpec{Scenario: sc, Protocol: "toy", New: newToy})
//	}
func Check(t T, spec CheckSpec) {
	t.Helper()
	if spec.Scenario == nil {
		t.Fatalf("sim.Check: no scenario")
		return
	}
	if spec.Protocol == "" {
		spec.Protocol = spec.Scenario.Protocol
	}
	if spec.Dir == "" {
		spec.Dir = filepath.Join("testdata", "capsules")
	}
	seeds, single, err := checkedSeeds(spec.Seeds)
	if err != nil {
		t.Fatalf("sim.Check: %v", err)
		return
	}
	c := &check{t: t, spec: spec, sim: New(), known: map[string]bool{}}
	if !single {
		c.replayAll()
	}
	c.runAll(seeds)
}

// checkedSeeds is the seeds to be run: the flags', or 1 to the given number.
func checkedSeeds(count uint64) (seeds Seeds, single bool, err error) {
	if f := flag.Lookup(seedFlag); f != nil && f.Value.String() != "0" {
		n, err := strconv.ParseUint(f.Value.String(), 10, 64)
		return SeedRange(n, n), true, err
	}
	if count == 0 {
		count = checkSeeds
	}
	f := flag.Lookup(seedsFlag)
	if f == nil || f.Value.String() == "" {
		return SeedRange(1, count), false, nil
	}
	first, last, isRange := strings.Cut(f.Value.String(), "..")
	if !isRange {
		first, last = "1", first
	}
	a, err1 := strconv.ParseUint(first, 10, 64)
	b, err2 := strconv.ParseUint(last, 10, 64)
	if err1 != nil || err2 != nil || a == 0 || a > b {
		return Seeds{}, false, fmt.Errorf("-%s %s: expected a number, or a range such as 5..9", seedsFlag, f.Value.String())
	}
	return SeedRange(a, b), false, nil
}

// check is one test.
type check struct {
	t     T
	spec  CheckSpec
	sim   *Simulator
	known map[string]bool // properties and shapes that were told
}

// replayAll replays what is kept of this protocol.
func (c *check) replayAll() {
	files, err := capsuleFiles(c.spec.Dir)
	if err != nil {
		c.t.Fatalf("sim.Check: %v", err)
		return
	}
	for _, name := range files {
		kept, err := capsule.ReadFile(name)
		if err != nil {
			c.t.Errorf("sim.Check: %v", err)
			continue
		}
		if kept.Protocol == c.spec.Protocol && kept.Mode == capsule.Timed {
			c.replay(name, kept)
		}
	}
}

func (c *check) replay(name string, kept *capsule.Capsule) {
	r, err := c.sim.Replay(ReplaySpec{Capsule: kept, New: c.spec.New})
	if err != nil {
		c.t.Errorf("%s: %v", name, err)
		return
	}
	switch r.Outcome {
	case Reproduced:
		c.known[cause1(r.Result, kept.Property)] = true
		c.t.Errorf("%s: reproduced\n%s", name, c.tell(kept, r.Result))
	case Diverged:
		c.t.Logf("%s: diverged at %s (nearest: %s): it says nothing any more", name, r.Missing, r.Nearest)
	case Fixed:
	}
}

// runAll makes the runs, until a few causes are told.
func (c *check) runAll(seeds Seeds) {
	told := 0
	for i := range seeds.Len() {
		spec := Spec{Scenario: c.spec.Scenario, Protocol: c.spec.Protocol, New: c.spec.New, Seed: seeds.at(i)}
		res, err := c.sim.Run(spec)
		if err != nil {
			c.t.Fatalf("sim.Check: %v", err)
			return
		}
		if len(res.Verdict.Malformed) > 0 {
			c.t.Fatalf("seed %d: the harness broke its own assumptions: %s", res.Seed, res.Verdict.Malformed[0])
			return
		}
		for _, f := range FindingsOf(res) {
			key := cause1(res, f.Property)
			if c.allowed(f.Property) || c.known[key] {
				continue
			}
			c.known[key] = true
			c.fail(spec, &f)
			if told++; told == causesShown {
				c.t.Errorf("and perhaps more: this test ends here")
				return
			}
		}
	}
}

// allowed tells whether a property may be broken.
func (c *check) allowed(property string) bool {
	for _, e := range c.spec.Scenario.Expect {
		if e.Protocol == c.spec.Protocol && (slices.Contains(e.Violates, property) || slices.Contains(e.May, property)) {
			return true
		}
	}
	return slices.Contains(c.spec.May, property)
}

// cause1 is what tells one cause from another: a property, and the shape of its first sentence.
func cause1(res *Result, property string) string {
	for _, v := range res.Verdict.Violations {
		if v.Property == property {
			return property + "\x00" + Shape(v.Why)
		}
	}
	return property
}

// fail keeps a shrunk capsule of a finding, and tells it.
func (c *check) fail(spec Spec, f *Finding) {
	whole, res, err := c.sim.Record(spec, f.Property)
	if err != nil {
		c.t.Fatalf("sim.Check: %v", err)
		return
	}
	small, err := Shrink(context.Background(), ShrinkSpec{Capsule: whole, New: spec.New})
	if err != nil {
		c.t.Errorf("seed %d: %s: %s (it could not be shrunk: %v)", spec.Seed, f.Property, f.Why, err)
		return
	}
	small.FoundBy = capsule.Origin{Command: "go-test", Version: "(devel)"}
	name, err := keepCapsule(c.spec.Dir, small)
	if err != nil {
		c.t.Errorf("sim.Check: %v", err)
	}
	again := fmt.Sprintf("go test -run '^%s$' -%s=%d", c.t.Name(), seedFlag, spec.Seed)
	c.t.Errorf("%s with %s, seed %d breaks %s: %s\n%skept as %s\n%s", res.Scenario, res.Protocol, spec.Seed, f.Property, f.Why,
		c.tell(small, nil), name, again)
}

// storyLines is about how long a story is.
const storyLines = 60

// tell is the story of a capsule's run, with its cause and what is broken.
func (c *check) tell(of *capsule.Capsule, res *Result) string {
	s := story.New()
	r, err := c.sim.Replay(ReplaySpec{Capsule: of, New: c.spec.New, Observe: func(ev *trace.Event) { s.Observe(ev) }})
	if err != nil {
		return err.Error() + "\n"
	}
	if res == nil {
		res = r.Result
	}
	var b strings.Builder
	if of.Cause != "" {
		fmt.Fprintf(&b, "%s\n", of.Cause)
	}
	s.Print(&b, res.World, storyLines)
	for _, v := range res.Verdict.Violations {
		if v.Property == of.Property {
			fmt.Fprintf(&b, "%s: %s\n", v.Property, v.Why)
			break
		}
	}
	return b.String()
}
