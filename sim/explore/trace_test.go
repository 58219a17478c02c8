package explore

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
)

// traced replays a capsule and gives its trace.
func traced(t *testing.T, c *capsule.Capsule, make1 sim.Constructor) (*sim.Replayed, string) {
	t.Helper()
	var text bytes.Buffer
	w := trace.NewWriter(&text)
	put := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := ReplayCapsule(sim.ReplaySpec{
		Capsule: c, New: make1,
		Header: func(h *trace.Header) { put(w.WriteHeader(h)) }, Observe: func(ev *trace.Event) { put(w.Write(ev)) },
	})
	put(err)
	put(w.Flush())
	return r, text.String()
}

func checked(t *testing.T, text string) checker.Report {
	t.Helper()
	rep, err := checker.CheckTrace(strings.NewReader(text), "trace.jsonl")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(rep.Verdict.Malformed) > 0 {
		t.Fatalf("%v\n%s", rep.Verdict.Malformed, text)
	}
	return rep
}

// sameVerdict holds what a trace is judged to be against what its schedule was: the same, but for a cycle of states, which is
// left open.
func sameVerdict(t *testing.T, rep *checker.Report, want checker.Verdict) {
	t.Helper()
	cycle := func(v trace.Violation) bool { return v.Property == checker.Livelock }
	if slices.ContainsFunc(want.Violations, cycle) && !slices.ContainsFunc(rep.Verdict.Violations, cycle) {
		want.Violations = slices.DeleteFunc(slices.Clone(want.Violations), cycle)
		last := len(rep.Verdict.Undecided) - 1
		if last < 0 || rep.Verdict.Undecided[last].Property != checker.Livelock {
			t.Errorf("undecided %v: expected the livelock among them", rep.Verdict.Undecided)
		}
		rep.Verdict.Undecided = rep.Verdict.Undecided[:max(last, 0)]
	}
	if diff := cmp.Diff(want.Violations, rep.Verdict.Violations, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("violations (-schedule +trace):\n%s", diff)
	}
	open := func(v checker.Verdict) (names []string) {
		for _, u := range v.Undecided {
			names = append(names, u.Property)
		}
		return names
	}
	if diff := cmp.Diff(open(want), open(rep.Verdict)); diff != "" {
		t.Errorf("undecided (-schedule +trace):\n%s", diff)
	}
	if rep.Differs != "" {
		t.Error(rep.Differs)
	}
}

// TestTraces: the trace of each counterexample is judged, from its lines alone, to break what the schedule breaks, in liveness
// too where the schedule ends in what goes on for ever.
func TestTraces(t *testing.T) {
	found := counterexamples(t)
	for _, c := range []Config{
		{Protocol: "classic", World: 2, Budget: Budget{Crashes: 1}},
		{Protocol: "classic", World: 3, Budget: Budget{Crashes: 1}},
		{Protocol: "classic+replay", World: 3, Budget: Budget{Crashes: 2}},
		{Protocol: "classic+numbering", World: 3, Budget: Budget{Crashes: 2, Partitions: 1}},
		{Protocol: "classic+epoch", World: 4, Budget: Budget{FalseSuspicions: 3}},
	} {
		found = append(found, explore(t, c, 2).Violations...)
	}
	shown := map[string]bool{}
	for _, v := range found {
		c := kept(t, &v)
		t.Run(c.Protocol+","+v.Property, func(t *testing.T) {
			r, text := traced(t, c, v.Schedule.Config.Make)
			rep := checked(t, text)
			sameVerdict(t, &rep, r.Verdict)
			if rep.Recorded.Digest != c.Digest || rep.Recorded.Steps != r.Steps || rep.Messages != r.Messages {
				t.Errorf("digest %s, %d steps, %d messages; expected %s, %d, %d", rep.Recorded.Digest, rep.Recorded.Steps, rep.Messages, c.Digest, r.Steps, r.Messages)
			}
			for i := range rep.Verdict.Violations {
				shown[rep.Verdict.Violations[i].Property] = true
			}
			if v.Liveness && v.Property == checker.Recovery != rep.Ending.Complete {
				t.Errorf("complete %v: expected recovery to be judged where it is broken", rep.Ending.Complete)
			}
			_, again := traced(t, c, v.Schedule.Config.Make)
			if text != again {
				t.Error("two replays give two traces")
			}
		})
	}
	for _, property := range []string{checker.Agreement, checker.Validity, checker.History, checker.Eviction, checker.Recovery} {
		if !shown[property] {
			t.Errorf("no trace shows %s", property)
		}
	}
}

