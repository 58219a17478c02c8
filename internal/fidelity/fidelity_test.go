package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker/trace"
	"nexarsim/internal/cluster"
)

func TestMain(m *testing.M) {
	if os.Getenv(memberVariable) != "" {
		if err := cluster.Serve(os.Stdin, os.Stdout, os.Stderr); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestMeter measures a history that is written out: one death, seen by two, and a heartbeat that is sent late.
func TestMeter(t *testing.T) {
	beat, vote := &trace.Message{Type: "heartbeat"}, &trace.Message{Type: "vote"}
	var s samples
	m := newMeter(100, &s)
	for _, ev := range []trace.Event{
		{T: 0, Kind: trace.Send, Node: 0, To: 1, ID: 1, Msg: beat},
		{T: 7, Kind: trace.Deliver, Node: 1, From: 0, ID: 1},
		{T: 100, Kind: trace.Send, Node: 0, To: 1, ID: 2, Msg: beat},
		{T: 230, Kind: trace.Send, Node: 0, To: 1, ID: 3, Msg: beat},
		{T: 240, Kind: trace.Crash, Node: 2},
		{T: 250, Kind: trace.Suspect, Node: 1, Peer: 2},
		{T: 260, Kind: trace.Suspect, Node: 0, Peer: 2},
		{T: 265, Kind: trace.Suspect, Node: 0, Peer: 2}, // once more, after it was withdrawn: no sample
		{T: 270, Kind: trace.Send, Node: 1, To: 0, ID: 4, Msg: vote},
		{T: 275, Kind: trace.Deliver, Node: 0, From: 1, ID: 4},
		{T: 276, Kind: trace.Deliver, Node: 0, From: 1, ID: 4, Late: true}, // it had waited: no delay of the network's
		{T: 290, Kind: trace.Install, Node: 0, Install: &trace.View{Dead: []int{2}}},
		{T: 310, Kind: trace.Install, Node: 1, Install: &trace.View{Dead: []int{2}}},
	} {
		m.observe(&ev)
	}
	m.finish()
	want := samples{
		heartbeatDelay: {7}, messageDelay: {5}, lateness: {0, 30}, detection: {10, 20}, agreement: {40}, spread: {20}, recovery: {70},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestUnanswered: of a death that nobody noticed or answered nothing is told but that.
func TestUnanswered(t *testing.T) {
	var s samples
	m := newMeter(100, &s)
	m.observe(&trace.Event{T: 5, Kind: trace.Crash, Node: 2})
	m.observe(&trace.Event{T: 9, Kind: trace.Suspect, Node: 1, Peer: 2})
	m.finish()
	if diff := cmp.Diff(samples{detection: {4}}, s); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDistribution(t *testing.T) {
	var times []int64
	for i := range int64(200) {
		times = append(times, 200-i)
	}
	if got, want := of(times), (distribution{200, 101, 199, 200}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := of(nil); got != (distribution{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

// TestPage: the page's scenario has the settings of the harsh columns.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/fidelity.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(harshNetwork + harshStalls) {
		if !strings.Contains(string(page), "\n    "+line) {
			t.Errorf("docs/fidelity.md lacks %s", line)
		}
	}
	if !strings.Contains(string(page), strings.Split(beating, "\n")[2]) {
		t.Error("docs/fidelity.md has other heartbeats")
	}
}

// TestReport makes each run once: all that is measured is there in each column, and the harsh simulation is no kinder than
// the default one.
func TestReport(t *testing.T) {
	var b bytes.Buffer
	if err := report(context.Background(), &b, 1, 50); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(b.String()) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 11 || !strings.Contains(line, " ms ") {
			continue
		}
		rows++
		if strings.Contains(line, " - ") {
			t.Errorf("something was not measured: %s", line)
		}
	}
	if want := len(subjects) * measures; rows != want {
		t.Errorf("%d rows, want %d:\n%s", rows, want, b.String())
	}
	for _, s := range subjects {
		var kind, harsh samples
		for into, is := range map[*samples]bool{&kind: false, &harsh: true} { // unordered: each stands alone
			if err := simulated(context.Background(), s.text(is), 50, into); err != nil {
				t.Fatal(err)
			}
		}
		for _, what := range []int{heartbeatDelay, messageDelay, lateness, recovery} {
			if of(harsh[what]).most <= of(kind[what]).most {
				t.Errorf("%s, %s: the harsh simulation is no harsher", s.name, measureNames[what])
			}
		}
	}
}
