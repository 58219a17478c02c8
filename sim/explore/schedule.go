package explore

import (
	"fmt"
	"slices"
	"strings"

	"nexarsim/core"
)

// Schedule is one run of a group, step by step, each step named by what it means.
type Schedule struct {
	Config Config
	Steps  []Step
}

// Step is one step of a schedule. Which fields mean something depends on Do.
type Step struct {
	// Do is deliver, duplicate or lose (Kind, Epoch, Node: the sender, Peer: the receiver, Nth), timer (Node, Timer), suspect or
	// trust (Node, Peer), close (Node, Peer), tell (Node is told by Peer), crash (Node, Lost or Tails), partition (Groups), heal, wake or sent (Node, ID).
	Do     string
	Node   int
	Peer   int
	Kind   string
	Epoch  uint64 // of the message
	Nth    int    // among the messages in flight of that kind and epoch on that link, from 1
	Timer  string
	Lost   int    // how many of the messages that the node sent last are lost with it
	Tails  []Tail // with Config.LinkTails in place of Lost, by receiver
	Groups [][]int
	ID     uint32
}

// The words of Step.Do.
const (
	DoDeliver   = "deliver"
	DoDuplicate = "duplicate" // deliver, and leave the message in flight
	DoLose      = "lose"
	DoTimer     = "timer"
	DoSuspect   = "suspect"
	DoTrust     = "trust"
	DoTell      = "tell"
	DoCrash     = "crash"
	DoPartition = "partition"
	DoHeal      = "heal"
	DoWake      = "wake"
	DoSent      = "sent"
	DoClose     = "close" // the node learns that its connection to the peer has ended
)

// String tells the step.
func (s *Step) String() string {
	switch s.Do {
	case DoDeliver, DoDuplicate, DoLose:
		text := fmt.Sprintf("%s %s from %d to %d", s.Do, s.Kind, s.Node, s.Peer)
		if s.Epoch > 0 {
			text += fmt.Sprintf(", epoch %d", s.Epoch)
		}
		if s.Nth > 1 {
			text += fmt.Sprintf(", number %d of them", s.Nth)
		}
		return text
	case DoTimer:
		return fmt.Sprintf("timer %s of %d", s.Timer, s.Node)
	case DoSuspect, DoTrust:
		return fmt.Sprintf("%s %d by %d", s.Do, s.Peer, s.Node)
	case DoClose:
		return fmt.Sprintf("close %d at %d", s.Peer, s.Node)
	case DoTell:
		return fmt.Sprintf("tell %d by %d", s.Node, s.Peer)
	case DoCrash:
		text := fmt.Sprintf("crash %d", s.Node)
		if s.Lost > 0 {
			text += fmt.Sprintf(", its last %d messages lost", s.Lost)
		}
		for _, t := range s.Tails {
			text += fmt.Sprintf(", its last %d to %d lost", t.Lost, t.To)
		}
		return text
	case DoPartition:
		var sides []string
		for _, g := range s.Groups {
			sides = append(sides, strings.Trim(fmt.Sprint(g), "[]"))
		}
		return "partition " + strings.Join(sides, " | ")
	case DoWake, DoSent:
		return fmt.Sprintf("%s %d of %d", s.Do, s.ID, s.Node)
	}
	return s.Do
}

func (s *Step) equal(o *Step) bool {
	return s.Do == o.Do && s.Node == o.Node && s.Peer == o.Peer && s.Kind == o.Kind && s.Epoch == o.Epoch && s.Nth == o.Nth && s.Timer == o.Timer &&
		s.Lost == o.Lost && slices.Equal(s.Tails, o.Tails) && s.ID == o.ID && slices.EqualFunc(s.Groups, o.Groups, slices.Equal[[]int])
}

// describe names the steps of a path.
func (w *world) describe(states []State, path []int) []Step {
	var steps []Step
	for i, number := range path {
		steps = append(steps, w.name(&states[i], w.enabled(&states[i])[number]))
	}
	return steps
}

// name tells what an act means in a state.
func (w *world) name(s *State, a act) Step {
	t := Step{Node: int(a.node)}
	switch a.do {
	case doDeliver, doDuplicate, doLose:
		t.Do = [...]string{doDeliver: DoDeliver, doDuplicate: DoDuplicate, doLose: DoLose}[a.do]
		t.Peer = int(a.peer)
		t.Kind, t.Epoch, t.Nth = w.nth(s, int(a.node), int(a.at))
	case doTimer, doEarly:
		t.Do, t.Timer = DoTimer, w.timerName(s, int(a.node), core.TimerID(a.what))
	case doSuspect, doAccuse:
		t.Do, t.Peer = DoSuspect, int(a.peer)
	case doTrust:
		t.Do, t.Peer = DoTrust, int(a.peer)
	case doTell:
		t.Do, t.Peer = DoTell, int(a.peer)
	case doCrash:
		t.Do = DoCrash
		if box := w.boxes.at(s.boxes[a.node]).of; w.cfg.LinkTails {
			t.Tails = w.tails(box, a.what)
		} else {
			t.Lost = len(box) - int(a.at)
		}
	case doPartition:
		live := uint8(1<<w.cfg.World-1) &^ s.dead
		t.Do, t.Groups = DoPartition, [][]int{nodesOf(live &^ a.peer), nodesOf(a.peer)}
	case doHeal:
		t.Do = DoHeal
	case doWake:
		t.Do, t.ID = DoWake, a.what
	case doClose:
		t.Do, t.Peer = DoClose, int(a.peer)
	case doAnswer:
		t.Do, t.ID = DoSent, a.what
	}
	return t
}

// nth tells the kind and epoch of a mail, and which one of these on its link it is.
func (w *world) nth(s *State, from, at int) (kind string, epoch uint64, n int) {
	box := w.boxes.at(s.boxes[from]).of
	this := w.mails.at(box[at]).of
	for _, number := range box[:at+1] {
		if m := w.mails.at(number).of; m.to == this.to && m.msg.Kind == this.msg.Kind && m.msg.Epoch == this.msg.Epoch {
			n++
		}
	}
	return w.kindName(this.msg.Kind), uint64(this.msg.Epoch), n
}

func (w *world) kindName(k core.Kind) string { return w.machines[0].KindName(k) }

func (w *world) timerName(s *State, node int, id core.TimerID) string {
	if k, ok := w.cells.at(s.cells[node]).of.m.(namer); ok {
		return k.TimerName(id)
	}
	return fmt.Sprint(id)
}
