package sim

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nexarsim/core"
)

// year is the longest duration that a scenario may name.
const year = int64(366 * 24 * time.Hour)

// anInstant draws a duration between nothing and years.
func anInstant(t *rapid.T, label string) int64 {
	return rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, int64(time.Hour)), rapid.Int64Range(0, 3*year)).Draw(t, label)
}

// aClock draws a clock that has been set a few times, and the instant of the last setting.
func aClock(t *rapid.T) (c clock, now int64) {
	c = clock{rate: trueRate}
	for range rapid.IntRange(0, 4).Draw(t, "settings") {
		now += anInstant(t, "after")
		rate := rapid.OneOf(rapid.Int64Range(trueRate/2, 2*trueRate), rapid.SampledFrom([]int64{trueRate / 2, trueRate - 1, trueRate, trueRate + 1, 2 * trueRate})).Draw(t, "rate")
		step := rapid.OneOf(rapid.Int64Range(-1000, 1000), rapid.Int64Range(-year, year)).Draw(t, "step")
		before := c.local(now)
		c.set(now, rate, core.Instant(step))
		if got := c.local(now); got != before+core.Instant(step) {
			t.Fatalf("set %d from %d: reads %d", step, before, got)
		}
	}
	return c, now
}

// TestClockIsExact compares readings with arithmetic of unlimited size.
func TestClockIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, now := aClock(t)
		passed := anInstant(t, "passed")
		want := new(big.Int).Mul(big.NewInt(passed+now-c.since), big.NewInt(c.rate))
		want.Div(want, big.NewInt(trueRate))
		want.Add(want, big.NewInt(int64(c.base)))
		if got := c.local(now + passed); !want.IsInt64() || int64(got) != want.Int64() {
			t.Fatalf("%+v at %d reads %d, want %v", c, now+passed, got, want)
		}
	})
}

// TestClockRoundTrip: global is the first instant at which the clock has reached a reading, also years away, and a clock
// never runs backwards between two settings.
func TestClockRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, now := aClock(t)
		reading := c.local(now) + core.Instant(rapid.OneOf(rapid.Int64Range(-year, year), rapid.Int64Range(-5, 50)).Draw(t, "ahead"))
		at := c.global(reading)
		if at < c.since {
			t.Fatalf("%+v reaches %d at %d, before it was set", c, reading, at)
		}
		if got := c.local(at); got < reading {
			t.Fatalf("%+v reads %d at %d, and has not reached %d", c, got, at, reading)
		}
		if at > c.since && c.local(at-1) >= reading {
			t.Fatalf("%+v has reached %d before %d", c, reading, at)
		}
		later := anInstant(t, "later")
		if c.local(at+later) < c.local(at) {
			t.Fatalf("%+v runs backwards", c)
		}
	})
}
