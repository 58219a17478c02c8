package explore

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/zeebo/xxh3"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/internal/record"
)

// Diverged says that a step of a schedule finds no place.
type Diverged struct {
	At      int // the step, from 1
	Step    Step
	Enabled []Step // what is possible there
}

// Error names the step.
func (d *Diverged) Error() string {
	return fmt.Sprintf("step %d, %s: not possible there", d.At, d.Step.String())
}

// Replayed is what came of a schedule.
type Replayed struct {
	Verdict  checker.Verdict // liveness is judged if the schedule ends where whatever timers bring about leads back
	Lines    []string        // the story: a line for each step
	Cycle    int             // steps at the end that lead back to where they began; 0 if they do not
	Digest   uint64          // of the steps and of what each node was in after each of them
	Messages uint64          // sent
	Installs uint64
}

// Replay takes the steps of a schedule with machines and a judge of its own, by their names. The error is a *Diverged if a
// step finds no place.
func Replay(s *Schedule) (*Replayed, error) {
	p, err := newPlayer(&s.Config, nil)
	if err != nil {
		return nil, err
	}
	for i := range s.Steps {
		if err := p.take(&s.Steps[i]); err != nil {
			return nil, err
		}
	}
	return p.end(), nil
}

// player takes the steps of a schedule: the world says which are possible and what is in flight, and machines that step
// only here, one input after another, must come to the same.
type player struct {
	w        *world
	machines []core.Machine
	judge    *checker.Judge
	rec      *record.Recorder
	observe  func(*trace.Event) // nil if nobody wants the lines
	post     post
	states   []State // the initial one first
	taken    []taken // what led from each to the next
	told     []string
	died     [MaxWorld]uint64 // the line of each node's crash
	parted   uint64           // the line of the partition
	replayed Replayed
	buf      []byte
}

// taken is a step that a player has taken.
type taken struct {
	step           Step
	free, progress bool
}

// newPlayer begins a schedule. observe gets every line of its trace but the header; it may be nil.
func newPlayer(c *Config, observe func(*trace.Event)) (*player, error) {
	own := *c
	own.Plain.KeepBeliefs = true
	make1, err := newWorlds(&own)
	if err != nil {
		return nil, err
	}
	p := &player{w: make1(), observe: observe}
	return p, p.begin(c)
}

func (p *player) begin(c *Config) error {
	var err error
	if p.machines, err = c.machines(); err != nil {
		return err
	}
	h := header(c)
	h.Mode = trace.ModeSchedule
	if p.judge, err = checker.New(h); err != nil {
		return err
	}
	p.rec = record.New()
	p.rec.Reset(func(ev *trace.Event) {
		p.judge.Observe(ev)
		p.tell(ev)
		if p.observe != nil {
			p.observe(ev)
		}
	}, p.observe != nil, p.machines[0].KindName)
	for i := range p.machines {
		p.step(i, &core.Input{Kind: core.InStart}, p.w.cells.at(p.w.initial.cells[i]).of, 0)
	}
	p.states = []State{p.w.initial}
	return p.settle(&p.w.initial, act{})
}

// now is the state that the player has come to.
func (p *player) now() *State { return &p.states[len(p.states)-1] }

// find looks for the act that a step names.
func (p *player) find(step *Step) (act, bool) {
	s := p.now()
	for _, a := range p.w.enabled(s) {
		if name := p.w.name(s, a); name.equal(step) {
			return a, true
		}
	}
	return act{}, false
}

// take finds a step by its name and takes it.
func (p *player) take(step *Step) error {
	a, ok := p.find(step)
	if !ok {
		d := &Diverged{At: len(p.states), Step: *step}
		for _, a := range p.w.enabled(p.now()) {
			d.Enabled = append(d.Enabled, p.w.name(p.now(), a))
		}
		return d
	}
	return p.execute(a)
}

