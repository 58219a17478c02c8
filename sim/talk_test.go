package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/core/comm"
	"nexarsim/scenarios"
)

// talks is the scenarios in which applications talk. Networks lose, double and reorder; members die, sleep and are
// suspected while messages are on their way.
func talks(t *testing.T) []*scenarios.Scenario {
	t.Helper()
	var all []*scenarios.Scenario
	for _, c := range [][2]string{
		{"quiet-network", "world: 2..5\nnetwork: {latency: 50us..2ms}\n"},
		{"lossy-network", "world: 2..5\nnetwork: {latency: 50us..20ms, loss: 0.1, duplicate: 0.1}\n"},
		{"nodes-die", "world: 3..6\nnetwork: {latency: 50us..50ms, loss: 0.05, duplicate: 0.05}\nfaults:\n  - {random: {crashes: 1..2, suspicions: 0..2, between: 2s..12s}}\n"},
		{"everything", "world: 3..6\nnetwork: {latency: 50us..50ms, loss: 0.05, transport: random}\nfaults:\n  - {random: {crashes: 0..1, partitions: 0..1, cuts: 0..1, pauses: 0..1, suspicions: 0..2, between: 2s..12s}}\n"},
		{"slow-across-a-view", "world: 4\nnetwork: {latency: 50us..2ms, duplicate: 0.3}\nfaults:\n  - {at: 1s, slow: {nodes: [1], by: 3s}, for: 20s}\n  - {at: 4s, crash: [3]}\n"},
		{"streams-across-cuts", "world: 4\nnetwork: {transport: stream}\nfaults:\n  - {at: 3s, partition: [[0, 1, 2], [3]], for: 10s}\n  - {at: 20s, crash: [2]}\n"},
	} {
		name, text := c[0], c[1]
		sc, err := scenarios.Parse(name+".yaml", []byte("name: "+name+"\nabout: Applications talk.\nduration: 40s\nsettle: 40s\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sc)
	}
	return all
}

// talkSeeds is how many seeds of each scenario are run.
const talkSeeds = 15

// TestTalk: whatever befalls them, members are given what was sent to them, once, in order, in its view.
func TestTalk(t *testing.T) {
	s := New()
	told := 0
	for _, sc := range talks(t) {
		for seed := range uint64(talkSeeds) {
			spec := Spec{Scenario: sc, Protocol: "quorum", Seed: seed + 1, Talk: 100 * time.Millisecond}
			res, err := s.Run(spec)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range res.Verdict.Violations {
				if told++; told <= 20 {
					t.Errorf("%s seed %d digest %s: %s at %v: %s", sc.Name, seed+1, res.DigestText(), v.Property, time.Duration(v.T), v.Why)
				}
			}
			if len(res.Verdict.Malformed) > 0 {
				t.Fatalf("%s seed %d: %v", sc.Name, seed+1, res.Verdict.Malformed)
			}
			if seed > 1 {
				continue
			}
			again, err := New().Run(spec)
			if err != nil || again.Digest != res.Digest {
				t.Errorf("%s seed %d: digest %s, and again %s, %v", sc.Name, seed+1, res.DigestText(), again.DigestText(), err)
			}
		}
	}
}

// TestTalkSaysSomething: the runs of TestTalk come through what they are for: messages are received, from any rank and from
// one, on halves too; some are refused for want of room, asked for, sent again, late of an old view; and calls end with
// their view.
func TestTalkSaysSomething(t *testing.T) {
	s := New()
	seen := map[string]int{}
	for _, sc := range talks(t) {
		for seed := range uint64(5) {
			_, err := s.Run(Spec{Scenario: sc, Protocol: "fail-stop", Seed: seed + 1, Talk: 100 * time.Millisecond, Observe: func(ev *trace.Event) {
				switch {
				case ev.Kind == trace.Send && (ev.Msg.Type == "receipt" || ev.Msg.Type == "ready"):
					seen[ev.Msg.Type]++
				case ev.Kind == trace.Deliver && ev.Msg.Type == "data" && ev.Epoch > ev.Msg.Epoch:
					seen["late of an old view"]++
				case ev.Kind != trace.Call:
				case ev.Call.Phase == "start" && strings.Contains(ev.Call.Value, `"comm"`):
					seen["on a half"]++
				case ev.Call.Phase == "start" && strings.Contains(ev.Call.Value, `"from":-1`):
					seen["from any"]++
				case ev.Call.Phase == "end" && ev.Call.Error == "":
					seen[ev.Call.Op]++
				case ev.Call.Phase == "end":
					if g, gone := comm.ViewGone(ev.Call.Error); gone {
						seen[g.Call.String()+" gone with its view"]++
					} else if strings.Contains(ev.Call.Error, "within") {
						seen[ev.Call.Op+" in vain"]++
					}
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Log(seen)
	for _, what := range []string{
		"send", "receive", "split", "receipt", "ready", "late of an old view", "on a half", "from any", "send gone with its view", "receive gone with its view", "send in vain", "receive in vain",
	} {
		if seen[what] < 10 {
			t.Errorf("%d of %s: the runs say nothing of it", seen[what], what)
		}
	}
}

// TestTalkIsJudged: a run whose receives are told otherwise breaks collective, and by that name alone.
func TestTalkIsJudged(t *testing.T) {
	sc := talks(t)[0]
	for name, alter := range map[string]func(value string) string{
		"as it is":    func(value string) string { return value },
		"other bytes": func(value string) string { return strings.Replace(value, `"data":"`, `"data":"00`, 1) },
		"other tag":   func(value string) string { return strings.Replace(value, `"tag":`, `"tag":1`, 1) },
	} {
		var j *checker.Judge
		count := 0
		res, err := New().Run(Spec{Scenario: sc, Protocol: "quorum", Seed: 1, Talk: 100 * time.Millisecond,
			Header: func(h *trace.Header) {
				var err error
				if j, err = checker.New(h); err != nil {
					t.Fatal(err)
				}
			},
			Observe: func(ev *trace.Event) {
				e := *ev
				if ev.Kind == trace.Call && ev.Call.Op == "receive" && ev.Call.Phase == "end" && ev.Call.Error == "" {
					c := *ev.Call
					if count++; count == 10 {
						c.Value = alter(c.Value)
					}
					e.Call = &c
				}
				j.Observe(&e)
			}})
		if err != nil {
			t.Fatal(err)
		}
		v := j.Finish(checker.Ending{T: res.VirtualNS, Complete: true}).Violations
		if name == "as it is" && len(v) != 0 || name != "as it is" && (len(v) == 0 || v[0].Property != checker.Collective) {
			t.Errorf("%s: %s", name, fmt.Sprint(v))
		}
	}
}

// TestTalkNeedsACommunicator: nexar's rungs have none.
func TestTalkNeedsACommunicator(t *testing.T) {
	_, err := New().Run(Spec{Scenario: talks(t)[0], Protocol: "classic", Seed: 1, Talk: time.Second})
	if err == nil || !strings.Contains(err.Error(), "expected quorum or fail-stop") {
		t.Errorf("error %v", err)
	}
}
