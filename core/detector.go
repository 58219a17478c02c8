package core

// sign is what a node remembers of a peer's signs of life.
type sign struct {
	heard Instant // when the last new one came
	seq   uint64  // its sequence number
}

// detector decides whom a node suspects (docs/protocol.md, Detection). Internal, it reads heartbeats; external, it is told.
// It knows nothing of views: whoever uses it says which peers matter.
type detector struct {
	signs     []sign  // by node; empty if external
	suspected NodeSet // the node's belief
	witnessed NodeSet // dead beyond doubt: never withdrawn
	held      NodeSet // suspected by order, until the order ends
}

func newDetector(world int, external bool) detector {
	if external {
		return detector{}
	}
	return detector{signs: make([]sign, world)}
}

func (d *detector) clone() detector {
	c := *d
	c.signs = append([]sign(nil), d.signs...)
	return c
}

// restart gives every peer its full time anew: after the start, and after a sleep of one's own, in which nothing could
// have been heard.
func (d *detector) restart(now Instant) {
	for i := range d.signs {
		d.signs[i].heard = now
	}
}

// hear takes a heartbeat. fresh: it was newer than all before; only that is a sign of life, not the late arrival of an
// old one.
func (d *detector) hear(from NodeID, seq uint64, now Instant) (fresh bool) {
	if int(from) >= len(d.signs) {
		return false
	}
	s := &d.signs[from]
	if seq <= s.seq {
		return false
	}
	s.seq, s.heard = seq, now
	return true
}

// firm tells whether a suspicion may not be withdrawn for being heard.
func (d *detector) firm(peer NodeID) bool { return d.witnessed.Has(peer) || d.held.Has(peer) }

// silent is those of peers, unsuspected so far, from whom nothing was heard for timeout.
func (d *detector) silent(peers []NodeID, self NodeID, now Instant, timeout Instant) NodeSet {
	var s NodeSet
	for _, p := range peers {
		if p != self && d.signs[p].heard+timeout <= now && !d.suspected.Has(p) {
			s = s.With(p)
		}
	}
	return s
}

// deadline is the instant at which the first of peers falls silent unless it is heard before; false if all are suspected.
func (d *detector) deadline(peers []NodeID, self NodeID, timeout Instant) (Instant, bool) {
	var first Instant
	found := false
	for _, p := range peers {
		if p == self || d.suspected.Has(p) {
			continue
		}
		if at := d.signs[p].heard + timeout; !found || at < first {
			first, found = at, true
		}
	}
	return first, found
}

// forget drops what concerns nodes that are no members any more.
func (d *detector) forget(members NodeSet) {
	d.suspected = d.suspected.Intersect(members)
	d.witnessed = d.witnessed.Intersect(members)
	d.held = d.held.Intersect(members)
}
