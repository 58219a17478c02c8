package realnet

import (
	"fmt"
	"slices"
	"time"

	"nexarsim/core"
)

// mailMax is how much waits for the driver before whoever brings more has to wait.
const mailMax = 256

type mailKind uint8

const (
	mailMessage  mailKind = iota + 1 // link, in: the delivery
	mailControl                      // link, number: what it says
	mailUp                           // link: it is usable
	mailDown                         // link: it ended
	mailDead                         // peer: somebody witnessed its death
	mailStart                        // number: the origin of time
	mailCall                         // in, answer, elements
	mailShutdown                     //
)

// mail is one thing that happens to the driver.
type mail struct {
	kind   mailKind
	peer   core.NodeID
	link   *link
	number uint64
	answer chan answer
	in     core.Input

	elements []byte  // of a bulk call
	parcel   *parcel // mailMessage: the elements that came with it; may be nil
}

// driver owns the machine: all of it is touched by one goroutine, run.
type driver struct {
	g       *Group
	machine core.Machine
	out     core.Effects
	clock   clock
	timers  timers
	rec     *recorder // nil: nothing is recorded
	local   []core.Input
	frame   []byte
	sends   uint64 // messages sent so far, for their ids

	links   []*link // by node; nil where there is none
	ready   core.NodeSet
	waiting core.NodeSet // who has not answered a bye
	graves  []grave
	early   []core.Input // what came before the start
	calls   map[uint64]chan answer
	lastID  uint64
	bulk    bulk

	saidReady, started, mute, leaving bool
	stopped                           chan struct{}
}

func newDriver(g *Group, m core.Machine) *driver {
	return &driver{
		g: g, machine: m, links: make([]*link, len(g.cfg.Members)), calls: make(map[uint64]chan answer), stopped: make(chan struct{}),
		bulk: newBulk(m),
	}
}

