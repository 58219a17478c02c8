package checker

// S2 Ranks are 0 to n-1, each once; those who stay keep their old order, nobody joins; and whoever installs a view is a
// member of it, at the rank that it says.

func judgeRanks(w *world, in *install, out *findings) {
	v, c, said := &w.views[in.to], &w.changes[in.via], in.said
	switch {
	case said.World != len(said.Members):
		out.by(Ranks, in.t, in.node, "node %d installed epoch %d with world size %d and %d members", in.node, said.Epoch, said.World, len(said.Members))
	case v.unknown >= 0:
		out.by(Ranks, in.t, in.node, "node %d installed epoch %d with a member %d, a node that never existed", in.node, said.Epoch, said.Members[v.unknown])
	case v.double >= 0:
		out.by(Ranks, in.t, in.node, "node %d installed epoch %d with node %d in it twice: %s", in.node, said.Epoch, v.double, show(said.Members))
	case said.Rank < 0 || said.Rank >= len(said.Members) || said.Members[said.Rank] != in.node:
		judgeOwnRank(w, in, out)
	case c.stranger >= 0:
		out.by(Ranks, in.t, in.node, "node %d installed epoch %d with node %d, which was no member of its view before", in.node, said.Epoch, c.stranger)
	case c.swapped >= 0:
		out.by(Ranks, in.t, in.node, "node %d installed epoch %d with members %s, not in the order that they had before: %s",
			in.node, said.Epoch, show(said.Members), show(w.members(in.from)))
	}
}

func judgeOwnRank(w *world, in *install, out *findings) {
	if rank := w.rankOf(in.to, in.node); rank >= 0 {
		out.by(Ranks, in.t, in.node, "node %d installed epoch %d as rank %d, and is rank %d of %s", in.node, in.said.Epoch, in.said.Rank, rank, show(in.said.Members))
		return
	}
	out.by(Ranks, in.t, in.node, "node %d installed epoch %d, of which it is no member: %s", in.node, in.said.Epoch, show(in.said.Members))
}
