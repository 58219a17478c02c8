package checker_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
)

// busyStory has every event that an ordinary run has.
const busyStory = `world 5
	1s call 0 write 0
	2s partition 0..3|4
	8s suspect 0..3 4
	9s used 0<1 vote 0 at 0
	10s recover 0..3 1 0..3
	11s heal 0..3|4
	12s told 4 evicted 1 old=4 new=-1 size=4 dead=4
	end 4 evicted
	20s pause 3
	21s resume 3
	22s suspect 0 3
	23s trust 0 3
	24s slow 1ms 1
	25s loss 0.01
	26s skew 2 1.01
	27s injected 1:2
	28s slow-end 1ms 1
	29s loss-end 0.01
	30s skew-end 2 1.01
	31s crash 3
	36s suspect 0..2 3
	37s recover 0..2 2 0..2
	50s start 0..2 split 1
	50s done 0..2 split 1
	51s start 0..2 allreduce 1
	52s done 1,2 allreduce 1 sum=0..2
	52s start 1 barrier 1
	52s done 0 allreduce 1 sum=0..2
	52s start 0,2 barrier 1
	53s done 0..2 barrier 1
	120s over`

// Once it has judged a run, a judge judges the next one without allocating, its verdict included.
func TestNoAllocations(t *testing.T) {
	s := tell(t, busyStory)
	if got := summary(s.judge(t)); got != "" {
		t.Fatal(got)
	}
	j, err := checker.New(&s.h)
	if err != nil {
		t.Fatal(err)
	}
	run := func() {
		if err := j.Reset(&s.h); err != nil {
			t.Fatal(err)
		}
		for i := range s.evs {
			j.Observe(&s.evs[i])
		}
		if v := j.Finish(s.ending); len(v.Violations) > 0 {
			t.Fatal(v)
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
	if n := testing.AllocsPerRun(100, func() { _ = j.Finish(s.ending) }); n != 0 {
		t.Errorf("%v allocations a verdict", n)
	}
}

// The state of a judge depends on what happened, not on the order in which independent things did; what matters shows.
func TestState(t *testing.T) {
	state := func(text string) []byte {
		s := tell(t, text)
		j, err := checker.New(&s.h)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.evs {
			j.Observe(&s.evs[i])
		}
		return j.AppendState(nil)
	}
	const head = `world 4 protocol=fail-stop
		1s partition 0,1|2,3
		suspect 0,1 2,3
		suspect 2,3 0,1
	`
	for name, pair := range map[string][2]string{
		"two installs": {
			"recover 0 1 0,1\n recover 1 1 0,1", "recover 1 1 0,1\n recover 0 1 0,1",
		},
		"two acts": {
			"loss 0.1\n slow 1ms 1", "slow 1ms 1\n loss 0.1",
		},
		"an act that ended": {
			"loss 0.1\n slow 1ms 1\n slow-end 1ms 1", "slow 1ms 1\n slow-end 1ms 1\n loss 0.1",
		},
		"two calls": {
			"start 0 barrier 1\n start 1 barrier 1", "start 1 barrier 1\n start 0 barrier 1",
		},
		"two operations": {
			"start 0 barrier 1\n start 1 allreduce 1", "start 1 allreduce 1\n start 0 barrier 1",
		},
		"two failures": {
			"start 0,1 barrier 1\n done 0 barrier 1 error=x\n done 1 barrier 1 error=x", "start 0,1 barrier 1\n done 1 barrier 1 error=x\n done 0 barrier 1 error=x",
		},
		"a crash and a suspicion": {
			"crash 3\n suspect 2 3", "suspect 2 3\n crash 3",
		},
	} {
		if !bytes.Equal(state(head+pair[0]), state(head+pair[1])) {
			t.Errorf("%s: the order shows", name)
		}
	}
	seen := map[string]string{}
	for _, text := range []string{
		"", "crash 3", "pause 3", "end 3 shutdown", "end 3 error", "end 3 evicted", "panic 3", "suspect 2 3", "suspect 3 2",
		"recover 0 1 0,1", "recover 0 1 0,1 id=aa", "install 0 1 0,1", "install 0 1 0,1\n told 0 recovered 1 old=0 new=0 size=3 dead=2",
		"loss 0.1", "loss 0.2", "hold 0", "app shutdown 0", "app recover 0", "trust 0 2", "used 0<1 vote 1 at 0", "busy 1 9999",
		"told 0 failure-detected 0 old=0 new=0 size=4 dead=2", "told 0 evicted 1 old=0 new=-1 size=3 dead=0", "heal 0,1|3,2",
		"start 0 barrier 1", "start 1 barrier 1", "start 0 allreduce 1", "start 0 allreduce 1 value=5", "start 0 allreduce 1 value=x", "start 0 split 1",
		"start 0 split 1\n done 0 split 1", "start 0 barrier 1\n done 0 barrier 1 error=x", "start 0 barrier 1\n start 0 barrier 2", "start 0 barrier 2",
		"start 0,1 barrier 1", "recover 0 1 0,1\n start 0 barrier 1", "start 0 barrier 1\n recover 0 1 0,1",
		"recover 0 1 0,1\n recover 0 2 0", "recover 0 1 0,1\n suspect 0 1",
	} {
		key := string(state(head + text))
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q have the same state", text, other)
		}
		seen[key] = text
	}
	if bytes.Equal(state(head+"2s crash 3\n 3s hold 0"), state(head+"1s crash 3\n 3s hold 0")) {
		t.Error("how long ago something was does not show")
	}
}

// A clone goes its own way.
func TestClone(t *testing.T) {
	s := tell(t, busyStory)
	bad := tell(t, `world 5
		15s suspect 0 1
		recover 0 1 1..4`)
	j, err := checker.New(&s.h)
	if err != nil {
		t.Fatal(err)
	}
	half := len(s.evs) / 2
	for i := range s.evs[:half] {
		j.Observe(&s.evs[i])
	}
	before := j.AppendState(nil)
	c := j.Clone()
	for i := range bad.evs {
		ev := bad.evs[i]
		ev.T = s.evs[half].T
		c.Observe(&ev)
	}
	if !c.AnyViolated() || !c.Violated(checker.Ranks) || c.Violated(checker.Late) || j.AnyViolated() {
		t.Errorf("clone %+v, original %+v", c.Finish(s.ending), j.Finish(s.ending))
	}
	if !bytes.Equal(before, j.AppendState(nil)) {
		t.Error("the original changed with its clone")
	}
	c.CopyFrom(j)
	for i := range s.evs[half:] {
		c.Observe(&s.evs[half+i])
	}
	if v := c.Finish(s.ending); len(v.Violations) > 0 {
		t.Errorf("after CopyFrom: %+v", v)
	}
	if n := testing.AllocsPerRun(100, func() { c.CopyFrom(j) }); n != 0 {
		t.Errorf("CopyFrom allocates %v times", n)
	}
}

// A verdict may be asked for at any time, and asking changes nothing.
func TestFinishTwice(t *testing.T) {
	s := tell(t, `world 4
		10s crash 0,1
		15s suspect 2,3 0,1`)
	j, _ := checker.New(&s.h)
	for i := range s.evs {
		j.Observe(&s.evs[i])
	}
	for range 2 {
		if got := summary(j.Finish(checker.Ending{T: 100e9, Complete: true})); got != "quorum-loss@45s[2] quorum-loss@45s[3]" {
			t.Error(got)
		}
		if got := summary(j.Finish(checker.Ending{T: 20e9, Complete: true})); got != "?quorum-loss" {
			t.Error(got)
		}
	}
}

// A report stays short, whatever a run breaks how often.
func TestBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("world 64 protocol=classic\n")
	for i := range 63 {
		for e := range 70 {
			b.WriteString("recover " + string(rune('0'+i/10)) + string(rune('0'+i%10)) + " " + string(rune('0'+e/10)) + string(rune('0'+e%10)) + " 0..62\n")
		}
	}
	s := tell(t, b.String())
	j, _ := checker.New(&s.h)
	for i := range s.evs {
		j.Observe(&s.evs[i])
	}
	v := j.Finish(checker.Ending{T: 1})
	count := map[string]int{}
	for _, x := range v.Violations {
		count[x.Property]++
		if len(x.Why) > 400 {
			t.Errorf("%d letters: %s", len(x.Why), x.Why)
		}
	}
	if count[checker.Livelock] != 8 || count[checker.Validity] != 8 || v.Installs != 63*70 {
		t.Errorf("%v, %d installs", count, v.Installs)
	}
	for range 100 {
		j.Observe(&trace.Event{Kind: trace.Suspect, Node: 99})
	}
	if n := len(j.Finish(checker.Ending{}).Malformed); n != 8 {
		t.Errorf("%d malformed", n)
	}
}