// execute takes a step, in the world and with the player's own machines, which must come to the same.
func (p *player) execute(a act) error {
	s, at := p.now(), len(p.states)
	name := p.w.name(s, a)
	next := *s
	progress, _ := p.w.apply(&next, a)
	p.w.now, p.told = int64(at), nil
	err := p.perform(s, &next, a)
	if err == nil {
		p.lower(&next, p.w.lowered)
		err = p.settle(&next, a)
	}
	line := fmt.Sprintf("%4d  %s", at, name.String())
	if len(p.told) > 0 {
		line += ": " + strings.Join(p.told, "; ")
	}
	p.replayed.Lines = append(p.replayed.Lines, line)
	p.states = append(p.states, next)
	p.taken = append(p.taken, taken{name, a.free(), progress})
	if err == nil {
		err = p.same(&next)
	}
	if err != nil {
		return fmt.Errorf("explore: after step %d %w", at, err)
	}
	p.fold(name.String())
	return nil
}

// lower takes off rounds what the world has taken off.
func (p *player) lower(s *State, l lowering) {
	if l.by == 0 {
		return
	}
	for i, m := range p.machines {
		if x, ok := m.(ranger); ok && p.w.cells.at(s.cells[i]).of.epoch == l.epoch {
			x.LowerRounds(l.from, l.by)
		}
	}
	p.lowerPost(l)
}

// fold adds a step, and what the nodes are in after it, to the digest.
func (p *player) fold(step string) {
	p.buf = append(p.buf[:0], step...)
	for i, m := range p.machines {
		if p.now().dead>>i&1 == 0 {
			p.buf = append(m.AppendState(p.buf), byte(i))
		}
	}
	p.replayed.Digest = xxh3.HashSeed(p.buf, p.replayed.Digest)
}

// end judges what the player has come to.
func (p *player) end() *Replayed {
	r := p.replayed
	last := len(p.states) - 1
	ending := checker.Ending{T: int64(last)}
	if p.w.stuck(p.now()) {
		ending = checker.Ending{T: afterAll, Complete: true}
	}
	r.Verdict = p.judge.Finish(ending)
	for i := range last {
		if p.states[i] == p.states[last] {
			r.Cycle = last - i
			break
		}
	}
	if r.Cycle > 0 && p.repeats(last-r.Cycle) {
		r.Verdict.Violations = append(r.Verdict.Violations, trace.Violation{
			Property: checker.Livelock, T: int64(last), Nodes: []int{}, Why: p.w.whyCycle(p.states),
		})
	}
	if p.observe != nil {
		p.observe(&trace.Event{
			T: ending.T, Node: -1, Kind: trace.Verdict, Violations: r.Verdict.Violations, Digest: fmt.Sprintf("%016x", r.Digest),
			Steps: uint64(len(r.Lines)), Installs: r.Installs,
		})
	}
	return &r
}

// repeats tells whether the steps from one state on happen by themselves and do something that no cycle may.
func (p *player) repeats(from int) bool {
	progress := false
	for i := from; i < len(p.taken); i++ {
		if !p.taken[i].free {
			return false
		}
		progress = progress || p.taken[i].progress
	}
	return progress
}

