package sim

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nexarsim/core"
)

// TestDatagramCut: what is sent into a closed link, or on its way when it closes, is lost; the other direction and other
// links are open; after the heal all is as before.
func TestDatagramCut(t *testing.T) {
	l := experiment(t, 3, "faults:\n  - {at: 1s, cut: [{from: 0, to: 1}], for: 2s}\n", script(
		says(0, 999*milli, 1, 1), says(0, 999*milli+milli/2, 1, 2), says(0, 2*second, 1, 3), says(0, 3*second, 1, 4),
		says(1, 2*second, 0, 5), says(0, 2*second, 2, 6),
	))
	l.want(t, "2.001s 2 deliver 6 from 0", "2.001s 0 deliver 5 from 1", "3.001s 1 deliver 4 from 0")
	// The act comes before the messages of its instant: message 1, due at 1 s, is lost as well.
	l.wantTrace(t, "1s cut", "1s drop 0 cut", "1.0005s drop 3 cut", "2s drop 6 cut", "3s heal")
}

// TestDatagramInFlightThroughACut: a link that closed and opened again while a datagram was on its way has lost it.
func TestDatagramInFlightThroughACut(t *testing.T) {
	l := experiment(t, 2, "network: {latency: 10ms}\nfaults:\n  - {at: 1s, cut: [{from: 0, to: 1}], for: 1ms}\n",
		sending(995*milli, 1002*milli))
	l.want(t, "1.012s 1 deliver 1 from 0")
}

// TestStreamCut: a stream holds what is sent into a closed link or was on its way, and hands it over in a burst, long
// stale, once the link opens.
func TestStreamCut(t *testing.T) {
	l := experiment(t, 3, "network: {transport: stream, latency: 1ms}\nfaults:\n  - {at: 1s, cut: [{from: 0, to: 1}], for: 5s}\n", script(
		says(0, 999*milli+milli/2, 1, 1), says(0, 2*second, 1, 2), says(0, 3*second, 1, 3), says(0, 6*second, 1, 4), says(1, 2*second, 0, 5),
	))
	l.want(t, "2.001s 0 deliver 5 from 1",
		"6.001s 1 deliver 1 from 0", "6.001s 1 deliver 2 from 0", "6.001s 1 deliver 3 from 0", "6.001s 1 deliver 4 from 0")
	l.wantTrace(t, "1s cut", "6s heal")
	if got := l.res.Reach[ReachStaleBurst]; got != 3 {
		t.Errorf("%d messages reached the stale burst, want 3", got)
	}
}

// TestIdleTimeout: after the idle timeout a cut closes the connection: first the end that hears nothing, then, as its
// close travels, the other. What is undelivered is lost. It opens again a round trip after both directions are open.
func TestIdleTimeout(t *testing.T) {
	for _, c := range []struct {
		transport string
		drops     []string
	}{
		{"stream", []string{"31s drop 0 closed", "31s drop 2 closed"}},
		{"datagram", []string{"2s drop 0 cut", "30.9995s drop 2 cut"}},
	} {
		l := experiment(t, 2, "network: {latency: 1ms, transport: "+c.transport+"}\nduration: 60s\nfaults:\n  - {at: 1s, cut: [{from: 0, to: 1}], for: 39s}\n", script(
			says(0, 2*second, 1, 1), says(0, 31*second-milli/2, 1, 2), says(0, 32*second, 1, 3), says(1, 32*second, 0, 4),
			says(0, 40001*milli, 1, 5), says(1, 40001*milli, 0, 6), says(0, 40002*milli, 1, 7), says(1, 40002*milli, 0, 8),
		))
		l.want(t, "31s 1 closed 0", "31.001s 0 closed 1", "40.003s 1 deliver 7 from 0", "40.003s 0 deliver 8 from 1")
		want := append(append([]string{"1s cut"}, c.drops...),
			"32s drop 4 closed", "32s drop 1 closed", "40s heal", "40.001s drop 6 closed", "40.001s drop 3 closed")
		l.wantTrace(t, want...)
		if l.res.Reach[ReachIdleTimeout] != 1 || l.res.Reach[ReachReopened] == 0 {
			t.Errorf("%s: %d idle timeouts, %d opened again", c.transport, l.res.Reach[ReachIdleTimeout], l.res.Reach[ReachReopened])
		}
	}
}

