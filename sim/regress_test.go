package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nexarsim/core"
)

// Each test here holds a promise of the contract or of a comment that once was broken.

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
