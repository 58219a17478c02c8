package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker/trace"
	"nexarsim/core"
)

// TestLoudCrash: the connections close at once, and the peers learn it as fast as messages travel.
func TestLoudCrash(t *testing.T) {
	l := experiment(t, 3, "faults:\n  - {at: 1s, crash: [2]}\n", nil)
	l.want(t, "1.001s 0 closed 2", "1.001s 1 closed 2")
	l.wantTrace(t, "1s crash 2 silent=false")
}

// TestSilentCrash: nothing is said, and only the idle timeout tells.
func TestSilentCrash(t *testing.T) {
	l := experiment(t, 3, "duration: 60s\nfaults:\n  - {at: 1s, crash: [2], silent: true}\n", nil)
	l.want(t, "31s 0 closed 2", "31s 1 closed 2")
	l.wantTrace(t, "1s crash 2 silent=true")
}

// TestTailOfTheDead: what a dead node had sent arrives until its close does, and after a silent death all of it.
func TestTailOfTheDead(t *testing.T) {
	tail := script(says(0, 998*milli, 1, 1), says(0, 999*milli+milli/2, 1, 2))
	slow := "  - {at: 990ms, slow: {nodes: [0], by: 20ms}, for: 9ms}\n" // message 1 takes 21 ms
	l := experiment(t, 2, "faults:\n  - {at: 1s, crash: [0]}\n"+slow, tail)
	l.want(t, "1.0005s 1 deliver 2 from 0", "1.001s 1 closed 0")
	l.wantTrace(t, "990ms slow", "999ms slow-end", "1s crash 0 silent=false", "1.019s drop 0 closed")

	l = experiment(t, 2, "faults:\n  - {at: 1s, crash: [0], silent: true}\n"+slow, tail)
	l.want(t, "1.0005s 1 deliver 2 from 0", "1.019s 1 deliver 1 from 0")
}

// TestNothingMovesInTheDead: its timers, wakes, answers and inputs are gone, messages to it are dropped, and no act has
// an effect on it any more.
func TestNothingMovesInTheDead(t *testing.T) {
	l := experiment(t, 3, `config: {policy: manual}
faults:
  - {when: {node: 0, sends: vote}, crash: [0]}
  - {at: 3s, crash: [0]}
  - {at: 4s, pause: [0], for: 1s}
  - {at: 4s, suspect: [{by: 0, of: 1}], for: 1s}
  - {at: 4s, hold: [0], for: 1s}
  - {at: 4s, app: {recover: [0]}}
  - {at: 4s, app: {shutdown: [0]}}
  - {at: 4s, skew: [{node: 0, rate: 2}], for: 1s}
`, script(
		cue{0, second, func(out *core.Effects) {
			out.Wake(1)
			out.SetTimer(9, core.Instant(2*second))
			out.SendOp(2, num(1), 5)
			out.Send(1, kind(core.Vote, 2))
			out.Send(1, num(3))
		}},
		says(1, 5*second, 0, 4),
	))
	l.wantAll(t, "1s 0 timer 0", "1.001s 2 deliver 1 from 0", "1.001s 1 deliver 2 from 0", "1.001s 1 closed 0", "1.001s 2 closed 0", "5s 1 timer 0")
	l.wantTrace(t, "1s crash 0 silent=false",
		"4s suspect-injected", "4s hold", "4s app", "4s app", "4s skew", "5s suspect-end", "5s hold-end", "5s skew-end",
		"5s drop 1 closed")
}

// TestMessagesToTheSilentlyDead are dropped when they arrive: nobody is there.
func TestMessagesToTheSilentlyDead(t *testing.T) {
	l := experiment(t, 2, "faults:\n  - {at: 1s, crash: [1], silent: true}\n", sending(2*second))
	l.want(t)
	l.wantTrace(t, "1s crash 1 silent=true", "2.001s drop 0 gone")
}

