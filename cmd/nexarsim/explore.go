package main

import (
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nexarsim/internal/report"
	"nexarsim/sim/explore"
	"nexarsim/sim/explore/search"
)

// exploreFlags are those of `explore`.
type exploreFlags struct {
	world, crashes, suspicions, partitions, early, losses, duplicates string
	protocol, maxStates, workers, out                                 string
	asDoc                                                             bool
}

// mostStates is how many states explore holds if nobody says otherwise: 1 to 2 GB of memory.
const mostStates = 20_000_000

func (a *app) exploreCommand() *cobra.Command {
	var f exploreFlags
	cmd := &cobra.Command{
		Use:   "explore",
		Short: "Goes through every schedule of a small group",
		Long: `explore runs the protocol of a small group in every order that is possible: messages arrive in any order, and the
environment crashes nodes, misleads one about another, splits the group, loses or repeats messages and fires timers early,
each at any moment and as often as its flag says. Where nothing else can happen, timers fire. Every state is visited once.

It tells how many states there are, what they broke, with the shortest schedule of each property, step by step, and what it
has seen. An answer is complete unless it says that it stopped; ^C prints what was found until then.`,
		Example: `  nexarsim explore --world 3 --crashes 2 --false-suspicions 1
  nexarsim explore --world 3 --crashes 2 --losses 1 --protocol fail-stop --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.explore(cmd, &f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.world, "world", "", "`N` nodes, 1 to 8")
	flags.StringVar(&f.crashes, "crashes", "0", "at most `N` nodes crash; what a node sent last may be lost with it")
	flags.StringVar(&f.suspicions, "false-suspicions", "0", "at most `N` times a node suspects a live one, which may be withdrawn")
	flags.StringVar(&f.partitions, "partitions", "0", "at most `N` splits of the group in two, 0 or 1, which may heal")
	flags.StringVar(&f.early, "early-timeouts", "0", "at most `N` timers fire while something else could still happen")
	flags.StringVar(&f.losses, "losses", "0", "at most `N` messages are lost")
	flags.StringVar(&f.duplicates, "duplicates", "0", "at most `N` messages are delivered twice")
	flags.StringVar(&f.protocol, "protocol", "quorum", "`protocol`")
	flags.StringVar(&f.maxStates, "max-states", strconv.Itoa(mostStates), "stop before there are more than `N` states")
	flags.StringVar(&f.workers, "workers", "", "expand `N` states at a time, 1 to 4096; one for each processor if left out")
	flags.StringVar(&f.out, "out", "", "write a capsule of each finding into this `directory`; not in this version")
	flags.BoolVar(&f.asDoc, "json", false, "print one JSON document")
	for flag, value := range map[string]string{
		"world": "3", "crashes": "2", "false-suspicions": "1", "partitions": "1", "early-timeouts": "1", "losses": "1", "duplicates": "1",
		"protocol": "quorum", "max-states": "1000000", "workers": "2",
	} {
		example(cmd, flag, value)
	}
	completeProtocols(cmd)
	return cmd
}

// exploreExample is what a message about missing flags of `explore` shows.
const exploreExample = "nexarsim explore --world 3 --crashes 2 --false-suspicions 1"

func (a *app) explore(cmd *cobra.Command, f *exploreFlags, args []string) error {
	if err := tooMany(args, 0, "explore takes flags only: "+exploreExample); err != nil {
		return err
	}
	c, o, err := f.read(cmd)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	start := time.Now()
	o.Progress = a.exploreProgress(start, !f.asDoc)
	res, err := explore.Run(ctx, c, o)
	a.clearProgress(!f.asDoc)
	if err != nil {
		return &errHarness{err: err}
	}
	doc := newExploreDocument(res, time.Since(start))
	a.code = doc.Exit
	if f.asDoc {
		return a.printDocument(doc)
	}
	return a.tellExplore(f, res, doc)
}

// read turns flags into what is explored.
func (f *exploreFlags) read(cmd *cobra.Command) (c explore.Config, o explore.Options, err error) {
	if f.world == "" {
		return c, o, usage(exploreExample, "explore: how many nodes?")
	}
	if strings.Contains(f.protocol, ",") {
		return c, o, usage("explore takes one protocol", "--protocol: expected one protocol, found %s", show(f.protocol))
	}
	if err := checkProtocol(f.protocol); err != nil {
		return c, o, err
	}
	if f.out != "" {
		return c, o, usage("the story of each finding is printed", "--out: this version writes no capsules of explore")
	}
	c.Protocol = f.protocol
	for _, n := range []struct {
		flag, text  string
		to          *int
		least, most int
	}{
		{"world", f.world, &c.World, 1, explore.MaxWorld},
		{"crashes", f.crashes, &c.Crashes, 0, explore.MaxWorld},
		{"false-suspicions", f.suspicions, &c.FalseSuspicions, 0, explore.MaxBudget},
		{"partitions", f.partitions, &c.Partitions, 0, 1},
		{"early-timeouts", f.early, &c.EarlyTimeouts, 0, explore.MaxBudget},
		{"losses", f.losses, &c.Losses, 0, explore.MaxBudget},
		{"duplicates", f.duplicates, &c.Duplicates, 0, explore.MaxBudget},
		{"max-states", f.maxStates, &o.MaxStates, 1, search.StatesMax},
	} {
		v, err := strconv.ParseUint(n.text, 10, 31)
		if err != nil || int(v) < n.least || int(v) > n.most {
			return c, o, usage(exampleOf(cmd, n.flag, ""), "--%s: expected %d to %d, found %s", n.flag, n.least, n.most, show(n.text))
		}
		*n.to = int(v)
	}
	if c.Crashes > c.World {
		return c, o, usage("", "--crashes: expected 0 to %d in a world of %d, found %d", c.World, c.World, c.Crashes)
	}
	if o.Workers, err = parseWorkers(cmd, f.workers); err != nil {
		return c, o, err
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return c, o, nil
}

// exploreProgress tells how far a search has come: on a terminal in place, otherwise now and then in a log.
func (a *app) exploreProgress(start time.Time, bar bool) func(search.Progress) {
	every := logEvery
	onTerminal := bar && isTerminal(a.stderr)
	if onTerminal {
		every = barEvery
	}
	log := slog.New(slog.NewTextHandler(a.stderr, nil))
	last := start
	return func(p search.Progress) {
		now := time.Now()
		if now.Sub(last) < every {
			return
		}
		last = now
		rate := float64(p.States) / now.Sub(start).Seconds()
		if onTerminal {
			fmt.Fprintf(a.stderr, "\r\x1b[Kdepth %d, %d states, %.0f/s, level %d of %d", p.Depth, p.States, rate, p.Expanded, p.Level)
			return
		}
		log.Info("explore", "depth", p.Depth, "states", p.States, "transitions", p.Transitions, "states_per_second", fmt.Sprintf("%.0f", rate))
	}
}

func (a *app) clearProgress(bar bool) {
	if bar && isTerminal(a.stderr) {
		fmt.Fprint(a.stderr, "\r\x1b[K")
	}
}

// exploreDocument is the document of `explore`.
type exploreDocument struct {
	Protocol        string             `json:"protocol"`
	World           int                `json:"world"`
	Crashes         int                `json:"crashes"`
	FalseSuspicions int                `json:"false_suspicions"`
	Partitions      int                `json:"partitions"`
	EarlyTimeouts   int                `json:"early_timeouts"`
	Losses          int                `json:"losses"`
	Duplicates      int                `json:"duplicates"`
	States          uint64             `json:"states"`
	Transitions     uint64             `json:"transitions"`
	Depth           int                `json:"depth"`
	Complete        bool               `json:"complete"`
	Stopped         string             `json:"stopped,omitempty"` // what ended a search that is not complete
	MissProbability float64            `json:"miss_probability"`
	ElapsedMS       int64              `json:"elapsed_ms"`
	BytesPerState   float64            `json:"bytes_per_state"`
	Violations      []exploreViolation `json:"violations"`
	Seen            map[string]uint64  `json:"seen"`
	Doubt           string             `json:"doubt,omitempty"`
	Exit            report.Code        `json:"exit"`
}

// exploreViolation is a property that some schedule breaks.
type exploreViolation struct {
	Property string   `json:"property"`
	Steps    int      `json:"steps"`
	States   uint64   `json:"states"`
	Why      string   `json:"why"`
	Schedule []string `json:"schedule"`
	Capsule  string   `json:"capsule"`
}

func newExploreDocument(r *explore.Result, elapsed time.Duration) *exploreDocument {
	c := &r.Config
	d := &exploreDocument{
		Protocol: c.Protocol, World: c.World, Crashes: c.Crashes, FalseSuspicions: c.FalseSuspicions, Partitions: c.Partitions,
		EarlyTimeouts: c.EarlyTimeouts, Losses: c.Losses, Duplicates: c.Duplicates,
		States: r.States, Transitions: r.Transitions, Depth: r.Depth, Complete: r.Complete(), MissProbability: r.MissProbability,
		ElapsedMS: elapsed.Milliseconds(), BytesPerState: float64(r.Bytes) / float64(max(r.States, 1)),
		Violations: []exploreViolation{}, Seen: map[string]uint64{}, Doubt: r.Doubt,
	}
	switch r.Stopped {
	case search.ByStates:
		d.Stopped = "max-states"
	case search.ByInterrupt:
		d.Stopped, d.Exit = "interrupt", report.Interrupted
	case search.ByDepth:
		d.Stopped = "depth"
	case search.ByNothing:
	}
	for _, v := range r.Violations {
		x := exploreViolation{Property: v.Property, Steps: v.Steps, States: v.States, Why: v.Why}
		for i := range v.Schedule.Steps {
			x.Schedule = append(x.Schedule, v.Schedule.Steps[i].String())
		}
		d.Violations = append(d.Violations, x)
		switch {
		case !v.Liveness:
			d.Exit = report.Safety
		case d.Exit != report.Safety:
			d.Exit = report.Liveness
		}
	}
	for _, p := range r.Seen {
		d.Seen[p.Name] = p.Steps
	}
	return d
}

func (a *app) tellExplore(f *exploreFlags, r *explore.Result, d *exploreDocument) error {
	p := inkFor(a.stdout)
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s%s\n", p.bold(d.Protocol), count(uint64(d.World), "node"), budgetText(d))
	fmt.Fprintf(&b, "%s, %s, depth %d\n", count(d.States, "state"), count(d.Transitions, "transition"), d.Depth)
	fmt.Fprintf(&b, "%.1f s, %.0f bytes a state, chance of a missed state below %.1g (%d-bit fingerprints)\n", float64(d.ElapsedMS)/1000, d.BytesPerState, d.MissProbability, r.Bits)
	if d.Doubt != "" {
		fmt.Fprintf(&b, "messages were kept that the machines had claimed to be spent: %s\n", d.Doubt)
	}
	b.WriteString("\nseen, in so many steps:\n")
	for _, s := range r.Seen {
		if s.Steps > 0 {
			fmt.Fprintf(&b, "%12d  %s\n", s.Steps, s.Name)
		}
	}
	for _, s := range r.Seen {
		if s.Steps == 0 {
			fmt.Fprintf(&b, "%12s  %s\n", "never", s.Name)
		}
	}
	for i := range r.Violations {
		v := &r.Violations[i]
		fmt.Fprintf(&b, "\n%s in %s, the shortest of those that lead to %s:\n%s\n", p.red(v.Property), count(uint64(v.Steps), "step"), count(v.States, "state"), v.Why)
		told, err := explore.Replay(&v.Schedule)
		if err != nil {
			return &errHarness{err: err}
		}
		for _, line := range told.Lines {
			b.WriteString(line + "\n")
		}
	}
	b.WriteString("\n")
	switch {
	case d.Stopped == "max-states":
		fmt.Fprintf(&b, "not complete: the states %d steps away would be more than --max-states %s allows; all that are nearer were seen\n", d.Depth+1, f.maxStates)
	case d.Stopped == "interrupt":
		fmt.Fprintf(&b, "not complete: interrupted; all states up to %d steps away were seen\n", d.Depth)
	}
	switch {
	case len(d.Violations) > 0:
		fmt.Fprintf(&b, "%s\n\n%s\n", p.red("failed"), exploreLine(d))
	case d.Complete:
		fmt.Fprintf(&b, "%s: complete, and no schedule violates a property\n", p.green("passed"))
	default:
		b.WriteString("no property was violated so far\n")
	}
	a.print(b.String())
	return nil
}

// budgets gives the flags of a document's budgets that are not 0.
func (d *exploreDocument) budgets() (flags []string, numbers []int) {
	for _, x := range []struct {
		flag string
		n    int
	}{
		{"crashes", d.Crashes}, {"false-suspicions", d.FalseSuspicions}, {"partitions", d.Partitions}, {"early-timeouts", d.EarlyTimeouts},
		{"losses", d.Losses}, {"duplicates", d.Duplicates},
	} {
		if x.n > 0 {
			flags, numbers = append(flags, x.flag), append(numbers, x.n)
		}
	}
	return flags, numbers
}

func budgetText(d *exploreDocument) string {
	var text string
	flags, numbers := d.budgets()
	for i, flag := range flags {
		text += fmt.Sprintf(", %s %d", strings.ReplaceAll(flag, "-", " "), numbers[i])
	}
	return text
}

// exploreLine is the command that shows a finding again.
func exploreLine(d *exploreDocument) string {
	line := fmt.Sprintf("nexarsim explore --world %d", d.World)
	flags, numbers := d.budgets()
	for i, flag := range flags {
		line += fmt.Sprintf(" --%s %d", flag, numbers[i])
	}
	return line + " --protocol " + quote(d.Protocol)
}
