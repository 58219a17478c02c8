// Package scenariogen draws valid scenarios, for tests that hold for every scenario.
//
// It is a package of its own so that no program links the library that draws, and deliberately has no knob: a test that
// needs a special kind of scenario filters or changes what was drawn.
//
//	rapid.Check(t, func(t *rapid.T) {
//		s := scenariogen.Gen().Draw(t, "scenario")
//		...
//	})
package scenariogen

import (
	"time"

	"pgregory.net/rapid"

	"nexarsim/scenarios"
)

// rateOne is certainty, in parts per billion.
const rateOne = 1_000_000_000

// Gen draws valid scenarios: what scenarios.Parse could have returned, except that no fault has a line.
func Gen() *rapid.Generator[*scenarios.Scenario] {
	return rapid.Custom(scenario)
}

// scenario draws one.
func scenario(t *rapid.T) *scenarios.Scenario {
	s := &scenarios.Scenario{
		Name:     rapid.StringMatching(`[a-z0-9][a-z0-9._-]{0,20}`).Draw(t, "name"),
		About:    rapid.StringMatching(`([A-Za-z"'#:{}<>&µ\\é日🙂-]{1,8}( [a-z,;%@!]{1,8}){0,4})?`).Draw(t, "about"),
		World:    intRange(t, "world", 2, 70),
		Protocol: rapid.SampledFrom(scenarios.Protocols()).Draw(t, "protocol"),
		Model:    rapid.SampledFrom([]scenarios.Model{scenarios.Asynchronous, scenarios.CrashStop}).Draw(t, "model"),
		Config:   config(t),
		Network:  network(t),
		Duration: duration(t, "duration", 1),
		Settle:   duration(t, "settle", 0),
		Workload: workload(t),
		Expect:   expect(t),
	}
	for range rapid.IntRange(0, 5).Draw(t, "faults") {
		s.Faults = append(s.Faults, fault(t, s))
	}
	return s
}

// duration draws a duration of any magnitude up to a day.
func duration(t *rapid.T, label string, low time.Duration) time.Duration {
	unit := rapid.SampledFrom([]time.Duration{1, time.Microsecond, time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(t, label+" unit")
	return low + unit*time.Duration(rapid.IntRange(0, 24).Draw(t, label))
}

// span draws a range of durations.
func span(t *rapid.T, label string) (low, high time.Duration) {
	low = duration(t, label, 0)
	return low, low + duration(t, label+" width", 0)
}

// rate draws a probability.
func rate(t *rapid.T, label string) scenarios.Rate {
	return scenarios.Rate(rapid.Int64Range(0, rateOne).Draw(t, label))
}

// intRange draws a range.
func intRange(t *rapid.T, label string, low, high int) scenarios.Range {
	first := rapid.IntRange(low, high).Draw(t, label)
	return scenarios.Range{Min: first, Max: rapid.IntRange(first, high).Draw(t, label+" max")}
}

// config draws the protocol's configuration.
func config(t *rapid.T) scenarios.Config {
	interval := duration(t, "heartbeat_interval", 1)
	return scenarios.Config{
		Policy:            rapid.SampledFrom([]string{"automatic", "manual", "abort"}).Draw(t, "policy"),
		HeartbeatInterval: interval,
		HeartbeatTimeout:  interval + duration(t, "heartbeat_timeout", 1),
		RecoveryTimeout:   duration(t, "recovery_timeout", 1),
	}
}

// network draws how messages travel.
func network(t *rapid.T) scenarios.Network {
	return scenarios.Network{
		Transport:   rapid.SampledFrom([]string{"", "stream", "datagram", "random"}).Draw(t, "transport"),
		Latency:     latency(t),
		Loss:        rate(t, "loss"),
		Duplicate:   rate(t, "duplicate"),
		Reorder:     rapid.Bool().Draw(t, "reorder"),
		IdleTimeout: duration(t, "idle_timeout", 1),
	}
}

// latency draws a distribution of delays.
func latency(t *rapid.T) scenarios.Latency {
	l := scenarios.Latency{Kind: rapid.SampledFrom([]scenarios.LatencyKind{scenarios.Uniform, scenarios.Exponential, scenarios.Bimodal}).Draw(t, "latency")}
	l.Min, l.Max = span(t, "latency")
	switch l.Kind {
	case scenarios.Exponential:
		l.Max, l.Mean = 0, l.Min+duration(t, "mean", 1)
	case scenarios.Bimodal:
		l.SlowMin, l.SlowMax = span(t, "slow")
		l.Share = rate(t, "share")
	}
	return l
}

// workload draws what the application does, which may be nothing.
func workload(t *rapid.T) *scenarios.Workload {
	kind := rapid.SampledFrom([]string{"", "register", "allreduce", "barrier"}).Draw(t, "workload")
	if kind == "" {
		return nil
	}
	w := &scenarios.Workload{Kind: kind, Every: duration(t, "every", 1)}
	if kind == "register" {
		w.Clients = rapid.IntRange(1, 1000).Draw(t, "clients")
	}
	return w
}

// expect draws what is expected of some protocols.
func expect(t *rapid.T) []scenarios.Expectation {
	var all []scenarios.Expectation
	for _, p := range rapid.Permutation(scenarios.Protocols()).Draw(t, "expect")[:rapid.IntRange(0, 3).Draw(t, "expectations")] {
		properties := rapid.Permutation(scenarios.Properties()).Draw(t, "properties")
		violates, may := rapid.IntRange(0, 3).Draw(t, "violates"), rapid.IntRange(0, 3).Draw(t, "may")
		e := scenarios.Expectation{Protocol: p}
		e.Violates = append(e.Violates, properties[:violates]...)
		e.May = append(e.May, properties[violates:violates+may]...)
		all = append(all, e)
	}
	return all
}
