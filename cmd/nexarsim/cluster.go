package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/internal/cluster"
	"nexarsim/internal/expect"
	"nexarsim/internal/report"
	"nexarsim/internal/story"
	"nexarsim/internal/trial"
	"nexarsim/scenarios"
)

// clusterFlags are those of `cluster`.
type clusterFlags struct {
	world                 int
	kills, pauses         []string
	protocol, seed, trace string
	noExpect, asDoc, logs bool

	workload string
	duration time.Duration
	random   bool
}

func (a *app) clusterCommand() *cobra.Command {
	var f clusterFlags
	cmd := &cobra.Command{
		Use:   "cluster [SCENARIO]",
		Short: "Runs real processes over QUIC on this machine",
		Long: `cluster starts one process for each member, kills, stops and cuts them off for real as the flags or a scenario say, merges
what each has recorded into one trace, and judges that: the same judge as for simulated runs, and each member's core fed
its recorded inputs again (conformance). A crash is kill -9; a silent one is a stop for good; a pause is SIGSTOP and SIGCONT;
acts on links go through a proxy for each pair. What has no real counterpart is named and refused. Without SCENARIO the
group has five members that beat ten times a second (more than ten members: twice). At the end the members of each view
that stands are asked for a barrier and an all-reduce: where these do not finish with the right sum, the run has failed.`,
		Example:           "  nexarsim cluster --world 5 --kill 4@1s --kill 0@1050ms",
		ValidArgsFunction: completeScenarios,
		RunE:              func(_ *cobra.Command, args []string) error { return a.cluster(&f, args) },
	}
	flags := cmd.Flags()
	flags.IntVar(&f.world, "world", 0, "`number` of members, 1 to 64")
	flags.StringArrayVar(&f.kills, "kill", nil, "kill member R at time T: `R@T`; may be repeated")
	flags.StringArrayVar(&f.pauses, "pause", nil, "stop member R at time T for D: `R@T:D`; may be repeated")
	flags.StringVar(&f.workload, "workload", "", "what the members' application does all along: `barrier`, allreduce or register")
	flags.DurationVar(&f.duration, "duration", 0, "how long faults and workload go on: a `duration`; the scenario's own if left out")
	flags.BoolVar(&f.random, "random", false, "kill, stop and cut off members all along, as drawn from the seed")
	flags.StringVar(&f.protocol, "protocol", "", "`protocol`: quorum or fail-stop; the scenario's own if left out")
	flags.StringVar(&f.seed, "seed", "1", "`seed` of random faults")
	flags.StringVar(&f.trace, "trace", "", "write every event to this `file` (JSON Lines)")
	flags.BoolVar(&f.noExpect, "no-expect", false, "exit with the code of what is there, whatever the scenario expects")
	flags.BoolVar(&f.asDoc, "json", false, "print one JSON document")
	flags.BoolVar(&f.logs, "logs", false, "pass on what members log to standard error")
	example(cmd, "kill", "3@10s")
	example(cmd, "pause", "2@5s:3s")
	example(cmd, "world", "5")
	example(cmd, "trace", "run.jsonl")
	example(cmd, "workload", "register")
	example(cmd, "duration", "1m")
	return cmd
}

func (a *app) cluster(f *clusterFlags, args []string) error {
	if err := tooMany(args, 1, "cluster runs one scenario"); err != nil {
		return err
	}
	sc, arg, err := f.scenario(args)
	if err != nil {
		return err
	}
	seed, err := parseSeed(f.seed)
	if err != nil {
		return err
	}
	protocol := f.protocol
	if protocol == "" {
		protocol = sc.Protocol
	}
	if err := checkProtocol(protocol); err != nil {
		return err
	}
	plan, err := cluster.NewPlan(sc, f.world, protocol, seed)
	if err != nil {
		return clusterRefusal(err)
	}
	return a.runCluster(f, plan, arg)
}

// clusterRefusal makes a refusal a matter of usage.
func clusterRefusal(err error) error {
	var no *cluster.Refusal
	if errors.As(err, &no) {
		return usage("nexarsim run simulates it", "%s", no.Error())
	}
	return usage("", "%s", err)
}

// plain is the scenario of a cluster for which none is named.
const plain = `name: cluster
about: Real processes that are killed and stopped as the command line says.
world: %d
config: {heartbeat_interval: %s, recovery_timeout: 2s}
duration: 2s
settle: %v
`

const (
	plainWorld  = 5
	plainSettle = 3 * time.Second
)

// plainScenario makes it. Many members on one machine beat more slowly: each beats to all the others.
func plainScenario(world int, random bool) (*scenarios.Scenario, error) {
	durations, settle := "100ms, heartbeat_timeout: 1s", plainSettle
	switch {
	case random:
		durations, settle = randomConfig, randomSettle
	case world > 2*plainWorld:
		durations = "500ms, heartbeat_timeout: 5s"
	}
	sc, err := scenarios.Parse("cluster", fmt.Appendf(nil, plain, world, durations, settle))
	if err != nil {
		return nil, fmt.Errorf("the plain scenario: %w", err)
	}
	return sc, nil
}

