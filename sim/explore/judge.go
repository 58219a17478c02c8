package explore

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/sim"
	"nexarsim/sim/explore/search"
)

// The judge is the one of every run (package checker). It sees what the nodes do at one instant, because the clock stands
// still (a step is a nanosecond, so that the judge knows what came first); what it has seen is part of the state.

// verdictOf is what the judge has seen up to a state.
type verdictOf struct {
	judge  *checker.Judge
	steps  int64  // that it has seen: its clock
	broken uint32 // marks of kind Never
	owed   uint32 // marks of kind Eventually, if the run ended here
	owing  []int  // the nodes of which recovery is owed then
	by     origin
}

// shown is lines that the judge sees of a step.
type shown struct {
	lines []trace.Event
	by    origin
}

// The properties of the system. Safety first, each a mark that stays.
var safety = [...]string{
	checker.Agreement, checker.CommID, checker.Ranks, checker.Validity, checker.History, checker.Isolation,
	checker.Eviction, checker.QuorumLoss, checker.Livelock,
}

const (
	markAgreement = 0
	markLivelock  = len(safety) - 1
	markRecovery  = len(safety)
	markReport    = len(safety) + 1 // a quorum's loss that is never told
	markCycle     = len(safety) + 2
	markProbes    = len(safety) + 3
)

const (
	probeInstall uint32 = 1 << (markProbes + iota)
	probeEviction
	probeLoss
	probeSecond
	probeRefusal
	probeTell
	probeCommit
	probeWithdrawn
	probeEnd
	probeDeaf
	probePanic
	probeLate
	probeClosed
)

// probes names what a search must have seen before its silence means anything, in the order of their bits.
var probes = [...]struct {
	name string
	of   uint8 // the protocols that can show it
}{
	{"a node installed a view without somebody", onDatagrams | onStreams},
	{"a live node was excluded and learned it", onDatagrams},
	{"a node reported the loss of its quorum", onDatagrams},
	{"a second coordinator proposed", onDatagrams | onStreams},
	{"a ballot was refused", onDatagrams},
	{"a node was told a decision that it had missed", onDatagrams},
	{"a decision was told", onDatagrams},
	{"a suspicion was withdrawn", onDatagrams},
	{"an orchestrator ended", onStreams},
	{Deaf, onStreams},
	{"a node panicked", onStreams},
	{"a message counted that had waited at its receiver", onStreams},
	{"a node learned that a connection had ended", onStreams},
}

// Deaf names the situation that a rebuilt communicator which cannot receive leads into.
const Deaf = "an orchestrator ended because its communicator cannot receive"

// probeOfEnd looks at how an orchestrator ended.
func probeOfEnd(text string) uint32 {
	if strings.Contains(text, "unknown peer") {
		return probeEnd | probeDeaf
	}
	return probeEnd
}

const (
	onDatagrams uint8 = 1 << iota
	onStreams
)

// shows tells whether a protocol of this sort can lead into a situation.
func (w *world) shows(name string) bool {
	sort := onDatagrams
	if w.streams {
		sort = onStreams
	}
	for _, p := range probes {
		if p.name == name {
			return p.of&sort != 0
		}
	}
	return false
}

func properties() []search.Property {
	var all []search.Property
	for _, name := range safety {
		all = append(all, search.Property{Name: name, Kind: search.Never})
	}
	all = append(all,
		search.Property{Name: checker.Recovery, Kind: search.Eventually},
		search.Property{Name: checker.QuorumLoss, Kind: search.Eventually},
		search.Property{Name: checker.Livelock, Kind: search.NoCycle},
	)
	for _, p := range probes {
		all = append(all, search.Property{Name: p.name, Kind: search.Sometimes})
	}
	return all
}

func probeOf(k core.EventKind) uint32 {
	switch k {
	case core.EventEvicted:
		return probeEviction
	case core.EventQuorumLost:
		return probeLoss
	}
	return 0
}

// probeOfSend looks for a proposal by another than the lowest member, or of a later round; a refusal; a decision.
func probeOfSend(c *cell, m *core.Message) uint32 {
	switch m.Kind {
	case core.Agreement:
		by := m.Ballot.Coordinator
		if m.Ballot == core.NoBallot {
			by = core.NodeID(c.node)
		}
		if lowest := c.members & -c.members; m.Ballot.Round > 0 || lowest != 1<<by {
			return probeSecond
		}
	case core.Refusal:
		return probeRefusal
	case core.Commit:
		return probeCommit
	}
	return 0
}

