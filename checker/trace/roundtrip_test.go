package trace_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"nexarsim/checker/trace"
)

var update = flag.Bool("update", false, "rewrite testdata/every-kind.jsonl")

// write gives the text of a trace.
func write(t interface{ Fatal(...any) }, h *trace.Header, evs []trace.Event) []byte {
	var b bytes.Buffer
	w := trace.NewWriter(&b)
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	for i := range evs {
		if err := w.Write(&evs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// clone keeps an event beyond the next call of Next.
func clone(ev trace.Event) trace.Event {
	copyInts := func(xs []int) []int { return append([]int(nil), xs...) }
	ev.In = bytes.Clone(ev.In)
	if m := ev.Msg; m != nil {
		c := *m
		c.Set = copyInts(m.Set)
		ev.Msg = &c
	}
	if a := ev.Act; a != nil {
		c := trace.Act{Nodes: copyInts(a.Nodes), Links: append([]trace.Link(nil), a.Links...), By: a.By, Rate: a.Rate, Op: a.Op}
		for _, g := range a.Groups {
			c.Groups = append(c.Groups, copyInts(g))
		}
		c.Skew = append(c.Skew, a.Skew...)
		c.Suspect = append(c.Suspect, a.Suspect...)
		ev.Act = &c
	}
	if v := ev.Install; v != nil {
		c := *v
		c.Members, c.Dead = copyInts(v.Members), copyInts(v.Dead)
		ev.Install = &c
	}
	if n := ev.Told; n != nil {
		c := *n
		c.DeadRanks = copyInts(n.DeadRanks)
		ev.Told = &c
	}
	if c := ev.Call; c != nil {
		d := *c
		ev.Call = &d
	}
	return ev
}

func readAll(text []byte) (*trace.Header, []trace.Event, error) {
	r, err := trace.NewReader(bytes.NewReader(text), "f.jsonl")
	if err != nil {
		return nil, nil, err
	}
	var evs []trace.Event
	for {
		var ev trace.Event
		switch err := r.Next(&ev); err {
		case nil:
			evs = append(evs, clone(ev))
		case io.EOF:
			return r.Header(), evs, nil
		default:
			return r.Header(), evs, err
		}
	}
}

// What is written is read back as it was, whatever the kinds.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := header(rapid.IntRange(1, 9).Draw(t, "world"))
		h.Mode = rapid.SampledFrom([]string{"", trace.ModeSchedule}).Draw(t, "mode")
		evs := events(t, h.World)
		text := write(t, h, evs)
		gotHeader, got, err := readAll(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(h, gotHeader, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("header (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(evs, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
		if again := write(t, gotHeader, got); !bytes.Equal(text, again) {
			t.Fatalf("written again it is\n%s\nand was\n%s", again, text)
		}
	})
}

// everyKind is a trace in which each kind stands, with the fields that the format names.
func everyKind() []trace.Event {
	links := []trace.Link{{From: 3, To: 2}}
	vote := &trace.Message{Type: "vote", Group: 0x9a3f00000000beef, Coordinator: 0, Set: []int{4}}
	evs := []trace.Event{
		{T: 1_000_000_000, Node: 2, Kind: trace.Crash, Silent: true},
		{T: 1_000_000_000, Node: 2, Kind: trace.Pause},
		{T: 2_000_000_000, Node: 2, Kind: trace.Resume},
		{Node: -1, Kind: trace.Partition, Act: &trace.Act{Groups: [][]int{{0, 1}, {2, 3}}}},
		{Node: -1, Kind: trace.Heal, Act: &trace.Act{Groups: [][]int{{0, 1}, {2, 3}}}},
		{Node: -1, Kind: trace.Cut, Act: &trace.Act{Links: links}},
		{Node: -1, Kind: trace.Heal, Act: &trace.Act{Links: links}},
		{Node: -1, Kind: trace.Slow, Act: &trace.Act{Nodes: []int{1}, By: 20_000_000}},
		{Node: -1, Kind: trace.SlowEnd, Act: &trace.Act{Nodes: []int{1}, By: 20_000_000}},
		{Node: -1, Kind: trace.Loss, Act: &trace.Act{Rate: 300_000_000, Links: links}},
		{Node: -1, Kind: trace.LossEnd, Act: &trace.Act{Rate: 300_000_000, Links: links}},
		{Node: -1, Kind: trace.Duplicate, Act: &trace.Act{Rate: 1}},
		{Node: -1, Kind: trace.DuplicateEnd, Act: &trace.Act{Rate: 1}},
		{Node: -1, Kind: trace.Skew, Act: &trace.Act{Skew: []trace.ClockSkew{{Node: 1, Rate: 1_010_000_000, Step: 50_000_000}}}},
		{Node: -1, Kind: trace.SkewEnd, Act: &trace.Act{Skew: []trace.ClockSkew{{Node: 1, Rate: 1_010_000_000, Step: 50_000_000}}}},
		{Node: -1, Kind: trace.Hold, Act: &trace.Act{Nodes: []int{0}}},
		{Node: -1, Kind: trace.HoldEnd, Act: &trace.Act{Nodes: []int{0}}},
		{Node: -1, Kind: trace.App, Act: &trace.Act{Op: "split", Nodes: []int{0, 1, 2}}},
		{Node: -1, Kind: trace.SuspectInjected, Act: &trace.Act{Suspect: []trace.Accusation{{By: 1, Of: 2}}}},
		{Node: -1, Kind: trace.SuspectEnd, Act: &trace.Act{Suspect: []trace.Accusation{{By: 1, Of: 2}}}},
		{Node: 1, Kind: trace.Suspect, Peer: 4, Cause: 1},
		{Node: 1, Kind: trace.Trust, Peer: 4},
		{Node: 1, Kind: trace.Send, To: 0, ID: 17, Msg: vote},
		{Node: 0, Kind: trace.Deliver, From: 1, ID: 17, Used: true, Msg: vote, Cause: 23},
		{Node: -1, Kind: trace.Drop, ID: 17, Why: "duplicate lost"},
		{Node: 1, Kind: trace.Install, Install: &trace.View{Epoch: 1, Rank: 1, World: 4, Members: []int{0, 1, 2, 3}, CommID: 0x9a3f, Dead: []int{4}}},
		{Node: 1, Kind: trace.Told, Told: &trace.Notice{Kind: "recovered", Epoch: 1, OldRank: 1, NewRank: 1, NewWorldSize: 4, DeadRanks: []int{4}}},
		{Node: 1, Kind: trace.Call, Call: &trace.Operation{Op: "write", Phase: "end", N: 12, Value: `"a"`, Epoch: 1, Error: "view is gone"}},
		{Node: 1, Kind: trace.End, Why: "error", Error: "peer\n\"3\"\x01"},
		{Node: 1, Kind: trace.Panic, Error: "broken"},
		{Node: 1, Kind: trace.Input, N: 57, In: []byte{0, 255, 7}},
		{Node: 1, Kind: trace.Busy, N: 5001},
		{Node: -1, Kind: trace.Verdict, Violations: []trace.Violation{{Property: "agreement", T: 1_000_000_000, Nodes: []int{1, 2}, Why: "one sentence"}}, Digest: "00ff", Steps: 100, Installs: 1},
	}
	for i := range evs {
		evs[i].Seq, evs[i].T = uint64(i+1), max(evs[i].T, int64(i+1)*1_000_000_000)
	}
	return evs
}

// The bytes on disk are a promise to outside readers: this file changes only together with the format's version.
func TestGolden(t *testing.T) {
	got := write(t, header(5), everyKind())
	const name = "testdata/every-kind.jsonl"
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for k := trace.Crash; k <= trace.Verdict; k++ {
		if !strings.Contains(string(want), `"ev":"`+k.String()+`"`) {
			t.Errorf("%s does not show kind %s", name, k)
		}
		if trace.KindOf(k.String()) != k {
			t.Errorf("KindOf(%q) is %s", k.String(), trace.KindOf(k.String()))
		}
	}
	if k := trace.KindOf("instal"); k != trace.KindInvalid {
		t.Errorf("KindOf of no kind is %s", k)
	}
}

// In the steady state a line costs no allocation, neither written nor read.
func TestNoAllocations(t *testing.T) {
	evs := everyKind()
	w := trace.NewWriter(io.Discard)
	ev := &evs[22] // the send
	if n := testing.AllocsPerRun(1000, func() { _ = w.Write(ev) }); n != 0 {
		t.Errorf("a written send allocates %v times", n)
	}
	const lines = 20_000
	var b bytes.Buffer
	out := trace.NewWriter(&b)
	_ = out.WriteHeader(header(5))
	for i := range uint64(lines) {
		_ = out.Write(&trace.Event{Seq: i + 1, T: int64(i), Node: 1, Kind: trace.Install, Install: evs[25].Install})
	}
	_ = out.Flush()
	r, err := trace.NewReader(&b, "f.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var got trace.Event
	if n := testing.AllocsPerRun(lines-100, func() { err = r.Next(&got) }); n != 0 || err != nil {
		t.Errorf("a read line allocates %v times, error %v", n, err)
	}
}

// A writer refuses what no reader would take.
func TestWriterRefuses(t *testing.T) {
	for name, ev := range map[string]trace.Event{
		"no kind":       {},
		"unknown kind":  {Kind: trace.Verdict + 1},
		"no message":    {Kind: trace.Send},
		"no view":       {Kind: trace.Install},
		"no notice":     {Kind: trace.Told},
		"no operation":  {Kind: trace.Call},
		"no act":        {Kind: trace.Cut},
		"value no JSON": {Kind: trace.Call, Call: &trace.Operation{Value: "x"}},
		"value of two lines": {
			Kind: trace.Call, Call: &trace.Operation{Value: "[1,\n2]"},
		},
	} {
		w := trace.NewWriter(io.Discard)
		if err := w.Write(&ev); err == nil {
			t.Errorf("%s: written", name)
		}
		if w.Flush() == nil {
			t.Errorf("%s: the failure is forgotten", name)
		}
	}
	w := trace.NewWriter(io.Discard)
	if err := w.WriteHeader(&trace.Header{Config: []byte("[]")}); err == nil {
		t.Error("a config that is a list: written")
	}
}

type failing struct{ after int }

func (f *failing) Write(b []byte) (int, error) {
	if f.after -= len(b); f.after < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

// A full disk is reported, by the call that meets it and by every later one.
func TestWriterKeepsError(t *testing.T) {
	w := trace.NewWriter(&failing{after: 100_000})
	ev := trace.Event{Node: 1, Kind: trace.Panic, Error: strings.Repeat("x", 1000)}
	var err error
	for range 300 {
		if err = w.Write(&ev); err != nil {
			break
		}
	}
	if err == nil || w.Flush() == nil || w.Write(&ev) == nil || w.WriteHeader(header(1)) == nil {
		t.Error("the failure is forgotten")
	}
	var b bytes.Buffer
	w.Reset(&b)
	if err := w.WriteHeader(header(1)); err != nil || w.Flush() != nil || b.Len() == 0 {
		t.Errorf("after Reset: %v, %d bytes", err, b.Len())
	}
}
