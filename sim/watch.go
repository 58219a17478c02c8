package sim

import (
	"nexarsim/core"
	"nexarsim/scenarios"
)

// watch holds the triggers that have not fired. The counts per kind let a step without any pass by.
type watch struct {
	triggers                            []trigger
	sends, receives, suspects, installs int
}

// trigger waits for the nth time that a node does something, and then begins an act.
type trigger struct {
	scenarios.Trigger
	kind  core.Kind // of the message; 0 if the protocol never sends one of that name
	act   int
	seen  int
	fired bool
}

func (w *watch) reset() { *w = watch{triggers: w.triggers[:0]} }

func (w *watch) add(t *scenarios.Trigger, act int, m core.Machine) {
	w.triggers = append(w.triggers, trigger{Trigger: *t, kind: kindNamed(m, t.Message), act: act})
	switch t.Kind {
	case scenarios.Sends:
		w.sends++
	case scenarios.Receives:
		w.receives++
	case scenarios.Suspects:
		w.suspects++
	case scenarios.Installs:
		w.installs++
	}
}

// kindNamed finds a machine's message kind by its name; 0 if it has none.
func kindNamed(m core.Machine, name string) core.Kind {
	for k := 1; k < kindMax && name != ""; k++ {
		if m.KindName(core.Kind(k)) == name {
			return core.Kind(k)
		}
	}
	return 0
}

// message tells whether a trigger counts a message between its node and a peer.
func (t *trigger) message(m *core.Message, peer int) bool {
	return t.kind == m.Kind && t.kind != 0 && (t.Peer < 0 || t.Peer == peer) && (t.Epoch < 0 || t.Epoch == int64(m.Epoch))
}

func (s *Simulator) watchSend(id, to int, m *core.Message, line uint64) {
	for i := range s.watch.triggers {
		if t := &s.watch.triggers[i]; t.Kind == scenarios.Sends && t.Node == id && t.message(m, to) {
			s.count(t, line)
		}
	}
}

func (s *Simulator) watchReceive(id int, in *core.Input) {
	for i := range s.watch.triggers {
		if t := &s.watch.triggers[i]; t.Kind == scenarios.Receives && t.Node == id && t.message(&in.Msg, int(in.From)) {
			s.count(t, s.cause)
		}
	}
}

func (s *Simulator) watchSuspect(id, peer int, line uint64) {
	for i := range s.watch.triggers {
		if t := &s.watch.triggers[i]; t.Kind == scenarios.Suspects && t.Node == id && t.Of == peer {
			s.count(t, line)
		}
	}
}

func (s *Simulator) watchInstall(id int, epoch core.Epoch, line uint64) {
	for i := range s.watch.triggers {
		if t := &s.watch.triggers[i]; t.Kind == scenarios.Installs && t.Node == id && t.Epoch == int64(epoch) {
			s.count(t, line)
		}
	}
}

// count fires a trigger when its time has come, once. line is what made it happen.
func (s *Simulator) count(t *trigger, line uint64) {
	if t.seen++; t.fired || t.seen != t.Nth {
		return
	}
	t.fired = true
	before := s.cause
	s.cause = line
	s.actDue(t.act, false)
	s.cause = before
}
