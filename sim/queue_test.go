package sim

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nexarsim/core"
)

// TestQueue compares with a list that is sorted by instant and class and keeps the order of arrival otherwise, through
// any mixture of pushes and pops.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type item struct {
			at   int64
			c    class
			a, b uint32
		}
		var q queue
		width := rapid.SampledFrom([]int64{0, 3, 9, 700, 5000, 1 << 30}).Draw(t, "span")
		last := rapid.SampledFrom([]int64{9, 999, 9999}).Draw(t, "last")
		q.reset(width)
		var naive []item
		n := uint32(0)
		pop := func() {
			slices.SortStableFunc(naive, func(x, y item) int {
				if x.at != y.at {
					return int(x.at - y.at)
				}
				return int(x.c) - int(y.c)
			})
			e, ok := q.pop()
			if ok != (len(naive) > 0) {
				t.Fatalf("pop says %t, %d are left", ok, len(naive))
			}
			if !ok {
				return
			}
			if got := (item{e.at, e.class(), e.a, e.b}); got != naive[0] {
				t.Fatalf("popped %+v, want %+v", got, naive[0])
			}
			naive = naive[1:]
		}
		for range rapid.IntRange(1, 3).Draw(t, "uses") {
			for range rapid.IntRange(0, 200).Draw(t, "calls") {
				if rapid.IntRange(0, 2).Draw(t, "pop") == 0 {
					pop()
					continue
				}
				n++
				i := item{rapid.Int64Range(0, last).Draw(t, "at"), class(rapid.IntRange(0, int(classCount)-1).Draw(t, "class")), n, n ^ 0x5555}
				naive = append(naive, i)
				q.push(i.at, i.c, i.a, i.b)
			}
			if rapid.Bool().Draw(t, "reset") {
				q.reset(width)
				naive = nil
				continue
			}
			for len(naive) > 0 {
				pop()
			}
			pop()
		}
	})
}

// TestOrderAtOneInstant makes everything be due at one instant, and keeps the promised order: the environment acts
// first, then inputs that an act left, then timers, wakes, messages, and then the ends of connections.
func TestOrderAtOneInstant(t *testing.T) {
	l := experiment(t, 5, `faults:
  - {at: 1.999s, crash: [4]}
  - {at: 2s, suspect: [{by: 1, of: 3}]}
  - {at: 2s, crash: [2]}
`, script(
		says(0, 1999*milli, 1, 7),
		cue{1, 2 * second, func(out *core.Effects) { out.Wake(5) }},
		cue{1, 2 * second, func(*core.Effects) {}},
		cue{2, 2 * second, func(*core.Effects) {}},
	))
	at2 := slices.DeleteFunc(l.log, func(line string) bool { return line[:3] != "2s " })
	want := []string{
		"2s 1 suspect 3 hold=false", "2s 1 timer 0", "2s 1 timer 1", "2s 1 wake 5", "2s 1 deliver 7 from 0",
		"2s 0 closed 4", "2s 1 closed 4", "2s 3 closed 4",
	}
	if diff := cmp.Diff(want, at2); diff != "" {
		t.Error(diff)
	}
}

// TestClassesFit keeps a class and the greatest entry within the bits that they have.
func TestClassesFit(t *testing.T) {
	if classCount >= 1<<(64-classShift) {
		t.Errorf("%d classes do not fit into %d bits", classCount, 64-classShift)
	}
	if core.MaxTimers != 1<<timerBits {
		t.Errorf("%d timers, and %d bits for their numbers", core.MaxTimers, timerBits)
	}
	e := entry{ord: uint64(classDeliver)<<classShift | (1<<classShift - 1)}
	if e.class() != classDeliver {
		t.Errorf("class %d", e.class())
	}
}

// TestTimersSetAgain: of the timers that are set, whichever is due first fires, of two at one instant the one that was set
// first, however often others were set again or cancelled before.
func TestTimersSetAgain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type setting struct {
			at    core.Instant
			order int
		}
		armed := map[core.TimerID]setting{}
		fired, order := 0, 0
		experiment(t, 1, "", func(_ *probe, now core.Instant, in *core.Input, out *core.Effects) {
			if in.Kind == core.InTimer {
				mine, is := armed[in.Timer]
				if !is || mine.at != now {
					rt.Fatalf("timer %d at %d: set is %+v, %t", in.Timer, now, mine, is)
				}
				for id, o := range armed {
					if o.at < mine.at || o.at == mine.at && o.order < mine.order {
						rt.Fatalf("timer %d of %+v fired before timer %d of %+v", in.Timer, mine, id, o)
					}
				}
				delete(armed, in.Timer)
				fired++
			}
			if fired > 100 {
				return
			}
			for range rapid.IntRange(1, 8).Draw(rt, "acts") {
				id := core.TimerID(rapid.IntRange(0, core.MaxTimers-1).Draw(rt, "timer"))
				if rapid.IntRange(0, 3).Draw(rt, "cancel") == 0 {
					out.CancelTimer(id)
					delete(armed, id)
					continue
				}
				order++
				armed[id] = setting{now + core.Instant(rapid.IntRange(0, 30).Draw(rt, "wait")), order}
				out.SetTimer(id, armed[id].at)
			}
		})
		if len(armed) > 0 {
			rt.Errorf("%d timers never fired", len(armed))
		}
	})
}

// TestQueueOfSetAgain: a timer that is set for later and later has one entry.
func TestQueueOfSetAgain(t *testing.T) {
	l := experiment(t, 1, "", func(_ *probe, now core.Instant, in *core.Input, out *core.Effects) {
		if in.Kind == core.InStart {
			for i := range core.Instant(100) {
				out.SetTimer(1, now+2000+i)
				out.CancelTimer(1)
				out.SetTimer(1, now+2000+i)
			}
		}
	})
	if n := cap(l.sim.queue.today) + cap(l.sim.queue.later) + cap(l.sim.queue.notes); n > 16 {
		t.Errorf("room for %d entries, want next to none", n)
	}
	l.wantAll(t, "2.099µs 0 timer 1")
}
