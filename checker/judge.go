package checker

import (
	"fmt"
	"slices"

	"nexarsim/checker/trace"
)

// Judge judges one run, from its header through its events to its end. It is a fold: it can be cloned and its state
// encoded at any event. Use it from one goroutine at a time.
type Judge struct {
	set   settings
	world world
	found findings

	agreement  agreementFold
	commID     commIDFold
	history    historyFold
	eviction   evictionFold
	quorumLoss quorumLossFold
	livelock   livelockFold
	late       lateFold
	collective collectiveFold
	letters    letterFold
	linear     linearFold

	malformed []string
	scratch   []int // Finish's
}

// Ending says how a run came to its end.
type Ending struct {
	T        int64 // nanoseconds since its start
	Complete bool  // it ran to its own end: recovery may be judged
}

// Undecided is a property that the run leaves open.
type Undecided struct {
	Property string
	Why      string
}

// Verdict is what a run comes to.
type Verdict struct {
	Violations []trace.Violation // by time, then property
	Undecided  []Undecided       // by property; such a property may also be violated
	Malformed  []string          // assumptions that do not hold: the harness or the file is wrong, and nothing else means much
	Installs   int
	Slowest    int64 // nanoseconds from the last thing that arose to the install that followed it latest, of those held to the bound of L1
}

// Safety reports whether a safety property was violated.
func (v Verdict) Safety() bool { return v.broke(false) }

// Liveness reports whether a liveness property was violated.
func (v Verdict) Liveness() bool { return v.broke(true) }

func (v Verdict) broke(liveness bool) bool {
	for i := range v.Violations {
		if IsLiveness(&v.Violations[i]) == liveness {
			return true
		}
	}
	return false
}

// First gives the first violation of a property, of safety or of liveness; nil if there is none.
func (v *Verdict) First(property string, liveness bool) *trace.Violation {
	for i := range v.Violations {
		if x := &v.Violations[i]; x.Property == property && IsLiveness(x) == liveness {
			return x
		}
	}
	return nil
}

// New makes a judge for the run that a header announces.
func New(h *trace.Header) (*Judge, error) {
	j := new(Judge)
	if err := j.Reset(h); err != nil {
		return nil, err
	}
	return j, nil
}

// Reset makes the judge ready for another run. It keeps its memory, and what it read of a header that says the same.
func (j *Judge) Reset(h *trace.Header) error {
	if err := j.set.read(h); err != nil {
		return err
	}
	n := j.set.n
	j.world.reset(n)
	j.found.reset()
	j.agreement.reset()
	j.commID.reset(n, j.set.commID)
	j.history.reset(n)
	j.eviction.reset(n)
	j.quorumLoss.reset(&j.set)
	j.livelock.reset(n)
	j.late.reset()
	j.collective.reset(n)
	j.letters.reset(&j.set)
	j.linear.reset()
	j.malformed = nil
	return nil
}

// Clone gives an independent judge in the same state.
func (j *Judge) Clone() *Judge {
	c := new(Judge)
	c.CopyFrom(j)
	return c
}

// CopyFrom makes the judge one in the same state as another, in its own memory.
func (j *Judge) CopyFrom(o *Judge) {
	config, scenario := j.set.config, j.set.scenario
	j.set = o.set
	j.set.config, j.set.scenario = append(config[:0], o.set.config...), append(scenario[:0], o.set.scenario...)
	j.world.copyFrom(&o.world)
	j.found.copyFrom(&o.found)
	j.agreement.copyFrom(&o.agreement)
	j.commID.copyFrom(&o.commID)
	j.history.copyFrom(&o.history)
	j.eviction.copyFrom(&o.eviction)
	j.quorumLoss.copyFrom(&o.quorumLoss)
	j.livelock.copyFrom(&o.livelock)
	j.late = o.late
	j.collective.copyFrom(&o.collective)
	j.letters.copyFrom(&o.letters)
	j.linear.copyFrom(&o.linear)
	j.malformed = append(j.malformed[:0], o.malformed...)
}

// Violated reports whether the property was found broken so far. Recovery shows at the end only.
func (j *Judge) Violated(property string) bool { return len(j.found.list) > 0 && j.found.has(property) }

// AnyViolated reports whether any property was found broken so far.
func (j *Judge) AnyViolated() bool { return len(j.found.list) > 0 }

