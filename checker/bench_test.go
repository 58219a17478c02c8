package checker_test

import (
	"fmt"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
)

// BenchmarkJudge is the judge's share of a run: one crash in a world, noticed, agreed on and installed by everybody.
func BenchmarkJudge(b *testing.B) {
	for _, world := range []int{5, 64, 1024} {
		b.Run(fmt.Sprint(world), func(b *testing.B) {
			last := world - 1
			s := tell(b, fmt.Sprintf(`world %d
				10s crash %d
				15s suspect 0..%d %d
				16s recover 0..%d 1 0..%d
				120s over`, world, last, last-1, last, last-1, last-1))
			j, err := checker.New(&s.h)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				_ = j.Reset(&s.h)
				for i := range s.evs {
					j.Observe(&s.evs[i])
				}
				if v := j.Finish(s.ending); len(v.Violations) > 0 {
					b.Fatal(summary(v))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(s.evs)), "ns/event")
		})
	}
}

// BenchmarkState is what the explorer pays for the judge in each state.
func BenchmarkState(b *testing.B) {
	s := tell(b, busyStory)
	j, err := checker.New(&s.h)
	if err != nil {
		b.Fatal(err)
	}
	for i := range s.evs {
		j.Observe(&s.evs[i])
	}
	b.Run("CopyFrom", func(b *testing.B) {
		c := j.Clone()
		b.ReportAllocs()
		for b.Loop() {
			c.CopyFrom(j)
		}
	})
	b.Run("AppendState", func(b *testing.B) {
		var buf []byte
		b.ReportAllocs()
		for b.Loop() {
			buf = j.AppendState(buf[:0])
		}
		b.ReportMetric(float64(len(buf)), "bytes")
	})
}

// BenchmarkUsed is the event that a sweep feeds most often.
func BenchmarkUsed(b *testing.B) {
	s := tell(b, "world 8")
	j, err := checker.New(&s.h)
	if err != nil {
		b.Fatal(err)
	}
	ev := trace.Event{Kind: trace.Deliver, Node: 1, From: 2, Used: true, Msg: &trace.Message{Group: 0xf00}}
	b.ReportAllocs()
	for b.Loop() {
		j.Observe(&ev)
	}
}
