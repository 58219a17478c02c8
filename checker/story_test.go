package checker_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker"
	"nexarsim/checker/trace"
)

// A story is a trace in short words, one event a line, and what its verdict is:
//
//	world 5 protocol=fail-stop policy=manual model=crash-stop loss=0.2 latency=1ms..2ms source=quic      the header, first; defaults are quorum, automatic
//	10s crash 4            pause 2      resume 2     end 1 error     panic 1     busy 1 5001
//	10s suspect 0,1 4      trust 0 4                                 nodes are lists, ranges "0..3" too
//	10s install 0 1 0..3   [rank=0] [world=4] [id=aa] [dead=4]       node, epoch, members; the rest follows from them
//	10s told 0 recovered 1 old=0 new=0 size=4 dead=4                 kind and epoch
//	10s recover 0,1 1 0..3                                           install and told, at each node
//	10s used 1<0 vote 0 at 0 [group=aa]                              receiver, sender, message's epoch, receiver's epoch
//	10s call 0 read 1
//	10s start 0..2 allreduce 1 [value=7]       done 0..2 allreduce 1 [sum=0..2] [value=7] [error=x]      nodes, operation, number
//	10s partition 0,1|2,3      heal 0,1|2,3      cut 0>1,1>0      rejoin 0>1,1>0      loss 0.3 [0>1]   slow 20ms 1   hold 0
//	10s skew 1 1.01 [step=1s]    injected 1:2       app recover 0,1        and the ends: loss-end, slow-end, hold-end, skew-end, injected-end
//	60s over               (or "stopped": the run did not come to its own end)
//
// Times may be left out: the last one goes on. # begins a comment.
type story struct {
	h      trace.Header
	evs    []trace.Event
	ending checker.Ending
	now    int64
	views  map[int][]int // each node's members, for what follows from them
	epochs map[int]uint64
	line   string
}

// tell reads a story.
func tell(t testing.TB, text string) *story {
	t.Helper()
	s := &story{views: map[int][]int{}, epochs: map[int]uint64{}}
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if s.line = strings.TrimSpace(line); s.line == "" {
			continue
		}
		words := strings.Fields(s.line)
		if words[0] == "world" {
			s.header(words[1:])
			continue
		}
		if d, err := time.ParseDuration(words[0]); err == nil {
			if int64(d) < s.now {
				s.bad()
			}
			s.now, words = int64(d), words[1:]
		}
		s.event(words)
	}
	if s.ending.T == 0 {
		s.ending = checker.Ending{T: s.now}
	}
	for i := range s.evs {
		s.evs[i].Seq = uint64(i + 1)
	}
	return s
}

func (s *story) bad() { panic("story: " + s.line) }

func (s *story) header(words []string) {
	n := number(words[0])
	opt := options(words[1:])
	config := map[string]string{"policy": or(opt["policy"], "automatic")}
	scenario := map[string]any{"network": map[string]any{"loss": json.Number(or(opt["loss"], "0")), "latency": or(opt["latency"], "50us..2ms")}}
	if d := opt["duration"]; d != "" {
		scenario["duration"] = d
	}
	s.h = trace.Header{
		Source: or(opt["source"], "sim"), Protocol: or(opt["protocol"], "quorum"), World: n, Model: or(opt["model"], "asynchronous"),
		Seed: "1", CommID: 0xf00,
	}
	s.h.Config, _ = json.Marshal(config)
	s.h.Scenario, _ = json.Marshal(scenario)
	for i := range n {
		s.h.NodeIDs = append(s.h.NodeIDs, fmt.Sprint("n", i))
		s.views[i] = nodes(fmt.Sprintf("0..%d", n-1))
	}
}

func (s *story) add(ev trace.Event) {
	ev.T = s.now
	s.evs = append(s.evs, ev)
}

func (s *story) each(list string, f func(n int)) {
	for _, n := range nodes(list) {
		f(n)
	}
}

