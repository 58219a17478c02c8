package comm

import (
	"fmt"
	"strconv"
	"time"

	"nexarsim/core"
)

// The timers of a Register, behind those of a Stack.
const (
	timerAgain core.TimerID = 14 + iota // say again what has not been answered
	timerGive                           // a call has had its time
)

// The messages of a Register. All name the view by Epoch and comm_id (Num).
const (
	// Ask, to a member of a new view: what do you have? Only the view's lowest rank asks.
	Ask core.Kind = 80 + iota
	// Answer: this. Ballot.Round: the sender's news. Body: version and value.
	Answer
	// Store: have this, and say that you are still in this view. Ballot.Round: which time. Body: version and value.
	Store
	// Stored: I have, and I am. Ballot.Round: the Store's.
	Stored
	// Ordered: do this for me. Ballot.Round: the sender's number for it. Body: call and value.
	Ordered
	// Told: it is done. Ballot.Round: the number. Body: version and value.
	Told
	registerEnd
)

// kindBase is the first kind of a register's messages.
const kindBase = Ask

var registerNames = [...]string{"ask", "answer", "data", "stored", "request", "reply"}

// entry is what a member holds.
type entry struct{ version, value uint64 }

func (e entry) text() string {
	return string(appendUint64(appendUint64(nil, e.version), e.value))
}

func entryOf(body string) (entry, bool) {
	if len(body) != 16 {
		return entry{}, false
	}
	return entry{uint64At(body, 0), uint64At(body, 8)}, true
}

// order is something that the view's lowest rank is to do.
type order struct {
	from   core.NodeID
	number uint32 // the sender's, rising
	op     core.CallOp
	value  uint64
}

// patient is a call of this node's application that waits for its end.
type patient struct {
	order
	id       uint64
	deadline core.Instant
}

// finished is an order that is done, kept in case its end gets lost.
type finished struct {
	from   core.NodeID
	number uint32
	is     entry
}

// Register is a register that the members of a view keep together, on top of any machine that installs views: a service
// as an application would build it, by which a split of the group shows.
//
// Everything goes to the view's lowest rank, one order after the other. A write is done when members that meet the quorum
// rule have stored it in this view; a read, when such members have confirmed in this view what it answers. A new view
// serves once its lowest rank has asked every member for what it has, each after its own install, has taken the highest
// version, and knows that nothing can be missing. A call whose view goes ends with an error, as does one that has no answer
// in time: what became of it is unknown.
//
// Nothing is missing of the view before: the members of a new view share one with whoever met the rule in the old one, and
// that one stored or confirmed before it installed, and was asked after. That holds for one step. Views can follow each
// other faster than anybody asks: of 0 1 2 3, members 0 and 1 store a write, 0 dies, 1 2 3 install, and 2 3 go on without 1
// before 1 was asked. So each member knows the last view in which it was told what that view began with (its news), and a
// new view serves only if its members share one with whoever can have met the rule in each view since the highest of
// these; otherwise nobody can know what was written, and it never serves. Under the rule fail-stop nobody meets the rule
// without the living.
type Register struct {
	inner core.Machine
	cfg   core.Config
	rule  core.Rule
	self  core.NodeID
	world int
	group uint64

	status    status
	over      string
	view      core.View
	suspected core.NodeSet
	past      []core.View // the views that were left, by epoch from 0
	have      entry
	news      core.Epoch   // of the last view whose beginning is in have
	asked     core.NodeSet // lowest rank: who has answered in this view
	newest    core.Epoch   // lowest rank: the highest news of any member
	serving   bool
	orders    []order // lowest rank: what waits; the first is at work
	working   bool
	round     uint32       // of Store messages in this view
	stored    core.NodeSet // by whom the current one is
	ended     []finished
	floor     []uint32 // by node: orders up to this number are done or forgotten
	number    uint32   // of this node's orders
	waiting   []patient
	repeats   uint8
	armed     uint8
	due       [2]core.Instant
	last      core.Instant
}

// RegisterSettings is what a Register starts from.
type RegisterSettings struct {
	core.Setup
	Rule core.Rule // which members are enough
}

// endedKept bounds what a lowest rank remembers of what it has done.
const endedKept = 64

// ordersMax bounds what waits at a lowest rank. What finds no room is asked for again.
const ordersMax = 256

// NewRegister puts a register on a machine.
func NewRegister(inner core.Machine, s RegisterSettings) (*Register, error) {
	if inner == nil {
		return nil, fmt.Errorf("make register: no machine below it")
	}
	if s.World < 1 || s.Self < 0 || int(s.Self) >= s.World {
		return nil, fmt.Errorf("make register: node %d of a world of %d: expected 0 to world-1", s.Self, s.World)
	}
	r := &Register{inner: inner, cfg: s.Config, rule: s.Rule, self: s.Self, world: s.World, group: s.CommID, floor: make([]uint32, s.World)}
	r.view = core.FirstView(s.World, s.CommID)
	r.serving = true // nobody has anything yet
	return r, nil
}