// perform does to the player's own machines and judge what the act does.
func (p *player) perform(s, next *State, a act) error {
	var in core.Input
	var cause uint64
	node := int(a.node)
	switch a.do {
	case doDeliver, doDuplicate, doTell:
		node = int(a.peer)
		m := p.w.mails.at(a.what).of
		if a.do == doTell {
			p.dispatch(int(m.from), a.what, &m.msg, 0)
		}
		id, err := p.arrive(a.what, a.do == doDuplicate)
		if err != nil {
			return err
		}
		in = core.Input{Kind: core.InDeliver, From: core.NodeID(m.from), Msg: m.msg, ID: id}
	case doWake:
		in = core.Input{Kind: core.InWake, ID: uint64(a.what)}
	case doAnswer:
		in = core.Input{Kind: core.InSent, ID: uint64(a.what)}
	case doSuspect:
		in, cause = core.Input{Kind: core.InSuspect, Peer: core.NodeID(a.peer)}, p.reason(s, node, int(a.peer))
	case doAccuse:
		in = core.Input{Kind: core.InSuspect, Peer: core.NodeID(a.peer)}
		cause = p.rec.Act(p.w.now, trace.SuspectInjected, trace.Act{Suspect: []trace.Accusation{{By: node, Of: int(a.peer)}}}, 0)
	case doClose:
		in, cause = core.Input{Kind: core.InClosed, Peer: core.NodeID(a.peer)}, p.reason(s, node, int(a.peer))
	case doTrust:
		in = core.Input{Kind: core.InTrust, Peer: core.NodeID(a.peer)}
	case doTimer, doEarly:
		in = core.Input{Kind: core.InTimer, Timer: core.TimerID(a.what)}
	case doCrash:
		p.died[node] = p.rec.Crash(p.w.now, node, false, 0)
		return nil
	case doPartition:
		p.parted = p.rec.Act(p.w.now, trace.Partition, trace.Act{Groups: [][]int{nodesOf(next.split &^ next.side), nodesOf(next.side)}}, 0)
		return nil
	case doHeal:
		p.rec.Act(p.w.now, trace.Heal, trace.Act{Groups: [][]int{nodesOf(s.split &^ s.side), nodesOf(s.side)}}, 0)
		return nil
	case doLose:
		id, err := p.arrive(a.what, false)
		p.rec.Drop(p.w.now, id, dropLoss)
		return err
	}
	p.step(node, &in, p.w.cells.at(s.cells[node]).of, cause)
	return nil
}

// reason is the line of what lets a node lose sight of another; 0 if there is none.
func (p *player) reason(s *State, node, peer int) uint64 {
	switch {
	case s.dead>>peer&1 != 0:
		return p.died[peer]
	case s.apart(node, peer):
		return p.parted
	}
	return 0
}

// step gives one of the player's machines an input. A panic in it is the node's.
func (p *player) step(node int, in *core.Input, before *cell, cause uint64) {
	w := p.w
	w.in = *in
	w.drive(p.machines[node], node)
	rec := w.rec
	w.rec = p.rec
	w.record(before, cause, func(e *core.Effect, cause uint64) {
		m := w.out.Message(e)
		p.dispatch(node, w.numberMail(uint8(node), uint8(e.Peer), m, origin{}), m, cause)
	})
	w.rec = rec
	p.tellSends()
}

// same holds the player's machines against the world's cells.
func (p *player) same(s *State) error {
	for i, m := range p.machines {
		c := p.w.cells.at(s.cells[i]).of
		if c.m == nil || c.still {
			continue
		}
		if !bytes.Equal(c.m.AppendState(nil), m.AppendState(nil)) {
			return fmt.Errorf("node %d is in another state than was remembered: the machine's encoding leaves something out", i)
		}
	}
	return nil
}

// tellSends adds to the story what the step has sent.
func (p *player) tellSends() {
	var text string
	for i := range p.w.effects {
		e := &p.w.effects[i]
		if e.Kind != core.OutSend {
			continue
		}
		p.replayed.Messages++
		kind := p.w.kindName(p.w.out.Message(e).Kind)
		if kind == text {
			p.told[len(p.told)-1] += fmt.Sprintf(" %d", e.Peer)
			continue
		}
		text = kind
		p.told = append(p.told, fmt.Sprintf("sends %s to %d", kind, e.Peer))
	}
}

// tell adds to the story what the judge sees.
func (p *player) tell(ev *trace.Event) {
	switch ev.Kind {
	case trace.Install:
		p.replayed.Installs++
		p.told = append(p.told, fmt.Sprintf("%d INSTALLS epoch %d: %s", ev.Node, ev.Install.Epoch, strings.Trim(fmt.Sprint(ev.Install.Members), "[]")))
	case trace.Told:
		if ev.Told.Kind == "evicted" || ev.Told.Kind == "quorum-lost" {
			p.told = append(p.told, fmt.Sprintf("%d is told %s", ev.Node, ev.Told.Kind))
		}
	case trace.End:
		text := fmt.Sprintf("%d ENDS: %s", ev.Node, ev.Why)
		if ev.Error != "" {
			text += " (" + ev.Error + ")"
		}
		p.told = append(p.told, text)
	case trace.Panic:
		p.told = append(p.told, fmt.Sprintf("%d PANICS: %s", ev.Node, ev.Error))
	}
}
