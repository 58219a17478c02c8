package sim

import (
	"nexarsim/checker/trace"
	"nexarsim/core"
)

// ReachPoint is a named situation that a sweep must have met before its silence means anything.
type ReachPoint int

// The reach points. Each is counted once for each time that a run comes through it.
const (
	ReachCrashBeforeVote ReachPoint = iota
	ReachCrashAfterVote
	ReachCrashInAgreement
	ReachCrashBeforeCommit
	ReachCrashInCommit
	ReachCrashAfterInstall
	ReachPrepare
	ReachRefusal
	ReachRaisedRound
	ReachAdopted
	ReachSelfExclusion
	ReachExcludedAck
	ReachSeveralDead
	ReachHalf
	ReachAlone
	ReachSecondRecovery
	ReachCatchUp
	ReachStaleAnswer
	ReachLearnerAnswer
	ReachEvicted
	ReachZombie
	ReachWithdrawn
	ReachMutual
	ReachQuorumLost
	ReachQuorumBack
	ReachManualWait
	ReachAbortSpread
	ReachIdleTimeout
	ReachReopened
	ReachStaleBurst
	ReachCrashInCall
	ReachCrashReducing
	ReachCrashBetween
	ReachCrashGathering
	ReachCallGone
	ReachPartlyFinished
	ReachOldSegment
	ReachEarlySegment
	ReachAskedAgain
	ReachGivenUp
	ReachSplit
	ReachRegisterAsked
	ReachCrashStoring
	reachCount
)

var reachNames = [reachCount]string{
	ReachCrashBeforeVote:   "a node crashed after its suspicion and before its vote",
	ReachCrashAfterVote:    "a voter crashed before the decision",
	ReachCrashInAgreement:  "a coordinator crashed while it told its proposal",
	ReachCrashBeforeCommit: "a coordinator crashed between agreement and commit",
	ReachCrashInCommit:     "a coordinator crashed while it told its decision",
	ReachCrashAfterInstall: "a node crashed after its first install",
	ReachPrepare:           "a coordinator asked for promises",
	ReachRefusal:           "a ballot was refused",
	ReachRaisedRound:       "a proposal was made in a round above 0",
	ReachAdopted:           "a coordinator learned of an accepted proposal",
	ReachSelfExclusion:     "a coordinator proposed a set that names itself",
	ReachExcludedAck:       "an acceptance came from a node that the proposal excludes",
	ReachSeveralDead:       "one view change excluded several nodes",
	ReachHalf:              "exactly half of a view went on",
	ReachAlone:             "a node went on alone",
	ReachSecondRecovery:    "a node installed a second view",
	ReachCatchUp:           "a node lagged two epochs or more behind a decision it was told",
	ReachStaleAnswer:       "a message of an old epoch was answered with the decision",
	ReachLearnerAnswer:     "an excluded node told a decision",
	ReachEvicted:           "a live node was excluded and learned it",
	ReachZombie:            "a node that had slept found itself excluded",
	ReachWithdrawn:         "a suspicion was withdrawn",
	ReachMutual:            "two live nodes suspected each other",
	ReachQuorumLost:        "a node reported the loss of its quorum",
	ReachQuorumBack:        "a node installed or was evicted after a loss of quorum",
	ReachManualWait:        "policy manual: a failure was told and recovered on call",
	ReachAbortSpread:       "policy abort: a node ended on another's word",
	ReachIdleTimeout:       "an idle timeout closed a connection",
	ReachReopened:          "a closed connection opened again",
	ReachStaleBurst:        "a stream delivered after a heal what was sent before",
	ReachCrashInCall:       "a node crashed in the middle of a collective",
	ReachCrashReducing:     "a node crashed in the reduce-scatter of a ring all-reduce",
	ReachCrashBetween:      "a node crashed between reduce-scatter and all-gather",
	ReachCrashGathering:    "a node crashed in the all-gather of a ring all-reduce",
	ReachCallGone:          "a collective ended with its view",
	ReachPartlyFinished:    "a view changed when some members had finished an all-reduce and others had not",
	ReachOldSegment:        "an old view's segment arrived in a new view",
	ReachEarlySegment:      "a segment of a view arrived before the view was installed",
	ReachAskedAgain:        "a segment that did not come was asked for again",
	ReachGivenUp:           "a member told others that it has given a collective up",
	ReachSplit:             "a split made a communicator",
	ReachRegisterAsked:     "a new view's lowest rank asked for what the register holds",
	ReachCrashStoring:      "the register's lowest rank crashed with a value on its way",
}

// String tells the situation.
func (p ReachPoint) String() string { return reachNames[p] }

// ReachPoints is all of them, in order.
func ReachPoints() []ReachPoint {
	points := make([]ReachPoint, reachCount)
	for i := range points {
		points[i] = ReachPoint(i)
	}
	return points
}

// Reach counts how often each point was met.
type Reach [reachCount]uint64

// Add adds another run's or sweep's counts.
func (r *Reach) Add(o *Reach) {
	for i := range r {
		r[i] += o[i]
	}
}

// Missing is the points that were never met.
func (r *Reach) Missing() []ReachPoint {
	var missing []ReachPoint
	for i, n := range r {
		if n == 0 {
			missing = append(missing, ReachPoint(i))
		}
	}
	return missing
}

// reachState watches a run for the reach points. It looks at what is sent and told, never into a machine, so that it
// serves any protocol that names its messages as the hardened one does.
type reachState struct {
	hits  Reach
	nodes []reachNode
	calls []reachCalls
}

// reachNode is how far a node has come in its epoch.
type reachNode struct {
	suspects  core.NodeSet
	voted     bool
	proposed  bool
	ballot    core.Ballot  // of the proposal
	value     core.NodeSet // what it proposes
	proposals int          // how many members it was sent to
	commits   int          // decisions sent in this epoch
	installs  int
	failures  int  // told to the application under policy manual
	slept     bool // it was paused
	lost      bool // it has reported the loss of its quorum
}

