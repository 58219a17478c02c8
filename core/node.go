package core

import (
	"fmt"
	"time"
)

// status is how far a node's orchestrator has come.
type status uint8

const (
	fresh   status = iota // not started
	running               // a member of its view
	learner               // excluded: answers with the decision that removed it until the linger time has passed
	aborted               // ended by policy abort: answers with that until the linger time has passed
	ended                 // does nothing more
)

// The timers of a Node.
const (
	timerTick       TimerID = iota // send heartbeats
	timerSilence                   // somebody may have been silent for too long
	timerRetransmit                // repeat what has not been answered
	timerWindow                    // the batching window ends
	timerTakeOver                  // start a higher ballot
	timerQuorumLoss                // report that there is no quorum
	timerLinger                    // stop answering
	timerCount
)

// Setup is what one node starts from.
type Setup struct {
	Self   NodeID // 0..World-1
	World  int    // members of the first view
	CommID uint64 // of the first view: RootCommID
	Config Config
}

// Node is the hardened recovery protocol of one member: health monitor, agreement, rebuild, policies and events as one
// pure state machine. Make one with New; give it InStart first.
type Node struct {
	cfg    Config
	times  Durations
	self   NodeID
	world  int // nodes of the first view
	group  uint64
	status status

	last    Instant // of the last step
	beat    uint64  // sequence number of the last heartbeat sent
	view    View
	decided []NodeSet // decided[e] is who left with the decision of epoch e; one longer than view.Epoch while a decision waits for the application
	detector
	armed uint16              // timers that are set
	due   [timerCount]Instant // of each armed one

	// The agreement that ends view.Epoch. All of it is cleared by an install.
	promised  Ballot  // nothing below it is accepted any more
	accepted  Ballot  // the ballot of the accepted proposal
	chosen    NodeSet // the accepted proposal: meaningful if accepted exists
	voted     NodeSet // the suspicions told to promised's coordinator
	repeats   uint8   // how often the current message has been repeated, for back-off
	refusals  uint8   // refused ballots of this epoch, for back-off
	lead      lead
	lossTold  bool    // quorum-lost was reported for this loss
	consent   bool    // policy manual: the application has called recover for this epoch
	consentID uint64  // and this is the call to answer
	told      NodeSet // policy manual: reported by failure-detected
}

// New makes a node. The error says everything that is wrong with the setup.
func New(s Setup) (*Node, error) {
	if err := s.Config.Validate(); err != nil {
		return nil, fmt.Errorf("make node: %w", err)
	}
	if s.World < 1 || s.Self < 0 || int(s.Self) >= s.World {
		return nil, fmt.Errorf("make node: node %d of a world of %d: expected 0 to world-1", s.Self, s.World)
	}
	n := &Node{cfg: s.Config, times: s.Config.Durations(), self: s.Self, world: s.World, group: s.CommID, view: FirstView(s.World, s.CommID)}
	n.detector = newDetector(s.World, s.Config.ExternalDetector)
	n.clearAgreement()
	return n, nil
}

// View is the node's current view.
func (n *Node) View() View { return n.view }

// Suspected is whom the node suspects among the members of its view.
func (n *Node) Suspected() NodeSet { return n.suspected }

// Running tells whether the orchestrator has started and not ended.
func (n *Node) Running() bool { return n.status == running }

// KindName names the protocol's messages.
func (n *Node) KindName(k Kind) string { return k.String() }

// Clone is an independent copy. What is immutable (views, sets, configuration) is shared.
func (n *Node) Clone() Machine {
	c := *n
	c.decided = append([]NodeSet(nil), n.decided...)
	c.detector = n.detector.clone()
	c.lead.votes = append([]vote(nil), n.lead.votes...)
	return &c
}

// Step gives the node one input. It never panics on anything that a network can bring.
func (n *Node) Step(now Instant, in *Input, out *Effects) {
	if n.status == running {
		n.noticeSleep(now)
	}
	n.last = now
	switch in.Kind {
	case InDeliver:
		n.deliver(now, in.From, &in.Msg, out)
	case InTimer:
		n.fire(now, in.Timer, out)
	case InStart:
		n.start(now, in.Phase, out)
	case InClosed:
		if n.view.set.Has(in.Peer) {
			n.suspect(now, NodeSetOf(in.Peer), out)
		}
	case InDead:
		n.witness(now, in.Peer, out)
	case InSuspect:
		n.accuse(now, in.Peer, in.Hold, out)
	case InTrust:
		n.acquit(now, in.Peer, out)
	case InCall:
		n.call(now, in.Call, in.ID, out)
	case InShutdown:
		n.shutdown(out)
	case InSent, InWake:
		// The protocol asks for neither: a lost connection is an InClosed (L3).
	}
}

