package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nexarsim/internal/report"
	"nexarsim/internal/seeds"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
	"nexarsim/sim/explore"
	"nexarsim/sim/explore/search"
)

// exploreFlags are those of `explore`.
type exploreFlags struct {
	world, crashes, suspicions, partitions, early, losses, duplicates string
	protocol, maxStates, maxDepth, workers, out                       string
	pct, pctDepth, seed                                               string
	symmetry, asDoc                                                   bool
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
has seen. An answer is complete unless it says that it stopped; ^C prints what was found until then.

For worlds that are too large there are bounds: --max-states, --max-depth, and random runs with priorities (--pct), of which
each finds a bug of depth d that shows within k steps with a probability of at least 1/(n*k^(d-1)*c): n is the number of
things that have an order, c that of the faults that a run can have. The answer says how probable it is that all runs missed
such a bug.`,
		Example: `  nexarsim explore --world 3 --crashes 2 --false-suspicions 1
  nexarsim explore --world 3 --crashes 2 --losses 1 --protocol fail-stop --json
  nexarsim explore --world 5 --crashes 1 --false-suspicions 1 --pct 1000 --pct-depth 2`,
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
	flags.StringVar(&f.maxDepth, "max-depth", "", "stop `N` steps away from the start; of random runs the longest, 100 if left out")
	flags.BoolVar(&f.symmetry, "symmetry", false, "fold nodes that cannot be told apart; a crash may lose the last messages of each link by itself")
	flags.StringVar(&f.pct, "pct", "", "in place of a search make `N` random runs with priorities")
	flags.StringVar(&f.pctDepth, "pct-depth", "3", "the random runs look for a bug of depth `N`: so many things that have to come in an order")
	flags.StringVar(&f.seed, "seed", "1", "`seed` of the random runs")
	flags.StringVar(&f.workers, "workers", "", "expand `N` states at a time, 1 to 4096; one for each processor if left out")
	flags.StringVar(&f.out, "out", "", "write a capsule of each finding into this `directory`")
	flags.BoolVar(&f.asDoc, "json", false, "print one JSON document")
	for flag, value := range map[string]string{
		"world": "3", "crashes": "2", "false-suspicions": "1", "partitions": "1", "early-timeouts": "1", "losses": "1", "duplicates": "1",
		"protocol": "quorum", "max-states": "1000000", "max-depth": "20", "pct": "10000", "pct-depth": "3", "seed": "1", "workers": "2", "out": "findings",
	} {
		example(cmd, flag, value)
	}
	completeProtocols(cmd)
	return cmd
}

// mostDepth bounds --max-depth.
const mostDepth = 1_000_000

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
	if f.out != "" {
		if err := createDir(f.out); err != nil {
			return err
		}
	}
	start := time.Now()
	o.Progress = a.exploreProgress(start, !f.asDoc)
	random, err := f.readPCT(cmd, o)
	if err != nil {
		return err
	}
	res, err := look(ctx, c, o, random)
	a.clearProgress(!f.asDoc)
	if err != nil {
		return &errHarness{err: err}
	}
	doc := newExploreDocument(res, time.Since(start))
	if err := doc.keep(res, f.out); err != nil {
		return err
	}
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
		if *n.to, err = wholeFlag(cmd, n.flag, n.text, n.least, n.most); err != nil {
			return c, o, err
		}
	}
	if f.maxDepth != "" {
		if o.MaxDepth, err = wholeFlag(cmd, "max-depth", f.maxDepth, 1, mostDepth); err != nil {
			return c, o, err
		}
	}
	if c.Crashes > c.World {
		return c, o, usage("", "--crashes: expected 0 to %d in a world of %d, found %d", c.World, c.World, c.Crashes)
	}
	if sim.Streams(c.Protocol) && (c.Losses > 0 || c.Duplicates > 0) {
		return c, o, usage("--partitions holds messages back", "--losses, --duplicates: expected 0 with %s, whose messages travel on streams: none is lost or comes twice", c.Protocol)
	}
	if c.Symmetry = f.symmetry; c.Symmetry && sim.Streams(c.Protocol) {
		return c, o, usage("", "--symmetry: %s has leaders that write to one member after another, so that no two are alike; it is for quorum and fail-stop", c.Protocol)
	}
	if o.Workers, err = parseWorkers(cmd, f.workers); err != nil {
		return c, o, err
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return c, o, nil
}

// longestRun is how long a random run is at most if nobody says otherwise.
const longestRun = 100

// readPCT turns flags into random runs; nil if a search is wanted.
func (f *exploreFlags) readPCT(cmd *cobra.Command, o explore.Options) (*explore.PCT, error) {
	if f.pct == "" {
		for _, flag := range []string{"pct-depth", "seed"} {
			if cmd.Flags().Changed(flag) {
				return nil, usage(exampleOf(cmd, "pct", ""), "--%s is about random runs, and there is no --pct", flag)
			}
		}
		return nil, nil
	}
	if f.symmetry {
		return nil, usage(exampleOf(cmd, "pct", ""), "--symmetry is about a search, and --pct makes random runs")
	}
	p := &explore.PCT{Steps: o.MaxDepth}
	if p.Steps == 0 {
		p.Steps = longestRun
	}
	var err error
	if p.Runs, err = wholeFlag(cmd, "pct", f.pct, 1, explore.MaxRuns); err != nil {
		return nil, err
	}
	if p.Depth, err = wholeFlag(cmd, "pct-depth", f.pctDepth, 1, explore.MaxBugDepth); err != nil {
		return nil, err
	}
	if p.Seed, err = seeds.One(f.seed); err != nil {
		return nil, usage(exampleOf(cmd, "seed", ""), "--seed: %s", err)
	}
	return p, nil
}

// wholeFlag reads a number.
func wholeFlag(cmd *cobra.Command, flag, text string, least, most int) (int, error) {
	v, err := strconv.ParseUint(text, 10, 31)
	if err != nil || int(v) < least || int(v) > most {
		return 0, usage(exampleOf(cmd, flag, ""), "--%s: expected %d to %d, found %s", flag, least, most, show(text))
	}
	return int(v), nil
}

// look explores a group, or makes random runs of it.
func look(ctx context.Context, c explore.Config, o explore.Options, random *explore.PCT) (*explore.Result, error) {
	if random == nil {
		return explore.Run(ctx, c, o)
	}
	random.Progress = o.Progress
	return explore.RunPCT(ctx, c, *random)
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
	Stopped         string             `json:"stopped,omitempty"`  // what ended a search that is not complete
	Unjudged        []string           `json:"unjudged,omitempty"` // what an interrupt left open of the states that were seen
	MissProbability float64            `json:"miss_probability"`
	ElapsedMS       int64              `json:"elapsed_ms"`
	BytesPerState   float64            `json:"bytes_per_state"`
	Violations      []exploreViolation `json:"violations"`
	Seen            map[string]uint64  `json:"seen"`
	Folded          []int              `json:"folded,omitempty"`   // nodes of which states were folded
	Unfolded        string             `json:"unfolded,omitempty"` // why no more were
	Doubt           string             `json:"doubt,omitempty"`
	PCT             *chanceDocument    `json:"pct,omitempty"`
	Exit            report.Code        `json:"exit"`
}

// chanceDocument says what random runs were.
type chanceDocument struct {
	Runs        int     `json:"runs"`
	Depth       int     `json:"depth"`
	Seed        string  `json:"seed"`
	Threads     int     `json:"threads"`
	Steps       int     `json:"steps"`
	Choices     uint64  `json:"choices"`
	Cut         int     `json:"cut"`
	Probability float64 `json:"probability"` // of one run, at least
}

// chance says what random runs are worth: the probability that a run meets a bug of the depth asked for, and that all
// runs miss it.
func (d *exploreDocument) chance(c *explore.Chance) {
	n, k := float64(max(c.Threads, 1)), float64(c.Steps)
	p := 1 / (n * math.Pow(k, float64(c.Depth-1)) * float64(c.Choices))
	d.PCT = &chanceDocument{
		Runs: c.Runs, Depth: c.Depth, Seed: strconv.FormatUint(c.Seed, 10), Threads: c.Threads, Steps: c.Steps, Choices: c.Choices, Cut: c.Cut,
		Probability: p,
	}
	d.MissProbability = 1
	if p < 1 {
		d.MissProbability = math.Exp(float64(c.Runs) * math.Log1p(-p))
	} else if c.Runs > 0 {
		d.MissProbability = 0
	}
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
		Violations: []exploreViolation{}, Seen: map[string]uint64{}, Doubt: r.Doubt, Unjudged: r.Unjudged,
		Folded: r.Folded, Unfolded: r.Unfolded,
	}
	switch r.Stopped {
	case search.ByStates:
		d.Stopped = "max-states"
	case search.ByInterrupt:
		d.Stopped, d.Exit = "interrupt", report.Interrupted
	case search.ByDepth:
		d.Stopped = "depth"
	case search.ByNothing:
		if r.Chance != nil {
			d.Stopped = "pct"
		}
	}
	if r.Chance != nil {
		d.chance(r.Chance)
	}
	for i := range r.Violations {
		v := &r.Violations[i]
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

// tellChance tells how probable it is that something was missed.
func tellChance(b *strings.Builder, r *explore.Result, d *exploreDocument) {
	seconds := float64(d.ElapsedMS) / 1000
	if c := d.PCT; c != nil {
		fmt.Fprintf(b, "%.1f s, %s of at most %s, seed %s\n", seconds, count(uint64(c.Runs), "random run"), count(uint64(c.Steps), "step"), c.Seed)
		fmt.Fprintf(b, "a run meets a bug of depth %d with at least 1/(%d*%d^%d*%d) = %.2g; all miss it with at most %.3g\n", c.Depth, c.Threads,
			c.Steps, c.Depth-1, c.Choices, c.Probability, d.MissProbability)
		return
	}
	fmt.Fprintf(b, "%.1f s, %.0f bytes a state, chance of a missed state below %.1g (%d-bit fingerprints)\n", seconds, d.BytesPerState, d.MissProbability, r.Bits)
}

// keep writes a capsule of each violation into a directory, if there is one.
func (d *exploreDocument) keep(r *explore.Result, dir string) error {
	if dir == "" {
		return nil
	}
	for i := range r.Violations {
		v := &r.Violations[i]
		if v.Untold {
			continue
		}
		c, err := explore.NewCapsule(v)
		if err != nil {
			return &errHarness{err: err}
		}
		c.FoundBy = capsule.Origin{Command: "explore", Version: versionName()}
		name := filepath.Join(dir, fileName(fmt.Sprintf("explore-%d-%s-%s", d.World, d.Protocol, v.Property))+".json")
		if err := writeCapsule(name, c); err != nil {
			return err
		}
		d.Violations[i].Capsule = name
	}
	return nil
}

func (a *app) tellExplore(f *exploreFlags, r *explore.Result, d *exploreDocument) error {
	p := inkFor(a.stdout)
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s%s\n", p.bold(d.Protocol), count(uint64(d.World), "node"), budgetText(d))
	fmt.Fprintf(&b, "%s, %s, depth %d\n", count(d.States, "state"), count(d.Transitions, "transition"), d.Depth)
	tellChance(&b, r, d)
	if r.Config.Symmetry {
		tellFolded(&b, r)
	}
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
		fmt.Fprintf(&b, "\n%s in %s, the shortest of those that lead to %s:\n%s\n", p.red(v.Property), count(uint64(v.Steps), "step"), showing(r, v), v.Why)
		if v.Untold {
			continue
		}
		told, err := explore.Replay(&v.Schedule)
		if err != nil {
			return &errHarness{err: err}
		}
		for _, line := range told.Lines {
			b.WriteString(line + "\n")
		}
		if name := d.Violations[i].Capsule; name != "" {
			fmt.Fprintf(&b, "kept in %s\n", name)
		}
	}
	b.WriteString("\n")
	switch {
	case d.Stopped == "max-states":
		fmt.Fprintf(&b, "not complete: the states %d steps away would be more than --max-states %s allows; all that are nearer were seen\n", d.Depth+1, f.maxStates)
	case d.Stopped == "depth":
		fmt.Fprintf(&b, "not complete: --max-depth %s; all states up to so many steps away were seen\n", f.maxDepth)
	case d.PCT != nil && d.Stopped == "interrupt":
		fmt.Fprintf(&b, "not complete: interrupted after %s\n", count(uint64(d.PCT.Runs), "random run"))
	case d.PCT != nil:
		b.WriteString("not complete: random runs\n")
	case d.Stopped == "interrupt":
		fmt.Fprintf(&b, "not complete: interrupted; all states up to %d steps away were seen\n", d.Depth)
	}
	for _, what := range d.Unjudged {
		fmt.Fprintf(&b, "not judged: %s\n", unjudgedText[what])
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

// tellFolded tells which nodes were folded.
func tellFolded(b *strings.Builder, r *explore.Result) {
	if n := len(r.Folded); n > 0 {
		fmt.Fprintf(b, "states are folded that differ by the names of nodes %d to %d alone\n", r.Folded[0], r.Folded[n-1])
	} else {
		b.WriteString("no two nodes are alike, and no states are folded\n")
	}
	if r.Unfolded != "" {
		fmt.Fprintf(b, "of more nodes: %s\n", r.Unfolded)
	}
}

// unjudgedText tells what an interrupt has left open.
var unjudgedText = map[string]string{
	explore.UnjudgedLiveness: "liveness: what waits for ever, and what goes round in a cycle",
	explore.UnjudgedClaims:   "whether the messages that were left out do nothing, as the machines claim",
}

// showing tells how many states show a violation, or how many random runs did.
func showing(r *explore.Result, v *explore.Violation) string {
	if r.Chance != nil {
		return "it in " + count(v.States, "run")
	}
	return count(v.States, "state")
}

// budgets gives the names of a document's budgets that are not 0.
func (d *exploreDocument) budgets() (names []string, numbers []int) {
	b := explore.Budget{
		Crashes: d.Crashes, FalseSuspicions: d.FalseSuspicions, Partitions: d.Partitions, EarlyTimeouts: d.EarlyTimeouts,
		Losses: d.Losses, Duplicates: d.Duplicates,
	}
	return b.Granted()
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
	if name := d.Violations[0].Capsule; name != "" {
		return "nexarsim replay " + quote(name)
	}
	line := fmt.Sprintf("nexarsim explore --world %d", d.World)
	flags, numbers := d.budgets()
	for i, flag := range flags {
		line += fmt.Sprintf(" --%s %d", flag, numbers[i])
	}
	if d.Folded != nil || d.Unfolded != "" {
		line += " --symmetry"
	}
	if c := d.PCT; c != nil {
		line += fmt.Sprintf(" --pct %d --pct-depth %d --max-depth %d --seed %s", c.Runs, c.Depth, c.Steps, c.Seed)
	}
	return line + " --protocol " + quote(d.Protocol)
}
