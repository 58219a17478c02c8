package comm

import (
	"fmt"
	"math"
	"strings"
	"time"

	"nexarsim/core"
)

// The timers of a Stack. The machine below it has those before them.
const (
	timerRepeat   core.TimerID = 12 + iota // ask again for what has not come
	timerDeadline                          // an operation has had its time
	timerEnd
)

const timerCount = int(timerEnd - timerRepeat)

// Settings is what a Stack starts from.
type Settings struct {
	core.Setup     // as the machine below has it
	RingMin    int // bytes from which on an all-reduce goes round the ring; 0: RingMinDefault
}

// RingMinDefault is where 2(N-1) small messages for each rank begin to beat log N large ones.
const RingMinDefault = 4096

// status is how far the machine below has come.
type status uint8

const (
	fresh   status = iota // not started
	running               // a member of its view
	over                  // evicted, ended or panicked: nothing can be called any more
)

// Stack is a communicator on top of a machine that installs views. What it does not know it hands down; what the machine
// below asks for it hands up, and sees views come and go in it.
type Stack struct {
	// What each step looks at stands first, and together.
	inner  core.Machine
	group  uint64
	world  int
	self   core.NodeID
	status status
	armed  uint8
	last   core.Instant   // of the last step
	comms  []communicator // the view's, then those that splits have made of it
	held   []heldMessage
	queue  []call          // calls that have not begun, in their order
	holds  int             // how often the application holds the lock that its own calls wait for
	begun  []Running       // in the last step, for a driver; no part of the state
	slab   strings.Builder // the segments sent last: one allocation for hundreds of them
	due    [timerCount]core.Instant
	view   core.View

	cfg     core.Config
	ringMin int
	over    string // why nothing can be called
	counts  Counts
}

// Counts is what a Stack has dropped, for an application to show. It is no part of the state.
type Counts struct {
	Stale uint64 // of views that are gone
	Full  uint64 // early, and no room was left
}

// New puts a communicator on a machine.
func New(inner core.Machine, s Settings) (*Stack, error) {
	if inner == nil {
		return nil, fmt.Errorf("make communicator: no machine below it")
	}
	if s.World < 1 || s.Self < 0 || int(s.Self) >= s.World {
		return nil, fmt.Errorf("make communicator: node %d of a world of %d: expected 0 to world-1", s.Self, s.World)
	}
	if s.RingMin == 0 {
		s.RingMin = RingMinDefault
	}
	k := &Stack{inner: inner, cfg: s.Config, self: s.Self, world: s.World, group: s.CommID, ringMin: s.RingMin}
	k.enter(core.FirstView(s.World, s.CommID))
	return k, nil
}

// View is the view that calls are made in.
func (k *Stack) View() core.View { return k.view }

// Counts is what was dropped so far.
func (k *Stack) Counts() Counts { return k.counts }

// Inner is the machine below.
func (k *Stack) Inner() core.Machine { return k.inner }

// KindName names the communicator's messages and those of the machine below.
func (k *Stack) KindName(kind core.Kind) string {
	if name := kindName(kind); name != "" {
		return name
	}
	return k.inner.KindName(kind)
}

// Step gives the stack one input: the communicator's own, or the machine's below.
func (k *Stack) Step(now core.Instant, in *core.Input, out *core.Effects) {
	k.last, k.begun = now, k.begun[:0]
	switch {
	case in.Kind == core.InDeliver && in.Msg.Kind >= Data && in.Msg.Kind < kindEnd:
		k.deliver(now, in, out)
	case in.Kind == core.InTimer && in.Timer >= timerRepeat && in.Timer < timerEnd:
		k.fire(now, in.Timer, out)
	case in.Kind == core.InCall && offered(in.Call):
		k.call(now, in, out)
	default:
		k.below(now, in, out)
	}
}

// below hands an input down and looks at what comes of it.
func (k *Stack) below(now core.Instant, in *core.Input, out *core.Effects) {
	from := len(out.List())
	k.inner.Step(now, in, out)
	if in.Kind == core.InStart && k.status == fresh {
		k.status = running
	}
	if list := out.List(); len(list) > from {
		k.observe(now, list[from:], out)
	}
	if in.Kind == core.InCall && (in.Call == core.CallHold || in.Call == core.CallRelease) {
		k.lock(now, in.Call, out)
	}
}

// observe sees views come and go.
func (k *Stack) observe(now core.Instant, list []core.Effect, out *core.Effects) {
	for i := range list {
		switch e := &list[i]; e.Kind {
		case core.OutInstall:
			v := out.Install(e).View
			k.endAll(Gone{Epoch: k.view.Epoch, Next: v.Epoch}, out)
			k.enter(v)
			k.run(now, out)
		case core.OutEvent:
			if ev := out.Event(e); ev.Kind == core.EventEvicted {
				k.leave(Gone{Epoch: k.view.Epoch, Next: ev.Epoch, Evicted: true}, now, out)
			}
		case core.OutEnd:
			k.leave(Gone{Epoch: k.view.Epoch, Ended: e.Why.String()}, now, out)
		case core.OutPanic:
			k.leave(Gone{Epoch: k.view.Epoch, Ended: "panic"}, now, out)
		}
	}
}

