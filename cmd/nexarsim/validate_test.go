package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"nexarsim/internal/gate"
	"nexarsim/internal/report"
)

// gateVariable, in the environment of the tests' program, names the parts that stand in for those of the gate.
const gateVariable = "NEXARSIM_TEST_GATE"

// fakePart is a part that a test puts in: what it sees is its name.
type fakePart struct{ name, says string }

func (f fakePart) Name() string  { return f.name }
func (f fakePart) About() string { return "a part that " + f.says }

func (f fakePart) Look(context.Context, *gate.Shelf) gate.Outcome {
	o := gate.Outcome{Counts: []gate.Count{{Noun: "run", N: 3}}}
	finding := func(property string, code report.Code) {
		o.Findings = append(o.Findings, gate.Finding{Property: property, Code: code, Why: "node 1 did so", Command: "nexarsim run x --seed 1 --protocol quorum"})
	}
	switch f.says {
	case "breaks safety":
		finding("agreement", report.Safety)
	case "breaks liveness":
		finding("late", report.Liveness)
	case "differs":
		finding("", report.Irreplicable)
	case "fails":
		finding("", report.Harness)
	case "is cut":
		o.Cut = "more than 6 states"
	case "is noted":
		o.Notes = []string{"1 run left a property open"}
	}
	return o
}

// fakeGate replaces the gate's parts if a script asks for that: NAME:SAYS, with commas.
func fakeGate() {
	text := os.Getenv(gateVariable)
	if text == "" {
		return
	}
	gateParts = func(bool, gate.Options) (all []gate.Part) {
		for _, word := range strings.Split(text, ",") {
			name, says, _ := strings.Cut(word, ":")
			all = append(all, fakePart{name, says})
		}
		return all
	}
}

// shortGate replaces the gate's parts by one of each sort that takes little time, as long as a test lasts.
func shortGate(t *testing.T) {
	whole := gateParts
	t.Cleanup(func() { gateParts = whole })
	gateParts = func(quick bool, o gate.Options) []gate.Part {
		short := []string{"known bugs, replayed", "quorum, 2 nodes, crashes 1, false suspicions 1, partitions 1", "kill-cascade, quorum, 5 members"}
		return slices.DeleteFunc(whole(quick, o), func(p gate.Part) bool { return !slices.Contains(short, p.About()) })
	}
}

// TestValidateParts: each word that asks for a part has one, in both sizes of the gate.
func TestValidateParts(t *testing.T) {
	for _, quick := range []bool{true, false} {
		var names []string
		for _, p := range gateParts(quick, gate.Options{}) {
			if !slices.Contains(names, p.Name()) {
				names = append(names, p.Name())
			}
		}
		if !slices.Equal(names, gate.Names()) {
			t.Errorf("quick %v: parts %v, want %v", quick, names, gate.Names())
		}
	}
}
