package core

// learn takes the decision of the current epoch: the node leaves, installs, or waits for its application.
func (n *Node) learn(now Instant, dead NodeSet, out *Effects) {
	dead = dead.Intersect(n.view.set)
	if dead.Empty() {
		return
	}
	n.decided = append(n.decided, dead)
	switch {
	case dead.Has(n.self):
		n.evict(now, n.view, dead, out)
	case n.cfg.Policy == Manual && !n.consent:
		n.tellFailures(dead, out)
		n.disarm(timerRetransmit, out)
		n.disarm(timerWindow, out)
		n.disarm(timerTakeOver, out)
	default:
		n.install(now, out)
	}
}

// learnAhead takes the decision after those that wait for the application. Only its own exclusion needs no consent: the
// group goes on without the node whether its application ever calls recover or not (S7).
func (n *Node) learnAhead(now Instant, dead NodeSet, out *Effects) {
	v := n.view
	for _, left := range n.decided[n.view.Epoch:] {
		v = v.Excluding(left)
	}
	dead = dead.Intersect(v.set)
	if dead.Empty() {
		return
	}
	n.decided = append(n.decided, dead)
	if dead.Has(n.self) {
		n.evict(now, v, dead, out)
	}
}

// waitsForConsent tells whether the decision of the current epoch is known and the application has not called recover.
func (n *Node) waitsForConsent() bool { return len(n.decided) > int(n.view.Epoch) }

// install makes the decision of the current epoch the new view (S2, S4, S5) and goes on with the suspicions that are
// left, so that a second failure never waits for a third (L4).
func (n *Node) install(now Instant, out *Effects) {
	dead := n.decided[n.view.Epoch]
	old := n.view
	n.view = old.Excluding(dead)
	out.PutInstall(Install{View: n.view, Dead: dead})
	out.PutEvent(Event{
		Kind: EventRecovered, Epoch: n.view.Epoch, OldRank: old.Rank(n.self), NewRank: n.view.Rank(n.self),
		NewWorldSize: n.view.World(), DeadRanks: old.Ranks(dead),
	})
	n.answerCall("recovered", "", out)
	n.clearAgreement()
	n.disarm(timerRetransmit, out)
	n.disarm(timerWindow, out)
	n.disarm(timerTakeOver, out)
	n.forget(n.view.set)
	n.told = NodeSet{}
	if !n.cfg.ExternalDetector {
		n.armSilence(out)
	}
	n.watchQuorum(now, out)
	n.tellFailures(n.suspected, out) // in the new numbering: the next recover is for these
	if n.waitsForConsent() {
		n.tellFailures(n.decided[n.view.Epoch], out)
	}
	n.pursue(now, out)
}

// evict ends a node that the group goes on without (S7): the decision of view v excludes it. It stays to answer whoever
// missed the decision: it may be the only one who has heard it.
func (n *Node) evict(now Instant, v View, dead NodeSet, out *Effects) {
	out.PutEvent(Event{
		Kind: EventEvicted, Epoch: v.Epoch + 1, OldRank: n.view.Rank(n.self), NewRank: NoRank,
		NewWorldSize: v.World() - dead.Len(), DeadRanks: v.Ranks(dead),
	})
	n.stop(learner, EndEvicted, "", out)
	n.arm(timerLinger, after(now, n.times.Linger), out)
}
