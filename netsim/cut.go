package netsim

// Open tells whether a link is open in every act in force.
func (n *Network) Open(from, to int) bool {
	return n.links == nil || n.links[n.at(from, to)].blocks == 0
}

// ClosedSince is when a closed link closed; false if it is open.
func (n *Network) ClosedSince(from, to int) (int64, bool) {
	if n.Open(from, to) {
		return 0, false
	}
	return n.links[n.at(from, to)].closedAt, true
}

// Block puts an act in force that closes one direction; true if it was open until now.
func (n *Network) Block(now int64, from, to int) bool {
	if n.links == nil {
		n.links = empty(n.used.links, n.cfg.World*n.cfg.World)
	}
	l := &n.links[n.at(from, to)]
	l.blocks++
	if l.blocks > 1 {
		return false
	}
	l.closedAt, l.wasShut = now, true
	return true
}

// Unblock ends such an act; true if the direction is open from now on.
func (n *Network) Unblock(from, to int) bool {
	l := &n.links[n.at(from, to)]
	l.blocks--
	return l.blocks == 0
}

// blocked is the fate of a packet on a closed link.
func (n *Network) blocked() Why {
	if n.cfg.Stream {
		return Held
	}
	return DropCut
}