// scenario is the one that is named, or the plain one, with the flags' kills and pauses.
func (f *clusterFlags) scenario(args []string) (*scenarios.Scenario, string, error) {
	if f.world < 0 || f.world > cluster.WorldMax {
		return nil, "", usage("write --world 5", "--world: expected 1 to %d, found %d", cluster.WorldMax, f.world)
	}
	var sc scenarios.Scenario
	arg := ""
	if len(args) == 0 {
		if f.world == 0 {
			f.world = plainWorld
		}
		made, err := plainScenario(f.world, f.random)
		if err != nil {
			return nil, "", err
		}
		sc = *made
	} else {
		src, err := loadScenario(args[0])
		if err != nil {
			return nil, "", err
		}
		sc, arg = *src.Scenario, src.arg
	}
	if f.world > 0 && (f.world < sc.World.Min || f.world > sc.World.Max) {
		return nil, "", usage("", "--world %d: scenario %s has a world of %s", f.world, sc.Name, sc.World)
	}
	sc.Faults = slices.Clone(sc.Faults)
	for _, text := range f.kills {
		at, err := f.moment("kill", text, sc.World.Min, false)
		if err != nil {
			return nil, "", err
		}
		sc.Faults = append(sc.Faults, scenarios.Fault{At: at.at, Act: scenarios.Act{Kind: scenarios.ActCrash, Nodes: []int{at.node}}})
	}
	for _, text := range f.pauses {
		at, err := f.moment("pause", text, sc.World.Min, true)
		if err != nil {
			return nil, "", err
		}
		sc.Faults = append(sc.Faults, scenarios.Fault{At: at.at, For: at.dur, Act: scenarios.Act{Kind: scenarios.ActPause, Nodes: []int{at.node}}})
	}
	if err := f.apply(&sc, max(f.world, sc.World.Min)); err != nil {
		return nil, "", err
	}
	return &sc, arg, nil
}

// moment is who, when and how long.
type moment struct {
	node    int
	at, dur time.Duration
}

// clusterLongest bounds the times of a real run.
const clusterLongest = 24 * time.Hour

// moment reads R@T or R@T:D.
func (f *clusterFlags) moment(flag, text string, world int, lasts bool) (m moment, err error) {
	if f.world > 0 {
		world = f.world
	}
	form := "R@T"
	hint := "write --kill 3@10s"
	if lasts {
		form, hint = "R@T:D", "write --pause 2@5s:3s"
	}
	wrong := func() (moment, error) {
		return m, usage(hint, "--%s: expected %s with R below %d and times below %v, found %s", flag, form, world, clusterLongest, show(text))
	}
	who, when, ok := strings.Cut(text, "@")
	if !ok {
		return wrong()
	}
	if lasts {
		var long string
		if when, long, ok = strings.Cut(when, ":"); !ok {
			return wrong()
		}
		if m.dur, err = time.ParseDuration(long); err != nil || m.dur <= 0 || m.dur > clusterLongest {
			return wrong()
		}
	}
	m.at, err = time.ParseDuration(when)
	if err != nil || m.at < 0 || m.at > clusterLongest {
		return wrong()
	}
	if m.node, err = strconv.Atoi(who); err != nil || m.node < 0 || m.node >= world {
		return wrong()
	}
	return m, nil
}

// runCluster runs the plan, judges what came of it, and tells.
func (a *app) runCluster(f *clusterFlags, plan *cluster.Plan, arg string) error {
	ctx, stop := interruptible()
	defer stop()
	var out *outFile
	if f.trace != "" {
		var err error
		if out, err = createFile(f.trace); err != nil {
			return err
		}
		defer out.Discard()
	}
	dir, err := os.MkdirTemp("", "nexarsim-cluster-")
	if err != nil {
		return &errHarness{err: err}
	}
	defer os.RemoveAll(dir)
	start := time.Now()
	merged := filepath.Join(dir, "merged.jsonl")
	res, err := a.makeCluster(ctx, f, plan, dir, merged)
	if err != nil {
		return err
	}
	j := &judgedCluster{plan: plan, res: res, story: story.New()}
	if err := j.judge(merged, out); err != nil {
		return &errHarness{err: err}
	}
	if out != nil {
		if err := out.Commit(); err != nil {
			return err
		}
	}
	if err := j.machineAtFault(); err != nil {
		return err
	}
	doc, judged := j.document(f, time.Since(start))
	a.code = doc.Exit
	if f.asDoc {
		return a.printDocument(doc)
	}
	a.tellCluster(j, doc, judged, arg)
	return nil
}

// machineAtFault refuses to blame fail-stop for what it does not promise: it assumes that nobody suspects a live member, and
// here one was suspected although no act of the plan does that.
func (j *judgedCluster) machineAtFault() error {
	if j.plan.Protocol != "fail-stop" || j.res.Doubt == "" || !j.plan.Accurate() || len(j.verdict.Violations) == 0 {
		return nil
	}
	return &errHarness{
		err:  fmt.Errorf("undecided: %s; fail-stop assumes that this never happens, and the machine made it happen", j.res.Doubt),
		hint: "use a quieter machine, or a longer config.heartbeat_timeout",
	}
}

