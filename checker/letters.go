package checker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"nexarsim/checker/trace"
)

// Collective, of messages between ranks: a receive that ends without an error was given a message that it asked for (by
// sender and tag), that its sender sent to it in the view and communicator in which it was called, with the same bytes; each
// message is given once, and those of one sender, receiver and tag in the order in which they were sent. A message whose
// send ended with an error may be missing. A receive on the view's communicator does not fail or wait for more than half the
// time that a call has beside a message that it could be given, without a reason (calm.go) since it was called. Under quorum
// and fail-stop a send or a receive ends at the latest soon after its
// node has installed another view.
//
// What a send that ended well has come to is not judged: a receiver keeps a few messages that nobody has asked for, and
// nobody may ever do.

// envelope is the value of a line of a send or a receive.
type envelope struct {
	Comm string `json:"comm"`
	From *int   `json:"from"`
	To   int    `json:"to"`
	Node int    `json:"node"`
	Tag  int    `json:"tag"`
	Data string `json:"data"`
}

// routeKey names the messages that are received in the order in which they were sent.
type routeKey struct {
	view viewID
	comm string // "" for the view's own
	from int    // node
	to   int    // rank
	tag  int
}

// route is those messages.
type route struct {
	sent []letter
	next []int // which of them may be the next that is given: several if it is unknown which of those that failed were
}

// letter is a message.
type letter struct {
	data   string
	t      int64 // when it was sent
	failed bool  // its send ended with an error
}

// errand is a send or a receive that has not ended.
type errand struct {
	node  int
	send  bool
	n     uint64
	view  viewID
	comm  string
	from  int // receive: rank; -1: any
	tag   int
	route int // send: where the message is, -1: nowhere
	place int
	t     int64 // of its start
	calm  bool  // nothing gave it a reason to fail since
	bad   bool  // the line does not say what it asks for
}

// letterFold follows every message.
type letterFold struct {
	keys    index[routeKey]
	routes  []route
	errands []errand
	own     []uint64 // by node, the comm_id of its view
}

func (f *letterFold) reset(set *settings) {
	f.keys.reset()
	f.routes, f.errands, f.own = f.routes[:0], f.errands[:0], f.own[:0]
	for range set.n {
		f.own = append(f.own, set.commID)
	}
}

func (f *letterFold) copyFrom(o *letterFold) {
	f.keys.copyFrom(&o.keys)
	f.routes = f.routes[:0]
	for i := range o.routes {
		f.routes = append(f.routes, route{slices.Clone(o.routes[i].sent), slices.Clone(o.routes[i].next)})
	}
	f.errands = append(f.errands[:0], o.errands...)
	f.own = append(f.own[:0], o.own...)
}

// install notes what a node's own communicator is called from now on.
func (f *letterFold) install(node int, commID uint64) { f.own[node] = commID }

// take takes a line of a call.
func (f *letterFold) take(w *world, set *settings, ev *trace.Event, calmFrom int64, out *findings) {
	send := ev.Call.Op == "send"
	if !send && ev.Call.Op != "receive" || ev.Call.Phase != "start" && ev.Call.Phase != "end" {
		return
	}
	if ev.Call.Phase == "start" {
		f.start(w, ev, send, w.now >= calmFrom && w.calm(set, w.nodes[ev.Node].view))
		return
	}
	at := slices.IndexFunc(f.errands, func(x errand) bool { return x.node == ev.Node && x.send == send && x.n == ev.Call.N })
	if at < 0 {
		out.by(Collective, ev.T, ev.Node, "node %d ended a %s that it had not started, its number %d", ev.Node, ev.Call.Op, ev.Call.N)
		return
	}
	x := f.errands[at]
	f.errands = slices.Delete(f.errands, at, at+1)
	switch {
	case send && x.route >= 0:
		f.routes[x.route].sent[x.place].failed = ev.Call.Error != ""
	case send || x.bad:
	case ev.Call.Error == "":
		f.received(w, &x, ev, out)
	default:
		if by := f.starved(w, set, &x, ev.T); by >= 0 {
			out.between(Collective, ev.T, by, ev.Node, "node %d's receive %d failed for no reason that shows, beside a message of node %d: %s", ev.Node, x.n, by, ev.Call.Error)
		}
	}
}

// read reads the value of a line; false if it is none.
func (f *letterFold) read(ev *trace.Event) (e envelope, from int, ok bool) {
	if json.Unmarshal([]byte(ev.Call.Value), &e) != nil {
		return e, -1, false
	}
	if e.Comm == fmt.Sprintf("%016x", f.own[ev.Node]) {
		e.Comm = ""
	}
	from = -1
	if e.From != nil {
		from = *e.From
	}
	return e, from, true
}

