package sim_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// alteration changes one thing in the n-th event that it fits; false if it does not fit. Dropping is done by the caller.
type alteration struct {
	name     string
	property string // which must then be named
	fits     func(ev *trace.Event) bool
	change   func(ev *trace.Event)
	drop     bool
}

func isInstall(ev *trace.Event) bool { return ev.Kind == trace.Install }

func isRecovered(ev *trace.Event) bool { return ev.Kind == trace.Told && ev.Told.Kind == "recovered" }

// isLastRanks is the recovered event of the highest rank, which lives to the end of these runs: a node that dies may die
// between its install and the event.
func isLastRanks(ev *trace.Event) bool {
	return isRecovered(ev) && ev.Told.NewRank == ev.Told.NewWorldSize-1
}

var alterations = []alteration{
	{name: "rank swapped", property: "ranks", fits: isInstall, change: func(ev *trace.Event) { ev.Install.Rank = (ev.Install.Rank + 1) % ev.Install.World }},
	{name: "members swapped", property: "agreement", fits: isInstall, change: func(ev *trace.Event) {
		ev.Install.Members[0], ev.Install.Members[1] = ev.Install.Members[1], ev.Install.Members[0]
	}},
	{name: "install dropped", property: "history", fits: isInstall, drop: true},
	{name: "event dropped", property: "history", fits: isLastRanks, drop: true},
	{name: "event renumbered", property: "history", fits: isRecovered, change: func(ev *trace.Event) { ev.Told.Epoch++ }},
	{name: "event of another rank", property: "history", fits: isRecovered, change: func(ev *trace.Event) { ev.Told.OldRank++ }},
	{name: "member resurrected", property: "agreement", fits: isInstall, change: func(ev *trace.Event) {
		v := ev.Install
		v.Members = append(v.Members, v.Dead[0])
		v.Dead = v.Dead[1:]
		slices.Sort(v.Members)
		v.World, v.Rank = len(v.Members), slices.Index(v.Members, ev.Node)
	}},
	{name: "another comm_id", property: "comm-id", fits: isInstall, change: func(ev *trace.Event) { ev.Install.CommID ^= 1 }},
	{name: "epoch skipped", property: "history", fits: isInstall, change: func(ev *trace.Event) { ev.Install.Epoch++ }},
	{name: "used in another epoch", property: "isolation", fits: func(ev *trace.Event) bool { return ev.Kind == trace.Deliver && ev.Used }, change: func(ev *trace.Event) { ev.Epoch++ }},
	{name: "panic instead of an event", property: "eviction", fits: isRecovered, change: func(ev *trace.Event) {
		*ev = trace.Event{T: ev.T, Node: ev.Node, Kind: trace.Panic, Error: "index out of range"}
	}},
	{name: "end by an error", property: "recovery", fits: isRecovered, change: func(ev *trace.Event) {
		*ev = trace.Event{T: ev.T, Node: ev.Node, Kind: trace.End, Why: "error", Error: "unknown peer"}
	}},
}

// TestAlteredTracesAreNoticed changes one thing at a time, in each place where it fits, in traces of runs in which
// everything holds. The verdict rests on the trace alone, so each change must show, under its right name.
func TestAlteredTracesAreNoticed(t *testing.T) {
	for _, name := range []string{"leader-dies-mid-broadcast", "two-of-five-die-at-once", "every-coordinator-dies-committing"} {
		sc, ok := scenarios.Builtin(name)
		if !ok {
			t.Fatalf("no built-in scenario %s: there is %v", name, scenarios.Names())
		}
		_, text := recordRun(t, sim.Spec{Scenario: sc, Protocol: "quorum", Seed: 3})
		if v := judge(t, text); len(v) > 0 {
			t.Fatalf("%s unchanged: %v", name, v)
		}
		for _, a := range alterations {
			places := 0
			for n := 0; ; n++ {
				altered, fits := alter(t, text, a, n)
				if !fits {
					break
				}
				places++
				if v := judge(t, altered); !slices.Contains(v, a.property) {
					t.Errorf("%s, %s at its place %d: found %v, want %s", name, a.name, n+1, v, a.property)
				}
			}
			if places == 0 {
				t.Errorf("%s: %s fits nowhere", name, a.name)
			}
		}
	}
}

// judge gives the properties that a trace breaks.
func judge(t *testing.T, text []byte) []string {
	t.Helper()
	report, err := checker.CheckTrace(bytes.NewReader(text), "altered.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range report.Verdict.Violations {
		if !slices.Contains(names, v.Property) {
			names = append(names, v.Property)
		}
	}
	return names
}

// alter writes the trace again with one change at the n-th place where it fits, and numbers the lines anew.
func alter(t *testing.T, text []byte, a alteration, n int) (altered []byte, fits bool) {
	t.Helper()
	r, err := trace.NewReader(bytes.NewReader(text), "run.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w := trace.NewWriter(&buf)
	if err := w.WriteHeader(r.Header()); err != nil {
		t.Fatal(err)
	}
	seen, number := 0, uint64(0)
	renumbered := map[uint64]uint64{0: 0}
	for {
		var ev trace.Event
		err := r.Next(&ev)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		was, kind := ev.Seq, ev.Kind
		if a.fits(&ev) {
			seen++
			if seen == n+1 {
				fits = true
				if a.drop {
					continue
				}
				a.change(&ev)
			}
		}
		ev.Seq = 0
		if kind != trace.Verdict {
			number++
			renumbered[was] = number
			ev.Seq, ev.Cause = number, renumbered[ev.Cause]
		}
		if err := w.Write(&ev); err != nil {
			t.Fatal(fmt.Errorf("line %d: %w", number, err))
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), fits
}
