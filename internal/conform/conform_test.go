package conform_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/internal/conform"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// recorded makes a run and gives its header and lines, each in memory of its own.
func recorded(t *testing.T, name, protocol string, seed uint64, inputs bool) (*trace.Header, []trace.Event) {
	t.Helper()
	sc, ok := scenarios.Builtin(name)
	if !ok {
		t.Fatalf("no scenario %s", name)
	}
	var text strings.Builder
	w := trace.NewWriter(&text)
	var failed error
	keep := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	_, err := sim.New().Run(sim.Spec{
		Scenario: sc, Protocol: protocol, Seed: seed, Inputs: inputs,
		Header: func(h *trace.Header) { keep(w.WriteHeader(h)) }, Observe: func(ev *trace.Event) { keep(w.Write(ev)) },
	})
	keep(err)
	keep(w.Flush())
	if failed != nil {
		t.Fatal(failed)
	}
	d, err := trace.NewReader(strings.NewReader(text.String()), name)
	if err != nil {
		t.Fatal(err)
	}
	var lines []trace.Event
	for {
		var ev trace.Event
		if err := d.Next(&ev); err != nil {
			break
		}
		if ev.Msg != nil {
			m := *ev.Msg
			m.Set = slices.Clone(m.Set)
			ev.Msg = &m
		}
		if ev.Install != nil {
			v := *ev.Install
			v.Members, v.Dead = slices.Clone(v.Members), slices.Clone(v.Dead)
			ev.Install = &v
		}
		if ev.Told != nil {
			n := *ev.Told
			n.DeadRanks = slices.Clone(n.DeadRanks)
			ev.Told = &n
		}
		ev.In = slices.Clone(ev.In)
		lines = append(lines, ev)
	}
	h := *d.Header()
	return &h, lines
}

func find(t *testing.T, h *trace.Header, lines []trace.Event) (*conform.Checker, []trace.Violation) {
	t.Helper()
	c, err := conform.New(h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		c.Observe(&lines[i])
	}
	return c, c.Finish()
}

func TestSimulatedRunsConform(t *testing.T) {
	for _, name := range []string{
		"leader-dies-mid-broadcast", "pauses-in-turn", "even-split", "crash-over-streams", "abort-on-death", "manual-recover", "follower-shuts-down",
		"zombie-leader", "quorum-lost-then-healed",
	} {
		for _, protocol := range []string{"quorum", "fail-stop"} {
			h, lines := recorded(t, name, protocol, 3, true)
			c, found := find(t, h, lines)
			for _, v := range found {
				t.Errorf("%s, %s: %s", name, protocol, v.Why)
			}
			if c.Inputs() == 0 {
				t.Errorf("%s, %s: nothing was fed", name, protocol)
			}
		}
	}
}

// TestAlterations changes one thing of a record at a time: each is noticed, at its node, and named.
func TestAlterations(t *testing.T) {
	h, lines := recorded(t, "leader-dies-mid-broadcast", "quorum", 3, true)
	last := func(kind trace.Kind) int {
		for i := len(lines) - 1; i >= 0; i-- {
			if lines[i].Kind == kind {
				return i
			}
		}
		t.Fatalf("no %v line", kind)
		return 0
	}
	for _, a := range []struct {
		name string
		at   int
		do   func(ev *trace.Event) // nil: the line is left out
		says string
	}{
		{"another message", last(trace.Send), func(ev *trace.Event) { ev.Msg.Num++ }, "the trace shows send"},
		{"another receiver", last(trace.Send), func(ev *trace.Event) { ev.To = (ev.To + 1) % 5 }, "the trace shows send"},
		{"a send left out", last(trace.Send), nil, "the core does send"},
		{"a delivery that is used", last(trace.Deliver), func(ev *trace.Event) { ev.Used = !ev.Used }, "the trace shows deliver"},
		{"a suspicion left out", last(trace.Suspect), nil, "the core does suspect"},
		{"another suspicion", last(trace.Suspect), func(ev *trace.Event) { ev.Peer = (ev.Peer + 1) % 5 }, "the trace shows suspect"},
		{"another comm_id", last(trace.Install), func(ev *trace.Event) { ev.Install.CommID++ }, "the trace shows install"},
		{"another event", last(trace.Told), func(ev *trace.Event) { ev.Told.NewRank++ }, "the trace shows event"},
		{"an end that is none", last(trace.Deliver), func(ev *trace.Event) { ev.Kind, ev.Why = trace.End, "error" }, "the trace shows end"},
		{"an input that is none", last(trace.Input), func(ev *trace.Event) { ev.In = ev.In[:1] }, "cannot be read"},
	} {
		_, changed := recorded(t, "leader-dies-mid-broadcast", "quorum", 3, true)
		node := changed[a.at].Node
		if a.do == nil {
			changed = slices.Delete(changed, a.at, a.at+1)
		} else {
			a.do(&changed[a.at])
		}
		_, found := find(t, h, changed)
		if len(found) != 1 || !slices.Equal(found[0].Nodes, []int{node}) || !strings.Contains(found[0].Why, a.says) || found[0].Property != conform.Property {
			t.Errorf("%s: found %+v: expected one violation by node %d that says %q", a.name, found, node, a.says)
		}
	}
}

