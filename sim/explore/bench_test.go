package explore

import (
	"context"
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkExplore is the explorer's speed and memory. B/state is the engine's own; heap-B/state all that the process holds
// at the end of a search, the parts that states share included.
func BenchmarkExplore(b *testing.B) {
	for _, c := range []Config{
		{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, FalseSuspicions: 2}},
		{Protocol: "quorum", World: 4, Budget: Budget{Crashes: 1, FalseSuspicions: 1, Losses: 1}},
		{Protocol: "classic", World: 5, Budget: Budget{Crashes: 1}},
	} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s-%d/workers=%d", c.Protocol, c.World, workers), func(b *testing.B) {
				var states, transitions, bytes uint64
				for b.Loop() {
					r, err := Run(context.Background(), c, Options{Workers: workers})
					if err != nil {
						b.Fatal(err)
					}
					states += r.States
					transitions += r.Transitions
					bytes = r.Bytes / r.States
				}
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(states)/b.Elapsed().Seconds(), "states/s")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(transitions), "ns/transition")
				b.ReportMetric(float64(bytes), "B/state")
				b.ReportMetric(float64(m.HeapSys)*float64(b.N)/float64(states), "heap-B/state")
			})
		}
	}
}
