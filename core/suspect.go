package core

// noticeSleep gives all peers their time anew after a gap in which this node itself did not run: it must not take its own
// sleep for their silence.
func (n *Node) noticeSleep(now Instant) {
	if now-n.last > Instant(n.cfg.HeartbeatTimeout/2) && !n.cfg.ExternalDetector {
		n.restart(now)
	}
}

// tick sends a heartbeat to every other member, suspected ones too: a false suspicion ends only if both sides go on
// talking, and an old epoch's heartbeat is how an excluded node asks.
func (n *Node) tick(now Instant, out *Effects) {
	n.beat++
	m := n.message(Heartbeat, NoBallot)
	m.Num = n.beat
	letter := out.Write(&m)
	for _, id := range n.view.members {
		if id != n.self {
			out.SendLetter(id, letter)
		}
	}
	n.arm(timerTick, after(now, n.cfg.HeartbeatInterval), out)
}

// heartbeat is the only message whose arrival is a sign of life.
func (n *Node) heartbeat(now Instant, from NodeID, m *Message, out *Effects) {
	if m.Epoch < Epoch(len(n.decided)) {
		n.answer(from, m, out)
	}
	if !n.hear(from, m.Num, now) || n.suspected.Empty() {
		return
	}
	if n.suspected.Has(from) && !n.firm(from) {
		n.trust(now, from, out)
	}
}

// armSilence sets the timer to the first instant at which somebody may have been silent for too long. It also bounds the
// gap between two steps of a node with a long interval, so that noticeSleep never takes idleness for sleep.
func (n *Node) armSilence(out *Effects) {
	at, any := n.detector.deadline(n.view.members, n.self, Instant(n.cfg.HeartbeatTimeout))
	if !any {
		n.disarm(timerSilence, out)
		return
	}
	if n.cfg.HeartbeatInterval > n.cfg.HeartbeatTimeout/4 {
		at = min(at, after(n.last, n.cfg.HeartbeatTimeout/4))
	}
	n.arm(timerSilence, at, out)
}

func (n *Node) checkSilence(now Instant, out *Effects) {
	silent := n.silent(n.view.members, n.self, now, Instant(n.cfg.HeartbeatTimeout))
	n.suspect(now, silent, out)
	if n.status == running {
		n.armSilence(out)
	}
}

// witness takes a death that somebody saw: it is never withdrawn.
func (n *Node) witness(now Instant, peer NodeID, out *Effects) {
	if n.status == running && peer != n.self && n.view.set.Has(peer) {
		n.witnessed = n.witnessed.With(peer)
		n.suspect(now, NodeSetOf(peer), out)
	}
}

// accuse takes a suspicion from outside.
func (n *Node) accuse(now Instant, peer NodeID, hold bool, out *Effects) {
	if n.status != running || peer == n.self || !n.view.set.Has(peer) {
		return
	}
	if hold {
		n.held = n.held.With(peer)
	}
	n.suspect(now, NodeSetOf(peer), out)
}

// acquit ends a suspicion from outside. The internal detector keeps it if the peer has been silent in the meantime.
func (n *Node) acquit(now Instant, peer NodeID, out *Effects) {
	if n.status != running || !n.view.set.Has(peer) {
		return
	}
	n.held = n.held.Without(peer)
	if !n.suspected.Has(peer) || n.witnessed.Has(peer) {
		return
	}
	if !n.cfg.ExternalDetector && n.signs[peer].heard+Instant(n.cfg.HeartbeatTimeout) <= now {
		return
	}
	n.trust(now, peer, out)
}

// suspect adds to the node's suspicions and acts on them at once.
func (n *Node) suspect(now Instant, peers NodeSet, out *Effects) {
	if n.status != running {
		return
	}
	peers = peers.Intersect(n.view.set).Minus(n.suspected).Without(n.self)
	if peers.Empty() {
		return
	}
	n.suspected = n.suspected.Union(peers)
	for id := peers.First(); id != NoNode; id = peers.Next(id) {
		out.Believe(id, true)
	}
	if n.cfg.Policy == AbortAll {
		n.abort(peers, out)
		return
	}
	n.watchQuorum(now, out)
	n.tellFailures(peers, out)
	n.pursue(now, out)
}

// trust withdraws a suspicion.
func (n *Node) trust(now Instant, peer NodeID, out *Effects) {
	n.suspected = n.suspected.Without(peer)
	n.told = n.told.Without(peer)
	out.Believe(peer, false)
	if !n.cfg.ExternalDetector {
		n.armSilence(out)
	}
	n.watchQuorum(now, out)
	n.pursue(now, out)
}

// watchQuorum starts and stops the clock of S8: a node that lacks a quorum says so, once for each loss.
func (n *Node) watchQuorum(now Instant, out *Effects) {
	if n.quorum(n.unsuspected()) {
		n.lossTold = false
		n.disarm(timerQuorumLoss, out)
		return
	}
	if !n.lossTold {
		n.armOnce(timerQuorumLoss, after(now, n.times.QuorumLoss), out)
	}
}

func (n *Node) reportQuorumLoss(out *Effects) {
	n.lossTold = true
	out.PutEvent(n.event(EventQuorumLost, n.suspected))
}

// event is an event that changes no rank.
func (n *Node) event(k EventKind, dead NodeSet) Event {
	r := n.view.Rank(n.self)
	return Event{Kind: k, Epoch: n.view.Epoch, OldRank: r, NewRank: r, NewWorldSize: n.view.World(), DeadRanks: n.view.Ranks(dead)}
}
