package checker

// L1, its bound: where nothing disturbs the network, whoever survives a failure installs the view without it within
// detection plus a stated number of agreements, each of a stated number of message delays, retransmissions and timers. An
// install that comes later than that after the last thing that arose is late. Judged for quorum and fail-stop under
// policy automatic, on links that lose nothing, while no act is in force and no live member is falsely suspected: there
// messages flow within a bound, and nobody waits for an application.

// The bound is made of the durations of docs/protocol.md's table, as multiples of I, the heartbeat interval, T, the
// heartbeat timeout, and d, the largest one-way delay. Counted per agreement unless said otherwise.
const (
	boundTimeouts   = 1 // T until a silent member is suspected, once
	boundIntervals  = 2 // I on top of it, until everybody is heard again, once
	boundDelays     = 4 // d: the last heartbeat before and the first after, and a connection that opens again, once
	boundAgreements = 2 // in a row: one bound to what was accepted before, and one for all the rest

	windowTenths      = 1     // I/10 that a coordinator waits for votes that are still to come
	staggerHalves     = 8     // I/2 each: the last member to take over waits for 8 of them
	backOffTenths     = 2 * 8 // I/10 each: two back-offs of the lowest member, doubled three times
	retransmissions   = 3     // at their cap, I: one question that waits, two messages that a closing connection lost
	delaysInAgreement = 8     // d: a refused ballot and one that is decided, four each
)

// LateBound gives the time within which an install follows what it answers, for a configuration and a network
// (docs/protocol.md, What it costs).
func LateBound(cfg Config, net Network) int64 {
	i, t, d := cfg.HeartbeatInterval, cfg.HeartbeatTimeout, net.LatencyMax
	detection := boundTimeouts*t + boundIntervals*i + boundDelays*d
	agreement := windowTenths*i/10 + staggerHalves*i/2 + backOffTenths*i/10 + retransmissions*i + delaysInAgreement*d
	return detection + boundAgreements*agreement
}

// lateFold knows when something last arose that an install may answer.
type lateFold struct {
	arose   int64
	blind   string // why an install could not be judged; empty if each could
	slowest int64  // the longest that a judged install took
}

// arises notes something that an install may answer. An act's end may do so for a while: see Judge.afterglow.
func (f *lateFold) arises(t int64) { f.arose = max(f.arose, t) }

func (f *lateFold) reset() { *f = lateFold{} }

func (f *lateFold) install(w *world, set *settings, in *install, out *findings) {
	if !set.hardened || set.Policy != "automatic" {
		return
	}
	took := in.t - f.arose
	why := undisturbed(w, set)
	switch {
	case took <= set.lateBound && why == "":
		f.slowest = max(f.slowest, took)
	case took <= set.lateBound:
	case why != "":
		f.unjudged(in, why)
	default:
		f.slowest = max(f.slowest, took)
		out.by(Late, in.t, in.node, "node %d installed epoch %d %s after the last thing that arose, the bound is %s",
			in.node, in.said.Epoch, span64(took), span64(set.lateBound))
	}
}

// undisturbed tells why an install cannot be held to the bound; empty if it can.
func undisturbed(w *world, set *settings) string {
	switch {
	case set.Loss > 0:
		return "the network loses messages without any act"
	case len(w.acts) > 0:
		return "an act was in force when a view was installed"
	case w.anyPaused():
		return "a node was paused when a view was installed"
	case w.falselySuspected():
		return "a live member was suspected when a view was installed"
	}
	return ""
}

// unjudged notes that an install could not be judged. It is then itself something that the others' installs answer.
func (f *lateFold) unjudged(in *install, why string) {
	f.arises(in.t)
	if f.blind == "" {
		f.blind = why
	}
}

func (w *world) anyPaused() bool {
	for i := range w.nodes {
		if n := &w.nodes[i]; n.paused && !n.crashed {
			return true
		}
	}
	return false
}

// falselySuspected reports whether some live member suspects another one of its view that lives.
func (w *world) falselySuspected() bool {
	if !w.doubted {
		return false
	}
	for by := range w.nodes {
		if b := &w.nodes[by]; b.crashed || b.ended {
			continue
		}
		for of := range w.nodes {
			if o := &w.nodes[of]; !o.crashed && !o.ended && w.isSuspected(by, of) && w.isMember(w.nodes[by].view, of) {
				return true
			}
		}
	}
	return false
}
