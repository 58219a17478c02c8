package core

import "strconv"

// tellFailures tells the application of newly suspected members (policy manual), in the current numbering.
func (n *Node) tellFailures(dead NodeSet, out *Effects) {
	if n.cfg.Policy != Manual {
		return
	}
	dead = dead.Minus(n.told)
	if dead.Empty() {
		return
	}
	n.told = n.told.Union(dead)
	out.PutEvent(n.event(EventFailureDetected, dead))
}

// call handles the application's calls. Recover stands until the epoch ends: the application may call it before this
// node has noticed the failure that another one has.
func (n *Node) call(now Instant, op CallOp, id uint64, out *Effects) {
	done := Done{ID: id, Call: op}
	switch {
	case op == CallHold || op == CallRelease:
		// The lock is the application's own: no step of the protocol waits for it.
	case op != CallRecover:
		done.Err = "no communicator: " + op.String() + " is not offered"
	case n.cfg.Policy != Manual:
		done.Err = "recover: expected policy manual, found " + n.cfg.Policy.String()
	case n.status != running:
		done.Err = "recover: the orchestrator is not running"
	case n.consent:
		done.Err = "recover: already called for epoch " + strconv.Itoa(int(n.view.Epoch))
	default:
		n.recover(now, id, out)
		return
	}
	out.PutDone(done)
}

func (n *Node) recover(now Instant, id uint64, out *Effects) {
	n.consent, n.consentID = true, id
	if n.waitsForConsent() {
		n.install(now, out)
		return
	}
	n.pursue(now, out)
}

// answerCall ends the application's call of recover, if there is one.
func (n *Node) answerCall(result, err string, out *Effects) {
	if n.consent {
		out.PutDone(Done{ID: n.consentID, Call: CallRecover, Result: result, Err: err})
		n.consent = false
	}
}

// abort ends the node because of its own suspicions (policy abort) and tells the others.
func (n *Node) abort(dead NodeSet, out *Effects) {
	out.PutEvent(n.event(EventAborted, dead))
	m := n.abortMessage(dead)
	letter := out.Write(&m)
	for _, id := range n.view.members {
		if id != n.self {
			out.SendLetter(id, letter)
		}
	}
	n.told = dead
	n.stop(aborted, EndAborted, "aborted: "+rankList(n.view.Ranks(dead))+" failed", out)
	n.arm(timerLinger, after(n.last, n.times.Linger), out)
}

// abortedBy does the same on another member's word.
func (n *Node) abortedBy(dead NodeSet, out *Effects) {
	if dead = dead.Intersect(n.view.set); n.cfg.Policy == AbortAll && !dead.Empty() {
		n.abort(dead, out)
	}
}

// answerAborted tells a member that goes on what it has missed.
func (n *Node) answerAborted(to NodeID, m *Message, out *Effects) {
	if m.Kind != Abort {
		a := n.abortMessage(n.told)
		out.Send(to, &a)
	}
}

func (n *Node) abortMessage(dead NodeSet) Message {
	m := n.message(Abort, NoBallot)
	m.Set = dead
	return m
}

func rankList(ranks []Rank) string {
	s := "ranks"
	for _, r := range ranks {
		s += " " + strconv.Itoa(int(r))
	}
	return s
}
