package comm

import (
	"fmt"
	"strconv"

	"nexarsim/core"
)

// operation is one collective: how far this member has come with its plan, and the elements.
type operation struct {
	active  bool // it runs
	valid   bool // communicator.prev: it has ended, and its parts can still be asked for
	bulk    bool // the driver has the elements
	byValue bool // Input.Value is what the node brings, and Done.Result is decimal
	sent    bool // the current step's send is done
	moved   bool // something came since the last look
	call    core.CallOp
	typ     Type
	reduce  Reduce
	repeats uint8
	number  uint32
	id      uint64 // the driver's
	plan    Plan
	steps   int  // of the plan
	step    int  // the one that it waits in
	now     Step // which is this
	sends   int
	from    core.NodeID // whose part it waits for
	part    core.NodeID // and which, as a message names it

	buffer  []byte
	history []byte // recursive doubling: the buffer as each step sent it

	deadline core.Instant
	repeatAt core.Instant
}

// advance goes on with an operation as far as it gets without a message. came: what the last step has put in its place, which
// goes on as it is if that place is the next to be sent; "" if there is nothing of the kind.
func (k *Stack) advance(c *communicator, came string, out *core.Effects) {
	op := &c.op
	for ; op.step < op.steps; op.step++ {
		place := op.now.Receive
		op.plan.next(op.step, &op.now)
		if op.now.To != core.NoRank && !op.sent {
			op.remember()
			if came == "" || op.now.Send != place {
				came = k.text(op.elements(op.step, op.now.Send))
			}
			k.send(c, op, &op.now, came, out)
			op.sent, came = true, ""
			op.sends++
		}
		if op.now.From != core.NoRank {
			op.from, op.part = c.members[op.now.From], Part{op.call, op.now.ReceiveLabel}.pack()
			return
		}
		op.sent = false
	}
	k.complete(c, out)
}

// awaited tells whether a message is the part that the running operation waits for.
func (c *communicator) awaited(epoch core.Epoch, from core.NodeID, m *core.Message) bool {
	op := &c.op
	return m.Ballot.Coordinator == op.part && from == op.from && m.Ballot.Round == op.number && op.active && m.Kind == Data &&
		m.Num == c.id && m.Epoch == epoch
}

// receive puts the segment that was waited for in its place. came: as advance takes it.
func (o *operation) receive(elements string) (came string) {
	s := &o.now
	o.step++
	o.sent, o.moved = false, true
	if o.bulk || len(elements) == 0 {
		return ""
	}
	size := o.typ.Size()
	mine := o.buffer[s.Receive.Offset*size:][:s.Receive.Length*size]
	if s.Combine {
		Combine(mine, elements, o.typ, o.reduce, s.MineFirst)
		return ""
	}
	copy(mine, elements)
	return elements
}

// remember keeps what recursive doubling sends, because the next step changes it.
func (o *operation) remember() {
	if o.plan.Algorithm == RecursiveDoubling {
		copy(o.history[o.step*len(o.buffer):], o.buffer)
	}
}

// elements is what a step sends. On a ring a segment that was sent changes only after its receiver has used it.
func (o *operation) elements(step int, s Segment) []byte {
	if o.bulk {
		return nil
	}
	from := o.buffer
	if o.plan.Algorithm == RecursiveDoubling {
		from = o.history[step*len(o.buffer):]
	}
	return from[s.Offset*o.typ.Size():][:s.Length*o.typ.Size()]
}

// send sends the part of a step, for the first time or again.
func (k *Stack) send(c *communicator, op *operation, s *Step, elements string, out *core.Effects) {
	m := out.Draft(c.members[s.To])
	m.Kind, m.Group, m.Epoch, m.Num, m.Body = Data, k.group, k.view.Epoch, c.id, elements
	m.Ballot.Round, m.Ballot.Coordinator = op.number, Part{op.call, s.SendLabel}.pack()
}

func (k *Stack) message(kind core.Kind, c *communicator, number uint32, p Part) core.Message {
	return core.Message{
		Kind: kind, Group: k.group, Epoch: k.view.Epoch, Num: c.id, Ballot: core.Ballot{Round: number, Coordinator: p.pack()},
	}
}

// repeat asks for what has not come, where nothing came since the last look.
func (k *Stack) repeat(now core.Instant, out *core.Effects) {
	for i := range k.comms {
		c := &k.comms[i]
		op := &c.op
		k.repeatTagged(now, c, out)
		if !op.active || op.repeatAt > now && !k.cfg.ExternalDetector {
			continue
		}
		if op.moved {
			op.moved, op.repeats = false, 0
		} else {
			m := k.message(Want, c, op.number, Part{op.call, op.now.ReceiveLabel})
			out.Send(c.members[op.now.From], &m)
			op.repeats = min(op.repeats+1, repeatDoubles)
		}
		op.repeatAt = now + k.repeatWait(op.repeats)
	}
}

