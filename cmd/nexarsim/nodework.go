package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"nexarsim/core"
	"nexarsim/realnet"
)

// called is a line that node prints of a call of its workload.
type called struct {
	Call  string `json:"call"`
	N     uint64 `json:"n"` // how many of its kind this member has made
	Epoch uint64 `json:"epoch"`
	Value string `json:"value"` // of a sum or a read; what a write wrote
	Error string `json:"error"`
}

// worker calls again and again, as the workload says, and prints how each call ended. Every member has to do the same.
type worker struct {
	g     *realnet.Group
	kind  string
	print *json.Encoder
	n     uint64
}

// work calls until the context ends, or the member's part in the group does.
func (w *worker) work(ctx context.Context) {
	tick := time.NewTicker(workEvery)
	defer tick.Stop()
	for {
		w.n++
		line := called{Call: w.kind, N: w.n, Epoch: uint64(w.g.View().Epoch)}
		err := w.call(ctx, &line)
		if ctx.Err() != nil || errors.Is(err, realnet.ErrClosed) || w.g.Err() != nil {
			return
		}
		if err != nil {
			line.Value, line.Error = "", err.Error()
		}
		_ = w.print.Encode(line) // who read it may have gone away
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *worker) call(ctx context.Context, line *called) error {
	c := w.g.Communicator()
	switch w.kind {
	case "barrier":
		return c.Barrier(ctx)
	case "allreduce":
		sum, err := c.Sum(ctx, core.Contribution(w.g.Self(), w.n))
		line.Value = strconv.FormatInt(sum, 10)
		return err
	}
	in := core.Input{Call: core.CallRead}
	if w.n%2 == 1 {
		in = core.Input{Call: core.CallWrite, Value: int64(w.g.Self()+1)*1_000_000 + int64(w.n)}
		line.Value = strconv.FormatInt(in.Value, 10)
	}
	line.Call, line.N = in.Call.String(), (w.n+1)/2
	d, err := w.g.Call(ctx, in)
	if in.Call == core.CallRead {
		line.Value = d.Result
	}
	if err == nil && d.Err != "" {
		err = errors.New(d.Err)
	}
	return err
}

// oneAtATime lets several goroutines write lines.
type oneAtATime struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes one.
func (o *oneAtATime) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}
