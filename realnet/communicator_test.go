package realnet_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"nexarsim/core"
	"nexarsim/core/comm"
	"nexarsim/realnet"
)

// each lets every group do something at once, and waits for all of them.
func each(t testing.TB, groups []*realnet.Group, f func(ctx context.Context, c *realnet.Communicator) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var wait sync.WaitGroup
	errs := make([]error, len(groups))
	for i, g := range groups {
		wait.Go(func() { errs[i] = f(ctx, g.Communicator()) })
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("node %d: %v", groups[i].Self(), err)
		}
	}
}

func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v: expected %v", what, got, want)
	}
	return nil
}

// TestCollectives makes each call with few elements, which travel in messages, and with many, which travel in bulk.
func TestCollectives(t *testing.T) {
	const world = 3
	groups := newSetup(t, world, patient()).join(t)
	each(t, groups, func(ctx context.Context, c *realnet.Communicator) error { return c.Barrier(ctx) })
	each(t, groups, func(ctx context.Context, c *realnet.Communicator) error {
		sum, err := c.Sum(ctx, int64(c.Rank())+1)
		return errors.Join(err, expect("the sum", sum, 6))
	})
	for _, n := range []int{0, 6, 3000, 120_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			each(t, groups, func(ctx context.Context, c *realnet.Communicator) error { return allReduce(ctx, c, n) })
			each(t, groups, func(ctx context.Context, c *realnet.Communicator) error { return broadcast(ctx, c, n) })
			each(t, groups, func(ctx context.Context, c *realnet.Communicator) error { return gather(ctx, c, n) })
			each(t, groups, func(ctx context.Context, c *realnet.Communicator) error { return scatter(ctx, c, n) })
			each(t, groups, func(ctx context.Context, c *realnet.Communicator) error { return exchange(ctx, c, n) })
		})
	}
}

func allReduce(ctx context.Context, c *realnet.Communicator, n int) error {
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(i%1000) + float32(c.Rank())
	}
	if err := realnet.AllReduce(ctx, c, data, comm.Sum); err != nil {
		return err
	}
	for i := range data {
		if want := 3*float32(i%1000) + 3; data[i] != want {
			return fmt.Errorf("all-reduce: element %d is %v: expected %v", i, data[i], want)
		}
	}
	return nil
}

func broadcast(ctx context.Context, c *realnet.Communicator, n int) error {
	data := make([]int32, n)
	for i := range data {
		data[i] = int32(i) * int32(c.Rank())
	}
	if err := realnet.Broadcast(ctx, c, data, 2); err != nil {
		return err
	}
	for i := range data {
		if data[i] != 2*int32(i) {
			return fmt.Errorf("broadcast: element %d is %v: expected %v", i, data[i], 2*i)
		}
	}
	return nil
}

func gather(ctx context.Context, c *realnet.Communicator, n int) error {
	data := make([]float64, n)
	for i := range data {
		data[i] = float64(i) + float64(c.Rank())/4
	}
	all, err := realnet.AllGather(ctx, c, data)
	if err != nil {
		return err
	}
	for i := range all {
		if want := float64(i%n) + float64(i/n)/4; all[i] != want {
			return fmt.Errorf("all-gather: element %d is %v: expected %v", i, all[i], want)
		}
	}
	return expect("the number of elements", len(all), 3*n)
}

func scatter(ctx context.Context, c *realnet.Communicator, n int) error {
	data := make([]int64, n)
	for i := range data {
		data[i] = int64(i) * int64(c.Rank())
	}
	mine, err := realnet.ReduceScatter(ctx, c, data, comm.Max)
	if err != nil {
		return err
	}
	for i := range mine {
		if want := 2 * int64(i+int(c.Rank())*n/3); mine[i] != want {
			return fmt.Errorf("reduce-scatter: element %d is %v: expected %v", i, mine[i], want)
		}
	}
	return expect("the number of elements", len(mine), n/3)
}

