package classic

import (
	"fmt"

	"nexarsim/core"
)

// survey begins an attempt: "Read rank and world size; mark the failure slot as seen WITHOUT merging it; alive = all ranks
// minus the dead set; leader = lowest alive; nobody alive: error."
func (n *Node) survey(now core.Instant, out *core.Effects) {
	o := &n.orch
	o.raceSeen = n.watch.version
	o.voters = o.voters[:0]
	o.leader = core.NoRank
	for r := range n.comm.members {
		rank := core.Rank(r)
		if o.dead.Has(core.NodeID(rank)) {
			continue
		}
		if o.leader == core.NoRank {
			o.leader = rank
		}
		if rank != n.comm.rank {
			o.voters = append(o.voters, rank)
		}
	}
	if o.leader == core.NoRank {
		n.fail(fmt.Sprintf("recovery failed: no survivors remaining, dead ranks %s", o.dead), out)
		return
	}
	n.release(out)
	n.to(stageRound, now, out)
}

// round runs with the lock: "The communicator is locked for the whole round; the application shares that lock."
func (n *Node) round(now core.Instant, out *core.Effects) {
	o := &n.orch
	o.place = 0
	if n.comm.rank == o.leader {
		o.union = o.dead
		o.stage = stageVotes
		n.collect(now, out)
		return
	}
	o.stage = stageVote
	m := n.message(core.Vote)
	m.Set = o.dead // "send a vote with its own view to the leader"
	if err := n.send(n.comm.members[o.leader], &m, opRound, out); err != "" {
		n.fail(fmt.Sprintf("recovery failed: send vote to rank %d: %s", o.leader, err), out)
	}
}

// collect is the leader's: "for each other alive rank in ascending order, wait for a vote from exactly that rank, each
// with a full recovery_timeout".
func (n *Node) collect(now core.Instant, out *core.Effects) {
	o := &n.orch
	for o.place < len(o.voters) {
		from := o.voters[o.place]
		it, ok := n.receive(now, from, core.Vote, out)
		if !ok {
			return
		}
		used(&it, n.comm.members[from], out)
		o.union = o.union.Union(it.msg.Set)
		o.place++
		n.disarm(timerRound, out)
	}
	o.stage, o.place = stageAnnounce, 0
	n.announce(now, out)
}

// receive takes the first message of a kind from a rank's control lane; it "skips heartbeats and discards every other
// kind (a barrier message too)". False: the orchestrator waits, or the round is over.
func (n *Node) receive(now core.Instant, from core.Rank, kind core.Kind, out *core.Effects) (item, bool) {
	for {
		it, outcome := n.readControl(from)
		switch outcome {
		case readMessage:
			if it.msg.Kind == kind {
				return it, true
			}
		case readNothing:
			if n.armed>>timerRound&1 == 0 {
				n.arm(timerRound, now+core.Instant(n.cfg.RecoveryTimeout), out)
			}
			return item{}, false
		case readUnknown:
			n.fail(fmt.Sprintf("recovery failed: unknown peer: rank %d", from), out)
			return item{}, false
		case readDisconnected:
			// "A round that ends in 'peer disconnected r': add r, go to 1." It is a belief that no publication has told.
			out.Believe(n.comm.members[from], true)
			n.dropRound(out)
			n.orch.dead = n.orch.dead.With(core.NodeID(from))
			n.to(stageSurvey, now, out)
			return item{}, false
		}
	}
}

// announce is the leader's: "send the agreement to the same ranks in ascending order, one at a time; the first failed send
// is an error. No acknowledgement."
func (n *Node) announce(now core.Instant, out *core.Effects) {
	o := &n.orch
	if o.place == len(o.voters) {
		n.conclude(now, o.union, out)
		return
	}
	m := n.message(core.Agreement)
	m.Set = o.union
	if err := n.send(n.comm.members[o.voters[o.place]], &m, opRound, out); err != "" {
		n.fail(fmt.Sprintf("recovery failed: send agreement to rank %d: %s", o.voters[o.place], err), out)
	}
}

// roundSent ends a send of the round, or of one that was dropped meanwhile.
func (n *Node) roundSent(now core.Instant, err string, out *core.Effects) {
	o := &n.orch
	if o.stale > 0 {
		o.stale--
		return
	}
	switch {
	case o.stage == stageAnnounce && err != "":
		n.fail(fmt.Sprintf("recovery failed: send agreement to rank %d: %s", o.voters[o.place], err), out)
	case o.stage == stageAnnounce:
		o.place++
		n.announce(now, out)
	case o.stage == stageVote && err != "":
		n.fail(fmt.Sprintf("recovery failed: send vote to rank %d: %s", o.leader, err), out)
	case o.stage == stageVote:
		o.stage = stageAnswer
		n.await(now, out)
	}
}

// await is the follower's: "wait one recovery_timeout for the agreement; adopt it as it stands".
func (n *Node) await(now core.Instant, out *core.Effects) {
	it, ok := n.receive(now, n.orch.leader, core.Agreement, out)
	if !ok {
		return
	}
	used(&it, n.comm.members[n.orch.leader], out)
	n.conclude(now, it.msg.Set, out)
}

// roundRead goes on with a receive when something came from a peer, or its connection ended.
func (n *Node) roundRead(now core.Instant, from core.NodeID, out *core.Effects) {
	o := &n.orch
	switch {
	case o.stage == stageVotes && n.comm.members[o.voters[o.place]] == from:
		n.collect(now, out)
	case o.stage == stageAnswer && n.comm.members[o.leader] == from:
		n.await(now, out)
	}
}

func (n *Node) roundTimeout(now core.Instant, out *core.Effects) {
	o := &n.orch
	switch o.stage {
	case stageVotes:
		n.fail(fmt.Sprintf("recovery failed: timeout waiting for recovery vote from rank %d, dead ranks %s", o.voters[o.place], o.union), out)
	case stageAnswer:
		n.fail(fmt.Sprintf("recovery failed: timeout waiting for recovery agreement from leader %d, dead ranks %s", o.leader, o.dead), out)
	}
}

// dropRound ends the round where it stands.
func (n *Node) dropRound(out *core.Effects) {
	o := &n.orch
	if o.stage == stageAnnounce || o.stage == stageVote {
		o.stale++
	}
	n.disarm(timerRound, out)
	o.waiting = false
	if n.lock.holder == theRecovery {
		n.release(out)
		return
	}
	n.lock.leave(theRecovery)
}

// conclude ends the round with an agreement.
func (n *Node) conclude(now core.Instant, agreed core.NodeSet, out *core.Effects) {
	n.disarm(timerRound, out)
	n.orch.agreed = agreed
	n.release(out)
	n.to(stageRebuild, now, out)
}
