package core

import (
	commandline "flag"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var runsFlag = commandline.Int("core.runs", 40000, "how many random schedules the protocol has to survive")
var seedFlag = commandline.Uint64("core.seed", 1, "the first seed of the random schedules")

// A program is a schedule as bytes: each step reads a byte that says what kind of thing happens, and one for each choice,
// taken modulo what is possible at that moment. So every program means something, and a shorter one, or one with lower
// numbers, is a simpler schedule.
type program struct {
	bytes []byte
	at    int
	again bool // read the bytes again from the first one when they end
}

func (p *program) more() bool { return p.at < len(p.bytes) }

func (p *program) choose(n int) int {
	if n <= 1 {
		return 0
	}
	if !p.more() {
		if !p.again || len(p.bytes) == 0 {
			return 0
		}
		p.at = 0
	}
	b := p.bytes[p.at]
	p.at++
	return int(b) % n
}

// The kinds of things that happen. A program's head says which ones it does without, so that some runs are made of a few
// kinds only (Groce et al., "Swarm Testing").
type act int

const (
	actDeliver act = iota
	actNewest
	actSuspect
	actFire
	actTrust
	actDrop
	actDuplicate
	actAsk
	actCrash
	actDieInStep
	actSever
	actHold
	actClosed
	actRecover
	actShutdown
	actHeal
	actCount
)

// weights of the kinds; their sum is below 256.
var actWeights = [actCount]int{
	actDeliver: 90, actNewest: 15, actSuspect: 40, actFire: 40, actTrust: 12, actDrop: 10, actDuplicate: 8, actAsk: 6,
	actCrash: 5, actDieInStep: 8, actSever: 4, actHold: 3, actClosed: 3, actRecover: 6, actShutdown: 1, actHeal: 2,
}

// worldSizes favours the small: what goes wrong goes wrong there, within fewer steps.
var worldSizes = [...]int{2, 3, 4, 5, 3, 4, 5, 7}

// schedule is one run of a program.
type schedule struct {
	*world
	program
	without uint16
	often   act               // happens more often than usual
	spare   int               // how many may still die
	losses  int               // how many messages the next heal may still lose
	waiting [][timerCount]int // for how many rounds of a heal each timer has been set
}

// runProgram runs a program to its end, heals, and judges. The result is "" or what was violated.
func runProgram(t testing.TB, bytes []byte, book *commBook, reach *reach, story *strings.Builder) string {
	s := newSchedule(t, bytes, book)
	s.reach, s.story = reach, story
	return s.run()
}

// newSchedule is a program whose head has been read.
func newSchedule(t testing.TB, bytes []byte, book *commBook) *schedule {
	s := &schedule{program: program{bytes: bytes}}
	n := worldSizes[s.choose(len(worldSizes))]
	head := s.choose(256)
	cfg := testConfig(Majority, Automatic, true)
	if head&7 == 7 {
		cfg.Rule = FailStop
	}
	switch head >> 3 & 15 {
	case 1, 2:
		cfg.Policy = Manual
	case 3:
		cfg.Policy = AbortAll
	}
	first, second := uint16(s.choose(256)), uint16(s.choose(256))
	s.without = first & second << 1
	s.often = act(s.choose(int(actCount)))
	s.spare = s.choose(n + 1)
	s.world = newWorld(t, n, cfg, book)
	return s
}

// run takes the program's steps. The result is "" or what was violated.
func (s *schedule) run() (violation string) {
	defer func() {
		if r := recover(); r != nil {
			violation = fmt.Sprintf("a step panics: %v\n%s", r, debug.Stack())
		}
	}()
	s.say("world %d, rule %v, policy %v", len(s.nodes), s.cfg.Rule, s.cfg.Policy)
	s.startAll()
	for s.more() && s.judge.err == "" {
		s.act()
	}
	s.again = true
	if s.judge.err == "" {
		s.heal()
	}
	return s.judge.err
}

func (s *schedule) kind() act {
	x := s.choose(256)
	if x >= 200 && s.often != actHeal {
		return s.often
	}
	x = x * 256 / 200
	for k, w := range actWeights {
		if x -= w; x < 0 {
			if s.without>>k&1 != 0 {
				return actDeliver
			}
			return act(k)
		}
	}
	return actDeliver
}

// node picks any live node.
func (s *schedule) node() NodeID {
	i := NodeID(s.choose(len(s.nodes)))
	for !s.alive(i) {
		i = (i + 1) % NodeID(len(s.nodes))
	}
	return i
}

func (s *schedule) peer() NodeID { return NodeID(s.choose(len(s.nodes))) }

func (s *schedule) mayDie(i NodeID) bool {
	live := len(s.nodes) - len(unmask(s.crashed|s.closed))
	return s.spare > 0 && live > 1 && s.alive(i)
}

func (s *schedule) act() {
	k := s.kind()
	if len(s.flight) == 0 && (k == actDeliver || k == actNewest || k == actDrop || k == actDuplicate) {
		k = actSuspect
	}
	switch k {
	case actDeliver, actNewest:
		at := len(s.flight) - 1
		if k == actDeliver {
			at = s.choose(len(s.flight))
		}
		p := s.take(at)
		s.say("deliver %d->%d %s", p.from, p.to, messageText(&p.msg))
		s.deliver(p)
	case actDrop:
		p := s.take(s.choose(len(s.flight)))
		s.say("lose %d->%d %s", p.from, p.to, messageText(&p.msg))
	case actDuplicate:
		p := s.flight[s.choose(len(s.flight))]
		s.say("deliver and keep %d->%d %s", p.from, p.to, messageText(&p.msg))
		s.deliver(p)
	case actSever:
		a, b := s.peer(), s.peer()
		s.say("lose everything between %d and %d", a, b)
		s.flight = slices.DeleteFunc(s.flight, func(p packet) bool { return p.from == a && p.to == b || p.from == b && p.to == a })
	case actSuspect, actHold, actClosed:
		s.accuse(k)
	case actTrust:
		by, of := s.node(), s.peer()
		s.say("%d may trust %d", by, of)
		s.trust(by, of)
	case actFire:
		s.fireSome()
	case actAsk:
		from, to := s.node(), s.node()
		if from != to && s.nodes[from].Running() {
			s.say("heartbeat %d->%d", from, to)
			s.ask(from, to)
		}
	case actCrash:
		if i := s.node(); s.mayDie(i) {
			s.spare--
			s.say("crash %d", i)
			s.crash(i)
		}
	case actDieInStep:
		s.dieInStep()
	case actRecover:
		i := s.node()
		s.say("%d calls recover", i)
		s.judge.consents(i)
		s.step(i, Input{Kind: InCall, Call: CallRecover, ID: uint64(s.at)})
	case actShutdown:
		if i := s.node(); s.mayDie(i) {
			s.spare--
			s.say("shut %d down", i)
			s.step(i, Input{Kind: InShutdown})
		}
	case actHeal:
		s.heal()
	}
}

// accuse makes a node suspect another one, truly or not; under rule fail-stop the detector is accurate.
func (s *schedule) accuse(k act) {
	by, of := s.node(), s.peer()
	gone := s.judge.gone>>uint(of)&1 != 0
	if s.cfg.Rule == FailStop && !gone {
		return
	}
	switch {
	case k == actHold:
		s.say("%d is told to suspect %d", by, of)
		s.suspect(by, of, true)
	case k == actClosed && gone && by != of:
		s.say("%d witnesses the death of %d", by, of)
		s.judge.seats[by].witnessed |= mask(of)
		s.step(by, Input{Kind: InDead, Peer: of})
	case k == actClosed:
		s.say("%d loses its connection to %d", by, of)
		s.step(by, Input{Kind: InClosed, Peer: of})
	default:
		s.say("%d may suspect %d", by, of)
		s.suspect(by, of, false)
	}
}

// fireSome fires any timer that is set, however early.
func (s *schedule) fireSome() {
	i := s.node()
	set := s.armed[i] &^ (1 << timerLinger)
	if set == 0 {
		return
	}
	id := TimerID(s.choose(int(timerCount)))
	for set>>id&1 == 0 {
		id = (id + 1) % timerCount
	}
	s.say("%s of %d fires", timerNames[id], i)
	s.fire(i, id)
}

// dieInStep crashes a node between two effects of one step: the end of a broadcast is never sent.
func (s *schedule) dieInStep() {
	if len(s.flight) == 0 {
		return
	}
	at := s.choose(len(s.flight))
	if !s.mayDie(s.flight[at].to) {
		return
	}
	s.spare--
	p := s.take(at)
	s.cut = s.choose(6)
	s.say("deliver %d->%d %s; it dies after %d effects", p.from, p.to, messageText(&p.msg), s.cut)
	s.deliver(p)
}

// healRounds bounds how many timers may fire, between complete deliveries, until everybody has recovered.
const healRounds = 400

// healSteps bounds the deliveries between two of them.
const healSteps = 3000

// heal ends all faults: suspicions become true, everything is delivered, and timers fire only when nothing else can
// happen. Then everybody whom a quorum of the newest view can help must have recovered (L1, L4).
func (s *schedule) heal() {
	s.say("heal")
	for _, i := range s.order(len(s.nodes)) {
		for _, j := range s.order(len(s.nodes)) {
			s.settleBelief(NodeID(i), NodeID(j))
			for s.choose(3) == 1 && len(s.flight) > 0 {
				s.deliverAny()
			}
		}
	}
	s.losses = s.choose(30)
	s.waiting = make([][timerCount]int, len(s.nodes))
	for round := 0; s.judge.err == ""; round++ {
		for steps := 0; len(s.flight) > 0 && s.judge.err == ""; steps++ {
			if s.deliverAny(); steps == healSteps {
				s.judge.fail("livelock: %d messages were delivered and there is no end", steps)
			}
		}
		if s.judge.err != "" || s.recovered() == "" {
			break
		}
		if round == healRounds {
			s.judge.fail("L1: %s", s.recovered())
			break
		}
		if !s.nudge(round) {
			s.judge.fail("L1: nothing can happen any more and %s", s.recovered())
		}
	}
	s.reach.healed(s)
}

// order is 0..n-1, rotated by a choice.
func (s *schedule) order(n int) []int {
	first := s.choose(n)
	ids := make([]int, n)
	for i := range ids {
		ids[i] = (first + i) % n
	}
	return ids
}

func (s *schedule) deliverAny() {
	p := s.take(s.choose(len(s.flight)))
	if s.losses > 0 && s.choose(4) == 3 {
		s.losses--
		s.say("lose %d->%d %s", p.from, p.to, messageText(&p.msg))
		return
	}
	s.say("deliver %d->%d %s", p.from, p.to, messageText(&p.msg))
	s.deliver(p)
}

// settleBelief makes what i thinks of j true. Whether it suspects an excluded node, which lives and is silent, is a choice.
func (s *schedule) settleBelief(i, j NodeID) {
	if i == j || !s.alive(i) || !s.nodes[i].Running() {
		return
	}
	gone := s.gone(j) || !s.nodes[j].Running() && s.cfg.Rule != FailStop && s.choose(2) == 1
	if gone && !s.nodes[i].Suspected().Has(j) {
		s.say("%d may suspect %d", i, j)
		s.suspect(i, j, false)
	}
	if !gone && s.nodes[i].Suspected().Has(j) {
		s.say("%d trusts %d", i, j)
		s.trust(i, j)
	}
}

// nudge does one thing that happens when nothing else can: whoever is behind is told, the application calls recover, or a
// timer fires. It takes what is possible in turns. False: there is nothing.
func (s *schedule) nudge(round int) bool {
	if s.cfg.Policy == Manual {
		for i, n := range s.nodes {
			if s.alive(NodeID(i)) && n.Running() && !n.consent && (n.waitsForConsent() || !n.Suspected().Empty()) {
				s.say("%d calls recover", i)
				s.judge.consents(NodeID(i))
				s.step(NodeID(i), Input{Kind: InCall, Call: CallRecover, ID: uint64(round)})
				return true
			}
		}
	}
	if s.tellWhoIsBehind() {
		return true
	}
	f, ok := s.fairTimer()
	if ok {
		s.say("%s of %d fires", timerNames[f.timer], f.node)
		s.fire(f.node, f.timer)
	}
	return ok
}

type firing struct {
	node  NodeID
	timer TimerID
}

// fairTimer chooses one of the timers that are set, but none waits for ever.
func (s *schedule) fairTimer() (firing, bool) {
	var set []firing
	var late firing
	latest := 0
	for i := range s.nodes {
		for id := range timerLinger {
			if s.armed[i]>>id&1 == 0 {
				s.waiting[i][id] = 0
				continue
			}
			s.waiting[i][id]++
			set = append(set, firing{NodeID(i), id})
			if s.waiting[i][id] > latest {
				late, latest = firing{NodeID(i), id}, s.waiting[i][id]
			}
		}
	}
	if len(set) == 0 {
		return firing{}, false
	}
	f := set[s.choose(len(set))]
	if latest > 2*len(set) {
		f = late
	}
	s.waiting[f.node][f.timer] = 0
	return f, true
}

// tellWhoIsBehind lets the heartbeats of nodes of an old epoch reach those who know more.
func (s *schedule) tellWhoIsBehind() bool {
	told := false
	for i, n := range s.nodes {
		if !s.alive(NodeID(i)) || !n.Running() || n.waitsForConsent() {
			continue
		}
		for _, j := range n.View().Members() {
			knows := len(s.nodes[j].decided) > int(n.View().Epoch) || s.nodes[j].status == aborted
			if j != NodeID(i) && !s.gone(j) && knows {
				s.say("heartbeat %d->%d", i, j)
				s.ask(NodeID(i), j)
				told = true
			}
		}
	}
	return told
}

// reach counts the places that the random schedules must have seen: a search that never came there proves nothing.
type reach struct {
	hits map[string]int
}

func newReach() *reach { return &reach{hits: map[string]int{}} }

func (r *reach) hit(name string) { r.hits[name]++ }

func (r *reach) step(w *world, i NodeID, in *Input) {
	switch {
	case in.Kind == InDeliver && w.nodes[i].status == learner && len(w.out.List()) > 0:
		r.hit("an excluded node answers")
	case in.Kind == InTimer && in.Timer == timerTakeOver && len(w.out.List()) > 0:
		r.hit("a node takes over")
	case in.Kind == InTimer && in.Timer == timerWindow && w.nodes[i].lead.phase == proposed:
		r.hit("the batching window ends by its timer")
	}
	installs := 0
	for k := range w.out.List() {
		if w.out.List()[k].Kind == OutInstall {
			installs++
		}
	}
	if installs > 1 {
		r.hit("one step installs several views")
	}
}

func (r *reach) send(w *world, i NodeID, m *Message) {
	if m.Ballot.Round > 0 {
		r.hit("a higher round")
	}
	switch m.Kind {
	case Refusal:
		r.hit("a refusal")
	case Agreement:
		if m.Set.Has(i) {
			r.hit("a coordinator proposes a set that names itself")
		}
		for key, set := range w.judge.proposals {
			if key.epoch == m.Epoch && key.ballot.Less(m.Ballot) && key.ballot.Coordinator != i && w.judge.accepts[key] != 0 {
				if set == m.Set {
					r.hit("an accepted value is adopted")
				} else {
					r.hit("a proposal of a lower ballot is given up")
				}
			}
		}
	}
}

func (r *reach) believe(suspected bool) {
	if !suspected {
		r.hit("a suspicion is withdrawn")
	}
}

func (r *reach) install(i *Install) {
	if i.View.Epoch > 2 {
		r.hit("a third view change")
	}
	if i.View.World() == 1 {
		r.hit("one is left")
	}
}

func (r *reach) event(k EventKind) { r.hit(k.String()) }

func (r *reach) crash(w *world, i NodeID) {
	n := w.nodes[i]
	if n.lead.phase == proposed && len(w.judge.dead) == int(n.View().Epoch) {
		r.hit("a coordinator dies between agreement and commit")
	}
	if int(n.View().Epoch) == len(w.judge.dead) && n.View().Epoch > 0 {
		alone := true
		for j, o := range w.nodes {
			alone = alone && (NodeID(j) == i || len(o.decided) < len(n.decided))
		}
		if alone {
			r.hit("the only one who knows a decision dies")
		}
	}
}

func (r *reach) healed(s *schedule) {
	v := s.newest()
	if live := mask(v.members...) &^ (s.crashed | s.closed); s.cfg.Rule == Majority && !naiveMajority(v.members, live) {
		r.hit("no quorum is left at a heal")
	}
}

// places is what the random schedules must reach.
var places = []string{
	"an excluded node answers", "a node takes over", "the batching window ends by its timer", "one step installs several views",
	"a higher round", "a refusal", "a coordinator proposes a set that names itself", "an accepted value is adopted",
	"a proposal of a lower ballot is given up", "a suspicion is withdrawn", "a third view change", "one is left",
	"recovered", "evicted", "quorum-lost", "failure-detected", "aborted",
	"a coordinator dies between agreement and commit", "the only one who knows a decision dies", "no quorum is left at a heal",
}

func randomProgram(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0x6e6578))
	bytes := make([]byte, 8+r.IntN(16<<r.IntN(7)))
	for i := range bytes {
		bytes[i] = byte(r.Uint32())
	}
	return bytes
}