func (f *letterFold) start(w *world, ev *trace.Event, send, calm bool) {
	e, from, ok := f.read(ev)
	x := errand{node: ev.Node, send: send, n: ev.Call.N, view: w.nodes[ev.Node].view, comm: e.Comm, from: from, tag: e.Tag, route: -1, t: ev.T, calm: calm, bad: !ok}
	if send && ok {
		x.route = f.route(routeKey{x.view, e.Comm, ev.Node, e.To, e.Tag})
		r := &f.routes[x.route]
		x.place = len(r.sent)
		r.sent = append(r.sent, letter{data: e.Data, t: ev.T})
	}
	f.errands = append(f.errands, x)
}

func (f *letterFold) route(key routeKey) int {
	at := f.keys.find(key)
	if at < 0 {
		at = len(f.routes)
		f.routes = append(f.routes, route{next: []int{0}})
		f.keys.add(key)
	}
	return at
}

// received judges what a receive was given.
func (f *letterFold) received(w *world, x *errand, ev *trace.Event, out *findings) {
	e, from, ok := f.read(ev)
	switch {
	case !ok:
		out.by(Collective, ev.T, ev.Node, "node %d ended receive %d with %s, which is no message", ev.Node, x.n, textOf(ev.Call.Value))
		return
	case e.Tag != x.tag || x.from >= 0 && from != x.from:
		out.by(Collective, ev.T, ev.Node, "node %d was given a message of rank %d with tag %d by receive %d, which had asked for another", ev.Node, from, e.Tag, x.n)
		return
	case e.Node < 0 || e.Node >= w.n || x.comm == "" && !f.named(w, x.view, from, e.Node, e.To, ev.Node):
		out.by(Collective, ev.T, ev.Node, "node %d was given a message from rank %d, node %d, to rank %d, which its view does not say", ev.Node, from, e.Node, e.To)
		return
	}
	r := &f.routes[f.route(routeKey{x.view, x.comm, e.Node, e.To, e.Tag})]
	if next := r.after(e.Data); len(next) > 0 {
		r.next = next
		return
	}
	f.wrong(w, x, r, &e, ev, out)
}

// named reports whether two ranks of a view are those nodes.
func (f *letterFold) named(w *world, v viewID, from, node, to, me int) bool {
	members := w.members(v)
	return from >= 0 && from < len(members) && members[from] == node && to >= 0 && to < len(members) && members[to] == me
}

// after is which messages may be next when one with these bytes has been given: it was one that might have been, or one
// behind it if all between had failed.
func (r *route) after(data string) (next []int) {
	for _, i := range r.next {
		for ; i < len(r.sent); i++ {
			if r.sent[i].data == data && !slices.Contains(next, i+1) {
				next = append(next, i+1)
			}
			if !r.sent[i].failed {
				break
			}
		}
	}
	return next
}

// wrong says what is wrong with a message that was not the next one.
func (f *letterFold) wrong(w *world, x *errand, r *route, e *envelope, ev *trace.Event, out *findings) {
	say := func(what string) {
		out.between(Collective, ev.T, e.Node, ev.Node, "node %d was given a message of node %d with tag %d that %s", ev.Node, e.Node, e.Tag, what)
	}
	first := slices.Min(r.next)
	at := slices.IndexFunc(r.sent, func(l letter) bool { return l.data == e.Data })
	switch {
	case at >= first:
		r.next = []int{at + 1}
		say("was sent after another that it has yet to be given")
		return
	case at >= 0:
		say("it had been given before")
		return
	}
	for i := range f.routes {
		key := f.keys.keys[i]
		same := key.from == e.Node && key.tag == e.Tag && (key.view != x.view || key.comm != x.comm)
		if same && slices.ContainsFunc(f.routes[i].sent, func(l letter) bool { return l.data == e.Data }) {
			if key.view != x.view {
				out.between(Collective, ev.T, e.Node, ev.Node, "node %d was given in epoch %d a message of node %d with tag %d that was sent in epoch %d", ev.Node, w.views[x.view].epoch, e.Node, e.Tag, w.views[key.view].epoch)
				return
			}
			say("was sent on another communicator")
			return
		}
	}
	say("nobody has sent it with these bytes")
}

// heartbeatsOwed is within how many heartbeat intervals a message is sent so often that all of it is not lost.
const heartbeatsOwed = 15