// Inner is the machine below.
func (r *Register) Inner() core.Machine { return r.inner }

// KindName names the register's messages and those of the machine below.
func (r *Register) KindName(k core.Kind) string {
	if k >= kindBase && k < registerEnd {
		return registerNames[k-kindBase]
	}
	return r.inner.KindName(k)
}

// Step gives the register one input: its own, or the machine's below.
func (r *Register) Step(now core.Instant, in *core.Input, out *core.Effects) {
	r.last = now
	switch {
	case in.Kind == core.InDeliver && in.Msg.Kind >= kindBase && in.Msg.Kind < registerEnd:
		r.deliver(now, in.From, &in.Msg, out)
	case in.Kind == core.InTimer && in.Timer >= timerAgain && in.Timer <= timerGive:
		r.fire(now, in.Timer, out)
	case in.Kind == core.InCall && (in.Call == core.CallWrite || in.Call == core.CallRead):
		r.call(now, in, out)
	default:
		from := len(out.List())
		r.inner.Step(now, in, out)
		if in.Kind == core.InStart && r.status == fresh {
			r.status = running
		}
		r.observe(now, out.List()[from:], out)
	}
	r.retime(now, out)
}

func (r *Register) observe(now core.Instant, list []core.Effect, out *core.Effects) {
	for i := range list {
		switch e := &list[i]; e.Kind {
		case core.OutBelieve:
			r.believe(now, e.Peer, e.Suspected, out)
		case core.OutInstall:
			r.install(now, out.Install(e).View, out)
		case core.OutEvent:
			if ev := out.Event(e); ev.Kind == core.EventEvicted {
				r.leave(Gone{Epoch: r.view.Epoch, Next: ev.Epoch, Evicted: true}, out)
			}
		case core.OutEnd:
			if e.Why == core.EndError {
				continue // an application goes on with the view that it has: nobody has told it that it is gone
			}
			r.leave(Gone{Epoch: r.view.Epoch, Ended: e.Why.String()}, out)
		case core.OutPanic:
			r.leave(Gone{Epoch: r.view.Epoch, Ended: "panic"}, out)
		}
	}
}

// believe takes a change of belief: under fail-stop it is a change of who is needed.
func (r *Register) believe(now core.Instant, peer core.NodeID, suspected bool, out *core.Effects) {
	if suspected {
		r.suspected = r.suspected.With(peer)
	} else {
		r.suspected = r.suspected.Without(peer)
	}
	r.count(now, out)
}

// install begins a view: its lowest rank asks everybody before it serves.
func (r *Register) install(now core.Instant, v core.View, out *core.Effects) {
	r.endAll(Gone{Epoch: r.view.Epoch, Next: v.Epoch}, out)
	r.past = append(r.past, r.view)
	r.view, r.newest = v, r.news
	r.suspected = r.suspected.Intersect(v.Set())
	r.orders, r.ended, r.working, r.round = r.orders[:0], r.ended[:0], false, 0
	r.asked, r.serving, r.repeats = core.NodeSetOf(r.self), false, 0
	clear(r.floor)
	if r.leads() {
		r.ask(out)
		r.ready(now, out)
	}
}

func (r *Register) leads() bool { return r.status != over && r.view.Node(0) == r.self }

func (r *Register) leave(g Gone, out *core.Effects) {
	if r.status != over {
		r.endAll(g, out)
		r.status, r.over = over, g.Error()
	}
}

// endAll ends all calls: what became of them is unknown.
func (r *Register) endAll(g Gone, out *core.Effects) {
	for i := range r.waiting {
		c := &r.waiting[i]
		g.Call, g.MayHaveFinished = c.op, true
		out.PutDone(core.Done{ID: c.id, Call: c.op, Err: g.Error()})
	}
	r.waiting = r.waiting[:0]
}

func (r *Register) message(k core.Kind, number uint32, body string) core.Message {
	return core.Message{
		Kind: k, Group: r.group, Epoch: r.view.Epoch, Num: r.view.CommID, Ballot: core.Ballot{Round: number, Coordinator: core.NoNode}, Body: body,
	}
}

func (r *Register) tell(to core.NodeSet, m *core.Message, out *core.Effects) {
	letter := out.Write(m)
	for id := to.First(); id != core.NoNode; id = to.Next(id) {
		if id != r.self {
			out.SendLetter(id, letter)
		}
	}
}