// deliver sorts a message by whose it is and how old (S6).
func (n *Node) deliver(now Instant, from NodeID, m *Message, out *Effects) {
	if m.Group != n.group || from < 0 || int(from) >= n.world || from == n.self {
		return
	}
	switch n.status {
	case running:
	case learner:
		n.answer(from, m, out)
		return
	case aborted:
		n.answerAborted(from, m, out)
		return
	case fresh, ended:
		return
	}
	if m.Kind == Heartbeat {
		n.heartbeat(now, from, m, out)
		return
	}
	if m.Kind == Abort {
		n.abortedBy(m.Set, out)
		return
	}
	switch {
	case m.Epoch < Epoch(len(n.decided)):
		n.answer(from, m, out)
	case m.Kind == Commit && n.waitsForConsent() && m.Epoch == Epoch(len(n.decided)):
		n.learnAhead(now, m.Set, out)
	case m.Epoch > n.view.Epoch || !n.view.set.Has(from) || m.Ballot.Round > roundMax:
		// From a view that this node has not reached: the decision comes with the answer to its next message. Or of a
		// round that no group can have come to.
	default:
		n.agree(now, from, m, out)
	}
}

// agree handles the messages of the current epoch's agreement.
func (n *Node) agree(now Instant, from NodeID, m *Message, out *Effects) {
	switch m.Kind {
	case Vote:
		n.vote(now, from, m, out)
	case Prepare:
		n.prepare(now, from, m, out)
	case Agreement:
		n.agreement(now, from, m, out)
	case Ack:
		n.ack(now, from, m, out)
	case Refusal:
		n.refused(now, m, out)
	case Commit:
		out.Used()
		n.learn(now, m.Set, out)
	case Heartbeat, Abort:
		// deliver has handled them.
	default:
		// Another protocol's, or a later version's: nothing that this one could use.
	}
}

// fire handles a timer. One that was replaced or cancelled in the meantime is ignored. With an external detector the
// driver may hold the clock still and fire any armed timer: then being armed is enough.
func (n *Node) fire(now Instant, id TimerID, out *Effects) {
	if id >= timerCount || n.armed>>id&1 == 0 || n.due[id] > now && !n.cfg.ExternalDetector {
		return
	}
	n.armed &^= 1 << id
	switch id {
	case timerTick:
		n.tick(now, out)
	case timerSilence:
		n.checkSilence(now, out)
	case timerRetransmit:
		n.retransmit(now, out)
	case timerWindow:
		n.closeWindow(now, out)
	case timerTakeOver:
		n.takeOver(now, out)
	case timerQuorumLoss:
		n.reportQuorumLoss(out)
	case timerLinger:
		n.status = ended
	}
}

// start begins the node's life: everybody has the full heartbeat timeout to be heard.
func (n *Node) start(now Instant, phase int64, out *Effects) {
	if n.status != fresh {
		return
	}
	n.status = running
	if n.cfg.ExternalDetector {
		return
	}
	n.restart(now)
	n.arm(timerTick, now+Instant(phase), out)
	n.armSilence(out)
}

func (n *Node) shutdown(out *Effects) {
	if n.status == running || n.status == fresh {
		n.stop(ended, EndShutdown, "", out)
		return
	}
	n.disarmAll(out)
	n.status = ended
}

// stop ends the orchestrator.
func (n *Node) stop(to status, why EndWhy, text string, out *Effects) {
	n.disarmAll(out)
	n.answerCall("", "the orchestrator ended: "+why.String(), out)
	n.clearAgreement()
	n.status = to
	out.End(why, text)
}

// clearAgreement forgets everything that belongs to the epoch that ends.
func (n *Node) clearAgreement() {
	n.promised, n.accepted, n.chosen, n.voted = NoBallot, NoBallot, NodeSet{}, NodeSet{}
	n.repeats, n.refusals = 0, 0
	n.lead = lead{ballot: NoBallot, refused: NoBallot, votes: n.lead.votes[:0]}
	n.consent, n.consentID = false, 0
}

func (n *Node) arm(id TimerID, at Instant, out *Effects) {
	n.armed |= 1 << id
	n.due[id] = at
	out.SetTimer(id, at)
}

func (n *Node) armOnce(id TimerID, at Instant, out *Effects) {
	if n.armed>>id&1 == 0 {
		n.arm(id, at, out)
	}
}

func (n *Node) disarm(id TimerID, out *Effects) {
	if n.armed>>id&1 != 0 {
		n.armed &^= 1 << id
		out.CancelTimer(id)
	}
}

func (n *Node) disarmAll(out *Effects) {
	for id := range timerCount {
		n.disarm(id, out)
	}
}

// after is the instant a duration from now.
func after(now Instant, d time.Duration) Instant { return now + Instant(d) }

// quorum tells whether the given members may decide, as this node sees it.
func (n *Node) quorum(in NodeSet) bool { return n.cfg.Rule.quorum(&n.view, in, n.suspected) }

// unsuspected is the members that the node does not suspect, itself always among them.
func (n *Node) unsuspected() NodeSet { return n.view.set.Minus(n.suspected) }

// position is where the node stands among the unsuspected members, from 0.
func (n *Node) position() int {
	p := 0
	for _, id := range n.view.members {
		if id == n.self {
			break
		}
		if !n.suspected.Has(id) {
			p++
		}
	}
	return p
}

// message is an empty message of the node's epoch.
func (n *Node) message(k Kind, b Ballot) Message {
	return Message{Kind: k, Group: n.group, Epoch: n.view.Epoch, Ballot: b}
}
