package classic

import "nexarsim/core"

// item is a message that has come. A run of heartbeats is one item.
type item struct {
	msg     core.Message
	id      uint64 // as the driver numbers it; no part of the state
	repeats uint32 // further heartbeats behind this one
	fresh   bool   // it came in this very step
}

// lane is what has come from one peer and nobody has read: "lanes are unbounded in this model".
type lane struct{ items []item }

func (l *lane) put(it item) {
	if k := len(l.items); k > 0 && it.msg.Kind == core.Heartbeat && l.items[k-1].msg.Kind == core.Heartbeat {
		l.items[k-1].repeats++
		return
	}
	l.items = append(l.items, it)
}

// take takes the first message out; false if there is none.
func (l *lane) take() (item, bool) {
	if len(l.items) == 0 {
		return item{}, false
	}
	it := l.items[0]
	if it.repeats > 0 {
		l.items[0].repeats--
		return it, true
	}
	l.items = l.items[1:]
	return it, true
}

// age makes what came in a step old, now that the step has looked at it.
func (l *lane) age() {
	if k := len(l.items); k > 0 {
		l.items[k-1].fresh = false
	}
}

func (l *lane) clone() lane { return lane{append([]item(nil), l.items...)} }

// dataLane keeps the chunks of one peer in the order in which they were sent: unlike control messages, those of a
// collective follow each other. Chunks are told apart by their tag alone.
type dataLane struct {
	ready []item // in order
	early []item // came before one that was sent before it
	next  uint32 // place of the next one in order
}

func placeOf(m *core.Message) uint32 { return uint32(m.Num) }

func tagOf(m *core.Message) uint32 { return uint32(m.Num >> 32) }

// put takes a chunk in. One whose place was taken before is dropped, as a stream never gives anything twice.
func (l *dataLane) put(it item) {
	place := placeOf(&it.msg)
	at := len(l.early)
	for at > 0 && placeOf(&l.early[at-1].msg) > place {
		at--
	}
	if place < l.next || at > 0 && placeOf(&l.early[at-1].msg) == place {
		return
	}
	l.early = append(l.early, item{})
	copy(l.early[at+1:], l.early[at:])
	l.early[at] = it
	for len(l.early) > 0 && placeOf(&l.early[0].msg) == l.next {
		l.ready = append(l.ready, l.early[0])
		l.early = l.early[1:]
		l.next++
	}
}

// take takes the first chunk with a tag out.
func (l *dataLane) take(tag uint32) (item, bool) {
	for i := range l.ready {
		if tagOf(&l.ready[i].msg) == tag {
			it := l.ready[i]
			l.ready = append(l.ready[:i:i], l.ready[i+1:]...)
			return it, true
		}
	}
	return item{}, false
}

func (l *dataLane) age() {
	for i := range l.ready {
		l.ready[i].fresh = false
	}
	for i := range l.early {
		l.early[i].fresh = false
	}
}

func (l *dataLane) clone() dataLane {
	return dataLane{append([]item(nil), l.ready...), append([]item(nil), l.early...), l.next}
}

// readOutcome is what a receive comes to.
type readOutcome uint8

const (
	readNothing      readOutcome = iota // wait on
	readMessage                         // here it is
	readDisconnected                    // the lane is empty and the connection closed
	readUnknown                         // the communicator has no router for the peer
)

// readControl takes the next control message of a rank of the current communicator.
func (n *Node) readControl(from core.Rank) (item, readOutcome) {
	if !n.comm.routers {
		return item{}, readUnknown // "The child has no receive routers of its own."
	}
	id := n.comm.members[from]
	for {
		it, ok := n.control[id].take()
		switch {
		case !ok && n.closed.Has(id):
			return item{}, readDisconnected
		case !ok:
			return item{}, readNothing
		case n.foreign(&it.msg):
		default:
			return it, readMessage
		}
	}
}

// readData takes the next chunk of a tag. Chunks come over the connection's own channels, which a child shares: "tags
// restart at 1 and carry no comm_id".
func (n *Node) readData(from core.Rank, tag uint32) (item, readOutcome) {
	id := n.comm.members[from]
	for {
		it, ok := n.data[id].take(tag)
		switch {
		case !ok && n.closed.Has(id):
			return item{}, readDisconnected
		case !ok:
			return item{}, readNothing
		case n.foreign(&it.msg):
		default:
			return it, readMessage
		}
	}
}

// foreign tells whether a repaired node drops a message: one of another generation. As published "every message carries an
// epoch; nobody compares it".
func (n *Node) foreign(m *core.Message) bool {
	return n.repair.mends(Generation) && m.Kind != core.Heartbeat && m.Epoch != n.comm.epoch
}

// used reports that a message counted: now, or long after it came.
func used(it *item, from core.NodeID, out *core.Effects) {
	if it.fresh {
		out.Used()
		return
	}
	out.UsedLate(from, it.id, &it.msg)
}
