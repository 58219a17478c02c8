package checker_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
)

const sec = int64(1e9)

// twinCall is one call of a node: where its lines stand, and what it is matched by.
type twinCall struct {
	node       int
	op, view   string
	nth        int    // of the operation, in the view
	program    string // the operations that the node has called in the view, this one last
	start, end int    // events; end is -1 if there is none
	inside     bool   // another call of the node had not ended
	members    []int
}

// twinCalls reads all calls off a trace.
func twinCalls(world int, evs []trace.Event) (calls []*twinCall, unasked []int) {
	for i, ev := range evs {
		if ev.Kind != trace.Call {
			continue
		}
		if ev.Call.Phase == "end" {
			k := slices.IndexFunc(calls, func(c *twinCall) bool {
				return c.node == ev.Node && c.end < 0 && c.op == ev.Call.Op && evs[c.start].Call.N == ev.Call.N
			})
			if k < 0 {
				unasked = append(unasked, i)
			} else {
				calls[k].end = i
			}
			continue
		}
		epoch, members := viewAt(world, evs[:i], ev.Node)
		c := &twinCall{node: ev.Node, op: ev.Call.Op, view: fmt.Sprint(epoch, members), nth: 1, start: i, end: -1, members: members}
		for _, before := range calls {
			if before.node != c.node {
				continue
			}
			c.inside = c.inside || before.end < 0
			if before.view == c.view {
				c.program += before.op + " "
				if before.op == c.op {
					c.nth++
				}
			}
		}
		c.program += c.op
		calls = append(calls, c)
	}
	return calls, unasked
}

// twinCollective gives all that breaks the property, as time and nodes, and whether anything is left open.
func twinCollective(world int, evs []trace.Event, end checker.Ending) (broken map[string]int64, open bool) {
	calls, unasked := twinCalls(world, evs)
	broken = map[string]int64{}
	note := func(t int64, nodes ...int) {
		slices.Sort(nodes)
		key := fmt.Sprint(slices.Compact(nodes))
		if before, ok := broken[key]; !ok || t < before {
			broken[key] = t
		}
	}
	for _, i := range unasked {
		note(evs[i].T, evs[i].Node)
	}
	for _, c := range calls {
		if c.op == "split" {
			continue
		}
		var all []*twinCall // the members' calls that are this one
		for _, m := range c.members {
			for _, o := range calls {
				if o.node == m && o.op == c.op && o.view == c.view && o.nth == c.nth {
					all = append(all, o)
				}
			}
		}
		switch {
		case c.end >= 0 && evs[c.end].Call.Error == "":
			if missing := twinMissing(c, all); missing >= 0 {
				note(evs[c.end].T, missing, c.node)
			} else if c.op == "allreduce" && evs[c.end].Call.Value != strconv.Quote(strconv.Itoa(twinSum(evs, all))) {
				note(evs[c.end].T, c.node)
			}
		case len(all) < len(c.members) || !twinTogether(evs, all):
		case c.end >= 0:
			if !twinReason(world, evs, all, c.end) {
				note(evs[c.end].T, c.node)
			}
		case twinReason(world, evs, all, len(evs)-1):
		case end.T > twinDue(evs, all) && end.Complete:
			note(end.T, c.node)
		default:
			open = true
		}
	}
	return broken, open
}

// twinMissing gives the lowest member that starts only after the call's end, or never; -1 if there is none.
func twinMissing(c *twinCall, all []*twinCall) int {
	for _, m := range c.members {
		if !slices.ContainsFunc(all, func(o *twinCall) bool { return o.node == m && o.start < c.end }) {
			return m
		}
	}
	return -1
}

func twinSum(evs []trace.Event, all []*twinCall) (sum int) {
	for _, c := range all {
		text, _ := strconv.Unquote(evs[c.start].Call.Value)
		sum += number(text)
	}
	return sum
}

// twinTogether: in one order, none inside another call, within fifteen seconds.
func twinTogether(evs []trace.Event, all []*twinCall) bool {
	first, last := starts(all)
	for _, c := range all {
		if c.inside || c.program != all[0].program {
			return false
		}
	}
	return evs[last].T-evs[first].T <= 15*sec
}

func starts(all []*twinCall) (first, last int) {
	first, last = all[0].start, all[0].start
	for _, c := range all {
		first, last = min(first, c.start), max(last, c.start)
	}
	return first, last
}

