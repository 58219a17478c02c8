package comm

import (
	"errors"
	"fmt"
	"slices"

	"nexarsim/core"
)

// call is one that has not begun: another operation of its communicator runs, or the application holds its lock.
type call struct {
	op    core.CallOp
	id    uint64
	comm  uint64
	value int64
	body  string
}

// offered tells whether a call is a communicator's.
func offered(op core.CallOp) bool {
	switch op {
	case core.CallSplit, core.CallBarrier, core.CallAllReduce, core.CallBroadcast, core.CallAllGather, core.CallReduceScatter, core.CallAllToAll,
		core.CallSend, core.CallReceive:
		return true
	}
	return false
}

// call takes a call of the application. A collective begins when those before it on the same communicator have ended.
func (k *Stack) call(now core.Instant, in *core.Input, out *core.Effects) {
	c := call{op: in.Call, id: in.ID, comm: in.Comm, value: in.Value, body: in.Body}
	if c.comm == 0 {
		c.comm = k.view.CommID
	}
	refuse := ""
	switch {
	case k.status == fresh:
		refuse = "the machine has not been started"
	case k.status == over:
		refuse = k.over
	case k.find(c.comm) == nil:
		refuse = fmt.Sprintf("communicator %016x is none of epoch %d", c.comm, k.view.Epoch)
	}
	if refuse != "" {
		out.PutDone(core.Done{ID: c.id, Call: c.op, Err: refuse})
		return
	}
	k.queue = append(k.queue, c)
	k.run(now, out)
}

// lock takes or gives back the lock that the application's own calls wait for.
func (k *Stack) lock(now core.Instant, op core.CallOp, out *core.Effects) {
	if op == core.CallHold {
		k.holds++
		return
	}
	k.holds = max(0, k.holds-1)
	k.run(now, out)
}

// begin begins the first call that can begin; false if there is none.
func (k *Stack) begin(now core.Instant, out *core.Effects) bool {
	if k.holds > 0 {
		return false
	}
	for i := range k.queue {
		c := k.queue[i]
		if on := k.find(c.comm); on != nil && (!on.op.active || tagged(c.op)) {
			k.queue = slices.Delete(k.queue, i, i+1)
			k.start(now, on, &c, out)
			return true
		}
	}
	return false
}

// start begins an operation. What its arguments rule out is refused, and is no operation of the communicator.
func (k *Stack) start(now core.Instant, on *communicator, c *call, out *core.Effects) {
	if tagged(c.op) {
		k.startTagged(now, on, c, out)
		return
	}
	op := &on.op
	err := errApart
	if !on.broken {
		err = k.prepare(on, c)
	}
	if err != nil {
		out.PutDone(core.Done{ID: c.id, Call: c.op, Err: c.op.String() + ": " + err.Error()})
		return
	}
	on.number++
	op.number, op.call, op.id, op.active = on.number, c.op, c.id, true
	op.steps = op.plan.Steps()
	op.step, op.sends, op.sent, op.moved, op.repeats, op.now = 0, 0, false, false, 0, Step{From: core.NoRank}
	op.deadline = now + core.Instant(k.patience(c.op))
	op.repeatAt = now + k.repeatWait(0)
	if op.plan.Algorithm == RecursiveDoubling {
		op.history = sized(op.history, op.steps*len(op.buffer))
	}
	k.tell(on)
	k.advance(on, "", out)
}

// errApart is the end of all calls on a communicator whose members do not call the same things in the same order: their
// results would be of one member's call and another's next one.
var errApart = errors.New("members have called different things, and no call on this communicator can be matched any more")

// prepare lays out an operation's plan and buffer.
func (k *Stack) prepare(on *communicator, c *call) error {
	op := &on.op
	op.plan = Plan{World: len(on.members), Rank: on.rank}
	op.typ, op.reduce, op.bulk, op.byValue = Int64, Sum, false, false
	switch {
	case c.op == core.CallBarrier:
		op.plan.Algorithm = Dissemination
		op.buffer = op.buffer[:0]
		return nil
	case c.op == core.CallSplit:
		op.plan.Algorithm, op.plan.Count = RingAllGather, 1
		op.buffer = sized(op.buffer, 8*op.plan.World)
		putUint64(op.buffer, 8*int(on.rank), uint64(c.value))
		return nil
	case c.op == core.CallAllReduce && c.body == "":
		op.byValue = true
		op.plan.Count = op.plan.World
		op.buffer = sized(op.buffer, 8*op.plan.Count)
		for i := 0; i < len(op.buffer); i += 8 {
			store(op.buffer[i:i+8], uint64(c.value))
		}
		op.plan.Algorithm = k.reduction(len(op.buffer), false)
		return nil
	}
	return k.prepareRequest(op, c)
}

func (k *Stack) prepareRequest(op *operation, c *call) error {
	r, err := decodeRequest(c.body)
	if err != nil {
		return err
	}
	op.typ, op.reduce, op.bulk = r.typ, r.reduce, r.bulk
	op.plan.Count = r.count
	bytes := r.count * r.typ.Size()
	switch c.op {
	case core.CallAllReduce:
		op.plan.Algorithm = k.reduction(bytes, r.bulk)
	case core.CallBroadcast:
		op.plan.Algorithm, op.plan.Root = BinomialTree, core.Rank(r.root)
		if r.root < 0 || r.root >= op.plan.World {
			return fmt.Errorf("root %d in a world of %d", r.root, op.plan.World)
		}
	case core.CallAllGather:
		op.plan.Algorithm = RingAllGather
	case core.CallReduceScatter:
		op.plan.Algorithm = RingReduceScatter
	case core.CallAllToAll:
		op.plan.Algorithm = PairwiseExchange
	}
	if c.op == core.CallReduceScatter || c.op == core.CallAllToAll {
		if r.count%op.plan.World != 0 {
			return fmt.Errorf("%d elements: expected as many for each of %d ranks", r.count, op.plan.World)
		}
		op.plan.Count = r.count / op.plan.World
	}
	if (c.op == core.CallAllReduce || c.op == core.CallReduceScatter) && r.reduce == 0 {
		return fmt.Errorf("no reduction: expected Sum, Min, Max or Product")
	}
	op.fill(r.elements)
	return nil
}

// fill puts this member's elements where the plan has them.
func (o *operation) fill(elements string) {
	if o.bulk {
		o.buffer = o.buffer[:0]
		return
	}
	size := o.typ.Size()
	o.buffer = sized(o.buffer, o.plan.Buffer()*size)
	part := o.plan.Count * size
	at := 0
	if o.plan.Algorithm == RingAllGather {
		at = int(o.plan.Rank) * part
	}
	copy(o.buffer[at:], elements)
	if o.plan.Algorithm == PairwiseExchange {
		mine := int(o.plan.Rank) * part
		copy(o.buffer[o.plan.World*part+mine:], elements[mine:mine+part])
	}
}

// reduction chooses the algorithm of an all-reduce.
func (k *Stack) reduction(bytes int, bulk bool) Algorithm {
	if bytes < k.ringMin && !bulk {
		return RecursiveDoubling
	}
	return RingAllReduce
}

// sized is a buffer of n bytes, in the memory of an earlier one if it has room. Its contents are zero.
func sized(buffer []byte, n int) []byte {
	if cap(buffer) < n {
		return make([]byte, n)
	}
	buffer = buffer[:n]
	clear(buffer)
	return buffer
}
