package sim

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/core"
)

// broadcast is the rule that node 0 sends a vote to each of the others, twice, in one step at 1 s: message 10*round+to.
func broadcast(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
	switch {
	case p.self != 0:
	case in.Kind == core.InStart:
		out.SetTimer(0, core.Instant(second))
	case in.Kind == core.InTimer:
		for round := range 2 {
			for to := 1; to < p.world; to++ {
				m := kind(core.Vote, uint64(10*round+to))
				m.Epoch = core.Epoch(round)
				out.Send(core.NodeID(to), m)
			}
		}
	}
}

// TestSends fires between one effect and the next: later destinations of one broadcast get nothing.
func TestSends(t *testing.T) {
	all := []string{"1 deliver 1 from 0", "2 deliver 2 from 0", "3 deliver 3 from 0", "1 deliver 11 from 0", "2 deliver 12 from 0", "3 deliver 13 from 0"}
	for _, c := range []struct {
		when string
		sent int
	}{
		{"{node: 0, sends: vote}", 1},
		{"{node: 0, sends: vote, nth: 2}", 2},
		{"{node: 0, sends: vote, nth: 6}", 6},
		{"{node: 0, sends: vote, peer: 2}", 2},
		{"{node: 0, sends: vote, peer: 3, nth: 2}", 6},
		{"{node: 0, sends: vote, epoch: 1}", 4},
		{"{node: 0, sends: vote, epoch: 1, nth: 2}", 5},
		{"{node: 0, sends: vote, epoch: 1, peer: 3}", 6},
		{"{node: 0, sends: vote, nth: 7}", -1},
		{"{node: 0, sends: vote, epoch: 2}", -1},
		{"{node: 0, sends: vote, epoch: 0, peer: 1, nth: 2}", -1},
		{"{node: 1, sends: vote}", -1},
		{"{node: 0, sends: ack}", -1},
		{"{node: 0, sends: data}", -1},
	} {
		t.Run(c.when, func(t *testing.T) {
			l := experiment(t, 4, "faults:\n  - {when: "+c.when+", crash: [0], silent: true}\n", broadcast)
			n := c.sent
			if n < 0 {
				n = len(all)
			}
			var want []string
			for _, line := range all[:n] {
				want = append(want, "1.001s "+line)
			}
			l.want(t, want...)
			var unfired []string
			if c.sent < 0 {
				unfired = []string{"faults[0]: silent crash of [0]"}
			}
			if diff := cmp.Diff(unfired, l.res.Unfired); diff != "" {
				t.Errorf("unfired: %s", diff)
			}
		})
	}
}

// TestSendsCountsWhatIsLost: a message counts when it is sent, whatever becomes of it.
func TestSendsCountsWhatIsLost(t *testing.T) {
	l := experiment(t, 4, "network: {latency: 1ms, loss: 1.0}\nfaults:\n  - {when: {node: 0, sends: vote, nth: 4}, crash: [0]}\n", broadcast)
	if got := l.res.Messages; got != 4 {
		t.Errorf("%d messages were sent, want 4", got)
	}
}

// TestSendsOfAnother: the node that sends need not be the one that the act is about.
func TestSendsOfAnother(t *testing.T) {
	l := experiment(t, 4, "faults:\n  - {when: {node: 0, sends: vote, nth: 2}, crash: [2, 3], silent: true}\n", broadcast)
	l.want(t, "1.001s 1 deliver 1 from 0", "1.001s 1 deliver 11 from 0")
}

// TestSendsBindsTheNextSend: cut, partition, loss, slow and duplicate begin with the next send of the same step.
func TestSendsBindsTheNextSend(t *testing.T) {
	for act, want := range map[string][]string{
		// Datagrams on their way when their link closes are lost: of the first round none arrives at node 3.
		"cut: [{from: 0, to: 3}, {from: 0, to: 2}]": {"1.001s 1 deliver 1 from 0", "1.001s 1 deliver 11 from 0"},
		"partition: [[0], [3]]":                     {"1.001s 1 deliver 1 from 0", "1.001s 2 deliver 2 from 0", "1.001s 1 deliver 11 from 0", "1.001s 2 deliver 12 from 0"},
		"loss: 1.0":                                 {"1.001s 1 deliver 1 from 0", "1.001s 2 deliver 2 from 0"},
		"slow: {nodes: [2], by: 1s}": {
			"1.001s 1 deliver 1 from 0", "1.001s 2 deliver 2 from 0", "1.001s 3 deliver 3 from 0", "1.001s 1 deliver 11 from 0",
			"1.001s 3 deliver 13 from 0", "2.001s 2 deliver 12 from 0",
		},
		"duplicate: 1.0, links: [{from: 0, to: 1}]": {
			"1.001s 1 deliver 1 from 0", "1.001s 2 deliver 2 from 0", "1.001s 3 deliver 3 from 0",
			"1.001s 1 deliver 11 from 0", "1.001s 1 deliver 11 from 0", "1.001s 2 deliver 12 from 0", "1.001s 3 deliver 13 from 0",
		},
	} {
		t.Run(act, func(t *testing.T) {
			experiment(t, 4, "faults:\n  - {when: {node: 0, sends: vote, nth: 2}, "+act+"}\n", broadcast).want(t, want...)
		})
	}
}

