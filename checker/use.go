package checker

// Use is what a judge has to know of a used delivery that breaks nothing: most lines that matter to it are one.
type Use struct {
	T          int64
	Node, From int
	Epoch      uint64 // the receiver's, when it used the message
	Group      uint64 // the message's
	Of         uint64 // the message's epoch
}

// Uses takes a used delivery without its line, if the line would break nothing; false if it might. Then nothing was taken,
// and Observe has to see the line. So whoever runs millions of them builds no text that nobody reads.
func (j *Judge) Uses(u Use) bool {
	w := &j.world
	if uint(u.Node) >= uint(len(w.nodes)) || uint(u.From) >= uint(len(w.nodes)) || len(w.acts) > 0 {
		return false
	}
	n, excluded := &w.nodes[u.Node], j.eviction.nodes[u.Node].epoch
	if n.crashed || n.paused || u.Group != j.set.commID || u.Of != u.Epoch || excluded > 0 && u.Epoch > excluded {
		return false
	}
	if u.T < w.now || u.T > j.quorumLoss.deadline {
		return false
	}
	w.now = u.T
	return true
}