func twinDue(evs []trace.Event, all []*twinCall) int64 {
	_, last := starts(all)
	return evs[last].T + 60*sec
}

// twinReason: was anything wrong among the members after some event, from the first start to event to? What came after
// the time at which all should have been over does not count.
func twinReason(world int, evs []trace.Event, all []*twinCall, to int) bool {
	members := all[0].members
	first, last := starts(all)
	if twinUnsettled(evs[:first], evs[first].T) {
		return true
	}
	for i := first; i <= to; i++ {
		if last < to && evs[i].T > twinDue(evs, all) {
			return false
		}
		if i > first && evs[i].Kind == trace.Install && slices.Contains(members, evs[i].Node) || twinTrouble(world, evs[:i+1], members) {
			return true
		}
	}
	return false
}

// twinUnsettled: did an act end, a node wake up, or a suspicion fall less than five seconds (and four delays) ago?
func twinUnsettled(evs []trace.Event, now int64) bool {
	for i, ev := range evs {
		switch ev.Kind {
		case trace.Trust:
			if !twinSuspects(evs[:i], ev.Node, ev.Peer) {
				continue
			}
		case trace.Heal, trace.LossEnd, trace.HoldEnd, trace.Resume:
		default:
			continue
		}
		left := ev.T + 5*sec + 8*sec/1000
		if ev.Kind == trace.LossEnd {
			left += 30 * sec // a stream tries again so long
		}
		if now < left {
			return true
		}
	}
	return false
}

func twinSuspects(evs []trace.Event, by, of int) (yes bool) {
	for _, ev := range evs {
		if ev.Node == by && (ev.Kind == trace.Suspect || ev.Kind == trace.Trust) && ev.Peer == of {
			yes = ev.Kind == trace.Suspect
		}
	}
	return yes
}

// twinTrouble: what stands after all these events?
func twinTrouble(world int, evs []trace.Event, members []int) bool {
	gone, asleep := map[int]bool{}, map[int]bool{}
	acts := map[string]trace.Event{}
	for _, ev := range evs {
		switch ev.Kind {
		case trace.Crash, trace.End, trace.Panic:
			gone[ev.Node] = true
		case trace.Pause, trace.Resume:
			asleep[ev.Node] = ev.Kind == trace.Pause
		case trace.Cut, trace.Loss, trace.Hold:
			acts[fmt.Sprint(*ev.Act)] = ev
		case trace.Heal, trace.LossEnd, trace.HoldEnd:
			delete(acts, fmt.Sprint(*ev.Act))
		}
	}
	loss := int64(0)
	for _, ev := range acts {
		for _, l := range ev.Act.Links {
			if ev.Kind == trace.Cut && slices.Contains(members, l.From) && slices.Contains(members, l.To) {
				return true
			}
		}
		if ev.Kind == trace.Loss && len(members) > 1 {
			loss += ev.Act.Rate
		}
		if ev.Kind == trace.Hold && slices.ContainsFunc(ev.Act.Nodes, func(n int) bool { return slices.Contains(members, n) }) {
			return true
		}
	}
	for _, m := range members {
		for by := range world {
			if by != m && !gone[by] && twinSuspects(evs, by, m) {
				return true
			}
		}
		if gone[m] || asleep[m] {
			return true
		}
	}
	return loss > 100_000_000
}

// calling makes runs in which applications call, mostly as they should, in a group to which things happen now and then.
type calling struct {
	*rand.Rand
	world   int
	evs     []trace.Event
	now     int64
	program []string
	nodes   []callingNode
	epoch   uint64 // the newest
	members []int
	acts    []trace.Event
	trouble int // one event in so many is trouble
}

type callingNode struct {
	epoch   uint64
	members []int
	at      int // in the program
	made    map[string]int
	flying  []*trace.Operation
	out     bool
	asleep  bool
}

func (c *calling) add(ev trace.Event) {
	ev.T, ev.Seq = c.now, uint64(len(c.evs)+1)
	c.evs = append(c.evs, ev)
}

