package checker

// S3 Validity: nobody is excluded whom no other node had suspected by then (a suspicion that was withdrawn counts), and
// without a new suspicion or crash no view ever changes. In the crash-stop model, where suspicions are true, nobody is
// excluded who has neither crashed nor shut down.

func judgeValidity(w *world, set *settings, in *install, out *findings) {
	removed := w.list(w.changes[in.via].removed)
	for _, x := range removed {
		switch n := &w.nodes[x]; {
		case set.crashStop && !n.gone() && !n.leaving:
			out.between(Validity, in.t, x, in.node, "node %d installed epoch %d without node %d, which had neither crashed nor shut down", in.node, in.said.Epoch, x)
			return
		case !n.everSuspected:
			out.between(Validity, in.t, x, in.node, "node %d installed epoch %d without node %d, which no other node had suspected", in.node, in.said.Epoch, x)
			return
		}
	}
	if phantom(w, in, removed) {
		out.by(Validity, in.t, in.node, "node %d installed epoch %d although nobody had been suspected or had crashed since: a phantom", in.node, in.said.Epoch)
	}
}

// phantom reports whether nothing new explains the change. New is what the view being left has not answered yet: the
// crash of one of its members, or a suspicion of one that stood at some time since the view exists. (Not: a suspicion
// since the node's own last install. One that comes during a round is the next epoch's, and older than the install that
// ends the round.) A view that excludes nobody needs more: a suspicion or a crash since the node's own last install.
func phantom(w *world, in *install, removed []int) bool {
	if len(removed) == 0 {
		return w.doubts == w.nodes[in.node].doubts
	}
	since := w.views[in.from].firstT
	for _, list := range [][]int{removed, w.members(in.from)} {
		for _, x := range list {
			if x < 0 || x >= w.n {
				continue
			}
			if n := &w.nodes[x]; n.gone() || n.suspectedBy > 0 || n.acquittedAt >= since {
				return false
			}
		}
	}
	return true
}