func exchange(ctx context.Context, c *realnet.Communicator, n int) error {
	data := make([]int64, n)
	for i := range data {
		data[i] = int64(i)*10 + int64(c.Rank())
	}
	got, err := realnet.AllToAll(ctx, c, data)
	if err != nil {
		return err
	}
	for i := range got {
		if want := int64(i%(n/3)+int(c.Rank())*n/3)*10 + int64(i/(n/3)); got[i] != want {
			return fmt.Errorf("all-to-all: element %d is %v: expected %v", i, got[i], want)
		}
	}
	return expect("the number of elements", len(got), n)
}

// TestSplit: members of one colour compute among themselves, while the whole group does too.
func TestSplit(t *testing.T) {
	groups := newSetup(t, 5, patient()).join(t)
	each(t, groups, func(ctx context.Context, c *realnet.Communicator) error {
		sub, err := c.Split(ctx, int(c.Rank())%2)
		if err != nil {
			return err
		}
		var wait sync.WaitGroup
		var whole int64
		var wholeErr error
		wait.Go(func() { whole, wholeErr = c.Sum(ctx, 1) })
		part, err := sub.Sum(ctx, int64(c.Rank()))
		wait.Wait()
		want := int64(6) // 0 2 4
		if c.Rank()%2 == 1 {
			want = 4 // 1 3
		}
		if sub.CommID() == c.CommID() || sub.Epoch() != 0 || sub.Members()[sub.Rank()] != core.NodeID(c.Rank()) {
			err = fmt.Errorf("a split is %+v", sub)
		}
		return errors.Join(err, wholeErr, expect("the sum of a colour", part, want), expect("the sum of all", whole, 5), expect("the size", sub.Size(), 3-int(c.Rank()%2)))
	})
	each(t, groups, func(ctx context.Context, c *realnet.Communicator) error {
		colour := -1
		if c.Rank() == 0 {
			colour = 7
		}
		sub, err := c.Split(ctx, colour)
		if err == nil && (sub != nil) != (colour >= 0) {
			err = fmt.Errorf("colour %d gets %v", colour, sub)
		}
		return err
	})
}

// TestViewGoes: a call whose view goes ends at once, with the new epoch; so does one on a communicator of the old view; and
// on the new view's the survivors compute.
func TestViewGoes(t *testing.T) {
	for _, n := range []int{1, 100_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			groups := newSetup(t, 3, patient()).join(t)
			old := []*realnet.Communicator{groups[0].Communicator(), groups[1].Communicator()}
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			errs := make(chan error)
			for _, c := range old {
				go func() { errs <- realnet.AllReduce(ctx, c, make([]float64, n), comm.Sum) }()
			}
			time.Sleep(20 * time.Millisecond) // not needed for the outcome: the calls may be made before or after the death
			groups[2].Close()
			for range old {
				gone(t, <-errs, 1)
			}
			for i, g := range groups[:2] {
				if next(t, g, core.EventRecovered); g.Communicator().Epoch() != 1 {
					t.Errorf("node %d: the communicator after the event is of epoch %d", i, g.Communicator().Epoch())
				}
				gone(t, old[i].Barrier(ctx), 1)
			}
			each(t, groups[:2], func(ctx context.Context, c *realnet.Communicator) error {
				data := slices.Repeat([]int32{int32(c.Rank()) + 1}, n)
				err := realnet.AllReduce(ctx, c, data, comm.Sum)
				return errors.Join(err, expect("the sum", data[n-1], 3), expect("the size", c.Size(), 2), c.Barrier(ctx))
			})
		})
	}
}

func gone(t *testing.T, err error, next core.Epoch) {
	t.Helper()
	var g *realnet.ViewGoneError
	if !errors.As(err, &g) || g.Next != next {
		t.Errorf("%v: expected a view that is gone, and epoch %d", err, next)
	}
}

// TestDeadline: a context ends a call, and the communicator works when the others have come.
func TestDeadline(t *testing.T) {
	groups := newSetup(t, 2, patient()).join(t)
	c := groups[0].Communicator()
	short, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	var late *realnet.CanceledError
	if err := c.Barrier(short); !errors.As(err, &late) || late.Call != core.CallBarrier || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a barrier that nobody else calls: %v: expected a deadline", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := groups[1].Communicator().Barrier(ctx); err != nil {
		t.Errorf("the other member's barrier: %v", err)
	}
	each(t, groups, func(ctx context.Context, c *realnet.Communicator) error {
		sum, err := c.Sum(ctx, 1)
		return errors.Join(err, expect("the sum", sum, 2))
	})
}

