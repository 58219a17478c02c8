package checker

// S5 comm_id is a function of the decided history alone, never of a node's own counters: nodes with the same history of
// views have the same comm_id, and two different views never share one. Both are judged exactly as they stand here; that
// messages are told apart by epoch and comm_id together guards against a collision of hashes, it permits none.

// step is a view as the latest of a history: what a comm_id may depend on.
type step struct {
	parent int // the history before; -1 for the first view
	view   viewID
	commID uint64
	node   int // who installed it first; -1 for the first view
}

// commIDFold knows every history that some node went through, as a tree.
type commIDFold struct {
	steps  []step
	byPath index[[2]int] // parent and view
	byID   index[uint64] // of comm_ids: first use
	byUse  []int         // the step of each entry of byID
	nodes  []int         // each node's own history
}

func (f *commIDFold) reset(n int, commID uint64) {
	f.steps = append(f.steps[:0], step{parent: -1, view: 0, commID: commID, node: -1})
	f.byPath.reset()
	f.byPath.add([2]int{-1, 0})
	f.byID.reset()
	f.byID.add(commID)
	f.byUse = append(f.byUse[:0], 0)
	f.nodes = f.nodes[:0]
	for range n {
		f.nodes = append(f.nodes, 0)
	}
}

func (f *commIDFold) copyFrom(o *commIDFold) {
	f.steps = append(f.steps[:0], o.steps...)
	f.byPath.copyFrom(&o.byPath)
	f.byID.copyFrom(&o.byID)
	f.byUse = append(f.byUse[:0], o.byUse...)
	f.nodes = append(f.nodes[:0], o.nodes...)
}

func (f *commIDFold) install(w *world, in *install, out *findings) {
	id := in.said.CommID
	path := [2]int{f.nodes[in.node], int(in.to)}
	at := f.byPath.find(path)
	if at < 0 {
		at = len(f.steps)
		f.byPath.add(path)
		f.steps = append(f.steps, step{parent: path[0], view: in.to, commID: id, node: in.node})
	}
	f.nodes[in.node] = at
	if s := &f.steps[at]; s.commID != id {
		out.between(CommID, in.t, s.node, in.node, "nodes %d and %d went through the same views to epoch %d, and one has comm_id %016x, the other %016x",
			s.node, in.node, in.said.Epoch, s.commID, id)
	}
	f.use(w, in, at, out)
}

// use holds one comm_id to one view.
func (f *commIDFold) use(w *world, in *install, at int, out *findings) {
	id := in.said.CommID
	i := f.byID.find(id)
	if i < 0 {
		f.byID.add(id)
		f.byUse = append(f.byUse, at)
		return
	}
	first := &f.steps[f.byUse[i]]
	if first.view == in.to {
		return
	}
	v := &w.views[first.view]
	if first.node < 0 {
		out.by(CommID, in.t, in.node, "node %d installed epoch %d with the comm_id of the first view, %016x", in.node, in.said.Epoch, id)
		return
	}
	out.between(CommID, in.t, first.node, in.node, "comm_id %016x stands for two views: epoch %d with members %s, and epoch %d with members %s",
		id, v.epoch, show(w.members(first.view)), in.said.Epoch, show(in.said.Members))
}

// appendState writes each node's history, which is all that later installs are held against.
func (f *commIDFold) appendState(buf []byte, c *canon) []byte {
	for _, at := range f.nodes {
		for ; at > 0; at = f.steps[at].parent {
			buf = appendUint(buf, uint64(c.place[f.steps[at].view]))
			buf = appendUint(buf, f.steps[at].commID)
		}
		buf = append(buf, 0xff)
	}
	return buf
}