// Observe takes the next event of the run. It keeps nothing of it. Sends, drops, inputs and deliveries that were not
// used may be left out: the verdict does not depend on them.
func (j *Judge) Observe(ev *trace.Event) {
	if !j.assume(ev) {
		return
	}
	j.quorumLoss.pass(&j.world, ev.T, &j.found)
	switch ev.Kind {
	case trace.Send, trace.Drop, trace.Input, trace.Verdict:
	case trace.Deliver:
		j.deliver(ev)
	case trace.Suspect:
		j.suspect(ev)
	case trace.Trust:
		j.trust(ev)
	case trace.Install:
		j.install(ev)
	case trace.Told:
		j.tell(ev)
	case trace.Call:
		j.eviction.acts(ev.Node, ev.Call.Epoch, ev.T, "made a call", &j.found)
		j.collective.call(&j.world, &j.set, ev, &j.found)
		j.letters.take(&j.world, &j.set, ev, j.collective.calmFrom, &j.found)
		j.linear.take(ev)
	case trace.End:
		j.end(ev)
	case trace.Panic:
		j.panics(ev)
	case trace.Busy:
		j.livelock.busy(&j.world, ev, &j.found)
	default:
		j.environment(ev)
	}
}

// troubles gives the calls of a node's views a reason to fail.
func (j *Judge) troubles(node int) {
	j.collective.troubles(&j.world, node)
	j.letters.troubles(&j.world, node)
}

func (j *Judge) deliver(ev *trace.Event) {
	if ev.Used {
		judgeIsolation(&j.set, ev, &j.found)
		j.eviction.acts(ev.Node, ev.Epoch, ev.T, "used a message", &j.found)
	}
}

func (j *Judge) suspect(ev *trace.Event) {
	w := &j.world
	if !w.suspect(ev.Node, ev.Peer) {
		return
	}
	j.quorumLoss.update(w, ev.Node)
	j.livelock.fault()
	if ev.Node != ev.Peer && w.nodes[ev.Node].runs() {
		j.troubles(ev.Peer)
	}
	if !w.nodes[ev.Peer].gone() { // a true one is within the bound of the death that it answers
		j.late.arises(ev.T)
	}
}

func (j *Judge) trust(ev *trace.Event) {
	w := &j.world
	if !w.trust(ev.Node, ev.Peer) {
		return
	}
	j.history.trust(w, ev.Node, ev.Peer)
	j.collective.settles(&j.set, ev.T)
	j.quorumLoss.update(w, ev.Node)
	j.late.arises(ev.T)
}

func (j *Judge) install(ev *trace.Event) {
	w, out := &j.world, &j.found
	in := w.describe(ev)
	j.agreement.install(w, &in, out)
	j.commID.install(w, &in, out)
	judgeRanks(w, &in, out)
	judgeValidity(w, &j.set, &in, out)
	j.history.install(w, &j.set, &in, out)
	j.eviction.install(w, &in, out)
	j.quorumLoss.install(w, &in, out)
	j.late.install(w, &j.set, &in, out)
	j.livelock.install(w, &in, out)
	w.apply(&in)
	j.letters.install(ev.Node, ev.Install.CommID)
	j.troubles(ev.Node)
	j.quorumLoss.installed(w, ev.Node)
}

func (j *Judge) tell(ev *trace.Event) {
	j.history.tell(&j.world, &j.set, ev, &j.found)
	if ev.Told.Kind == "quorum-lost" {
		j.quorumLoss.told(ev, &j.found)
	}
}

func (j *Judge) end(ev *trace.Event) {
	w := &j.world
	j.history.end(w, &j.set, ev, &j.found)
	j.eviction.end(ev, &j.found)
	n := &w.nodes[ev.Node]
	if n.ended {
		return
	}
	n.ended, n.endedAt = true, ev.T
	n.why = endWhy(ev.Why)
	if n.said = n.why; n.why == "error" && ev.Error != "" {
		n.said = n.why + ": " + ev.Error
	}
	n.excludedAtEnd = j.eviction.nodes[ev.Node].epoch > 0
	j.quorumLoss.update(w, ev.Node)
	j.troubles(ev.Node)
	j.late.arises(ev.T)
}

func (j *Judge) panics(ev *trace.Event) {
	j.eviction.panics(ev, &j.found)
	j.world.nodes[ev.Node].panicked = true
	j.troubles(ev.Node)
	j.quorumLoss.update(&j.world, ev.Node)
}

