package report_test

import (
	"math"
	"testing"

	"nexarsim/checker/trace"
	"nexarsim/internal/expect"
	"nexarsim/internal/report"
)

// TestCode: the harness before reproducibility, that before safety, safety before liveness.
func TestCode(t *testing.T) {
	unexpected := func(property string, live bool) expect.Judgement {
		return expect.Judgement{Unexpected: []expect.Found{{Property: property, Liveness: live}}}
	}
	safety, liveness := unexpected("agreement", false), unexpected("late", true)
	missing := expect.Judgement{Missing: []string{"agreement"}}
	fine := expect.Judgement{Expected: []expect.Found{{Property: "agreement"}}, Reported: []expect.Found{{Property: "eviction"}}}
	for _, c := range []struct {
		facts report.Facts
		want  report.Code
	}{
		{report.Facts{}, report.Passed},
		{report.Facts{Judged: []expect.Judgement{fine}}, report.Passed},
		{report.Facts{Judged: []expect.Judgement{liveness, fine}}, report.Liveness},
		{report.Facts{Judged: []expect.Judgement{liveness, safety}}, report.Safety},
		{report.Facts{Judged: []expect.Judgement{liveness, missing}}, report.Safety},
		{report.Facts{Different: true, Judged: []expect.Judgement{safety}}, report.Irreplicable},
		{report.Facts{Different: true, Malformed: true, Judged: []expect.Judgement{safety}}, report.Harness},
	} {
		if got := c.facts.Code(); got != c.want {
			t.Errorf("%+v: code %d, want %d", c.facts, got, c.want)
		}
	}
}

// TestFoundIn: a property that was broken both ways counts as safety.
func TestFoundIn(t *testing.T) {
	got := report.FoundIn([]trace.Violation{
		{Property: "quorum-loss", Why: "late: told a second late"}, {Property: "late", Why: "x"}, {Property: "quorum-loss", Why: "installed without a quorum"},
	})
	want := []expect.Found{{Property: "quorum-loss"}, {Property: "late", Liveness: true}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestBound compares with the closed form for no failure, and with tables.
func TestBound(t *testing.T) {
	for _, n := range []uint64{1, 20, 1000, 100_000} {
		if got, want := report.Bound(0, n), 1-math.Pow(0.05, 1/float64(n)); math.Abs(got-want) > want*1e-9 {
			t.Errorf("no failure in %d runs: %g, want %g", n, got, want)
		}
	}
	for _, c := range []struct {
		failures, runs uint64
		want           float64
	}{{0, 0, 1}, {3, 3, 1}, {1, 10, 0.3942}, {5, 100, 0.1023}} {
		if got := report.Bound(c.failures, c.runs); math.Abs(got-c.want) > 1e-4 {
			t.Errorf("%d failures in %d runs: %g, want %g", c.failures, c.runs, got, c.want)
		}
	}
}
