package realnet

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"nexarsim/core"
	"nexarsim/core/comm"
)

// Bulk elements never pass through the machine: it names parts, and here they are moved. A part's message travels in front
// of its elements on the bulk stream, so when the machine is given it the elements are there. They are put into the
// operation's buffer when a step says that the message counted, by a goroutine of the operation: the one that owns the
// machine never waits for elements.

// bulk is the driver's side of it.
type bulk struct {
	stack   *comm.Stack           // nil: the machine has no communicator, and nothing is bulk
	ops     map[uint64]*operation // by call
	byName  map[name]*operation   // as messages name them, from their beginning on
	parcels []*parcel             // arrived and not used yet, in their order
}

func newBulk(m core.Machine) bulk {
	return bulk{stack: stackOf(m), ops: map[uint64]*operation{}, byName: map[name]*operation{}}
}

// name is how messages name an operation of the current view.
type name struct {
	comm   uint64
	number uint32
}

// operation is a bulk call: its buffer, and what is still to be done with it. Whoever made the call has given the buffer
// away; it is read by the streams' writers, and changed by the operation's own goroutine alone.
type operation struct {
	buffer []byte
	gone   atomic.Bool // nobody needs what it still sends
	is     comm.Running
	ended  bool // driver: the machine has ended it
	sent   map[partKey]bool

	mu    sync.Mutex
	todo  []func()
	works bool
	bad   error // a part was not what it should be; of the goroutine
}

// partKey names a part on its way to a peer, or from one.
type partKey struct {
	comm   uint64
	number uint32
	part   core.NodeID // as Ballot.Coordinator has it
	peer   core.NodeID
}

func keyOf(m *core.Message, peer core.NodeID) partKey {
	return partKey{m.Num, m.Ballot.Round, m.Ballot.Coordinator, peer}
}

// parcel is the elements that came with a message.
type parcel struct {
	from   core.NodeID
	id     uint64
	epoch  core.Epoch
	key    partKey
	size   int
	pieces [][]byte
	free   func()
}

func (b *bulk) begin(id uint64, buffer []byte) {
	b.ops[id] = &operation{buffer: buffer, sent: map[partKey]bool{}}
}

// do lets the operation's goroutine do something, after what it was given before.
func (o *operation) do(g *Group, f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.todo = append(o.todo, f)
	if !o.works {
		o.works = true
		g.goDo(o.work)
	}
}

func (o *operation) work() {
	for {
		o.mu.Lock()
		if len(o.todo) == 0 {
			o.works = false
			o.mu.Unlock()
			return
		}
		f := o.todo[0]
		o.todo = o.todo[1:]
		o.mu.Unlock()
		f()
	}
}

// note takes in which operations have begun in a step.
func (b *bulk) note() {
	if b.stack == nil {
		return
	}
	for _, is := range b.stack.Begun() {
		if op := b.ops[is.ID]; op != nil {
			op.is = is
			b.byName[name{is.Comm, is.Number}] = op
		}
	}
}

// find is the operation that a message is part of; nil if it is none that moves elements.
func (b *bulk) find(m *core.Message) *operation {
	if b.stack == nil || m.Kind != comm.Data && m.Kind != comm.Want || m.Epoch != b.stack.View().Epoch {
		return nil
	}
	return b.byName[name{m.Num, m.Ballot.Round}]
}

// forget lets go of an operation.
func (b *bulk) forget(id uint64, op *operation) {
	delete(b.ops, id)
	if n := (name{op.is.Comm, op.is.Number}); b.byName[n] == op {
		delete(b.byName, n)
	}
}

// rankOf is a node's rank among an operation's members.
func rankOf(is *comm.Running, id core.NodeID) core.Rank {
	if i, ok := slices.BinarySearch(is.Members, id); ok {
		return core.Rank(i)
	}
	return core.NoRank
}

// bounds is where a segment lies in the buffer.
func bounds(is *comm.Running, s comm.Segment) (from, to int) {
	size := is.Type.Size()
	return s.Offset * size, (s.Offset + s.Length) * size
}

// accept takes what came with a message. It is false for a message that the machine must not be given: one that brings
// other elements than its operation here needs, because another member has called with another size. Then nothing counts
// there, and the operation ends by its timeout rather than with wrong numbers.
func (d *driver) accept(m *mail) bool {
	msg, p := &m.in.Msg, m.parcel
	if p != nil && d.bulk.stack == nil {
		p.free()
		return false
	}
	if op := d.bulk.find(msg); op != nil && !op.ended && msg.Kind == comm.Data {
		s, known := op.is.Plan.Received(rankOf(&op.is, m.in.From), comm.PartOf(msg).Label)
		from, to := bounds(&op.is, s.Receive)
		if known && (p == nil && to > from || p != nil && p.size != to-from) {
			d.g.log.Warn("elements of another number", "peer", d.g.cfg.Members[m.in.From].ID, "call", op.is.Call)
			if p != nil {
				p.free()
			}
			return false
		}
	}
	if p != nil {
		d.bulk.parcels = append(d.bulk.parcels, p)
	}
	return true
}

