package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/internal/expect"
	"nexarsim/internal/report"
	"nexarsim/internal/seeds"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

func (a *app) replayCommand() *cobra.Command {
	var asDoc bool
	var out, protocol string
	cmd := &cobra.Command{
		Use:   "replay CAPSULE|TRACE",
		Short: "Makes a recorded run again: reproduced, fixed or diverged",
		Long: `replay makes the run of a capsule again on the code as it is now. It says reproduced if the capsule's property is broken
again (the exit code is the verdict's), fixed if all that the capsule lists found its place and the property held (exit
code 0), and diverged if something found no place: the first such decision, and what comes nearest to it (exit code 3).

Of a simulated trace it makes the run again from the scenario, protocol and seed in its first line, and compares line by
line: reproduced if every line is the same, fixed if the recorded run broke a property, all that was done to the nodes was
done again and no property is broken now, and diverged otherwise, with the first line that differs.`,
		Example: `  nexarsim run even-split --seed 3 --trace run.jsonl
  nexarsim replay run.jsonl
  nexarsim sweep even-split --seeds 20 --protocol fail-stop --out findings
  nexarsim replay findings/even-split-fail-stop-agreement.json
  nexarsim replay findings/even-split-fail-stop-agreement.json --protocol quorum`,
		RunE: func(_ *cobra.Command, args []string) error { return a.replay(args, protocol, out, asDoc) },
	}
	cmd.Flags().StringVar(&protocol, "protocol", "", "replay the capsule on this `protocol`; its own if left out")
	cmd.Flags().StringVar(&out, "trace", "", "write the new run's events to this `file`")
	cmd.Flags().BoolVar(&asDoc, "json", false, "print one JSON document")
	example(cmd, "trace", "again.jsonl")
	example(cmd, "protocol", "quorum")
	completeProtocols(cmd)
	return cmd
}

func (a *app) replay(args []string, protocol, outName string, asDoc bool) error {
	if len(args) == 0 {
		return usage("nexarsim run even-split --trace run.jsonl; nexarsim replay run.jsonl", "replay: which capsule or trace?")
	}
	if err := tooMany(args, 1, "replay takes one capsule or trace"); err != nil {
		return err
	}
	if protocol != "" {
		if err := checkProtocol(protocol); err != nil {
			return err
		}
	}
	is, err := isCapsule(args[0])
	switch {
	case err != nil:
		return err
	case is:
		return a.replayCapsule(args[0], protocol, outName, asDoc)
	case protocol != "":
		return usage("leave it out", "--protocol: a trace is made again with its own protocol; only a capsule can be replayed on another")
	}
	old, err := readRecorded(args[0])
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	var out *outFile
	if outName != "" {
		if out, err = createFile(outName); err != nil {
			return err
		}
		defer out.Discard()
	}
	again := &replayed{recorded: old}
	start := time.Now()
	if err := untilInterrupt(ctx, func() error { return again.make(out) }); err != nil {
		return err
	}
	if out != nil {
		if err := out.Commit(); err != nil {
			return err
		}
	}
	doc := again.document(outName, time.Since(start))
	a.code = doc.Exit
	if asDoc {
		return a.printDocument(doc)
	}
	a.tellReplay(args[0], doc)
	return nil
}

// recorded is a trace that was read and found well-formed, and what a replay needs of it.
type recorded struct {
	name    string
	spec    sim.Spec
	acts    []string // what was done to the nodes, in order
	verdict *checker.Recorded
}

