package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/netsim"
)

// Each test here holds a promise of the documents or of a comment that once was broken.

func TestDroppedCopyLeavesTheOthersAlone(t *testing.T) {
	l := experiment(t, 3, "faults:\n  - {at: 0s, cut: [{from: 0, to: 1}]}\n", func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
		switch {
		case p.self != 0:
		case in.Kind == core.InStart:
			out.SetTimer(0, core.Instant(time.Second))
		case in.Kind == core.InTimer:
			letter := out.Write(num(1))
			out.SendLetter(1, letter)
			out.SendLetter(2, letter)
			out.Send(2, num(2))
		}
	})
	l.want(t, "1.001s 2 deliver 1 from 0", "1.001s 2 deliver 2 from 0")
}

func TestSlotsAreFreeOnce(t *testing.T) {
	l := experiment(t, 4, "network: {loss: 0.5}\n", func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
		if in.Kind != core.InStart && in.Kind != core.InTimer {
			return
		}
		out.SetTimer(0, now+core.Instant(100*time.Millisecond))
		letter := out.Write(num(uint64(p.self)))
		for to := range p.world {
			if to != int(p.self) {
				out.SendLetter(core.NodeID(to), letter)
			}
		}
	})
	free := map[uint32]bool{}
	for _, i := range l.sim.free {
		if free[i] || l.sim.slots[i].refs != 0 {
			t.Fatalf("slot %d is free twice, or in use: %d copies under way", i, l.sim.slots[i].refs)
		}
		free[i] = true
	}
	for _, line := range l.log {
		var num, from int
		if _, rest, ok := strings.Cut(line, " deliver "); ok {
			if fmt.Sscanf(rest, "%d from %d", &num, &from); num != from {
				t.Fatalf("a message of node %d arrived as node %d's: %s", num, from, line)
			}
		}
	}
}

func TestPausedDuringCutIsWellFormed(t *testing.T) {
	l := experiment(t, 2, `faults:
  - {at: 1s, pause: [1], for: 4s}
  - {at: 3s, cut: [{from: 0, to: 1}], for: 5s}
`, func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
		sending(2*time.Second)(p, now, in, out)
		if in.Kind == core.InDeliver {
			out.Used()
		}
	})
	if m := l.res.Verdict.Malformed; m != nil {
		t.Errorf("inputs %q: malformed: %q", l.log, m)
	}
}

func TestNothingAfterPanic(t *testing.T) {
	l := experiment(t, 2, "", func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
		if in.Kind == core.InStart && p.self == 0 {
			out.Panic("modelled")
			out.Send(1, num(1))
		}
	})
	l.want(t)
}

func TestStreamOutlastsLoss(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 2ms, transport: stream}
duration: 100s
settle: 0s
faults:
  - {at: 1s, loss: 1.0, for: 1s}
`, sending(1500*time.Millisecond))
	if len(l.log) != 2 || !strings.HasSuffix(l.log[1], "1 deliver 0 from 0") {
		t.Errorf("inputs %q, events %q: want the message after the loss", l.log, l.trace)
	}
}

func TestPanicAtStart(t *testing.T) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("a machine's panic left Run: %v", p)
		}
	}()
	l := experiment(t, 2, "", func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
		if in.Kind == core.InStart && p.self == 0 {
			panic("boom")
		}
	})
	if len(l.trace) != 1 || l.trace[0] != "0s panic 0 boom" {
		t.Errorf("events %q", l.trace)
	}
}

func TestHealKeepsOrder(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 2ms, reorder: false, transport: stream}
faults:
  - {at: 1s, cut: [{from: 0, to: 1}], for: 1s}
`, sending(999*time.Millisecond, 1001*time.Millisecond))
	l.want(t, "2.002s 1 deliver 0 from 0", "2.002s 1 deliver 1 from 0")
}

func TestCloseKeepsOrder(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 1ms, reorder: false}
faults:
  - {when: {node: 0, sends: vote}, crash: [0]}
`, func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
		if in.Kind == core.InStart && p.self == 0 {
			out.Send(1, &core.Message{Kind: core.Vote, Num: 1, Ballot: core.NoBallot})
		}
	})
	l.want(t, "1ms 1 deliver 1 from 0", "1ms 1 closed 0")
}

func TestDeadSenderSendsNothing(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 2ms, transport: stream}
faults:
  - {at: 1s, cut: [{from: 0, to: 1}], for: 3s}
  - {at: 3s, crash: [0], silent: true}
`, sending(2*time.Second))
	l.want(t)
}

func TestResumeKeepsDueOrder(t *testing.T) {
	l := experiment(t, 2, `faults:
  - {at: 1s, pause: [1], for: 3s}
  - {at: 4s, suspect: [{by: 1, of: 0}]}
`, sending(2*time.Second))
	l.want(t, "4s 1 deliver 0 from 0", "4s 1 suspect 0 hold=false")
}

func TestOldCloseLeavesNewConnection(t *testing.T) {
	text := "network: {latency: 1ms..1s, idle_timeout: 1s}\nduration: 300s\nsettle: 0s\nfaults:\n"
	for at := 1; at < 290; at += 10 {
		text += fmt.Sprintf("  - {at: %ds, cut: [{from: 0, to: 1}], for: 1001ms}\n", at)
	}
	opened := false // since node 1 closed its end
	experiment(t, 2, text, func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
		net := p.lab.sim.net
		switch {
		case in.Kind == core.InStart && p.self == 1, in.Kind == core.InTimer:
			if net.Connected(0, 1) && net.Connected(1, 0) {
				opened = true
			}
			out.SetTimer(0, core.Instant(p.lab.sim.now)+core.Instant(time.Millisecond))
			p.lab.log = nil
		case in.Kind == core.InClosed && p.self == 1:
			opened = false
		case in.Kind == core.InClosed && p.self == 0 && opened:
			t.Errorf("%s: node 0 closed a connection that had opened again", p.lab.at())
		}
	})
}