// TestPause: nothing moves in a paused node; at its resume it gets all that it missed, in the order in which it was due.
func TestPause(t *testing.T) {
	l := experiment(t, 3, `faults:
  - {at: 1s, pause: [1], for: 4s}
  - {at: 3s, suspect: [{by: 1, of: 2}]}
  - {at: 4s, crash: [2]}
`, script(
		says(0, 2*second, 1, 7), says(0, 3500*milli, 1, 8),
		cue{1, 2500 * milli, func(*core.Effects) {}},
		cue{1, 5500 * milli, func(*core.Effects) {}},
		cue{1, 500 * milli, func(out *core.Effects) { out.SetTimer(9, core.Instant(3200*milli)) }},
	))
	l.wantAll(t,
		"500ms 1 timer 2", "2s 0 timer 0", "3.5s 0 timer 1", "4.001s 0 closed 2",
		"5s 1 deliver 7 from 0", "5s 1 timer 0", "5s 1 suspect 2 hold=false", "5s 1 timer 9", "5s 1 deliver 8 from 0", "5s 1 closed 2",
		"5.5s 1 timer 1")
	l.wantTrace(t, "1s pause 1", "3s suspect-injected", "4s crash 2 silent=false", "5s resume 1")
}

// TestOverlappingPauses: a node runs when no pause is in force.
func TestOverlappingPauses(t *testing.T) {
	l := experiment(t, 2, `faults:
  - {at: 1s, pause: [1], for: 4s}
  - {at: 2s, pause: [1], for: 1s}
  - {at: 4s, pause: [1], for: 3s}
`, sending(1500*milli))
	l.want(t, "7s 1 deliver 0 from 0")
	l.wantTrace(t, "1s pause 1", "7s resume 1")
}

// TestTimerSetAgainWhileOverdue: the first thing that a resumed node handles may set a timer again that is overdue; the
// older setting does not fire any more.
func TestTimerSetAgainWhileOverdue(t *testing.T) {
	l := experiment(t, 2, "faults:\n  - {at: 1s, pause: [1], for: 4s}\n", func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
		switch {
		case in.Kind == core.InStart && p.self == 0:
			out.SetTimer(0, core.Instant(2*second))
		case in.Kind == core.InTimer && p.self == 0:
			out.Send(1, num(7))
		case in.Kind == core.InStart:
			out.SetTimer(3, core.Instant(3*second))
			out.SetTimer(4, core.Instant(3*second))
		case in.Kind == core.InDeliver:
			out.SetTimer(3, now+core.Instant(second))
			out.CancelTimer(4)
		}
	})
	l.wantAll(t, "2s 0 timer 0", "5s 1 deliver 7 from 0", "6s 1 timer 3")
}

// burst is the rule that node 0 sends votes 1, 2, 3 to nodes 1, 2, 3 in one step at 1 s, and wakes itself.
func burst(more ...cue) rule {
	return script(append([]cue{{0, second, func(out *core.Effects) {
		for i := range 3 {
			out.Send(core.NodeID(i+1), kind(core.Vote, uint64(i+1)))
		}
		out.Wake(6)
	}}}, more...)...)
}

// TestPauseInterruptsAStep: the effects that are left are performed at the resume, before anything that was missed.
func TestPauseInterruptsAStep(t *testing.T) {
	l := experiment(t, 4, "faults:\n  - {when: {node: 0, sends: vote}, pause: [0], for: 2s}\n", burst(says(1, 1500*milli, 0, 9)))
	l.want(t, "1.001s 1 deliver 1 from 0", "3s 0 deliver 9 from 1", "3s 0 wake 6", "3.001s 2 deliver 2 from 0", "3.001s 3 deliver 3 from 0")
}

// TestPauseTwiceInAStep interrupts what is left once more.
func TestPauseTwiceInAStep(t *testing.T) {
	l := experiment(t, 4, `faults:
  - {when: {node: 0, sends: vote}, pause: [0], for: 2s}
  - {when: {node: 0, sends: vote, nth: 2}, pause: [0], for: 3s}
`, burst(says(1, 1500*milli, 0, 9)))
	l.want(t, "1.001s 1 deliver 1 from 0", "3.001s 2 deliver 2 from 0", "6s 0 deliver 9 from 1", "6s 0 wake 6", "6.001s 3 deliver 3 from 0")
}

// TestCrashWhilePaused: what a paused node had left to do is never done.
func TestCrashWhilePaused(t *testing.T) {
	l := experiment(t, 4, `faults:
  - {when: {node: 0, sends: vote}, pause: [0], for: 4s}
  - {at: 3s, crash: [0]}
`, burst(says(1, 1500*milli, 0, 9)))
	l.want(t, "1.001s 1 deliver 1 from 0", "3.001s 1 closed 0", "3.001s 2 closed 0", "3.001s 3 closed 0")
	l.wantTrace(t, "1s pause 0", "3s crash 0 silent=false", "3s drop 1 gone")
}

