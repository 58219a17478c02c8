package planted

// bug is a defect that a build puts into the core, and what the harness must say of it.
type bug struct {
	name     string
	property string
	file     string // below the module's root
	old, new string // the text that stands there, exactly once, and what replaces it

	scenarios []string // that the sweep runs; none: all
	seeds     string   // of each scenario, if it is not found in fewer
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
		name: "promise-falls", seeds: "20", property: "agreement", file: "core/vote.go",
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

// calling is the scenarios in which applications call collectives all along.
var calling = []string{"sums-while-nodes-die", "sums-under-everything", "barriers-under-everything", "sums-over-a-lossy-network", "barriers-of-slow-callers"}

// keeping is those in which a register is kept.
var keeping = []string{"register-under-everything", "register-outrun-by-views", "register-leader-isolated", "register-successor-lags"}

// commBugs are defects of the communicator and of the register on top of the core.
var commBugs = []bug{
	{
		name: "any-communicator-will-do", property: "isolation", file: "core/comm/held.go", scenarios: calling,
		old: "	case m.Epoch < k.view.Epoch:\n		k.counts.Stale++\n		return dropped\n	case m.Epoch > k.view.Epoch:\n		if m.Kind == Data || m.Kind == Tagged {\n			return early\n		}\n		return dropped\n	}\n	c := k.find(m.Num)\n",
		new: "	}\n	c := &k.comms[0]\n",
	},
	{
		name: "operation-outlives-its-view", property: "collective", file: "core/comm/stack.go", scenarios: calling,
		old: "			op.active = false\n			g.Call, g.MayHaveFinished = op.call, op.plan.Shared(op.sends)\n			out.PutDone(core.Done{ID: op.id, Call: op.call, Err: g.Error()})\n", new: "			op.active = false\n",
	},
	{
		name: "segment-counts-twice", property: "collective", file: "core/comm/held.go", scenarios: calling,
		old: "		if p.Label > op.step {\n			return early\n		}\n		return dropped\n", new: "		if p.Label > op.step {\n			return early\n		}\n		return k.use(c, from, m, out)\n",
	},
	{
		name: "barrier-a-round-short", property: "collective", file: "core/comm/plan.go", scenarios: calling,
		old: "	case Dissemination:\n		return rounds(p.World)\n", new: "	case Dissemination:\n		return rounds(p.World) - 1\n",
	},
	{
		name: "nobody-asks-again", property: "collective", file: "core/comm/operation.go", scenarios: calling,
		old: "			out.Send(c.members[op.now.From], &m)\n", new: "			_ = m\n",
	},
	{
		name: "nothing-kept-for-the-slow", property: "collective", file: "core/comm/operation.go", scenarios: calling,
		old: "c.op.active, c.op.valid, c.prev.valid = false, false, true", new: "c.op.active, c.op.valid, c.prev.valid = false, false, false",
	},
	{
		name: "repeated-as-it-is-now", property: "collective", file: "core/comm/operation.go", scenarios: calling,
		old: "		from = o.history[step*len(o.buffer):]\n", new: "		from = o.buffer\n",
	},
	{
		name: "share-of-another", property: "collective", file: "core/comm/plan.go", scenarios: calling,
		old: "		share = int(p.Rank) - (i - half)\n", new: "		share = int(p.Rank) - (i - half) + 1\n",
	},
	{
		name: "deadline-in-the-wrong-unit", property: "collective", file: "core/comm/stack.go", scenarios: calling,
		old: "		return k.cfg.BarrierTimeout\n", new: "		return k.cfg.BarrierTimeout / 1000\n",
	},
	{
		name: "numbers-go-on-in-a-new-view", property: "collective", file: "core/comm/communicator.go", scenarios: calling,
		old: "c.id, c.members, c.number = id, members, 0", new: "c.id, c.members = id, members",
	},
	{
		name: "read-without-confirmation", property: "linearizability", file: "core/comm/register.go", scenarios: keeping,
		old: "	return majority(&r.view, r.stored)\n", new: "	return r.orders[0].op == core.CallRead || majority(&r.view, r.stored)\n",
	},
	{
		name: "serves-before-it-asks", property: "linearizability", file: "core/comm/register.go", scenarios: keeping,
		old: "	if !r.serving && r.complete() && !r.missing() {\n", new: "	if !r.serving && !r.missing() {\n",
	},
	{
		name: "outrun-by-views", seeds: "20", property: "linearizability", file: "core/comm/register.go", scenarios: keeping,
		old: "r.complete() && !r.missing()", new: "r.complete()",
	},
}

// talkBugs are defects of the messages between ranks. No scenario file has a word for these messages: what finds them is
// the test in which applications talk.
var talkBugs = []bug{
	{
		name: "message-given-twice", property: "collective", file: "core/comm/tagged.go",
		old: "	if n > last {\n", new: "	if n >= last {\n",
	},
	{
		name: "messages-overtake", property: "collective", file: "core/comm/tagged.go",
		old: "		k.forward(now, c, e.To, e.Tag, out)\n		return\n", new: "		if e.To == c.rank {\n			k.forward(now, c, e.To, e.Tag, out)\n			return\n		}\n		l := &c.mail.letters[len(c.mail.letters)-1]\n		l.sent, l.repeatAt = true, now+k.repeatWait(0)\n		k.post(c, l, out)\n		return\n",
	},
	{
		name: "old-views-message-kept", property: "collective", file: "core/comm/tagged.go",
		old: "m.letters[:0], m.waiting[:0], m.kept[:0]", new: "m.letters[:0], m.waiting[:0], m.kept",
	},
	{
		name: "old-views-numbers-count", property: "collective", file: "core/comm/tagged.go",
		old: "m.sent[:0], m.taken[:0], m.refused[:0]", new: "m.sent[:0], m.taken, m.refused[:0]",
	},
	{
		name: "any-view-will-do", property: "isolation", file: "core/comm/held.go",
		old: "	case m.Epoch < k.view.Epoch:\n		k.counts.Stale++\n		return dropped\n", new: "	case m.Epoch < k.view.Epoch && m.Kind == Tagged && k.view.Rank(from) != core.NoRank:\n		return k.takeTagged(now, &k.comms[0], k.comms[0].rankOf(from), m, out)\n	case m.Epoch < k.view.Epoch:\n		k.counts.Stale++\n		return dropped\n",
	},
	{
		name: "any-tag-will-do", property: "collective", file: "core/comm/tagged.go",
		old: "	return w.tag == tag && (", new: "	return (",
	},
	{
		name: "receive-outlives-its-view", property: "collective", file: "core/comm/tagged.go",
		old: "		out.PutDone(core.Done{ID: c.mail.waiting[i].id, Call: core.CallReceive, Err: g.Error()})\n", new: "		_ = i\n",
	},
	{
		name: "lost-is-lost", property: "collective", file: "core/comm/tagged.go",
		old: "		l.repeatAt = now + k.repeatWait(l.repeats)\n		k.post(c, l, out)\n", new: "		l.repeatAt = now + k.repeatWait(l.repeats)\n",
	},
	{
		name: "bytes-of-another", property: "collective", file: "core/comm/tagged.go",
		old: "	m.Body = l.data\n", new: "	m.Body = c.mail.letters[0].data\n",
	},
	{
		name: "confirmed-and-not-taken", property: "collective", file: "core/comm/tagged.go",
		old: "			c.refuse(from, tag, n)\n			return dropped\n", new: "			c.refuse(from, tag, n)\n			last = n\n			c.mail.taken = numbered(c.mail.taken, from, tag, n)\n",
	},
}