func (s *story) event(words []string) {
	verb, arg := words[0], func(i int) string { return words[i] }
	switch verb {
	case "over", "stopped":
		s.ending = checker.Ending{T: s.now, Complete: verb == "over"}
	case "crash", "pause", "resume":
		s.each(arg(1), func(n int) { s.add(trace.Event{Kind: trace.KindOf(verb), Node: n}) })
	case "suspect", "trust":
		s.each(arg(1), func(n int) {
			s.each(arg(2), func(peer int) { s.add(trace.Event{Kind: trace.KindOf(verb), Node: n, Peer: peer}) })
		})
	case "end":
		s.each(arg(1), func(n int) { s.add(trace.Event{Kind: trace.End, Node: n, Why: arg(2)}) })
	case "panic":
		s.add(trace.Event{Kind: trace.Panic, Node: number(arg(1)), Error: "boom"})
	case "busy":
		s.add(trace.Event{Kind: trace.Busy, Node: number(arg(1)), N: uint64(number(arg(2)))})
	case "call":
		s.add(trace.Event{Kind: trace.Call, Node: number(arg(1)), Call: &trace.Operation{Op: arg(2), Phase: "start", Epoch: uint64(number(arg(3)))}})
	case "start", "done":
		s.each(arg(1), func(n int) { s.collective(n, verb, arg(2), number(arg(3)), options(words[4:])) })
	case "install":
		s.install(number(arg(1)), uint64(number(arg(2))), nodes(arg(3)), options(words[4:]))
	case "told":
		s.told(number(arg(1)), arg(2), uint64(number(arg(3))), options(words[4:]))
	case "recover":
		s.each(arg(1), func(n int) { s.recover(n, uint64(number(arg(2))), nodes(arg(3)), options(words[4:])) })
	case "used":
		s.used(words)
	default:
		s.act(words)
	}
}

// collective is the start or the end of a call. What a node brings to its n-th all-reduce is its number + 1 + 1000 n.
func (s *story) collective(node int, verb, op string, n int, opt map[string]string) {
	brings := func(node int) int { return node + 1 + 1000*n }
	c := &trace.Operation{Op: op, Phase: "start", N: uint64(n), Value: opt["value"], Error: opt["error"], Epoch: s.epochs[node]}
	switch {
	case verb == "done":
		c.Phase = "end"
		if opt["sum"] != "" {
			sum := 0
			s.each(opt["sum"], func(n int) { sum += brings(n) })
			c.Value = strconv.Quote(strconv.Itoa(sum))
		}
	case op == "allreduce" && c.Value == "":
		c.Value = strconv.Quote(strconv.Itoa(brings(node)))
	}
	s.add(trace.Event{Kind: trace.Call, Node: node, Call: c})
}

func (s *story) install(n int, epoch uint64, members []int, opt map[string]string) {
	v := &trace.View{Epoch: epoch, Rank: slices.Index(members, n), World: len(members), Members: members, CommID: commID(epoch, members)}
	for _, m := range s.views[n] {
		if !slices.Contains(members, m) {
			v.Dead = append(v.Dead, m)
		}
	}
	s.views[n], s.epochs[n] = members, epoch
	for key, text := range opt {
		switch key {
		case "rank":
			v.Rank = number(text)
		case "world":
			v.World = number(text)
		case "dead":
			v.Dead = nodes(text)
		case "id":
			v.CommID = hex(text)
		}
	}
	s.add(trace.Event{Kind: trace.Install, Node: n, Install: v})
}

func (s *story) recover(n int, epoch uint64, members []int, opt map[string]string) {
	old := s.views[n]
	note := &trace.Notice{Kind: "recovered", Epoch: epoch, OldRank: slices.Index(old, n), NewRank: slices.Index(members, n), NewWorldSize: len(members)}
	for rank, m := range old {
		if !slices.Contains(members, m) {
			note.DeadRanks = append(note.DeadRanks, rank)
		}
	}
	s.install(n, epoch, members, opt)
	s.add(trace.Event{Kind: trace.Told, Node: n, Told: note})
}