// enter makes a view the one that calls are made in.
func (k *Stack) enter(v core.View) {
	k.view = v
	if len(k.comms) == 0 {
		k.comms = append(k.comms, communicator{})
	}
	k.comms = k.comms[:1]
	k.comms[0].reset(v.CommID, v.Members(), k.self)
}

// leave ends everything: there is no view any more.
func (k *Stack) leave(g Gone, now core.Instant, out *core.Effects) {
	if k.status == over {
		return
	}
	k.endAll(g, out)
	k.status, k.over = over, g.Error()
	k.held = k.held[:0]
	k.retime(now, out)
}

// endAll ends every operation of the view, and every call that waits to be one, at once and without waiting for anybody.
func (k *Stack) endAll(g Gone, out *core.Effects) {
	for i := range k.comms {
		if op := &k.comms[i].op; op.active {
			op.active = false
			g.Call, g.MayHaveFinished = op.call, op.plan.Shared(op.sends)
			out.PutDone(core.Done{ID: op.id, Call: op.call, Err: g.Error()})
		}
		k.comms[i].endTagged(g, out)
	}
	for i := range k.queue {
		c := &k.queue[i]
		g.Call, g.MayHaveFinished = c.op, false
		out.PutDone(core.Done{ID: c.id, Call: c.op, Err: g.Error()})
	}
	k.queue = k.queue[:0]
}

// run goes on as far as calls and messages allow. It is called whenever one of them may have become possible.
func (k *Stack) run(now core.Instant, out *core.Effects) {
	for len(k.queue) > 0 && k.begin(now, out) || len(k.held) > 0 && k.drain(now, out) {
		// Each turn begins a call or uses a message that had come too early.
	}
	k.retime(now, out)
}

func (k *Stack) find(commID uint64) *communicator {
	for i := range k.comms {
		if k.comms[i].id == commID {
			return &k.comms[i]
		}
	}
	return nil
}

// fire handles a timer. With an external detector the driver may hold the clock still and fire any armed timer.
func (k *Stack) fire(now core.Instant, id core.TimerID, out *core.Effects) {
	i := id - timerRepeat
	if k.armed>>i&1 == 0 || k.due[i] > now && !k.cfg.ExternalDetector {
		return
	}
	k.armed &^= 1 << i
	if id == timerRepeat {
		k.repeat(now, out)
	} else {
		k.expire(now, out)
	}
	k.run(now, out)
}

// retime sets the timers to what the running operations wait for.
func (k *Stack) retime(now core.Instant, out *core.Effects) {
	first := [timerCount]core.Instant{never, never}
	for i := range k.comms {
		if op := &k.comms[i].op; op.active {
			first[0], first[1] = min(first[0], op.repeatAt), min(first[1], op.deadline)
		}
		if m := &k.comms[i].mail; len(m.letters)+len(m.waiting) > 0 {
			first[0], first[1] = m.due(first[0], first[1])
		}
	}
	for i := range first {
		active, set := first[i] != never, k.armed>>i&1 != 0
		switch {
		case !active && set:
			k.armed &^= 1 << i
			out.CancelTimer(timerRepeat + core.TimerID(i))
		case active && (!set || k.due[i] != first[i]):
			k.armed |= 1 << i
			k.due[i] = first[i]
			out.SetTimer(timerRepeat+core.TimerID(i), max(first[i], now))
		}
	}
}

// never is when what nobody waits for is due.
const never = core.Instant(math.MaxInt64)

// text is a copy of some bytes that a message may point to for ever.
func (k *Stack) text(b []byte) string {
	switch n := len(b); {
	case n == 0:
		return ""
	case n > slabSize/8:
		return string(b)
	case k.slab.Cap()-k.slab.Len() < n:
		k.slab.Reset()
		k.slab.Grow(slabSize)
	}
	from := k.slab.Len()
	k.slab.Write(b) // a Builder's write never fails
	return k.slab.String()[from:]
}

const slabSize = 4096

// patience is how long an operation of some kind may take.
func (k *Stack) patience(op core.CallOp) time.Duration {
	if op == core.CallBarrier {
		return k.cfg.BarrierTimeout
	}
	return k.cfg.CollectiveTimeout
}

// The waits before a member asks for what has not come: a tenth of the heartbeat interval, doubled up to all of it.
const (
	repeatShare   = 10
	repeatDoubles = 4
)

func (k *Stack) repeatWait(repeats uint8) core.Instant {
	wait := k.cfg.HeartbeatInterval / repeatShare << min(repeats, repeatDoubles)
	return core.Instant(min(wait, k.cfg.HeartbeatInterval))
}
