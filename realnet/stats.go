package realnet

import "sync/atomic"

// Stats is what a member has done and seen so far.
type Stats struct {
	Steps    uint64 // inputs given to the machine
	Sent     uint64 // messages handed to a connection
	Dropped  uint64 // messages that no connection took
	Received uint64 // messages that arrived
	Installs uint64 // views that were installed
	Refused  uint64 // connections that did not prove that they belong here
	Links    int    // connections that stand
	Epoch    uint64 // of the view that is in place
	World    int    // and its members
	Rank     int    // of this member in it; -1: none
}

// counters are those of one member; several goroutines count.
type counters struct {
	steps, sent, dropped, received, installs, refused atomic.Uint64
}

// Stats reads the counters.
func (g *Group) Stats() Stats {
	c := &g.counters
	s := Stats{
		Steps: c.steps.Load(), Sent: c.sent.Load(), Dropped: c.dropped.Load(), Received: c.received.Load(), Installs: c.installs.Load(),
		Refused: c.refused.Load(),
	}
	for i := range g.net.peers {
		if g.net.peers[i].links.Load() > 0 {
			s.Links++
		}
	}
	view := g.View()
	s.Epoch, s.World, s.Rank = uint64(view.Epoch), view.World(), int(view.Rank(g.self))
	return s
}
