package trace_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"nexarsim/checker/trace"
)

// draw makes random values of one trace.
type draw struct {
	t     *rapid.T
	world int
}

func (d draw) node() int    { return rapid.IntRange(0, d.world-1).Draw(d.t, "node") }
func (d draw) any() int     { return rapid.IntRange(-5, 5000).Draw(d.t, "any") }
func (d draw) uint() uint64 { return rapid.Uint64().Draw(d.t, "uint") }
func (d draw) text() string { return rapid.String().Draw(d.t, "text") }
func (d draw) span() int64  { return rapid.Int64Range(0, 1<<50).Draw(d.t, "span") }
func (d draw) rate() int64  { return rapid.Int64Range(0, 4_000_000_000).Draw(d.t, "rate") }
func (d draw) of(words string) string {
	return rapid.SampledFrom(strings.Fields(words)).Draw(d.t, "word")
}
func (d draw) nodes() []int            { return d.list(d.node) }
func (d draw) anything() []int         { return d.list(d.any) }
func (d draw) some() int               { return rapid.IntRange(0, 4).Draw(d.t, "some") }
func (d draw) list(f func() int) []int { return repeat(d.some(), f) }

func repeat[T any](n int, f func() T) []T {
	var xs []T
	for range n {
		xs = append(xs, f())
	}
	return xs
}

func (d draw) links() []trace.Link {
	return repeat(1+d.some(), func() trace.Link { return trace.Link{From: d.node(), To: d.node()} })
}

func (d draw) act(k trace.Kind) *trace.Act {
	switch k {
	case trace.Partition:
		return &trace.Act{Groups: repeat(1, d.nodes)}
	case trace.Cut:
		return &trace.Act{Links: d.links()}
	case trace.Heal:
		if d.some() > 2 {
			return &trace.Act{Links: d.links()}
		}
		return &trace.Act{Groups: repeat(1, d.nodes)}
	case trace.Slow, trace.SlowEnd:
		return &trace.Act{Nodes: d.nodes(), By: d.span()}
	case trace.Loss, trace.LossEnd, trace.Duplicate, trace.DuplicateEnd:
		a := &trace.Act{Rate: d.rate()}
		if d.some() > 2 {
			a.Links = d.links()
		}
		return a
	case trace.Skew, trace.SkewEnd:
		return &trace.Act{Skew: repeat(1+d.some(), func() trace.ClockSkew {
			return trace.ClockSkew{Node: d.node(), Rate: d.rate(), Step: d.span() - 1<<49}
		})}
	case trace.Hold, trace.HoldEnd:
		return &trace.Act{Nodes: d.nodes()}
	case trace.App:
		return &trace.Act{Op: d.of("split barrier allreduce shutdown recover"), Nodes: d.nodes()}
	}
	return &trace.Act{Suspect: repeat(1+d.some(), func() trace.Accusation { return trace.Accusation{By: d.node(), Of: d.node()} })}
}

func (d draw) message() *trace.Message {
	m := &trace.Message{
		Type: d.of("heartbeat vote prepare agreement ack commit"), Group: d.uint(), Epoch: d.uint(), Coordinator: -1,
		Set: repeat(min(d.some(), d.world), d.any), Num: d.uint(), Round: rapid.Uint32().Draw(d.t, "round"),
	}
	if d.some() > 1 {
		m.Coordinator = d.node()
	}
	m.Body = string(rapid.SliceOf(rapid.Byte()).Draw(d.t, "body"))
	return m
}

