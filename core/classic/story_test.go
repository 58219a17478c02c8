package classic

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"nexarsim/core"
)

// TestStories tells what processes of nexar 0.1.2 do, step by step, in testdata/*.txt. Every line of a block is one command:
//
//	new world=4 [rung=classic+replay] [policy=automatic|manual|abort] [detector=external|internal]
//	suspect by=1 of=3          closed by=1 of=3        crash node=3      shutdown node=1
//	deliver 1->0 [vote]        the oldest such message under way
//	overtake 1->0              the newest message under way there
//	stabilize                  deliver everything, in order, and what comes of it
//	fails 0->1                 sends there end in an error from now on
//	call node=1 op=hold [value=7]
//	fire node=2 timer=round
//	hand node=0, auto node=0   its wakes and ends of sends come when called for; at once, as at the start
//	go node=0 [watch|lock|shutdown|sent]
//	advance 5s                 internal detector: the clock goes on, timers fire, messages arrive at once
//	state [node=1], flight     where the processes stand; what is under way
//
// Output tells neither heartbeats nor timers. What every story opens with is what it shows.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" {
			return // what rapid or a fuzzer has kept
		}
		s := &teller{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			lines := []string{d.FullCmd()}
			if d.Input != "" {
				lines = append(lines, strings.Split(d.Input, "\n")...)
			}
			var out strings.Builder
			for _, line := range lines {
				fmt.Fprintf(&out, "%s\n%s", line, s.command(t, d.Pos+": "+line, line))
			}
			return out.String()
		})
	})
}

// teller is the world of a story.
type teller struct{ *world }

// words is a command's arguments: names with values, and bare words.
type words struct {
	t    *testing.T
	pos  string
	args map[string]string
	bare []string
}

func parseWords(t *testing.T, pos, line string) words {
	w := words{t: t, pos: pos, args: map[string]string{}}
	for _, text := range strings.Fields(line)[1:] {
		if k, v, ok := strings.Cut(text, "="); ok {
			w.args[k] = v
		} else {
			w.bare = append(w.bare, text)
		}
	}
	return w
}

func (w *words) node(name string) core.NodeID {
	i, err := strconv.Atoi(w.args[name])
	if err != nil || i < 0 {
		w.t.Fatalf("%s: expected %s=NODE", w.pos, name)
	}
	return core.NodeID(i)
}

// link reads "1->0".
func (w *words) link() (from, to core.NodeID) {
	if len(w.bare) > 0 {
		if n, err := fmt.Sscanf(w.bare[0], "%d->%d", &from, &to); n == 2 && err == nil {
			return from, to
		}
	}
	w.t.Fatalf("%s: expected FROM->TO", w.pos)
	return
}

func (w *words) word(i int) string {
	if i < len(w.bare) {
		return w.bare[i]
	}
	return ""
}

// command runs one line and returns what came of it.
func (s *teller) command(t *testing.T, pos, line string) string {
	w := parseWords(t, pos, line)
	var story strings.Builder
	verb := strings.Fields(line)[0]
	if verb == "new" {
		s.begin(&w)
		return ""
	}
	s.story = &story
	switch verb {
	case "suspect":
		s.suspect(w.node("by"), w.node("of"))
	case "closed":
		s.give(w.node("by"), core.Input{Kind: core.InClosed, Peer: w.node("of")})
	case "crash":
		s.crash(w.node("node"))
	case "shutdown":
		s.give(w.node("node"), core.Input{Kind: core.InShutdown})
	case "deliver":
		from, to := w.link()
		if !s.deliver(from, to, s.kind(w.word(1))) {
			t.Fatalf("%s: no such message is under way", pos)
		}
	case "overtake":
		from, to := w.link()
		k := len(s.flight) - 1
		for k >= 0 && (s.flight[k].from != from || s.flight[k].to != to) {
			k--
		}
		if k < 0 {
			t.Fatalf("%s: no such message is under way", pos)
		}
		s.arrive(k, false)
	case "stabilize":
		s.stabilize()
	case "fails":
		from, to := w.link()
		s.fails[[2]core.NodeID{from, to}] = true
	case "call":
		s.callNamed(&w)
	case "fire":
		s.fire(w.node("node"), s.timer(w.args["timer"]))
	case "hand", "auto":
		s.byHand[w.node("node")] = verb == "hand"
	case "go":
		if !s.next(w.node("node"), w.word(0)) {
			t.Fatalf("%s: nothing of the kind is to come", pos)
		}
	case "advance":
		d, err := time.ParseDuration(w.word(0))
		if err != nil {
			t.Fatalf("%s: %v", pos, err)
		}
		s.advance(d)
	case "flight":
		for _, p := range s.flight {
			s.say("%d->%d %s", p.from, p.to, s.text(&p.msg))
		}
	case "state":
		for _, i := range s.alive() {
			if w.args["node"] == "" || w.node("node") == i {
				s.say("%s", s.stateText(i))
			}
		}
	default:
		t.Fatalf("%s: unknown command", pos)
	}
	return story.String()
}