// TestPausedPeerTimesOut: the peers of a node that is paused for the idle timeout close; it learns so when it resumes,
// and a round trip later they can talk again.
func TestPausedPeerTimesOut(t *testing.T) {
	l := experiment(t, 2, "duration: 60s\nfaults:\n  - {at: 1s, pause: [0], for: 39s}\n", script(
		says(0, 500*milli, 1, 1), says(0, 40001*milli, 1, 2), says(0, 40003*milli, 1, 3), says(1, 35*second, 0, 4), says(1, 41*second, 0, 5),
	))
	l.want(t, "501ms 1 deliver 1 from 0", "31s 1 closed 0", "40s 0 closed 1", "40.004s 1 deliver 3 from 0", "41.001s 0 deliver 5 from 1")
	l.wantTrace(t, "1s pause 0", "35s drop 1 closed", "40s resume 0", "40.001s drop 2 closed")
}

// TestPausedWhileItsLinkHeals: the connection opens again a round trip after the resume, if the link opened before it.
func TestPausedWhileItsLinkHeals(t *testing.T) {
	l := experiment(t, 2, `duration: 60s
faults:
  - {at: 1s, cut: [{from: 0, to: 1}], for: 39s}
  - {at: 35s, pause: [1], for: 10s}
`, script(says(0, 42*second, 1, 1), says(0, 45001*milli, 1, 2), says(0, 45003*milli, 1, 3)))
	l.want(t, "31s 1 closed 0", "31.001s 0 closed 1", "45.004s 1 deliver 3 from 0")
}

// TestPausedWhenItsPeerTimesOut: a node notices at its resume that it has not heard from a dead peer.
func TestPausedWhenItsPeerTimesOut(t *testing.T) {
	l := experiment(t, 2, "duration: 60s\nfaults:\n  - {at: 1s, crash: [0], silent: true}\n  - {at: 20s, pause: [1], for: 20s}\n", nil)
	l.want(t, "40s 1 closed 0")
}

// TestShortPauseClosesNothing: a node that resumes before the idle timeout, and sleeps again, is not idle.
func TestShortPauseClosesNothing(t *testing.T) {
	l := experiment(t, 2, "duration: 90s\nfaults:\n  - {at: 1s, pause: [0], for: 29s}\n  - {at: 30.5s, pause: [0], for: 29s}\n", nil)
	l.want(t)
}

// TestSuspect: a false suspicion with `for` holds and is withdrawn at its end; one without is an ordinary finding.
func TestSuspect(t *testing.T) {
	l := experiment(t, 3, `faults:
  - {at: 1s, suspect: [{by: 1, of: 2}, {by: 0, of: 1}], for: 3s}
  - {at: 2s, suspect: [{by: 2, of: 0}]}
`, nil)
	l.want(t, "1s 1 suspect 2 hold=true", "1s 0 suspect 1 hold=true", "2s 2 suspect 0 hold=false", "4s 1 trust 2", "4s 0 trust 1")
	l.wantTrace(t, "1s suspect-injected", "2s suspect-injected", "4s suspect-end")
}

// TestHold: the application takes the communicator's lock, and gives it back.
func TestHold(t *testing.T) {
	l := experiment(t, 3, "faults:\n  - {at: 1s, hold: [0, 2], for: 3s}\n", nil)
	l.want(t, "1s 0 call hold", "1s 2 call hold", "4s 0 call release", "4s 2 call release")
}

// TestAppCalls makes every call of the application; each is numbered.
func TestAppCalls(t *testing.T) {
	ids := map[uint64]bool{}
	l := experiment(t, 3, `config: {policy: manual}
faults:
  - {at: 1s, app: {split: [0, 1, 2]}}
  - {at: 2s, app: {barrier: [0, 2]}}
  - {at: 3s, app: {allreduce: [1]}}
  - {at: 4s, app: {recover: [2]}}
  - {at: 5s, app: {shutdown: [0]}}
`, func(_ *probe, _ core.Instant, in *core.Input, _ *core.Effects) {
		if in.Kind == core.InCall {
			ids[in.ID] = true
		}
	})
	l.want(t, "1s 0 call split", "1s 1 call split", "1s 2 call split", "2s 0 call barrier", "2s 2 call barrier", "3s 1 call allreduce",
		"4s 2 call recover", "5s 0 shutdown")
	if len(ids) != 7 {
		t.Errorf("7 calls have %d numbers", len(ids))
	}
}

