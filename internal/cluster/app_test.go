package cluster_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/internal/conform"
)

// calls counts the calls of a trace by "op phase", and those with an error by "op failed".
func (r *ran) calls(t *testing.T) map[string]int {
	t.Helper()
	d, err := trace.NewReader(bytes.NewReader(r.text), "merged")
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for {
		var ev trace.Event
		err := d.Next(&ev)
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind != trace.Call {
			continue
		}
		n[ev.Call.Op+" "+ev.Call.Phase]++
		if ev.Call.Error != "" {
			n[ev.Call.Op+" failed"]++
		}
	}
}

// computes holds a run to what its last view owes: the members of it have finished a barrier and an all-reduce.
func (r *ran) computes(t *testing.T, members ...int) {
	t.Helper()
	for _, c := range r.res.Closings {
		if slices.Equal(c.Members, members) {
			if !c.Owed || !c.Right || c.Sum == 0 {
				t.Errorf("the closing of %v: %+v", members, c)
			}
			return
		}
	}
	t.Errorf("no closing of %v: %+v", members, r.res.Closings)
}

// TestWorkloads: each goes on over a death, and the judge holds its calls to what it says of simulated ones.
func TestWorkloads(t *testing.T) {
	t.Parallel()
	for work, op := range map[string]string{
		"barrier: {every: 20ms}": "barrier", "allreduce: {every: 20ms}": "allreduce", "register: {clients: 3, every: 20ms}": "write",
	} { // unordered: each stands alone
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			text := fmt.Sprintf("name: work\nworld: 4\n%sfaults:\n  - {at: 500ms, crash: [0]}\nworkload: {%s}\n", calm, work)
			r := runScenario(t, text, 0, "quorum", 1)
			r.passes(t)
			r.computes(t, 1, 2, 3)
			if n := r.calls(t); n[op+" end"]-n[op+" failed"] < 10 || r.res.Calls < 20 {
				t.Errorf("%d calls, by the trace %v: expected some that succeed", r.res.Calls, n)
			}
			for _, u := range r.verdict.Undecided {
				if u.Property == checker.Collective || u.Property == checker.Linearizability {
					t.Errorf("undecided: %+v", u)
				}
			}
		})
	}
}

// TestApplicationActs: what a scenario's application does once, real members' applications do.
func TestApplicationActs(t *testing.T) {
	t.Parallel()
	r := runScenario(t, "name: acts\nworld: 3\n"+calm+`faults:
  - {at: 200ms, app: {barrier: [0, 1, 2]}}
  - {at: 300ms, app: {split: [0, 1, 2]}}
  - {at: 400ms, hold: [1], for: 300ms}
  - {at: 500ms, app: {allreduce: [0, 1, 2]}}
  - {at: 900ms, app: {barrier: [0, 2]}}
`, 0, "quorum", 1)
	r.passes(t)
	r.computes(t, 0, 1, 2)                                                                                              // node 1 makes the barrier that it lacks
	for what, want := range map[string]int{"barrier end": 9, "split end": 3, "allreduce end": 6, "barrier failed": 0} { // unordered: each stands alone
		if n := r.calls(t)[what]; n != want {
			t.Errorf("%s: %d: expected %d", what, n, want)
		}
	}
}

// TestClosingsThatAreNotOwed: a view with a member that does not run, or that cannot reach another one, owes nothing.
func TestClosingsThatAreNotOwed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ fault, says string }{
		{"{at: 500ms, crash: [1, 2], silent: true}", "does not run"},
		{"{at: 500ms, pause: [1]}", "does not run"},
		{"{at: 500ms, cut: [{from: 1, to: 2}]}", "no way leads from 1 to 2"},
		{"{at: 500ms, hold: [1]}", "holds the lock"},
	} {
		t.Run(c.says, func(t *testing.T) {
			t.Parallel()
			r := runScenario(t, "name: excused\nworld: 3\n"+calm+"faults:\n  - "+c.fault+"\n", 0, "quorum", 1)
			if len(r.res.Closings) != 1 || r.res.Closings[0].Owed || !strings.Contains(r.res.Closings[0].Why, c.says) {
				t.Errorf("%+v: expected one that is not owed, because %q", r.res.Closings, c.says)
			}
		})
	}
}

// TestCallsConform: a call's line that its machine does not give is no conformance.
func TestCallsConform(t *testing.T) {
	t.Parallel()
	r := runScenario(t, "name: altered\nworld: 2\nduration: 2s\nsettle: 2s\nworkload: {allreduce: {every: 100ms}}\n", 0, "quorum", 1)
	r.passes(t)
	for _, alter := range []func(*trace.Operation){nil, func(c *trace.Operation) { c.Value = `"1"` }, func(c *trace.Operation) { c.N++ }} {
		d, err := trace.NewReader(bytes.NewReader(r.text), "merged")
		if err != nil {
			t.Fatal(err)
		}
		cores, err := conform.New(d.Header())
		if err != nil {
			t.Fatal(err)
		}
		var ev trace.Event
		for err = d.Next(&ev); err == nil; err = d.Next(&ev) {
			if alter != nil && ev.Kind == trace.Call && ev.Call.Phase == "end" && ev.Call.N == 3 {
				alter(ev.Call)
			}
			cores.Observe(&ev)
			ev = trace.Event{}
		}
		if found := cores.Finish(); (len(found) > 0) != (alter != nil) {
			t.Errorf("altered %v: %+v", alter != nil, found)
		}
	}
}
