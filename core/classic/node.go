package classic

import (
	"fmt"

	"nexarsim/core"
)

// The messages beyond the recovery protocol's. Heartbeat, Vote and Agreement are core's kinds; their Set holds ranks in
// the sender's numbering, not nodes. Every message's Epoch is how often its sender had rebuilt: the crate sends its wall
// clock there, and nobody compares either.
const (
	Barrier    core.Kind = 32 + iota // Ballot.Round: the barrier's number, Num: the communicator's id
	BarrierAck                       // the same
	Data                             // one chunk of a collective. Num: tag<<32 | place on the link, Body: the number in it
)

// status is where the process is in its life.
type status uint8

const (
	fresh status = iota
	running
	ended    // the orchestrator returned; monitor and application go on
	panicked // nothing moves any more
)

// The timers.
const (
	timerTick  core.TimerID = iota // the monitor wakes up
	timerRound                     // the orchestrator has waited for one message long enough
	timerCall                      // so has the application
	timerCount
)

// The ops: who awaits the end of a send. The wakes: who has become ready.
const (
	opMonitor uint32 = 1 + iota
	opRound
	opCall
)

const (
	wakeWatch    uint32 = 1 + iota // the orchestrator: something was published
	wakeLock                       // whoever was given the lock
	wakeShutdown                   // the orchestrator: it is to end, and something was published as well
)

// Node is one process of nexar 0.1.2: monitor, watch, orchestrator and an application that calls. Make one with New.
type Node struct {
	cfg    core.Config
	repair Repair
	self   core.NodeID
	world  int // of the root communicator
	status status
	last   core.Instant

	comm    communicator // what the orchestrator's slot holds
	rebuilt communicator // made, not yet put into the slot
	monitor monitor
	watch   watch
	closed  core.NodeSet // peers whose connection has ended; it never comes back
	control []lane       // by node: what came and nobody has read
	data    []dataLane

	lock  lock
	orch  orchestrator
	calls []call // of the application, in the order of their begin

	armed  uint8
	due    [timerCount]core.Instant
	wakes  uint8 // pending, one bit for each id
	placed []uint32
}

// New makes a node. The error says everything that is wrong with the setup. The root communicator's id is 0, whatever the
// setup says.
func New(s core.Setup, r Repair) (*Node, error) {
	if err := s.Config.Validate(); err != nil {
		return nil, fmt.Errorf("make classic node: %w", err)
	}
	if s.World < 1 || s.Self < 0 || int(s.Self) >= s.World {
		return nil, fmt.Errorf("make classic node: node %d of a world of %d: expected 0 to world-1", s.Self, s.World)
	}
	if r > Generation {
		return nil, fmt.Errorf("make classic node: repair %d: expected AsPublished to Generation", r)
	}
	n := &Node{cfg: s.Config, repair: r, self: s.Self, world: s.World}
	n.comm = root(s.Self, s.World)
	n.control = make([]lane, s.World)
	n.data = make([]dataLane, s.World)
	n.placed = make([]uint32, s.World)
	n.lock.holder = nobody
	return n, nil
}

// KindName names the crate's messages.
func (n *Node) KindName(k core.Kind) string {
	switch k {
	case Barrier:
		return "barrier"
	case BarrierAck:
		return "barrier-ack"
	case Data:
		return "data"
	}
	return k.String()
}

// TimerName names the timers.
func (n *Node) TimerName(t core.TimerID) string {
	switch t {
	case timerTick:
		return "tick"
	case timerRound:
		return "round"
	case timerCall:
		return "call"
	}
	return "none"
}

// Step gives the node one input.
func (n *Node) Step(now core.Instant, in *core.Input, out *core.Effects) {
	n.last = now
	if n.status == panicked {
		return
	}
	switch in.Kind {
	case core.InStart:
		n.start(now, in.Phase, out)
	case core.InDeliver:
		n.deliver(now, in, out)
	case core.InTimer:
		n.fire(now, in.Timer, out)
	case core.InWake:
		n.wake(now, uint32(in.ID), out)
	case core.InSent:
		n.sent(now, uint32(in.ID), in.Err, out)
	case core.InClosed:
		n.disconnect(now, in.Peer, out)
	case core.InDead, core.InSuspect:
		n.accuse(in.Peer, out)
	case core.InTrust:
		// "The dead list is accumulated, sorted, never shrinks."
	case core.InCall:
		n.call(now, in, out)
	case core.InShutdown:
		n.orch.shutdown = true
		n.orchestrate(now, out)
	}
}

