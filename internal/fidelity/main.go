// Command fidelity makes the same scenarios simulated and with real processes, and tells the distributions of what can be
// timed in both: delays, detection, agreement, install. Where the real ones are worse, the simulation is too kind. It
// prints a Markdown table; docs/fidelity.md holds one, and says what it means.
//
//	go run ./internal/fidelity -runs 20
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/internal/cluster"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// memberVariable is set in the environment of a member's process: this program itself.
const memberVariable = "NEXARSIM_FIDELITY_MEMBER"

func main() {
	if os.Getenv(memberVariable) != "" {
		if err := cluster.Serve(os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, "member:", err)
			os.Exit(1)
		}
		return
	}
	runs := flag.Int("runs", 20, "real runs of each scenario")
	seeds := flag.Int("seeds", 500, "simulated runs of each scenario and network")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := report(ctx, os.Stdout, *runs, *seeds); err != nil {
		fmt.Fprintln(os.Stderr, "fidelity:", err)
		os.Exit(1)
	}
}

// subject is what is done to a group, really and simulated.
type subject struct{ name, faults string }

var subjects = []subject{
	{"kill -9", "  - {at: 1s, crash: [4]}\n"},
	{"two kills, 50 ms apart", "  - {at: 1s, crash: [4]}\n  - {at: 1050ms, crash: [0]}\n"},
	{"stopped for good", "  - {at: 1s, crash: [4], silent: true}\n"},
}

// beating is five members that beat ten times a second, as `nexarsim cluster` has them without a scenario.
const beating = "name: fidelity\nworld: 5\nconfig: {heartbeat_interval: 100ms, heartbeat_timeout: 1s, recovery_timeout: 2s}\nduration: 2s\nsettle: 2s\n"

// Settings of a simulation that is meant to be no kinder than a busy machine: delays with a second, slow mode, and
// processes that wait for a processor, one of them in the middle of a step.
const (
	harshNetwork = "network: {transport: stream, latency: {bimodal: {fast: 50us..2ms, slow: 10ms..400ms, share: 0.02}}}\n"
	harshStalls  = "  - {at: 500ms, pause: [2], for: 350ms}\n  - {at: 995ms, pause: [1], for: 150ms}\n  - {when: {node: 3, receives: agreement}, pause: [3], for: 100ms}\n"
)

func (s *subject) text(harsh bool) string {
	if harsh {
		return beating + harshNetwork + "faults:\n" + s.faults + harshStalls
	}
	return beating + "faults:\n" + s.faults
}

// report makes all runs and prints the table.
func report(ctx context.Context, w io.Writer, runs, seeds int) error {
	fmt.Fprintf(w, "%s/%s, %d processors, load %s at the beginning; %d real and %d simulated runs of each scenario.\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), load(), runs, seeds)
	fmt.Fprint(w, "| scenario | time | real: median | 99 % | most | simulated: median | 99 % | most | harsh: median | 99 % | most |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range subjects {
		var columns [3]samples
		if err := realRuns(ctx, s.text(false), runs, &columns[0]); err != nil {
			return err
		}
		for i, harsh := range []bool{false, true} {
			if err := simulated(ctx, s.text(harsh), seeds, &columns[1+i]); err != nil {
				return err
			}
		}
		for what, name := range measureNames {
			fmt.Fprintf(w, "| %s | %s |", s.name, name)
			for i := range columns {
				d := of(columns[i][what])
				fmt.Fprintf(w, " %s | %s | %s |", shown(d, d.median), shown(d, d.high), shown(d, d.most))
			}
			fmt.Fprintln(w)
		}
	}
	fmt.Fprintf(w, "\nload %s at the end\n", load())
	return nil
}

func shown(d distribution, ns int64) string {
	if d.n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f ms", float64(ns)/1e6)
}

// load is how many processes waited for a processor, on the average of a minute; a dash where nobody says.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "-"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}

func interval(sc *scenarios.Scenario) int64 { return int64(sc.Config.HeartbeatInterval) }

// simulated makes a run of each seed.
func simulated(ctx context.Context, text string, seeds int, into *samples) error {
	sc, err := scenarios.Parse("fidelity", []byte(text))
	if err != nil {
		return err
	}
	s := sim.New()
	for seed := range uint64(seeds) {
		m := newMeter(interval(sc), into)
		if _, err := s.Run(sim.Spec{Scenario: sc, Protocol: "quorum", Seed: seed + 1, Observe: m.observe}); err != nil {
			return err
		}
		m.finish()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// runTime bounds what a real run may take, its beginning included.
const runTime = 2 * time.Minute

// realRuns makes real runs.
func realRuns(ctx context.Context, text string, runs int, into *samples) error {
	sc, err := scenarios.Parse("fidelity", []byte(text))
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	for run := range uint64(runs) {
		plan, err := cluster.NewPlan(sc, 0, "quorum", run+1)
		if err != nil {
			return err
		}
		if err := realRun(ctx, plan, exe, newMeter(interval(sc), into)); err != nil {
			return err
		}
	}
	return nil
}

func realRun(ctx context.Context, plan *cluster.Plan, exe string, m *meter) error {
	dir, err := os.MkdirTemp("", "nexarsim-fidelity-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	_, err = cluster.Run(ctx, cluster.Spec{
		Plan: plan, Command: []string{exe}, Env: []string{memberVariable + "=1"}, Dir: dir,
		Observe: func(ev *trace.Event) error { m.observe(ev); return nil },
	})
	m.finish()
	return err
}
