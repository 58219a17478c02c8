package cluster

import (
	"io"
	"slices"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/realnet"
)

// A machine with more to do than processors lets a process wait, now and then for longer than the judge of a real run
// takes for the longest delay of a message. Such a process has not run, whatever the reason; the trace says so in the
// same words as of one that was stopped, and the judge gives the same time anew. So no member is blamed for the
// machine, and the same trace is judged alike by whoever reads it later.

const (
	stallPeriod = 20 * time.Millisecond // how often a process looks at the clock
	stallMin    = latencyMax / 4        // what counts: a message waits at both its ends, and may wait twice at each
)

// stall is a time in which a process did not run, by the machine's clock.
type stall struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// watchStalls reports each stall of this process until done is closed, and the one that is under way then.
func watchStalls(done <-chan struct{}, found func(stall)) {
	ticker := time.NewTicker(stallPeriod)
	defer ticker.Stop()
	last := realnet.Monotonic()
	for over := false; !over; {
		select {
		case <-ticker.C:
		case <-done:
			over = true
		}
		now := realnet.Monotonic()
		if now-last > int64(stallPeriod+stallMin) {
			found(stall{last, now})
		}
		last = now
	}
}

// stallWriter reports each write that keeps its caller waiting: a member writes down what it does before it does it.
type stallWriter struct {
	out   io.Writer
	found func(stall)
}

// Write writes to out.
func (w *stallWriter) Write(p []byte) (int, error) {
	before := realnet.Monotonic()
	n, err := w.out.Write(p)
	if after := realnet.Monotonic(); after-before > int64(stallMin) {
		w.found(stall{before, after})
	}
	return n, err
}

// launched is the number that stands for the launcher among the nodes.
const launched = -1

// stalled keeps a stall of a node for the trace.
func (l *launcher) stalled(node int, s stall) {
	if l.stalls == nil {
		l.stalls = map[int][]stall{}
	}
	l.stalls[node] = append(l.stalls[node], stall{s.From - l.origin, s.To - l.origin})
}

// addStalls puts the stalls among what the launcher has done: as pauses of a node; the launcher's own, which carries all
// packets of a run with acts on links and does all deeds, as a slowness of all links.
func (l *launcher) addStalls(end int64, res *Result) {
	res.waits = map[wait]bool{}
	note := func(s stall, begin, end trace.Event) {
		begin.T, end.T = s.From, s.To
		l.lines = append(l.lines, begin, end)
		res.waits[waitOf(&begin)], res.waits[waitOf(&end)] = true, true
		res.Stalls++
		res.Longest = max(res.Longest, time.Duration(s.To-s.From))
	}
	for node := range l.plan.World {
		for _, s := range outside(tidy(l.stalls[node], end), l.still(node)) {
			note(s, trace.Event{Node: node, Kind: trace.Pause}, trace.Event{Node: node, Kind: trace.Resume})
		}
	}
	all := make([]int, l.plan.World)
	for i := range all {
		all[i] = i
	}
	for _, s := range tidy(l.stalls[launched], end) {
		a := &trace.Act{Nodes: all, By: s.To - s.From}
		note(s, trace.Event{Node: -1, Kind: trace.Slow, Act: a}, trace.Event{Node: -1, Kind: trace.SlowEnd, Act: a})
	}
	slices.SortStableFunc(l.lines, func(a, b trace.Event) int { return int(max(-1, min(1, a.T-b.T))) })
}

// wait is the line that a stall begins or ends with.
type wait struct {
	t    int64
	node int
	kind trace.Kind
}

func waitOf(ev *trace.Event) wait { return wait{ev.T, ev.Node, ev.Kind} }

// Machine tells whether a line of the trace shows that a process waited for the machine, and no act of the plan.
func (r *Result) Machine(ev *trace.Event) bool { return r.waits[waitOf(ev)] }

// tidy gives stalls in order, those that touch as one, within the run.
func tidy(all []stall, end int64) (list []stall) {
	slices.SortFunc(all, func(a, b stall) int { return int(max(-1, min(1, a.From-b.From))) })
	for _, s := range all {
		s.From, s.To = max(0, s.From), min(s.To, end)
		switch n := len(list); {
		case s.From >= s.To:
		case n > 0 && s.From <= list[n-1].To:
			list[n-1].To = max(list[n-1].To, s.To)
		default:
			list = append(list, s)
		}
	}
	return list
}

// lastWords dates each death behind the last line of who died: a deed is noted before it is done, and whoever does it may
// have to wait in between.
func (l *launcher) lastWords(h *trace.Header, end int64) error {
	for i := range l.lines {
		ev := &l.lines[i]
		if ev.Kind != trace.Crash {
			continue
		}
		last, err := lastLine(ev.Node, l.record(ev.Node), h, end)
		if err != nil {
			return err
		}
		ev.T = min(max(ev.T, last+1), max(ev.T, end))
	}
	return nil
}

// still is when a node did not run because it was told so: its pauses, and all that comes after its death.
func (l *launcher) still(node int) (list []stall) {
	since := int64(-1)
	for i := range l.lines {
		switch ev := &l.lines[i]; {
		case ev.Node != node:
		case ev.Kind == trace.Pause && since < 0, ev.Kind == trace.Crash && since < 0:
			since = ev.T
		case ev.Kind == trace.Resume:
			list = append(list, stall{since, ev.T})
			since = -1
		}
	}
	if since >= 0 {
		list = append(list, stall{since, 1<<63 - 1})
	}
	return list
}

// outside gives what is left of stalls outside of some times, in order, as far as it is long enough to matter. An end
// that a deed has marked is kept a nanosecond away from it.
func outside(all, times []stall) (list []stall) {
	keep := func(from, to int64) {
		if to-from > int64(stallMin) {
			list = append(list, stall{from, to})
		}
	}
	for _, s := range all {
		for _, t := range times {
			if t.To <= s.From || t.From >= s.To {
				continue
			}
			keep(s.From, t.From-1)
			s.From = min(s.To, t.To) + 1
		}
		keep(s.From, s.To)
	}
	return list
}
