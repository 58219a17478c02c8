package record

import "nexarsim/core"

// Part writes the lines of one node's steps in a real run, in the order of their effects: what its driver records, and
// what whoever feeds it the recorded inputs again compares with that.
type Part struct {
	Lines *Recorder
	Node  int
	World uint64
	Sends uint64     // messages sent before the step; their ids are node + world * counter
	Epoch core.Epoch // of the node's last install
	Cause uint64     // the line of the step's input
}

// Step writes the lines of one step.
func (p *Part) Step(t int64, in *core.Input, out *core.Effects) {
	list := out.List()
	if in.Kind == core.InCall {
		p.Cause = p.Lines.Call(t, p.Node, in, p.Epoch, p.Cause)
	}
	if in.Kind == core.InDeliver {
		p.Cause = p.Lines.Deliver(t, p.Node, int(in.From), in.ID, &in.Msg, p.Epoch, used(out))
	}
	for i := range list {
		p.effect(t, &list[i], out)
		if list[i].Kind == core.OutPanic {
			return // whatever stands behind it is never performed
		}
	}
}

// used tells whether the delivered message of a step counted.
func used(out *core.Effects) bool {
	list := out.List()
	for i := range list {
		if list[i].Kind == core.OutUsed {
			if _, _, late := out.Late(&list[i]); !late {
				return true
			}
		}
	}
	return false
}

func (p *Part) effect(t int64, e *core.Effect, out *core.Effects) {
	switch e.Kind {
	case core.OutSend:
		p.Lines.Send(t, p.Node, int(e.Peer), uint64(p.Node)+p.World*p.Sends, out.Message(e), p.Cause)
		p.Sends++
	case core.OutBelieve:
		p.Lines.Believe(t, p.Node, int(e.Peer), e.Suspected, p.Cause)
	case core.OutUsed:
		if m, id, late := out.Late(e); late {
			p.Cause = p.Lines.Late(t, p.Node, int(e.Peer), id, m, p.Epoch)
		}
	case core.OutInstall:
		i := out.Install(e)
		p.Epoch = i.View.Epoch
		p.Cause = p.Lines.Install(t, p.Node, i, p.Cause)
	case core.OutEvent:
		p.Lines.Event(t, p.Node, out.Event(e), p.Cause)
	case core.OutPanic:
		p.Lines.Panic(t, p.Node, out.Text(e), p.Cause)
	case core.OutEnd:
		p.Lines.End(t, p.Node, e.Why, out.Text(e), p.Cause)
	case core.OutDone:
		p.Lines.Done(t, p.Node, out.Done(e), p.Epoch, p.Cause)
	case core.OutSetTimer, core.OutCancelTimer, core.OutWake:
		// No line of a trace tells of them.
	}
}