// events draws a well-formed trace: each kind may stand in it, numbers and times run on, deliveries have their sends.
func events(t *rapid.T, world int) []trace.Event {
	d := draw{t, world}
	var all []trace.Event
	var sent []trace.Event
	now := int64(0)
	n := rapid.IntRange(0, 40).Draw(t, "events")
	for i := range n {
		k := trace.Kind(rapid.IntRange(1, trace.Kinds-2).Draw(t, "kind"))
		if k == trace.Deliver && len(sent) == 0 {
			k = trace.Send
		}
		now += d.span()
		ev := trace.Event{Seq: uint64(i + 1), T: now, Node: d.node(), Kind: k}
		if i > 0 && d.some() > 1 {
			ev.Cause = uint64(rapid.IntRange(1, i).Draw(t, "cause"))
		}
		d.fill(&ev, sent, uint64(i))
		if k == trace.Send {
			sent = append(sent, ev)
		}
		all = append(all, ev)
	}
	if d.some() > 1 {
		all = append(all, d.verdict(uint64(n+1), now))
	}
	return all
}

// fill draws what a kind needs.
func (d draw) fill(ev *trace.Event, sent []trace.Event, fresh uint64) {
	switch ev.Kind {
	case trace.Crash:
		ev.Silent = d.some() > 2
	case trace.Suspect, trace.Trust:
		ev.Peer = d.node()
	case trace.Send:
		ev.To, ev.ID, ev.Msg = d.node(), fresh*1_000_003, d.message()
	case trace.Deliver:
		s := rapid.SampledFrom(sent).Draw(d.t, "sent")
		ev.Node, ev.From, ev.ID, ev.Msg = s.To, s.Node, s.ID, s.Msg
		ev.Epoch, ev.Used = d.uint(), d.some() > 2
	case trace.Drop:
		if ev.Node = -1; len(sent) == 0 {
			*ev = trace.Event{Seq: ev.Seq, Cause: ev.Cause, T: ev.T, Node: 0, Kind: trace.Pause}
			return
		}
		ev.ID, ev.Why = rapid.SampledFrom(sent).Draw(d.t, "dropped").ID, d.text()
	case trace.Install:
		ev.Install = &trace.View{Epoch: d.uint(), Rank: d.any(), World: d.any(), Members: d.anything(), CommID: d.uint(), Dead: d.anything()}
	case trace.Told:
		ev.Told = &trace.Notice{
			Kind: d.of("recovered failure-detected evicted quorum-lost aborted"), Epoch: d.uint(), OldRank: d.any(),
			NewRank: d.any(), NewWorldSize: d.any(), DeadRanks: d.anything(),
		}
	case trace.Call:
		ev.Call = &trace.Operation{
			Op: d.of("write read split barrier allreduce"), Phase: d.of("start end"), N: d.uint(), Epoch: d.uint(), Error: d.text(),
			Value: d.of(`12 null [1,2.5e3,{"a":"\u00e9"}] "x" true`),
		}
	case trace.End:
		ev.Why, ev.Error = d.of("shutdown evicted aborted error"), d.text()
	case trace.Panic:
		ev.Error = d.text()
	case trace.Input:
		ev.N, ev.In = d.uint(), rapid.SliceOf(rapid.Byte()).Draw(d.t, "in")
	case trace.Busy:
		ev.N = d.uint()
	default:
		if ev.Kind.IsAct() && ev.Kind > trace.Resume {
			ev.Node, ev.Act = -1, d.act(ev.Kind)
		}
	}
}

func (d draw) verdict(seq uint64, t int64) trace.Event {
	return trace.Event{
		Seq: seq, T: t, Node: -1, Kind: trace.Verdict, Digest: fmt.Sprintf("%016x", d.uint()), Steps: d.uint(), Installs: d.uint(),
		Violations: repeat(d.some(), func() trace.Violation {
			return trace.Violation{Property: d.of("agreement recovery"), T: d.span(), Nodes: d.nodes(), Why: d.text()}
		}),
	}
}

// header gives a header of a small world.
func header(world int) *trace.Header {
	h := &trace.Header{
		Source: "sim", Protocol: "quorum", World: world, Model: "asynchronous", Config: []byte(`{"policy":"automatic"}`),
		Scenario: []byte(`{"name":"x"}`), Seed: "7", CommID: 0x9a3f00000000beef,
	}
	for i := range world {
		h.NodeIDs = append(h.NodeIDs, fmt.Sprintf("node-%d", i))
	}
	return h
}
