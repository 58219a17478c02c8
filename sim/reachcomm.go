package sim

import (
	"strings"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/core/comm"
)

// reachCalls is how far a node has come with the calls of its application.
type reachCalls struct {
	epoch    core.Epoch
	members  int         // of its view
	flight   core.CallOp // the call that runs; 0: none
	label    int         // the last part of it that was sent; -1: none
	number   uint32      // and of which operation
	finished uint64      // all-reduces ended in this view
	storing  bool        // register: a value is on its way to the members, and its writer has not been told
}

// callSent looks at the messages of a communicator and of a register.
func (r *reachState) callSent(id int, m *core.Message) {
	c := &r.calls[id]
	switch m.Kind {
	case comm.Data:
		p := comm.PartOf(m)
		if c.number != m.Ballot.Round {
			c.number, c.label = m.Ballot.Round, -1
		}
		c.label = max(c.label, p.Label)
	case comm.Want:
		r.hit(ReachAskedAgain)
	case comm.Failed:
		r.hit(ReachGivenUp)
	case comm.Ask:
		r.hit(ReachRegisterAsked)
	case comm.Store:
		c.storing = true
	case comm.Told:
		c.storing = false
	}
}

// callArrived looks at what comes of another view than the receiver's.
func (r *reachState) callArrived(m *core.Message, epoch core.Epoch) {
	switch {
	case m.Kind != comm.Data:
	case m.Epoch < epoch:
		r.hit(ReachOldSegment)
	case m.Epoch > epoch:
		r.hit(ReachEarlySegment)
	}
}

// callCrashed looks at where in a call a node dies.
func (r *reachState) callCrashed(id int, ring bool) {
	c := &r.calls[id]
	if c.storing {
		r.hit(ReachCrashStoring)
	}
	if c.flight == 0 {
		return
	}
	r.hit(ReachCrashInCall)
	if c.flight != core.CallAllReduce || !ring || c.members < 3 || c.label < 0 {
		return
	}
	switch last := c.members - 2; { // the label of the last part that reduces
	case c.label < last:
		r.hit(ReachCrashReducing)
	case c.label == last:
		r.hit(ReachCrashBetween)
	default:
		r.hit(ReachCrashGathering)
	}
}

// callLine looks at the start or the end of a call.
func (r *reachState) callLine(node int, o *trace.Operation) {
	c := &r.calls[node]
	op := core.CallOp(0)
	for k := core.CallSplit; k <= core.CallAllReduce; k++ {
		if k.String() == o.Op {
			op = k
		}
	}
	if op == 0 {
		return
	}
	if o.Phase == "start" {
		c.flight = op
		return
	}
	c.flight = 0
	switch gone, isGone := comm.ViewGone(o.Error); {
	case isGone:
		r.hit(ReachCallGone)
		r.partly(op, gone)
	case o.Error != "":
	case op == core.CallAllReduce:
		c.finished++
	case op == core.CallSplit && strings.Trim(o.Value, `"`) != "":
		r.hit(ReachSplit)
	}
}

// partly finds out whether others have finished the all-reduce that has just ended with its view.
func (r *reachState) partly(op core.CallOp, gone comm.Gone) {
	if op != core.CallAllReduce || !gone.MayHaveFinished {
		return
	}
	most, least := uint64(0), ^uint64(0)
	for i := range r.calls {
		if c := &r.calls[i]; c.epoch == gone.Epoch {
			most, least = max(most, c.finished), min(least, c.finished)
		}
	}
	if most > least && least != ^uint64(0) {
		r.hit(ReachPartlyFinished)
	}
}

// callInstall begins a view.
func (r *reachState) callInstall(node int, v *trace.View) {
	c := &r.calls[node]
	*c = reachCalls{epoch: core.Epoch(v.Epoch), members: v.World, flight: c.flight, label: -1}
}
