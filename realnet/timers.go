package realnet

import (
	"time"

	"nexarsim/core"
)

// clock reads the machine's monotonic clock from an origin on.
type clock struct {
	base   time.Time
	offset int64
}

// clockTries is how often the two readings of a new clock are taken; the closest pair counts.
const clockTries = 16

// newClock reads both clocks side by side. A process that loses its processor between the two readings would be ahead of
// the others for good, and its record would show answers to what nobody has said yet.
func newClock(origin int64) clock {
	var c clock
	closest := time.Duration(-1)
	for range clockTries {
		base := time.Now()
		offset := Monotonic() - origin
		if gap := time.Since(base); closest < 0 || gap < closest {
			closest, c = gap, clock{base, offset}
		}
	}
	return c
}

func (c *clock) now() core.Instant { return core.Instant(c.offset + int64(time.Since(c.base))) }

// timers are those of one machine.
type timers struct {
	armed [core.MaxTimers]bool
	at    [core.MaxTimers]core.Instant
}

func (t *timers) set(id core.TimerID, at core.Instant) {
	if int(id) < len(t.at) {
		t.armed[id], t.at[id] = true, at
	}
}

func (t *timers) cancel(id core.TimerID) {
	if int(id) < len(t.at) {
		t.armed[id] = false
	}
}

// first is the timer that is due first; of two at one instant the lower number.
func (t *timers) first() (id core.TimerID, any bool) {
	for i := range t.at {
		if t.armed[i] && (!any || t.at[i] < t.at[id]) {
			id, any = core.TimerID(i), true
		}
	}
	return id, any
}

// due is the first timer if it is due.
func (t *timers) due(now core.Instant) (id core.TimerID, ok bool) {
	id, ok = t.first()
	return id, ok && t.at[id] <= now
}

// idleWait is how long a driver without a timer waits before it looks again.
const idleWait = time.Hour

// wait is how long nothing is due.
func (t *timers) wait(now core.Instant) time.Duration {
	id, any := t.first()
	if !any {
		return idleWait
	}
	return max(0, time.Duration(t.at[id]-now))
}