// TestInputsOfTriggers: acts that are inputs arrive as the next step, after the whole of the one that brought them about.
func TestInputsOfTriggers(t *testing.T) {
	l := experiment(t, 2, `faults:
  - {when: {node: 0, sends: vote}, suspect: [{by: 0, of: 1}, {by: 1, of: 0}], for: 2s}
  - {when: {node: 0, sends: vote}, hold: [0], for: 3s}
  - {when: {node: 0, sends: vote}, app: {shutdown: [1]}}
`, broadcast)
	l.want(t, "1s 0 suspect 1 hold=true", "1s 1 suspect 0 hold=true", "1s 0 call hold", "1s 1 shutdown",
		"1.001s 1 deliver 1 from 0", "1.001s 1 deliver 11 from 0", "3s 0 trust 1", "3s 1 trust 0", "4s 0 call release")
	if l.res.Messages != 2 {
		t.Errorf("%d messages were sent, want both of the step", l.res.Messages)
	}
}

// TestReceives fires after the step's change of state and before its first effect.
func TestReceives(t *testing.T) {
	for _, c := range []struct {
		when string
		want []string
	}{
		{"{node: 1, receives: vote}, crash: [1], silent: true", []string{"1.001s 1 deliver 1 from 0"}},
		{"{node: 1, receives: vote, nth: 2}, crash: [1], silent: true", []string{"1.001s 1 deliver 1 from 0", "1.001s 1 deliver 2 from 2", "1.002s 0 deliver 1 from 1"}},
		{"{node: 1, receives: vote, peer: 2}, crash: [1], silent: true", []string{"1.001s 1 deliver 1 from 0", "1.001s 1 deliver 2 from 2", "1.002s 0 deliver 1 from 1"}},
		{"{node: 1, receives: vote, epoch: 1}, crash: [1], silent: true", []string{"1.001s 1 deliver 1 from 0", "1.001s 1 deliver 2 from 2", "1.002s 0 deliver 1 from 1"}},
		{"{node: 1, receives: ack}, crash: [1], silent: true", []string{"1.001s 1 deliver 1 from 0", "1.001s 1 deliver 2 from 2", "1.002s 0 deliver 1 from 1", "1.002s 2 deliver 2 from 1"}},
		{"{node: 1, receives: vote}, pause: [1], for: 2s", []string{"1.001s 1 deliver 1 from 0", "3.001s 1 deliver 2 from 2", "3.002s 0 deliver 1 from 1", "3.002s 2 deliver 2 from 1"}},
		{"{node: 1, receives: vote}, cut: [{from: 1, to: 0}]", []string{"1.001s 1 deliver 1 from 0", "1.001s 1 deliver 2 from 2", "1.002s 2 deliver 2 from 1"}},
	} {
		t.Run(c.when, func(t *testing.T) {
			l := experiment(t, 3, "faults:\n  - {when: "+c.when+"}\n", func(p *probe, _ core.Instant, in *core.Input, out *core.Effects) {
				switch {
				case in.Kind == core.InStart && p.self != 1:
					out.SetTimer(0, core.Instant(second))
				case in.Kind == core.InTimer:
					m := kind(core.Vote, uint64(p.self/2+1))
					m.Epoch = core.Epoch(p.self / 2)
					out.Send(1, m)
				case in.Kind == core.InDeliver && p.self == 1:
					out.Used()
					out.Send(in.From, kind(core.Ack, in.Msg.Num))
				}
			})
			l.want(t, c.want...)
		})
	}
}

