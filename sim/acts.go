package sim

import (
	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/netsim"
	"nexarsim/scenarios"
)

// actDue begins or ends an act as a step of the environment.
func (s *Simulator) actDue(i int, ends bool) {
	a := &s.acts[i]
	s.steps++
	if s.digest.log != nil {
		s.digest.log.begin(s.now, nobody, uint32(i)<<1|uint32(bit(ends)))
	}
	s.digest.word(uint64(s.now))
	s.digest.word(1<<63 | uint64(i)<<1 | bit(ends))
	if ends {
		s.act = 0
		a.on = false
		s.endAct(i, a)
		return
	}
	a.fired, a.on = true, true
	s.act = s.cause
	s.prolong(s.now + a.dur)
	if a.dur > 0 {
		s.queue.push(s.now+a.dur, classAct, uint32(i), 1)
	}
	s.beginAct(i, a)
	s.act = 0
}

// closes is the links that an act closes.
func closes(a *scenarios.Act) []netsim.Link {
	switch a.Kind {
	case scenarios.ActPartition:
		return netsim.PartitionLinks(a.Groups)
	case scenarios.ActCut:
		return netLinks(a.Links)
	}
	return nil
}

func netLinks(links []scenarios.Link) []netsim.Link {
	var out []netsim.Link
	for _, l := range links {
		out = append(out, netsim.Link{From: l.From, To: l.To})
	}
	return out
}

func (s *Simulator) beginAct(i int, a *act) {
	switch a.Kind {
	case scenarios.ActCrash:
		for _, id := range a.Nodes {
			s.crash(id, a.Silent)
		}
	case scenarios.ActPause:
		for _, id := range a.Nodes {
			s.pause(id)
		}
	case scenarios.ActPartition:
		s.announce(trace.Partition, a)
		s.blockAll(a.links)
	case scenarios.ActCut:
		s.announce(trace.Cut, a)
		s.blockAll(a.links)
	case scenarios.ActSlow:
		s.announce(trace.Slow, a)
		s.net.AddSlow(i, a.Nodes, int64(a.By))
	case scenarios.ActLoss:
		s.announce(trace.Loss, a)
		until := int64(netsim.Forever)
		if a.dur > 0 {
			until = s.now + a.dur
		}
		s.net.AddLoss(i, int64(a.Rate), netLinks(a.Links), until)
	case scenarios.ActDuplicate:
		s.announce(trace.Duplicate, a)
		s.net.AddDuplicate(i, int64(a.Rate), netLinks(a.Links))
	case scenarios.ActSkew:
		s.announce(trace.Skew, a)
		for _, k := range a.Skew {
			s.skew(k.Node, k.Rate, core.Instant(k.Step))
		}
	case scenarios.ActSuspect:
		s.act = s.announce(trace.SuspectInjected, a)
		for _, k := range a.Suspect {
			s.giveInput(k.By, core.Input{Kind: core.InSuspect, Peer: core.NodeID(k.Of), Hold: a.dur > 0})
		}
	case scenarios.ActHold:
		s.act = s.announce(trace.Hold, a)
		s.call(core.CallHold, a.Nodes)
	case scenarios.ActApp:
		s.act = s.announce(trace.App, a)
		s.app(a)
	case scenarios.ActNone:
	}
}

func (s *Simulator) endAct(i int, a *act) {
	switch a.Kind {
	case scenarios.ActPause:
		for _, id := range a.Nodes {
			s.resume(id)
		}
	case scenarios.ActPartition, scenarios.ActCut:
		s.announce(trace.Heal, a)
		for _, l := range a.links {
			s.unblock(l.From, l.To)
		}
	case scenarios.ActSlow:
		s.announce(trace.SlowEnd, a)
		s.net.EndSlow(i)
	case scenarios.ActLoss:
		s.announce(trace.LossEnd, a)
		s.net.EndLoss(i)
	case scenarios.ActDuplicate:
		s.announce(trace.DuplicateEnd, a)
		s.net.EndDuplicate(i)
	case scenarios.ActSkew:
		s.announce(trace.SkewEnd, a)
		for _, k := range a.Skew {
			s.skew(k.Node, s.rateOf(k.Node), 0)
		}
	case scenarios.ActSuspect:
		s.act = s.announce(trace.SuspectEnd, a)
		for _, k := range a.Suspect {
			s.giveInput(k.By, core.Input{Kind: core.InTrust, Peer: core.NodeID(k.Of)})
		}
	case scenarios.ActHold:
		s.act = s.announce(trace.HoldEnd, a)
		s.call(core.CallRelease, a.Nodes)
	case scenarios.ActCrash, scenarios.ActApp, scenarios.ActNone:
	}
}

