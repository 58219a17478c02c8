package cluster

import (
	"math/rand/v2"
	"time"

	"nexarsim/core"
)

// workRegister is the workload whose clients call at any member.
const workRegister = "register"

// load is what the applications do all along: workers who call again and again, each after its call before has ended.
type load struct {
	l       *launcher
	kind    string // "": nothing
	every   time.Duration
	dice    *rand.Rand
	workers []worker
	calls   uint64
	sums    []uint64 // all-reduces that each member was told to make
	over    []bool   // by member: its part in the group has ended
}

// worker is a member's application, or a client of the register.
type worker struct {
	node int    // where it calls; a client's changes with each call
	open uint64 // the call that has not ended; 0: none
	made int64
	at   time.Duration // when it looks again
}

func newLoad(l *launcher) *load {
	p := l.plan
	w := &load{l: l, dice: rand.New(rand.NewPCG(p.Seed, ^p.Seed)), sums: make([]uint64, p.World), over: make([]bool, p.World)}
	if p.Scenario.Workload == nil {
		return w
	}
	w.kind, w.every = p.Scenario.Workload.Kind, p.Scenario.Workload.Every
	n := p.World
	if w.kind == workRegister {
		n = p.Scenario.Workload.Clients
	}
	for i := range n {
		w.workers = append(w.workers, worker{node: i % p.World, at: time.Duration(w.dice.Int64N(int64(w.every)))})
	}
	return w
}

// next is when the first worker is due; false if none is before the time after which nobody calls any more: a call that
// nobody could wait for decides nothing.
func (w *load) next(last time.Duration) (at time.Duration, any bool) {
	for i := range w.workers {
		if x := &w.workers[i]; x.at <= last && (!any || x.at < at) {
			at, any = x.at, true
		}
	}
	return at, any
}

// due lets the workers call whose time has come.
func (w *load) due() {
	now := time.Duration(w.l.now())
	for i := range w.workers {
		x := &w.workers[i]
		if x.at > now {
			continue
		}
		x.at = max(x.at+w.every, now)
		if w.kind == workRegister {
			w.client(i, x)
		} else if x.open == 0 && w.runs(x.node) {
			op := core.CallBarrier.String()
			if w.kind == core.CallAllReduce.String() {
				op = w.kind
			}
			x.open = w.call(x.node, op, w.brings(x.node, op))
		}
	}
}

// runs tells whether a member can be told to call.
func (w *load) runs(node int) bool {
	p := w.l.all[node]
	return !p.dead && !p.left && p.pauses == 0 && !w.over[node]
}

// client lets a client of the register call: at any member that runs, to write what nobody else writes, or to read. One
// whose member has died goes elsewhere, and never learns what became of its call.
func (w *load) client(i int, x *worker) {
	if p := w.l.all[x.node]; x.open != 0 && !p.dead && !p.left {
		return
	}
	x.open = 0
	node := w.dice.IntN(w.l.plan.World)
	if !w.runs(node) {
		return
	}
	x.node = node
	x.made++
	if w.dice.IntN(2) == 0 {
		x.open = w.call(node, core.CallRead.String(), 0)
		return
	}
	x.open = w.call(node, core.CallWrite.String(), int64(i+1)*1_000_000+x.made)
}

// call tells a member to call, and gives the call's id.
func (w *load) call(node int, op string, value int64) uint64 {
	w.calls++
	w.l.all[node].tell(&order{Call: &callOrder{ID: w.calls, Op: op, Value: value}})
	return w.calls
}

// brings is what a member brings to its next call: a number to an all-reduce, a colour to a split.
func (w *load) brings(node int, op string) int64 {
	switch letterOf(op) {
	case letterSum:
		w.sums[node]++
		return core.Contribution(core.NodeID(node), w.sums[node])
	case letterSplit:
		return int64(node % 2)
	}
	return 0
}

// ended notes the end of a call.
func (w *load) ended(node int, r *doneReport) {
	w.over[node] = w.over[node] || r.Over
	for i := range w.workers {
		if w.workers[i].open == r.ID {
			w.workers[i].open = 0
		}
	}
}