func header(c *Config) *trace.Header {
	h := &trace.Header{
		Source: "sim", Protocol: c.Protocol, World: c.World, Model: "asynchronous", Seed: "1",
		Config: []byte("{}"), Scenario: []byte(`{"network":{"transport":"` + c.transport() + `"}}`),
		CommID: sim.RootID(c.Protocol, nodeIDs(c.World)), NodeIDs: nodeIDs(c.World),
	}
	if c.accurate() {
		h.Model = "crash-stop"
	}
	return h
}

// afterAll is long after every deadline.
const afterAll = math.MaxInt64 / 4

// numberVerdict takes a judge into the atlas. The judge must not be used afterwards.
func (w *world) numberVerdict(j *checker.Judge, by origin) uint32 {
	w.buf = w.appendJudge(w.buf[:0], j)
	return w.verdicts.number(w.buf, func() *verdictOf {
		v := newVerdict(j.Clone(), w.now)
		v.by = by
		return v
	})
}

// appendJudge writes what of a judge can still make a difference. A node of classic may install without excluding anybody,
// and come to suspect whom it has excluded; and where nodes disagree on a view, one of them may be asked yet whether it
// suspects whom it has excluded.
func (w *world) appendJudge(buf []byte, j *checker.Judge) []byte {
	buf = j.AppendUntimed(buf)
	if w.streams || w.cfg.Plain.KeepBeliefs {
		buf = j.AppendErrant(buf)
	}
	return buf
}

func newVerdict(j *checker.Judge, steps int64) *verdictOf {
	v := &verdictOf{judge: j, steps: steps}
	for i, property := range safety {
		if j.Violated(property) {
			v.broken |= 1 << i
		}
	}
	end := j.Finish(checker.Ending{T: afterAll, Complete: true})
	if len(end.Malformed) > 0 {
		panic("the judge was given a history that cannot be: " + end.Malformed[0])
	}
	for i := range end.Violations {
		switch x := &end.Violations[i]; {
		case x.Property == checker.Recovery:
			v.owed |= 1 << markRecovery
			v.owing = append(v.owing, x.Nodes...)
		case x.Property == checker.QuorumLoss && checker.IsLiveness(x):
			v.owed |= 1 << markReport
		}
	}
	slices.Sort(v.owing)
	v.owing = slices.Compact(v.owing)
	return v
}

// judgeStep shows the judge what came of an input: lines without a time, of which many inputs have the same.
func (w *world) judgeStep(verdict uint32, o *outcome) uint32 {
	if !o.visible {
		return verdict
	}
	return w.judgeLines(verdict, o.lines)
}

func (w *world) judgeLines(verdict, lines uint32) uint32 {
	key := pair(verdict, lines)
	known := &w.judged
	if w.sym != nil {
		known = w.own(known, &w.sym.judged)
	}
	if v, ok := known.get(key); ok {
		return v
	}
	w.recall(verdict)
	w.show(lines)
	v := w.numberVerdict(w.judge, origin{how: byStep, of: verdict, in: input(lines)})
	known.put(key, v)
	if w.holding() {
		w.holdVerdict(v, func(r int) uint32 { return w.judgeLines(w.renamedVerdict(r, verdict), w.renamedLines(r, lines)) })
	}
	return v
}

// recall makes the judge the one that has seen what led to a verdict, one step later.
func (w *world) recall(verdict uint32) {
	v := w.verdicts.at(verdict).of
	w.judge.CopyFrom(v.judge)
	w.now = v.steps + 1
}

// show gives the judge lines, at its present time.
func (w *world) show(lines uint32) {
	for _, ev := range w.lines.at(lines).of.lines {
		ev.T = w.now
		w.judge.Observe(&ev)
	}
}

// numberLines takes the lines of the step that was just taken into the atlas.
func (w *world) numberLines(c *cell, by origin) uint32 {
	var all []trace.Event
	w.sink = func(ev *trace.Event) { all = append(all, copyOf(ev)) }
	w.record(c, 0, nil)
	w.sink = w.judge.Observe
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // all its fields are plain
	}
	return w.lines.number(text, func() *shown { return &shown{all, by} })
}