// run is the goroutine that owns the machine.
func (d *driver) run() {
	defer close(d.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	d.ask() // a group of one is complete
	for {
		d.fire()
		if d.again() {
			continue
		}
		select {
		case m := <-d.g.mail: // recovery does not wait behind an application's messages
			d.handle(&m)
			continue
		default:
		}
		timer.Reset(d.rest())
		select {
		case m := <-d.g.mail:
			d.handle(&m)
		case m := <-d.g.load:
			d.handle(&m)
		case <-timer.C:
		case <-d.g.ctx.Done():
			return
		}
	}
}

// rest is how long there is nothing to do unless somebody brings something.
func (d *driver) rest() time.Duration {
	wait := idleWait
	if len(d.graves) > 0 {
		wait = d.closeGraves()
	}
	if d.started {
		wait = min(wait, d.timers.wait(d.clock.now()))
	}
	return wait
}

// again gives the machine what it asked for itself, and one mail in between, so that neither keeps the other waiting.
func (d *driver) again() bool {
	if len(d.local) == 0 || !d.started {
		return false
	}
	in := d.local[0]
	d.local = d.local[1:]
	d.step(&in)
	select {
	case m := <-d.g.mail:
		d.handle(&m)
		return true
	case <-d.g.ctx.Done():
		d.local = nil
		return true
	default:
	}
	select {
	case m := <-d.g.load:
		d.handle(&m)
	default:
	}
	return true
}

// fire gives the machine each timer that is due.
func (d *driver) fire() {
	if !d.started {
		return
	}
	now := d.clock.now()
	for range core.MaxTimers {
		id, due := d.timers.due(now)
		if !due {
			return
		}
		d.timers.cancel(id)
		d.step(&core.Input{Kind: core.InTimer, Timer: id})
	}
}

func (d *driver) handle(m *mail) {
	switch m.kind {
	case mailMessage:
		d.message(m)
	case mailControl:
		d.control(m)
	case mailUp:
		d.up(m.link)
	case mailDown:
		d.down(m.link)
	case mailDead:
		d.dead(m.peer)
	case mailStart:
		d.start(int64(m.number))
	case mailCall:
		d.callMachine(m)
	case mailShutdown:
		d.shutdown()
	}
}

// earlyMax is how much is kept for a machine that has not started, while others have.
const earlyMax = 1024

// message delivers. Nobody sends one before everybody is ready, so it says that too.
func (d *driver) message(m *mail) {
	if !d.started {
		d.complete()
		if len(d.early) >= earlyMax {
			return
		}
	}
	d.g.counters.received.Add(1)
	if d.accept(m) {
		d.tell(m.in)
	}
}

func (d *driver) control(m *mail) {
	peer := m.link.peer
	switch m.number {
	case controlReady:
		d.ready = d.ready.With(peer)
		d.ask()
	case controlBye:
		d.say(m.link, controlDone)
		d.dead(peer)
	case controlDone:
		d.waiting = d.waiting.Without(peer)
		d.part()
	}
}

// up takes a connection into use. A second one with a peer takes the place of the first: its process lives, and has
// noticed the end of the first before this side has.
func (d *driver) up(l *link) {
	if old := d.links[l.peer]; old != nil {
		old.close(codeReplaced)
	}
	d.links[l.peer] = l
	if d.saidReady {
		d.say(l, controlReady)
	}
	d.ask()
}

func (d *driver) down(l *link) {
	if d.links[l.peer] != l {
		return
	}
	d.links[l.peer] = nil
	d.waiting = d.waiting.Without(l.peer)
	d.part()
	d.tell(core.Input{Kind: core.InClosed, Peer: l.peer})
}

// dead takes a death that somebody has witnessed.
func (d *driver) dead(peer core.NodeID) {
	if !d.g.net.bury(peer) {
		return
	}
	l := d.links[peer]
	d.links[peer] = nil
	d.waiting = d.waiting.Without(peer)
	d.part()
	d.tell(core.Input{Kind: core.InDead, Peer: peer})
	if l != nil {
		d.graves = append(d.graves, grave{l, time.Now().Add(graveTime)})
	}
}

// grave is a connection to a dead peer that is still to be closed. Closing is work for both processors of a small machine,
// just when the survivors' messages need them.
type grave struct {
	link *link
	due  time.Time
}

const graveTime = 200 * time.Millisecond

// closeGraves closes the connections of the dead whose time has come, and says how long until the next one's.
func (d *driver) closeGraves() time.Duration {
	now := time.Now()
	for len(d.graves) > 0 {
		if left := d.graves[0].due.Sub(now); left > 0 {
			return left
		}
		d.graves[0].link.close(codeDead)
		d.graves = d.graves[1:]
	}
	return idleWait
}

// tell gives the machine what came from a peer, or became of it; before the start that waits.
func (d *driver) tell(in core.Input) {
	if d.started {
		d.step(&in)
		return
	}
	d.early = append(d.early, in)
}

// ask says that this member is ready once it has all its connections, and completes the group once everybody is.
func (d *driver) ask() {
	self := int(d.g.self)
	for peer, l := range d.links {
		if l == nil && peer != self && !d.saidReady {
			return
		}
	}
	if !d.saidReady {
		d.saidReady = true
		for _, l := range d.links {
			if l != nil {
				d.say(l, controlReady)
			}
		}
	}
	if d.ready.Len() == len(d.links)-1 {
		d.complete()
	}
}

func (d *driver) complete() {
	select {
	case <-d.g.connected:
	default:
		close(d.g.connected)
	}
}

func (d *driver) start(origin int64) {
	if d.started {
		return
	}
	d.clock = newClock(origin)
	d.started = true
	interval := int64(d.g.cfg.Core.HeartbeatInterval)
	d.step(&core.Input{Kind: core.InStart, Phase: interval * int64(d.g.self) / int64(len(d.links))})
	for i := range d.early {
		d.step(&d.early[i])
	}
	d.early = nil
}

func (d *driver) callMachine(m *mail) {
	if !d.started || d.mute {
		m.answer <- answer{done: core.Done{Call: m.in.Call, Err: "the group has not started"}}
		return
	}
	if !d.address(&m.in) {
		m.answer <- answer{stale: true}
		return
	}
	d.lastID++
	d.calls[d.lastID] = m.answer
	m.in.Kind, m.in.ID = core.InCall, d.lastID
	if m.elements != nil {
		d.bulk.begin(d.lastID, m.elements)
	}
	d.step(&m.in)
}

// shutdown ends the machine and says so to everybody. A connection that is closed drops what it has not delivered, so the
// group waits for answers first.
func (d *driver) shutdown() {
	if d.leaving {
		return
	}
	if d.started {
		d.step(&core.Input{Kind: core.InShutdown})
	}
	d.leaving = true
	for peer, l := range d.links {
		if l != nil && d.say(l, controlBye) {
			d.waiting = d.waiting.With(core.NodeID(peer))
		}
	}
	d.part()
}

func (d *driver) part() {
	if !d.leaving || !d.waiting.Empty() {
		return
	}
	select {
	case <-d.g.parted:
	default:
		close(d.g.parted)
	}
}

// say sends a control packet.
func (d *driver) say(l *link, what uint8) bool {
	frame, err := d.g.codec.frame(d.frame[:0], &packet{Control: what})
	d.frame = frame
	return err == nil && l.send(classCritical, frame) == nil
}

// step gives the machine one input and performs what it asks for. What it does is written down first: a process that is
// killed in between has then sent nothing that its record does not show.
func (d *driver) step(in *core.Input) {
	if d.mute {
		return
	}
	now := d.clock.now()
	d.g.counters.steps.Add(1)
	d.out.Reset()
	d.rec.input(now, in)
	if err := d.stepMachine(now, in); err != nil {
		d.fail(now, err)
		return
	}
	if err := d.rec.effects(now, in, &d.out, d.sends); err != nil {
		d.fail(now, err)
		return
	}
	d.watch(in, nil)
	d.useParcels(in)
	for i, list := 0, d.out.List(); i < len(list) && !d.mute; i++ {
		d.perform(now, &list[i])
		d.watch(in, &list[i])
	}
}

func (d *driver) watch(in *core.Input, e *core.Effect) {
	if d.g.cfg.Watch != nil {
		d.g.cfg.Watch(in, e, &d.out)
	}
}

// stepMachine turns a panic of the machine into an error: its own invariant broke, and it must not do anything more.
func (d *driver) stepMachine(now core.Instant, in *core.Input) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	d.machine.Step(now, in, &d.out)
	return nil
}

