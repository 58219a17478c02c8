package core

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestStories tells what nodes do, step by step, in testdata/*.txt. Every line of a block is one command:
//
//	new world=5 [policy=automatic|manual|abort] [rule=quorum|fail-stop] [detector=external|internal]
//	suspect by=1 of=4 [hold]   trust by=1 of=4   closed by=1 of=4   dead by=1 of=4
//	deliver 1->0 vote          the oldest such message under way; also: deliver 1->0, deliver all, deliver all 1->0
//	drop .., duplicate ..      as deliver; a duplicated message stays under way
//	heartbeat 1->0             arrives, though nobody beats under an external detector
//	foreign 1->0 vote          as duplicate, but the message names another group
//	fire node=2 timer=retransmit
//	crash node=0 [after=2]     after: with its next step, of which it performs so many effects
//	call node=1 [op=recover]   shutdown node=1
//	stabilize                  deliver everything, in order, and what comes of it
//	flight, state [node=1]     what is under way; what the nodes think
//	advance 5s                 internal detector: the clock goes on, timers fire, messages arrive at once
//	delay 1->0, flow 1->0      its messages stay under way from now on; no longer
//	cut 1->0 2-3.., mend ..    what is under way there is lost, and all that follows, in one direction or both
//	sleep node=2               it takes no step until: wake node=2 (overdue timers first, then what waited for it)
//
// The judge of the random schedules reads along. Output tells neither heartbeats nor timers; "no use": the message did not
// count. What every story opens with is what it shows.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" {
			return // what rapid or a fuzzer has kept
		}
		s := &teller{t: t}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			lines := []string{d.FullCmd()}
			if d.Input != "" {
				lines = append(lines, strings.Split(d.Input, "\n")...)
			}
			var out strings.Builder
			for _, line := range lines {
				told := s.command(t, d.Pos, line)
				if verb, _, _ := strings.Cut(line, " "); told == "" {
					fmt.Fprintf(&out, "%s: nothing\n", line)
				} else if !slices.Contains(selfEvident, verb) && len(lines) > 1 {
					fmt.Fprintf(&out, "%s\n", line)
				}
				out.WriteString(told)
				if s.judge.err != "" {
					t.Fatalf("%s: %s: %s", d.Pos, line, s.judge.err)
				}
			}
			return out.String()
		})
	})
}

// selfEvident is the commands whose outcome repeats them.
var selfEvident = []string{"new", "crash", "suspect", "trust", "deliver", "drop", "duplicate", "foreign", "delay", "flow", "sleep"}

// teller is the world of a story.
type teller struct {
	t testing.TB
	*world
	delayed map[[2]NodeID]bool
	asleep  map[NodeID]bool
	dying   map[NodeID]int
	lost    map[[2]NodeID]bool // cut links
}

// command runs one line and returns what came of it.
func (s *teller) command(t *testing.T, pos, line string) string {
	words := strings.Fields(line)
	args := map[string]string{}
	var bare []string
	for _, w := range words[1:] {
		if k, v, ok := strings.Cut(w, "="); ok {
			args[k] = v
		} else {
			bare = append(bare, w)
		}
	}
	node := func(name string) NodeID {
		i, err := strconv.Atoi(args[name])
		if err != nil || i < 0 || i >= len(s.nodes) {
			t.Fatalf("%s: %s: expected %s=NODE", pos, line, name)
		}
		return NodeID(i)
	}
	if words[0] == "new" {
		s.start(t, args)
		return fmt.Sprintf("  %d nodes, policy %v, rule %v\n", len(s.nodes), s.cfg.Policy, s.cfg.Rule)
	}
	var story strings.Builder
	s.story = &story
	switch words[0] {
	case "suspect":
		s.suspect(node("by"), node("of"), slices.Contains(bare, "hold"))
	case "trust":
		s.trust(node("by"), node("of"))
	case "closed":
		s.step(node("by"), Input{Kind: InClosed, Peer: node("of")})
	case "dead":
		s.judge.seats[node("by")].witnessed |= mask(node("of"))
		s.step(node("by"), Input{Kind: InDead, Peer: node("of")})
	case "deliver", "drop", "duplicate", "foreign":
		mayBeNone := words[0] == "drop" || len(bare) > 0 && bare[0] == "all"
		if !s.packets(words[0], bare) && !mayBeNone {
			t.Fatalf("%s: %s: no such message is under way", pos, line)
		}
	case "heartbeat":
		from, to := link(bare[0])
		s.ask(from, to)
	case "fire":
		i, id := node("node"), TimerID(slices.Index(timerNames[:], args["timer"]))
		if s.armed[i]>>id&1 == 0 {
			t.Fatalf("%s: %s: this timer is not set", pos, line)
		}
		s.fire(i, id)
	case "crash":
		if after, err := strconv.Atoi(args["after"]); err == nil {
			s.dying[node("node")] = after
			return "  " + line + "\n"
		}
		s.crash(node("node"))
	case "call":
		s.call(node("node"), args["op"])
	case "shutdown":
		s.step(node("node"), Input{Kind: InShutdown})
	case "stabilize":
		for s.packets("deliver", nil) {
		}
	case "flight":
		s.purge()
		for _, p := range s.flight {
			s.say("  %d->%d %s", p.from, p.to, messageText(&p.msg))
		}
	case "state":
		for i := range s.nodes {
			if args["node"] == "" || args["node"] == strconv.Itoa(i) {
				s.say("  %s", s.stateText(NodeID(i)))
			}
		}
	case "advance":
		d, err := time.ParseDuration(bare[0])
		if err != nil {
			t.Fatalf("%s: %s: %v", pos, line, err)
		}
		s.advance(d)
	case "delay", "flow":
		from, to := link(bare[0])
		s.delayed[[2]NodeID{from, to}] = words[0] == "delay"
		return "  " + line + "\n"
	case "cut", "mend":
		for _, text := range bare {
			if a, b, both := strings.Cut(text, "-"); both && !strings.HasPrefix(b, ">") {
				s.cutLink(b+"->"+a, words[0] == "cut")
				text = a + "->" + b
			}
			s.cutLink(text, words[0] == "cut")
		}
		return "  " + strings.Join(bare, " ") + "\n"
	case "sleep":
		s.asleep[node("node")] = true
		return "  " + line + "\n"
	case "wake":
		s.wake(node("node"))
	default:
		t.Fatalf("%s: %s: unknown command", pos, line)
	}
	return story.String()
}

func (s *teller) start(t *testing.T, args map[string]string) {
	n, err := strconv.Atoi(args["world"])
	if err != nil {
		t.Fatalf("new: %v", err)
	}
	cfg := testConfig(Majority, Automatic, args["detector"] != "internal")
	if args["rule"] == "fail-stop" {
		cfg.Rule = FailStop
	}
	if args["policy"] != "" {
		if cfg.Policy, err = ParsePolicy(args["policy"]); err != nil {
			t.Fatalf("new: %v", err)
		}
	}
	s.world = newWorld(t, n, cfg, newCommBook())
	s.now = clockStart
	s.delayed, s.asleep, s.dying, s.lost = map[[2]NodeID]bool{}, map[NodeID]bool{}, map[NodeID]int{}, map[[2]NodeID]bool{}
	s.startAll()
}

// link reads "1->0".
func link(text string) (from, to NodeID) {
	a, b, _ := strings.Cut(text, "->")
	x, errA := strconv.Atoi(a)
	y, errB := strconv.Atoi(b)
	if errA != nil || errB != nil {
		panic("expected FROM->TO, found " + text)
	}
	return NodeID(x), NodeID(y)
}

func (s *teller) cutLink(text string, cut bool) {
	from, to := link(text)
	s.lost[[2]NodeID{from, to}] = cut
}

// purge loses what is under way on cut links.
func (s *teller) purge() {
	s.flight = slices.DeleteFunc(s.flight, func(p packet) bool { return s.lost[[2]NodeID{p.from, p.to}] })
}

// packets delivers, drops or duplicates the oldest message of the given link and kind, or all that are under way now.
// With no words it takes the oldest of all. False: there is none.
func (s *teller) packets(verb string, words []string) bool {
	all := len(words) > 0 && words[0] == "all"
	if all {
		words = words[1:]
	}
	matches := func(p packet) bool {
		if len(words) > 0 {
			if from, to := link(words[0]); p.from != from || p.to != to {
				return false
			}
		}
		return len(words) < 2 || p.msg.Kind.String() == words[1]
	}
	done := 0
	s.purge()
	for range len(s.flight) {
		k := slices.IndexFunc(s.flight, matches)
		if k < 0 || done > 0 && !all {
			break
		}
		done++
		s.one(verb, k)
	}
	return done > 0
}

// one treats the k-th message under way.
func (s *teller) one(verb string, k int) {
	p := s.flight[k]
	if verb != "duplicate" && verb != "foreign" {
		s.take(k)
	}
	before := s.story.String()
	s.story.Reset()
	use := ""
	if verb == "foreign" {
		p.msg.Group++
	}
	if after, ok := s.dying[p.to]; ok && verb != "drop" {
		delete(s.dying, p.to)
		s.cut = after
	}
	if verb != "drop" {
		s.deliver(p)
		if !slices.ContainsFunc(s.out.List(), func(e Effect) bool { return e.Kind == OutUsed }) {
			use = "; no use"
		}
		if !s.alive(p.to) {
			use = ""
		}
	}
	came := s.story.String()
	s.story.Reset()
	s.story.WriteString(before)
	if p.msg.Kind != Heartbeat || came != "" || verb == "duplicate" {
		s.say("  %s %d->%d %s%s", verb, p.from, p.to, messageText(&p.msg), use)
	}
	s.story.WriteString(came)
}

func (s *teller) call(i NodeID, op string) {
	ops := map[string]CallOp{"": CallRecover, "recover": CallRecover, "barrier": CallBarrier, "hold": CallHold}
	if ops[op] == CallRecover {
		s.judge.consents(i)
	}
	s.step(i, Input{Kind: InCall, Call: ops[op], ID: 7})
}

// advance moves the clock on; messages that nobody delays arrive at once.
func (s *teller) advance(d time.Duration) {
	end := s.now + Instant(d)
	for {
		i, id, at := s.nextTimer()
		if i == NoNode || at > end {
			break
		}
		s.now = max(s.now, at)
		s.fireTold(i, id)
		s.arrive()
	}
	s.now = end
}

// nextTimer is the timer that is due first.
func (s *teller) nextTimer() (NodeID, TimerID, Instant) {
	node, timer, first := NoNode, TimerID(0), Instant(0)
	for i := range s.nodes {
		for id := range timerCount {
			if at := s.due[i][id]; s.armed[i]>>id&1 != 0 && !s.asleep[NodeID(i)] && (node == NoNode || at < first) {
				node, timer, first = NodeID(i), id, at
			}
		}
	}
	return node, timer, first
}

// fireTold fires a timer and says when, if anything worth telling comes of it.
func (s *teller) fireTold(i NodeID, id TimerID) {
	before := s.story.Len()
	told := s.story.String()
	s.fire(i, id)
	if s.story.Len() > before {
		rest := s.story.String()[before:]
		s.story.Reset()
		fmt.Fprintf(s.story, "%s  at %v %s of %d fires\n%s", told, time.Duration(s.now-clockStart), timerNames[id], i, rest)
	}
}

// arrive delivers, in order, what is under way to nodes that are awake, on links that nobody delays.
func (s *teller) arrive() {
	for {
		s.purge()
		k := slices.IndexFunc(s.flight, func(p packet) bool {
			return !s.delayed[[2]NodeID{p.from, p.to}] && !s.asleep[p.to]
		})
		if k < 0 {
			return
		}
		s.one("deliver", k)
	}
}

// wake gives a node its overdue timers and then what waited for it.
func (s *teller) wake(i NodeID) {
	delete(s.asleep, i)
	for {
		j, id, at := s.nextTimer()
		if j == NoNode || at > s.now {
			break
		}
		s.fireTold(j, id)
	}
	s.arrive()
}

var statusNames = [...]string{fresh: "fresh", running: "running", learner: "excluded", aborted: "aborted", ended: "ended"}

var phaseNames = [...]string{idle: "", collecting: "collects votes", proposed: "has proposed"}

func ballotText(b Ballot) string {
	if !b.Exists() {
		return "-"
	}
	return fmt.Sprintf("%d.%d", b.Round, b.Coordinator)
}

// stateText is what a node thinks.
func (s *teller) stateText(i NodeID) string {
	n := s.nodes[i]
	if !s.alive(i) {
		return fmt.Sprintf("%d: crashed", i)
	}
	text := fmt.Sprintf("%d: %s, epoch %d %v", i, statusNames[n.status], n.view.Epoch, n.view.Set())
	if n.status != running {
		return text
	}
	if !n.suspected.Empty() {
		text += fmt.Sprintf(", suspects %v", n.suspected)
	}
	if n.promised.Exists() {
		text += ", promised " + ballotText(n.promised)
	}
	if n.accepted.Exists() {
		text += fmt.Sprintf(", accepted %v in %s", n.chosen, ballotText(n.accepted))
	}
	if n.leads() {
		text += fmt.Sprintf(", %s in %s: votes of %v", phaseNames[n.lead.phase], ballotText(n.lead.ballot), n.lead.voters)
		if n.lead.phase == proposed {
			text += fmt.Sprintf(", acks of %v", n.lead.acks)
		}
	}
	if n.waitsForConsent() {
		text += fmt.Sprintf(", waits for recover: %v", n.decided[n.view.Epoch])
	}
	var set []string
	for id := range timerCount {
		if n.armed>>id&1 != 0 && id != timerTick && id != timerSilence {
			set = append(set, timerNames[id])
		}
	}
	if set != nil {
		text += ", timers " + strings.Join(set, " ")
	}
	return text
}
