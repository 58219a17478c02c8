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

// BenchmarkKill is the time from the death of a real process to the last survivor's install, by the trace: kill -9, which
// an idle connection witnesses, and a stop for good, which only heartbeats find (50 ms, 200 ms). Medians and ranges.
func BenchmarkKill(b *testing.B) {
	for _, how := range []struct{ name, silent string }{{"kill-9", "false"}, {"stop", "true"}} {
		for _, n := range []int{4, 8} {
			b.Run(fmt.Sprintf("%s/n=%d", how.name, n), func(b *testing.B) {
				var all []time.Duration
				for range b.N {
					text := fmt.Sprintf("name: kill\nworld: %d\nconfig: {heartbeat_interval: 50ms, heartbeat_timeout: 200ms, recovery_timeout: 1s}\n"+
						"duration: 1s\nsettle: 1s\nfaults: [{at: 300ms, crash: [%d], silent: %s}]\n", n, n-1, how.silent)
					if took, ok := killOnce(b, text, n); ok {
						all = append(all, took)
					}
				}
				slices.Sort(all)
				if len(all) == 0 {
					b.Fatal("in no run the death was what the survivors agreed on first")
				}
				ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(ms(all[len(all)/2]), "p50-ms")
				b.ReportMetric(ms(all[0]), "min-ms")
				b.ReportMetric(ms(all[len(all)-1]), "max-ms")
				b.ReportMetric(float64(len(all)), "runs")
			})
		}
	}
}

// killOnce makes one run; false if somebody was suspected falsely, as may happen on a busy machine.
func killOnce(b *testing.B, text string, n int) (took time.Duration, ok bool) {
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
	var died, last int64
	installs := 0
	for err = d.Next(&ev); err == nil; err = d.Next(&ev) {
		switch {
		case ev.Kind == trace.Crash:
			died = ev.T
		case ev.Kind == trace.Install && ev.Install.Epoch == 1 && slices.Equal(ev.Install.Dead, []int{n - 1}):
			last = ev.T
			installs++
		}
	}
	if err != io.EOF {
		b.Fatal(err)
	}
	return time.Duration(last - died), installs == n-1 && last > died
}
