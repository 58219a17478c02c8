package cluster

import (
	"nexarsim/core"
	"nexarsim/scenarios"
)

// trigger is a semantic moment at a member, and the act that begins then.
type trigger struct {
	scenarios.Trigger
	Act int `json:"act"` // its place in the plan
}

// watcher counts at one member. It is asked by the goroutine that owns the machine, between two effects of a step.
type watcher struct {
	triggers []trigger
	names    func(core.Kind) string
	strike   func(act int) // reports the moment and waits until the act was done
}

// look is a realnet.Watch.
func (w *watcher) look(in *core.Input, e *core.Effect, out *core.Effects) {
	for i := 0; i < len(w.triggers); i++ {
		t := &w.triggers[i]
		if !t.meets(in, e, out, w.names) {
			continue
		}
		if t.Nth--; t.Nth > 0 {
			continue
		}
		act := t.Act
		w.triggers = append(w.triggers[:i], w.triggers[i+1:]...)
		i--
		w.strike(act)
	}
}

// meets tells whether an input or an effect is what the trigger counts.
func (t *trigger) meets(in *core.Input, e *core.Effect, out *core.Effects, names func(core.Kind) string) bool {
	switch {
	case e == nil:
		return t.Kind == scenarios.Receives && in.Kind == core.InDeliver && t.message(&in.Msg, in.From, names)
	case e.Kind == core.OutSend:
		return t.Kind == scenarios.Sends && t.message(out.Message(e), e.Peer, names)
	case e.Kind == core.OutBelieve:
		return t.Kind == scenarios.Suspects && e.Suspected && int(e.Peer) == t.Of
	case e.Kind == core.OutInstall:
		return t.Kind == scenarios.Installs && int64(out.Install(e).View.Epoch) == t.Epoch
	}
	return false
}

func (t *trigger) message(m *core.Message, peer core.NodeID, names func(core.Kind) string) bool {
	return names(m.Kind) == t.Message && (t.Peer < 0 || t.Peer == int(peer)) && (t.Epoch < 0 || t.Epoch == int64(m.Epoch))
}
