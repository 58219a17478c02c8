package capsule

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nexarsim/checker/trace"
	"nexarsim/scenarios"
)

// drawn draws capsules of both modes with everything in them that the format has.
var drawn = rapid.Custom(func(t *rapid.T) *Capsule {
	const world = 4
	sc, err := scenarios.Parse("drawn", []byte("name: drawn\nworld: 4"))
	if err != nil {
		t.Fatal(err)
	}
	c := &Capsule{
		Mode: rapid.SampledFrom([]Mode{Timed, Schedule}).Draw(t, "mode"), Scenario: sc,
		Protocol: rapid.SampledFrom([]string{"quorum", "classic+replay", "toy"}).Draw(t, "protocol"),
		Seed:     rapid.Uint64Min(1).Draw(t, "seed"), Property: "agreement",
		Cause:  rapid.StringMatching(`[a-zäß"\\<>&; ]{0,30}`).Draw(t, "cause"),
		Digest: rapid.StringMatching(`[0-9a-f]{16}`).Draw(t, "digest"), Steps: rapid.Uint64Max(1<<60).Draw(t, "steps"),
		FoundBy: Origin{"sweep", "(devel) 0123"},
		Violations: []trace.Violation{{
			Property: "agreement", T: rapid.Int64Min(0).Filter(func(n int64) bool { return n < 1<<61 }).Draw(t, "t"),
			Nodes: []int{0, 2}, Why: rapid.StringMatching(`[a-z'"\\]{1,20}`).Draw(t, "why"),
		}},
	}
	if c.Mode == Schedule {
		c.Budget = rapid.SampledFrom([]*Budget{
			{}, {Crashes: 2, Kept: []string{"vote", "ack"}}, {Crashes: 1, LinkTails: true}, {FalseSuspicions: 1, Partitions: 1, EarlyTimeouts: 3, Losses: 200, Duplicates: 7},
		}).Draw(t, "budget")
	}
	seen := map[decisionKey]bool{}
	for range rapid.IntRange(0, 12).Draw(t, "decisions") {
		d := decision(t, c.Mode, world)
		if key := d.key(); d.Kind == Act || d.Kind == Next || !seen[key] {
			seen[key] = true
			c.Decisions = append(c.Decisions, d)
		}
	}
	for range rapid.IntRange(0, 4).Draw(t, "orders") {
		o := Order{First: event(t, world), Then: event(t, world)}
		if c.Mode == Timed && o.First != o.Then {
			c.Orders = append(c.Orders, o)
		}
	}
	return c
})

func pair(t *rapid.T, world int) (a, b int) {
	a = rapid.IntRange(0, world-1).Draw(t, "a")
	return a, (a + rapid.IntRange(1, world-1).Draw(t, "b")) % world
}

func decision(t *rapid.T, mode Mode, world int) Decision {
	a, b := pair(t, world)
	nth, delay := rapid.Uint64Range(1, 9).Draw(t, "nth"), time.Duration(rapid.Int64Range(1, 1<<40).Draw(t, "delay"))
	if mode == Schedule {
		return Decision{Kind: Next, Step: rapid.SampledFrom([]*Step{
			{Do: "deliver", From: a, To: b, Kind: "vote", Nth: nth, Epoch: nth - 1}, {Do: "lose", From: a, To: b, Kind: "ack", Nth: nth},
			{Do: "duplicate", From: a, To: b, Kind: "ack", Nth: nth}, {Do: "timer", Node: a, Timer: "window"}, {Do: "wake", Node: a, Nth: nth},
			{Do: "sent", Node: a}, {Do: "suspect", Node: a, Peer: b}, {Do: "trust", Node: a, Peer: b}, {Do: "crash", Node: a, Tail: int(nth - 1)},
			{Do: "crash", Node: a, Tails: [][2]int{{min(a, b), int(nth)}, {max(a, b), 1}}},
			{Do: "partition", Groups: [][]int{{a}, {b}}}, {Do: "heal"}, {Do: "tell", Node: a, Peer: b},
		}).Draw(t, "step")}
	}
	d := rapid.SampledFrom([]Decision{
		{Kind: Act, Fault: &scenarios.Fault{At: delay, Act: scenarios.Act{Kind: scenarios.ActCrash, Nodes: []int{a}, Silent: true}}},
		{Kind: Act, Fault: &scenarios.Fault{For: delay, Act: scenarios.Act{Kind: scenarios.ActCut, Links: []scenarios.Link{{From: a, To: b}}},
			When: &scenarios.Trigger{Node: a, Kind: scenarios.Sends, Message: "vote", Nth: int(nth), Peer: b, Epoch: 2}}},
		{Kind: Packet, From: a, To: b, Message: "vote", Epoch: 1, Nth: nth, Delay: delay, Twice: true},
		{Kind: Packet, From: a, To: b, Message: "kind-77", Epoch: 1, During: 3, Nth: nth, Lost: true},
		{Kind: Close, From: a, To: b, Nth: nth, Copy: delay, Twice: true}, {Kind: Release, From: a, To: b, Nth: nth, Delay: delay},
		{Kind: Reopen, From: a, To: b, Nth: nth, Delay: delay}, {Kind: Detect, By: a, Of: b, Delay: delay}, {Kind: Phase, Node: a, Delay: delay},
	}).Draw(t, "decision")
	return d
}

func event(t *rapid.T, world int) Event {
	a, b := pair(t, world)
	return rapid.SampledFrom([]Event{
		{Moment: Sends, Node: a, Peer: b, Message: "vote", Nth: 2, Epoch: 1}, {Moment: Receives, Node: a, Peer: b, Message: "ack", Nth: 1, During: 2},
		{Moment: Suspects, Node: a, Peer: b, Nth: 1}, {Moment: Installs, Node: a, Epoch: 3}, {Moment: Dies, Node: a},
	}).Draw(t, "event")
}

// TestWriteAndParse: what is written is read as it was, and equal capsules are equal bytes.
func TestWriteAndParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawn.Draw(t, "capsule")
		var text, again bytes.Buffer
		if err := Write(&text, c); err != nil {
			t.Fatal(err)
		}
		got, err := Parse("drawn.json", text.Bytes())
		if err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		for i := range got.Decisions {
			if line := strings.Split(text.String(), "\n")[got.Decisions[i].Line-1]; strings.TrimSuffix(line, ",") != c.Decisions[i].String() {
				t.Errorf("decision %d is said to stand in line %d: %s", i, got.Decisions[i].Line, line)
			}
			got.Decisions[i].Line = 0
		}
		for i := range got.Orders {
			got.Orders[i].Line = 0
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Errorf("(-written +read):\n%s", diff)
		}
		if err := Write(&again, got); err != nil || again.String() != text.String() {
			t.Errorf("written twice: %v\n%s", err, cmp.Diff(text.String(), again.String()))
		}
	})
}

// FuzzParse: whatever it is given, it ends in an *Error or in a capsule that is written and read again.
func FuzzParse(f *testing.F) {
	for i := range 20 {
		var text bytes.Buffer
		if err := Write(&text, drawn.Example(i)); err != nil {
			f.Fatal(err)
		}
		f.Add(text.Bytes())
		f.Add(text.Bytes()[:text.Len()/2])
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("fuzz.json", text)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Msg == "" || e.File != "fuzz.json" {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		var again bytes.Buffer
		if err := Write(&again, c); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse("again.json", again.Bytes()); err != nil {
			t.Fatalf("%v\n%s", err, again.String())
		}
	})
}
