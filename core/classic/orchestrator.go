package classic

import (
	"fmt"

	"nexarsim/core"
)

// stage is where the orchestrator stands: at a select, at an await, or before the lock.
type stage uint8

const (
	stageBegin    stage = iota // run: wants the lock for its first reader
	stageIdle                  // run: waits for shutdown or a published list
	stageTell                  // policy manual: wants the lock to tell the application
	stageSurvey                // recovery: wants the lock to read rank and world size
	stageRound                 // the round wants the lock; from here on it races a new publication
	stageVotes                 // leader: waits for a vote from exactly one rank
	stageAnnounce              // leader: waits for the end of a send of the agreement
	stageVote                  // follower: waits for the end of the send of its vote
	stageAnswer                // follower: waits for the agreement
	stageRebuild               // wants the lock to rebuild
	stagePut                   // wants the lock to put the new communicator into the slot
	stageReader                // run: wants the lock for a new reader
	stageOver
)

// racing tells whether the stage is inside the round that a new publication drops.
func (s stage) racing() bool { return s >= stageRound && s <= stageAnswer }

// orchestrator is the task that runs for the life of the process.
type orchestrator struct {
	stage    stage
	waiting  bool // for the lock
	shutdown bool
	seen     uint32       // version of the watch that run's reader has seen
	raceSeen uint32       // that the round's reader has seen
	handled  uint32       // the version whose list was merged last
	dead     core.NodeSet // ranks, in this recovery

	leader core.Rank
	voters []core.Rank  // leader: the other alive ranks, ascending
	place  int          // which of them is next
	union  core.NodeSet // leader: what the votes came to
	agreed core.NodeSet
	stale  uint8 // sends of dropped rounds whose end is still to come
}

// orchestrate goes on from where the orchestrator stands, as far as it gets without waiting.
func (n *Node) orchestrate(now core.Instant, out *core.Effects) {
	o := &n.orch
	switch o.stage {
	case stageBegin, stageTell, stageSurvey, stageRound, stageRebuild, stagePut, stageReader:
		if o.waiting {
			return
		}
		if !n.lock.acquire(theRecovery) {
			o.waiting = true
			return
		}
		n.orchestrateLocked(now, out)
	case stageIdle:
		n.idle(out)
	case stageVotes, stageAnnounce, stageVote, stageAnswer, stageOver:
	}
}

// idle is run's select. "Shutdown is looked at only between recoveries", and "when two branches of a select are ready,
// either may be taken": each is a wake then, and the driver says which comes first.
func (n *Node) idle(out *core.Effects) {
	o := &n.orch
	news := n.watch.version != o.seen
	if o.shutdown && !news {
		n.finish(core.EndShutdown, "", out)
		return
	}
	if o.shutdown {
		n.ask(wakeShutdown, out)
	}
	if news {
		n.ask(wakeWatch, out)
	}
}

// stopped is the branch of run's select that the application's shutdown makes ready.
func (n *Node) stopped(out *core.Effects) {
	if n.orch.stage == stageIdle && n.orch.shutdown {
		n.finish(core.EndShutdown, "", out)
	}
}

// to goes to another stage.
func (n *Node) to(s stage, now core.Instant, out *core.Effects) {
	n.orch.stage = s
	n.orchestrate(now, out)
}

// orchestrateLocked does what the orchestrator wanted the lock for.
func (n *Node) orchestrateLocked(now core.Instant, out *core.Effects) {
	o := &n.orch
	switch o.stage {
	case stageBegin:
		o.seen = n.handedOver()
		n.release(out)
		n.to(stageIdle, now, out)
	case stageTell:
		n.tell(out)
		n.release(out)
		n.to(stageIdle, now, out)
	case stageSurvey:
		n.survey(now, out)
	case stageRound:
		n.round(now, out)
	case stageRebuild:
		n.rebuild(now, out)
	case stagePut:
		n.put(now, out)
	case stageReader:
		// "A new reader fires at once if anything was ever published": success subscribes afresh.
		o.seen = n.handedOver()
		n.release(out)
		n.to(stageIdle, now, out)
	case stageIdle, stageVotes, stageAnnounce, stageVote, stageAnswer, stageOver:
	}
}

// published is the branch of a select that a publication makes ready.
func (n *Node) published(now core.Instant, out *core.Effects) {
	o := &n.orch
	switch {
	case o.stage == stageIdle:
		if n.watch.version != o.seen {
			o.seen, o.handled = n.watch.version, n.watch.version
			n.react(now, n.numbered(n.watch.list), out)
		}
	case o.stage.racing():
		if n.watch.version != o.raceSeen {
			// "Drop the round where it stands (sent votes stay sent, taken votes are gone), merge the published list."
			n.dropRound(out)
			o.handled = n.watch.version
			o.dead = o.dead.Union(n.numbered(n.watch.list))
			n.to(stageSurvey, now, out)
		}
	}
}

// react does what the policy says about a published list.
func (n *Node) react(now core.Instant, dead core.NodeSet, out *core.Effects) {
	if dead.Empty() {
		n.orchestrate(now, out) // "an empty list is ignored"
		return
	}
	n.orch.dead = dead
	switch n.cfg.Policy {
	case core.AbortAll:
		n.finish(core.EndError, fmt.Sprintf("node failure detected and policy is abort: dead ranks %s", dead), out)
	case core.Manual:
		n.to(stageTell, now, out)
	default:
		n.to(stageSurvey, now, out)
	}
}

// tell emits policy manual's event: "old rank = new rank, world size unchanged and the whole accumulated list".
func (n *Node) tell(out *core.Effects) {
	out.PutEvent(core.Event{
		Kind: core.EventFailureDetected, Epoch: n.comm.epoch, OldRank: n.comm.rank, NewRank: n.comm.rank,
		NewWorldSize: len(n.comm.members), DeadRanks: ranksOf(n.orch.dead),
	})
}

func ranksOf(s core.NodeSet) []core.Rank {
	ranks := make([]core.Rank, 0, s.Len())
	for r := s.First(); r != core.NoNode; r = s.Next(r) {
		ranks = append(ranks, core.Rank(r))
	}
	return ranks
}

// finish ends the orchestrator. Monitor, lanes and application go on.
func (n *Node) finish(why core.EndWhy, text string, out *core.Effects) {
	n.orch.stage = stageOver
	n.status = ended
	n.disarm(timerRound, out)
	out.End(why, text)
}

// fail ends it with an error, and gives the lock back if it holds it.
func (n *Node) fail(text string, out *core.Effects) {
	n.finish(core.EndError, text, out)
	if n.lock.holder == theRecovery {
		n.release(out)
	}
}