func TestCutLosesClose(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 100ms, idle_timeout: 5s}
faults:
  - {at: 1s, crash: [0]}
  - {at: 1.01s, cut: [{from: 0, to: 1}], for: 50ms}
`, nil)
	l.want(t, "6s 1 closed 0")
}

func TestKeysOfLateEpochs(t *testing.T) {
	var c counters
	c.reset(2)
	seen := map[netsim.Key]int{}
	for i, epoch := range []uint32{1, 0, 129, 0} {
		k := c.key(domainPacket, 40, 0, 1, epoch)
		if j, ok := seen[k]; ok {
			t.Errorf("packets %d and %d share the key %v", j, i, k)
		}
		seen[k] = i
	}
}

func TestDigestCoversEffects(t *testing.T) {
	digest := func(change func(i *core.Install, e *core.Event, m *core.Message, op *uint32)) uint64 {
		return experiment(t, 2, "", func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
			if in.Kind != core.InStart {
				return
			}
			i, e := core.Install{View: core.FirstView(2, 1)}, core.Event{Kind: core.EventRecovered, NewWorldSize: 2}
			m, op := core.Message{Kind: core.Heartbeat, Ballot: core.NoBallot}, uint32(1)
			change(&i, &e, &m, &op)
			out.PutInstall(i)
			out.PutEvent(e)
			out.SendOp(1-p.self, &m, op)
		}).res.Digest
	}
	base := digest(func(*core.Install, *core.Event, *core.Message, *uint32) {})
	for name, change := range map[string]func(*core.Install, *core.Event, *core.Message, *uint32){
		"install: dead":         func(i *core.Install, _ *core.Event, _ *core.Message, _ *uint32) { i.Dead = core.NodeSetOf(1) },
		"event: new world size": func(_ *core.Install, e *core.Event, _ *core.Message, _ *uint32) { e.NewWorldSize = 1 },
		"heartbeat: group":      func(_ *core.Install, _ *core.Event, m *core.Message, _ *uint32) { m.Group = 7 },
		"send: op":              func(_ *core.Install, _ *core.Event, _ *core.Message, op *uint32) { *op = 0 },
	} {
		if digest(change) == base {
			t.Errorf("%s: a change leaves the digest as it is", name)
		}
	}
}

// A node that takes more than 1000 * world steps within any one heartbeat interval ends the run, wherever it begins.
func TestBusyInAnyInterval(t *testing.T) {
	l := experiment(t, 2, "", func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
		switch at := core.Instant(900 * milli); {
		case p.self != 0:
		case in.Kind == core.InStart:
			out.SetTimer(0, at)
		case len(p.lab.log) == 1900:
			out.SetTimer(0, core.Instant(second))
		case len(p.lab.log) < 3800:
			out.SetTimer(0, now)
		}
	})
	if len(l.res.Verdict.Violations) == 0 {
		t.Errorf("%d steps within 100 ms are no livelock in a world of 2", len(l.log))
	}
}

// Whoever suspects a peer because its connection closed does so because of the crash, and the trace says so.
func TestCrashCausesItsSuspicions(t *testing.T) {
	for _, model := range []string{"asynchronous", "crash-stop"} {
		l := &lab{sim: New(), rule: func(_ *probe, _ core.Instant, in *core.Input, out *core.Effects) {
			if in.Kind == core.InClosed || in.Kind == core.InSuspect {
				out.Believe(in.Peer, true)
			}
		}}
		crash := uint64(0)
		_, err := l.sim.Run(Spec{Scenario: probing(t, 2, "model: "+model+"\nfaults:\n  - {at: 1s, crash: [0]}\n"), Seed: 1, New: l.machine, Observe: func(ev *trace.Event) {
			if ev.Kind == trace.Crash {
				crash = ev.Seq
			}
			if ev.Kind == trace.Suspect && ev.Cause != crash {
				t.Errorf("%s: the suspicion's cause is %d, the crash is line %d", model, ev.Cause, crash)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A delivery at which a machine panics stands in the trace, and caused the panic.
func TestPanicShowsItsDelivery(t *testing.T) {
	l := &lab{sim: New(), rule: func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
		if in.Kind == core.InDeliver {
			panic("boom")
		}
		sending(second)(p, now, in, out)
	}}
	delivery := uint64(0)
	_, err := l.sim.Run(Spec{Scenario: probing(t, 2, ""), Seed: 1, New: l.machine, Observe: func(ev *trace.Event) {
		if ev.Kind == trace.Deliver {
			delivery = ev.Seq
		}
		if ev.Kind == trace.Panic && (delivery == 0 || ev.Cause != delivery) {
			t.Errorf("the panic's cause is %d, the delivery is line %d", ev.Cause, delivery)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// Overlapping skews of one clock: the end of one leaves the other in force.
func TestOverlappingSkews(t *testing.T) {
	l := experiment(t, 2, `faults:
  - {at: 1s, skew: [{node: 0, rate: 2}], for: 2s}
  - {at: 2s, skew: [{node: 0, rate: 2}], for: 6s}
`, func(*probe, core.Instant, *core.Input, *core.Effects) {})
	if got, want := l.sim.nodes[0].clock.local(int64(8*second)), core.Instant(15*second); got < want {
		t.Errorf("after 7 s at twice the speed the clock reads %v, want at least %v", time.Duration(got), time.Duration(want))
	}
}