// TestPartitionIdles: both ends hear nothing, and each closes by itself; nodes in no group stay connected to everybody.
func TestPartitionIdles(t *testing.T) {
	l := experiment(t, 4, "duration: 60s\nfaults:\n  - {at: 1s, partition: [[0, 1], [2]], for: 40s}\n", script(
		says(0, 5*second, 1, 1), says(0, 5*second, 3, 2), says(2, 5*second, 3, 3), says(3, 5*second, 2, 4), says(0, 5*second, 2, 5),
		says(0, 42*second, 2, 6), says(2, 42*second, 1, 7),
	))
	l.want(t, "5.001s 1 deliver 1 from 0", "5.001s 3 deliver 2 from 0", "5.001s 3 deliver 3 from 2", "5.001s 2 deliver 4 from 3",
		"31s 2 closed 0", "31s 2 closed 1", "31s 0 closed 2", "31s 1 closed 2",
		"42.001s 2 deliver 6 from 0", "42.001s 1 deliver 7 from 2")
}

// TestHealBeforeIdle: a break of any length below the idle timeout closes nothing, however often it comes.
func TestHealBeforeIdle(t *testing.T) {
	text := "duration: 200s\nfaults:\n"
	for at := 1; at < 150; at += 31 {
		text += fmt.Sprintf("  - {at: %ds, partition: [[0], [1]], for: 29s}\n", at)
	}
	experiment(t, 2, text, nil).want(t)
}

// TestOverlappingCuts: a link is open if it is open in every act in force, and has been closed since the first of them.
func TestOverlappingCuts(t *testing.T) {
	l := experiment(t, 3, `duration: 60s
faults:
  - {at: 1s, cut: [{from: 0, to: 1}], for: 20s}
  - {at: 5s, partition: [[0], [1, 2]], for: 31s}
  - {at: 10s, cut: [{from: 0, to: 1}], for: 2s}
`, script(
		says(0, 4*second, 2, 1), says(0, 15*second, 1, 2), says(0, 22*second, 1, 3), says(1, 22*second, 0, 4), says(0, 22*second, 2, 5),
		says(0, 37*second, 1, 6), says(0, 37*second, 2, 7),
	))
	l.want(t, "4.001s 2 deliver 1 from 0", "31s 1 closed 0", "35s 2 closed 0", "35s 0 closed 1", "35s 0 closed 2",
		"37.001s 1 deliver 6 from 0", "37.001s 2 deliver 7 from 0")
}

// TestCloseIsLostInACut: a loud death behind a closed link is known by the idle timeout alone.
func TestCloseIsLostInACut(t *testing.T) {
	l := experiment(t, 3, "duration: 60s\nfaults:\n  - {at: 1s, cut: [{from: 0, to: 1}], for: 2s}\n  - {at: 2s, crash: [0]}\n", nil)
	l.want(t, "2.001s 2 closed 0", "32s 1 closed 0")
}

// TestCloseOnItsWay: a cut loses a close that is under way when the link closes, and the idle timeout tells.
func TestCloseOnItsWay(t *testing.T) {
	l := experiment(t, 2, "network: {latency: 100ms}\nduration: 60s\nfaults:\n  - {at: 1s, crash: [0]}\n  - {at: 1.01s, cut: [{from: 0, to: 1}]}\n", nil)
	l.want(t, "31.01s 1 closed 0")
}

// TestCloseOfAnIdleEndIsLost: when the other end never hears of a close, its own idle timeout tells it, though its link
// be open again by then: nobody sends on a closed connection.
func TestCloseOfAnIdleEndIsLost(t *testing.T) {
	l := experiment(t, 2, `duration: 90s
faults:
  - {at: 1s, cut: [{from: 0, to: 1}]}
  - {at: 30s, cut: [{from: 1, to: 0}], for: 20s}
`, nil)
	l.want(t, "31s 1 closed 0", "1m0s 0 closed 1")
}

// TestEachEndTimesOutOnce, however long the partition.
func TestEachEndTimesOutOnce(t *testing.T) {
	l := experiment(t, 3, "duration: 300s\nfaults:\n  - {at: 1s, partition: [[0], [1, 2]], for: 250s}\n", nil)
	if got := l.res.Reach[ReachIdleTimeout]; got != 4 || len(l.log) != 4 {
		t.Errorf("%d ends timed out, inputs %q, want 4", got, l.log)
	}
}

