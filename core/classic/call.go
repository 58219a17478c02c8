package classic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"nexarsim/core"
)

// call is something that the application does with the communicator, under its lock.
type call struct {
	task  task
	id    uint64 // the driver's
	op    core.CallOp
	value int64 // all-reduce: this node's contribution

	number uint32  // barrier: its number; others: their tag
	step   int     // of the plan
	buf    []int64 // one number for each rank
}

// call begins a call: it asks for the lock.
func (n *Node) call(now core.Instant, in *core.Input, out *core.Effects) {
	switch in.Call {
	case core.CallHold, core.CallSplit, core.CallBarrier, core.CallAllReduce:
	case core.CallRelease:
		n.releaseHold(in, out)
		return
	default:
		out.PutDone(core.Done{ID: in.ID, Call: in.Call, Err: in.Call.String() + ": nexar 0.1.2 does not offer it"})
		return
	}
	c := call{task: firstCall, id: in.ID, op: in.Call, value: in.Value}
	for slices.ContainsFunc(n.calls, func(o call) bool { return o.task == c.task }) {
		c.task++
	}
	n.calls = append(n.calls, c)
	if n.lock.acquire(c.task) {
		n.callLocked(now, c.task, out)
	}
}

// releaseHold ends the oldest hold, or takes it out of the lock's queue: its call then ends without having held anything.
func (n *Node) releaseHold(in *core.Input, out *core.Effects) {
	done := core.Done{ID: in.ID, Call: in.Call}
	i := slices.IndexFunc(n.calls, func(c call) bool { return c.op == core.CallHold })
	if i < 0 {
		done.Err = "release: nothing is held"
		out.PutDone(done)
		return
	}
	t, held := n.calls[i].task, n.calls[i].id
	if n.lock.holder != t || n.lock.handed {
		out.PutDone(core.Done{ID: held, Call: core.CallHold, Err: "hold: released before the lock was granted"})
	}
	n.calls = slices.Delete(slices.Clone(n.calls), i, i+1)
	out.PutDone(done)
	if n.lock.holder == t {
		n.release(out)
		return
	}
	n.lock.leave(t)
}

// callLocked runs a call that has the lock, on the communicator that is in the slot now.
func (n *Node) callLocked(now core.Instant, t task, out *core.Effects) {
	i := slices.IndexFunc(n.calls, func(c call) bool { return c.task == t })
	if i < 0 {
		return
	}
	c := &n.calls[i]
	switch c.op {
	case core.CallHold:
		out.PutDone(core.Done{ID: c.id, Call: c.op})
		return
	case core.CallBarrier:
		c.number = n.comm.barrier
		n.comm.barrier++
	default:
		c.number = n.comm.tag
		n.comm.tag++
		c.buf = make([]int64, len(n.comm.members))
		for r := range c.buf {
			c.buf[r] = c.value
		}
		if c.op == core.CallSplit {
			clear(c.buf)
			c.buf[n.comm.rank] = int64(n.comm.generation)
		}
	}
	n.advance(now, out)
}

// current is the call that runs: the one that has the lock. Nil if none does, or it only holds.
func (n *Node) current() *call {
	for i := range n.calls {
		if c := &n.calls[i]; c.task == n.lock.holder && c.op != core.CallHold && !n.lock.handed {
			return c
		}
	}
	return nil
}

// action is one step of a collective: a send to a rank, or a receive from one.
type action struct {
	send bool
	peer core.Rank
	ack  bool // barrier: the second phase's message
	slot int  // which number of the buffer
	add  bool // it is added, not put
}

// barrierTwoPhaseMax is the largest world in which a barrier goes through rank 0; larger ones disseminate.
const barrierTwoPhaseMax = 4

