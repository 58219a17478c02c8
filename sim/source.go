package sim

import "nexarsim/netsim"

// source is where a run's choices come from, if not from its seed: what becomes of packets, when an accurate detector
// notices a death, when a node's first heartbeat is due.
type source interface {
	netsim.Source
	bind(s *Simulator) error
	phase(id int) int64
	notice(by, dead int) int64
}

// phase is how long after its start a node's first heartbeat is due.
func (s *Simulator) phase(id int, interval uint64) uint64 {
	if s.choices != nil {
		return uint64(s.choices.phase(id))
	}
	return s.dice.Decide(choiceKey(domainPhase, uint64(id), 0), 0, interval)
}

// notice is how long after a death an accurate detector tells a node: at most as long as the detection rules allow, half
// of the time within the first tenth.
func (s *Simulator) notice(by, dead int) int64 {
	if s.choices != nil {
		return s.choices.notice(by, dead)
	}
	window := uint64(s.cfg.HeartbeatTimeout + 2*s.cfg.HeartbeatInterval)
	key := choiceKey(domainDetect, uint64(by), uint64(dead))
	if s.dice.Decide(key, 1, 2) == 0 {
		window /= 10
	}
	return int64(s.dice.Decide(key, 0, window+1))
}

// Variation is a way in which a replay may differ in what a capsule leaves open. A capsule that says all that matters
// shows the same violation in each of them; one that rests on an accident (two messages at one instant, say) does not,
// and would lose its violation with the next harmless change of code.
type Variation uint8

// The variations.
const (
	Plain     Variation = iota
	Reversed            // of what is due at one instant, and is alike, the last made comes first
	Shifted             // unlisted packets take up to 20 us longer, and unlisted first heartbeats come at any time
	Scattered           // likewise, otherwise
	variations
)

// flips is the classes of which the last made comes first. The order of acts and of what a paused node has missed means
// something, as does that of messages on a link that keeps it.
func (s *Simulator) flips() uint64 {
	if s.spec.variation != Reversed {
		return 0
	}
	flips := uint64(1)<<classIdle | 1<<classReopen | 1<<classInput | 1<<classTimer | 1<<classWake | 1<<classClose
	if s.sc.Network.Reorder {
		flips |= 1 << classDeliver
	}
	return flips
}