// useParcels puts the elements of each message that a step has used where the plan has them. It is done before the step's
// sends, which may be of what they come to.
func (d *driver) useParcels(in *core.Input) {
	d.bulk.note()
	list := d.out.List()
	for i := range list {
		if len(d.bulk.byName) == 0 {
			break
		}
		if list[i].Kind != core.OutUsed {
			continue
		}
		if m, id, late := d.out.Late(&list[i]); late {
			d.use(list[i].Peer, id, m)
		} else if in.Kind == core.InDeliver {
			d.use(in.From, in.ID, &in.Msg)
		}
	}
	d.bulk.prune()
}

func (d *driver) use(from core.NodeID, id uint64, m *core.Message) {
	op := d.bulk.find(m)
	if op == nil || m.Kind != comm.Data {
		return
	}
	s, known := op.is.Plan.Received(rankOf(&op.is, from), comm.PartOf(m).Label)
	lo, hi := bounds(&op.is, s.Receive)
	if !known || lo == hi {
		return
	}
	p := d.bulk.takeParcel(from, id)
	op.do(d.g, func() { op.put(p, lo, hi, &s) })
}

// put puts the elements of a parcel into the buffer.
func (o *operation) put(p *parcel, lo, hi int, s *comm.Step) {
	switch {
	case p == nil:
		o.bad = fmt.Errorf("rank %d sent no elements, expected %d bytes", s.From, hi-lo)
		return
	case p.size != hi-lo || hi > len(o.buffer):
		o.bad = fmt.Errorf("rank %d sent %d bytes, expected %d", s.From, p.size, hi-lo)
	case o.bad == nil && !o.gone.Load():
		at := lo
		for _, piece := range p.pieces {
			mine := o.buffer[at:][:len(piece)]
			at += len(piece)
			if s.Combine {
				comm.Combine(mine, piece, o.is.Type, o.is.Reduce, s.MineFirst)
			} else {
				copy(mine, piece)
			}
		}
	}
	p.free()
}

func (b *bulk) takeParcel(from core.NodeID, id uint64) *parcel {
	i := slices.IndexFunc(b.parcels, func(p *parcel) bool { return p.from == from && p.id == id })
	if i < 0 {
		return nil
	}
	p := b.parcels[i]
	b.parcels = slices.Delete(b.parcels, i, i+1)
	return p
}

// prune frees the parcels that nothing can need any more.
func (b *bulk) prune() {
	if len(b.parcels) == 0 {
		return
	}
	epoch := b.stack.View().Epoch
	b.parcels = slices.DeleteFunc(b.parcels, func(p *parcel) bool {
		over := p.epoch < epoch || p.epoch == epoch && b.stack.Passed(p.key.comm, p.key.number)
		if over {
			p.free()
		}
		return over
	})
}

// leave lets go of all operations: their view is gone.
func (b *bulk) leave() {
	for id, op := range b.ops { // unordered: each stands alone
		op.gone.Store(true)
		b.forget(id, op)
	}
}

// endBulk answers a bulk call whose operation has ended, once all of its elements are in place; false if the call is none. One
// that failed is answered at once.
func (d *driver) endBulk(done core.Done, to chan answer) bool {
	op := d.bulk.ops[done.ID]
	if op == nil {
		return false
	}
	op.ended = true
	d.bulk.retire(done.ID)
	if done.Err != "" {
		op.gone.Store(true)
		d.bulk.forget(done.ID, op)
		to <- answer{done: done}
		return true
	}
	op.do(d.g, func() {
		if op.bad != nil {
			done.Err = done.Call.String() + ": " + op.bad.Error()
		}
		to <- answer{done: done, elements: op.buffer}
	})
	return true
}

// retire forgets the operations that have ended before, except those that somebody can still ask for: on each communicator
// the last one.
func (b *bulk) retire(now uint64) {
	for id, op := range b.ops { // unordered: each stands alone
		if id != now && op.ended && !b.stack.Retains(id) {
			b.forget(id, op)
		}
	}
}

// sendBulk sends what concerns a bulk operation; moved is false for any other message. A part that is on its way is not
// sent a second time, and nobody asks for one that is arriving: streams lose nothing.
func (d *driver) sendBulk(to core.NodeID, id uint64, m *core.Message) (why string, moved bool) {
	op := d.bulk.find(m)
	if op == nil {
		return "", false
	}
	l, key := d.links[to], keyOf(m, to)
	if m.Kind == comm.Want {
		if l.arriving(key) {
			return "it is arriving", true
		}
		return "", false
	}
	s, known := op.is.Plan.Sent(rankOf(&op.is, to), comm.PartOf(m).Label)
	lo, hi := bounds(&op.is, s.Send)
	if !known || lo == hi {
		return "", false
	}
	if hi > len(op.buffer) {
		return "the call brought fewer elements than it named", true
	}
	if !l.bulk.promise(key) {
		return "it is on its way", true
	}
	p := pack(id, m)
	p.Bulk = uint32(hi - lo)
	again := op.sent[key]
	op.sent[key] = true
	op.do(d.g, func() {
		if op.bad != nil {
			l.bulk.forget(key)
			return
		}
		elements := op.buffer[lo:hi]
		if again {
			elements = slices.Clone(elements) // its receiver may have used the first, and then a ring changes the segment
		}
		l.bulk.put(shipment{packet: p, key: key, elements: elements, op: op})
	})
	return "", true
}