// rateOf is the rate at which a node's clock runs by the skews that are in force: the last of them in the scenario's order.
func (s *Simulator) rateOf(id int) int64 {
	rate := int64(trueRate)
	for i := range s.acts {
		for _, k := range s.acts[i].Skew {
			if s.acts[i].on && k.Node == id {
				rate = k.Rate
			}
		}
	}
	return rate
}

func (s *Simulator) blockAll(links []netsim.Link) {
	for _, l := range links {
		s.block(l.From, l.To)
	}
}

// app lets the application of some nodes act once.
func (s *Simulator) app(a *act) {
	if op, ok := appCall(&a.Act); ok {
		s.call(op, a.Nodes)
		return
	}
	for _, id := range a.Nodes {
		s.giveInput(id, core.Input{Kind: core.InShutdown})
	}
}

// appCall is the call that an act lets the application make; none if it shuts down, or if it is no act of the application.
func appCall(a *scenarios.Act) (op core.CallOp, ok bool) {
	if a.Kind != scenarios.ActApp {
		return 0, false
	}
	for op = core.CallRecover; op <= core.CallAllReduce; op++ {
		if op.String() == a.Op {
			return op, true
		}
	}
	return 0, false
}

func (s *Simulator) call(op core.CallOp, nodes []int) {
	for _, id := range nodes {
		s.giveInput(id, core.Input{Kind: core.InCall, Call: op, ID: uint64(len(s.inputs)) + 1})
	}
}

// crash ends a node's process. A second death does nothing.
func (s *Simulator) crash(id int, silent bool) {
	if s.nodes[id].gone {
		return
	}
	s.reach.crashed(s, id)
	before := s.act
	s.act = s.rec.Crash(s.now, id, silent, s.act)
	s.die(id, silent)
	s.act = before
}

// pause stops a node's process. Its peers' connections to it may time out meanwhile.
func (s *Simulator) pause(id int) {
	n := &s.nodes[id]
	if n.gone {
		return
	}
	n.pauses++
	if n.pauses > 1 {
		return
	}
	n.paused = s.now
	s.rec.Pause(s.now, id, s.act)
	for peer := range s.nodes {
		if peer != id {
			s.queue.push(s.net.IdleAt(s.now), classIdle, uint32(id), uint32(peer))
		}
	}
}

// resume lets it run again: first what is left of the step in which it was stopped, then all that it had missed, in the
// order in which it was due.
func (s *Simulator) resume(id int) {
	n := &s.nodes[id]
	if n.gone || n.pauses == 0 {
		return
	}
	n.pauses--
	if n.pauses > 0 {
		return
	}
	s.rec.Resume(s.now, id, s.act)
	if rest := n.rest; rest != nil {
		n.rest = nil
		s.letters, s.base, s.cause = s.letters[:0], n.sends, n.restFor
		s.perform(id, rest, n.restAt)
		s.cause = 0
	}
	for _, e := range n.missed {
		s.parked = append(s.parked, e)
		s.queue.push(s.now, classParked, uint32(len(s.parked)-1), uint32(id))
	}
	n.missed = n.missed[:0]
	for peer := range s.nodes {
		if peer != id {
			s.tryReopen(id, peer)
		}
	}
}

// announce records an act that names no single node.
func (s *Simulator) announce(kind trace.Kind, a *act) uint64 {
	return s.rec.Act(s.now, kind, traceAct(&a.Act), s.act)
}

func traceAct(a *scenarios.Act) trace.Act {
	out := trace.Act{Groups: a.Groups, Nodes: a.Nodes, By: int64(a.By), Rate: int64(a.Rate), Op: a.Op}
	for _, l := range a.Links {
		out.Links = append(out.Links, trace.Link(l))
	}
	for _, k := range a.Skew {
		out.Skew = append(out.Skew, trace.ClockSkew{Node: k.Node, Rate: k.Rate, Step: int64(k.Step)})
	}
	for _, k := range a.Suspect {
		out.Suspect = append(out.Suspect, trace.Accusation(k))
	}
	return out
}
