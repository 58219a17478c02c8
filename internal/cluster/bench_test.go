package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/internal/cluster"
)

// death is a kind of end of a process, and how the group beats.
type death struct {
	name   string
	silent bool   // a stop for good, which only heartbeats find
	beats  string // interval and timeout
}

// BenchmarkReal is the time from the death of a real process to the last survivor's install, by the trace, beside the floor
// of the same run: repeats of both take turns. kill-9 is witnessed by idle connections; a stop is found by heartbeats alone.
// It gives medians; x-floor is their ratio, and the goal stands beside it. A run in which somebody else was suspected too,
// as may happen on a busy machine, is not counted, and told under "lost".
func BenchmarkReal(b *testing.B) {
	witnessed := death{"kill-9", false, "heartbeat_interval: 1s, heartbeat_timeout: 20s"}
	quick := "heartbeat_interval: 50ms, heartbeat_timeout: 200ms"
	killGoal := map[int]float64{4: 4.2, 8: 2.8, 16: 2.6, 32: 1.9}
	for _, n := range []int{4, 8, 16, 32} {
		b.Run(fmt.Sprintf("%s/n=%d", witnessed.name, n), func(b *testing.B) {
			s := measure(b, witnessed, n)
			b.ReportMetric(milli(s.floor), "floor-ms")
			b.ReportMetric(milli(s.kill), "kill-to-install-ms")
			b.ReportMetric(ratio(s.kill, s.floor), "kill-x-floor")
			b.ReportMetric(killGoal[n], "kill-goal-x")
			b.ReportMetric(milli(s.suspicion), "suspicion-to-install-ms")
			b.ReportMetric(ratio(s.suspicion, s.floor), "suspicion-x-floor")
			b.ReportMetric(2, "suspicion-goal-x")
			b.ReportMetric(float64(s.lost), "lost")
		})
	}
	for _, how := range []death{{"kill-9-50ms-200ms", false, quick}, {"stop-50ms-200ms", true, quick}} {
		for _, n := range []int{4, 8, 16} {
			b.Run(fmt.Sprintf("%s/n=%d", how.name, n), func(b *testing.B) {
				s := measure(b, how, n)
				b.ReportMetric(milli(s.floor), "floor-ms")
				b.ReportMetric(milli(s.kill), "death-to-install-ms")
				b.ReportMetric(200+2*milli(s.floor), "goal-ms")
				b.ReportMetric(milli(s.most), "max-ms")
				b.ReportMetric(250+4*milli(s.floor), "max-goal-ms")
				b.ReportMetric(float64(s.lost), "lost")
			})
		}
	}
}

// spans are the medians of a benchmark.
type spans struct {
	floor, kill, suspicion, most time.Duration
	lost                         int
}

// measure takes turns between the floor and real deaths.
func measure(b *testing.B, how death, n int) spans {
	b.Helper()
	if b.N > floorRounds/floorSample {
		b.Fatalf("%d repeats: expected %d at most (-benchtime 5x)", b.N, floorRounds/floorSample)
	}
	f := newFloor(b, n-1)
	defer f.close()
	text := fmt.Sprintf("name: kill\nworld: %d\nconfig: {%s, recovery_timeout: 5s}\n"+
		"duration: 2s\nsettle: 1s\nfaults: [{at: 1500ms, crash: [%d], silent: %v}]\n", n, how.beats, n-1, how.silent)
	var s spans
	var floors, kills, suspicions []time.Duration
	for range b.N {
		floors = append(floors, f.sample(b)...)
		r := observe(b, text, n)
		if r.installs != n-1 {
			s.lost++
			continue
		}
		kills = append(kills, time.Duration(r.last-r.died))
		suspicions = append(suspicions, time.Duration(r.last-r.suspected))
	}
	switch {
	case len(kills) > 0:
	case b.N == 1: // the benchmark's first try
		return s
	default:
		b.Fatal("in no run the death was what the survivors agreed on first")
	}
	s.floor, s.kill, s.suspicion, s.most = median(floors), median(kills), median(suspicions), slices.Max(kills)
	b.ReportMetric(0, "ns/op")
	return s
}

func milli(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// BenchmarkRealDeaths is how many views it takes until members that are killed at one time are gone from all survivors'
// views.
func BenchmarkRealDeaths(b *testing.B) {
	const n, k = 8, 3
	text := fmt.Sprintf("name: kills\nworld: %d\nconfig: {heartbeat_interval: 1s, heartbeat_timeout: 20s, recovery_timeout: 5s}\n"+
		"duration: 1s\nsettle: 1s\nfaults: [{at: 300ms, crash: [%d, %d, %d]}]\n", n, n-1, n-2, 0)
	one := 0
	var views []int
	for range b.N {
		r := observe(b, text, n)
		views = append(views, r.epochs)
		if r.epochs == 1 {
			one++
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(slices.Max(views)), "views-at-most")
	b.ReportMetric(float64(one)/float64(b.N), "one-view-of-1")
	b.ReportMetric(1, "goal-views")
}

// observed is what the trace of a run tells.
type observed struct {
	died, suspected, last int64 // the death, the first suspicion of it, the last install of the view without it
	installs              int   // of that view
	epochs                int   // views beyond the first
}

// observe makes one run in which the last member dies.
func observe(b *testing.B, text string, n int) *observed {
	b.Helper()
	plan, err := cluster.NewPlan(scenario(b, text), n, "quorum", 1)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var merged bytes.Buffer
	w := trace.NewWriter(&merged)
	_, err = cluster.Run(ctx, cluster.Spec{
		Plan: plan, Command: []string{os.Args[0]}, Env: []string{role + "=member"}, Dir: b.TempDir(), Header: w.WriteHeader, Observe: w.Write,
	})
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		b.Fatal(err)
	}
	d, err := trace.NewReader(&merged, "merged")
	if err != nil {
		b.Fatal(err)
	}
	var ev trace.Event
	var o observed
	for err = d.Next(&ev); err == nil; err = d.Next(&ev) {
		switch {
		case ev.Kind == trace.Crash && o.died == 0:
			o.died = ev.T
		case ev.Kind == trace.Suspect && ev.Peer == n-1 && o.suspected == 0:
			o.suspected = ev.T
		case ev.Kind == trace.Install:
			o.epochs = max(o.epochs, int(ev.Install.Epoch))
			if ev.Install.Epoch == 1 && slices.Equal(ev.Install.Dead, []int{n - 1}) {
				o.last = ev.T
				o.installs++
			}
		}
	}
	if err != io.EOF {
		b.Fatal(err)
	}
	return &o
}
