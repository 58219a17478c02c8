package core

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// clockWorld runs a world with the internal detector on a virtual clock: messages take time, timers fire when they are
// due, nodes crash, pause and are cut off from each other for a while.
type clockWorld struct {
	*world
	program
	queue   eventQueue
	seq     int
	rng     *rand.Rand
	slowest time.Duration // of a message
	loss    int           // in 256
	groups  []int         // who can talk to whom: those of equal numbers
	oneWay  [2]NodeID     // the first cannot reach the second
	asleep  []Instant     // until when; 0: never
	backlog [][]event
	faults  bool // some fault other than a crash has happened
	pauses  bool // there are no others
	lacks   []Instant
	fine    bool  // everybody was fine at some moment of the last seconds: with losses, a false suspicion may come at any time
	chatter []int // messages that are no heartbeats, by sender, in this second
	crashAt Instant
	worst   time.Duration // from the last crash to the last install, in runs with crashes alone
}

type event struct {
	at  Instant
	seq int
	do  func()
	to  NodeID // NoNode: the environment's own
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(a, b int) bool {
	return q[a].at < q[b].at || q[a].at == q[b].at && q[a].seq < q[b].seq
}
func (q eventQueue) Swap(a, b int) { q[a], q[b] = q[b], q[a] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

func (c *clockWorld) after(d time.Duration, to NodeID, do func()) {
	c.seq++
	heap.Push(&c.queue, event{c.now + Instant(d), c.seq, do, to})
}

const (
	chaosTime = 40 * time.Second // faults begin and end within it
	healTime  = 30 * time.Second // and then everything has to come right: the recovery timeout
)

// clockStart is what the clocks show at first: no zero, which a node could take for "never".
const clockStart = Instant(1e15)

// clockStats is what the runs of a test add up to.
type clockStats struct {
	worst              time.Duration
	runs, quiet, crash int
}

// runClock runs a program on the clock. The result is "" or what was violated.
func runClock(t testing.TB, bytes []byte, book *commBook, stats *clockStats, story *strings.Builder) string {
	c := &clockWorld{program: program{bytes: bytes}}
	n := 2 + c.choose(4)
	cfg := testConfig(Majority, Automatic, false)
	model := c.choose(9) // 0: nothing happens; 1, 2: crashes only; 3: crashes only, rule fail-stop; 8: pauses only; others: anything
	if model == 3 {
		cfg.Rule = FailStop
	}
	if model == 7 {
		cfg.Policy = []Policy{Automatic, Manual, AbortAll}[c.choose(3)]
	}
	pace := [][2]time.Duration{{1000, 5000}, {1000, 1500}, {4500, 5000}, {250, 1000}}[c.choose(4)]
	cfg.HeartbeatInterval, cfg.HeartbeatTimeout = pace[0]*time.Millisecond, pace[1]*time.Millisecond
	c.world = newWorld(t, n, cfg, book)
	c.story = story
	c.now = clockStart
	c.say("world %d, rule %v, policy %v, interval %v, timeout %v", n, cfg.Rule, cfg.Policy, cfg.HeartbeatInterval, cfg.HeartbeatTimeout)
	c.slowest = []time.Duration{2 * time.Millisecond, 50 * time.Millisecond, 300 * time.Millisecond}[c.choose(3)]
	c.rng = rand.New(rand.NewPCG(uint64(c.choose(256)), 7))
	c.groups, c.asleep, c.backlog = make([]int, n), make([]Instant, n), make([][]event, n)
	c.lacks, c.chatter = make([]Instant, n), make([]int, n)
	c.oneWay = [2]NodeID{NoNode, NoNode}
	for i := range NodeID(n) {
		c.input(i, Input{Kind: InStart, Phase: c.rng.Int64N(int64(cfg.HeartbeatInterval))})
	}
	switch {
	case model == 8:
		// Where a heartbeat can be almost as old as the timeout, a sleep too short to be noticed is enough.
		c.pauses = 4*cfg.HeartbeatInterval <= cfg.HeartbeatTimeout && c.slowest < cfg.HeartbeatInterval/4
		c.plan(func() { c.pause(NodeID(c.choose(n)), time.Duration(1+c.choose(20))*time.Second/2) })
	case model > 3:
		c.plan(c.anyFault)
	case model > 0:
		c.plan(c.crashFault)
	}
	c.after(chaosTime, NoNode, c.calm)
	c.after(time.Second, NoNode, c.everySecond)
	c.run(clockStart + Instant(chaosTime+healTime))
	c.verdict(model)
	stats.runs++
	if model == 0 {
		stats.quiet++
	}
	if model > 0 && model <= 3 {
		stats.crash++
		stats.worst = max(stats.worst, c.worst)
	}
	return c.judge.err
}

// elapsed is the time since the start.
func (c *clockWorld) elapsed() time.Duration { return time.Duration(c.now - clockStart) }

func (c *clockWorld) plan(fault func()) {
	for range c.choose(7) {
		c.after(chaosTime*time.Duration(c.choose(256))/256, NoNode, fault)
	}
}

func (c *clockWorld) run(end Instant) {
	for len(c.queue) > 0 && c.judge.err == "" {
		e := heap.Pop(&c.queue).(event)
		if e.at > end {
			break
		}
		c.now = e.at
		if e.to != NoNode && c.asleep[e.to] > c.now {
			c.backlog[e.to] = append(c.backlog[e.to], e)
			continue
		}
		e.do()
	}
}

// input gives a node an input and takes what it sends and which timers it sets into the queue.
func (c *clockWorld) input(i NodeID, in Input) {
	if !c.alive(i) {
		return
	}
	before, set, wasEpoch, believed := c.due[i], c.armed[i], c.nodes[i].View().Epoch, c.judge.seats[i].believes
	if in.Kind == InTimer {
		set &^= 1 << in.Timer
	}
	c.step(i, in)
	for id := range timerCount {
		if c.armed[i]>>id&1 != 0 && (set>>id&1 == 0 || before[id] != c.due[i][id]) {
			c.wait(i, id)
		}
	}
	for _, p := range c.flight {
		c.post(p)
	}
	c.flight = c.flight[:0]
	c.watchLoss(i)
	for _, j := range unmask(c.judge.seats[i].believes &^ believed) {
		if c.pauses && c.asleep[j] < c.now-Instant(c.cfg.HeartbeatTimeout) || c.pauses && c.asleep[j] == 0 {
			c.judge.fail("S3: node %d suspects %d, which has been awake for longer than the heartbeat timeout", i, j)
		}
	}
	if c.nodes[i].View().Epoch != wasEpoch && c.crashAt > 0 && !c.faults {
		c.worst = max(c.worst, time.Duration(c.now-c.crashAt))
		if c.worst > c.lateBound() {
			c.judge.fail("L1: node %d installs at %v, later than %v after the last crash", i, c.elapsed(), c.lateBound())
		}
	}
	c.application(i)
}

// wait fires a timer when it is due, unless it was replaced or cancelled.
func (c *clockWorld) wait(i NodeID, id TimerID) {
	at := c.due[i][id]
	c.after(time.Duration(at-c.now), i, func() {
		if c.armed[i]>>id&1 != 0 && c.due[i][id] == at {
			c.say("%v: %s of %d fires", c.elapsed(), timerNames[id], i)
			c.input(i, Input{Kind: InTimer, Timer: id})
		}
	})
}

func (c *clockWorld) open(from, to NodeID) bool {
	return c.groups[from] == c.groups[to] && c.oneWay != [2]NodeID{from, to}
}

func (c *clockWorld) post(p packet) {
	if p.msg.Kind != Heartbeat {
		c.chatter[p.from]++
	}
	if !c.open(p.from, p.to) || c.rng.IntN(256) < c.loss {
		return
	}
	c.after(time.Duration(c.rng.Int64N(int64(c.slowest))), p.to, func() {
		if !c.open(p.from, p.to) {
			return
		}
		if p.msg.Kind != Heartbeat {
			c.say("%v: deliver %d->%d %s", c.elapsed(), p.from, p.to, messageText(&p.msg))
		}
		c.input(p.to, Input{Kind: InDeliver, From: p.from, Msg: p.msg})
	})
}

// application is the user of policy manual: it calls recover whenever it knows of a failure.
func (c *clockWorld) application(i NodeID) {
	n := c.nodes[i]
	if c.cfg.Policy == Manual && n.Running() && !n.consent && (!n.Suspected().Empty() || n.waitsForConsent()) {
		c.judge.consents(i)
		c.input(i, Input{Kind: InCall, Call: CallRecover})
	}
}

// watchLoss holds a node to S8: a lost quorum is reported within the recovery timeout.
func (c *clockWorld) watchLoss(i NodeID) {
	s := &c.judge.seats[i]
	if c.cfg.Rule == FailStop || s.ended || naiveMajority(c.judge.views[s.epoch].members, ^s.believes) {
		c.lacks[i] = 0
		return
	}
	if c.lacks[i] == 0 {
		c.lacks[i] = c.now
	}
	if !s.told && c.now-c.lacks[i] > Instant(c.cfg.RecoveryTimeout) {
		c.judge.fail("S8: node %d lacks a quorum since %v and has not said so at %v", i, time.Duration(c.lacks[i]-clockStart), c.elapsed())
	}
}

// chatterMax bounds what a node sends in a second beside heartbeats: a few broadcasts and repetitions, whatever goes on.
func (c *clockWorld) chatterMax() int { return 30 * len(c.nodes) }

func (c *clockWorld) everySecond() {
	for i := range c.chatter {
		if c.chatter[i] > c.chatterMax() {
			c.judge.fail("S8: node %d sends %d messages in a second", i, c.chatter[i])
		}
		c.chatter[i] = 0
	}
	if c.elapsed() > chaosTime+healTime-5*time.Second {
		c.fine = c.fine || c.recovered() == ""
	}
	c.after(time.Second, NoNode, c.everySecond)
}

// lateBound is when everybody has installed after the last crash, where nothing else goes wrong: the detection, one
// repetition for what died with a coordinator, and the message delays.
func (c *clockWorld) lateBound() time.Duration {
	return c.cfg.HeartbeatTimeout + 2*c.cfg.HeartbeatInterval + c.cfg.Durations().RetransmitMax + 6*c.slowest
}

func (c *clockWorld) victim() (NodeID, bool) {
	i := NodeID(c.choose(len(c.nodes)))
	return i, !c.gone(i) && len(unmask(c.crashed|c.closed)) < len(c.nodes)-1
}

// crashFault kills a node; its peers may see its connections close, somebody may witness the death.
func (c *clockWorld) crashFault() {
	i, ok := c.victim()
	if !ok {
		return
	}
	how := c.choose(4)
	c.say("%v: crash %d", c.elapsed(), i)
	if how == 3 {
		c.input(i, Input{Kind: InShutdown})
	} else {
		c.crash(i)
	}
	c.crashAt = c.now
	if how == 0 {
		return
	}
	for j := range NodeID(len(c.nodes)) {
		in := Input{Kind: InClosed, Peer: i}
		if how == 2 {
			in.Kind = InDead
		}
		c.after(time.Duration(c.rng.Int64N(int64(c.slowest))), j, func() {
			if in.Kind == InDead {
				c.judge.seats[j].witnessed |= mask(i)
			}
			c.input(j, in)
		})
	}
}

func (c *clockWorld) anyFault() {
	last := time.Duration(1+c.choose(20)) * time.Second / 2
	at := c.elapsed()
	i, j := NodeID(c.choose(len(c.nodes))), NodeID(c.choose(len(c.nodes)))
	kind := c.choose(8)
	if kind > 1 {
		c.faults = true
	}
	switch kind {
	case 0, 1:
		c.crashFault()
	case 2:
		side := c.choose(1 << len(c.nodes))
		for k := range c.groups {
			c.groups[k] = side >> k & 1
		}
		c.say("%v: partition %v for %v", at, c.groups, last)
		c.after(last, NoNode, c.heal)
	case 3:
		c.say("%v: cut %d->%d for %v", at, i, j, last)
		c.oneWay = [2]NodeID{i, j}
		c.after(last, NoNode, func() { c.oneWay = [2]NodeID{NoNode, NoNode} })
	case 4:
		c.loss = c.choose(200)
		c.say("%v: lose %d in 256 for %v", at, c.loss, last)
		c.after(last, NoNode, func() { c.loss = 0 })
	case 5:
		c.pause(i, last)
	case 6:
		c.say("%v: %d suspects %d", at, i, j)
		c.input(i, Input{Kind: InSuspect, Peer: j})
	case 7:
		c.say("%v: %d suspects %d for %v", at, i, j, last)
		c.input(i, Input{Kind: InSuspect, Peer: j, Hold: true})
		c.after(last, i, func() { c.input(i, Input{Kind: InTrust, Peer: j}) })
	}
}

func (c *clockWorld) heal() {
	clear(c.groups)
	c.say("%v: heal", c.elapsed())
}

func (c *clockWorld) pause(i NodeID, last time.Duration) {
	c.say("%v: pause %d for %v", c.elapsed(), i, last)
	if c.asleep[i] > c.now {
		return
	}
	c.asleep[i] = c.now + Instant(last)
	c.after(last, NoNode, func() {
		waiting := c.backlog[i]
		c.backlog[i] = nil
		c.lacks[i] = 0
		for _, e := range waiting {
			e.do()
		}
	})
}

// calm ends all faults. A tenth of the messages may go on being lost where the heartbeat timeout bears it.
func (c *clockWorld) calm() {
	clear(c.groups)
	c.oneWay = [2]NodeID{NoNode, NoNode}
	c.loss = 0
	if c.faults && c.cfg.HeartbeatTimeout == 5*c.cfg.HeartbeatInterval && c.choose(2) == 1 {
		c.loss = 25
	}
	c.say("%v: calm", c.elapsed())
}

func (c *clockWorld) verdict(model int) {
	if c.judge.err != "" {
		return
	}
	if model == 0 && len(c.judge.dead) > 0 {
		c.judge.fail("S3: a view changes without a fault")
	}
	for e, dead := range c.judge.dead {
		if model <= 3 && dead&^(c.crashed|c.closed) != 0 {
			c.judge.fail("S3: %v leave epoch %d; only %v have crashed", unmask(dead), e, unmask(c.crashed|c.closed))
		}
	}
	if text := c.recovered(); text != "" && !(c.fine && c.loss > 0) {
		c.judge.fail("L1: %v after the last fault %s", healTime, text)
	}
}

// TestRandomClocks runs random faults on a virtual clock with the internal detector: S1 to S8, L1 and L4, and that nothing
// happens without a fault. -core.runs=N runs N/10 of them.
func TestRandomClocks(t *testing.T) {
	book, stats := newCommBook(), &clockStats{}
	for k := range uint64(*runsFlag / 10) {
		r := rand.New(rand.NewPCG(*seedFlag+k, 0x636c6f636b))
		bytes := make([]byte, 8+r.IntN(60))
		for i := range bytes {
			bytes[i] = byte(r.Uint32())
		}
		if v := runClock(t, bytes, book, stats, nil); v != "" {
			t.Fatalf("seed %d: %s\n%s", *seedFlag+k, v, shortestClock(t, bytes, v))
		}
	}
	t.Logf("%+v", *stats)
}

func TestRapidClocks(t *testing.T) {
	book := newCommBook()
	rapid.Check(t, func(rt *rapid.T) {
		bytes := rapid.SliceOfN(rapid.Byte(), 4, 60).Draw(rt, "program")
		if v := runClock(t, bytes, book, &clockStats{}, nil); v != "" {
			rt.Fatalf("%s", v)
		}
	})
}

func shortestClock(t testing.TB, bytes []byte, violation string) string {
	run := func(b []byte, story *strings.Builder) string {
		return runClock(t, b, newCommBook(), &clockStats{}, story)
	}
	best := shrink(bytes, func(b []byte) bool { return class(run(b, nil)) == class(violation) })
	var story strings.Builder
	v := run(best, &story)
	return fmt.Sprintf("shortest program %#v: %s\n%s", best, v, story.String())
}
