package netsim

// AddDuplicate puts a duplication act in force, on the given links or (nil) on all.
func (n *Network) AddDuplicate(id int, rate int64, links []Link) {
	n.twice = append(n.twice, rule{id, rate, links, Forever})
}

// EndDuplicate ends the act of that id.
func (n *Network) EndDuplicate(id int) { n.twice = without(n.twice, id) }

// duplicate decides whether a datagram arrives a second time. A stream delivers each byte once.
func (n *Network) duplicate(now int64, from, to int, k Key, d *Draw) {
	if n.cfg.Stream || !chance(n.decider, k, LaneDuplicate, together(n.cfg.Duplicate, n.twice, from, to, now)) {
		return
	}
	d.Copy, d.Twice = n.cfg.Latency.draw(n.decider, k, LaneDuplicateLatency), true
}