// fail stops a machine that cannot go on.
func (d *driver) fail(now core.Instant, err error) {
	d.mute = true
	d.rec.panicked(now, err.Error())
	d.g.log.Error("the machine cannot go on", "err", err)
	d.end(&EndError{core.EndError, err.Error()})
}

func (d *driver) end(reason error) {
	select {
	case <-d.g.ended:
	default:
		d.g.reason = reason
		close(d.g.ended)
	}
}

func (d *driver) perform(now core.Instant, e *core.Effect) {
	switch e.Kind {
	case core.OutSend:
		d.send(now, e)
	case core.OutSetTimer:
		d.timers.set(e.Timer, e.At)
	case core.OutCancelTimer:
		d.timers.cancel(e.Timer)
	case core.OutWake:
		d.local = append(d.local, core.Input{Kind: core.InWake, ID: uint64(e.Op)})
	case core.OutBelieve:
		d.g.log.Info("belief", "peer", d.g.cfg.Members[e.Peer].ID, "suspected", e.Suspected)
	case core.OutUsed:
	case core.OutInstall:
		view := d.out.Install(e).View
		d.g.view.Store(&view)
		d.bulk.leave()
		d.g.counters.installs.Add(1)
		d.g.log.Info("installed", "epoch", view.Epoch, "world", view.World())
	case core.OutEvent:
		ev := *d.out.Event(e)
		ev.DeadRanks = slices.Clone(ev.DeadRanks)
		d.g.events.append(ev)
	case core.OutDone:
		d.done(*d.out.Done(e))
	case core.OutPanic:
		d.mute = true
		d.end(&EndError{core.EndError, d.out.Text(e)})
	case core.OutEnd:
		d.end(&EndError{e.Why, d.out.Text(e)})
	}
}

// send hands a message to its stream, or drops it: nobody waits for a peer that is gone or does not read.
func (d *driver) send(now core.Instant, e *core.Effect) {
	m := d.out.Message(e)
	id := uint64(d.g.self) + uint64(len(d.links))*d.sends
	d.sends++
	why := d.trySend(e.Peer, id, m)
	if why != "" {
		d.g.counters.dropped.Add(1)
		d.rec.drop(now, id, why)
	} else {
		d.g.counters.sent.Add(1)
	}
	if e.Op != 0 {
		d.local = append(d.local, core.Input{Kind: core.InSent, ID: uint64(e.Op), Err: why})
	}
}

func (d *driver) trySend(to core.NodeID, id uint64, m *core.Message) (why string) {
	if to < 0 || int(to) >= len(d.links) || d.links[to] == nil {
		return "no connection"
	}
	if why, moved := d.sendBulk(to, id, m); moved {
		return why
	}
	p := pack(id, m)
	frame, err := d.g.codec.frame(d.frame[:0], &p)
	d.frame = frame
	if err != nil {
		return err.Error()
	}
	if err := d.links[to].send(classOf(m.Kind), frame); err != nil {
		return sendFault(err)
	}
	return ""
}
