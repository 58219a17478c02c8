package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/scenarios"
)

// probe is a machine without a protocol: a rule of the test says what it does at each input, and a log, shared by the
// nodes of a run, keeps what they were given.
type probe struct {
	self  core.NodeID
	world int
	lab   *lab
}

// rule says what a probe does.
type rule func(p *probe, now core.Instant, in *core.Input, out *core.Effects)

func (p *probe) Step(now core.Instant, in *core.Input, out *core.Effects) {
	if in.Kind != core.InStart {
		p.lab.log = append(p.lab.log, p.lab.at()+" "+p.tell(in))
	}
	if p.lab.rule != nil {
		p.lab.rule(p, now, in, out)
	}
}

func (p *probe) Clone() core.Machine           { c := *p; return &c }
func (p *probe) AppendState(buf []byte) []byte { return buf }
func (p *probe) KindName(k core.Kind) string   { return k.String() }

// tell describes an input in one line: who, what, about whom.
func (p *probe) tell(in *core.Input) string {
	text := fmt.Sprintf("%d %s", p.self, in.Kind)
	switch in.Kind {
	case core.InDeliver:
		text += fmt.Sprintf(" %d from %d", in.Msg.Num, in.From)
	case core.InTimer:
		text += fmt.Sprint(" ", in.Timer)
	case core.InWake:
		text += fmt.Sprint(" ", in.ID)
	case core.InSent:
		text += fmt.Sprintf(" %d %q", in.ID, in.Err)
	case core.InClosed, core.InTrust:
		text += fmt.Sprint(" ", in.Peer)
	case core.InSuspect:
		text += fmt.Sprintf(" %d hold=%t", in.Peer, in.Hold)
	case core.InCall:
		text += fmt.Sprint(" ", in.Call)
	}
	return text
}

// lab is one run with probes.
type lab struct {
	sim   *Simulator
	rule  rule
	log   []string // what the nodes were given
	trace []string // the lines of the environment, drops, panics
	res   *Result
}

// at is the instant of the run.
func (l *lab) at() string { return time.Duration(l.sim.now).String() }

// probing parses a scenario for probes. The text is what follows name, about and world; where it says nothing of them, a
// message takes 1 ms and the run 10 s.
func probing(t *testing.T, world int, text string) *scenarios.Scenario {
	t.Helper()
	head := fmt.Sprintf("name: probe\nabout: A test.\nworld: %d\n", world)
	if !strings.Contains(text, "network:") {
		head += "network: {latency: 1ms}\n"
	}
	if !strings.Contains(text, "duration:") {
		head += "duration: 10s\nsettle: 0s\n"
	}
	sc, err := scenarios.Parse("probe.yaml", []byte(head+text))
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// experiment runs a scenario with probes.
func experiment(t *testing.T, world int, text string, do rule) *lab {
	t.Helper()
	l := &lab{sim: New(), rule: do}
	res, err := l.sim.Run(Spec{Scenario: probing(t, world, text), Seed: 1, New: l.machine, Observe: l.observe})
	if err != nil {
		t.Fatal(err)
	}
	l.res = res
	return l
}

func (l *lab) machine(s core.Setup) (core.Machine, error) { return &probe{s.Self, s.World, l}, nil }

func (l *lab) observe(ev *trace.Event) {
	text := fmt.Sprintf("%v %v", time.Duration(ev.T), ev.Kind)
	switch ev.Kind {
	case trace.Send, trace.Deliver, trace.Suspect, trace.Trust, trace.Install, trace.Told, trace.End, trace.Input, trace.Verdict:
		return
	case trace.Drop:
		text += fmt.Sprintf(" %d %s", ev.ID, ev.Why)
	case trace.Crash:
		text += fmt.Sprintf(" %d silent=%t", ev.Node, ev.Silent)
	case trace.Pause, trace.Resume:
		text += fmt.Sprintf(" %d", ev.Node)
	case trace.Panic:
		text += fmt.Sprintf(" %d %s", ev.Node, ev.Error)
	case trace.Busy:
		text += fmt.Sprintf(" %d %d", ev.Node, ev.N)
	}
	l.trace = append(l.trace, text)
}

// want compares what the nodes were given, less their timers, with what a test expects.
func (l *lab) want(t *testing.T, lines ...string) {
	t.Helper()
	l.same(t, lines, func(line string) bool { return !strings.Contains(line, " timer ") })
}

// wantAll compares timers too.
func (l *lab) wantAll(t *testing.T, lines ...string) {
	t.Helper()
	l.same(t, lines, func(string) bool { return true })
}

func (l *lab) same(t *testing.T, lines []string, counts func(string) bool) {
	t.Helper()
	var got []string
	for _, line := range l.log {
		if counts(line) {
			got = append(got, line)
		}
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Errorf("inputs (-want +got):\n%s\ntrace:\n%s", diff, strings.Join(l.trace, "\n"))
	}
}

// wantTrace compares the lines of the environment, drops and panics.
func (l *lab) wantTrace(t *testing.T, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, l.trace); diff != "" {
		t.Errorf("trace (-want +got):\n%s\ninputs:\n%s", diff, strings.Join(l.log, "\n"))
	}
}

// num is a message with a number.
func num(n uint64) *core.Message {
	return &core.Message{Kind: 40, Num: n, Ballot: core.NoBallot}
}

// kind is a message of a kind that scenarios can name.
func kind(k core.Kind, n uint64) *core.Message {
	return &core.Message{Kind: k, Num: n, Ballot: core.NoBallot}
}

// cue is what a node does at an instant.
type cue struct {
	node int
	at   time.Duration
	do   func(out *core.Effects)
}

// script is the rule of nodes that do things at instants of their clocks; each has at most core.MaxTimers cues.
func script(cues ...cue) rule {
	return func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
		next := core.TimerID(0)
		for i := range cues {
			switch c := &cues[i]; {
			case c.node != int(p.self):
				continue
			case in.Kind == core.InStart:
				out.SetTimer(next, core.Instant(c.at))
			case in.Kind == core.InTimer && in.Timer == next:
				c.do(out)
			}
			next++
		}
	}
}

// says is a cue to send messages with numbers to a node.
func says(node int, at time.Duration, to int, nums ...uint64) cue {
	return cue{node, at, func(out *core.Effects) {
		for _, n := range nums {
			out.Send(core.NodeID(to), num(n))
		}
	}}
}

// sending is the rule that node 0 sends message i to node 1 at the i-th instant.
func sending(at ...time.Duration) rule {
	var cues []cue
	for i, d := range at {
		cues = append(cues, says(0, d, 1, uint64(i)))
	}
	return script(cues...)
}

const (
	second = time.Second
	milli  = time.Millisecond
)
