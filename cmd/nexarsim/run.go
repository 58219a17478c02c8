package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nexarsim/checker/trace"
	"nexarsim/internal/expect"
	"nexarsim/internal/report"
	"nexarsim/internal/story"
	"nexarsim/sim"
)

// runFlags are those of `run`.
type runFlags struct {
	seed, protocol, trace   string
	inputs, noExpect, asDoc bool
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "Makes one run and tells it step by step",
		Long: `run makes one run of a scenario, a built-in one or a YAML file, and tells what happened: the seed with all that was
drawn from it, the steps that matter with one column for each node, and the verdict. The run is made twice and compared,
if it has at most 64 nodes. The last line of a failure is the command that shows it again.`,
		Example: `  nexarsim run leader-dies-mid-broadcast --seed 7
  nexarsim run even-split --protocol fail-stop --no-expect --json`,
		ValidArgsFunction: completeScenarios,
		RunE: func(_ *cobra.Command, args []string) error {
			return a.run(&f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.seed, "seed", "1", "`seed`, 1 to 2^64-1")
	flags.StringVar(&f.protocol, "protocol", "", "`protocol`; the scenario's own if left out")
	flags.StringVar(&f.trace, "trace", "", "write every event to this `file` (JSON Lines)")
	flags.BoolVar(&f.inputs, "inputs", false, "add each input of each node to the trace")
	flags.BoolVar(&f.noExpect, "no-expect", false, "exit with the code of what is there, whatever the scenario expects")
	flags.BoolVar(&f.asDoc, "json", false, "print one JSON document")
	example(cmd, "seed", "7")
	example(cmd, "protocol", "quorum")
	example(cmd, "trace", "run.jsonl")
	completeProtocols(cmd)
	return cmd
}

// runExample is what a message about missing arguments of `run` shows.
const runExample = "nexarsim run leader-dies --seed 7; nexarsim scenarios lists the built-in scenarios"

func (a *app) run(f *runFlags, args []string) error {
	if len(args) == 0 {
		return usage(runExample, "run: which scenario?")
	}
	if err := tooMany(args, 1, "run makes one run; sweep takes several scenarios"); err != nil {
		return err
	}
	seed, err := parseSeed(f.seed)
	if err != nil {
		return err
	}
	if strings.Contains(f.protocol, ",") {
		return usage("run makes one run; sweep takes several protocols", "--protocol: expected one protocol, found %s", show(f.protocol))
	}
	if _, err := parseProtocols(f.protocol); err != nil {
		return err
	}
	if f.inputs && f.trace == "" {
		return usage("write --trace run.jsonl --inputs", "--inputs: inputs are written to a trace, and there is no --trace")
	}
	sc, err := loadScenario(args[0])
	if err != nil {
		return err
	}
	spec := sim.Spec{Scenario: sc.Scenario, Protocol: f.protocol, Seed: seed, Inputs: f.inputs}
	if spec.Protocol == "" {
		spec.Protocol = sc.Protocol
	}
	if _, err := sim.Protocol(spec.Protocol); err != nil {
		return unrunnable(err)
	}
	return a.runOnce(f, &sc, spec)
}

// runOnce makes the run and tells it.
func (a *app) runOnce(f *runFlags, sc *source, spec sim.Spec) error {
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
	m := &made{spec: spec, tell: !f.asDoc}
	if err := untilInterrupt(ctx, func() error { return m.make(out) }); err != nil {
		return err
	}
	if out != nil {
		if err := out.Commit(); err != nil {
			return err
		}
		if err := picture(spec, m.res, f.trace); err != nil {
			return err
		}
	}
	doc, judged := m.document(f)
	a.code = doc.Exit
	if f.asDoc {
		return a.printDocument(doc)
	}
	a.tellRun(m, doc, sc, f, judged)
	return nil
}

func (a *app) printDocument(doc any) error {
	text, err := report.Encode(doc)
	if err != nil {
		return err
	}
	a.print(string(text))
	return nil
}

// storyWorld is the largest world that is told step by step, and run twice.
const storyWorld = 64

// made is a run that was made, and what is to be told of it.
type made struct {
	spec    sim.Spec
	tell    bool
	res     *sim.Result
	diff    *sim.Difference
	story   *story.Story
	elapsed time.Duration
}

// make runs the spec: once plainly, and once with every line seen. A large world is run once.
func (m *made) make(out *outFile) error {
	small := m.spec.Scenario.World.Max <= storyWorld
	if small || out == nil {
		start := time.Now()
		res, err := sim.New().Run(m.spec)
		if err != nil {
			return err
		}
		m.res, m.elapsed = res, time.Since(start)
	}
	if !small && out == nil {
		return nil
	}
	watched, err := m.watch(out, small && m.tell)
	if err != nil {
		return err
	}
	return m.compare(watched)
}

// watch runs the spec with every line going to a trace, to a story or to both.
func (m *made) watch(out *outFile, told bool) (*sim.Result, error) {
	start := time.Now()
	var failed error
	var w *trace.Writer
	spec := m.spec
	if out != nil {
		w = trace.NewWriter(out)
		spec.Header = func(h *trace.Header) { failed = w.WriteHeader(h) }
	}
	if told {
		m.story = story.New()
	}
	if w != nil || told {
		spec.Observe = func(ev *trace.Event) {
			if w != nil && failed == nil {
				failed = w.Write(ev)
			}
			if told {
				m.story.Observe(ev)
			}
		}
	}
	res, err := sim.New().Run(spec)
	if err != nil {
		return nil, err
	}
	if w != nil && failed == nil {
		failed = w.Flush()
	}
	if failed != nil {
		return nil, &errHarness{err: fmt.Errorf("%s: %w", out.name, failed)}
	}
	if m.res == nil {
		m.res, m.elapsed = res, time.Since(start)
	}
	return res, nil
}

// compare finds out whether the second run went as the first. If not, the run is made twice more, step by step.
func (m *made) compare(second *sim.Result) error {
	if second.Digest == m.res.Digest && fmt.Sprint(second.Verdict) == fmt.Sprint(m.res.Verdict) {
		return nil
	}
	_, diff, err := sim.New().Double(m.spec)
	if err != nil {
		return err
	}
	if diff == nil {
		diff = &sim.Difference{
			Scenario: m.res.Scenario, Protocol: m.res.Protocol, Seed: m.res.Seed,
			First: "digest " + m.res.DigestText(), Second: "digest " + second.DigestText(),
		}
	}
	m.diff = diff
	return nil
}

// document tells the run as JSON does, with the exit code.
func (m *made) document(f *runFlags) (*report.Run, expect.Judgement) {
	found := report.FoundIn(m.res.Verdict.Violations)
	judged := expect.Ignored(found)
	if !f.noExpect {
		judged = expect.Judge(m.spec.Scenario.Expect, m.spec.Protocol, found)
	}
	doc := report.NewRun(m.res, m.elapsed)
	doc.Missing, doc.Trace = judged.Missing, f.trace
	if m.diff != nil {
		doc.Different = report.NewDifference(m.diff)
	}
	facts := report.Facts{Malformed: len(doc.Malformed) > 0, Different: m.diff != nil, Judged: []expect.Judgement{judged}}
	doc.Exit = facts.Code()
	return doc, judged
}

// How many lines a story has at most, of a run that failed and of one that did not.
const (
	longStory  = 200
	shortStory = 60
)

// tellRun prints the run for a reader.
func (a *app) tellRun(m *made, doc *report.Run, sc *source, f *runFlags, judged expect.Judgement) {
	p := inkFor(a.stdout)
	var b strings.Builder
	fmt.Fprintf(&b, "seed %s\n", doc.Seed)
	for _, d := range doc.Drawn {
		fmt.Fprintf(&b, "  %s\n", d)
	}
	fmt.Fprintf(&b, "%s, protocol %s, %s\n", p.bold(doc.Scenario), doc.Protocol, count(uint64(doc.World), "node"))
	if sc.About != "" {
		fmt.Fprintf(&b, "  %s\n", sc.About)
	}
	b.WriteByte('\n')
	m.tellStory(&b, doc.Exit != report.Passed || len(doc.Violations) > 0)
	tellVerdict(&b, p, doc, judged)
	fmt.Fprintf(&b, "%s, %s, %s, %s of virtual time, digest %s\n", count(doc.Steps, "step"), count(doc.Messages, "message"),
		count(doc.Installs, "install"), virtual(doc.VirtualMS), doc.Digest)
	if doc.Trace != "" {
		fmt.Fprintf(&b, "trace: %s\n", doc.Trace)
	}
	if doc.Exit != report.Passed {
		fmt.Fprintf(&b, "\n%s\n", runAgain(sc.arg, doc.Seed, doc.Protocol, f.noExpect))
	}
	a.print(b.String())
}

func (m *made) tellStory(w io.Writer, failed bool) {
	if m.story == nil {
		fmt.Fprintf(w, "A world of more than %d nodes is not told step by step; --trace FILE writes all of it.\n\n", storyWorld)
		return
	}
	limit := shortStory
	if failed {
		limit = longStory
	}
	m.story.Print(w, m.res.World, limit)
	fmt.Fprintln(w)
}

// tellVerdict prints what was found, and how that compares with what is expected.
func tellVerdict(w io.Writer, p ink, doc *report.Run, judged expect.Judgement) {
	expected := map[string]string{}
	for _, f := range judged.Expected {
		expected[f.Property] = " (expected)"
	}
	for _, f := range judged.Reported {
		expected[f.Property] = " (reported only)"
	}
	for _, v := range doc.Violations {
		fmt.Fprintf(w, "%s %s%s at %s, %s: %s\n", p.red("violated"), p.bold(v.Property), expected[v.Property], instant(doc, v.T), nodes(v.Nodes), v.Why)
	}
	for _, u := range doc.Undecided {
		fmt.Fprintf(w, "undecided %s: %s\n", u.Property, u.Why)
	}
	for _, property := range doc.Missing {
		fmt.Fprintf(w, "%s %s: the scenario expects %s to violate it, and this run did not\n", p.red("missing"), p.bold(property), doc.Protocol)
	}
	for _, text := range doc.Malformed {
		fmt.Fprintf(w, "%s: the harness broke its own assumptions: %s\n", p.red("malformed"), text)
	}
	if d := doc.Different; d != nil {
		fmt.Fprintf(w, "%s: two runs of one seed differ at step %d\n  first:  %s\n  second: %s\n", p.red("not reproducible"), d.Step, d.First, d.Second)
	}
	if doc.Exit == report.Passed {
		how := "no property was violated"
		if len(doc.Violations) > 0 {
			how = "as expected"
		}
		fmt.Fprintf(w, "%s: %s\n", p.green("passed"), how)
	}
	for _, u := range doc.Unfired {
		fmt.Fprintf(w, "never fired: %s\n", u)
	}
}

// runAgain is the command that shows a run again.
func runAgain(scenario, seed, protocol string, noExpect bool) string {
	text := fmt.Sprintf("nexarsim run %s --seed %s --protocol %s", quote(scenario), seed, protocol)
	if noExpect {
		text += " --no-expect"
	}
	return text
}

func count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// instant tells when something happened in a run.
func instant(doc *report.Run, t int64) string {
	switch {
	case !doc.Untimed:
		return virtual(t / 1e6)
	case t > int64(doc.Steps):
		return "the end"
	}
	return fmt.Sprintf("step %d", t)
}

func virtual(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

func nodes(list []int) string {
	switch len(list) {
	case 0:
		return "the group"
	case 1:
		return fmt.Sprintf("node %d", list[0])
	}
	return "nodes " + strings.Trim(fmt.Sprint(list), "[]")
}