// What no reader would let pass does not bring the judge down.
func TestAbsurdEvents(t *testing.T) {
	s := tell(t, "world 3\n 1s crash 0")
	j, _ := checker.New(&s.h)
	far := &trace.Act{Nodes: []int{3}, Groups: [][]int{{0}}, Links: []trace.Link{{From: 0, To: 1}}}
	for k := range trace.Kind(trace.Kinds + 2) {
		for _, ev := range []trace.Event{
			{Kind: k, Node: -1}, {Kind: k, Node: 3}, {Kind: k, Node: 1, Peer: 7, From: -2}, {Kind: k, Node: 1, Act: far},
			{Kind: k, Node: 1, Act: &trace.Act{Links: []trace.Link{{From: 0, To: 9}}}},
			{Kind: k, Node: 1, Act: &trace.Act{Groups: [][]int{{-1}}}},
			{Kind: k, Node: 1, Act: &trace.Act{Skew: []trace.ClockSkew{{Node: 5}}}},
			{Kind: k, Node: 1, Act: &trace.Act{Suspect: []trace.Accusation{{By: 0, Of: 5}}}},
			{Kind: k, Node: 1, Act: &trace.Act{}, Install: &trace.View{}, Told: &trace.Notice{}, Call: &trace.Operation{}, Used: true},
			{Kind: k, Node: 1, T: 5, Install: &trace.View{Epoch: 1 << 63, Members: []int{-1, 99, 1, 1}, Rank: 99}, Told: &trace.Notice{Kind: "evicted", DeadRanks: []int{0, 1}}},
			{Kind: k, Node: 1, T: 5, Install: &trace.View{Epoch: 1<<63 + 1}, Told: &trace.Notice{Kind: "quorum-lost", DeadRanks: []int{-1, 7}}},
		} {
			j.Observe(&ev)
			c := j.Clone()
			_ = c.Finish(checker.Ending{T: 1 << 60, Complete: true})
			_ = c.AppendState(nil)
		}
	}
}

// Properties are named once, and each violation is either of safety or of liveness.
func TestProperties(t *testing.T) {
	sorted := slices.Clone(checker.Properties)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != 14 {
		t.Error(checker.Properties)
	}
	for _, c := range []struct {
		story            string
		safety, liveness bool
	}{
		{"world 3\n 1s over", false, false},
		{"world 3\n 1s crash 2\n 100s over", false, true},
		{"world 4\n 1s suspect 2 0,1\n 100s trust 2 0,1\n 200s over", false, true},
		{"world 4\n 1s suspect 2 0,1\n 2s recover 2 1 2,3\n stopped", true, false},
		{"world 4\n 1s suspect 2 0,1\n 2s recover 2 1 2,3\n 100s over", true, true},
	} {
		if v := tell(t, c.story).judge(t); v.Safety() != c.safety || v.Liveness() != c.liveness {
			t.Errorf("%s\nsafety %v, liveness %v: %s", c.story, v.Safety(), v.Liveness(), summary(v))
		}
	}
}
