package sim

import (
	"cmp"
	"slices"

	"nexarsim/core"
	"nexarsim/netsim"
)

// heldPacket is a stream's packet that waits for its link to open.
type heldPacket struct {
	entry
	from, to int
}

func (s *Simulator) hold(e *entry, from, to int) {
	s.held = append(s.held, heldPacket{*e, from, to})
}

// releaseHeld sends again what a link has held, in its order: the burst after a heal.
func (s *Simulator) releaseHeld(from, to int) {
	kept := s.held[:0]
	var burst []heldPacket
	for _, h := range s.held {
		if h.from != from || h.to != to {
			kept = append(kept, h)
			continue
		}
		burst = append(burst, h)
	}
	s.held = kept
	// What was on its way when the link closed was sent before what found it closed, though it was held later.
	slices.SortStableFunc(burst, func(a, b heldPacket) int { return cmp.Compare(s.idOf(&a.entry), s.idOf(&b.entry)) })
	for _, h := range burst {
		key := s.counters.key(domainRelease, 0, from, to, 0)
		s.queue.push(s.net.Release(s.now, from, to, key), classDeliver, h.a, h.b)
		s.reach.hit(ReachStaleBurst)
	}
}

// loseHeld ends what a closed connection has held.
func (s *Simulator) loseHeld(from, to int, why netsim.Why) {
	kept := s.held[:0]
	for i := range s.held {
		h := s.held[i]
		if h.from != from || h.to != to {
			kept = append(kept, h)
			continue
		}
		s.lose(&h.entry, why)
	}
	s.held = kept
}

// block closes one direction for an act.
func (s *Simulator) block(from, to int) {
	if s.net.Block(s.now, from, to) {
		s.queue.push(s.net.IdleAt(s.now), classIdle, uint32(from), uint32(to))
	}
}

// unblock ends that.
func (s *Simulator) unblock(from, to int) {
	if !s.net.Unblock(from, to) {
		return
	}
	s.releaseHeld(from, to)
	s.tryReopen(from, to)
}

// die takes a process off the network. A loud death closes its connections, which the peers learn as fast as messages
// travel; after a silent one, or when the close gets lost, only the idle timeout tells them.
func (s *Simulator) die(id int, silent bool) {
	n := &s.nodes[id]
	n.gone, n.goneAt = true, s.now
	n.rest = nil
	for i := range n.missed {
		if n.missed[i].class() == classDeliver {
			s.lose(&n.missed[i], netsim.DropGone)
		}
	}
	n.missed = n.missed[:0]
	for peer := range s.nodes {
		if peer == id {
			continue
		}
		s.loseHeld(id, peer, netsim.DropGone) // nobody is left to send it again
		if s.nodes[peer].gone {
			continue
		}
		if silent || !s.sendClose(id, peer) {
			s.queue.push(s.net.IdleAt(s.now), classIdle, uint32(id), uint32(peer))
		}
		if s.cfg.ExternalDetector {
			s.detect(peer, id)
		}
	}
}

// exit ends a process after a shutdown.
func (s *Simulator) exit(id int) { s.die(id, false) }

// detect lets an accurate outside detector suspect a dead peer, at a moment between the close and the latest one that
// the detection rules allow; half of the time within the first tenth.
func (s *Simulator) detect(by, dead int) {
	s.giveInputAt(s.now+s.notice(by, dead), by, core.Input{Kind: core.InSuspect, Peer: core.NodeID(dead)})
}

// closing is the end of a connection on its way to the peer.
type closing struct {
	from, to int
	sent     int64
	cause    uint64 // the line of what ended it
}

// sendClose sends the end of a connection; false if it will not arrive by itself. On a link that keeps the order it comes
// after all that was sent before.
func (s *Simulator) sendClose(from, to int) bool {
	f := s.net.Send(s.now, from, to, s.counters.key(domainClose, 0, from, to, 0))
	arrivals := f.Arrivals()
	if len(arrivals) == 0 {
		return false
	}
	s.closes = append(s.closes, closing{from, to, s.now, s.act})
	s.queue.push(arrivals[0], classClose, uint32(len(s.closes)-1), uint32(to))
	return true
}

// closeDue handles the arrival of a close. A cut on its way loses it, and the idle timeout tells instead; the end of an old
// connection does nothing to a new one.
func (s *Simulator) closeDue(e *entry) {
	c := s.closes[e.a]
	if s.nodes[c.to].gone {
		return
	}
	switch s.net.Arrive(c.sent, c.from, c.to) {
	case netsim.Delivered:
	case netsim.DropClosed:
		return
	default:
		since, closed := s.net.ClosedSince(c.from, c.to)
		if !closed {
			since = c.sent
		}
		s.queue.push(max(s.now, s.net.IdleAt(since)), classIdle, uint32(c.from), uint32(c.to))
		return
	}
	if !s.postpone(c.to, e) {
		s.cause = c.cause
		s.closeEnd(c.to, c.from)
		s.cause = 0
	}
}

// idleDue closes a node's end of a connection over which nothing can have come for the idle timeout.
func (s *Simulator) idleDue(e *entry) {
	peer, owner := int(e.a), int(e.b)
	if s.nodes[owner].gone || !s.net.Connected(owner, peer) || !s.idle(peer, owner) || s.postpone(owner, e) {
		return
	}
	s.reach.hit(ReachIdleTimeout)
	if !s.nodes[peer].gone && !s.sendClose(owner, peer) {
		s.queue.push(s.net.IdleAt(s.now), classIdle, uint32(owner), uint32(peer))
	}
	s.closeEnd(owner, peer)
}

// idle tells whether a peer cannot have been heard for the idle timeout: dead, stopped, cut off, or at its end closed.
func (s *Simulator) idle(peer, owner int) bool {
	p := &s.nodes[peer]
	switch {
	case p.gone:
		return s.net.IdleAt(p.goneAt) <= s.now
	case p.pauses > 0 && s.net.IdleAt(p.paused) <= s.now:
		return true
	}
	return s.net.Idle(s.now, peer, owner) || !s.net.Connected(peer, owner)
}

// closeEnd closes a node's end of a connection and tells it.
func (s *Simulator) closeEnd(owner, peer int) {
	if !s.net.Close(s.now, owner, peer) {
		return
	}
	s.loseHeld(peer, owner, netsim.DropClosed)
	s.loseHeld(owner, peer, netsim.DropClosed)
	s.tryReopen(owner, peer)
	if s.cfg.ExternalDetector || s.nodes[owner].mute {
		return
	}
	s.in = core.Input{Kind: core.InClosed, Peer: core.NodeID(peer)}
	s.step(owner)
}

// tryReopen opens a closed connection again, one round trip after both directions are open.
func (s *Simulator) tryReopen(a, b int) {
	if s.net.Connected(a, b) && s.net.Connected(b, a) || !s.reachable(a, b) {
		return
	}
	trip := s.net.Latency(a, b, s.counters.key(domainReopen, 0, a, b, 0)) +
		s.net.Latency(b, a, s.counters.key(domainReopen, 0, b, a, 0))
	s.queue.push(s.now+trip, classReopen, uint32(a), uint32(b))
}

func (s *Simulator) reachable(a, b int) bool {
	return !s.nodes[a].gone && !s.nodes[b].gone && s.nodes[a].pauses == 0 && s.nodes[b].pauses == 0 &&
		s.net.Open(a, b) && s.net.Open(b, a)
}

func (s *Simulator) reopenDue(a, b int) {
	if s.reachable(a, b) {
		s.net.Reopen(s.now, a, b)
		s.reach.hit(ReachReopened)
	}
}
