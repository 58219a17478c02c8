package classic

import "nexarsim/core"

// monitor is the health monitor, "one per root communicator": it knows nodes by their rank in the root, for the life of
// the process, and goes on after a recovery.
type monitor struct {
	success []core.Instant // of the last send to each peer that returned without error
	dead    core.NodeSet   // "accumulated, sorted, never shrinks"
	next    core.NodeID    // whose turn it is in this tick
}

func (m *monitor) start(world int, now core.Instant) {
	m.success = make([]core.Instant, world)
	for i := range m.success {
		m.success[i] = now // "Last success starts at monitor start."
	}
}

// beat goes on with a tick at the next peer: "for each directly connected peer not yet declared dead, one after another:
// send a heartbeat, then test that peer". It waits for the end of each send.
func (n *Node) beat(now core.Instant, out *core.Effects) {
	m := &n.monitor
	for ; int(m.next) < n.world; m.next++ {
		if m.next == n.self || m.dead.Has(m.next) {
			continue
		}
		beat := n.message(core.Heartbeat)
		if err := n.send(m.next, &beat, opMonitor, out); err == "" {
			return
		}
		n.test(now, m.next, out)
	}
	n.arm(timerTick, now+core.Instant(n.cfg.HeartbeatInterval), out)
}

// beaten ends one heartbeat. "Success = the local send returned without error. Received heartbeats are never looked at."
func (n *Node) beaten(now core.Instant, success bool, out *core.Effects) {
	peer := n.monitor.next
	if n.cfg.ExternalDetector || n.status == fresh || n.armed>>timerTick&1 != 0 || int(peer) >= n.world {
		return // no tick is under way
	}
	if success {
		n.monitor.success[peer] = now
	}
	n.test(now, peer, out)
	n.monitor.next++
	n.beat(now, out)
}

// test declares a peer dead "when elapsed since the last success is strictly greater than heartbeat_timeout".
func (n *Node) test(now core.Instant, peer core.NodeID, out *core.Effects) {
	if now-n.monitor.success[peer] > core.Instant(n.cfg.HeartbeatTimeout) {
		n.accuse(peer, out)
	}
}

// accuse declares a peer dead and publishes the whole list: "published once per newly dead peer".
func (n *Node) accuse(peer core.NodeID, out *core.Effects) {
	if peer < 0 || int(peer) >= n.world || peer == n.self || n.monitor.dead.Has(peer) || n.status == fresh {
		return
	}
	n.monitor.dead = n.monitor.dead.With(peer)
	out.Believe(peer, true)
	n.watch.publish(n.monitor.dead)
	n.ask(wakeWatch, out)
}

// watch is the failure watch: "a single slot: only the latest list is kept".
type watch struct {
	version uint32
	list    core.NodeSet // in the numbering of the root
}

func (w *watch) publish(list core.NodeSet) {
	w.version++
	w.list = list
}

// handedOver is what a new reader has seen: nothing, ever ("a copy of one that was never advanced: it fires at once if
// anything was ever published"). Repaired, it has seen what was handled.
func (n *Node) handedOver() uint32 {
	if n.repair.mends(Replay) {
		return n.orch.handled
	}
	return 0
}

// numbered is a published list as the orchestrator reads it: root ranks taken for ranks of the current communicator
// ("stay in the numbering of the ROOT communicator"). Repaired, they are translated, and who left already drops out.
func (n *Node) numbered(list core.NodeSet) core.NodeSet {
	if !n.repair.mends(Numbering) {
		return list
	}
	var ranks core.NodeSet
	for r, id := range n.comm.members {
		if list.Has(id) {
			ranks = ranks.With(core.NodeID(r))
		}
	}
	return ranks
}
