package realnet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"nexarsim/core"
	"nexarsim/core/comm"
)

// Communicator is who calls together: the members of a view, or those of one colour of a split. It belongs to its view:
// when that goes, every call on it ends at once with a *ViewGoneError, and Group.Communicator gives the new view's.
//
// All methods may be called from any goroutine. Calls on one communicator run one after the other, in the order in which
// they are made, and every member must make the same calls in the same order. Calls on different ones run at once.
type Communicator struct {
	g       *Group
	id      uint64
	epoch   core.Epoch
	members []core.NodeID
	rank    core.Rank
}

// Communicator is that of the view that is in place. After an event its view's is there.
func (g *Group) Communicator() *Communicator {
	v := g.View()
	return &Communicator{g, v.CommID, v.Epoch, v.Members(), v.Rank(g.self)}
}

// Rank is this member's rank in it: 0 to Size()-1.
func (c *Communicator) Rank() core.Rank { return c.rank }

// Size is the number of members.
func (c *Communicator) Size() int { return len(c.members) }

// Members is who they are, by rank.
func (c *Communicator) Members() []core.NodeID { return slices.Clone(c.members) }

// CommID is its id: that of its view, or one that the split has made.
func (c *Communicator) CommID() uint64 { return c.id }

// Epoch is that of its view.
func (c *Communicator) Epoch() core.Epoch { return c.epoch }

// ViewGoneError is the end of a call whose view is gone.
type ViewGoneError struct {
	Epoch           core.Epoch // of the view that the call belonged to
	Next            core.Epoch // of the view that is in place instead; if Evicted, the first one without this member
	Evicted         bool       // the group goes on without this member
	Ended           string     // how this member's orchestrator ended; "" if it did not
	Call            core.CallOp
	MayHaveFinished bool // other members may have finished the operation, so whoever repeats it must ask first
}

// Error tells it.
func (e *ViewGoneError) Error() string {
	return "realnet: " + comm.Gone{
		Epoch: e.Epoch, Next: e.Next, Evicted: e.Evicted, Ended: e.Ended, Call: e.Call, MayHaveFinished: e.MayHaveFinished,
	}.Error()
}

// CanceledError is the end of a call by its context. The operation goes on: the next call on this communicator waits until
// it has ended, and what became of it nobody here is told.
type CanceledError struct {
	Call  core.CallOp
	Cause error // the context's
}

// Error tells it.
func (e *CanceledError) Error() string {
	return fmt.Sprintf("realnet: %v: %v", e.Call, e.Cause)
}

// Unwrap gives the context's error: context.DeadlineExceeded or context.Canceled.
func (e *CanceledError) Unwrap() error { return e.Cause }

// CallError is the end of a call that its members could not finish although their view stands: it took longer than
// core.Config allows, or they have called different things. In the latter case every further call on this communicator
// fails until the next view.
type CallError struct {
	Call core.CallOp
	Text string
}

// Error tells it.
func (e *CallError) Error() string { return "realnet: " + e.Text }

// call makes a call and waits for its end.
func (c *Communicator) call(ctx context.Context, in core.Input, elements []byte) (answer, error) {
	w, err := c.begin(in, elements)
	if err != nil {
		return answer{}, err
	}
	return c.wait(ctx, w, in.Call)
}

func (c *Communicator) begin(in core.Input, elements []byte) (waiting, error) {
	in.Comm = c.id
	return c.g.begin(in, elements)
}

func (c *Communicator) wait(ctx context.Context, w waiting, op core.CallOp) (answer, error) {
	a, err := w.wait(ctx)
	switch {
	case errors.Is(err, ErrClosed):
		return a, err
	case err != nil:
		return a, &CanceledError{op, err}
	case a.stale:
		return a, &ViewGoneError{Epoch: c.epoch, Next: c.g.View().Epoch, Call: op}
	case a.done.Err == "":
		return a, nil
	}
	if g, gone := comm.ViewGone(a.done.Err); gone {
		return a, &ViewGoneError{g.Epoch, g.Next, g.Evicted, g.Ended, op, g.MayHaveFinished}
	}
	return a, &CallError{op, a.done.Err}
}

// Barrier waits until every member has called it.
func (c *Communicator) Barrier(ctx context.Context) error {
	_, err := c.call(ctx, core.Input{Call: core.CallBarrier}, nil)
	return err
}

// Sum is an all-reduce of one whole number: the sum of what each member brings, which wraps around.
func (c *Communicator) Sum(ctx context.Context, x int64) (int64, error) {
	a, err := c.call(ctx, core.Input{Call: core.CallAllReduce, Value: x}, nil)
	if err != nil {
		return 0, err
	}
	sum, err := strconv.ParseInt(a.done.Result, 10, 64)
	if err != nil {
		return 0, &CallError{core.CallAllReduce, "allreduce: " + a.done.Result + ": expected one number"}
	}
	return sum, nil
}

// Split makes communicators of the members that give the same colour, in their order. A negative colour gets none: nil and
// no error.
func (c *Communicator) Split(ctx context.Context, colour int) (*Communicator, error) {
	a, err := c.call(ctx, core.Input{Call: core.CallSplit, Value: int64(colour)}, nil)
	if err != nil || a.done.Result == "" {
		return nil, err
	}
	id, err := comm.ParseCommID(a.done.Result)
	if err != nil {
		return nil, &CallError{core.CallSplit, err.Error()}
	}
	rank, _ := slices.BinarySearch(a.members, c.g.self)
	return &Communicator{c.g, id, c.epoch, a.members, core.Rank(rank)}, nil
}

// Send sends a message to a rank, which may be this member's own. It ends when the receiver's communicator has it: that may be
// before anybody there receives it, and waits while the receiver has no room. Messages of one sender and tag are received
// in the order of their sends. Tags are from 0 to comm.TagMax; data has at most comm.EnvelopeMax bytes, and is copied.
//
// Sends and receives need no calls of other members and run beside all other calls. A *CallError says that nobody took the
// message in time; it may be received all the same.
func (c *Communicator) Send(ctx context.Context, to core.Rank, tag int32, data []byte) error {
	body := core.Envelope{To: to, Tag: tag, Data: string(data)}.Encode()
	_, err := c.call(ctx, core.Input{Call: core.CallSend, Body: body}, nil)
	return err
}

// Receive waits for a message with a tag from a rank, or from any: core.NoRank. It gives the data and who sent it. Of two
// receives that match a message the one called first gets it. After a *CanceledError the receive goes on: the next message
// that matches it is lost.
func (c *Communicator) Receive(ctx context.Context, from core.Rank, tag int32) ([]byte, core.Rank, error) {
	body := core.Envelope{From: from, Tag: tag}.Encode()
	a, err := c.call(ctx, core.Input{Call: core.CallReceive, Body: body}, nil)
	if err != nil {
		return nil, core.NoRank, err
	}
	e, ok := core.EnvelopeOf(a.done.Result)
	if !ok {
		return nil, core.NoRank, &CallError{core.CallReceive, fmt.Sprintf("receive: a result of %d bytes: expected an envelope", len(a.done.Result))}
	}
	return []byte(e.Data), e.From, nil
}