// TestRandomSchedules runs random schedules: S1 to S7 at every step, and at the end of the faults L1, L4 and S8.
// -core.runs=N runs N of them.
func TestRandomSchedules(t *testing.T) {
	book, reach := newCommBook(), newReach()
	for k := range uint64(*runsFlag) {
		bytes := randomProgram(*seedFlag + k)
		if v := runProgram(t, bytes, book, reach, nil); v != "" {
			t.Fatalf("seed %d: %s\n%s", *seedFlag+k, v, shortest(t, bytes, v))
		}
	}
	for _, place := range places {
		if reach.hits[place] == 0 {
			t.Errorf("no schedule reached: %s", place)
		}
	}
	t.Logf("%d schedules", *runsFlag)
	for _, place := range slices.Sorted(mapKeys(reach.hits)) {
		t.Logf("%8d %s", reach.hits[place], place)
	}
}

func mapKeys(m map[string]int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestRapidSchedules is the same search under rapid, which shrinks what it finds.
func TestRapidSchedules(t *testing.T) {
	book, reach := newCommBook(), newReach()
	rapid.Check(t, func(rt *rapid.T) {
		bytes := rapid.SliceOfN(rapid.Byte(), 4, 300).Draw(rt, "program")
		if v := runProgram(t, bytes, book, reach, nil); v != "" {
			rt.Fatalf("%s\n%s", v, shortest(t, bytes, v))
		}
	})
}

// class is the property that a violation names.
func class(violation string) string {
	name, _, _ := strings.Cut(violation, ":")
	return name
}

// shortest tells the story of the simplest program found that fails in the same way.
func shortest(t testing.TB, bytes []byte, violation string) string {
	run := func(b []byte, story *strings.Builder) string {
		return runProgram(t, b, newCommBook(), newReach(), story)
	}
	best := shrink(bytes, func(b []byte) bool { return class(run(b, nil)) == class(violation) })
	var story strings.Builder
	v := run(best, &story)
	return fmt.Sprintf("shortest program %#v: %s\n%s", best, v, story.String())
}

// shrink takes away what a failing program does not need, and lowers what is left.
func shrink(bytes []byte, fails func([]byte) bool) []byte {
	best := slices.Clone(bytes)
	for again := true; again; {
		again = false
		for size := max(1, len(best)/2); size > 0; size /= 2 {
			for at := 0; at+size <= len(best); {
				shorter := slices.Concat(best[:at], best[at+size:])
				if fails(shorter) {
					best, again = shorter, true
				} else {
					at++
				}
			}
		}
		for at := range best {
			for _, b := range []byte{0, best[at] / 2, best[at] - 1} {
				lower := slices.Clone(best)
				if lower[at] = b; best[at] > b && fails(lower) {
					best, again = lower, true
				}
			}
		}
	}
	return best
}
