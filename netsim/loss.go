package netsim

import "math"

// rule is a rate on some links, or on all.
type rule struct {
	id    int
	rate  int64
	links []Link // nil: all
	until int64  // when it will end
}

func (r *rule) on(from, to int) bool {
	if r.links == nil {
		return true
	}
	for _, l := range r.links {
		if l.From == from && l.To == to {
			return true
		}
	}
	return false
}

// together is, at an instant, the rate at which at least one of several independent causes of loss or duplication strikes.
func together(base int64, rules []rule, from, to int, at int64) int64 {
	miss := PPB - base
	for i := range rules {
		if at < rules[i].until && rules[i].on(from, to) {
			miss = miss * (PPB - rules[i].rate) / PPB
		}
	}
	return PPB - miss
}

func without(rules []rule, id int) []rule {
	for i := range rules {
		if rules[i].id == id {
			return append(rules[:i], rules[i+1:]...)
		}
	}
	return rules
}

// Forever is the end of what has none.
const Forever = math.MaxInt64

// AddLoss puts a loss act in force, on the given links or (nil) on all, until EndLoss; until says when that will be, or is
// Forever: a stream's later attempts are lost only as long. A rate of 1 loses everything, but leaves the link open in the
// sense of Open.
func (n *Network) AddLoss(id int, rate int64, links []Link, until int64) {
	n.losses = append(n.losses, rule{id, rate, links, until})
}

// EndLoss ends the act of that id.
func (n *Network) EndLoss(id int) { n.losses = without(n.losses, id) }

// LossRate is the rate in force on a link at an instant.
func (n *Network) LossRate(from, to int, at int64) int64 {
	return together(n.cfg.Loss, n.losses, from, to, at)
}

// attemptsMax bounds a stream's transmissions of one packet: with the doubling below more would outlast any idle timeout.
const attemptsMax = 40

// lose decides whether a packet is lost. A stream sends it again after a probe timeout of three delays that doubles
// (RFC 9002, section 6.2, with the delay in the place of the smoothed round trip), until the idle timeout.
func (n *Network) lose(now int64, from, to int, k Key, delay int64) (extra int64, why Why) {
	if !n.cfg.Stream {
		if chance(n.decider, k, laneLoss, n.LossRate(from, to, now)) {
			return 0, DropLoss
		}
		return 0, Delivered
	}
	wait := 3*delay + 1_000_000
	for i := Lane(0); i < attemptsMax && extra < n.cfg.IdleTimeout; i++ {
		if !chance(n.decider, k, laneLoss+i, n.LossRate(from, to, now+extra)) {
			return extra, Delivered
		}
		extra += wait
		wait *= 2
	}
	return 0, DropIdle
}