func (c *calling) make() {
	c.world, c.evs, c.now, c.epoch, c.acts = 1+c.IntN(4), nil, 0, 0, nil
	c.trouble = []int{6, 30, 1000}[c.IntN(3)]
	c.members = upTo(c.world)
	c.program, c.nodes = nil, nil
	for range 30 {
		c.program = append(c.program, []string{"barrier", "barrier", "allreduce", "allreduce", "split"}[c.IntN(5)])
	}
	for range c.world {
		c.nodes = append(c.nodes, callingNode{members: c.members, made: map[string]int{}})
	}
	for range 10 + c.IntN(50) {
		c.now += []int64{0, 0, 0, 0, 0, 0, sec / 1000, sec / 10, sec / 10, 2 * sec, 9 * sec, 40 * sec}[c.IntN(12)]
		if c.IntN(c.trouble) == 0 {
			c.disturb(c.IntN(c.world))
		} else {
			c.act(c.IntN(c.world))
		}
	}
}

// act lets a node end a call, or make its next one.
func (c *calling) act(n int) {
	p := &c.nodes[n]
	switch {
	case p.out || p.asleep:
	case c.IntN(60) == 0: // what nobody asked for
		c.add(trace.Event{Kind: trace.Call, Node: n, Call: &trace.Operation{Op: "barrier", Phase: "end", N: 99, Epoch: p.epoch}})
	case p.epoch < c.epoch && c.IntN(2) == 0:
		c.follow(n)
	case len(p.flying) > 0 && c.IntN(12) > 0:
		c.end(n)
	default:
		c.start(n)
	}
}

func (c *calling) start(n int) {
	p := &c.nodes[n]
	op := c.program[p.at%len(c.program)]
	if c.IntN(40) == 0 {
		op = "barrier"
	}
	p.at++
	p.made[op]++
	call := &trace.Operation{Op: op, Phase: "start", N: uint64(p.made[op]), Epoch: p.epoch}
	if op == "allreduce" {
		call.Value = strconv.Quote(strconv.Itoa(n + 1 + 1000*p.made[op]))
	}
	p.flying = append(p.flying, call)
	c.add(trace.Event{Kind: trace.Call, Node: n, Call: call})
}

// end ends a node's first call, well if all members seem to have come as far.
func (c *calling) end(n int) {
	p := &c.nodes[n]
	call := *p.flying[0]
	call.Phase = "end"
	all, sum := true, 0
	for _, m := range p.members {
		o := &c.nodes[m]
		all = all && (m == n || o.made[call.Op] >= int(call.N))
		sum += m + 1 + 1000*int(call.N)
	}
	call.Value = ""
	switch {
	case c.IntN(20) == 0 || !all && c.IntN(3) > 0:
		call.Error = "failed"
	case !all && c.IntN(8) > 0:
		return
	case call.Op == "allreduce":
		call.Value = strconv.Quote(strconv.Itoa(sum + max(0, c.IntN(40)-38)))
	}
	p.flying = p.flying[1:]
	c.add(trace.Event{Kind: trace.Call, Node: n, Call: &call})
}

// follow lets a node install the newest view.
func (c *calling) follow(n int) {
	p := &c.nodes[n]
	if !slices.Contains(c.members, n) {
		p.out = true
		c.add(trace.Event{Kind: trace.End, Node: n, Why: "evicted"})
		return
	}
	p.epoch, p.members = c.epoch, c.members
	c.add(trace.Event{Kind: trace.Install, Node: n, Install: &trace.View{Epoch: c.epoch, Members: c.members, Rank: slices.Index(c.members, n), World: len(c.members)}})
}

// disturb does something to a node, or undoes it.
func (c *calling) disturb(n int) {
	p, other := &c.nodes[n], c.IntN(c.world)
	switch c.IntN(8) {
	case 0:
		if len(c.members) > 1 && slices.Contains(c.members, n) {
			c.epoch++
			c.members = slices.DeleteFunc(slices.Clone(c.members), func(m int) bool { return m == n })
		}
	case 1:
		if !p.out && !p.asleep {
			p.out = true
			c.add(trace.Event{Kind: []trace.Kind{trace.Crash, trace.End, trace.Panic}[c.IntN(3)], Node: n, Why: "shutdown"})
		}
	case 2:
		if !p.out {
			c.add(trace.Event{Kind: []trace.Kind{trace.Pause, trace.Resume}[flagOf(p.asleep)], Node: n})
			p.asleep = !p.asleep
		}
	case 3, 4:
		if !p.out && !p.asleep {
			c.add(trace.Event{Kind: []trace.Kind{trace.Suspect, trace.Trust}[c.IntN(2)], Node: n, Peer: other})
		}
	case 5:
		if len(c.acts) > 0 {
			ends := map[trace.Kind]trace.Kind{trace.Cut: trace.Heal, trace.Loss: trace.LossEnd, trace.Hold: trace.HoldEnd}
			c.add(trace.Event{Kind: ends[c.acts[0].Kind], Node: -1, Act: c.acts[0].Act})
			c.acts = c.acts[1:]
		}
	default:
		c.begin(n, other)
	}
}

func flagOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// begin begins an act that none in force is like.
func (c *calling) begin(n, other int) {
	kind := []trace.Kind{trace.Cut, trace.Loss, trace.Hold}[c.IntN(3)]
	a := &trace.Act{}
	switch kind {
	case trace.Cut:
		a.Links = []trace.Link{{From: n, To: other}}
	case trace.Loss:
		a.Rate = []int64{30_000_000, 80_000_000, 300_000_000}[c.IntN(3)]
	default:
		a.Nodes = []int{n}
	}
	if n == other || slices.ContainsFunc(c.acts, func(x trace.Event) bool { return fmt.Sprint(*x.Act) == fmt.Sprint(*a) }) {
		return
	}
	ev := trace.Event{Kind: kind, Node: -1, Act: a}
	c.acts = append(c.acts, ev)
	c.add(ev)
}

// TestCollectiveTwin: on ten thousand runs the fold and its twin find the same, at the same times, at the same nodes.
func TestCollectiveTwin(t *testing.T) {
	const runs = 10_000
	c := &calling{Rand: rand.New(rand.NewPCG(5, 6))}
	counts := map[string]int{}
	for run := range runs {
		c.make()
		end := checker.Ending{T: c.now + []int64{0, 30 * sec, 90 * sec}[c.IntN(3)], Complete: c.IntN(5) > 0}
		j, err := checker.New(&trace.Header{Source: "sim", Protocol: "classic", Model: "asynchronous", CommID: 0xf00, World: c.world})
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.evs {
			j.Observe(&c.evs[i])
		}
		v := j.Finish(end)
		if len(v.Malformed) > 0 {
			t.Fatalf("run %d: %v", run, v.Malformed)
		}
		want, open := twinCollective(c.world, c.evs, end)
		got, why := map[string]int64{}, ""
		for _, x := range v.Violations {
			if x.Property == checker.Collective {
				got[fmt.Sprint(x.Nodes)] = x.T
				why += x.Why + "\n"
				counts[sort(x.Why)]++
			}
		}
		gotOpen := slices.ContainsFunc(v.Undecided, func(u checker.Undecided) bool { return u.Property == checker.Collective })
		if fmt.Sprint(got) != fmt.Sprint(want) && len(want) <= 8 || gotOpen != open {
			t.Fatalf("run %d, end %+v: found %v, undecided %t; the twin %v, undecided %t\n%s%s", run, end, got, gotOpen, want, open, why, dumpCalls(c.evs))
		}
		if len(want) == 0 && !open {
			counts["holds"]++
		}
		if open {
			counts["undecided"]++
		}
	}
	for _, what := range []string{"before", "had not started", "contributions", "failed", "never ended", "holds", "undecided"} {
		if counts[what] < runs/50 {
			t.Errorf("%q shows %d times: the runs say too little", what, counts[what])
		}
	}
}

// sort tells what a violation is about.
func sort(why string) string {
	for _, word := range []string{"before", "had not started", "contributions", "failed", "never ended"} {
		if strings.Contains(why, word) {
			return word
		}
	}
	return why
}

func dumpCalls(evs []trace.Event) string {
	var b strings.Builder
	for _, ev := range evs {
		fmt.Fprintf(&b, "%s: node %d %s", span(ev.T), ev.Node, ev.Kind)
		switch {
		case ev.Call != nil:
			fmt.Fprintf(&b, " %+v", *ev.Call)
		case ev.Install != nil:
			fmt.Fprintf(&b, " %d %v", ev.Install.Epoch, ev.Install.Members)
		case ev.Act != nil:
			fmt.Fprintf(&b, " %+v", *ev.Act)
		default:
			fmt.Fprintf(&b, " %d", ev.Peer)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func span(t int64) string { return fmt.Sprintf("%.3fs", float64(t)/1e9) }
