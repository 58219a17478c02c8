package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"nexarsim/core"
)

// Closing is what the members of one view did at the end of a run, when they were asked for a barrier and an all-reduce in
// it. Every view that still stands owes both, with the right sum: all of its members run, and every link between them is
// open.
type Closing struct {
	Epoch   uint64
	Members []int
	Owed    bool
	Right   bool   // both ended without an error at every member, with the sum
	Sum     int64  // that is right
	Why     string // why it is not owed, or what went wrong
}

// closingTime bounds a closing. On an idle machine it takes milliseconds.
const closingTime = 20 * time.Second

// closing asks for a barrier and an all-reduce in each view that stands. A view that goes in the meantime is no view of the
// end: its members are asked again.
func (l *launcher) closing(ctx context.Context) error {
	until := time.Now().Add(closingTime)
	for round := uint64(1); ; round++ {
		states, err := l.states(ctx, until)
		if err != nil {
			return err
		}
		l.closed = l.views(states)
		again, err := l.ask(ctx, until, states, round)
		if err != nil || !again || time.Now().After(until) {
			return err
		}
	}
}

// gather takes reports of some members until each has made the one that is waited for, or the time is over.
func (l *launcher) gather(ctx context.Context, until time.Time, who []int, take func(node int, r *report) bool) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	left := slices.Clone(who)
	for len(left) > 0 {
		select {
		case n := <-l.news:
			if err := l.hear(&n); err != nil {
				return err
			}
			if n.report == nil {
				continue
			}
			if at := slices.Index(left, n.node); at >= 0 && take(n.node, n.report) {
				left = slices.Delete(left, at, at+1)
			} else {
				l.heard(n.node, n.report)
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// states asks every member that runs for its view.
func (l *launcher) states(ctx context.Context, until time.Time) ([]*stateReport, error) {
	all := make([]*stateReport, len(l.all))
	var who []int
	for node, p := range l.all {
		if !p.dead && !p.left && p.pauses == 0 {
			who = append(who, node)
			p.tell(&order{State: true})
		}
	}
	return all, l.gather(ctx, until, who, func(node int, r *report) bool {
		if r.State != nil && r.State.Ended == "" {
			all[node] = r.State
		}
		return r.State != nil
	})
}

// views are those that the members have, each once, by epoch.
func (l *launcher) views(states []*stateReport) []Closing {
	var all []Closing
	for _, s := range states {
		if s == nil || slices.ContainsFunc(all, func(c Closing) bool { return c.Epoch == s.Epoch && slices.Equal(c.Members, s.Members) }) {
			continue
		}
		c := Closing{Epoch: s.Epoch, Members: s.Members}
		c.Why = l.excuse(states, s)
		c.Owed = c.Why == ""
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b Closing) int { return cmp.Compare(a.Epoch, b.Epoch) })
	return all
}

// excuse is why a view owes nothing; "" if it does.
func (l *launcher) excuse(states []*stateReport, s *stateReport) string {
	for _, node := range s.Members {
		switch other := states[node]; {
		case other == nil:
			return fmt.Sprintf("its member %d does not run", node)
		case l.all[node].holds > 0:
			return fmt.Sprintf("the application of its member %d holds the lock", node)
		case other.Epoch != s.Epoch || other.CommID != s.CommID:
			return fmt.Sprintf("its member %d has another view", node)
		case !strings.HasPrefix(other.Program, s.Program) && !strings.HasPrefix(s.Program, other.Program):
			return fmt.Sprintf("its member %d has called other things", node)
		}
		for _, peer := range s.Members {
			if peer != node && !l.net.open(node, peer) {
				return fmt.Sprintf("no way leads from %d to %d", node, peer)
			}
		}
	}
	return ""
}

// ask asks each view that owes it. It is true if a view has gone, so that the members of the next one are to be asked.
func (l *launcher) ask(ctx context.Context, until time.Time, states []*stateReport, round uint64) (again bool, err error) {
	var who []int
	for i := range l.closed {
		c := &l.closed[i]
		if !c.Owed {
			continue
		}
		program := ""
		for _, node := range c.Members {
			if p := states[node].Program; len(p) > len(program) {
				program = p
			}
		}
		for _, node := range c.Members {
			value := core.Contribution(core.NodeID(node), round)
			c.Sum += value
			who = append(who, node)
			l.all[node].tell(&order{Closing: &closingOrder{Epoch: c.Epoch, Program: program, Value: value}})
		}
	}
	closed := make([]*closedReport, len(l.all))
	err = l.gather(ctx, until, who, func(node int, r *report) bool {
		if r.Closed != nil {
			closed[node] = r.Closed
		}
		return r.Closed != nil
	})
	for i := range l.closed {
		if c := &l.closed[i]; c.Owed && c.judge(closed) {
			again = true
		}
	}
	return again, err
}

// judge says whether all has gone right. It is true if the view has gone at some member.
func (c *Closing) judge(closed []*closedReport) (gone bool) {
	c.Right = true
	for _, node := range c.Members {
		r := closed[node]
		why := ""
		switch {
		case r == nil:
			why = fmt.Sprintf("member %d has not ended them within %v", node, closingTime)
		case r.Error != "":
			why, gone = fmt.Sprintf("member %d: %s", node, r.Error), gone || r.Gone
		case r.Sum != c.Sum:
			why = fmt.Sprintf("member %d has the sum %d", node, r.Sum)
		}
		if why != "" && c.Right {
			c.Right, c.Why = false, why
		}
	}
	return gone
}
