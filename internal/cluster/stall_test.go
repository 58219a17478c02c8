package cluster

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker/trace"
	"nexarsim/scenarios"
)

// TestStallsBecomePauses: what is left of a stall outside of what the launcher did to the node is a pause in the trace, if
// it is long enough to matter; the launcher's own is a slowness of everybody.
func TestStallsBecomePauses(t *testing.T) {
	sc, err := scenarios.Parse("test", []byte("name: stalls\nworld: 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(sc, 0, "quorum", 1)
	if err != nil {
		t.Fatal(err)
	}
	const ms = int64(time.Millisecond)
	l := &launcher{plan: plan, origin: 1000 * ms, lines: []trace.Event{
		{T: 100 * ms, Node: 0, Kind: trace.Pause}, {T: 200 * ms, Node: 0, Kind: trace.Resume}, {T: 900 * ms, Node: 1, Kind: trace.Crash},
	}}
	add := func(node int, from, to int64) { l.stalled(node, stall{(1000 + from) * ms, (1000 + to) * ms}) }
	add(0, 95, 300)      // the launcher's pause, and 100 ms after it
	add(0, 400, 460)     // two that touch
	add(0, 460, 520)     //
	add(0, 600, 600+50)  // too short: exactly what is allowed
	add(1, 850, 1000)    // before its death, too short, and after it
	add(1, -100, 80)     // before the start, in part
	add(launched, 2, 70) // of the launcher
	var res Result
	l.addStalls(1000*ms, &res)
	var got []string
	for i := range l.lines {
		ev := &l.lines[i]
		who := ""
		if res.Machine(ev) {
			who = " by the machine"
		}
		got = append(got, time.Duration(ev.T).String()+" "+ev.Kind.String()+who)
	}
	want := []string{
		"0s pause by the machine", "2ms slow by the machine", "70ms slow-end by the machine", "80ms resume by the machine",
		"100ms pause", "200ms resume", "200.000001ms pause by the machine", "300ms resume by the machine",
		"400ms pause by the machine", "520ms resume by the machine", "900ms crash",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if res.Stalls != 4 || res.Longest != 120*time.Millisecond {
		t.Errorf("%d stalls, the longest %v: expected 4, 120ms", res.Stalls, res.Longest)
	}
}

// TestStallsAreFound: a process that did not look at the clock for a while says so when it is over, and one that did has
// nothing to say.
func TestStallsAreFound(t *testing.T) {
	var found []stall
	w := stallWriter{slowWriter(2 * stallMin), func(s stall) { found = append(found, s) }}
	if _, err := w.Write(nil); err != nil || len(found) != 1 || found[0].To-found[0].From < 2*int64(stallMin) {
		t.Errorf("found %v (%v): expected the slow write", found, err)
	}
	w.out = slowWriter(0)
	for range 5 { // a busy machine may make a stall of a quick one
		before := len(found)
		if _, err := w.Write(nil); err == nil && len(found) == before {
			return
		}
	}
	t.Errorf("found %v: expected none of a quick write", found)
}

// slowWriter takes its time.
type slowWriter time.Duration

func (s slowWriter) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(s))
	return len(p), nil
}