func (n *Node) start(now core.Instant, phase int64, out *core.Effects) {
	if n.status != fresh {
		return
	}
	n.status = running
	n.monitor.start(n.world, now)
	if !n.cfg.ExternalDetector {
		n.arm(timerTick, now+core.Instant(phase), out)
	}
	n.orchestrate(now, out) // the run loop takes the lock once to get its reader of the watch
}

func (n *Node) fire(now core.Instant, id core.TimerID, out *core.Effects) {
	if id >= timerCount || n.armed>>id&1 == 0 || n.due[id] > now && !n.cfg.ExternalDetector {
		return
	}
	n.armed &^= 1 << id
	switch id {
	case timerTick:
		n.monitor.next = 0
		n.beat(now, out)
	case timerRound:
		n.roundTimeout(now, out)
	case timerCall:
		n.callTimeout(now, out)
	}
}

// wake runs what another task has made ready.
func (n *Node) wake(now core.Instant, id uint32, out *core.Effects) {
	n.wakes &^= 1 << id
	switch id {
	case wakeWatch:
		n.published(now, out)
	case wakeLock:
		n.granted(now, out)
	case wakeShutdown:
		n.stopped(out)
	}
}

// ask asks for a wake, once until it comes.
func (n *Node) ask(id uint32, out *core.Effects) {
	if n.wakes>>id&1 == 0 {
		n.wakes |= 1 << id
		out.Wake(id)
	}
}

func (n *Node) sent(now core.Instant, op uint32, err string, out *core.Effects) {
	switch op {
	case opMonitor:
		n.beaten(now, err == "", out)
	case opRound:
		n.roundSent(now, err, out)
	case opCall:
		n.callSent(now, err, out)
	}
}

// deliver puts a message where somebody may be waiting for it. Nobody looks at what kind it is before a receive does.
func (n *Node) deliver(now core.Instant, in *core.Input, out *core.Effects) {
	if in.From < 0 || int(in.From) >= n.world || in.From == n.self || n.closed.Has(in.From) {
		return
	}
	it := item{msg: in.Msg, id: in.ID, fresh: true}
	if in.Msg.Kind == Data {
		n.data[in.From].put(it)
		n.callRead(now, in.From, out)
		n.data[in.From].age()
		return
	}
	n.control[in.From].put(it)
	n.roundRead(now, in.From, out)
	n.callRead(now, in.From, out)
	n.control[in.From].age()
}

// disconnect ends a connection for good: the crate never opens another one. Whoever waits for the peer learns it when the
// lane is empty.
func (n *Node) disconnect(now core.Instant, peer core.NodeID, out *core.Effects) {
	if peer < 0 || int(peer) >= n.world || peer == n.self || n.closed.Has(peer) {
		return
	}
	n.closed = n.closed.With(peer)
	n.roundRead(now, peer, out)
	n.callRead(now, peer, out)
}

// send sends and awaits the end: an error at once if the connection is closed ("a closed peer makes sends fail at once").
func (n *Node) send(to core.NodeID, m *core.Message, op uint32, out *core.Effects) (err string) {
	if n.closed.Has(to) {
		return "connection closed"
	}
	out.SendOp(to, m, op)
	return ""
}

func (n *Node) message(k core.Kind) core.Message {
	return core.Message{Kind: k, Epoch: n.comm.epoch, Ballot: core.NoBallot}
}

func (n *Node) panic(text string, out *core.Effects) {
	n.status = panicked
	out.Panic(text)
}

func (n *Node) arm(id core.TimerID, at core.Instant, out *core.Effects) {
	n.armed |= 1 << id
	n.due[id] = at
	out.SetTimer(id, at)
}

func (n *Node) disarm(id core.TimerID, out *core.Effects) {
	if n.armed>>id&1 != 0 {
		n.armed &^= 1 << id
		out.CancelTimer(id)
	}
}
