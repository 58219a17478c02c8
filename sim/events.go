package sim

import (
	"nexarsim/checker/trace"
	"nexarsim/sim/capsule"
)

// namer gives the lines of a run's trace the names that capsules use for moments.
type namer struct {
	last     map[linkKind]count
	sent     map[uint64]capsule.Event // by message id
	suspects map[[2]int]uint64
}

type linkKind struct {
	from, to int
	kind     string
}

func newNamer() *namer {
	return &namer{last: map[linkKind]count{}, sent: map[uint64]capsule.Event{}, suspects: map[[2]int]uint64{}}
}

// event names a line; false if capsules have no name for what it tells.
func (n *namer) event(ev *trace.Event) (capsule.Event, bool) {
	switch ev.Kind {
	case trace.Send:
		e := n.number(ev)
		n.sent[ev.ID] = e
		return e, true
	case trace.Deliver:
		if ev.Late {
			return capsule.Event{}, false // it arrived before
		}
		e, ok := n.sent[ev.ID]
		e.Moment, e.Node, e.Peer = capsule.Receives, ev.Node, ev.From
		return e, ok
	case trace.Suspect:
		at := [2]int{ev.Node, ev.Peer}
		n.suspects[at]++
		return capsule.Event{Moment: capsule.Suspects, Node: ev.Node, Peer: ev.Peer, Nth: n.suspects[at]}, true
	case trace.Install:
		return capsule.Event{Moment: capsule.Installs, Node: ev.Node, Epoch: ev.Install.Epoch}, true
	case trace.Crash:
		return capsule.Event{Moment: capsule.Dies, Node: ev.Node}, true
	}
	return capsule.Event{}, false
}

// number counts the messages of a link and kind as the keys of choices do.
func (n *namer) number(ev *trace.Event) capsule.Event {
	at := linkKind{ev.Node, ev.To, ev.Msg.Type}
	c := n.last[at]
	epoch := uint32(ev.Msg.Epoch)
	e := capsule.Event{Moment: capsule.Sends, Node: ev.Node, Peer: ev.To, Message: ev.Msg.Type, Epoch: ev.Msg.Epoch}
	switch {
	case epoch > c.epoch:
		c = count{epoch: epoch}
	case epoch < c.epoch:
		e.During = uint64(c.epoch)
	}
	c.n++
	n.last[at] = c
	e.Nth = uint64(c.n)
	return e
}

// orderWatch holds a run to a capsule's orders: none of them may come the other way round.
type orderWatch struct {
	*namer
	orders []capsule.Order
	first  map[capsule.Event][]int // by the event, which orders it opens
	then   map[capsule.Event][]int // and which it closes
	open   []bool
	broken int // the first order that was broken; -1: none
	pass   func(*trace.Event)
}

func newOrderWatch(orders []capsule.Order, pass func(*trace.Event)) *orderWatch {
	w := &orderWatch{
		namer: newNamer(), orders: orders, first: map[capsule.Event][]int{}, then: map[capsule.Event][]int{},
		open: make([]bool, len(orders)), broken: -1, pass: pass,
	}
	for i, o := range orders {
		w.first[o.First] = append(w.first[o.First], i)
		w.then[o.Then] = append(w.then[o.Then], i)
	}
	return w
}

func (w *orderWatch) observe(ev *trace.Event) {
	if w.pass != nil {
		w.pass(ev)
	}
	if len(w.orders) == 0 {
		return
	}
	e, ok := w.event(ev)
	if !ok {
		return
	}
	for _, i := range w.first[e] {
		w.open[i] = true
	}
	for _, i := range w.then[e] {
		if !w.open[i] && w.broken < 0 {
			w.broken = i
		}
	}
}
