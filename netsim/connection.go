package netsim

// end is one node's end of its connection to a peer.
type end struct {
	closed   bool
	ever     bool
	closedAt int64 // when it closed last
}

// Connected tells whether a node's end of its connection to a peer is open.
func (n *Network) Connected(owner, peer int) bool {
	return n.ends == nil || !n.ends[n.at(owner, peer)].closed
}

// Close closes a node's end: because of a close that came from the peer, an idle timeout, or its own death. From now on
// it sends nothing to the peer, and what the peer sent over the old connection is dropped when it arrives: that is how
// the tail of a dead node's messages gets lost. True if the end was open.
func (n *Network) Close(now int64, owner, peer int) bool {
	if n.ends == nil {
		n.ends, n.left = empty(n.used.ends, n.cfg.World*n.cfg.World), empty(n.used.left, n.cfg.World)
	}
	n.left[peer] = true
	e := &n.ends[n.at(owner, peer)]
	if e.closed {
		return false
	}
	*e = end{closed: true, ever: true, closedAt: now}
	return true
}

// Reopen opens both ends again: a new connection, on which nothing of the old one arrives, whether both ends had noticed
// its end or one.
func (n *Network) Reopen(now int64, a, b int) {
	if !n.Connected(a, b) || !n.Connected(b, a) {
		n.left[a], n.left[b] = true, true
		for _, e := range []*end{&n.ends[n.at(a, b)], &n.ends[n.at(b, a)]} {
			*e = end{ever: true, closedAt: max(e.closedAt, now-1)}
		}
	}
}
