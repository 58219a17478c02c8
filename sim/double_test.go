package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"nexarsim/checker"
	"nexarsim/core"
	"nexarsim/scenarios"
)

// leaky is the hardened machine, but from its own n-th step on it says in its messages how often any of its kind has
// been made to step in this process: what no pure machine knows.
type leaky struct {
	core.Machine
	steps, from int
	made        *int
}

func (m *leaky) Step(now core.Instant, in *core.Input, out *core.Effects) {
	*m.made++
	m.Machine.Step(now, in, out)
	if m.steps++; m.steps >= m.from {
		out.Wake(uint32(*m.made))
	}
}

// TestDoubleFindsImpurity: a machine that depends on something outside of it is found, at the first step at which the
// runs go apart; the pure one beside it is not.
func TestDoubleFindsImpurity(t *testing.T) {
	sc, _ := scenarios.Builtin("leader-dies")
	pure, _ := Protocol("quorum")
	for _, from := range []int{1, 2, 3, 50} {
		outside, culprit := 0, core.NodeID(2)
		spec := Spec{Scenario: sc, Seed: 3, New: func(s core.Setup) (core.Machine, error) {
			m, err := pure(s)
			if err != nil || s.Self != culprit {
				return m, err
			}
			return &leaky{Machine: m, from: from, made: &outside}, nil
		}}
		res, diff, err := New().Double(spec)
		if err != nil {
			t.Fatal(err)
		}
		if diff == nil {
			t.Fatalf("from its step %d: not found", from)
		}
		if want := stepOf(t, sc, culprit, from); diff.Step != want || res.Seed != 3 {
			t.Errorf("from its step %d: found at step %d, want %d: %v", from, diff.Step, want, diff)
		}
		for _, run := range []string{diff.First, diff.Second} {
			if !strings.Contains(run, "node 2 ") || !strings.HasPrefix(run, "t=") {
				t.Errorf("%q does not tell what node 2 did", run)
			}
		}
		if text := diff.String(); !strings.HasPrefix(text, fmt.Sprintf("leader-dies quorum seed 3: step %d: first run: t=", diff.Step)) {
			t.Errorf("%q", text)
		}
	}
}

// stepOf is which step of the run is the n-th of a node.
func stepOf(t *testing.T, sc *scenarios.Scenario, id core.NodeID, n int) uint64 {
	t.Helper()
	var log StepLog
	if _, err := New().Run(Spec{Scenario: sc, Seed: 3, Log: &log}); err != nil {
		t.Fatal(err)
	}
	for i, m := range log.steps {
		if m.node == int32(id) {
			if n--; n == 0 {
				return uint64(i + 1)
			}
		}
	}
	t.Fatal("the node takes fewer steps")
	return 0
}

// TestDoubleFindsAnotherLength: when one run only ends earlier, they differ at the step that it lacks.
func TestDoubleFindsAnotherLength(t *testing.T) {
	for short := 1; short <= 2; short++ {
		runs := 0
		l := &lab{sim: New(), rule: func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
			if in.Kind == core.InStart {
				if p.self == 0 {
					runs++
				}
				out.SetTimer(0, core.Instant(second))
				out.SetTimer(1, core.Instant(3*second))
			}
			if runs == short && in.Kind == core.InTimer && in.Timer == 1 {
				panic("every node")
			}
			if runs != short && in.Kind == core.InTimer && in.Timer == 1 {
				out.SetTimer(2, core.Instant(5*second))
			}
		}}
		_, diff, err := l.sim.Double(Spec{Scenario: probing(t, 2, ""), Seed: 1, New: l.machine})
		if err != nil || diff == nil || diff.Step != 5 {
			t.Errorf("error %v, difference %v, want one at step 5", err, diff)
		}
		runs = 0
		l.rule = func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
			if in.Kind == core.InStart && p.self == 0 {
				runs++
			}
			if in.Kind == core.InStart && runs != short {
				out.SetTimer(0, core.Instant(second))
			}
		}
		var marks [2]StepLog
		for i := range marks {
			if _, err := New().Run(Spec{Scenario: probing(t, 2, ""), Seed: 1, New: l.machine, Log: &marks[i]}); err != nil {
				t.Fatal(err)
			}
		}
		marks[short-1].steps = slices.Clone(marks[2-short].steps[:2])
		diff = compare(&Result{}, &Result{}, &marks[0], &marks[1])
		told := []string{diff.First, diff.Second}
		if diff.Step != 3 || told[short-1] != "ended after 2 steps" || !strings.HasPrefix(told[2-short], "t=1s node 0 timer, ") {
			t.Errorf("a run that lacks its third step: %v", diff)
		}
	}
}

// TestDoubleComparesVerdicts: where the steps agree, digest and verdict are compared, and no step is named.
func TestDoubleComparesVerdicts(t *testing.T) {
	a, b := &Result{Scenario: "s", Protocol: "p", Seed: 4, Digest: 1}, &Result{Digest: 2}
	if d := compare(a, b, &StepLog{}, &StepLog{}); d == nil || d.String() != "s p seed 4: step 0: first run: digest 0000000000000001; second run: digest 0000000000000002" {
		t.Errorf("digests: %v", d)
	}
	b = &Result{Digest: 1, Verdict: checker.Verdict{Malformed: []string{"x"}}}
	if d := compare(a, b, &StepLog{}, &StepLog{}); d == nil || d.Step != 0 || !strings.HasPrefix(d.First, "verdict ") {
		t.Errorf("verdicts: %v", d)
	}
	b.Verdict = a.Verdict
	if d := compare(a, b, &StepLog{}, &StepLog{}); d != nil {
		t.Errorf("equal results: %v", d)
	}
}

// TestDoubleIsSilentAboutThePure: every pinned run is the same twice, and as when it is made once.
func TestDoubleIsSilentAboutThePure(t *testing.T) {
	s := New()
	err := eachPinned(func(spec Spec) error {
		res, diff, err := s.Double(spec)
		if err != nil {
			return err
		}
		if diff != nil {
			t.Error(diff)
		}
		once, err := s.Run(spec)
		if err != nil {
			return err
		}
		if once.Digest != res.Digest || once.Steps != res.Steps {
			t.Errorf("%s: once %s, twice %s", spec.Scenario.Name, once.DigestText(), res.DigestText())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestStepLogNumbersSteps: it has one mark for each step that the result counts.
func TestStepLogNumbersSteps(t *testing.T) {
	err := eachPinned(func(spec Spec) error {
		var log StepLog
		spec.Log = &log
		res, err := New().Run(spec)
		if err == nil && uint64(len(log.steps)) != res.Steps {
			t.Errorf("%s: %d marks for %d steps", spec.Scenario.Name, len(log.steps), res.Steps)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
