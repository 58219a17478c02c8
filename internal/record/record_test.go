package record

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nexarsim/checker/trace"
	"nexarsim/core"
)

// anInput draws an input: any fields, whatever its kind.
func anInput(t *rapid.T) (core.Instant, core.Input) {
	node := rapid.Int32Range(-1, 4095)
	in := core.Input{
		Kind:  core.InputKind(rapid.Byte().Draw(t, "kind")),
		Timer: core.TimerID(rapid.Byte().Draw(t, "timer")),
		Call:  core.CallOp(rapid.Byte().Draw(t, "call")),
		Hold:  rapid.Bool().Draw(t, "hold"),
		From:  core.NodeID(node.Draw(t, "from")),
		Peer:  core.NodeID(node.Draw(t, "peer")),
		ID:    rapid.Uint64().Draw(t, "id"),
		Phase: rapid.Int64().Draw(t, "phase"),
		Err:   rapid.String().Draw(t, "err"),
	}
	switch rapid.IntRange(0, 3).Draw(t, "sort") {
	case 0, 1:
		in.Kind = core.InDeliver
	case 2:
		in.Kind = core.InCall
	}
	if in.Kind == core.InCall {
		in.Value, in.Comm, in.Body = rapid.Int64().Draw(t, "value"), rapid.Uint64().Draw(t, "comm"), rapid.String().Draw(t, "body")
	}
	if in.Kind == core.InDeliver {
		ids := rapid.SliceOfN(rapid.Int32Range(0, 4095), 0, 20).Draw(t, "set")
		for _, id := range ids {
			in.Msg.Set = in.Msg.Set.With(core.NodeID(id))
		}
		in.Msg.Kind = core.Kind(rapid.Byte().Draw(t, "message kind"))
		in.Msg.Group, in.Msg.Num = rapid.Uint64().Draw(t, "group"), rapid.Uint64().Draw(t, "num")
		in.Msg.Epoch = core.Epoch(rapid.Uint32().Draw(t, "epoch"))
		in.Msg.Ballot = core.Ballot{Round: rapid.Uint32().Draw(t, "round"), Coordinator: core.NodeID(node.Draw(t, "coordinator"))}
		in.Msg.Body = rapid.String().Draw(t, "body")
	}
	return core.Instant(rapid.Int64().Draw(t, "now")), in
}

// TestInputReadsBack: what a recorded run was fed can be fed again, to the bit. No part of an input is missing from its
// encoding, and nothing shorter or longer is taken for it.
func TestInputReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, in := anInput(t)
		data := EncodeInput([]byte("kept"), now, &in)
		data, ok := bytes.CutPrefix(data, []byte("kept"))
		if !ok {
			t.Fatal("EncodeInput does not append")
		}
		at, back, err := DecodeInput(data)
		if err != nil || at != now || back != in {
			t.Fatalf("read back %v %+v, error %v", at, back, err)
		}
		for cut := range data {
			if _, _, err := DecodeInput(data[:cut]); err == nil {
				t.Fatalf("%d of %d bytes are an input", cut, len(data))
			}
		}
		if _, _, err := DecodeInput(append(data, 0)); err == nil {
			t.Fatal("a byte too many is read over")
		}
	})
}

