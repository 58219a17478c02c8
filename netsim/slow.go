package netsim

type slow struct {
	id    int
	nodes []int
	by    int64
}

// AddSlow makes every packet from or to one of the nodes take longer, twice as much between two of them.
func (n *Network) AddSlow(id int, nodes []int, by int64) {
	n.slows = append(n.slows, slow{id, nodes, by})
}

// EndSlow ends the act of that id.
func (n *Network) EndSlow(id int) {
	for i := range n.slows {
		if n.slows[i].id == id {
			n.slows = append(n.slows[:i], n.slows[i+1:]...)
			return
		}
	}
}

func (n *Network) slowness(from, to int) int64 {
	var sum int64
	for i := range n.slows {
		for _, id := range n.slows[i].nodes {
			if id == from || id == to {
				sum += n.slows[i].by
			}
		}
	}
	return sum
}