// plan is the i-th action of a call; false at its end.
func (n *Node) plan(c *call) (action, bool) {
	w, r := len(n.comm.members), int(n.comm.rank)
	switch {
	case w == 1:
		return action{}, false
	case c.op == core.CallBarrier && w <= barrierTwoPhaseMax:
		return twoPhase(w, r, c.step)
	case c.op == core.CallBarrier:
		return disseminate(w, r, c.step)
	case c.op == core.CallSplit:
		return gather(w, r, r, c.step)
	}
	// All-reduce: N-1 rounds of reduce-scatter round the ring, then an all-gather of the sums.
	if half := 2 * (w - 1); c.step >= half {
		return gather(w, r, r+1, c.step-half)
	}
	a, more := gather(w, r, r, c.step)
	a.add = !a.send
	return a, more
}

// twoPhase: everybody tells rank 0, rank 0 tells everybody.
func twoPhase(w, r, step int) (action, bool) {
	switch {
	case r == 0 && step < w-1:
		return action{peer: core.Rank(1 + step)}, true
	case r == 0 && step < 2*(w-1):
		return action{send: true, peer: core.Rank(1 + step - (w - 1)), ack: true}, true
	case r != 0 && step == 0:
		return action{send: true, peer: 0}, true
	case r != 0 && step == 1:
		return action{peer: 0, ack: true}, true
	}
	return action{}, false
}

// disseminate: in round k a rank tells the one 2^k further on and hears the one 2^k back.
func disseminate(w, r, step int) (action, bool) {
	distance := 1 << (step / 2)
	if distance >= w {
		return action{}, false
	}
	if step%2 == 0 {
		return action{send: true, peer: core.Rank((r + distance) % w)}, true
	}
	return action{peer: core.Rank((r + w - distance) % w)}, true
}

// gather is a ring all-gather in world-1 rounds, beginning with the given slot: each round sends one slot to the right and
// takes the one before it from the left.
func gather(w, r, first, step int) (action, bool) {
	round := step / 2
	if round >= w-1 {
		return action{}, false
	}
	slot := (first - round + 2*w) % w
	if step%2 == 0 {
		return action{send: true, peer: core.Rank((r + 1) % w), slot: slot}, true
	}
	return action{peer: core.Rank((r + w - 1) % w), slot: (slot + w - 1) % w}, true
}

// advance goes on with the current call as far as it gets.
func (n *Node) advance(now core.Instant, out *core.Effects) {
	c := n.current()
	for c != nil {
		a, more := n.plan(c)
		if !more {
			n.complete(now, c, out)
			return
		}
		if a.send {
			if err := n.callSend(c, &a, out); err != "" {
				n.failCall(now, c, fmt.Sprintf("send to rank %d: %s", a.peer, err), out)
			}
			return
		}
		if !n.callReceive(now, c, &a, out) {
			return
		}
		c.step++
		n.disarm(timerCall, out)
	}
}

func (n *Node) callSend(c *call, a *action, out *core.Effects) (err string) {
	to := n.comm.members[a.peer]
	if c.op == core.CallBarrier {
		m := n.message(Barrier)
		if a.ack {
			m.Kind = BarrierAck
		}
		m.Num, m.Ballot.Round = n.comm.id, c.number
		return n.send(to, &m, opCall, out)
	}
	m := n.message(Data)
	m.Num = uint64(c.number)<<32 | uint64(n.placed[to])
	m.Body = strconv.FormatInt(c.buf[a.slot], 10)
	if err = n.send(to, &m, opCall, out); err == "" {
		n.placed[to]++
	}
	return err
}