// TestDifferentSizes: members that do not call the same thing get an error, and no numbers.
func TestDifferentSizes(t *testing.T) {
	cfg := patient()
	cfg.CollectiveTimeout = time.Second
	groups := newSetup(t, 2, cfg).join(t)
	var wait sync.WaitGroup
	for i, n := range []int{50_000, 60_000} {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			var wrong *realnet.CallError
			if err := realnet.AllReduce(ctx, groups[i].Communicator(), make([]float32, n), comm.Sum); !errors.As(err, &wrong) {
				t.Errorf("node %d: %v: expected a CallError", i, err)
			}
		})
	}
	wait.Wait()
}

// TestRecoveryDoesNotWaitForElements: while large elements are on their way, and one member's machine has stopped to take
// any, another one dies. The survivors install the new view, and their calls end at once.
func TestRecoveryDoesNotWaitForElements(t *testing.T) {
	cfg := patient()
	cfg.HeartbeatInterval, cfg.RecoveryTimeout = 200*time.Millisecond, 2*time.Second
	s := newSetup(t, 5, cfg)
	gate := make(chan struct{})
	s.configs[4].Watch = func(in *core.Input, e *core.Effect, _ *core.Effects) {
		if e == nil && in.Kind == core.InDeliver && in.Msg.Kind == comm.Data {
			<-gate
		}
	}
	groups := s.join(t)
	defer close(gate)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	errs := make(chan error)
	for _, g := range groups[:3] {
		go func() { errs <- realnet.AllReduce(ctx, g.Communicator(), make([]float32, 2<<20), comm.Sum) }()
	}
	for _, g := range groups[3:] { // the dead one's and the stopped one's: nobody waits for how these end
		go func() { _ = realnet.AllReduce(ctx, g.Communicator(), make([]float32, 2<<20), comm.Sum) }()
	}
	for groups[0].Stats().Sent == 0 {
		time.Sleep(time.Millisecond)
	}
	groups[3].Close()
	died := time.Now()
	for range 3 {
		gone(t, <-errs, 1)
	}
	if took := time.Since(died); took > cfg.RecoveryTimeout {
		t.Errorf("the survivors' calls ended after %v", took)
	}
}

// TestCallsEndWithTheGroup: a call ends when this member's part in the group does, by whatever way.
func TestCallsEndWithTheGroup(t *testing.T) {
	abort := patient()
	abort.Policy = core.AbortAll
	for _, s := range []struct {
		name string
		cfg  core.Config
		end  func(groups []*realnet.Group)
		says string
	}{
		{"shutdown", patient(), func(groups []*realnet.Group) { _ = groups[0].Shutdown(context.Background()) }, "shutdown"},
		{"close", patient(), func(groups []*realnet.Group) { groups[0].Close() }, ""},
		{"abort", abort, func(groups []*realnet.Group) { groups[2].Close() }, "aborted"},
	} {
		t.Run(s.name, func(t *testing.T) {
			groups := newSetup(t, 3, s.cfg).join(t)
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			c := groups[0].Communicator()
			errs := make(chan error)
			go func() { errs <- realnet.AllReduce(ctx, c, make([]float64, 100_000), comm.Sum) }()
			s.end(groups)
			for _, err := range []error{<-errs, c.Barrier(ctx)} {
				var g *realnet.ViewGoneError
				if !errors.Is(err, realnet.ErrClosed) && (!errors.As(err, &g) || g.Ended != s.says) {
					t.Errorf("%v: expected the end of the group, by %q", err, s.says)
				}
			}
		})
	}
}