func (r *Register) ask(out *core.Effects) {
	m := r.message(Ask, 0, "")
	r.tell(r.view.Set().Minus(r.asked), &m, out)
}

// ready begins to serve when every member has answered and nothing can be missing.
func (r *Register) ready(now core.Instant, out *core.Effects) {
	if !r.serving && r.complete() && !r.missing() {
		r.serving, r.news = true, r.view.Epoch
		r.work(now, out)
	}
}

// complete tells whether every member has answered.
func (r *Register) complete() bool { return r.view.Set().SubsetOf(r.asked) }

// missing tells whether those who have left since the newest news can have met the rule by themselves in some view.
func (r *Register) missing() bool {
	if r.rule == core.FailStop {
		return false
	}
	for _, v := range r.past[min(int(r.newest), len(r.past)):] {
		if majority(&v, v.Set().Minus(r.view.Set())) {
			return true
		}
	}
	return false
}

// majority is the rule of that name.
func majority(v *core.View, in core.NodeSet) bool {
	n, world := in.Len(), v.World()
	return 2*n > world || 2*n == world && in.Has(v.Node(0))
}

// deliver takes a message of the register: only of its own view, and only while it is a member (S6, S7).
func (r *Register) deliver(now core.Instant, from core.NodeID, m *core.Message, out *core.Effects) {
	if m.Group != r.group || m.Epoch != r.view.Epoch || m.Num != r.view.CommID || r.status != running || from == r.self || !r.view.Set().Has(from) {
		return
	}
	lead := r.view.Node(0)
	switch m.Kind {
	case Ask:
		if from == lead {
			out.Used()
			again := r.message(Answer, uint32(r.news), r.have.text())
			out.Send(from, &again)
		}
	case Answer:
		if e, ok := entryOf(m.Body); ok && r.leads() && !r.serving && !r.asked.Has(from) {
			out.Used()
			r.asked = r.asked.With(from)
			r.take(e)
			r.newest = max(r.newest, core.Epoch(m.Ballot.Round))
			r.ready(now, out)
		}
	case Store:
		if e, ok := entryOf(m.Body); ok && from == lead {
			out.Used()
			r.take(e)
			r.news = r.view.Epoch
			ack := r.message(Stored, m.Ballot.Round, "")
			out.Send(from, &ack)
		}
	case Stored:
		if r.leads() && r.working && m.Ballot.Round == r.round && !r.stored.Has(from) {
			out.Used()
			r.stored = r.stored.With(from)
			r.count(now, out)
		}
	case Ordered:
		r.ordered(now, from, m, out)
	case Told:
		r.told(from, m, out)
	}
}

// take keeps the higher version.
func (r *Register) take(e entry) {
	if e.version > r.have.version {
		r.have = e
	}
}

// ordered takes another member's order, once however often it comes.
func (r *Register) ordered(now core.Instant, from core.NodeID, m *core.Message, out *core.Effects) {
	if !r.leads() || len(m.Body) != 9 {
		return
	}
	for i := range r.ended {
		if f := &r.ended[i]; f.from == from && f.number == m.Ballot.Round {
			reply := r.message(Told, f.number, f.is.text())
			out.Send(from, &reply)
			return
		}
	}
	out.Used()
	r.enqueue(now, order{from, m.Ballot.Round, core.CallOp(m.Body[0]), uint64At(m.Body, 1)}, out)
}

// enqueue puts an order behind the others, unless it is known.
func (r *Register) enqueue(now core.Instant, o order, out *core.Effects) {
	if o.number <= r.floor[o.from] || len(r.orders) >= ordersMax {
		return
	}
	for i := range r.orders {
		if r.orders[i].from == o.from && r.orders[i].number == o.number {
			return
		}
	}
	r.orders = append(r.orders, o)
	r.work(now, out)
}

// work begins the next order.
func (r *Register) work(now core.Instant, out *core.Effects) {
	if r.working || !r.serving || len(r.orders) == 0 {
		return
	}
	r.working = true
	if o := &r.orders[0]; o.op == core.CallWrite {
		r.have = entry{r.have.version + 1, o.value}
	}
	r.round++
	r.stored, r.repeats = core.NodeSetOf(r.self), 0
	r.store(out)
	r.count(now, out)
}

func (r *Register) store(out *core.Effects) {
	m := r.message(Store, r.round, r.have.text())
	r.tell(r.view.Set().Minus(r.stored), &m, out)
}

