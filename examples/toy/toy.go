// Package toy is a group membership protocol as one might first write it, on the boundary that nexarsim drives, with the
// bug that one first makes: the lowest living member says who is dead, and installs what it said, without knowing whether
// anybody has heard it. It shows how a protocol of one's own is tested: see toy_test.go.
package toy

import "nexarsim/core"

// Herald is one member.
type Herald struct {
	self  core.NodeID
	group uint64
	view  core.View
	dead  core.NodeSet // whom it takes for dead
}

// New makes a member.
func New(s core.Setup) (core.Machine, error) {
	return &Herald{self: s.Self, group: s.CommID, view: core.FirstView(s.World, s.CommID)}, nil
}

// Step takes one input.
func (h *Herald) Step(_ core.Instant, in *core.Input, out *core.Effects) {
	switch in.Kind {
	case core.InClosed, core.InDead, core.InSuspect:
		h.lose(in.Peer, out)
	case core.InDeliver:
		if m := &in.Msg; m.Kind == core.Commit && m.Group == h.group && m.Epoch == h.view.Epoch {
			out.Used()
			h.install(m.Set, out)
		}
	case core.InShutdown:
		out.End(core.EndShutdown, "")
	}
}

// lose takes a peer for dead, and announces the new view if nobody lower can.
func (h *Herald) lose(peer core.NodeID, out *core.Effects) {
	if !h.view.Set().Has(peer) || h.dead.Has(peer) {
		return
	}
	h.dead = h.dead.With(peer)
	out.Believe(peer, true)
	h.announce(out)
}

func (h *Herald) announce(out *core.Effects) {
	dead := h.dead.Intersect(h.view.Set())
	living := h.view.Set().Minus(dead)
	if dead.Empty() || living.First() != h.self {
		return
	}
	m := out.Write(&core.Message{Kind: core.Commit, Group: h.group, Epoch: h.view.Epoch, Ballot: core.NoBallot, Set: dead})
	for id := living.Next(h.self); id != core.NoNode; id = living.Next(id) {
		out.SendLetter(id, m)
	}
	h.install(dead, out) // the bug: who has heard it? If the herald dies now, nobody may have, or some
}

func (h *Herald) install(dead core.NodeSet, out *core.Effects) {
	old := h.view
	h.view = old.Excluding(dead)
	out.PutInstall(core.Install{View: h.view, Dead: dead})
	out.PutEvent(core.Event{
		Kind: core.EventRecovered, Epoch: h.view.Epoch, OldRank: old.Rank(h.self), NewRank: h.view.Rank(h.self),
		NewWorldSize: h.view.World(), DeadRanks: old.Ranks(dead),
	})
	h.announce(out)
}

// Clone is an independent copy.
func (h *Herald) Clone() core.Machine {
	c := *h
	return &c
}

// AppendState appends what the member's future depends on.
func (h *Herald) AppendState(buf []byte) []byte {
	return h.dead.AppendState(append(h.view.Set().AppendState(buf), byte(h.view.Epoch)))
}

// KindName names the messages.
func (h *Herald) KindName(k core.Kind) string { return k.String() }