// TestMessages sends round a ring of ranks, on the view's communicator and on that of a split, and what nobody takes waits.
func TestMessages(t *testing.T) {
	groups := newSetup(t, 3, patient()).join(t)
	each(t, groups, func(ctx context.Context, c *realnet.Communicator) error {
		half, err := c.Split(ctx, int(c.Rank())%2)
		if err != nil {
			return err
		}
		for _, on := range []*realnet.Communicator{c, half} {
			next := core.Rank((int(on.Rank()) + 1) % on.Size())
			last := core.Rank((int(on.Rank()) + on.Size() - 1) % on.Size())
			for i := range 3 {
				if err := on.Send(ctx, next, comm.TagMax, fmt.Appendf(nil, "%d of %d", i, on.Rank())); err != nil {
					return err
				}
			}
			for i := range 3 {
				data, from, err := on.Receive(ctx, []core.Rank{last, core.NoRank}[i%2], comm.TagMax)
				want := fmt.Sprintf("%d of %d", i, last)
				if err := errors.Join(err, expect("the message", string(data), want), expect("its sender", from, last)); err != nil {
					return err
				}
			}
		}
		large := make([]byte, comm.EnvelopeMax+1)
		var refused *realnet.CallError
		if err := c.Send(ctx, 0, 0, large); !errors.As(err, &refused) {
			return fmt.Errorf("a message too large: %v", err)
		}
		return c.Send(ctx, c.Rank(), 0, large[:comm.EnvelopeMax])
	})
}

// TestTwoEndsInOneStep: the small message of a barrier overtakes the elements of the call before it, so that both operations
// end in the step that takes the elements. None of them is lost.
func TestTwoEndsInOneStep(t *testing.T) {
	s := newSetup(t, 2, patient())
	called := []chan struct{}{make(chan struct{}), make(chan struct{})}
	for i := range s.configs {
		s.configs[i].Watch = func(in *core.Input, e *core.Effect, _ *core.Effects) {
			if e == nil && in.Kind == core.InCall && in.Call == core.CallAllGather {
				close(called[i])
			}
		}
	}
	groups := s.join(t)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	const n = 1 << 20
	var wait sync.WaitGroup
	for node, g := range groups {
		wait.Go(func() {
			data := make([]float32, n)
			for i := range data {
				data[i] = float32(node + 1)
			}
			all, err := realnet.AllGather(ctx, g.Communicator(), data)
			if err != nil || len(all) != 2*n || all[0] != 1 || all[n-1] != 1 || all[n] != 2 || all[2*n-1] != 2 {
				t.Errorf("node %d: %d elements, %v: expected those of both", node, len(all), err)
			}
		})
		<-called[node]
		time.Sleep(50 * time.Millisecond) // not needed for the outcome: the first member's elements are at the second one
		wait.Go(func() {
			if err := g.Communicator().Barrier(ctx); err != nil {
				t.Errorf("node %d: %v", node, err)
			}
		})
	}
	wait.Wait()
}

// TestSumsStayRightUnderDeaths: members sum elements all along, few and many, while two of five die. Each call ends with the
// sum of its view's members, or because the view has gone.
func TestSumsStayRightUnderDeaths(t *testing.T) {
	groups := newSetup(t, 5, patient()).join(t)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	const enough = 15 // sums in the last view
	var wait sync.WaitGroup
	progress := make(chan int, 5*enough)
	for node, g := range groups {
		wait.Go(func() {
			c, made := g.Communicator(), 0
			for c.Epoch() < 2 || made < enough {
				data := slices.Repeat([]float32{1}, []int{5, 40_000, 7000, 100_001}[made%4])
				err := realnet.AllReduce(ctx, c, data, comm.Sum)
				var g2 *realnet.ViewGoneError
				switch {
				case errors.Is(err, realnet.ErrClosed) && node >= 3:
					return
				case errors.As(err, &g2):
					c, made = g.Communicator(), 0
					continue
				case err != nil:
					t.Errorf("node %d: %v", node, err)
					return
				}
				for i, x := range data {
					if x != float32(c.Size()) {
						t.Errorf("node %d: element %d of %d in epoch %d is %v: expected %d", node, i, len(data), c.Epoch(), x, c.Size())
						return
					}
				}
				if made++; made == enough/3 && node == 0 {
					progress <- int(c.Epoch())
				}
			}
		})
	}
	for _, victim := range []int{4, 3} {
		select {
		case <-progress:
			groups[victim].Close()
		case <-ctx.Done():
			t.Fatal("no progress")
		}
	}
	wait.Wait()
}
