package netsim

// ordered keeps the order of a link where reordering is off: nothing arrives before what was sent earlier. Two arrivals
// at one instant keep their order in the caller's queue.
func (n *Network) ordered(from, to int, at int64) int64 {
	if n.cfg.Reorder {
		return at
	}
	last := &n.order[n.at(from, to)]
	*last = max(*last, at)
	return *last
}
