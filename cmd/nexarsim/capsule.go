package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/internal/expect"
	"nexarsim/internal/report"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
	"nexarsim/sim/explore"
)

// isCapsule tells a capsule from a trace by its beginning. What is neither is taken for a trace.
func isCapsule(name string) (bool, error) {
	file, err := openTrace(name)
	if err != nil {
		return false, err
	}
	defer file.Close() // opened for reading: closing loses nothing
	head, err := bufio.NewReaderSize(file, 4096).Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fileError(name, err)
	}
	text := strings.Join(strings.Fields(string(head)), "")
	return strings.HasPrefix(text, `{"format":"`+capsule.Format+`"`), nil
}

// readCapsule reads a capsule; what is none is told so.
func readCapsule(name string) (*capsule.Capsule, error) {
	file, err := openTrace(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() // opened for reading: closing loses nothing
	c, err := capsule.Read(file, name)
	var wrong *capsule.Error
	if err != nil && !errors.As(err, &wrong) {
		return nil, fileError(name, err)
	}
	return c, err
}

// capsuleDocument is the document of `replay` of a capsule.
type capsuleDocument struct {
	*report.Run
	Result   string `json:"result"`
	Property string `json:"property,omitempty"`
	Cause    string `json:"cause,omitempty"`
	Same     bool   `json:"same"`              // the digest is the capsule's
	At       int    `json:"at,omitempty"`      // number of the decision that found no place
	Line     int    `json:"line,omitempty"`    // its line in the file
	Found    string `json:"found,omitempty"`   // the decision, or the order
	Nearest  string `json:"nearest,omitempty"` // what comes nearest in the new run

	Schedule []string `json:"schedule,omitempty"` // of a schedule: what happened, a line for each step
}

// replayCapsule replays a capsule on a protocol, its own if none is named.
func (a *app) replayCapsule(name, protocol, outName string, asDoc bool) error {
	c, err := readCapsule(name)
	if err != nil {
		return err
	}
	spec := sim.ReplaySpec{Capsule: c, Protocol: protocol, Schedule: explore.ReplayCapsule}
	if err := replayable(name, &spec); err != nil {
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
	start := time.Now()
	var r *sim.Replayed
	err = untilInterrupt(ctx, func() error {
		r, err = replayInto(out, spec)
		return err
	})
	if err != nil {
		return err
	}
	if out != nil {
		if err := out.Commit(); err != nil {
			return err
		}
	}
	doc := newCapsuleDocument(c, r, outName, time.Since(start))
	a.code = doc.Exit
	if asDoc {
		return a.printDocument(doc)
	}
	a.tellCapsule(name, protocol, c, doc)
	return nil
}

// replayable says, as a matter of usage, why a capsule cannot be replayed.
func replayable(name string, spec *sim.ReplaySpec) error {
	if spec.Capsule.Mode == capsule.Schedule {
		if _, err := explore.ScheduleOf(spec.Capsule, spec.Protocol, nil); err != nil {
			return usage("", "%s: %s", name, err)
		}
	}
	protocol := spec.Protocol
	if protocol == "" {
		protocol = spec.Capsule.Protocol
	}
	if _, err := sim.Protocol(protocol); err != nil {
		return usage("--protocol replays a capsule on another one", "%s: %s", name, err)
	}
	return nil
}

// replayInto replays, and writes the new run's events if there is a file for them.
func replayInto(out *outFile, spec sim.ReplaySpec) (*sim.Replayed, error) {
	if out == nil {
		return sim.New().Replay(spec)
	}
	w := trace.NewWriter(out)
	var failed error
	put := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	spec.Header = func(h *trace.Header) { put(w.WriteHeader(h)) }
	spec.Observe = func(ev *trace.Event) { put(w.Write(ev)) }
	r, err := sim.New().Replay(spec)
	put(w.Flush())
	if err == nil && failed != nil {
		err = &errHarness{err: fmt.Errorf("%s: %w", out.name, failed)}
	}
	return r, err
}

func newCapsuleDocument(c *capsule.Capsule, r *sim.Replayed, trace string, elapsed time.Duration) *capsuleDocument {
	doc := &capsuleDocument{
		Run: report.NewRun(r.Result, elapsed), Result: string(r.Outcome), Property: c.Property, Cause: c.Cause, Same: r.Same,
		At: r.At, Line: r.Line, Found: r.Missing, Nearest: r.Nearest, Schedule: r.Story,
	}
	doc.Trace, doc.Untimed = trace, c.Mode == capsule.Schedule
	facts := report.Facts{Malformed: len(doc.Malformed) > 0, Different: r.Outcome == sim.Diverged}
	if r.Outcome == sim.Reproduced {
		facts.Judged = []expect.Judgement{expect.Ignored(report.FoundIn(r.Verdict.Violations))}
	}
	doc.Exit = facts.Code()
	return doc
}

func (a *app) tellCapsule(name, protocol string, c *capsule.Capsule, doc *capsuleDocument) {
	p := inkFor(a.stdout)
	var b strings.Builder
	fmt.Fprintf(&b, "seed %s\n%s, protocol %s, %s, %s\n", doc.Seed, p.bold(doc.Scenario), doc.Protocol, count(uint64(doc.World), "node"),
		count(uint64(len(c.Decisions)), "decision"))
	if c.Cause != "" {
		fmt.Fprintf(&b, "%s\n", c.Cause)
	}
	for _, line := range doc.Schedule {
		b.WriteString(line + "\n")
	}
	tellVerdict(&b, p, doc.Run, expect.Judgement{})
	switch sim.Outcome(doc.Result) {
	case sim.Reproduced:
		again := "another run than the capsule's: digest " + doc.Digest + ", recorded " + c.Digest
		if doc.Same {
			again = "the same run, digest " + doc.Digest
		}
		fmt.Fprintf(&b, "%s: %s\n", p.green(reproduced), again)
	case sim.Fixed:
		fmt.Fprintf(&b, "%s: each decision found its place, and %s holds\n", p.green(fixed), c.Property)
	case sim.Diverged:
		tellMissing(&b, p, doc)
	}
	if doc.Exit != report.Passed {
		fmt.Fprintf(&b, "\nnexarsim replay %s%s\n", quote(name), onProtocol(protocol))
	}
	a.print(b.String())
}

func tellMissing(b *strings.Builder, p ink, doc *capsuleDocument) {
	at := ""
	switch {
	case doc.At > 0:
		at = fmt.Sprintf(" at decision %d (line %d)", doc.At, doc.Line)
	case doc.Line > 0:
		at = fmt.Sprintf(" at an order (line %d)", doc.Line)
	}
	fmt.Fprintf(b, "%s%s\n  not met: %s\n", p.red(diverged), at, shorten(doc.Found))
	if doc.Nearest != "" {
		fmt.Fprintf(b, "  nearest: %s\n", shorten(doc.Nearest))
	}
}

func onProtocol(protocol string) string {
	if protocol == "" {
		return ""
	}
	return " --protocol " + protocol
}

// shrinkInto makes a capsule smaller. Interrupted, it gives the best so far.
func shrinkInto(ctx context.Context, name string, c *capsule.Capsule, protocol string, progress func(sim.ShrinkProgress)) (*capsule.Capsule, error) {
	small, err := sim.Shrink(ctx, sim.ShrinkSpec{Capsule: c, Protocol: protocol, Progress: progress, Schedule: explore.ShrinkCapsule})
	switch {
	case errors.Is(err, sim.ErrNotShown):
		return nil, usage("nexarsim replay "+quote(name)+onProtocol(protocol)+" tells what became of it", "%s: %s", name, err)
	case err != nil && !errors.Is(err, context.Canceled):
		return nil, err
	}
	small.FoundBy = capsule.Origin{Command: "shrink", Version: versionName()}
	return small, err
}

// sizes tells what a capsule has come to.
func sizes(c *capsule.Capsule) string {
	return count(uint64(len(c.Decisions)), "decision") + ", " + count(uint64(c.Scenario.World.Min), "node") + ", " + strconv.FormatUint(c.Steps, 10) + " steps"
}
