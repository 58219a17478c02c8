package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/internal/conform"
	"nexarsim/internal/expect"
	"nexarsim/internal/report"
	"nexarsim/scenarios"
)

func (a *app) checkCommand() *cobra.Command {
	var asDoc bool
	cmd := &cobra.Command{
		Use:   "check TRACE",
		Short: "Judges a recorded history, simulated or real",
		Long: `check reads a trace and judges it: the same judge as in run and sweep, given nothing but the file. A file that breaks the
format is an error; whatever a node did is judged. The file's own verdict has no say, and check tells if it differs. A
trace without one may have been cut short: then safety is judged, and liveness is not. If the trace has the nodes' inputs,
each node's core is fed them again and must do what the trace says (conformance).`,
		Example: `  nexarsim run leader-dies --seed 7 --trace run.jsonl
  nexarsim check run.jsonl`,
		RunE: func(_ *cobra.Command, args []string) error { return a.check(args, asDoc) },
	}
	cmd.Flags().BoolVar(&asDoc, "json", false, "print one JSON document")
	return cmd
}

func (a *app) check(args []string, asDoc bool) error {
	if len(args) == 0 {
		return usage("nexarsim run leader-dies --trace run.jsonl; nexarsim check run.jsonl", "check: which trace?")
	}
	if err := tooMany(args, 1, "check judges one trace"); err != nil {
		return err
	}
	start := time.Now()
	rep, err := checkFile(args[0])
	if err != nil {
		return err
	}
	if len(rep.Verdict.Malformed) > 0 {
		return usage("the file tells what no run can have shown; whoever recorded it is wrong", "%s: %s", args[0], strings.Join(firstOf(rep.Verdict.Malformed), "; "))
	}
	doc := checked(&rep, args[0], time.Since(start))
	a.code = doc.Exit
	if asDoc {
		return a.printDocument(doc)
	}
	a.tellCheck(&rep, doc)
	return nil
}

// checkFile judges a file.
func checkFile(name string) (checker.Report, error) {
	file, err := openTrace(name)
	if err != nil {
		return checker.Report{}, err
	}
	defer file.Close() // opened for reading: closing loses nothing
	rep, err := checker.CheckTrace(file, name)
	if err == nil && len(rep.Verdict.Malformed) == 0 {
		err = feedAgain(file, name, &rep)
	}
	return rep, traceError(name, err)
}

// feedAgain feeds every node's core its recorded inputs, if the trace has them, and adds what differs to the verdict.
func feedAgain(file io.ReadSeeker, name string, rep *checker.Report) error {
	cores, err := conform.New(&rep.Header)
	if cores == nil || err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil // a pipe: it was read once, and cannot be read again
	}
	d, err := trace.NewReader(file, name)
	if err != nil {
		return err
	}
	var ev trace.Event
	for err = d.Next(&ev); err == nil; err = d.Next(&ev) {
		cores.Observe(&ev)
	}
	if err != io.EOF {
		return err
	}
	rep.Verdict.Violations = append(rep.Verdict.Violations, cores.Finish()...)
	return nil
}

func openTrace(name string) (*os.File, error) {
	if err := refuseDirectory(name); err != nil {
		return nil, err
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fileError(name, err)
	}
	return file, nil
}

// traceError leaves what the file did wrong as it is, and makes anything else the file's name and the cause.
func traceError(name string, err error) error {
	var format *trace.FormatError
	if err == nil || errors.As(err, &format) {
		return err
	}
	return fileError(name, err)
}

// Checked is the document of `check`.
type checkedRun struct {
	*report.Run
	Differs string `json:"differs,omitempty"` // how the file's own verdict differs
	Judged  string `json:"judged"`            // what was: safety, or safety and liveness
}

func checked(rep *checker.Report, name string, elapsed time.Duration) *checkedRun {
	h := &rep.Header
	doc := &checkedRun{Run: &report.Run{
		Scenario: scenarioName(h), Protocol: h.Protocol, Seed: h.Seed, World: h.World, Messages: rep.Messages,
		Installs: uint64(rep.Verdict.Installs), VirtualMS: rep.Ending.T / 1e6, ElapsedMS: elapsed.Milliseconds(),
		Unfired: []string{}, Trace: name,
	}, Differs: rep.Differs, Judged: "safety"}
	doc.SetVerdict(&rep.Verdict)
	if doc.Untimed = h.Mode == trace.ModeSchedule; doc.Untimed {
		doc.VirtualMS = 0
	}
	if r := rep.Recorded; r != nil {
		doc.Digest, doc.Steps = r.Digest, r.Steps
		if !doc.Untimed || rep.Ending.Complete {
			doc.Judged = "safety and liveness"
		}
	}
	facts := report.Facts{Judged: []expect.Judgement{expect.Ignored(report.FoundIn(rep.Verdict.Violations))}}
	doc.Exit = facts.Code()
	return doc
}

// scenarioName is the name in a trace's header, if there is one.
func scenarioName(h *trace.Header) string {
	sc, err := scenarios.Parse("header", h.Scenario)
	if err != nil {
		return ""
	}
	return sc.Name
}

func (a *app) tellCheck(rep *checker.Report, doc *checkedRun) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s, protocol %s, %s, seed %s\n", doc.Trace, origin(rep.Header.Source), dash(doc.Scenario), doc.Protocol, count(uint64(doc.World), "node"), dash(doc.Seed))
	tellVerdict(&b, inkFor(a.stdout), doc.Run, expect.Judgement{})
	switch {
	case rep.Recorded == nil:
		fmt.Fprintln(&b, "the trace has no verdict line: safety is judged, liveness is not")
	case doc.Untimed && !rep.Ending.Complete:
		fmt.Fprintln(&b, "the schedule could go on: safety is judged, liveness is not")
	}
	if doc.Differs != "" {
		fmt.Fprintf(&b, "differs: %s\n", doc.Differs)
	}
	length := virtual(doc.VirtualMS)
	if doc.Untimed {
		length = count(doc.Steps, "step") + " without a clock"
	}
	fmt.Fprintf(&b, "%s, %s, %s, %s\n", count(rep.Events, "event"), count(doc.Messages, "message"), count(doc.Installs, "install"), length)
	if doc.Exit != report.Passed {
		fmt.Fprintf(&b, "\nnexarsim check %s\n", quote(doc.Trace))
	}
	a.print(b.String())
}

func origin(source string) string {
	if source == "sim" {
		return "simulated"
	}
	return "recorded over QUIC"
}