func (s *story) told(n int, kind string, epoch uint64, opt map[string]string) {
	s.add(trace.Event{Kind: trace.Told, Node: n, Told: &trace.Notice{
		Kind: kind, Epoch: epoch, OldRank: number(opt["old"]), NewRank: number(opt["new"]), NewWorldSize: number(opt["size"]),
		DeadRanks: nodes(opt["dead"]),
	}})
}

func (s *story) used(words []string) {
	receiver, sender, _ := strings.Cut(words[1], "<")
	opt := options(words[6:])
	m := &trace.Message{Type: words[2], Epoch: uint64(number(words[3])), Group: 0xf00, Coordinator: -1}
	if opt["group"] != "" {
		m.Group = hex(opt["group"])
	}
	id := uint64(len(s.evs))
	s.add(trace.Event{Kind: trace.Send, Node: number(sender), To: number(receiver), ID: id, Msg: m})
	s.add(trace.Event{Kind: trace.Deliver, Node: number(receiver), From: number(sender), ID: id, Msg: m, Epoch: uint64(number(words[5])), Used: true})
}

func (s *story) act(words []string) {
	kind := trace.KindOf(words[0])
	a := &trace.Act{}
	switch words[0] {
	case "partition", "heal":
		for _, g := range strings.Split(words[1], "|") {
			a.Groups = append(a.Groups, nodes(g))
		}
	case "cut":
		a.Links = links(words[1])
	case "rejoin":
		kind, a.Links = trace.Heal, links(words[1])
	case "loss", "loss-end":
		a.Rate = rate(words[1])
		if len(words) > 2 {
			a.Links = links(words[2])
		}
	case "slow", "slow-end":
		d, _ := time.ParseDuration(words[1])
		a.By, a.Nodes = int64(d), nodes(words[2])
	case "skew", "skew-end":
		step, _ := time.ParseDuration(or(options(words[3:])["step"], "0s"))
		a.Skew = []trace.ClockSkew{{Node: number(words[1]), Rate: rate(words[2]), Step: int64(step)}}
	case "hold", "hold-end":
		a.Nodes = nodes(words[1])
	case "app":
		a.Op, a.Nodes = words[1], nodes(words[2])
	case "injected", "injected-end":
		kind = trace.SuspectInjected
		if words[0] == "injected-end" {
			kind = trace.SuspectEnd
		}
		by, of, _ := strings.Cut(words[1], ":")
		a.Suspect = []trace.Accusation{{By: number(by), Of: number(of)}}
	default:
		s.bad()
	}
	s.add(trace.Event{Kind: kind, Node: -1, Act: a})
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic("story: no number: " + text)
	}
	return n
}

func hex(text string) uint64 {
	x, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		panic(err)
	}
	return x
}

func rate(text string) int64 {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return int64(x*1e9 + 0.5)
}

// nodes reads "0..3,5"; "" and "-" are nobody.
func nodes(text string) []int {
	var out []int
	if text == "" || text == "-" {
		return nil
	}
	for _, part := range strings.Split(text, ",") {
		from, to, isRange := strings.Cut(part, "..")
		if !isRange {
			to = from
		}
		for n := number(from); n <= number(to); n++ {
			out = append(out, n)
		}
	}
	return out
}

func links(text string) []trace.Link {
	var out []trace.Link
	for _, l := range strings.Split(text, ",") {
		from, to, _ := strings.Cut(l, ">")
		out = append(out, trace.Link{From: number(from), To: number(to)})
	}
	return out
}

func options(words []string) map[string]string {
	opt := map[string]string{}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		opt[key] = value
	}
	return opt
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// commID is some function of a view.
func commID(epoch uint64, members []int) uint64 {
	h := epoch + 0xcbf29ce484222325
	for _, m := range members {
		h = (h ^ uint64(m+1)) * 0x100000001b3
	}
	return h
}

