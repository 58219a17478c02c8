package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nexarsim/core"
	"nexarsim/netsim"
)

// Each test here holds a promise of the contract or of a comment that once was broken.

// A message whose first destination is unreachable must reach the others unchanged: its slot is not free while a copy of
// it is under way.
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
	l.want(t, "1s 0 timer 0", "1.001s 2 deliver 1 from 0", "1.001s 2 deliver 2 from 0")
}

// No slot is free twice, or free and in use.
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
		out.SetTimer(0, core.Instant(9*time.Second))
	})
	if len(l.ev) != 1 || l.ev[0] != "0s panic 0 boom" {
		t.Errorf("events %q", l.ev)
	}
}

// After an OutPanic nothing more may happen (core's package comment).
func TestNothingAfterPanic(t *testing.T) {
	l := experiment(t, 2, "", func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
		if in.Kind == core.InStart && p.self == 0 {
			out.Panic("modelled")
			out.Send(1, num(1))
		}
	})
	l.want(t)
}

// Without reordering nothing overtakes on a link, be it held under way or when it was sent.
func TestHealKeepsOrder(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 2ms, reorder: false, transport: stream}
faults:
  - {at: 1s, cut: [{from: 0, to: 1}], for: 1s}
`, sending(999*time.Millisecond, 1001*time.Millisecond))
	l.want(t, "999ms 0 timer 0", "1.001s 0 timer 1", "2.002s 1 deliver 0 from 0", "2.002s 1 deliver 1 from 0")
}

// A close travels like a message: without reordering it comes after what was sent before it.
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

// A stream delays what is lost and loses nothing while its connection stands.
func TestStreamOutlastsLoss(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 2ms, transport: stream}
duration: 100s
settle: 0s
faults:
  - {at: 1s, loss: 1.0, for: 1s}
`, sending(1500*time.Millisecond))
	if len(l.log) != 2 || !strings.HasSuffix(l.log[1], "1 deliver 0 from 0") {
		t.Errorf("inputs %q, events %q: want the message after the loss", l.log, l.ev)
	}
}

// Loss of everything for the idle timeout closes a stream's connection.
func TestTotalLossClosesStream(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 1ms, transport: stream, idle_timeout: 1s}
faults:
  - {at: 1s, loss: 1.0, links: [{from: 0, to: 1}], for: 5s}
`, nil)
	if len(l.log) == 0 || !strings.Contains(l.log[0], "closed") {
		t.Errorf("inputs %q: want a closed connection", l.log)
	}
}

// A dead process sends nothing again.
func TestDeadSenderSendsNothing(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 2ms, transport: stream}
faults:
  - {at: 1s, cut: [{from: 0, to: 1}], for: 3s}
  - {at: 3s, crash: [0], silent: true}
`, sending(2*time.Second))
	l.want(t, "2s 0 timer 0")
}

// A paused node gets what it missed in the order in which it was due, and then what is due at the resume.
func TestResumeKeepsDueOrder(t *testing.T) {
	l := experiment(t, 2, `faults:
  - {at: 1s, pause: [1], for: 3s}
  - {at: 4s, suspect: [{by: 1, of: 0}]}
`, sending(2*time.Second))
	l.want(t, "2s 0 timer 0", "4s 1 deliver 0 from 0", "4s 1 suspect 0 hold=false")
}

// What lay in a paused process's buffer when a link closed is still given to it, and is no fault of the harness.
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

// The close of an old connection does not close the new one.
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

// A close on its way when a datagram link closes is lost, also if the link opens before it is due.
func TestCutLosesClose(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 100ms, idle_timeout: 5s}
faults:
  - {at: 1s, crash: [0]}
  - {at: 1.01s, cut: [{from: 0, to: 1}], for: 50ms}
`, nil)
	l.want(t, "6s 1 closed 0")
}

// No two packets share a key, however far apart their epochs are.
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

// The digest covers every effect with all that it says.
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
