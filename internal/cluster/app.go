package cluster

import (
	"context"
	"errors"
	"strings"
	"sync"

	"nexarsim/core"
	"nexarsim/realnet"
)

// application is what a member's process does with its communicator, as the launcher says: calls, one after the other, in
// the order of their orders.
type application struct {
	group  *realnet.Group
	report func(*report)
	ctx    context.Context // until the process ends

	mu    sync.Mutex
	queue []job
	works bool
	view  core.Epoch // of the calls in made
	made  []byte     // a letter for each call that was begun in that view, in their order
	wait  sync.WaitGroup
}

// job is a call that is ordered, or the report that those before it have ended.
type job struct {
	op     byte // a letter of the program; 0: the report
	value  int64
	ended  func(sum int64, c *realnet.Communicator, err error)
	report func()
}

// The letters of a program.
const (
	letterBarrier = 'b'
	letterSum     = 'a'
	letterSplit   = 's'
)

// letterOf is a collective's letter; 0 for any other call.
func letterOf(op string) byte {
	switch op {
	case core.CallBarrier.String():
		return letterBarrier
	case core.CallAllReduce.String():
		return letterSum
	case core.CallSplit.String():
		return letterSplit
	}
	return 0
}

// call makes a call and reports its end.
func (a *application) call(o *callOrder) {
	done := func(err error) {
		r := doneReport{ID: o.ID}
		if err != nil {
			r.Error = err.Error()
		}
		var gone *realnet.ViewGoneError
		r.Over = a.group.Err() != nil || errors.Is(err, realnet.ErrClosed) || errors.As(err, &gone) && (gone.Evicted || gone.Ended != "")
		a.report(&report{Done: &r})
	}
	if letter := letterOf(o.Op); letter != 0 {
		a.add(job{op: letter, value: o.Value, ended: func(_ int64, _ *realnet.Communicator, err error) { done(err) }})
		return
	}
	in := core.Input{Value: o.Value}
	for _, op := range []core.CallOp{core.CallWrite, core.CallRead, core.CallHold, core.CallRelease} {
		if op.String() == o.Op {
			in.Call = op
		}
	}
	a.wait.Go(func() {
		d, err := a.group.Call(a.ctx, in)
		if err == nil && d.Err != "" {
			err = errors.New(d.Err)
		}
		done(err)
	})
}

// add puts calls behind the others.
func (a *application) add(jobs ...job) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue = append(a.queue, jobs...)
	if !a.works {
		a.works = true
		a.wait.Go(a.work)
	}
}

func (a *application) work() {
	for {
		a.mu.Lock()
		if len(a.queue) == 0 {
			a.works = false
			a.mu.Unlock()
			return
		}
		j := a.queue[0]
		a.queue = a.queue[1:]
		c := a.group.Communicator()
		if j.op != 0 {
			a.enter(c.Epoch())
			a.made = append(a.made, j.op)
		}
		a.mu.Unlock()
		a.do(&j, c)
	}
}

// enter begins the program of another view.
func (a *application) enter(epoch core.Epoch) {
	if a.view != epoch {
		a.view, a.made = epoch, nil
	}
}

func (a *application) do(j *job, c *realnet.Communicator) {
	var sum int64
	var err error
	switch j.op {
	case letterBarrier:
		err = c.Barrier(a.ctx)
	case letterSum:
		sum, err = c.Sum(a.ctx, j.value)
	case letterSplit:
		_, err = c.Split(a.ctx, int(j.value))
	default:
		j.report()
		return
	}
	j.ended(sum, c, err)
}

// state is the view that is in place, and the calls that were made in it or wait to be.
func (a *application) state() *stateReport {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.group.View()
	a.enter(v.Epoch)
	s := &stateReport{Epoch: uint64(v.Epoch), CommID: v.CommID, Program: string(a.made)}
	for _, id := range v.Members() {
		s.Members = append(s.Members, int(id))
	}
	for _, j := range a.queue {
		if j.op != 0 {
			s.Program += string(j.op)
		}
	}
	if err := a.group.Err(); err != nil {
		s.Ended = err.Error()
	}
	return s
}

// closing makes the calls that this member lacks of the program that the others have made, then a barrier and an all-reduce,
// and reports what these came to.
func (a *application) closing(o *closingOrder) {
	state := a.state()
	r := &closedReport{Epoch: o.Epoch}
	rest, ok := strings.CutPrefix(o.Program, state.Program)
	if state.Epoch != o.Epoch || !ok {
		r.Error, r.Gone = "the view or its calls have changed", true
		a.report(&report{Closed: r})
		return
	}
	note := func(sum int64, c *realnet.Communicator, err error) {
		var gone *realnet.ViewGoneError
		switch {
		case err != nil && r.Error == "":
			r.Error, r.Gone = err.Error(), errors.As(err, &gone)
		case uint64(c.Epoch()) != o.Epoch:
			r.Error, r.Gone = "the view has changed", true
		}
		r.Sum = sum
	}
	var jobs []job
	for i := range len(rest) {
		jobs = append(jobs, job{op: rest[i], value: o.Value, ended: func(int64, *realnet.Communicator, error) {}})
	}
	jobs = append(jobs, job{op: letterBarrier, ended: note}, job{op: letterSum, value: o.Value, ended: note},
		job{report: func() { a.report(&report{Closed: r}) }})
	a.add(jobs...)
}
