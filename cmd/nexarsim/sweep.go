package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nexarsim/internal/report"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// sweepFlags are those of `sweep`.
type sweepFlags struct {
	seeds, protocols, workers, shard, engine, out string
	noExpect, asDoc                               bool
}

func (a *app) sweepCommand() *cobra.Command {
	var f sweepFlags
	cmd := &cobra.Command{
		Use:   "sweep [SCENARIO...]",
		Short: "Makes many runs and says what they broke",
		Long: `sweep makes a run of each scenario (every built-in one, if none is named) with each protocol and each seed, spread over
the processors. One run in twenty is made twice and compared. It prints what the runs broke, which situations they
reached and which they never did, and a digest that does not depend on the number of workers.

Seeds: 1000 stands for 1 to 1000; 5,7 and 1..9 are what they seem; a git commit of 40 hex digits stands for 1000 seeds
that are derived from it. Shard I of N makes every N-th run, beginning with the I-th; merge puts the documents together.
With --out, the shortest run of each cause (findings whose sentences differ in numbers only) is shrunk and kept as a
capsule, which replay takes; causes whose capsules are alike share one. ^C ends a sweep early and prints what it found until
then, with exit code 130 if that is nothing.`,
		Example: `  nexarsim sweep --seeds 3 --protocol quorum
  nexarsim sweep even-split follower-dies --seeds 1..50 --protocol quorum,fail-stop --json
  nexarsim sweep even-split --seeds 20 --protocol fail-stop --out findings`,
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.sweep(cmd, &f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.seeds, "seeds", "100", "`seeds`: 1000, 5,7, 1..9 or a git commit")
	flags.StringVar(&f.protocols, "protocol", "", "`protocols`, with commas; each scenario's own if left out")
	flags.StringVar(&f.workers, "workers", "", "make `N` runs at a time, 1 to 4096; one for each processor if left out")
	flags.StringVar(&f.shard, "shard", "", "make this part only, `I/N`")
	flags.StringVar(&f.engine, "engine", "local", "`engine` that makes the runs; this version has local only")
	flags.StringVar(&f.out, "out", "", "write a shrunk capsule of each cause into this `directory`")
	flags.BoolVar(&f.noExpect, "no-expect", false, "exit with the code of what is there, whatever the scenarios expect")
	flags.BoolVar(&f.asDoc, "json", false, "print one JSON document")
	example(cmd, "seeds", "1000")
	example(cmd, "protocol", "quorum,fail-stop")
	example(cmd, "workers", "4")
	example(cmd, "shard", "1/4")
	example(cmd, "out", "findings")
	completeProtocols(cmd)
	return cmd
}

// sweep reads flags and arguments, all of them before anything is run.
func (a *app) sweep(cmd *cobra.Command, f *sweepFlags, args []string) error {
	of := report.Sweeping{NoExpect: f.noExpect}
	var err error
	if of.Seeds, err = parseSeeds(f.seeds); err != nil {
		return err
	}
	if of.Protocols, err = parseProtocols(f.protocols); err != nil {
		return err
	}
	if of.Shard, err = parseShard(f.shard); err != nil {
		return err
	}
	if err := parseEngine(f.engine); err != nil {
		return err
	}
	workers, err := parseWorkers(cmd, f.workers)
	if err != nil {
		return err
	}
	sources, err := loadAll(args)
	if err != nil {
		return err
	}
	for _, s := range sources {
		of.Scenarios = append(of.Scenarios, s.Scenario)
	}
	spec := sim.SweepSpec{Scenarios: of.Scenarios, Protocols: of.Protocols, Seeds: of.Seeds.Sim(), Workers: workers, Shard: of.Shard}
	total, err := spec.Total()
	if err != nil {
		return unrunnable(err)
	}
	ctx, stop := interruptible()
	defer stop()
	if f.out != "" {
		if err := createDir(f.out); err != nil {
			return err
		}
	}
	return a.makeSweep(ctx, f, &of, spec, sources, total)
}

// loadAll reads the scenarios of a sweep: the named ones, each once, or all that are built in.
func loadAll(args []string) ([]source, error) {
	if len(args) == 0 {
		args = scenarios.Names()
	}
	var all []source
	by := map[string]string{}
	for _, arg := range args {
		s, err := loadScenario(arg)
		if err != nil {
			return nil, err
		}
		if first, ok := by[s.Name]; ok {
			return nil, usage("give each scenario a name of its own, and name each once", "%s: scenario %s is named before, as %s: its runs would be counted twice", show(arg), s.Name, show(first))
		}
		by[s.Name] = arg
		all = append(all, s)
	}
	return all, nil
}

// makeSweep makes the runs and tells them.
func (a *app) makeSweep(ctx context.Context, f *sweepFlags, of *report.Sweeping, spec sim.SweepSpec, sources []source, total uint64) error {
	progress := a.startProgress(total, !f.asDoc)
	spec.Done = progress.Done
	start := time.Now()
	res, err := sim.Sweep(ctx, spec)
	progress.Stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		return sweepFailure(err, sources)
	}
	doc := report.NewSweep(of, res, time.Since(start))
	if err != nil {
		doc.Interrupt()
	}
	var kept error
	if f.out != "" {
		kept = a.keepFindings(ctx, doc, sources, f.out, spec.Workers, !f.asDoc)
	}
	a.code = doc.Exit
	if f.asDoc && kept == nil {
		return a.printDocument(doc)
	}
	if f.asDoc {
		return kept
	}
	args := map[string]string{}
	for _, s := range sources {
		args[s.Name] = s.arg
	}
	a.tellSweep(doc, args)
	return kept
}

// keepFindings writes a capsule of each cause.
func (a *app) keepFindings(ctx context.Context, doc *report.Sweep, sources []source, dir string, workers int, bar bool) error {
	k := newKeeper(doc, sources, dir)
	if len(k.jobs) == 0 {
		return nil
	}
	progress := a.startProgress(uint64(len(k.jobs)), bar)
	defer progress.Stop()
	k.done = progress.Done
	return k.keep(ctx, workers)
}

// sweepFailure adds to a failure of the harness in the middle of a run how to see it again.
func sweepFailure(err error, sources []source) error {
	var h *sim.HarnessError
	if !errors.As(err, &h) {
		return err
	}
	for _, s := range sources {
		if s.Name == h.Scenario {
			again := runAgain(s.arg, strconv.FormatUint(h.Seed, 10), h.Protocol, false)
			return &errHarness{err: err, hint: "this is a defect of nexarsim: please report it, with the version and what this prints: " + again}
		}
	}
	return err
}

// fileName keeps of a text what any file system takes.
func fileName(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, text)
}