// judge gives the verdict on a story, and holds every way of getting it to the same: with and without the lines that may
// be left out, by a clone that takes over in the middle, by a judge used before, and through a file.
func (s *story) judge(t testing.TB) checker.Verdict {
	t.Helper()
	j, err := checker.New(&s.h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.evs {
		j.Observe(&s.evs[i])
	}
	want := j.Finish(s.ending)
	s.again(t, j, want)
	if len(want.Malformed) == 0 {
		s.throughFile(t, want)
	}
	return want
}

// again judges in other ways. The judge used is one that has judged the story already.
func (s *story) again(t testing.TB, used *checker.Judge, want checker.Verdict) {
	t.Helper()
	if err := used.Reset(&s.h); err != nil {
		t.Fatal(err)
	}
	half := len(s.evs) / 2
	for i := range s.evs[:half] {
		used.Observe(&s.evs[i])
	}
	clone := used.Clone()
	if !bytes.Equal(clone.AppendState(nil), used.AppendState(nil)) {
		t.Error("a clone's state differs")
	}
	for i := range s.evs[half:] {
		ev := &s.evs[half+i]
		used.Observe(ev)
		if ev.Kind != trace.Send && ev.Kind != trace.Drop && ev.Kind != trace.Input {
			clone.Observe(ev)
		}
	}
	for name, j := range map[string]*checker.Judge{"a judge used before": used, "a clone": clone} {
		if diff := cmp.Diff(want, j.Finish(s.ending)); diff != "" {
			t.Errorf("%s says otherwise (-want +got):\n%s", name, diff)
		}
	}
	if !bytes.Equal(clone.AppendState(nil), used.AppendState(nil)) {
		t.Error("the clone's state differs at the end")
	}
}

// throughFile writes the story and checks the file.
func (s *story) throughFile(t testing.TB, want checker.Verdict) {
	t.Helper()
	var b bytes.Buffer
	w := trace.NewWriter(&b)
	_ = w.WriteHeader(&s.h)
	for i := range s.evs {
		_ = w.Write(&s.evs[i])
	}
	_ = w.Write(&trace.Event{T: s.ending.T, Node: -1, Kind: trace.Verdict, Violations: want.Violations, Installs: uint64(want.Installs)})
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	rep, err := checker.CheckTrace(&b, "story.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if s.ending.Complete || slices.ContainsFunc(want.Violations, func(v trace.Violation) bool { return v.Property == checker.Livelock }) {
		if diff := cmp.Diff(want, rep.Verdict); diff != "" {
			t.Errorf("the file is judged otherwise (-want +got):\n%s", diff)
		}
		if rep.Differs != "" {
			t.Errorf("the file's own verdict is said to differ: %s", rep.Differs)
		}
	}
}

// summary writes a verdict in short: "agreement@10s[1 2]", "?recovery" for undecided, "!" and a word for malformed.
func summary(v checker.Verdict) string {
	var parts []string
	for _, x := range v.Violations {
		parts = append(parts, fmt.Sprintf("%s@%s%v", x.Property, time.Duration(x.T), x.Nodes))
	}
	for _, u := range v.Undecided {
		parts = append(parts, "?"+u.Property)
	}
	for _, m := range v.Malformed {
		parts = append(parts, "!"+m)
	}
	return strings.Join(parts, " ")
}

// example is a story and its verdict.
type example struct{ name, story, want string }

// judgeAll holds each story to its verdict.
func judgeAll(t *testing.T, examples []example) {
	t.Helper()
	for _, e := range examples {
		t.Run(e.name, func(t *testing.T) {
			v := tell(t, e.story).judge(t)
			if got := summary(v); got != e.want {
				t.Errorf("verdict  %s\nexpected %s", got, e.want)
				for _, x := range v.Violations {
					t.Logf("%s: %s", x.Property, x.Why)
				}
				for _, u := range v.Undecided {
					t.Logf("%s is undecided: %s", u.Property, u.Why)
				}
			}
		})
	}
}