func (r *reachState) reset(world int) {
	r.hits = Reach{}
	if cap(r.nodes) < world {
		r.nodes = make([]reachNode, world)
	}
	r.nodes = r.nodes[:world]
	clear(r.nodes)
	r.calls = r.calls[:0]
	for range world {
		r.calls = append(r.calls, reachCalls{members: world, label: -1})
	}
}

func (r *reachState) hit(p ReachPoint) { r.hits[p]++ }

// sent looks at every message that is no heartbeat.
func (r *reachState) sent(s *Simulator, id, to int, m *core.Message) {
	n := &r.nodes[id]
	switch m.Kind {
	case core.Vote:
		n.voted = true
	case core.Prepare:
		r.hit(ReachPrepare)
	case core.Refusal:
		r.hit(ReachRefusal)
	case core.Agreement:
		r.proposal(n, id, m)
	case core.Commit:
		r.commit(s, n, id, m)
	default:
		r.callSent(id, m)
	}
}

func (r *reachState) proposal(n *reachNode, id int, m *core.Message) {
	n.proposals++
	if n.proposed && n.ballot == m.Ballot {
		return
	}
	n.proposed, n.ballot, n.value, n.proposals = true, m.Ballot, m.Set, 1
	if m.Ballot.Round > 0 {
		r.hit(ReachRaisedRound)
	}
	if m.Set.Has(core.NodeID(id)) {
		r.hit(ReachSelfExclusion)
	}
}

func (r *reachState) commit(s *Simulator, n *reachNode, id int, m *core.Message) {
	n.commits++
	epoch := s.nodes[id].epoch
	if m.Epoch < epoch {
		r.hit(ReachStaleAnswer)
		if epoch-m.Epoch > 1 {
			r.hit(ReachCatchUp)
		}
	}
	if m.Set.Has(core.NodeID(id)) && !n.proposed {
		r.hit(ReachLearnerAnswer)
	}
}

// delivered looks at what was used.
func (r *reachState) delivered(id int, in *core.Input) {
	switch in.Msg.Kind {
	case core.Vote:
		if in.Msg.Num != 0 {
			r.hit(ReachAdopted)
		}
	case core.Ack:
		if r.nodes[id].value.Has(in.From) {
			r.hit(ReachExcludedAck)
		}
	}
}

// crashed looks at where in a round a node dies.
func (r *reachState) crashed(s *Simulator, id int) {
	r.callCrashed(id, s.ring)
	n := &r.nodes[id]
	members := s.world
	if n.installs > 0 {
		r.hit(ReachCrashAfterInstall)
	}
	switch {
	case n.commits > 0 && n.commits < members-1 && n.proposed:
		r.hit(ReachCrashInCommit)
	case n.proposed && n.commits == 0 && n.proposals < members-1:
		r.hit(ReachCrashInAgreement)
	case n.proposed && n.commits == 0:
		r.hit(ReachCrashBeforeCommit)
	case n.voted:
		r.hit(ReachCrashAfterVote)
	case !n.suspects.Empty():
		r.hit(ReachCrashBeforeVote)
	}
}

// line looks at what the trace tells.
func (r *reachState) line(ev *trace.Event) {
	switch ev.Kind {
	case trace.Suspect:
		r.suspect(ev.Node, ev.Peer)
	case trace.Trust:
		n := &r.nodes[ev.Node]
		n.suspects = n.suspects.Without(core.NodeID(ev.Peer))
		r.hit(ReachWithdrawn)
	case trace.Install:
		r.install(ev)
		r.callInstall(ev.Node, ev.Install)
	case trace.Told:
		r.event(ev)
	case trace.Call:
		r.callLine(ev.Node, ev.Call)
	case trace.Resume:
		r.nodes[ev.Node].slept = true
	case trace.End:
		if ev.Why == "aborted" && r.nodes[ev.Node].suspects.Empty() {
			r.hit(ReachAbortSpread)
		}
	}
}

func (r *reachState) suspect(by, of int) {
	n := &r.nodes[by]
	n.suspects = n.suspects.With(core.NodeID(of))
	if r.nodes[of].suspects.Has(core.NodeID(by)) {
		r.hit(ReachMutual)
	}
}

func (r *reachState) install(ev *trace.Event) {
	n := &r.nodes[ev.Node]
	in := ev.Install
	*n = reachNode{suspects: n.suspects, installs: n.installs + 1, slept: n.slept, lost: n.lost, failures: n.failures}
	for _, id := range in.Dead {
		n.suspects = n.suspects.Without(core.NodeID(id))
	}
	if n.installs > 1 {
		r.hit(ReachSecondRecovery)
	}
	if len(in.Dead) > 1 {
		r.hit(ReachSeveralDead)
	}
	if len(in.Dead) == in.World {
		r.hit(ReachHalf)
	}
	if in.World == 1 {
		r.hit(ReachAlone)
	}
	if n.lost {
		n.lost = false
		r.hit(ReachQuorumBack)
	}
	if n.failures > 0 {
		n.failures = 0
		r.hit(ReachManualWait)
	}
}

func (r *reachState) event(ev *trace.Event) {
	n := &r.nodes[ev.Node]
	switch ev.Told.Kind {
	case "evicted":
		r.hit(ReachEvicted)
		if n.slept {
			r.hit(ReachZombie)
		}
		if n.lost {
			r.hit(ReachQuorumBack)
		}
	case "quorum-lost":
		n.lost = true
		r.hit(ReachQuorumLost)
	case "failure-detected":
		n.failures++
	}
}