// readRecorded reads the trace once, before anything is run.
func readRecorded(name string) (*recorded, error) {
	file, err := openTrace(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() // opened for reading: closing loses nothing
	r, err := trace.NewReader(file, name)
	if err != nil {
		return nil, traceError(name, err)
	}
	rec := &recorded{name: name}
	if rec.spec, err = specOf(name, r.Header()); err != nil {
		return nil, err
	}
	var ev trace.Event
	for err = r.Next(&ev); err == nil; err = r.Next(&ev) {
		switch {
		case ev.Kind == trace.Input:
			rec.spec.Inputs = true
		case ev.Kind == trace.Verdict:
			rec.verdict = &checker.Recorded{Violations: slices.Clone(ev.Violations), Digest: ev.Digest, Steps: ev.Steps, Installs: ev.Installs}
		case ev.Kind.IsAct():
			rec.acts = append(rec.acts, actKey(&ev))
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, traceError(name, err)
	}
	return rec, nil
}

// specOf makes the run that a header names.
func specOf(name string, h *trace.Header) (sim.Spec, error) {
	at := func(field, hint, format string, args ...any) error {
		return &trace.FormatError{File: name, Line: 1, Field: field, Msg: fmt.Sprintf(format, args...), Hint: hint}
	}
	if h.Source != "sim" {
		return sim.Spec{}, at("source", "nexarsim check judges it", "a run over %s cannot be made again", h.Source)
	}
	if h.Mode == trace.ModeSchedule {
		return sim.Spec{}, at("mode", "nexarsim replay of that capsule makes it again; nexarsim check judges this file", "a schedule is kept in a capsule: its trace does not say what was chosen")
	}
	sc, err := scenarios.Parse(name+" (scenario in line 1)", h.Scenario)
	if err != nil {
		return sim.Spec{}, err
	}
	seed, err := seeds.One(h.Seed)
	if err != nil {
		return sim.Spec{}, at("seed", "", "%s", err)
	}
	if _, err := sim.Protocol(h.Protocol); err != nil {
		return sim.Spec{}, at("protocol", "", "%s", err)
	}
	return sim.Spec{Scenario: sc, Protocol: h.Protocol, Seed: seed}, nil
}

// actKey tells what was done to the nodes, without when: after a change of the protocol the same act may come earlier or
// later, if it waits for a moment.
func actKey(ev *trace.Event) string {
	if ev.Act != nil {
		return fmt.Sprintf("%s %+v", ev.Kind, *ev.Act)
	}
	return fmt.Sprintf("%s %d %v", ev.Kind, ev.Node, ev.Silent)
}

// replayed is a run that was made again.
type replayed struct {
	*recorded
	res   *sim.Result
	acts  []string
	first difference // the first line that differs
}

// difference is where two traces go apart.
type difference struct {
	line      int // from 1; 0: nowhere
	seq       uint64
	old, anew string
}

// make makes the run again and compares line by line.
func (p *replayed) make(out *outFile) error {
	file, err := openTrace(p.name)
	if err != nil {
		return err
	}
	defer file.Close() // opened for reading: closing loses nothing
	c := &comparison{old: bufio.NewReaderSize(file, 256<<10)}
	to := io.Writer(c)
	if out != nil {
		to = io.MultiWriter(c, out)
	}
	w := trace.NewWriter(to)
	spec := p.spec
	var failed error
	put := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	spec.Header = func(h *trace.Header) { put(w.WriteHeader(h)) }
	spec.Observe = func(ev *trace.Event) {
		if ev.Kind.IsAct() {
			p.acts = append(p.acts, actKey(ev))
		}
		put(w.Write(ev))
	}
	if p.res, err = sim.New().Run(spec); err != nil {
		return err
	}
	put(w.Flush())
	if failed != nil {
		return &errHarness{err: failed}
	}
	p.first = c.end()
	return nil
}

// comparison takes a trace's bytes and holds them against a file, line by line.
type comparison struct {
	old   *bufio.Reader
	part  []byte // of a line that is not whole yet
	lines int
	diff  difference
}

// Write takes more of the new trace. It never fails.
func (c *comparison) Write(b []byte) (int, error) {
	for rest := b; c.diff.line == 0 && len(rest) > 0; {
		line, more, whole := bytes.Cut(rest, []byte("\n"))
		c.part = append(c.part, line...)
		if !whole {
			break
		}
		c.line()
		c.part, rest = c.part[:0], more
	}
	return len(b), nil
}

// line compares the next line.
func (c *comparison) line() {
	c.lines++
	old, err := c.old.ReadBytes('\n')
	old = bytes.TrimSuffix(old, []byte("\n"))
	if err == nil && bytes.Equal(old, c.part) {
		return
	}
	c.diff = difference{line: c.lines, seq: seqOf(c.part), old: string(old), anew: string(c.part)}
}

// end compares what is left: the file may go on where the run did not.
func (c *comparison) end() difference {
	if c.diff.line == 0 {
		if old, _ := c.old.ReadBytes('\n'); len(old) > 0 {
			c.diff = difference{line: c.lines + 1, seq: seqOf(old), old: string(bytes.TrimSpace(old))}
		}
	}
	return c.diff
}

func seqOf(line []byte) uint64 {
	var numbered struct{ Seq uint64 }
	_ = json.Unmarshal(line, &numbered) // a header has none: 0
	return numbered.Seq
}

// How a replay ends.
const (
	reproduced = "reproduced"
	fixed      = "fixed"
	diverged   = "diverged"
)

// result says how the new run compares.
func (p *replayed) result() string {
	switch {
	case p.first.line == 0:
		return reproduced
	case p.verdict != nil && len(p.verdict.Violations) > 0 && len(p.res.Verdict.Violations) == 0 &&
		len(p.res.Verdict.Malformed) == 0 && slices.Equal(p.recorded.acts, p.acts):
		return fixed
	}
	return diverged
}

// replayDocument is the document of `replay`.
type replayDocument struct {
	*report.Run
	Result  string `json:"result"`
	At      uint64 `json:"at,omitempty"`      // number of the first event that differs
	Line    int    `json:"line,omitempty"`    // its line in the file
	Found   string `json:"found,omitempty"`   // what stands there
	Nearest string `json:"nearest,omitempty"` // what the new run did instead
}

func (p *replayed) document(trace string, elapsed time.Duration) *replayDocument {
	doc := &replayDocument{Run: report.NewRun(p.res, elapsed), Result: p.result(), At: p.first.seq, Line: p.first.line}
	doc.Trace = trace
	doc.Found, doc.Nearest = p.first.old, p.first.anew
	facts := report.Facts{
		Malformed: len(doc.Malformed) > 0, Different: doc.Result == diverged,
		Judged: []expect.Judgement{expect.Ignored(report.FoundIn(p.res.Verdict.Violations))},
	}
	doc.Exit = facts.Code()
	return doc
}

func (a *app) tellReplay(name string, doc *replayDocument) {
	p := inkFor(a.stdout)
	var b strings.Builder
	fmt.Fprintf(&b, "seed %s\n%s, protocol %s, %s\n", doc.Seed, p.bold(doc.Scenario), doc.Protocol, count(uint64(doc.World), "node"))
	tellVerdict(&b, p, doc.Run, expect.Judgement{})
	switch doc.Result {
	case reproduced:
		fmt.Fprintf(&b, "%s: every line of %s is the same, digest %s\n", p.green(reproduced), name, doc.Digest)
	case fixed:
		fmt.Fprintf(&b, "%s: what was done to the nodes was done again, and no property is broken now; the runs differ from line %d on\n", p.green(fixed), doc.Line)
	default:
		fmt.Fprintf(&b, "%s at line %d (event %d)\n  recorded: %s\n  now:      %s\n", p.red(diverged), doc.Line, doc.At, shorten(doc.Found), shorten(doc.Nearest))
	}
	if doc.Exit != report.Passed {
		fmt.Fprintf(&b, "\nnexarsim replay %s\n", quote(name))
	}
	a.print(b.String())
}

// shorten keeps a line of a trace on a line of a screen or two.
func shorten(line string) string {
	const longest = 240
	if line == "" {
		return "(nothing: the run had ended)"
	}
	if len(line) > longest {
		return strings.ToValidUTF8(line[:longest], "") + "..."
	}
	return line
}