func (s *teller) begin(w *words) {
	n, err := strconv.Atoi(w.args["world"])
	if err != nil {
		w.t.Fatalf("%s: %v", w.pos, err)
	}
	cfg := testConfig()
	cfg.ExternalDetector = w.args["detector"] != "internal"
	if w.args["policy"] != "" {
		if cfg.Policy, err = core.ParsePolicy(w.args["policy"]); err != nil {
			w.t.Fatalf("%s: %v", w.pos, err)
		}
	}
	rung := AsPublished
	if name := w.args["rung"]; name != "" {
		k := slices.IndexFunc(Repairs(), func(r Repair) bool { return r.String() == name })
		if k < 0 {
			w.t.Fatalf("%s: no such rung", w.pos)
		}
		rung = Repairs()[k]
	}
	s.world = newWorld(w.t, n, cfg, rung)
	s.quota = 20
}

// kind is the message kind of a name, 0 for none.
func (s *teller) kind(name string) core.Kind {
	for _, k := range []core.Kind{core.Heartbeat, core.Vote, core.Agreement, Barrier, BarrierAck, Data} {
		if s.nodes[0].KindName(k) == name {
			return k
		}
	}
	return 0
}

func (s *teller) timer(name string) core.TimerID {
	for id := range timerCount {
		if s.nodes[0].TimerName(id) == name {
			return id
		}
	}
	return timerCount
}

func (s *teller) callNamed(w *words) {
	value, _ := strconv.ParseInt(w.args["value"], 10, 64)
	for op := core.CallRecover; op <= core.CallRelease; op++ {
		if op.String() == w.args["op"] {
			s.call(w.node("node"), op, value)
			return
		}
	}
	w.t.Fatalf("%s: no such call", w.pos)
}

var stageNames = [...]string{
	stageBegin: "begins", stageIdle: "waits for a list", stageTell: "wants the lock to tell", stageSurvey: "wants the lock to recover",
	stageRound: "wants the lock for a round", stageVotes: "collects votes", stageAnnounce: "sends agreements", stageVote: "sends its vote",
	stageAnswer: "waits for the agreement", stageRebuild: "wants the lock to rebuild", stagePut: "wants the lock to change communicators",
	stageReader: "wants the lock for a reader", stageOver: "has ended",
}

// stateText is where a process stands.
func (s *teller) stateText(i core.NodeID) string {
	n := s.nodes[i]
	if n.status == panicked {
		return fmt.Sprintf("%d: panicked", i)
	}
	text := fmt.Sprintf("%d: rank %d of %v, generation %d, %s", i, n.comm.rank, n.comm.members, n.comm.generation, stageNames[n.orch.stage])
	if n.comm.epoch > 0 {
		text += fmt.Sprintf(", id %016x", n.comm.id)
	}
	if !n.orch.dead.Empty() && n.orch.stage != stageOver {
		text += fmt.Sprintf(", dead ranks %v", n.orch.dead)
	}
	if n.orch.stage == stageVotes {
		text += fmt.Sprintf(", next of %d", n.orch.voters[n.orch.place])
	}
	if !n.monitor.dead.Empty() {
		text += fmt.Sprintf(", list %v", n.monitor.dead)
	}
	for from := range n.control {
		for _, it := range n.control[from].items {
			text += fmt.Sprintf(", unread of %d: %s", from, s.text(&it.msg))
		}
		for _, it := range n.data[from].ready {
			text += fmt.Sprintf(", unread of %d: %s", from, s.text(&it.msg))
		}
	}
	return text
}
