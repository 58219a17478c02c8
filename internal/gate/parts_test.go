package gate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/internal/cluster"
	"nexarsim/internal/corpus"
	"nexarsim/internal/report"
	"nexarsim/scenarios"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
	"nexarsim/sim/explore"
)

// role says that the tests' binary was started as a member of a real group.
const role = "NEXARSIM_GATE_MEMBER"

func TestMain(m *testing.M) {
	if os.Getenv(role) != "" {
		if err := cluster.Serve(os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var member = Member{Command: []string{os.Args[0]}, Env: []string{role + "=1"}}

func parse(t *testing.T, text string) *scenarios.Scenario {
	t.Helper()
	sc, err := scenarios.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// split is a scenario in which fail-stop disagrees, with what it expects of it.
func split(t *testing.T, expect string) *sweepPart {
	sc := parse(t, "name: split\nworld: 4\nfaults: [{at: 5s, partition: [[0, 1], [2, 3]]}]\nexpect: "+expect+"\n")
	return &sweepPart{name: "sweep", scenarios: []*scenarios.Scenario{sc}, protocols: []string{"fail-stop"}, seeds: "1..20"}
}

// look has a part look, and gives the findings of a kind.
func look(t *testing.T, p Part, dir string) (Outcome, func(code report.Code, property string) *Finding) {
	t.Helper()
	o := p.Look(context.Background(), NewShelf(dir))
	return o, func(code report.Code, property string) *Finding {
		for i := range o.Findings {
			if f := &o.Findings[i]; f.Code == code && f.Property == property {
				return f
			}
		}
		t.Fatalf("%s found %+v: want %s with code %d", p.Name(), o.Findings, property, code)
		return nil
	}
}

func TestSweepFinds(t *testing.T) {
	_, find := look(t, split(t, "{fail-stop: pass}"), "")
	f := find(report.Safety, "agreement")
	if f.File != "" || !strings.HasPrefix(f.Command, "nexarsim run split --seed ") || !strings.HasSuffix(f.Command, " --protocol fail-stop") {
		t.Errorf("%+v: want a command that makes the run, and no file", f)
	}
	o, find := look(t, split(t, "{fail-stop: pass}"), t.TempDir())
	f = find(report.Safety, "agreement")
	if f.Command != "nexarsim replay "+f.File {
		t.Errorf("%q: want a replay of %s", f.Command, f.File)
	}
	c, err := capsule.ReadFile(f.File)
	if err != nil {
		t.Fatal(err)
	}
	r, err := sim.New().Replay(sim.ReplaySpec{Capsule: c})
	if err != nil || r.Outcome != sim.Reproduced || c.Property != "agreement" || c.FoundBy.Command != "validate" {
		t.Errorf("the capsule of %s by %+v is %v, %v", c.Property, c.FoundBy, r, err)
	}
	if len(o.Counts) == 0 || o.Counts[0] != (Count{"run", 20}) || o.Digest == "" {
		t.Errorf("%+v %s: want 20 runs and their digest", o.Counts, o.Digest)
	}
}

// TestSweepExpects: what is expected is no finding, and what is expected and missing is one.
func TestSweepExpects(t *testing.T) {
	if o, _ := look(t, split(t, "{fail-stop: {violates: [agreement], may: [validity, recovery, eviction, history, comm-id, late]}}"), ""); len(o.Findings) > 0 {
		t.Errorf("found %+v: all of that is expected", o.Findings)
	}
	_, find := look(t, split(t, "{fail-stop: {violates: [agreement, isolation], may: [validity, recovery, eviction, history, comm-id, late]}}"), "")
	f := find(report.Safety, "isolation")
	if f.Command != "nexarsim sweep split --seeds 1..20 --protocol fail-stop" {
		t.Errorf("%q does not show that it is missing", f.Command)
	}
}

// TestSweepGoesOn: seeds beyond the first are for what has not shown itself yet, and nothing is missing that they show.
func TestSweepGoesOn(t *testing.T) {
	sc := parse(t, "name: maybe\nworld: 4\nfaults: [{random: {partitions: 0..1, between: 5s..10s}}]\n"+
		"expect: {fail-stop: {violates: [agreement], may: [validity, recovery, eviction, history, comm-id, late]}}\n")
	p := &sweepPart{name: "expectations", scenarios: []*scenarios.Scenario{sc}, protocols: []string{"fail-stop"}}
	p.seeds = quietSeed
	if o, _ := look(t, p, ""); len(o.Findings) != 1 {
		t.Fatalf("%+v: want one finding, that nothing was violated with seed %s", o.Findings, quietSeed)
	}
	p.seeds, p.first, p.more = "1..40", quietSeed, "30..40"
	if o, _ := look(t, p, ""); len(o.Findings) > 0 || o.Counts[0].N != 12 {
		t.Errorf("%+v %+v: want 12 runs, and what is expected", o.Counts, o.Findings)
	}
	p.more, p.scenarios = "30..40", split(t, "{fail-stop: {violates: [agreement], may: [validity, recovery, eviction, history, comm-id, late]}}").scenarios
	if o, _ := look(t, p, ""); len(o.Findings) > 0 || o.Counts[0].N != 1 {
		t.Errorf("%+v %+v: the first seed shows it, want no more", o.Counts, o.Findings)
	}
}

// quietSeed is one with which TestSweepGoesOn's scenario draws nothing that splits the group.
const quietSeed = "2..2"

func TestSweepIsCut(t *testing.T) {
	p := split(t, "{fail-stop: {violates: [isolation], may: [agreement, validity, recovery, eviction, history, comm-id, late]}}")
	p.seeds = "1..1000000"
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if o := p.Look(ctx, NewShelf("")); !o.Stopped || len(o.Findings) > 0 {
		t.Errorf("stopped %v, %+v: what was not looked for is not missing", o.Stopped, o.Findings)
	}
}

func TestExploreFinds(t *testing.T) {
	p := &explorePart{config: explore.Config{Protocol: "fail-stop", World: 3, Budget: explore.Budget{Partitions: 1}}, maxStates: statesMax}
	_, find := look(t, p, "")
	if f := find(report.Safety, "agreement"); f.Command != "nexarsim explore --world 3 --partitions 1 --protocol fail-stop" {
		t.Errorf("%q does not show it", f.Command)
	}
	_, find = look(t, p, t.TempDir())
	f := find(report.Safety, "agreement")
	c, err := capsule.ReadFile(f.File)
	if err != nil || f.Command != "nexarsim replay "+f.File {
		t.Fatalf("%+v, %v", f, err)
	}
	if r, err := sim.New().Replay(sim.ReplaySpec{Capsule: c, Schedule: explore.ReplayCapsule}); err != nil || r.Outcome != sim.Reproduced {
		t.Errorf("%v, %v", r, err)
	}
}

func TestExploreIsCut(t *testing.T) {
	p := &explorePart{config: explore.Config{Protocol: "quorum", World: 3, Budget: explore.Budget{Crashes: 2, FalseSuspicions: 1, Partitions: 1}}, maxStates: 5000}
	if o, _ := look(t, p, ""); !strings.HasPrefix(o.Cut, "more than 5000 states") || len(o.Findings) > 0 {
		t.Errorf("cut %q, found %+v", o.Cut, o.Findings)
	}
	p.maxStates = statesMax
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if o := p.Look(ctx, NewShelf("")); !o.Stopped {
		t.Errorf("%+v: want it stopped", o)
	}
}

// TestCapsules: the corpus in the program is the one in testdata, and has its power.
func TestCapsules(t *testing.T) {
	o, _ := look(t, &capsulesPart{load: corpus.Embedded}, "")
	if len(o.Findings) > 0 || len(o.Counts) != 2 || o.Counts[0].N != uint64(len(corpus.Records())) {
		t.Errorf("%+v %+v", o.Counts, o.Findings)
	}
	files, err := filepath.Glob("../../testdata/capsules/*.json")
	if err != nil || uint64(len(files)) != o.Counts[0].N {
		t.Errorf("%d files, %d in the program, %v", len(files), o.Counts[0].N, err)
	}
}

// TestCapsulesLoseTheirPower: one that is repaired on its own protocol, one that is not on the rung that owes it, and one
// whose decisions find no place.
func TestCapsulesLoseTheirPower(t *testing.T) {
	some := func(change func(all []corpus.Entry)) *capsulesPart {
		return &capsulesPart{load: func() ([]corpus.Entry, error) {
			all, err := corpus.Embedded()
			if err == nil {
				change(all)
			}
			return all[:1], err
		}}
	}
	fixed := some(func(all []corpus.Entry) { all[0].Capsule.Protocol = "classic+replay" })
	_, find := look(t, fixed, "")
	if f := find(report.Safety, "recovery"); !strings.Contains(f.Why, "expected reproduced") || f.Command != "nexarsim replay "+f.File {
		t.Errorf("%+v", f)
	} else {
		defer os.RemoveAll(filepath.Dir(f.File))
	}
	owed := some(func(all []corpus.Entry) { // no rung repairs the one about a heartbeat
		all[0] = all[len(all)-1]
		all[0].RepairedBy = "classic+replay"
	})
	_, find = look(t, owed, t.TempDir())
	if f := find(report.Safety, "collective"); f.Command != "nexarsim replay "+f.File+" --protocol classic+replay" {
		t.Errorf("%+v", f)
	}
	_, find = look(t, &capsulesPart{load: func() ([]corpus.Entry, error) { return nil, errors.New("no corpus") }}, "")
	find(report.Harness, "")
}

func TestClusterPasses(t *testing.T) {
	t.Parallel()
	p := clusters(Options{Member: member}, quickRuns[1:2], 1)[0]
	dir := t.TempDir()
	o, _ := look(t, p, dir)
	if len(o.Findings) > 0 || o.Cut != "" || o.Counts[0].N == 0 {
		t.Errorf("%+v", o)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*.jsonl")); len(files) != 1 {
		t.Errorf("kept %v: want the trace", files)
	}
}

// TestClusterFinds: a fail-stop group that is split disagrees, for real, and the trace that shows it is kept without being
// asked for.
func TestClusterFinds(t *testing.T) {
	t.Parallel()
	run := realScenario{[]string{"fail-stop"}, `name: real-split
world: 2
config: {heartbeat_interval: 100ms, heartbeat_timeout: 500ms, recovery_timeout: 1s}
duration: 1s
settle: 2s
faults: [{at: 200ms, partition: [[0], [1]]}]
`}
	o, find := look(t, clusters(Options{Member: member}, []realScenario{run}, 1)[0], "")
	f := find(report.Safety, "agreement")
	if f.File == "" || f.Command != "nexarsim check "+report.Quote(f.File) {
		t.Fatalf("%+v", o.Findings)
	}
	defer os.RemoveAll(filepath.Dir(f.File))
	if text, err := os.ReadFile(f.File); err != nil || !strings.Contains(string(text), `"property":"agreement"`) {
		t.Errorf("the trace does not say so: %v", err)
	}
}

// TestClusterLeavesOpen: a run that has not shown what it owes is cut, and not passed; a record that contradicts itself is
// the harness' fault.
func TestClusterLeavesOpen(t *testing.T) {
	p := clusters(Options{}, quickRuns, 1)[0].(*clusterPart)
	plan, err := cluster.NewPlan(p.scenario, 0, p.protocol, p.seed)
	if err != nil {
		t.Fatal(err)
	}
	r := &realRun{plan: plan, res: &cluster.Result{}, verdict: checker.Verdict{Undecided: []checker.Undecided{{Property: "recovery", Why: "too late"}}}}
	if o := p.outcome(r, NewShelf("")); o.Cut != "left open: recovery: too late" || len(o.Findings) > 0 {
		t.Errorf("cut %q, %+v", o.Cut, o.Findings)
	}
	r.verdict, r.res.Closings = checker.Verdict{}, []cluster.Closing{{Epoch: 1, Members: []int{0, 1}, Owed: true, Why: "node 1 had an error"}, {Epoch: 2}}
	if o := p.outcome(r, NewShelf(t.TempDir())); len(o.Findings) != 1 || o.Findings[0].Property != "collective" || o.Findings[0].Command != "nexarsim validate cluster" {
		t.Errorf("%+v", o.Findings)
	}
	r.res.Closings = nil
	r.verdict = checker.Verdict{Malformed: []string{"a delivery that was never sent"}}
	if o := p.outcome(r, NewShelf(t.TempDir())); len(o.Findings) != 1 || o.Findings[0].Code != report.Harness || !strings.HasPrefix(o.Findings[0].Command, "nexarsim check ") {
		t.Errorf("%+v", o.Findings)
	}
}

// TestMachineAtFault: fail-stop is not blamed where a live member was suspected that nothing in the run kept from being
// heard; quorum is.
func TestMachineAtFault(t *testing.T) {
	for i, want := range []int{1, 0} { // of kill-cascade, quorum and fail-stop
		p := clusters(Options{}, quickRuns, 1)[i].(*clusterPart)
		plan, err := cluster.NewPlan(p.scenario, 0, p.protocol, p.seed)
		if err != nil {
			t.Fatal(err)
		}
		r := &realRun{plan: plan, res: &cluster.Result{Doubt: "node 1 suspected node 2, which lived"}}
		r.verdict.Violations = []trace.Violation{{Property: "agreement", Nodes: []int{1, 2}, Why: "so"}}
		if o := p.outcome(r, NewShelf(t.TempDir())); len(o.Findings) != want || (o.Cut == "") != (want == 1) {
			t.Errorf("%s: cut %q, %+v", p.protocol, o.Cut, o.Findings)
		}
	}
}

func TestClusterIsStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	if o := clusters(Options{Member: member}, quickRuns, 1)[0].Look(ctx, NewShelf("")); !o.Stopped || len(o.Findings) > 0 {
		t.Errorf("%+v: want it stopped", o)
	}
	broken := Member{Command: []string{filepath.Join(t.TempDir(), "nothing")}}
	_, find := look(t, clusters(Options{Member: broken}, quickRuns, 1)[0], "")
	find(report.Harness, "")
}
