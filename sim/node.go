package sim

import (
	"fmt"

	"nexarsim/core"
)

// node is a process on the simulated network.
type node struct {
	// What each step looks at stands first, and together.
	m          core.Machine
	gone       bool       // the process is dead: crashed, or exited after a shutdown
	mute       bool       // it panicked: the process stands, and nothing moves in it
	ended      bool       // its application has been told that it is no member any more
	epoch      core.Epoch // of its last install
	pauses     int        // pause acts in force
	sends      uint64     // messages it has sent
	clock      clock
	busyFrom   int64 // start of the half interval in which its steps are counted
	busy       int
	busyBefore int // steps of the half interval before

	timers  [core.MaxTimers]timer
	goneAt  int64
	paused  int64   // since when, if pauses > 0
	missed  []entry // what was due while it was paused
	rest    *core.Effects
	restAt  int    // where a pause interrupted the effects of a step
	restFor uint64 // and the line that had caused it
}

// timer is one of a machine's timers. An entry of an older generation was replaced or cancelled. One that is set for later
// while it has an entry gets no other: the entry finds out when it comes up, and goes back with the place in the order that
// the later setting had. So a queue does not fill with what machines set, cancel and set again.
type timer struct {
	at     core.Instant // the node's own time
	due    int64        // which is this in the run
	ord    uint64       // place in the order of the last setting
	entry  int64        // when its entry comes up, if it is queued
	gen    uint32
	armed  bool
	queued bool
}

const genMask = 1<<(32-timerBits) - 1

func (s *Simulator) makeNodes(make1 Constructor) error {
	if cap(s.nodes) < s.world {
		s.nodes = make([]node, s.world)
	}
	s.nodes = s.nodes[:s.world]
	comm := s.protocol.rootID(nodeIDs(s.world))
	for id := range s.nodes {
		m, err := make1(core.Setup{Self: core.NodeID(id), World: s.world, CommID: comm, Config: s.cfg})
		if err != nil {
			return fmt.Errorf("run %s: %w", s.sc.Name, err)
		}
		s.nodes[id] = node{m: m, clock: clock{rate: trueRate}, missed: s.nodes[id].missed[:0]}
	}
	return nil
}

// down tells whether a node takes no more steps.
func (n *node) down() bool { return n.gone || n.mute }

func (s *Simulator) setTimer(id int, t core.TimerID, at core.Instant) {
	n := &s.nodes[id]
	tm := &n.timers[t]
	tm.at, tm.armed = at, true
	tm.due, tm.ord = max(n.clock.global(at), s.now), s.queue.place(classTimer)
	if tm.queued && tm.entry < tm.due {
		return
	}
	tm.gen = (tm.gen + 1) & genMask
	s.queueTimer(id, t)
}

func (s *Simulator) queueTimer(id int, t core.TimerID) {
	tm := &s.nodes[id].timers[t]
	tm.entry, tm.queued = tm.due, true
	s.queue.insert(entry{at: tm.due, ord: tm.ord, a: uint32(id), b: uint32(t) | tm.gen<<timerBits})
}

func (s *Simulator) cancelTimer(id int, t core.TimerID) { s.nodes[id].timers[t].armed = false }

// skew changes a node's clock; its timers are due by the new one.
func (s *Simulator) skew(id int, rate int64, step core.Instant) {
	n := &s.nodes[id]
	n.clock.set(s.now, rate, step)
	for t := range n.timers {
		if n.timers[t].armed {
			s.setTimer(id, core.TimerID(t), n.timers[t].at)
		}
	}
}