// TestShutdown: an orchestrator that is told to stop ends, and its process closes its connections: what it still had to
// do is not done. The other ends of an orchestrator leave its process answering.
func TestShutdown(t *testing.T) {
	ending := func(why core.EndWhy) rule {
		return func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
			switch {
			case in.Kind == core.InStart && p.self == 1:
				out.SetTimer(0, core.Instant(2*second))
			case in.Kind == core.InTimer:
				out.Send(0, num(7))
			case in.Kind == core.InShutdown:
				out.Send(1, num(1))
				out.End(why, "")
				out.Send(1, num(2))
			}
		}
	}
	text := "network: {latency: 1ms, reorder: true}\nfaults:\n  - {at: 1s, app: {shutdown: [0]}}\n"
	l := experiment(t, 2, text, ending(core.EndShutdown))
	l.want(t, "1s 0 shutdown", "1.001s 1 deliver 1 from 0", "1.001s 1 closed 0")
	for _, why := range []core.EndWhy{core.EndEvicted, core.EndAborted, core.EndError} {
		l = experiment(t, 2, text, ending(why))
		l.want(t, "1s 0 shutdown", "1.001s 1 deliver 1 from 0", "1.001s 1 deliver 2 from 0", "2.001s 0 deliver 7 from 1")
	}
}

// TestSkew: timers are due by their node's clock; a jump forward makes them due at once, the end of the act lets the
// clock run true again from where it is.
func TestSkew(t *testing.T) {
	tick := func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
		if p.self == 0 && (in.Kind == core.InStart || in.Kind == core.InTimer) {
			out.SetTimer(0, now+core.Instant(second))
		}
	}
	l := experiment(t, 2, "duration: 5s\nsettle: 0s\nfaults:\n  - {at: 1500ms, skew: [{node: 0, rate: 2}], for: 1s}\n", tick)
	l.wantAll(t, "1s 0 timer 0", "1.75s 0 timer 0", "2.25s 0 timer 0", "3s 0 timer 0", "4s 0 timer 0", "5s 0 timer 0")
	l = experiment(t, 2, "duration: 5s\nsettle: 0s\nfaults:\n  - {at: 1500ms, skew: [{node: 0, rate: 0.5}], for: 1s}\n", tick)
	l.wantAll(t, "1s 0 timer 0", "2.5s 0 timer 0", "3.5s 0 timer 0", "4.5s 0 timer 0")
	l = experiment(t, 2, "duration: 4s\nsettle: 0s\nfaults:\n  - {at: 1500ms, skew: [{node: 0, step: 2s}]}\n", tick)
	l.wantAll(t, "1s 0 timer 0", "1.5s 0 timer 0", "2.5s 0 timer 0", "3.5s 0 timer 0")
	l = experiment(t, 2, "duration: 4s\nsettle: 0s\nfaults:\n  - {at: 1500ms, skew: [{node: 0, step: -1s}]}\n", tick)
	l.wantAll(t, "1s 0 timer 0", "3s 0 timer 0", "4s 0 timer 0")
	// A jump stays when the act ends.
	l = experiment(t, 2, "duration: 4s\nsettle: 0s\nfaults:\n  - {at: 1500ms, skew: [{node: 0, step: 2s}], for: 500ms}\n", tick)
	l.wantAll(t, "1s 0 timer 0", "1.5s 0 timer 0", "2.5s 0 timer 0", "3.5s 0 timer 0")
	// A timer that has fired, or was cancelled, is not due again by the new clock.
	l = experiment(t, 2, "faults:\n  - {at: 2s, skew: [{node: 0, step: -1500ms}]}\n", script(cue{0, second, func(out *core.Effects) {
		out.SetTimer(7, core.Instant(3*second))
		out.CancelTimer(7)
	}}))
	l.wantAll(t, "1s 0 timer 0")
}

// TestSkewOfAPausedNode: its overdue timers fire at the resume all the same.
func TestSkewOfAPausedNode(t *testing.T) {
	l := experiment(t, 2, `faults:
  - {at: 1s, pause: [1], for: 4s}
  - {at: 2s, skew: [{node: 1, rate: 2}]}
`, script(cue{1, 1500 * milli, func(*core.Effects) {}}, cue{1, 6 * second, func(*core.Effects) {}}))
	l.wantAll(t, "5s 1 timer 0", "5s 1 timer 1")
}