// TestTracesOfWalks: so is the trace of any other schedule, whatever steps it is made of.
func TestTracesOfWalks(t *testing.T) {
	all := Budget{Crashes: 2, FalseSuspicions: 2, Partitions: 1, EarlyTimeouts: 2, Losses: 2, Duplicates: 2}
	did, dropped := map[do]int{}, map[string]int{}
	for i, c := range []Config{
		{Protocol: "quorum", World: 3, Budget: all}, {Protocol: "quorum", World: 4, Budget: all}, {Protocol: "fail-stop", World: 4, Budget: all},
		{Protocol: "quorum", World: 4, LinkTails: true, Budget: all},
		{Protocol: "classic", World: 3, Budget: Budget{Crashes: 2, Partitions: 1}},
		{Protocol: "classic+epoch", World: 4, Budget: Budget{Crashes: 2, FalseSuspicions: 1}},
	} {
		d := draws{uint64(i)}
		for n := range 60 {
			var text bytes.Buffer
			w := trace.NewWriter(&text)
			put := func(err error) {
				if err != nil {
					t.Fatal(err)
				}
			}
			put(headed(&c, "walk", func(h *trace.Header) { put(w.WriteHeader(h)) }))
			p, err := newPlayer(&c, func(ev *trace.Event) {
				if ev.Kind == trace.Drop {
					dropped[ev.Why]++
				}
				put(w.Write(ev))
			})
			put(err)
			for range 10 + n {
				acts := p.w.enabled(p.now())
				if len(acts) == 0 {
					break
				}
				a := acts[d.below(uint64(len(acts)))]
				did[a.do]++
				put(p.execute(a))
			}
			r := p.end()
			put(w.Flush())
			rep := checked(t, text.String())
			sameVerdict(t, &rep, r.Verdict)
			if want := fmt.Sprintf("%016x", r.Digest); rep.Recorded.Digest != want || rep.Messages < r.Messages {
				t.Errorf("digest %s, %d messages; expected %s, at least %d", rep.Recorded.Digest, rep.Messages, want, r.Messages)
			}
			if t.Failed() {
				t.Fatalf("%s, walk %d:\n%s", c.Protocol, n, strings.Join(r.Lines, "\n"))
			}
		}
	}
	for a := doDeliver; a <= doDuplicate; a++ {
		if did[a] == 0 {
			t.Errorf("no walk does %d", a)
		}
	}
	for _, why := range []string{dropLoss, dropGone, dropCut, dropClosed, dropSpent} {
		if dropped[why] == 0 {
			t.Errorf("no message is dropped for %s: %v", why, dropped)
		}
	}
}

// moody is a node that sends its first vote to somebody else when it has been cloned often enough, which its encoding does not
// tell.
type moody struct {
	forgetting
	clones *int
}

func moodily(s core.Setup) (core.Machine, error) {
	s.Config.Rule = core.Majority
	n, err := core.New(s)
	return &moody{forgetting{n}, new(int)}, err
}

func (m *moody) Clone() core.Machine {
	*m.clones++
	return &moody{forgetting{m.Machine.Clone()}, m.clones}
}

func (m *moody) Step(now core.Instant, in *core.Input, out *core.Effects) {
	var own core.Effects
	m.Machine.Step(now, in, &own)
	for i := range own.List() {
		e := &own.List()[i]
		switch msg := own.Message; e.Kind {
		case core.OutSend:
			x := *msg(e)
			if *m.clones == 0 { // a replay's own machines are never cloned
				x.Num++
			}
			out.Send(e.Peer, &x)
		case core.OutBelieve:
			out.Believe(e.Peer, e.Suspected)
		}
	}
}

// TestReplayNoticesSends: a machine that sends what its encoding does not tell is noticed when the message has to be there.
func TestReplayNoticesSends(t *testing.T) {
	c := Config{Protocol: "moody", Make: moodily, World: 3, Budget: Budget{Crashes: 1}}
	p, err := newPlayer(&c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []Step{{Do: DoCrash, Node: 2}, {Do: DoSuspect, Node: 1, Peer: 2}} {
		if err = p.take(&step); err != nil {
			break
		}
	}
	if want := "explore: after step 2 a vote from 1 to 0 is in flight that nobody has sent"; err == nil || err.Error() != want {
		t.Errorf("error %v\nexpected %s", err, want)
	}
}

// TestTraceChanged: a trace that tells something else than its schedule is noticed.
func TestTraceChanged(t *testing.T) {
	found := explore(t, Config{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}}, 2).Violations
	_, text := traced(t, kept(t, &found[0]), nil)
	for _, c := range []struct{ old, anew, differs, wrong string }{
		{`"property":"agreement"`, `"property":"history"`, "the file's verdict does not name agreement: nodes 0 and 1 installed different members for epoch 1: [0] and [1 2]", ""},
		{`"members":[0],`, `"members":[0,1,2],`, "the file's verdict does not name ranks: node 0 installed epoch 1 with world size 1 and 3 members", ""},
		{`"dead":[0]`, `"dead":[0],"x":0`, "", `trace.jsonl:27: x: unknown field`},
		{`"from":2,"id":2`, `"from":2,"id":5`, "", `trace.jsonl:18: id: `},
	} {
		if strings.Count(text, c.old) == 0 {
			t.Fatalf("%s is not in\n%s", c.old, text)
		}
		rep, err := checker.CheckTrace(strings.NewReader(strings.Replace(text, c.old, c.anew, 1)), "trace.jsonl")
		switch {
		case c.wrong == "" && err != nil, c.wrong != "" && (err == nil || !strings.HasPrefix(err.Error(), c.wrong)):
			t.Errorf("%s: error %v, expected %q", c.anew, err, c.wrong)
		case c.differs == "" != (rep.Differs == "") || !strings.HasPrefix(rep.Differs, c.differs):
			t.Errorf("%s: differs %q\nexpected %q", c.anew, rep.Differs, c.differs)
		}
	}
}
