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

// probe is a machine without a protocol: a test's own function says what it does at each input, and a log, shared by the
// nodes of a run, keeps what it was given.
type probe struct {
	self  core.NodeID
	world int
	lab   *lab
}

func (p *probe) Step(now core.Instant, in *core.Input, out *core.Effects) {
	if in.Kind != core.InStart {
		p.lab.log = append(p.lab.log, p.lab.at()+" "+p.tell(in))
	}
	if p.lab.do != nil {
		p.lab.do(p, now, in, out)
	}
}

func (p *probe) Clone() core.Machine           { c := *p; return &c }
func (p *probe) AppendState(buf []byte) []byte { return buf }
func (p *probe) KindName(k core.Kind) string   { return k.String() }

// tell describes an input in one line: who, what, from whom.
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

type lab struct {
	sim *Simulator
	do  func(p *probe, now core.Instant, in *core.Input, out *core.Effects)
	log []string
	ev  []string // drops and panics
	res *Result
}

// at is the instant of the run.
func (l *lab) at() string { return time.Duration(l.sim.now).String() }

// num is a message of that number.
func num(n uint64) *core.Message {
	return &core.Message{Kind: 40, Num: n, Ballot: core.NoBallot}
}

// experiment runs a scenario with probes. The text is what follows name, about and world; latency is 1 ms without it.
func experiment(t *testing.T, world int, text string, do func(p *probe, now core.Instant, in *core.Input, out *core.Effects)) *lab {
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
	l := &lab{sim: New(), do: do}
	l.res, err = l.sim.Run(Spec{
		Scenario: sc, Seed: 1,
		New: func(s core.Setup) (core.Machine, error) { return &probe{s.Self, s.World, l}, nil },
		Observe: func(ev *trace.Event) {
			switch ev.Kind {
			case trace.Drop:
				l.ev = append(l.ev, fmt.Sprintf("%v drop %d %s", time.Duration(ev.T), ev.ID, ev.Why))
			case trace.Panic:
				l.ev = append(l.ev, fmt.Sprintf("%v panic %d %s", time.Duration(ev.T), ev.Node, ev.Error))
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// want compares what the nodes were given, a line each, with what a test expects.
func (l *lab) want(t *testing.T, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, l.log); diff != "" {
		t.Errorf("inputs (-want +got):\n%s\ndrops and panics: %q", diff, l.ev)
	}
}

// sending is a probe's rule: node 0 sends message i to node 1 at the i-th of the given instants.
func sending(at ...time.Duration) func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
	return func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
		switch {
		case p.self != 0:
		case in.Kind == core.InStart:
			for i, d := range at {
				out.SetTimer(core.TimerID(i), core.Instant(d))
			}
		case in.Kind == core.InTimer:
			out.Send(1, num(uint64(in.Timer)))
		}
	}
}
