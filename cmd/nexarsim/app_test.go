package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nexarsim/internal/report"
	"nexarsim/internal/seeds"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// brokenWriter stands for a mistake of ours: it panics.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { panic("broken") }

// TestPanic: a panic of ours is one line and exit code 5, without a stack trace.
func TestPanic(t *testing.T) {
	var stderr bytes.Buffer
	code := run([]string{"version"}, strings.NewReader(""), brokenWriter{}, &stderr)
	text := stderr.String()
	if code != int(report.Harness) || !strings.HasPrefix(text, "nexarsim: internal error: broken (at nexarsim/app_test.go:") ||
		strings.Count(text, "\n") != 2 || strings.Contains(text, "goroutine") {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}

// TestWorkPanic: so is one of the goroutine that makes a run.
func TestWorkPanic(t *testing.T) {
	err := untilInterrupt(t.Context(), func() error { panic("broken") })
	var stderr bytes.Buffer
	a := &app{stderr: &stderr}
	if code := a.fail(err); code != report.Harness || !strings.Contains(stderr.String(), "internal error: broken") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

func leaderDies(t *testing.T) sim.Spec {
	t.Helper()
	sc, ok := scenarios.Builtin("leader-dies")
	if !ok {
		t.Fatal("no scenario leader-dies")
	}
	return sim.Spec{Scenario: sc, Protocol: "quorum", Seed: 3}
}

// TestIrreplicable: two runs that differ are 3, with the place and the command.
func TestIrreplicable(t *testing.T) {
	m := &made{spec: leaderDies(t), tell: true}
	if err := m.make(nil); err != nil {
		t.Fatal(err)
	}
	if m.diff != nil {
		t.Fatalf("the run differs from itself: %v", m.diff)
	}
	other := *m.res
	other.Digest++
	if err := m.compare(&other); err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	a := &app{stdout: &stdout}
	f := &runFlags{}
	doc, judged := m.document(f)
	a.tellRun(m, doc, &source{m.spec.Scenario, "leader-dies"}, f, judged)
	text := stdout.String()
	if doc.Exit != report.Irreplicable || doc.Different == nil || !strings.Contains(text, "not reproducible: two runs of one seed differ at step") ||
		!strings.HasSuffix(text, "\nnexarsim run leader-dies --seed 3 --protocol quorum\n") {
		t.Errorf("exit code %d:\n%s", doc.Exit, text)
	}
}

// TestMalformed: a run in which the harness broke its own assumptions is 5, whatever else it found.
func TestMalformed(t *testing.T) {
	m := &made{spec: leaderDies(t)}
	if err := m.make(nil); err != nil {
		t.Fatal(err)
	}
	m.res.Verdict.Malformed = []string{"event 7: a heal of what is not in force"}
	doc, _ := m.document(&runFlags{})
	if doc.Exit != report.Harness || len(doc.Malformed) != 1 {
		t.Errorf("exit code %d, malformed %v", doc.Exit, doc.Malformed)
	}
}

// TestSweepTroubles tells a sweep that found all that can be wrong: each has its line, and the last line is a command.
func TestSweepTroubles(t *testing.T) {
	sc := leaderDies(t).Scenario
	of := &report.Sweeping{Scenarios: []*scenarios.Scenario{sc}, Seeds: seeds.Range(1, 9)}
	res := &sim.SweepResult{
		Runs: 9, Steps: 90, Malformed: []string{"leader-dies quorum seed 4: event 7: a heal of what is not in force"},
		Different: []sim.Difference{{Scenario: "leader-dies", Protocol: "quorum", Seed: 5, Step: 17, First: "this", Second: "that"}},
		Findings:  []sim.Finding{{Scenario: "leader-dies", Protocol: "quorum", Property: "late", Liveness: true, Seed: 6, Steps: 10, Count: 2, Why: "too late"}},
		Unfired:   []sim.UnfiredFault{{Scenario: "leader-dies", Protocol: "quorum", Fault: "faults[0]", Count: 9}},
	}
	doc := report.NewSweep(of, res, time.Second)
	var stdout bytes.Buffer
	a := &app{stdout: &stdout}
	a.tellSweep(doc, map[string]string{"leader-dies": "my files/leader-dies.yaml"})
	text := stdout.String()
	for _, want := range []string{
		"malformed: the harness broke its own assumptions: leader-dies quorum seed 4: event 7",
		"not reproducible: leader-dies quorum seed 5: two runs differ at step 17\n  first:  this\n  second: that\n",
		"violated late by leader-dies with quorum, 2 runs; the shortest is seed 6: too late\n",
		"1 fault did not fire in some of their runs",
		"2 of 9 runs ended unexpectedly",
		"\nnexarsim run 'my files/leader-dies.yaml' --seed 6 --protocol quorum\n",
		"\nnexarsim run 'my files/leader-dies.yaml' --seed 4 --protocol quorum\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if doc.Exit != report.Harness || !strings.HasSuffix(text, "--seed 5 --protocol quorum\n") {
		t.Errorf("exit code %d, and this was said:\n%s", doc.Exit, text)
	}
	res.Malformed = nil
	if doc := report.NewSweep(of, res, 0); doc.Exit != report.Irreplicable {
		t.Errorf("not reproducible: exit code %d", doc.Exit)
	}
	res.Different = nil
	if doc := report.NewSweep(of, res, 0); doc.Exit != report.Liveness {
		t.Errorf("late: exit code %d", doc.Exit)
	}
}

// TestSweepFailure: a harness that fails in the middle of a run is 5, and says how to see it again.
func TestSweepFailure(t *testing.T) {
	var stderr bytes.Buffer
	a := &app{stderr: &stderr}
	err := sweepFailure(&sim.HarnessError{Scenario: "leader-dies", Protocol: "quorum", Seed: 7, Panic: "broken"}, []source{{leaderDies(t).Scenario, "a.yaml"}})
	if code := a.fail(err); code != report.Harness || !strings.HasSuffix(stderr.String(), ": nexarsim run a.yaml --seed 7 --protocol quorum\n") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

// TestProgress: off a terminal it is a log, a line at a time.
func TestProgress(t *testing.T) {
	var stderr bytes.Buffer
	a := &app{stderr: &stderr}
	p := a.startProgress(40, true)
	for range 10 {
		p.Done()
	}
	p.step()
	p.Stop()
	if text := stderr.String(); !strings.Contains(text, "runs=10 of=40") || strings.Count(text, "\n") != 1 {
		t.Errorf("got %q", text)
	}
}

// waitFor waits until something is so, and no longer than a minute.
func waitFor(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// start starts nexarsim as a process of its own.
func start(t *testing.T, dir string, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command("nexarsim", args...)
	cmd.Dir = dir
	stdout, stderr := &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdout, stderr
}

// TestInterruptedRun: ^C leaves no file half written behind, and ends in 130.
func TestInterruptedRun(t *testing.T) {
	dir := t.TempDir()
	long := "name: long\nworld: 8\nduration: 1000h\nconfig: {heartbeat_interval: 10ms, heartbeat_timeout: 50ms}\n"
	if err := os.WriteFile(filepath.Join(dir, "long.yaml"), []byte(long), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd, stdout, stderr := start(t, dir, "run", "long.yaml", "--trace", "out.jsonl", "--json")
	temporary := func() []string {
		names, _ := filepath.Glob(filepath.Join(dir, ".out.jsonl*"))
		return names
	}
	waitFor(t, "the temporary file", func() bool { return len(temporary()) == 1 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code tells
	if code := cmd.ProcessState.ExitCode(); code != 130 || stdout.Len() > 0 || stderr.String() != "nexarsim: interrupted\n" {
		t.Errorf("exit code %d, output %q, errors %q", code, stdout, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "out.jsonl")); !os.IsNotExist(err) || len(temporary()) > 0 {
		t.Errorf("left behind: %v, %v", temporary(), err)
	}
}

// TestInterruptedSweep: ^C ends a sweep with what was found until then, marked as such; merge refuses it.
func TestInterruptedSweep(t *testing.T) {
	dir := t.TempDir()
	cmd, stdout, stderr := start(t, dir, "sweep", "leader-dies", "--seeds", "100000000", "--out", "findings", "--json")
	waitFor(t, "the directory for findings", func() bool {
		_, err := os.Stat(filepath.Join(dir, "findings"))
		return err == nil
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code tells
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(stdout.String(), `"interrupted":true`) || stderr.Len() > 0 {
		t.Errorf("exit code %d, output %q, errors %q", code, stdout, stderr)
	}
	name := filepath.Join(dir, "part.json")
	if err := os.WriteFile(name, stdout.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	var errors bytes.Buffer
	if code := run([]string{"merge", name}, strings.NewReader(""), &bytes.Buffer{}, &errors); code != int(report.Usage) || !strings.Contains(errors.String(), "interrupted") {
		t.Errorf("merge: exit code %d, %s", code, errors.String())
	}
}

// TestInterruptedExplore: ^C ends a search with its counts, and says that it is not complete and what it has not judged.
func TestInterruptedExplore(t *testing.T) {
	dir := t.TempDir()
	cmd, stdout, stderr := start(t, dir, "explore", "--world", "5", "--crashes", "2", "--false-suspicions", "2", "--out", "kept", "--json")
	waitFor(t, "the directory for capsules", func() bool {
		_, err := os.Stat(filepath.Join(dir, "kept"))
		return err == nil
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code tells
	const want = `"complete":false,"stopped":"interrupt","unjudged":["liveness","claims"],`
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(stdout.String(), want) || stderr.Len() > 0 {
		t.Errorf("exit code %d, output %q, errors %q", code, stdout, stderr)
	}
}