// TestTimers: setting one again replaces it, a cancelled one does not fire, one in the past fires at once.
func TestTimers(t *testing.T) {
	at := func(d time.Duration) core.Instant { return core.Instant(d) }
	l := experiment(t, 2, "", script(cue{0, second, func(out *core.Effects) {
		out.SetTimer(5, at(2*second))
		out.SetTimer(5, at(4*second))
		out.SetTimer(6, at(2*second))
		out.CancelTimer(6)
		out.SetTimer(7, at(3*second))
		out.CancelTimer(7)
		out.SetTimer(7, at(3500*milli))
		out.SetTimer(8, 0)
		out.SetTimer(15, at(5*second))
	}}))
	l.wantAll(t, "1s 0 timer 0", "1s 0 timer 8", "3.5s 0 timer 7", "4s 0 timer 5", "5s 0 timer 15")
}

// TestWake gives a step of its own to each, at once, in their order.
func TestWake(t *testing.T) {
	l := experiment(t, 2, "", func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
		switch {
		case p.self == 0 && in.Kind == core.InStart:
			out.Wake(7)
			out.Wake(3)
		case in.Kind == core.InWake && in.ID > 5:
			out.Wake(uint32(in.ID) - 5)
		}
	})
	l.want(t, "0s 0 wake 7", "0s 0 wake 3", "0s 0 wake 2")
}

// TestSent answers each send with an Op exactly once, whatever becomes of the packet, and no other.
func TestSent(t *testing.T) {
	for _, transport := range []string{"datagram", "stream"} {
		l := experiment(t, 4, "network: {latency: 1ms, duplicate: 1.0, transport: "+transport+"}\nfaults:\n  - {at: 1s, crash: [3]}\n  - {at: 1s, cut: [{from: 0, to: 2}]}\n",
			script(cue{0, 2 * second, func(out *core.Effects) {
				out.Send(1, num(1))
				out.SendOp(1, num(2), 11)
				out.SendOp(2, num(3), 12)
				out.SendOp(3, num(4), 13)
			}}))
		var sent []string
		for _, line := range l.log {
			if strings.Contains(line, " sent ") {
				sent = append(sent, line)
			}
		}
		want := []string{`2s 0 sent 11 ""`, `2s 0 sent 12 ""`, `2s 0 sent 13 "connection closed"`}
		if diff := cmp.Diff(want, sent); diff != "" {
			t.Errorf("%s: %s", transport, diff)
		}
	}
}

// TestSentWaitsForThePaused: the answers come at the resume, in the order of their sends.
func TestSentWaitsForThePaused(t *testing.T) {
	l := experiment(t, 2, "faults:\n  - {when: {node: 0, sends: vote}, pause: [0], for: 2s}\n", script(cue{0, second, func(out *core.Effects) {
		out.SendOp(1, kind(core.Vote, 1), 5)
		out.SendOp(1, num(2), 6)
	}}))
	l.want(t, "1.001s 1 deliver 1 from 0", `3s 0 sent 5 ""`, `3s 0 sent 6 ""`, "3.001s 1 deliver 2 from 0")
}

// TestMachinePanics: a panic inside Step, or one that a machine models, is recorded once; nothing moves in that node any
// more, its process stands, and the run goes on.
func TestMachinePanics(t *testing.T) {
	for _, modelled := range []bool{false, true} {
		l := experiment(t, 3, "faults:\n  - {at: 5s, suspect: [{by: 1, of: 0}]}\n  - {at: 6s, crash: [1]}\n", func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
			switch {
			case in.Kind == core.InStart && p.self == 0:
				out.SetTimer(0, core.Instant(2*second))
			case in.Kind == core.InStart && p.self == 1:
				out.SetTimer(9, core.Instant(3*second))
			case in.Kind == core.InTimer && p.self == 0:
				out.Send(1, num(7))
				if now < core.Instant(4*second) {
					out.SetTimer(0, now+core.Instant(second))
				}
			case in.Kind == core.InDeliver && modelled:
				out.Panic("boom")
			case in.Kind == core.InDeliver:
				panic("boom")
			}
		})
		l.wantAll(t, "2s 0 timer 0", "2.001s 1 deliver 7 from 0", "3s 0 timer 0", "4s 0 timer 0", "6.001s 0 closed 1", "6.001s 2 closed 1")
		l.wantTrace(t, "2.001s panic 1 boom", "5s suspect-injected", "6s crash 1 silent=false")
	}
}