// TestHeldForTheDead: what a stream holds for a peer is lost when the connection closes from that side.
func TestHeldForTheDead(t *testing.T) {
	l := experiment(t, 2, `network: {latency: 1ms, transport: stream}
faults:
  - {at: 1s, cut: [{from: 0, to: 1}]}
  - {at: 3s, crash: [1]}
`, sending(2*second))
	l.want(t, "3.001s 0 closed 1")
	l.wantTrace(t, "1s cut", "3s crash 1 silent=false", "3.001s drop 0 closed")
}

// TestSlow makes packets from and to a node take longer, twice as much between two slow ones; both acts add up.
func TestSlow(t *testing.T) {
	l := experiment(t, 3, `faults:
  - {at: 1s, slow: {nodes: [0, 1], by: 20ms}, for: 3s}
  - {at: 3s, slow: {nodes: [1], by: 100ms}, for: 3s}
`, script(
		says(0, 2*second, 1, 1), says(0, 2*second, 2, 2), says(2, 2*second, 1, 3), says(0, 3500*milli, 1, 4), says(0, 5*second, 1, 5),
		says(0, 7*second, 1, 6),
	))
	l.want(t, "2.021s 2 deliver 2 from 0", "2.021s 1 deliver 3 from 2", "2.041s 1 deliver 1 from 0", "3.641s 1 deliver 4 from 0",
		"5.101s 1 deliver 5 from 0", "7.001s 1 deliver 6 from 0")
}

// TestLossAndDuplication: at a rate of 1 each datagram is lost, or arrives twice, on the links named or on all.
func TestLossAndDuplication(t *testing.T) {
	l := experiment(t, 3, `faults:
  - {at: 1s, loss: 1.0, links: [{from: 0, to: 1}], for: 2s}
  - {at: 4s, loss: 1.0, for: 2s}
  - {at: 7s, duplicate: 1.0, for: 1s}
  - {at: 8s, duplicate: 1.0, links: [{from: 0, to: 2}], for: 1s}
`, script(
		says(0, 2*second, 1, 1), says(0, 2*second, 2, 2), says(0, 5*second, 1, 3), says(0, 5*second, 2, 4),
		says(0, 7500*milli, 1, 5), says(0, 8500*milli, 1, 6), says(0, 8500*milli, 2, 7), says(0, 9500*milli, 2, 8),
	))
	l.want(t, "2.001s 2 deliver 2 from 0", "7.501s 1 deliver 5 from 0", "7.501s 1 deliver 5 from 0", "8.501s 1 deliver 6 from 0",
		"8.501s 2 deliver 7 from 0", "8.501s 2 deliver 7 from 0", "9.501s 2 deliver 8 from 0")
	l.wantTrace(t, "1s loss", "2s drop 0 loss", "3s loss-end", "4s loss", "5s drop 6 loss", "5s drop 9 loss", "6s loss-end",
		"7s duplicate", "8s duplicate", "8s duplicate-end", "9s duplicate-end")
}

// TestLossRate counts: a rate in between is met.
func TestLossRate(t *testing.T) {
	got := 0
	experiment(t, 2, "network: {latency: 1ms, loss: 0.2}\nfaults:\n  - {at: 0s, loss: 0.5}\n", func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
		p.lab.log = nil
		if in.Kind == core.InDeliver {
			got++
		} else if p.self == 0 {
			out.Send(1, num(1))
			out.SetTimer(0, now+core.Instant(milli))
		}
	})
	if want := 4000.0; math.Abs(float64(got)-want) > 5*math.Sqrt(want*0.6) {
		t.Errorf("%d of 10,000 arrived, want %.0f", got, want)
	}
}

// TestStreamsNeverDuplicate: a stream delivers each byte once.
func TestStreamsNeverDuplicate(t *testing.T) {
	l := experiment(t, 2, "network: {latency: 1ms, duplicate: 1.0, transport: stream}\n", sending(second))
	l.want(t, "1.001s 1 deliver 0 from 0")
}