// count ends the order at work when enough members have stored or confirmed it.
func (r *Register) count(now core.Instant, out *core.Effects) {
	if !r.working || !r.leads() || !r.enough() {
		return
	}
	o := r.orders[0]
	r.orders = append(r.orders[:0], r.orders[1:]...)
	r.working = false
	f := finished{o.from, o.number, r.have}
	if len(r.ended) == endedKept {
		e := &r.ended[0]
		r.floor[e.from] = max(r.floor[e.from], e.number)
		r.ended = append(r.ended[:0], r.ended[1:]...)
	}
	r.ended = append(r.ended, f)
	reply := r.message(Told, o.number, f.is.text())
	if o.from == r.self {
		r.end(o.number, f.is, out)
	} else {
		out.Send(o.from, &reply)
	}
	r.work(now, out)
}

// enough tells whether those who have stored the current order meet the view's quorum rule.
func (r *Register) enough() bool {
	if r.rule == core.FailStop {
		return r.view.Set().Minus(r.suspected).Without(r.self).SubsetOf(r.stored)
	}
	return majority(&r.view, r.stored)
}

// told takes the end of one of this node's orders.
func (r *Register) told(from core.NodeID, m *core.Message, out *core.Effects) {
	if e, ok := entryOf(m.Body); ok && from == r.view.Node(0) && r.end(m.Ballot.Round, e, out) {
		out.Used()
	}
}

// end ends a call of this node's application.
func (r *Register) end(number uint32, e entry, out *core.Effects) bool {
	for i := range r.waiting {
		c := r.waiting[i]
		if c.number != number {
			continue
		}
		r.waiting = append(r.waiting[:i], r.waiting[i+1:]...)
		done := core.Done{ID: c.id, Call: c.op}
		if c.op == core.CallRead {
			done.Result = strconv.FormatInt(int64(e.value), 10)
		}
		out.PutDone(done)
		return true
	}
	return false
}

// call takes a call of the application.
func (r *Register) call(now core.Instant, in *core.Input, out *core.Effects) {
	if r.status != running {
		text := r.over
		if r.status == fresh {
			text = "the machine has not been started"
		}
		out.PutDone(core.Done{ID: in.ID, Call: in.Call, Err: text})
		return
	}
	r.number++
	o := order{r.self, r.number, in.Call, uint64(in.Value)}
	r.waiting = append(r.waiting, patient{o, in.ID, now + core.Instant(r.cfg.CollectiveTimeout)})
	if r.leads() {
		r.enqueue(now, o, out)
		return
	}
	r.request(&o, out)
}

func (r *Register) request(o *order, out *core.Effects) {
	m := r.message(Ordered, o.number, string(appendUint64([]byte{byte(o.op)}, o.value)))
	out.Send(r.view.Node(0), &m)
}

// busy tells whether the register waits for somebody.
func (r *Register) busy() bool {
	return r.status == running && (len(r.waiting) > 0 || r.leads() && (!r.serving && !r.complete() || r.working))
}

func (r *Register) fire(now core.Instant, id core.TimerID, out *core.Effects) {
	i := id - timerAgain
	if r.armed>>i&1 == 0 || r.due[i] > now && !r.cfg.ExternalDetector {
		return
	}
	r.armed &^= 1 << i
	if id == timerGive {
		r.expire(now, out)
		return
	}
	r.repeats = min(r.repeats+1, repeatDoubles)
	switch {
	case !r.leads():
		for i := range r.waiting {
			r.request(&r.waiting[i].order, out)
		}
	case !r.serving:
		r.ask(out)
	case r.working:
		r.store(out)
	}
}

// expire ends the calls that have had their time: what becomes of them is unknown.
func (r *Register) expire(now core.Instant, out *core.Effects) {
	kept := 0
	for _, c := range r.waiting {
		if c.deadline > now {
			r.waiting[kept] = c
			kept++
			continue
		}
		out.PutDone(core.Done{ID: c.id, Call: c.op, Err: fmt.Sprintf("%s: not answered within %v", c.op, r.cfg.CollectiveTimeout)})
	}
	r.waiting = r.waiting[:kept]
}

// retime sets the timers to what the register waits for.
func (r *Register) retime(now core.Instant, out *core.Effects) {
	want := uint8(0)
	at := r.due
	if !r.busy() {
		r.repeats = 0
	} else {
		want |= 1
		if r.armed&1 == 0 {
			at[0] = now + core.Instant(min(r.cfg.HeartbeatInterval/repeatShare<<r.repeats, r.cfg.HeartbeatInterval, time.Hour))
		}
	}
	if r.status == running && len(r.waiting) > 0 {
		want |= 2
		at[1] = r.waiting[0].deadline // they have the same patience
	}
	for i := range at {
		set, wanted := r.armed>>i&1 != 0, want>>i&1 != 0
		switch {
		case set && !wanted:
			out.CancelTimer(timerAgain + core.TimerID(i))
		case wanted && (!set || at[i] != r.due[i]):
			out.SetTimer(timerAgain+core.TimerID(i), max(at[i], now))
		}
	}
	r.armed, r.due = want, at
}