// answer sends a part again to whoever wants it, if this member has come as far as that.
func (k *Stack) answer(c *communicator, to core.Rank, m *core.Message, out *core.Effects) {
	number, p := m.Ballot.Round, PartOf(m)
	op := &c.op
	switch {
	case number == 0 || number > c.number && !c.broken:
		return // it comes when this member calls
	case op.active && number == op.number:
	case c.prev.valid && number == c.prev.number:
		op = &c.prev
	case !c.gaveUp(number) && (p.Call == core.CallBarrier || p.Call == core.CallBroadcast && p.Label == treeReceipt):
		again := k.message(Data, c, number, p) // the part is empty, and having ended the operation is all that it says
		out.Send(c.members[to], &again)
		return
	default:
		failed := k.failure(c, number, p.Call)
		out.Send(c.members[to], &failed)
		return
	}
	if i, known := op.plan.sending(to, p.Label); known && op.call == p.Call && (i < op.step || i == op.step && op.sent) {
		s := op.plan.Step(i)
		k.send(c, op, &s, k.text(op.elements(i, s.Send)), out)
	}
}

// expire gives up what has had its time.
func (k *Stack) expire(now core.Instant, out *core.Effects) {
	for i := range k.comms {
		c := &k.comms[i]
		k.expireTagged(now, c, out)
		if c.op.active && c.op.deadline <= now {
			s := &c.op.now
			k.quit(c, fmt.Sprintf("not ended within %v: nothing came from rank %d in step %d of %d", k.patience(c.op.call), s.From, c.op.step+1, c.op.plan.Steps()), out)
		}
	}
}

// quit gives an operation up by this member's own choice, and tells the others, so that none waits out its own deadline.
// If they miss it, they are told when they ask.
func (k *Stack) quit(c *communicator, why string, out *core.Effects) {
	m := k.failure(c, c.op.number, c.op.call)
	letter := out.Write(&m)
	for _, id := range c.members {
		if id != k.self {
			out.SendLetter(id, letter)
		}
	}
	k.giveUp(c, why, out)
}

func (k *Stack) failure(c *communicator, number uint32, op core.CallOp) core.Message {
	p := Part{Call: op}
	if c.broken {
		p.Label = failedApart
	}
	return k.message(Failed, c, number, p)
}

// giveUp ends an operation with an error.
func (k *Stack) giveUp(c *communicator, why string, out *core.Effects) {
	op := &c.op
	op.active = false
	c.failed[c.fails%failedKept] = op.number
	c.fails++
	out.PutDone(core.Done{ID: op.id, Call: op.call, Err: op.call.String() + " " + itoa(int(op.number)) + " of epoch " + itoa(int(k.view.Epoch)) + ": " + why})
}

// complete ends an operation that has come through.
func (k *Stack) complete(c *communicator, out *core.Effects) {
	op := &c.op
	done := core.Done{ID: op.id, Call: op.call, Result: op.result()}
	var sub communicator
	divided := false
	if op.call == core.CallSplit {
		done.Result = ""
		if sub, divided = c.split(op.buffer); divided {
			done.Result = CommIDText(sub.id)
		}
	}
	op.active = false
	k.retain(c)
	if divided {
		k.comms = append(k.comms, sub) // c may be moved by it
	}
	out.PutDone(done)
}

// retain keeps an operation that has ended for those who have not.
func (k *Stack) retain(c *communicator) {
	if c.op.plan.Synchronizes() {
		c.op, c.prev = c.prev, c.op
		c.op.active, c.op.valid, c.prev.valid = false, false, true
	}
}

// result is what a call that has come through comes to.
func (o *operation) result() string {
	if o.bulk {
		return ""
	}
	size := o.typ.Size()
	part := o.plan.Count * size
	switch o.plan.Algorithm {
	case Dissemination:
		return ""
	case RingReduceScatter:
		return string(o.buffer[int(o.plan.Rank)*part:][:part])
	case PairwiseExchange:
		return string(o.buffer[o.plan.World*part:])
	}
	if o.byValue {
		return sumText(o.buffer)
	}
	return string(o.buffer)
}

// sumText is the one number that every element came to, or all of them if they differ.
func sumText(buffer []byte) string {
	first, same := load(buffer[:8]), true
	for i := 8; i < len(buffer); i += 8 {
		same = same && load(buffer[i:i+8]) == first
	}
	text := strconv.FormatInt(int64(first), 10)
	for i := 8; i < len(buffer) && !same; i += 8 {
		text += " " + strconv.FormatInt(int64(load(buffer[i:i+8])), 10)
	}
	return text
}

func itoa(n int) string { return strconv.Itoa(n) }