// TestPanicsOfSeveralNodes end no run, wherever they come in it.
func TestPanicsOfSeveralNodes(t *testing.T) {
	l := experiment(t, 3, "", func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
		if in.Kind == core.InStart {
			out.SetTimer(0, core.Instant(second)*core.Instant(p.self+1))
			out.SetTimer(1, core.Instant(5*second))
		} else {
			panic(p.self)
		}
	})
	l.wantTrace(t, "1s panic 0 0", "2s panic 1 1", "3s panic 2 2")
}

// TestBusy: a node that takes more than 1000 steps for each member within one heartbeat interval ends the run there.
func TestBusy(t *testing.T) {
	l := experiment(t, 2, "", func(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
		switch {
		case p.self == 0 && in.Kind == core.InStart:
			out.SetTimer(0, core.Instant(2*second))
		case p.self == 0:
			out.SetTimer(0, now)
		}
	})
	l.wantTrace(t, "2s busy 0 2001")
	v := l.res.Verdict.Violations
	if len(v) != 1 || v[0].Property != "livelock" || l.res.VirtualNS != int64(2*second) || len(l.log) != 2001 {
		t.Errorf("%d steps, violations %+v, ended at %v", len(l.log), v, time.Duration(l.res.VirtualNS))
	}
	l = experiment(t, 2, "", func(p *probe, now core.Instant, _ *core.Input, out *core.Effects) { // 2000 steps an interval
		out.SetTimer(0, now+core.Instant(milli/2))
	})
	l.wantTrace(t)
}

// TestSettleProlongs: a run lasts until everything has settled after the last act, ends of acts, triggered and random
// acts included.
func TestSettleProlongs(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
	}{
		{"", 10 * second},
		{"  - {at: 1s, crash: [0]}\n", 10 * second},
		{"  - {at: 4s, crash: [0]}\n", 11 * second},
		{"  - {at: 4s, pause: [0], for: 3s}\n", 14 * second},
		{"  - {at: 4s, pause: [0]}\n", 11 * second},
		{"  - {at: 60s, crash: [0]}\n", 67 * second},
		{"  - {when: {node: 0, sends: vote}, pause: [0], for: 8s}\n", 16 * second},
		{"  - {when: {node: 0, sends: ack}, pause: [0], for: 8s}\n", 10 * second},
		{"  - {random: {crashes: 1, between: 20s..20s}}\n", 27 * second},
	} {
		text := "duration: 10s\nsettle: 7s\n"
		if c.text != "" {
			text += "faults:\n" + c.text
		}
		l := experiment(t, 2, text, script(cue{0, second, func(out *core.Effects) { out.Send(1, kind(core.Vote, 1)) }}))
		if got := time.Duration(l.res.VirtualNS); got != c.want {
			t.Errorf("%q: the run lasts %v, want %v", c.text, got, c.want)
		}
	}
}

// TestWorldAndTransport: what is a range or random is drawn from the seed, told, and takes each of its values.
func TestWorldAndTransport(t *testing.T) {
	sc := probing(t, 3, "network: {transport: random, latency: 1ms}\nduration: 1s\nsettle: 0s\n")
	sc.World.Max = 6
	worlds, streams := map[int]int{}, map[bool]int{}
	s := New()
	for seed := uint64(1); seed <= 200; seed++ {
		l := &lab{sim: s}
		var header trace.Header
		res, err := s.Run(Spec{Scenario: sc, Seed: seed, New: l.machine, Header: func(h *trace.Header) { header = *h }, Observe: func(*trace.Event) {}})
		if err != nil {
			t.Fatal(err)
		}
		worlds[res.World]++
		streams[s.net.Stream()]++
		want := []string{"world " + string(rune('0'+res.World)), "transport datagram"}
		if s.net.Stream() {
			want[1] = "transport stream"
		}
		if diff := cmp.Diff(want, res.Drawn); diff != "" {
			t.Error(diff)
		}
		if header.World != res.World || len(header.NodeIDs) != res.World || len(s.nodes) != res.World {
			t.Errorf("seed %d: the header has %d nodes, the run %d", seed, header.World, len(s.nodes))
		}
	}
	if len(worlds) != 4 || len(streams) != 2 {
		t.Errorf("worlds %v, streams %v", worlds, streams)
	}
	for world, n := range worlds {
		if n < 25 || n > 80 {
			t.Errorf("a world of %d in %d of 200 runs", world, n)
		}
	}
}
