package explore

import (
	"bytes"
	"fmt"
	"strings"

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
	Verdict checker.Verdict // liveness is judged if the schedule ends where nothing but timers is left
	Lines   []string        // the story: a line for each step
	Cycle   int             // steps at the end that lead back to where they began; 0 if they do not
}

// Replay takes the steps of a schedule with machines and a judge of its own, by their names. The error is a *Diverged if a
// step finds no place.
func Replay(s *Schedule) (*Replayed, error) {
	make1, err := newWorlds(&s.Config)
	if err != nil {
		return nil, err
	}
	p := &player{w: make1()}
	if err := p.begin(&s.Config); err != nil {
		return nil, err
	}
	states := []State{p.w.initial}
	for i := range s.Steps {
		next, err := p.take(&states[i], i+1, &s.Steps[i])
		if err != nil {
			return nil, err
		}
		states = append(states, next)
	}
	last := &states[len(states)-1]
	r := &Replayed{Lines: p.lines}
	r.Verdict = p.judge.Finish(checker.Ending{T: afterAll, Complete: p.w.quiet(last)})
	for i := range states[:len(states)-1] {
		if states[i] == *last {
			r.Cycle = len(states) - 1 - i
			break
		}
	}
	return r, nil
}

// player takes the steps of a schedule: the world says which are possible and what is in flight, and machines that step
// only here, one input after another, must come to the same.
type player struct {
	w        *world
	machines []core.Machine
	judge    *checker.Judge
	rec      *record.Recorder
	lines    []string
	told     []string // of the step being taken
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
	return nil
}

// take finds a step by its name and takes it.
func (p *player) take(s *State, at int, step *Step) (State, error) {
	var all []Step
	for _, a := range p.w.enabled(s) {
		name := p.w.name(s, a)
		if !name.equal(step) {
			all = append(all, name)
			continue
		}
		next := *s
		p.w.apply(&next, a)
		p.w.now, p.told = int64(at), nil
		p.perform(s, &next, a)
		line := fmt.Sprintf("%4d  %s", at, name.String())
		if len(p.told) > 0 {
			line += ": " + strings.Join(p.told, "; ")
		}
		p.lines = append(p.lines, line)
		return next, p.same(&next, at)
	}
	return State{}, &Diverged{At: at, Step: *step, Enabled: all}
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
		if p.w.cells.at(s.cells[node]).of.answers[0].closed {
			in.Err = "connection closed"
		}
	case doSuspect, doAccuse:
		in = core.Input{Kind: core.InSuspect, Peer: core.NodeID(a.peer)}
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
		if c.m == nil || c.panicked {
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
		p.told = append(p.told, fmt.Sprintf("%d INSTALLS epoch %d: %s", ev.Node, ev.Install.Epoch, strings.Trim(fmt.Sprint(ev.Install.Members), "[]")))
	case trace.Told:
		if ev.Told.Kind == "evicted" || ev.Told.Kind == "quorum-lost" {
			p.told = append(p.told, fmt.Sprintf("%d is told %s", ev.Node, ev.Told.Kind))
		}
	case trace.Panic:
		p.told = append(p.told, fmt.Sprintf("%d PANICS: %s", ev.Node, ev.Error))
	}
}
