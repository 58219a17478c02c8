package planted

// bug is a defect that a build puts into the core, and what the harness must say of it.
type bug struct {
	name     string
	property string
	file     string // below the module's root
	old, new string // the text that stands there, exactly once, and what replaces it
}

// bugs has at least one for each property that the judge decides. Each is a slip that somebody could make.
var bugs = []bug{
	{
		name: "commit-without-quorum", property: "agreement", file: "core/accept.go",
		old: "	if !n.quorum(n.lead.acks) {\n		return\n	}\n", new: "",
	},
	{
		name: "voters-left-in-the-union", property: "quorum-loss", file: "core/propose.go",
		old: "silent := f.suspicions.Minus(n.lead.voters)", new: "silent := f.suspicions",
	},
	{
		name: "promise-falls", property: "agreement", file: "core/vote.go",
		old: "	case n.promised.Less(hint) && c == n.self:\n		n.startLead(now, hint, out)\n	case n.promised.Less(hint):",
		new: "	case n.promised != hint && c == n.self:\n		n.startLead(now, hint, out)\n	case n.promised != hint:",
	},
	{
		name: "comm-id-counts-heartbeats", property: "comm-id", file: "core/install.go",
		old: "	n.view = old.Excluding(dead)\n", new: "	n.view = old.Excluding(dead)\n	n.view.CommID += n.beat & 1\n",
	},
	{
		name: "rank-counts-from-one", property: "ranks", file: "core/view.go",
		old: "		return Rank(i)\n", new: "		return Rank(i) + Rank(v.Epoch&1)\n",
	},
	{
		name: "silence-is-death", property: "validity", file: "core/propose.go",
		old: "	silent := f.suspicions.Minus(n.lead.voters)\n", new: "	silent := n.view.set.Minus(n.lead.voters)\n",
	},
	{
		name: "event-in-the-new-numbering", property: "history", file: "core/install.go",
		old: "NewWorldSize: n.view.World(), DeadRanks: old.Ranks(dead),", new: "NewWorldSize: n.view.World(), DeadRanks: n.view.Ranks(dead),",
	},
	{
		name: "old-epochs-count", property: "isolation", file: "core/node.go",
		old: "	case m.Epoch < Epoch(len(n.decided)):\n		n.answer(from, m, out)\n", new: "",
	},
	{
		name: "evicted-by-error", property: "eviction", file: "core/install.go",
		old: "n.stop(learner, EndEvicted, \"\", out)", new: "n.stop(learner, EndError, \"not a member\", out)",
	},
	{
		name: "excluded-node-panics", property: "eviction", file: "core/install.go",
		old: "	out.PutEvent(Event{\n		Kind: EventEvicted,", new: "	_ = n.view.members[n.view.World()]\n	out.PutEvent(Event{\n		Kind: EventEvicted,",
	},
	{
		name: "loss-of-quorum-untold", property: "quorum-loss", file: "core/suspect.go",
		old: "	if !n.lossTold {\n", new: "	if n.lossTold {\n",
	},
	{
		name: "half-is-enough", property: "quorum-loss", file: "core/quorum.go",
		old: "	return 2*n > len(v.members) || 2*n == len(v.members) && n > 0 && in.Has(v.members[0])", new: "	return 2*n >= len(v.members)-1",
	},
	{
		name: "nobody-answers", property: "recovery", file: "core/catchup.go",
		old: "	if m.Kind == Commit ||", new: "	if m.Epoch == n.view.Epoch-1 || m.Kind == Commit ||",
	},
	{
		name: "retransmission-in-the-wrong-unit", property: "late", file: "core/config.go",
		old: "		RetransmitMin: c.HeartbeatInterval / 4,\n		RetransmitMax: c.HeartbeatInterval,\n", new: "		RetransmitMin: c.RecoveryTimeout,\n		RetransmitMax: c.RecoveryTimeout,\n",
	},
	{
		name: "retransmission-halves", property: "livelock", file: "core/vote.go",
		old: "wait := min(n.times.RetransmitMin<<min(n.repeats, 8), n.times.RetransmitMax)", new: "wait := min(n.times.RetransmitMin>>n.repeats, n.times.RetransmitMax)",
	},
}