// copyOf keeps a line that a recorder has written: as it has no time, so it has no number.
func copyOf(ev *trace.Event) trace.Event {
	kept := *ev
	kept.T, kept.Seq, kept.Cause = 0, 0, 0
	if m := ev.Msg; m != nil {
		own := *m
		own.Set = slices.Clone(m.Set)
		kept.Msg = &own
	}
	if v := ev.Install; v != nil {
		own := *v
		own.Members, own.Dead = slices.Clone(v.Members), slices.Clone(v.Dead)
		kept.Install = &own
	}
	if n := ev.Told; n != nil {
		own := *n
		own.DeadRanks = slices.Clone(n.DeadRanks)
		kept.Told = &own
	}
	return kept
}

// record writes the lines of the step that was just taken; cause is the line that made it happen, 0 for none. Messages are
// the business of send, if there is one: no verdict rests on them.
func (w *world) record(c *cell, cause uint64, send func(e *core.Effect, cause uint64)) {
	node := int(c.node)
	if w.in.Kind == core.InDeliver {
		used := false
		for i := range w.effects {
			if w.effects[i].Kind == core.OutUsed {
				_, _, late := w.out.Late(&w.effects[i])
				used = used || !late
			}
		}
		cause = w.rec.Deliver(w.now, node, int(w.in.From), w.in.ID, &w.in.Msg, c.epoch, used)
	}
	epoch := c.epoch
	for i := range w.effects {
		e := &w.effects[i]
		switch e.Kind {
		case core.OutUsed:
			if m, id, late := w.out.Late(e); late {
				cause = w.rec.Late(w.now, node, int(e.Peer), id, m, epoch)
			}
		case core.OutBelieve:
			w.rec.Believe(w.now, node, int(e.Peer), e.Suspected, cause)
		case core.OutInstall:
			epoch = w.out.Install(e).View.Epoch
			cause = w.rec.Install(w.now, node, w.out.Install(e), cause)
		case core.OutEvent:
			w.rec.Event(w.now, node, w.out.Event(e), cause)
		case core.OutPanic:
			w.rec.Panic(w.now, node, w.out.Text(e), cause)
		case core.OutEnd:
			w.rec.End(w.now, node, e.Why, w.out.Text(e), cause)
		case core.OutSend:
			if send != nil {
				send(e, cause)
			}
		case core.OutSetTimer, core.OutCancelTimer, core.OutWake, core.OutDone:
		}
	}
	if w.failure != "" {
		w.rec.Panic(w.now, node, w.failure, cause)
	}
}

// judgeAct shows the judge an act of the environment, which key names.
func (w *world) judgeAct(verdict, key uint32, act func()) uint32 {
	known := &w.acted
	if w.sym != nil {
		known = w.own(known, &w.sym.acted)
	}
	if v, ok := known.get(pair(verdict, key)); ok {
		return v
	}
	w.recall(verdict)
	act()
	v := w.numberVerdict(w.judge, origin{how: byAct, of: verdict, in: input(key)})
	known.put(pair(verdict, key), v)
	if w.holding() {
		w.holdVerdict(v, func(r int) uint32 { return w.renamedAct(r, w.renamedVerdict(r, verdict), key) })
	}
	return v
}

func (w *world) judgeCrash(verdict uint32, node int) uint32 {
	return w.judgeAct(verdict, uint32(node), func() { w.rec.Crash(w.now, node, false, 0) })
}

func (w *world) judgePartition(verdict uint32, split, side uint8, heal bool) uint32 {
	key := 1<<24 | uint32(bit(heal))<<16 | uint32(split)<<8 | uint32(side)
	kind := trace.Partition
	if heal {
		kind = trace.Heal
	}
	return w.judgeAct(verdict, key, func() {
		w.rec.Act(w.now, kind, trace.Act{Groups: [][]int{nodesOf(split &^ side), nodesOf(side)}}, 0)
	})
}

func nodesOf(set uint8) []int {
	var all []int
	for i := range MaxWorld {
		if set>>i&1 != 0 {
			all = append(all, i)
		}
	}
	return all
}

// why tells what is wrong, of a property that a judge finds broken if the run ends here.
func why(j *checker.Judge, property string, liveness bool) string {
	end := j.Finish(checker.Ending{T: afterAll, Complete: true})
	if x := end.First(property, liveness); x != nil {
		return x.Why
	}
	return "no violation of " + property
}