// makeCluster runs the members and writes the merged trace.
func (a *app) makeCluster(ctx context.Context, f *clusterFlags, plan *cluster.Plan, dir, merged string) (*cluster.Result, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, &errHarness{err: err}
	}
	file, err := os.Create(merged)
	if err != nil {
		return nil, &errHarness{err: err}
	}
	defer file.Close() // flushed below
	w := trace.NewWriter(file)
	spec := cluster.Spec{
		Plan: plan, Command: []string{exe, "node", "--launched"}, Env: []string{memberVariable + "=1"}, Dir: dir,
		Header: w.WriteHeader, Observe: w.Write,
	}
	if f.logs {
		spec.Logs = a.stderr
	}
	res, err := cluster.Run(ctx, spec)
	if err == nil {
		err = w.Flush()
	}
	switch {
	case ctx.Err() != nil:
		return nil, errInterrupted
	case err != nil:
		return nil, &errHarness{err: err}
	}
	return res, nil
}

// judgedCluster is a real run that is judged.
type judgedCluster struct {
	plan    *cluster.Plan
	res     *cluster.Result
	verdict checker.Verdict
	story   *story.Story
	inputs  uint64
	times   times
}

// judge reads the merged trace, and writes it with its verdict.
func (j *judgedCluster) judge(merged string, out *outFile) error {
	file, err := os.Open(merged)
	if err != nil {
		return err
	}
	defer file.Close() // opened for reading: closing loses nothing
	to := io.Discard
	if out != nil {
		to = out
	}
	t, err := trial.Judge(file, merged, j.res, to, func(ev *trace.Event) {
		if !j.res.Machine(ev) { // the story has the acts, and tells at its end how busy the machine was
			j.story.Observe(ev)
		}
		j.times.observe(ev)
	})
	if err == nil {
		j.verdict, j.inputs = t.Verdict, t.Inputs
	}
	return err
}

func (j *judgedCluster) document(f *clusterFlags, elapsed time.Duration) (*clusterRun, expect.Judgement) {
	found := report.FoundIn(j.verdict.Violations)
	judged := expect.Ignored(found)
	if !f.noExpect {
		judged = expect.Judge(j.plan.Scenario.Expect, j.plan.Protocol, found)
	}
	doc := &clusterRun{Run: &report.Run{
		Scenario: j.plan.Scenario.Name, Protocol: j.plan.Protocol, Seed: strconv.FormatUint(j.plan.Seed, 10), World: j.plan.World,
		Drawn: j.plan.Drawn, Digest: trial.NoDigest, Steps: j.res.Steps, Messages: j.res.Messages, Installs: j.res.Installs,
		VirtualMS: j.res.End / 1e6, ElapsedMS: elapsed.Milliseconds(), Missing: judged.Missing, Unfired: append([]string{}, j.res.Unfired...), Trace: f.trace,
	}}
	doc.Delay, doc.Recoveries = j.times.delay(), j.times.recoveries()
	doc.Stalls, doc.StallMax = j.res.Stalls, j.res.Longest.Microseconds()
	doc.SetVerdict(&j.verdict)
	facts := report.Facts{Malformed: len(doc.Malformed) > 0, Judged: []expect.Judgement{judged}}
	doc.Exit = facts.Code()
	doc.Closings, doc.Calls = closingsOf(j.res), j.res.Calls
	if closedWrong(doc.Closings) && (doc.Exit == report.Passed || doc.Exit == report.Liveness) {
		doc.Exit = report.Safety
	}
	return doc, judged
}

func (a *app) tellCluster(j *judgedCluster, doc *clusterRun, judged expect.Judgement, arg string) {
	var b strings.Builder
	p := inkFor(a.stdout)
	fmt.Fprintf(&b, "%s, protocol %s, %s over QUIC\n", p.bold(doc.Scenario), doc.Protocol, count(uint64(doc.World), "member"))
	for _, d := range doc.Drawn {
		fmt.Fprintf(&b, "  %s\n", d)
	}
	b.WriteByte('\n')
	limit := shortStory
	if doc.Exit != report.Passed {
		limit = longStory
	}
	j.story.Print(&b, doc.World, limit)
	b.WriteByte('\n')
	tellVerdict(&b, p, doc.Run, judged)
	tellClosings(&b, p, doc.Closings)
	fmt.Fprintf(&b, "%s fed again to their cores, %s, %s, %s\n", count(j.inputs, "input"), count(doc.Messages, "message"), count(doc.Installs, "install"), virtual(doc.VirtualMS))
	tellTimes(&b, doc)
	if doc.Trace != "" {
		fmt.Fprintf(&b, "trace: %s\n", doc.Trace)
	}
	if doc.Exit != report.Passed {
		again := "nexarsim cluster"
		if arg != "" {
			again += " " + quote(arg) + " --seed " + doc.Seed
		}
		fmt.Fprintf(&b, "\nno two real runs are the same; another one: %s --protocol %s\n", again, doc.Protocol)
	}
	a.print(b.String())
}