// TestKilledMidStep: what a killed process has not written down is no difference; what a live one has not is.
func TestKilledMidStep(t *testing.T) {
	h, lines := recorded(t, "quiet-group", "quorum", 3, true)
	at := 0
	for i := range lines {
		if lines[i].Kind == trace.Send {
			at = i // a heartbeat goes to everybody: the sends before it are of the same step
		}
	}
	node := lines[at].Node
	cut := slices.DeleteFunc(slices.Clone(lines[:at]), func(ev trace.Event) bool { return ev.Node != node })
	if _, found := find(t, h, cut); len(found) != 1 {
		t.Errorf("a live node whose last step is cut: %+v: expected a violation", found)
	}
	cut = append(cut, trace.Event{Kind: trace.Crash, Node: node, T: lines[at].T})
	if _, found := find(t, h, cut); len(found) != 0 {
		t.Errorf("a killed node whose last step is cut: %+v: expected none", found)
	}
}

func TestNothingToFeed(t *testing.T) {
	h, lines := recorded(t, "leader-dies", "quorum", 3, false)
	if c, found := find(t, h, lines); c.Inputs() > 0 || len(found) > 0 {
		t.Errorf("a trace without inputs: %d inputs, %+v", c.Inputs(), found)
	}
	for _, scenario := range []string{`{"workload":{"barrier":{"every":"1s"}}}`, `{"faults":[{"at":"1s","app":{"allreduce":[0]}}]}`} {
		with := *h
		with.Scenario = []byte(scenario)
		if c, err := conform.New(&with); c != nil || err != nil {
			t.Errorf("%s: %v, %v: expected no checker", scenario, c, err)
		}
	}
	h.Protocol = "classic"
	if c, err := conform.New(h); c != nil || err != nil {
		t.Errorf("classic: %v, %v: expected no checker", c, err)
	}
	h.Protocol, h.Config = "quorum", []byte(`{"policy":"none"}`)
	if _, err := conform.New(h); err == nil {
		t.Error("a policy that does not exist: expected an error")
	}
}

// TestMoreOnTop: a run whose applications talk has a communicator that no scenario says, and is not fed again; the same run
// without it is.
func TestMoreOnTop(t *testing.T) {
	sc, _ := scenarios.Builtin("leader-dies")
	for _, talk := range []time.Duration{0, 500 * time.Millisecond} {
		var c *conform.Checker
		_, err := sim.New().Run(sim.Spec{
			Scenario: sc, Protocol: "quorum", Seed: 1, Inputs: true, Talk: talk,
			Header: func(h *trace.Header) {
				var err error
				if c, err = conform.New(h); err != nil {
					t.Fatal(err)
				}
			},
			Observe: func(ev *trace.Event) { c.Observe(ev) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if found := c.Finish(); len(found) != 0 || (c.Inputs() == 0) != (talk > 0) {
			t.Errorf("talk %v: %d inputs fed, %v", talk, c.Inputs(), found)
		}
	}
}