// callReceive takes what the current action waits for. False: the call waits, or has failed.
func (n *Node) callReceive(now core.Instant, c *call, a *action, out *core.Effects) bool {
	var it item
	var outcome readOutcome
	timeout := n.cfg.CollectiveTimeout
	if c.op == core.CallBarrier {
		it, outcome = n.readControl(a.peer)
		timeout = n.cfg.BarrierTimeout
	} else {
		it, outcome = n.readData(a.peer, c.number)
	}
	switch outcome {
	case readNothing:
		if n.armed>>timerCall&1 == 0 {
			n.arm(timerCall, now+core.Instant(timeout), out)
		}
		return false
	case readUnknown:
		n.failCall(now, c, fmt.Sprintf("unknown peer: rank %d", a.peer), out)
		return false
	case readDisconnected:
		n.failCall(now, c, fmt.Sprintf("peer disconnected: rank %d", a.peer), out)
		return false
	case readMessage:
	}
	if c.op == core.CallBarrier {
		return n.barrierRead(now, c, a, &it, out)
	}
	value, err := strconv.ParseInt(it.msg.Body, 10, 64)
	if err != nil {
		n.failCall(now, c, fmt.Sprintf("rank %d sent a chunk that is no number", a.peer), out)
		return false
	}
	used(&it, n.comm.members[a.peer], out)
	if a.add {
		value += c.buf[a.slot]
	}
	c.buf[a.slot] = value
	return true
}

// barrierRead holds the first control message that came, whatever it is, to what the barrier expects: a heartbeat that
// lies before it in the lane fails the barrier.
func (n *Node) barrierRead(now core.Instant, c *call, a *action, it *item, out *core.Effects) bool {
	want := Barrier
	if a.ack {
		want = BarrierAck
	}
	if it.msg.Kind != want || it.msg.Num != n.comm.id || it.msg.Ballot.Round != c.number {
		n.failCall(now, c, fmt.Sprintf("rank %d: expected %s %d, got %s", a.peer, n.KindName(want), c.number, n.KindName(it.msg.Kind)), out)
		return false
	}
	used(it, n.comm.members[a.peer], out)
	return true
}

// callRead goes on with the current call when something came from a peer, or its connection ended.
func (n *Node) callRead(now core.Instant, from core.NodeID, out *core.Effects) {
	c := n.current()
	if c == nil {
		return
	}
	if a, more := n.plan(c); more && !a.send && n.comm.members[a.peer] == from {
		n.advance(now, out)
	}
}

func (n *Node) callSent(now core.Instant, err string, out *core.Effects) {
	c := n.current()
	if c == nil {
		return
	}
	a, more := n.plan(c)
	if !more || !a.send {
		return
	}
	if err != "" {
		n.failCall(now, c, fmt.Sprintf("send to rank %d: %s", a.peer, err), out)
		return
	}
	c.step++
	n.advance(now, out)
}

func (n *Node) callTimeout(now core.Instant, out *core.Effects) {
	if c := n.current(); c != nil {
		a, _ := n.plan(c)
		n.failCall(now, c, fmt.Sprintf("timeout waiting for rank %d", a.peer), out)
	}
}

// complete ends a call that has come through. A split bumps the generation "when its own all-gather has finished, not
// otherwise": one that was interrupted elsewhere leaves the members with different counters.
func (n *Node) complete(now core.Instant, c *call, out *core.Effects) {
	result := ""
	switch c.op {
	case core.CallSplit:
		n.comm.generation++
	case core.CallAllReduce:
		result = sumText(c.buf)
	}
	n.endCall(now, c, result, "", out)
}

// sumText is the one number that every slot came to, or all of them if they differ.
func sumText(buf []int64) string {
	same := !slices.ContainsFunc(buf, func(v int64) bool { return v != buf[0] })
	if same {
		return strconv.FormatInt(buf[0], 10)
	}
	texts := make([]string, len(buf))
	for i, v := range buf {
		texts[i] = strconv.FormatInt(v, 10)
	}
	return strings.Join(texts, " ")
}

// failCall ends a call with an error. What it has sent stays sent, and keeps its tag.
func (n *Node) failCall(now core.Instant, c *call, text string, out *core.Effects) {
	n.endCall(now, c, "", c.op.String()+" failed: "+text, out)
}

func (n *Node) endCall(_ core.Instant, c *call, result, err string, out *core.Effects) {
	n.disarm(timerCall, out)
	out.PutDone(core.Done{ID: c.id, Call: c.op, Result: result, Err: err})
	t := c.task
	n.calls = slices.DeleteFunc(slices.Clone(n.calls), func(o call) bool { return o.task == t })
	n.release(out)
}