// environment takes what was done to the nodes. All of it is something that a view may have to answer.
func (j *Judge) environment(ev *trace.Event) {
	w := &j.world
	switch ev.Kind {
	case trace.Crash:
		j.crash(ev)
	case trace.Pause:
		w.nodes[ev.Node].paused = true
		j.troubles(ev.Node)
		w.lastAct = ev.T
	case trace.Resume:
		n := &w.nodes[ev.Node]
		n.paused, n.resumedAt, w.lastAct = false, ev.T, ev.T
		j.collective.settles(&j.set, ev.T)
		j.quorumLoss.restart(w, ev.Node)
	case trace.SuspectInjected, trace.SuspectEnd:
		w.lastAct = ev.T
	case trace.App:
		j.app(ev)
	default:
		j.act(ev)
	}
	j.livelock.fault()
	j.late.arises(ev.T + j.afterglow(ev))
	w.lastEnv = ev.T
}

// afterglow is how long after an act's end messages may still be on their way that it has delayed: behind a slow node, or
// lost on a stream that tries again less and less often.
func (j *Judge) afterglow(ev *trace.Event) int64 {
	switch ev.Kind {
	case trace.SlowEnd:
		return 2 * ev.Act.By
	case trace.LossEnd:
		if !j.set.Datagram {
			return j.set.IdleTimeout
		}
	}
	return 0
}

func (j *Judge) crash(ev *trace.Event) {
	w := &j.world
	n := &w.nodes[ev.Node]
	if n.crashed {
		return
	}
	n.crashed, n.crashedAt = true, ev.T
	w.doubts++
	j.quorumLoss.update(w, ev.Node)
	j.troubles(ev.Node)
}

// act takes an act that lasts, or its end.
func (j *Judge) act(ev *trace.Event) {
	w := &j.world
	if lasts(ev.Kind) {
		w.beginAct(ev.Kind, ev.Act)
		j.collective.begins(w, &j.set, ev)
		j.letters.begins(w, &j.set)
		if ev.Kind == trace.Skew {
			j.quorumLoss.excuse(ev.Act)
		}
		return
	}
	if !w.endAct(ev.Kind, ev.Act) {
		j.malform("event %d: a %s of what is not in force", ev.Seq, ev.Kind)
		return
	}
	j.collective.settles(&j.set, ev.T+j.afterglow(ev))
	if ev.Kind == trace.SkewEnd {
		for _, s := range ev.Act.Skew {
			j.quorumLoss.restart(w, s.Node)
		}
	}
}

// app takes what the application was told to do.
func (j *Judge) app(ev *trace.Event) {
	w := &j.world
	for _, n := range ev.Act.Nodes {
		switch ev.Act.Op {
		case "recover":
			j.history.asks(w, n)
		case "shutdown":
			w.nodes[n].leaving = true
			j.troubles(n)
			j.quorumLoss.update(w, n)
		}
	}
}

// endWhy keeps a reason without keeping the event's memory.
func endWhy(why string) string {
	for _, w := range []string{"shutdown", "evicted", "aborted", "error"} {
		if w == why {
			return w
		}
	}
	return "error"
}

// outcome is a verdict in the making, at the end of a run.
type outcome struct {
	findings
	open []Undecided
}

// undecided notes why a property stays open, the first reason of each.
func (o *outcome) undecided(property, format string, args ...any) {
	if !slices.ContainsFunc(o.open, func(u Undecided) bool { return u.Property == property }) {
		o.open = append(o.open, Undecided{property, fmt.Sprintf(format, args...)})
	}
}

// Finish gives the verdict on a run that ended so. It changes no state: the judge may go on observing.
func (j *Judge) Finish(end Ending) Verdict {
	w := &j.world
	var out outcome
	losses := j.quorumLoss
	if j.quorumLoss.deadline < end.T { // something fell due after the last event
		losses.nodes = slices.Clone(losses.nodes)
	}
	out.list = slices.Clone(j.found.list)
	losses.pass(w, end.T, &out.findings)
	losses.finish(w, &out)
	j.history.finish(w, end, &j.agreement, &out)
	j.collective.finish(w, &j.set, end, &out)
	j.letters.finish(w, &j.set, end, &out)
	j.linear.finish(&out)
	j.judgeRecovery(end, &out)
	switch {
	case j.set.schedule && j.set.hardened:
		out.undecided(Late, "the steps of a schedule take no time")
	case j.late.blind != "":
		out.undecided(Late, "%s", j.late.blind)
	}
	slices.SortStableFunc(out.open, func(a, b Undecided) int { return rank(a.Property) - rank(b.Property) })
	return Verdict{
		Violations: out.sorted(), Undecided: out.open, Malformed: slices.Clone(j.malformed), Installs: w.installs, Slowest: j.late.slowest,
	}
}