// TestReorder: where reordering is off nothing overtakes on a link; where it is on something does.
func TestReorder(t *testing.T) {
	for _, reorder := range []bool{false, true} {
		l := experiment(t, 2, fmt.Sprintf("network: {latency: 1ms..100ms, reorder: %t}\n", reorder), func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
			if p.self == 0 && now < core.Instant(5*second) {
				out.Send(1, num(uint64(now)))
				out.SetTimer(0, now+core.Instant(milli))
			}
		})
		last, overtaken, got := uint64(0), 0, 0
		for _, line := range l.log {
			var at string
			var n uint64
			if _, err := fmt.Sscanf(line, "%s 1 deliver %d from 0", &at, &n); err != nil {
				continue
			}
			got++
			if n < last {
				overtaken++
			}
			last = max(last, n)
		}
		if got != 5000 || reorder != (overtaken > 0) {
			t.Errorf("reorder %t: %d of 5000 arrived, %d were overtaken", reorder, got, overtaken)
		}
	}
}

// TestCrashStopDetector: with an accurate outside detector nobody hears of closed connections; each peer suspects the
// dead within heartbeat_timeout + 2 heartbeat_interval of the death, early in about half of the cases, and nobody else.
func TestCrashStopDetector(t *testing.T) {
	window, early, n := 7*second, 0, 0
	for _, silent := range []bool{false, true} {
		for seed := uint64(1); seed <= 50; seed++ {
			sc := probing(t, 5, fmt.Sprintf("model: crash-stop\nfaults:\n  - {at: 1s, crash: [3], silent: %t}\n", silent))
			l := &lab{sim: New()}
			if _, err := l.sim.Run(Spec{Scenario: sc, Seed: seed, New: l.machine}); err != nil {
				t.Fatal(err)
			}
			if len(l.log) != 4 {
				t.Fatalf("inputs %q, want one suspicion by each of the four", l.log)
			}
			for _, line := range l.log {
				at, rest, _ := strings.Cut(line, " ")
				d, err := time.ParseDuration(at)
				if err != nil || d < second || d > second+window || !strings.HasSuffix(rest, " suspect 3 hold=false") {
					t.Errorf("input %q, want a suspicion of node 3 within %v of its death", line, window)
				}
				if n++; d < second+window/10 {
					early++
				}
			}
		}
	}
	if share := float64(early) / float64(n); math.Abs(share-0.55) > 0.12 {
		t.Errorf("%.2f of all suspicions came in the first tenth, want about 0.55", share)
	}
}

// TestHeldMessagesAreAllTold: whatever a stream held is delivered or dropped once its fate is known, and never both.
func TestHeldMessagesAreAllTold(t *testing.T) {
	l := experiment(t, 3, `network: {latency: 1ms..20ms, transport: stream, idle_timeout: 3s}
duration: 30s
faults:
  - {at: 2s, partition: [[0], [1, 2]], for: 2s}
  - {at: 6s, cut: [{from: 0, to: 1}, {from: 2, to: 1}], for: 5s}
  - {at: 15s, partition: [[0, 1], [2]], for: 4s}
`, func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
		if (in.Kind == core.InStart || in.Kind == core.InTimer) && now < core.Instant(28*second) {
			for to := range p.world {
				if to != int(p.self) {
					out.Send(core.NodeID(to), num(p.lab.sim.nodes[p.self].sends))
				}
			}
			out.SetTimer(0, now+core.Instant(50*milli))
		}
	})
	ends := map[string]int{}
	for _, line := range append(append([]string(nil), l.log...), l.trace...) {
		if strings.Contains(line, " deliver ") || strings.Contains(line, " drop ") {
			ends["all"]++
		}
		if strings.Contains(line, " drop ") {
			ends[line[strings.LastIndex(line, " ")+1:]]++
		}
	}
	if uint64(ends["all"]) != l.res.Messages {
		t.Errorf("%d messages have %d ends: %v", l.res.Messages, ends["all"], ends)
	}
	if ends["closed"] == 0 || ends["cut"] != 0 || ends["loss"] != 0 {
		t.Errorf("ends of messages: %v", ends)
	}
	if len(l.sim.held) != 0 {
		t.Errorf("%d messages are still held", len(l.sim.held))
	}
	if diff := cmp.Diff(len(l.sim.slots), len(l.sim.free)); diff != "" {
		t.Errorf("slots and free ones: %s", diff)
	}
}
