package scenarios

import (
	"time"

	"go.yaml.in/yaml/v4"
)

var (
	networkFields = []string{"latency", "loss", "duplicate", "reorder", "idle_timeout", "transport"}
	latencyFields = []string{"exponential", "bimodal"}
	exponential   = []string{"min", "mean"}
	bimodal       = []string{"fast", "slow", "share"}
)

// defaultNetwork is how messages travel where a file says nothing.
func defaultNetwork() Network {
	return Network{
		Latency:     Latency{Kind: Uniform, Min: 50 * time.Microsecond, Max: 2 * time.Millisecond},
		Reorder:     true,
		IdleTimeout: 30 * time.Second,
	}
}

// network reads how messages travel when no act is in force.
func (f fields) network() Network {
	n := defaultNetwork()
	v, ok := f.get("network")
	if !ok {
		return n
	}
	g, ok := v.fields("a mapping of settings", networkFields)
	if !ok {
		return n
	}
	n.Transport = g.word("transport", "transport", "", transportWords)
	if l, ok := g.get("latency"); ok {
		n.Latency = l.latency()
	}
	n.Loss = g.rate("loss", n.Loss)
	n.Duplicate = g.rate("duplicate", n.Duplicate)
	n.Reorder = g.boolean("reorder", n.Reorder)
	n.IdleTimeout = g.duration("idle_timeout", n.IdleTimeout, 1)
	return n
}

// latency reads a distribution of one-way delays: a range, or one of the named distributions.
func (v value) latency() Latency {
	if v.node.Kind != yaml.MappingNode {
		low, high, _ := v.span(0, longestDuration)
		return Latency{Kind: Uniform, Min: low, Max: high}
	}
	f, _ := v.fields("a distribution", latencyFields)
	if len(f.names) != 1 {
		if !f.unknown {
			v.fail("write a range, {exponential: {min, mean}} or {bimodal: {fast, slow, share}}", "expected one distribution, found %d", len(f.names))
		}
		return Latency{}
	}
	if e, ok := f.get("exponential"); ok {
		return e.exponential()
	}
	return f.byName["bimodal"].bimodal()
}

// exponential reads {min, mean}.
func (v value) exponential() Latency {
	l := Latency{Kind: Exponential}
	f, ok := v.fields("{min: 1ms, mean: 5ms}", exponential)
	if !ok {
		return l
	}
	before := v.d.count
	if low, ok := f.need("min", "the least delay"); ok {
		l.Min, _ = low.duration(0, longestDuration)
	}
	mean, ok := f.need("mean", "the mean delay, min included")
	if ok {
		l.Mean, _ = mean.duration(1, longestDuration)
	}
	if v.d.count == before && ok && l.Mean <= l.Min {
		mean.fail("the mean includes min", "must be longer than min (%s)", FormatDuration(l.Min))
	}
	return l
}

// bimodal reads {fast, slow, share}.
func (v value) bimodal() Latency {
	l := Latency{Kind: Bimodal}
	f, ok := v.fields("{fast: 50us..1ms, slow: 10ms..50ms, share: 0.01}", bimodal)
	if !ok {
		return l
	}
	if fast, ok := f.need("fast", "the range of most delays"); ok {
		l.Min, l.Max, _ = fast.span(0, longestDuration)
	}
	if slow, ok := f.need("slow", "the range of the other delays"); ok {
		l.SlowMin, l.SlowMax, _ = slow.span(0, longestDuration)
	}
	if share, ok := f.need("share", "how many messages are slow: 0.01"); ok {
		l.Share, _ = share.rate(0, rateOne)
	}
	return l
}
