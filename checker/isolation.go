package checker

import "nexarsim/checker/trace"

// S6 Isolation: no message of one view is taken for another's. A delivery counts (as a vote, a promise, a proposal, an
// acceptance, a decision, a collective's part) only where its epoch and its group are the receiver's.

func judgeIsolation(set *settings, ev *trace.Event, out *findings) {
	m := ev.Msg
	if !ev.Used || m == nil {
		return
	}
	switch {
	case m.Group != set.commID:
		out.between(Isolation, ev.T, ev.From, ev.Node, "node %d used a %s of node %d that belongs to group %016x, its own is %016x", ev.Node, m.Type, ev.From, m.Group, set.commID)
	case m.Epoch != ev.Epoch:
		out.between(Isolation, ev.T, ev.From, ev.Node, "node %d, in epoch %d, used a %s of node %d that belongs to epoch %d", ev.Node, ev.Epoch, m.Type, ev.From, m.Epoch)
	}
}
