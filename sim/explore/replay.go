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
	p, err := newPlayer(&s.Config)
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

// whyReplayed tells what is wrong at the end of a schedule, in the words of a judge that has seen this schedule alone.
func whyReplayed(s *Schedule, property string, liveness bool) (string, error) {
	p, err := newPlayer(&s.Config)
	if err != nil {
		return "", err
	}
	for i := range s.Steps {
		if err := p.take(&s.Steps[i]); err != nil {
			return "", err
		}
	}
	return why(p.judge, property, liveness), nil
}

// player takes the steps of a schedule: the world says which are possible and what is in flight, and machines that step
// only here, one input after another, must come to the same.
type player struct {
	w        *world
	machines []core.Machine
	judge    *checker.Judge
	rec      *record.Recorder
	states   []State // the initial one first
	taken    []taken // what led from each to the next
	told     []string
	replayed Replayed
	buf      []byte
}

// taken is a step that a player has taken.
type taken struct {
	step           Step
	free, progress bool
}

func newPlayer(c *Config) (*player, error) {
	own := *c
	own.Plain.KeepBeliefs = true
	make1, err := newWorlds(&own)
	if err != nil {
		return nil, err
	}
	p := &player{w: make1()}
	return p, p.begin(c)
}

func (p *player) begin(c *Config) error {
	var err error
	if p.machines, err = c.machines(); err != nil {
		return err
	}
	if p.judge, err = checker.New(header(c)); err != nil {
		return err
	}
	p.rec = record.New()
	p.rec.Reset(func(ev *trace.Event) {
		p.judge.Observe(ev)
		p.tell(ev)
	}, false, p.machines[0].KindName)
	for i, m := range p.machines {
		p.step(m, &core.Input{Kind: core.InStart}, p.w.cells.at(p.w.initial.cells[i]).of)
	}
	p.states = []State{p.w.initial}
	return nil
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
	p.perform(s, &next, a)
	p.lower(&next, p.w.lowered)
	line := fmt.Sprintf("%4d  %s", at, name.String())
	if len(p.told) > 0 {
		line += ": " + strings.Join(p.told, "; ")
	}
	p.replayed.Lines = append(p.replayed.Lines, line)
	p.states = append(p.states, next)
	p.taken = append(p.taken, taken{name, a.free(), progress})
	if err := p.same(&next, at); err != nil {
		return err
	}
	p.fold(name.String())
	return nil
}

// lower takes off rounds what the world has taken off.
func (p *player) lower(s *State, l lowering) {
	for i, m := range p.machines {
		if x, ok := m.(ranger); ok && l.by > 0 && p.w.cells.at(s.cells[i]).of.epoch == l.epoch {
			x.LowerRounds(l.from, l.by)
		}
	}
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
func (p *player) perform(s, next *State, a act) {
	var in core.Input
	node := int(a.node)
	switch a.do {
	case doDeliver, doDuplicate, doTell:
		node = int(a.peer)
		m := p.w.mails.at(a.what).of
		in = core.Input{Kind: core.InDeliver, From: core.NodeID(m.from), Msg: m.msg}
	case doWake:
		in = core.Input{Kind: core.InWake, ID: uint64(a.what)}
	case doAnswer:
		in = core.Input{Kind: core.InSent, ID: uint64(a.what)}
	case doSuspect, doAccuse:
		in = core.Input{Kind: core.InSuspect, Peer: core.NodeID(a.peer)}
	case doClose:
		in = core.Input{Kind: core.InClosed, Peer: core.NodeID(a.peer)}
	case doTrust:
		in = core.Input{Kind: core.InTrust, Peer: core.NodeID(a.peer)}
	case doTimer, doEarly:
		in = core.Input{Kind: core.InTimer, Timer: core.TimerID(a.what)}
	case doCrash:
		p.rec.Crash(p.w.now, node, false, 0)
		return
	case doPartition:
		p.rec.Act(p.w.now, trace.Partition, trace.Act{Groups: [][]int{nodesOf(next.split &^ next.side), nodesOf(next.side)}}, 0)
		return
	case doHeal:
		p.rec.Act(p.w.now, trace.Heal, trace.Act{Groups: [][]int{nodesOf(s.split &^ s.side), nodesOf(s.side)}}, 0)
		return
	case doLose:
		return
	}
	p.step(p.machines[node], &in, p.w.cells.at(s.cells[node]).of)
}

// step gives one of the player's machines an input. A panic in it is the node's.
func (p *player) step(m core.Machine, in *core.Input, before *cell) {
	w := p.w
	w.in = *in
	w.out.Reset()
	w.effects, w.failure = nil, ""
	func() {
		defer func() {
			if r := recover(); r != nil {
				w.failure = fmt.Sprint(r)
			}
		}()
		m.Step(0, in, &w.out)
		w.effects = w.out.List()
	}()
	rec := w.rec
	w.rec = p.rec
	w.record(before)
	w.rec = rec
	p.tellSends()
}

// same holds the player's machines against the world's cells.
func (p *player) same(s *State, at int) error {
	for i, m := range p.machines {
		c := p.w.cells.at(s.cells[i]).of
		if c.m == nil || c.still {
			continue
		}
		if !bytes.Equal(c.m.AppendState(nil), m.AppendState(nil)) {
			return fmt.Errorf("explore: after step %d node %d is in another state than was remembered: the machine's encoding leaves something out", at, i)
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
