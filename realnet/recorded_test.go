package realnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/core/comm"
	"nexarsim/internal/conform"
	"nexarsim/realnet"
)

// TestRecordedCallsConform: a record of collectives, in messages and in bulk, on a view, its splits and the next view, is what
// each member's machine does when it is fed the recorded inputs again, without the elements.
func TestRecordedCallsConform(t *testing.T) {
	s := newSetup(t, 3, patient())
	parts := make([]bytes.Buffer, 3)
	groups := make([]*realnet.Group, 3)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	origin := realnet.Monotonic()
	var wait sync.WaitGroup
	for i := range groups {
		g, err := realnet.New(s.configs[i])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(g.Close)
		groups[i] = g
		g.Record(&parts[i])
		wait.Go(func() {
			if err := errors.Join(g.Connect(ctx), g.Start(origin)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	work := func(ctx context.Context, c *realnet.Communicator) error {
		err := realnet.AllReduce(ctx, c, make([]float32, 100_000), comm.Sum)
		sub, splitErr := c.Split(ctx, int(c.Rank())/2)
		if splitErr != nil {
			return errors.Join(err, splitErr)
		}
		_, subErr := sub.Sum(ctx, 1)
		_, gatherErr := realnet.AllGather(ctx, c, make([]int64, 10))
		sent := make(chan error, 1)
		next := (c.Rank() + 1) % core.Rank(c.Size())
		go func() { sent <- c.Send(ctx, next, 3, []byte("a message")) }()
		data, _, receiveErr := c.Receive(ctx, core.NoRank, 3)
		return errors.Join(err, subErr, gatherErr, <-sent, receiveErr, expect("what came", string(data), "a message"))
	}
	each(t, groups, work)
	groups[1].Close()
	for _, g := range []*realnet.Group{groups[0], groups[2]} {
		next(t, g, core.EventRecovered)
	}
	each(t, []*realnet.Group{groups[0], groups[2]}, work)
	h := &trace.Header{
		Source: "quic", Protocol: "quorum", World: 3, Model: "asynchronous", CommID: core.RootCommID([]string{"node-0", "node-1", "node-2"}),
		Config: []byte(`{"heartbeat_interval":"500ms","heartbeat_timeout":"30s","recovery_timeout":"1m"}`),
	}
	for i := range groups {
		groups[i].Close()
		cores, err := conform.New(h)
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		r := trace.NewPartReader(&parts[i], "part", h)
		for {
			var ev trace.Event
			if err := r.Next(&ev); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if ev.Kind == trace.Call && ev.Call.Phase == "end" && ev.Call.Error == "" {
				calls++
			}
			cores.Observe(&ev)
		}
		want := 8 // two all-reduces, splits, sends and receives; other calls have no lines
		if i == 1 {
			want = 4
		}
		if found := cores.Finish(); len(found) > 0 || cores.Inputs() == 0 || calls != want {
			t.Errorf("node %d: %d inputs, %d calls that succeeded, expected %d; %+v", i, cores.Inputs(), calls, want, found)
		}
	}
}