// deciding is the rule that node 0, at each full second, changes its mind about node 1, installs the next view and then
// sends a message.
func deciding(p *probe, now core.Instant, in *core.Input, out *core.Effects) {
	if p.self != 0 || in.Kind != core.InStart && in.Kind != core.InTimer {
		return
	}
	out.SetTimer(0, now+core.Instant(second))
	if n := uint64(now) / uint64(second); n > 0 && n < 5 {
		out.Believe(1, n%2 == 1)
		out.Send(2, num(10*n))
		v := core.FirstView(3, 1)
		v.Epoch = core.Epoch(n)
		out.PutInstall(core.Install{View: v})
		out.Send(2, num(10*n+1))
	}
}

func TestSuspectsAndInstalls(t *testing.T) {
	for _, c := range []struct {
		when string
		want []string
	}{
		{"{node: 0, suspects: 1}", nil},
		{"{node: 0, suspects: 1, nth: 2}", []string{"10", "11", "20", "21"}},
		{"{node: 0, suspects: 2}", []string{"10", "11", "20", "21", "30", "31", "40", "41"}},
		{"{node: 1, suspects: 0}", []string{"10", "11", "20", "21", "30", "31", "40", "41"}},
		{"{node: 0, installs: 1}", []string{"10"}},
		{"{node: 0, installs: 3}", []string{"10", "11", "20", "21", "30"}},
		{"{node: 0, installs: 5}", []string{"10", "11", "20", "21", "30", "31", "40", "41"}},
		{"{node: 0, installs: 2, nth: 2}", []string{"10", "11", "20", "21", "30", "31", "40", "41"}},
	} {
		t.Run(c.when, func(t *testing.T) {
			l := experiment(t, 3, "faults:\n  - {when: "+c.when+", crash: [0], silent: true}\n", deciding)
			var want []string
			for _, n := range c.want {
				want = append(want, n[:1]+".001s 2 deliver "+n+" from 0")
			}
			l.want(t, want...)
		})
	}
}

// TestTriggersFireOnce, each by its own count, and several at one moment in the order of the file.
func TestTriggersFireOnce(t *testing.T) {
	l := experiment(t, 4, `faults:
  - {when: {node: 0, sends: vote, nth: 2}, slow: {nodes: [1], by: 1s}, for: 1s}
  - {when: {node: 0, sends: vote, nth: 2}, loss: 1.0, for: 1s}
  - {when: {node: 0, sends: vote, nth: 3}, slow: {nodes: [2], by: 1s}, for: 2s}
`, broadcast)
	l.wantTrace(t, "1s slow", "1s loss", "1s drop 8 loss", "1s slow", "1s drop 12 loss", "1s drop 16 loss", "1s drop 20 loss",
		"2s slow-end", "2s loss-end", "3s slow-end")
	if l.res.Unfired != nil {
		t.Errorf("unfired: %q", l.res.Unfired)
	}
}

// TestUnfired lists what never came, in the order of the file, and nothing that did.
func TestUnfired(t *testing.T) {
	l := experiment(t, 3, `faults:
  - {when: {node: 0, sends: ack}, crash: [1]}
  - {at: 1s, pause: [1], for: 1s}
  - {when: {node: 1, receives: vote, nth: 99}, cut: [{from: 0, to: 1}, {from: 1, to: 0}]}
  - {when: {node: 0, sends: vote}, slow: {nodes: [1], by: 1ms}}
  - {when: {node: 2, suspects: 1}, suspect: [{by: 0, of: 1}], for: 3s}
  - {random: {pauses: 1, between: 2s..2s}}
`, broadcast)
	want := []string{"faults[0]: crash of [1]", "faults[2]: cut 0->1 1->0", "faults[4]: suspicion of 1 by 0"}
	if diff := cmp.Diff(want, l.res.Unfired); diff != "" {
		t.Error(diff)
	}
}

// TestStepsAreNumbered: an input given to a node is a step, and so is each beginning and end of an act.
func TestStepsAreNumbered(t *testing.T) {
	l := experiment(t, 2, "faults:\n  - {at: 1s, slow: {nodes: [1], by: 1ms}, for: 1s}\n  - {at: 3s, crash: [1], silent: true}\n", sending(2500*milli))
	// Two starts, a timer, a delivery; slow begins and ends, a crash.
	if l.res.Steps != 7 || l.res.Messages != 1 {
		t.Errorf("%d steps, %d messages, want 7 and 1", l.res.Steps, l.res.Messages)
	}
}
