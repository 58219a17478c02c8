package explore

import "math/bits"

// plan is the faults that a random run has: drawn before it, one for each unit of the budget, or none. When each of them
// comes is a matter of priorities.
type plan []fault

// fault is one of them: what, whom it concerns, and how many of its last messages a crash takes with it.
type fault struct {
	do         do
	node, peer uint8
	lost       int
	used       bool
}

// sorts is how the faults of a budget are drawn, in the order of its numbers: from so many, and none.
func sorts(c *Config) [6]struct {
	do   do
	from int
} {
	n := c.World
	return [6]struct {
		do   do
		from int
	}{
		{doCrash, n * n}, {doAccuse, n * (n - 1)}, {doPartition, 1<<(n-1) - 1}, {doEarly, n}, {doLose, n * (n - 1)}, {doDuplicate, n * (n - 1)},
	}
}

// choices is how many plans there are; as many as a number holds if there are more.
func choices(c *Config) uint64 {
	all := uint64(1)
	for i, n := range c.counts() {
		for range *n {
			high, low := bits.Mul64(all, uint64(sorts(c)[i].from)+1)
			if high != 0 {
				return 1<<64 - 1
			}
			all = low
		}
	}
	return all
}

func (p *plan) draw(d *draws, c *Config) {
	for i, n := range c.counts() {
		of := sorts(c)[i]
		for range *n {
			if which := int(d.below(uint64(of.from) + 1)); which < of.from {
				*p = append(*p, newFault(of.do, which, c.World))
			}
		}
	}
}

// newFault is one of the faults of a sort, by its number.
func newFault(of do, which, world int) fault {
	f := fault{do: of}
	switch of {
	case doCrash:
		f.node, f.lost = uint8(which/world), which%world
	case doPartition:
		f.peer = uint8(which+1) << 1 // the other side has node 0
	case doEarly:
		f.node = uint8(which)
	default: // two different nodes
		f.node, f.peer = uint8(which/(world-1)), uint8(which%(world-1))
		if f.peer >= f.node {
			f.peer++
		}
	}
	return f
}

// matches tells whether an act is this fault; a crash with more messages to lose than there are takes all.
func (f *fault) matches(a act) bool {
	switch {
	case f.used || f.do != a.do:
		return false
	case a.do == doCrash, a.do == doEarly:
		return f.node == a.node
	case a.do == doPartition:
		return f.peer == a.peer
	}
	return f.node == a.node && f.peer == a.peer
}

// allows tells whether a run has a fault. A partition may always heal.
func (p plan) allows(w *world, s *State, a act) bool {
	if a.do == doHeal {
		return true
	}
	for i := range p {
		if f := &p[i]; f.matches(a) {
			return a.do != doCrash || int(a.at) == max(0, len(w.boxes.at(s.boxes[a.node]).of)-f.lost)
		}
	}
	return false
}

// use marks the fault that an act is.
func (p plan) use(a act) {
	for i := range p {
		if p[i].matches(a) {
			p[i].used = true
			return
		}
	}
}