func FuzzDecodeInput(f *testing.F) {
	f.Add([]byte{})
	f.Add(EncodeInput(nil, 7, &core.Input{Kind: core.InStart, Phase: 1}))
	f.Add(EncodeInput(nil, 7, &core.Input{Kind: core.InDeliver, Msg: core.Message{Kind: core.Vote, Set: core.NodeSetOf(1, 99), Body: "x"}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		now, in, err := DecodeInput(data)
		if err != nil {
			return
		}
		// What reads once reads again the same, if not from the same bytes: a number may be written longer than it need be.
		at, again, err := DecodeInput(EncodeInput(nil, now, &in))
		if err != nil || at != now || again != in {
			t.Fatalf("%+v reads back as %+v, error %v", in, again, err)
		}
	})
}

// lines keeps what a recorder writes, as the trace format has it.
type lines struct {
	text strings.Builder
	w    *trace.Writer
}

func newLines(t *testing.T) *lines {
	t.Helper()
	l := &lines{}
	l.w = trace.NewWriter(&l.text)
	return l
}

// all is what was written.
func (l *lines) all(t *testing.T) string {
	t.Helper()
	if err := l.w.Flush(); err != nil {
		t.Fatal(err)
	}
	return l.text.String()
}

func (l *lines) sink(ev *trace.Event) {
	if err := l.w.Write(ev); err != nil {
		fmt.Fprintf(&l.text, "error: %v\n", err)
	}
}

// everything calls each method of a recorder once.
func everything(r *Recorder) {
	m := &core.Message{
		Group: 5, Num: 6, Set: core.NodeSetOf(2, 70), Body: "b", Ballot: core.Ballot{Round: 3, Coordinator: 1}, Epoch: 4, Kind: core.Agreement,
	}
	r.Crash(10, 2, true, 0)
	r.Pause(11, 1, 1)
	r.Resume(12, 1, 0)
	r.Act(13, trace.Cut, trace.Act{Links: []trace.Link{{From: 3, To: 2}}}, 1)
	send := r.Send(14, 0, 1, 17, m, 2)
	r.Drop(15, 17, "loss")
	r.Deliver(16, 1, 0, 17, m, 3, true)
	r.Deliver(17, 1, 0, 17, m, 3, false)
	r.Believe(18, 0, 2, true, send)
	r.Believe(19, 0, 2, false, 0)
	first := core.FirstView(3, 0xabc)
	r.Install(20, 1, &core.Install{View: first.Excluding(core.NodeSetOf(0)), Dead: core.NodeSetOf(0)}, 4)
	r.Event(21, 1, &core.Event{Kind: core.EventRecovered, Epoch: 1, OldRank: 1, NewRank: 0, NewWorldSize: 2, DeadRanks: []core.Rank{0}}, 5)
	r.Event(22, 2, &core.Event{Kind: core.EventEvicted, Epoch: 1, OldRank: 2, NewRank: core.NoRank, NewWorldSize: 2}, 0)
	r.End(23, 2, core.EndEvicted, "why", 6)
	r.Panic(24, 1, "boom", 0)
	r.Input(25, 1, 57, []byte{1, 2})
	r.Busy(26, 1, 9000)
	r.Call(27, 1, &core.Input{Kind: core.InCall, Call: core.CallHold, ID: 8}, 1, 4)
	reduce := core.Input{Kind: core.InCall, Call: core.CallAllReduce, ID: 9, Value: core.Contribution(1, r.CallNumber(1, core.CallAllReduce))}
	r.Call(28, 1, &reduce, 1, 4)
	r.Call(29, 1, &core.Input{Kind: core.InCall, Call: core.CallSplit, ID: 10}, 1, 0)
	r.Done(30, 1, &core.Done{ID: 9, Call: core.CallAllReduce, Result: "2007"}, 2, 7)
	r.Done(31, 1, &core.Done{ID: 8, Call: core.CallHold}, 2, 7)
	r.Done(32, 1, &core.Done{ID: 10, Call: core.CallSplit, Err: "a \"b\""}, 2, 0)
	r.Done(33, 1, &core.Done{ID: 10, Call: core.CallBarrier, Result: "a \"b\""}, 2, 0)
}

const everyLine = `{"seq":1,"t":10,"node":2,"ev":"crash","silent":true}
{"seq":2,"cause":1,"t":11,"node":1,"ev":"pause"}
{"seq":3,"t":12,"node":1,"ev":"resume"}
{"seq":4,"cause":1,"t":13,"ev":"cut","links":[{"from":3,"to":2}]}
{"seq":5,"cause":2,"t":14,"node":0,"ev":"send","to":1,"id":17,"msg":{"type":"agreement","epoch":4,"group":"0000000000000005","round":3,"coordinator":1,"set":[2,70],"num":6,"body":"b"}}
{"seq":6,"cause":5,"t":15,"ev":"drop","id":17,"why":"loss"}
{"seq":7,"cause":5,"t":16,"node":1,"ev":"deliver","from":0,"id":17,"epoch":3,"used":true}
{"seq":8,"cause":5,"t":17,"node":1,"ev":"deliver","from":0,"id":17,"epoch":3,"used":false}
{"seq":9,"cause":5,"t":18,"node":0,"ev":"suspect","peer":2}
{"seq":10,"t":19,"node":0,"ev":"trust","peer":2}
{"seq":11,"cause":4,"t":20,"node":1,"ev":"install","epoch":1,"rank":0,"world":2,"members":[1,2],"comm_id":"3a3b33ef4d8ca10a","dead":[0]}
{"seq":12,"cause":5,"t":21,"node":1,"ev":"event","kind":"recovered","epoch":1,"old_rank":1,"new_rank":0,"new_world_size":2,"dead_ranks":[0]}
{"seq":13,"t":22,"node":2,"ev":"event","kind":"evicted","epoch":1,"old_rank":2,"new_rank":-1,"new_world_size":2,"dead_ranks":[]}
{"seq":14,"cause":6,"t":23,"node":2,"ev":"end","why":"evicted","error":"why"}
{"seq":15,"t":24,"node":1,"ev":"panic","error":"boom"}
{"seq":16,"t":25,"node":1,"ev":"input","n":57,"in":"AQI="}
{"seq":17,"t":26,"node":1,"ev":"busy","n":9000}
{"seq":18,"cause":4,"t":28,"node":1,"ev":"call","op":"allreduce","phase":"start","n":1,"value":"1002","epoch":1}
{"seq":19,"t":29,"node":1,"ev":"call","op":"split","phase":"start","n":1,"epoch":1}
{"seq":20,"cause":7,"t":30,"node":1,"ev":"call","op":"allreduce","phase":"end","n":1,"value":"2007","epoch":2}
{"seq":21,"cause":19,"t":32,"node":1,"ev":"call","op":"split","phase":"end","n":1,"epoch":2,"error":"a \"b\""}
{"seq":22,"t":33,"node":1,"ev":"call","op":"barrier","phase":"end","n":0,"value":"a \"b\"","epoch":2}
`

// TestEveryLine writes one line of each kind.
func TestEveryLine(t *testing.T) {
	r, l := New(), newLines(t)
	r.Reset(l.sink, true, core.Kind.String)
	if !r.Full() {
		t.Error("not full")
	}
	everything(r)
	if diff := cmp.Diff(strings.Split(everyLine, "\n"), strings.Split(l.all(t), "\n")); diff != "" {
		t.Error(diff)
	}
}

// TestWhatAJudgeNeeds: a recorder that is not full leaves out sends, drops and deliveries that did not count, and
// numbers the rest.
func TestWhatAJudgeNeeds(t *testing.T) {
	var kinds []string
	var last uint64
	r := New()
	r.Reset(func(ev *trace.Event) {
		kinds = append(kinds, ev.Kind.String())
		if last++; ev.Seq != last {
			t.Errorf("%v has number %d, want %d", ev.Kind, ev.Seq, last)
		}
		if ev.Kind == trace.Deliver && (!ev.Used || ev.Msg == nil || ev.Msg.Type != "agreement" || ev.Msg.Epoch != 4) {
			t.Errorf("delivery %+v", ev)
		}
	}, false, core.Kind.String)
	if r.Full() {
		t.Error("full")
	}
	everything(r)
	want := strings.Fields("crash pause resume cut deliver suspect trust install event event end panic input busy call call call call call")
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
}

// TestPassed: a line that is not written has its number all the same.
func TestPassed(t *testing.T) {
	var seqs []uint64
	r := New()
	r.Reset(func(ev *trace.Event) { seqs = append(seqs, ev.Seq) }, false, core.Kind.String)
	r.Pause(1, 0, 0)
	if n := r.Passed(); n != 2 {
		t.Errorf("number %d, want 2", n)
	}
	r.Resume(2, 0, 0)
	if diff := cmp.Diff([]uint64{1, 3}, seqs); diff != "" {
		t.Error(diff)
	}
}

// TestLinesDoNotLeak: what one line says does not stand on the next, and a recorder that is used again begins at 1.
func TestLinesDoNotLeak(t *testing.T) {
	r := New()
	for range 2 {
		l := newLines(t)
		r.Reset(l.sink, true, core.Kind.String)
		everything(r)
		if diff := cmp.Diff(everyLine, l.all(t)); diff != "" {
			t.Error(diff)
		}
	}
	r.Reset(func(ev *trace.Event) {
		if diff := cmp.Diff(&trace.Event{Seq: 1, T: 5, Node: 3, Kind: trace.Pause}, ev); diff != "" {
			t.Error(diff)
		}
	}, true, core.Kind.String)
	r.Pause(5, 3, 0)
}