// starved gives the sender of a message that a receive could have been given in all of a long time; -1 if there is none, or
// a reason for it.
func (f *letterFold) starved(w *world, set *settings, x *errand, t int64) int {
	if !x.calm || x.comm != "" {
		return -1
	}
	to := w.rankOf(x.view, x.node)
	for i := range f.routes {
		key, r := &f.keys.keys[i], &f.routes[i]
		if key.view != x.view || key.comm != "" || key.to != to || key.tag != x.tag || x.from >= 0 && w.rankOf(x.view, key.from) != x.from {
			continue
		}
		for _, l := range r.sent[slices.Max(r.next):] {
			if !l.failed && t-max(x.t, l.t) >= max(spreadMax, heartbeatsOwed*set.HeartbeatInterval) {
				return key.from
			}
		}
	}
	return -1
}

// troubles gives the receives of a node's views a reason to fail.
func (f *letterFold) troubles(w *world, node int) {
	for i := range f.errands {
		if x := &f.errands[i]; w.isMember(x.view, node) {
			x.calm = false
		}
	}
}

// begins looks at an act that has come into force.
func (f *letterFold) begins(w *world, set *settings) {
	for i := range f.errands {
		x := &f.errands[i]
		x.calm = x.calm && w.calm(set, x.view)
	}
}

// finish names the sends and receives that outlived their view, and the receives that starve.
func (f *letterFold) finish(w *world, set *settings, end Ending, out *outcome) {
	for i := range f.errands {
		x := &f.errands[i]
		n := &w.nodes[x.node]
		if by := f.starved(w, set, x, end.T); by >= 0 && !x.send && !x.bad && end.Complete {
			out.between(Collective, end.T, by, x.node, "node %d's receive %d never ended, beside a message of node %d, for no reason that shows", x.node, x.n, by)
		}
		if set.hardened && end.Complete && n.view != x.view && n.runs() && !n.paused && n.held == 0 && n.installedAt+collectiveTimeout <= end.T {
			op := "receive"
			if x.send {
				op = "send"
			}
			out.by(Collective, end.T, x.node, "node %d's %s %d of epoch %d never ended, although it installed epoch %d at %s", x.node, op, x.n, w.views[x.view].epoch, w.views[n.view].epoch, span64(n.installedAt))
		}
	}
}

// appendState writes what is still to be judged, nothing if nobody has sent or received.
func (f *letterFold) appendState(buf []byte, c *canon) []byte {
	if len(f.routes)+len(f.errands) == 0 {
		return buf
	}
	order := make([]int, len(f.routes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := &f.keys.keys[a], &f.keys.keys[b]
		return cmp.Or(cmp.Compare(c.place[x.view], c.place[y.view]), cmp.Compare(x.comm, y.comm), cmp.Compare(x.from, y.from), cmp.Compare(x.to, y.to), cmp.Compare(x.tag, y.tag))
	})
	buf = appendUint(buf, uint64(len(order)))
	for _, i := range order {
		k, r := &f.keys.keys[i], &f.routes[i]
		buf = appendWords(appendUint(buf, uint64(c.place[k.view])), k.comm)
		buf = appendUint(appendUint(appendUint(buf, uint64(k.from)), uint64(k.to)), uint64(k.tag))
		buf = appendUint(buf, uint64(len(r.sent)))
		for _, l := range r.sent {
			buf = c.appendTime(append(appendWords(buf, l.data), byte(flag(l.failed))), l.t)
		}
		next := slices.Sorted(slices.Values(r.next))
		buf = appendUint(buf, uint64(len(next)))
		for _, n := range next {
			buf = appendUint(buf, uint64(n))
		}
	}
	errands := slices.Clone(f.errands)
	slices.SortFunc(errands, func(a, b errand) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(flag(a.send), flag(b.send)), cmp.Compare(a.n, b.n))
	})
	buf = appendUint(buf, uint64(len(errands)))
	for i := range errands {
		x := &errands[i]
		buf = appendUint(append(appendUint(buf, uint64(x.node)), byte(flag(x.send)|flag(x.bad)<<1|flag(x.calm)<<2)), x.n)
		buf = c.appendTime(buf, x.t)
		buf = appendWords(appendUint(buf, uint64(c.place[x.view])), x.comm)
		buf = appendUint(appendUint(appendUint(buf, uint64(x.from+1)), uint64(x.tag)), uint64(x.place))
	}
	return buf
}

// appendWords writes a text with its length.
func appendWords(buf []byte, text string) []byte {
	return append(appendUint(buf, uint64(len(text))), text...)
}
