package sim

import (
	"math/bits"

	"nexarsim/core"
)

// trueRate is a clock that runs as fast as time, in parts per billion.
const trueRate = 1_000_000_000

// clock is one node's own clock: since an instant of the run it has been running at a rate, from a reading.
type clock struct {
	since int64        // instant of the run
	base  core.Instant // the clock's reading then
	rate  int64        // parts per billion
}

// local is the clock's reading at an instant of the run, rounded down.
func (c *clock) local(now int64) core.Instant {
	if c.rate == trueRate {
		return c.base + core.Instant(now-c.since)
	}
	hi, lo := bits.Mul64(uint64(now-c.since), uint64(c.rate))
	q, _ := bits.Div64(hi, lo, trueRate)
	return c.base + core.Instant(q)
}

// global is the first instant of the run at which the clock has reached a reading.
func (c *clock) global(at core.Instant) int64 {
	if at <= c.base {
		return c.since
	}
	if c.rate == trueRate {
		return c.since + int64(at-c.base)
	}
	hi, lo := bits.Mul64(uint64(at-c.base), trueRate)
	q, r := bits.Div64(hi, lo, uint64(c.rate))
	if r > 0 {
		q++
	}
	return c.since + int64(q)
}

// set makes the clock jump by step and run at another rate from now on.
func (c *clock) set(now int64, rate int64, step core.Instant) {
	*c = clock{since: now, base: c.local(now) + step, rate: rate}
}
