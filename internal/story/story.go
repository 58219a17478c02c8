// Package story tells a run: the lines of its trace that matter, one for each step, with one column for each node. It
// leaves out heartbeats, folds what is sent again and again, and keeps a bounded number of lines whatever it is fed. It
// judges nothing; a trace holds all of what it leaves out.
//
//	s := story.New()
//	for each event { s.Observe(&ev) }
//	s.Print(os.Stdout, world, 200)
package story

import (
	"fmt"
	"hash/maphash"
	"strings"

	"nexarsim/checker/trace"
)

// environment is the column of what happens to no single node.
const environment = -1

// Story gathers the lines of one run.
type Story struct {
	major, minor buffer
	count        int // lines so far
	nodes        map[int]*teller
	step         step
	seed         maphash.Seed
}

// line is one line of the story.
type line struct {
	number int
	t      int64
	node   int
	text   string
}

// teller is what is remembered of a node.
type teller struct {
	epoch   uint64
	told    map[uint64]struct{} // what it sent, and to whom, since its last install
	again   line                // the place of the first message sent again since its last line
	repeats int                 // how many such messages there are
	until   int64               // when the last of them was sent
}

// step is the step being gathered.
type step struct {
	open    bool
	t       int64
	node    int
	trigger string
	parts   []string
	major   bool
	sending string // message of the last part, if that is a send
}

// mostTold bounds what is remembered of a node's messages.
const mostTold = 1 << 14

// New makes an empty story.
func New() *Story { return &Story{nodes: map[int]*teller{}, seed: maphash.MakeSeed()} }

func (s *Story) teller(node int) *teller {
	n := s.nodes[node]
	if n == nil {
		n = &teller{told: map[uint64]struct{}{}}
		s.nodes[node] = n
	}
	return n
}

// Observe takes the next line of the trace. It keeps nothing of it.
func (s *Story) Observe(ev *trace.Event) {
	switch ev.Kind {
	case trace.Drop, trace.Input, trace.Verdict:
		return
	case trace.Deliver:
		s.begin(ev, ev.Msg.Type+" from "+fmt.Sprint(ev.From)+": ")
		return
	}
	if ev.Kind.IsAct() {
		s.flush()
		node := environment
		if ev.Kind == trace.Crash || ev.Kind == trace.Pause || ev.Kind == trace.Resume {
			node = ev.Node
		}
		s.add(line{number: s.number(), t: ev.T, node: node, text: actText(ev)}, true)
		return
	}
	if called := ev.Kind == trace.Call && ev.Call.Phase == "start"; called || !s.step.open || s.step.node != ev.Node || s.step.t != ev.T {
		s.begin(ev, "")
	}
	if ev.Kind == trace.Send {
		s.send(ev)
		return
	}
	s.effect(ev)
}

func (s *Story) begin(ev *trace.Event, trigger string) {
	s.flush()
	s.step.open, s.step.t, s.step.node, s.step.trigger = true, ev.T, ev.Node, trigger
}

// send adds a message, unless it is a heartbeat or was sent to the same node before.
func (s *Story) send(ev *trace.Event) {
	if ev.Msg.Type == "heartbeat" {
		return
	}
	n := s.teller(ev.Node)
	text := messageText(ev.Msg, n.epoch)
	key := maphash.String(s.seed, fmt.Sprint(text, ev.Msg.Epoch, ev.Msg.Coordinator, ev.To))
	if _, again := n.told[key]; again {
		if n.repeats == 0 {
			n.again = line{number: s.number(), t: ev.T, node: ev.Node}
		}
		n.repeats++
		n.until = ev.T
		return
	}
	if len(n.told) < mostTold {
		n.told[key] = struct{}{}
	}
	if s.step.sending == text {
		s.step.parts[len(s.step.parts)-1] += fmt.Sprintf(" %d", ev.To)
		return
	}
	s.step.sending = text
	s.step.parts = append(s.step.parts, fmt.Sprintf("%s to %d", text, ev.To))
}

// effect adds what a node did otherwise.
func (s *Story) effect(ev *trace.Event) {
	text := effectText(ev)
	if text == "" {
		return
	}
	st := &s.step
	last := len(st.parts) - 1
	if ev.Kind == trace.Suspect && last >= 0 && strings.HasPrefix(st.parts[last], "suspects ") && st.sending == "" {
		st.parts[last] += fmt.Sprintf(" %d", ev.Peer)
		return
	}
	if ev.Kind == trace.Install {
		n := s.teller(ev.Node)
		n.epoch = ev.Install.Epoch
		clear(n.told)
	}
	st.parts = append(st.parts, text)
	st.sending = ""
	st.major = st.major || ev.Kind != trace.Call || ev.Call.Error != ""
}

// flush ends the current step.
func (s *Story) flush() {
	st := &s.step
	if st.open && len(st.parts) > 0 {
		s.repeated(st.node)
		s.add(line{number: s.number(), t: st.t, node: st.node, text: st.trigger + strings.Join(st.parts, "; ")}, st.major)
	}
	*st = step{parts: st.parts[:0]}
}

// repeated tells what a node has sent again since its last line.
func (s *Story) repeated(node int) {
	n := s.nodes[node]
	if n == nil || n.repeats == 0 {
		return
	}
	n.again.text = "(sends a message again)"
	if n.repeats > 1 {
		n.again.text = fmt.Sprintf("(sends %d messages again, until %.4fs)", n.repeats, float64(n.until)/1e9)
	}
	s.add(n.again, false)
	n.repeats = 0
}

// number gives the next line its place.
func (s *Story) number() int {
	s.count++
	return s.count - 1
}

func (s *Story) add(l line, major bool) {
	if major {
		s.major.add(l)
	} else {
		s.minor.add(l)
	}
}

// kept is how many lines of each sort a buffer keeps at each end.
const kept = 500

// buffer keeps the first and the last lines of many.
type buffer struct {
	head []line
	tail []line // a ring once it is full
	next int
}

func (b *buffer) add(l line) {
	switch {
	case len(b.head) < kept:
		b.head = append(b.head, l)
	case len(b.tail) < kept:
		b.tail = append(b.tail, l)
	default:
		b.tail[b.next] = l
		b.next = (b.next + 1) % kept
	}
}

// ends gives at most n lines in their order: all, or the first and the last.
func (b *buffer) ends(n int) []line {
	all := append(append(append([]line(nil), b.head...), b.tail[b.next:]...), b.tail[:b.next]...)
	if len(all) <= n {
		return all
	}
	first := (n + 1) / 2
	return append(all[:first:first], all[len(all)-(n-first):]...)
}
