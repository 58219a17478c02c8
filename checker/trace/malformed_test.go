package trace_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"nexarsim/checker/trace"
)

const goodHeader = `{"format":"nexarsim-trace","version":1,"source":"sim","protocol":"quorum","world":3,"model":"asynchronous","config":{},"scenario":{},"seed":"1","comm_id":"00000000000000aa","nodes":[{"node":0,"id":"a"},{"node":1,"id":"b"},{"node":2,"id":"c"}]}`

const goodSend = `{"seq":1,"t":5,"node":1,"ev":"send","to":0,"id":17,"msg":{"type":"vote","epoch":0}}`

// Each file breaks the format in one way; the message names place and field, and hints where there is something to say.
func TestMalformed(t *testing.T) {
	replaced := func(old, text string) string { return strings.Replace(goodHeader, old, text, 1) + "\n" }
	after := func(lines ...string) string { return goodHeader + "\n" + strings.Join(lines, "\n") + "\n" }
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct{ name, text, want, hint string }{
		{"empty", "", "f.jsonl:1: empty file, expected a trace's header line", "nexarsim run SCENARIO --trace FILE writes one"},
		{"no header", goodSend + "\n", `f.jsonl:1: seq: unknown field`, ""},
		{"no JSON", "hello\n", `f.jsonl:1: expected a trace's header, found "hello"`, "nexarsim-trace"},
		{"empty line", "\n", "f.jsonl:1: an empty line", ""},
		{"format", replaced("nexarsim-trace", "nexarsim-capsule"), `f.jsonl:1: format: expected "nexarsim-trace", found "nexarsim-capsule"`, "a trace begins with"},
		{"version", replaced(`"version":1`, `"version":2`), "f.jsonl:1: version: expected 1, found 2", "nexarsim version"},
		{"version text", replaced(`"version":1`, `"version":"1"`), `f.jsonl:1: version: expected a whole number, found "1"`, ""},
		{"source", replaced(`"sim"`, `"simulator"`), `f.jsonl:1: source: expected "sim" or "quic", found "simulator"`, ""},
		{"mode", replaced(`"sim",`, `"sim","mode":"schedul",`), `f.jsonl:1: mode: expected "schedule", found "schedul"`, `did you mean "schedule"?`},
		{"model", replaced(`"asynchronous"`, `"asyncronous"`), `f.jsonl:1: model: expected "asynchronous" or "crash-stop", found "asyncronous"`, `did you mean "asynchronous"?`},
		{"world", replaced(`"world":3`, `"world":0`), "f.jsonl:1: world: expected 1 to 4096 nodes, found 0", ""},
		{"huge world", replaced(`"world":3`, `"world":4097`), "f.jsonl:1: world: expected 1 to 4096 nodes, found 4097", ""},
		{"world 1e309", replaced(`"world":3`, `"world":1e309`), "f.jsonl:1: world: expected a whole number, found 1e309", ""},
		{"missing", replaced(`"seed":"1",`, ""), "f.jsonl:1: seed: missing", ""},
		{"duplicate", replaced(`"seed":"1",`, `"seed":"1","seed":"1",`), "f.jsonl:1: seed: duplicate field", ""},
		{"unknown", replaced(`"seed"`, `"sed"`), "f.jsonl:1: sed: unknown field", `did you mean "seed"?`},
		{"comm_id", replaced("00000000000000aa", "aa"), "f.jsonl:1: comm_id: expected 16 hex digits", ""},
		{"config", replaced(`"config":{}`, `"config":[]`), "f.jsonl:1: config: expected an object, found a list", ""},
		{"config twice", replaced(`"config":{}`, `"config":{"a":{"b":1,"c":2,"b":3}}`), "f.jsonl:1: config.b: duplicate field", ""},
		{"config NaN", replaced(`"config":{}`, `"config":{"a":NaN}`), "f.jsonl:1: config: expected a JSON value, found NaN", ""},
		{"config 1e309", replaced(`"config":{}`, `"config":{"a":1e309}`), "f.jsonl:1: config: number out of range: 1e309", ""},
		{"config deep", replaced(`"config":{}`, `"config":{"a":`+deep(100)+`}`), "f.jsonl:1: config: nested more than 100 deep", ""},
		{"nodes short", replaced(`,{"node":2,"id":"c"}`, ""), "f.jsonl:1: nodes: expected 3, one for each node of the world, found 2", ""},
		{"node twice", replaced(`{"node":2,`, `{"node":1,`), "f.jsonl:1: nodes[2].node: node 1 is listed twice", ""},
		{"node beyond", replaced(`{"node":2,`, `{"node":3,`), "f.jsonl:1: nodes[2].node: node 3 does not exist: the trace has nodes 0 to 2", ""},
		{"id twice", replaced(`"id":"c"`, `"id":"a"`), "f.jsonl:1: nodes[2].id: node 2 has the same id as node 0", "an id is never reused"},
		{"protocol", replaced(`"quorum"`, `""`), "f.jsonl:1: protocol: empty", ""},
		{"header cut", goodHeader, "f.jsonl:1: the last line is cut: it has no line end", ""},
		{"header and more", goodHeader + "{}\n", "f.jsonl:1: not JSON: column", ""},

		{"unknown event", after(`{"seq":1,"t":1,"node":0,"ev":"instal"}`), `f.jsonl:2: ev: unknown event "instal"`, `did you mean "install"?`},
		{"strange event", after(`{"seq":1,"t":1,"node":0,"ev":"xyzzy"}`), `f.jsonl:2: ev: unknown event "xyzzy"`, ""},
		{"no event", after(`{"seq":1,"t":1,"node":0}`), "f.jsonl:2: ev: missing", ""},
		{"event number", after(`{"seq":1,"t":1,"node":0,"ev":3}`), "f.jsonl:2: ev: expected a string, found 3", ""},
		{"unknown field", after(`{"seq":1,"t":1,"node":0,"ev":"crash","silnt":true}`), "f.jsonl:2: silnt: unknown field", `did you mean "silent"?`},
		{"other's field", after(`{"seq":1,"t":1,"node":0,"ev":"crash","peer":1}`), `f.jsonl:2: peer: not a field of "crash"`, ""},
		{"field twice", after(`{"seq":1,"t":1,"t":2,"node":0,"ev":"crash"}`), "f.jsonl:2: t: duplicate field", ""},
		{"missing peer", after(`{"seq":1,"t":1,"node":0,"ev":"suspect"}`), "f.jsonl:2: peer: missing", ""},
		{"missing node", after(`{"seq":1,"t":1,"ev":"suspect","peer":1}`), "f.jsonl:2: node: missing", ""},
		{"missing t", after(`{"seq":1,"node":0,"ev":"pause"}`), "f.jsonl:2: t: missing", ""},
		{"missing seq", after(`{"t":1,"node":0,"ev":"pause"}`), "f.jsonl:2: seq: missing", ""},
		{"node range", after(`{"seq":1,"t":1,"node":3,"ev":"pause"}`), "f.jsonl:2: node: node 3 does not exist: the trace has nodes 0 to 2", ""},
		{"node negative", after(`{"seq":1,"t":1,"node":-1,"ev":"pause"}`), "f.jsonl:2: node: node -1 does not exist", ""},
		{"peer range", after(`{"seq":1,"t":1,"node":0,"ev":"trust","peer":9}`), "f.jsonl:2: peer: node 9 does not exist", ""},
		{"node text", after(`{"seq":1,"t":1,"node":"0","ev":"pause"}`), `f.jsonl:2: node: expected a whole number, found "0"`, ""},
		{"node null", after(`{"seq":1,"t":1,"node":null,"ev":"pause"}`), "f.jsonl:2: node: expected a whole number, found null", ""},
		{"node half", after(`{"seq":1,"t":1,"node":0.5,"ev":"pause"}`), "f.jsonl:2: node: expected a whole number, found 0.5", ""},
		{"t NaN", after(`{"seq":1,"t":NaN,"node":0,"ev":"pause"}`), "f.jsonl:2: t: expected a whole number, found NaN", ""},
		{"t 1e309", after(`{"seq":1,"t":1e309,"node":0,"ev":"pause"}`), "f.jsonl:2: t: expected a whole number, found 1e309", ""},
		{"t huge", after(`{"seq":1,"t":9223372036854775808,"node":0,"ev":"pause"}`), "f.jsonl:2: t: number out of range: 9223372036854775808", ""},
		{"t negative", after(`{"seq":1,"t":-1,"node":0,"ev":"pause"}`), "f.jsonl:2: t: time -1 before the start of the run", ""},
		{"t leading zero", after(`{"seq":1,"t":01,"node":0,"ev":"pause"}`), "f.jsonl:2: t: expected a whole number, found 01", ""},
		{"time back", after(`{"seq":1,"t":2,"node":0,"ev":"pause"}`, `{"seq":2,"t":1,"node":0,"ev":"resume"}`), "f.jsonl:3: t: time goes back from 2 to 1", ""},
		{"seq from 2", after(`{"seq":2,"t":1,"node":0,"ev":"pause"}`), "f.jsonl:2: seq: expected 1, found 2", "numbered 1, 2, 3"},
		{"seq twice", after(`{"seq":1,"t":1,"node":0,"ev":"pause"}`, `{"seq":1,"t":1,"node":0,"ev":"resume"}`), "f.jsonl:3: seq: expected 2, found 1", ""},
		{"cause itself", after(`{"seq":1,"cause":1,"t":1,"node":0,"ev":"pause"}`), "f.jsonl:2: cause: event 1 cannot be made to happen by event 1", "before its effect"},
		{"cause zero", after(`{"seq":1,"cause":0,"t":1,"node":0,"ev":"pause"}`), "f.jsonl:2: cause: there is no event 0", `leave "cause" out`},
		{"blank line", after(`{"seq":1,"t":1,"node":0,"ev":"pause"}`, ``, ``), "f.jsonl:3: an empty line", ""},
		{"garbage", after(`{"seq":1,"t":1,"node":0,"ev":"pause"}x`), `f.jsonl:2: not JSON: column 38: expected the line's end, found "x"`, ""},
		{"list", after(`[1]`), "f.jsonl:2: expected an object, found a list", ""},
		{"comma", after(`{"seq":1,"t":1,"node":0,"ev":"pause",}`), `f.jsonl:2: not JSON: column 38: expected a value, found "}"`, ""},
		{"no colon", after(`{"seq" 1}`), "f.jsonl:2: not JSON: column 8: expected ':'", ""},
		{"cut", goodHeader + "\n" + `{"seq":1,"t":1,"node":0,"ev":"pa`, "f.jsonl:2: the last line is cut: it has no line end", ""},
		{"cut at its end", goodHeader + "\n" + `{"seq":1,"t":1,"node":0,"ev":"pause"}`, "f.jsonl:2: the last line is cut: it has no line end", ""},
		{"cut with an end", after(`{"seq":1,"t":1,"node":0,"ev":"pa`), "f.jsonl:2: ev: not JSON: the line ends where the string's end was expected", ""},
		{"not UTF-8", after("{\"seq\":1,\"t\":1,\"node\":0,\"ev\":\"panic\",\"error\":\"\xff\"}"), "f.jsonl:2: error: a string that is not UTF-8", ""},
		{"half a pair", after(`{"seq":1,"t":1,"node":0,"ev":"panic","error":"\ud800"}`), "f.jsonl:2: error: not JSON: column 47: expected an escape", ""},
		{"control", after("{\"seq\":1,\"t\":1,\"node\":0,\"ev\":\"panic\",\"error\":\"\x01\"}"), "f.jsonl:2: error: not JSON: column 47: expected a string without control characters", ""},
		{"boolean", after(`{"seq":1,"t":1,"node":0,"ev":"crash","silent":1}`), "f.jsonl:2: silent: expected true or false, found 1", ""},

		{"never sent", after(`{"seq":1,"t":1,"node":0,"ev":"deliver","from":1,"id":17,"epoch":0,"used":true}`), "f.jsonl:2: id: message 17 was delivered but never sent", ""},
		{"drop never sent", after(`{"seq":1,"t":1,"ev":"drop","id":17,"why":"lost"}`), "f.jsonl:2: id: message 17 was dropped but never sent", ""},
		{"wrong receiver", after(goodSend, `{"seq":2,"t":6,"node":2,"ev":"deliver","from":1,"id":17,"epoch":0,"used":true}`), "f.jsonl:3: node: message 17 was sent to node 0, not 2", ""},
		{"wrong sender", after(goodSend, `{"seq":2,"t":6,"node":0,"ev":"deliver","from":2,"id":17,"epoch":0,"used":true}`), "f.jsonl:3: from: message 17 was sent by node 1, not 2", ""},
		{"sent twice", after(goodSend, strings.Replace(goodSend, `"seq":1`, `"seq":2`, 1)), "f.jsonl:3: id: message 17 was sent before", "an id of its own"},
		{"no message", after(`{"seq":1,"t":5,"node":1,"ev":"send","to":0,"id":17}`), "f.jsonl:2: msg: missing", ""},
		{"message type", after(strings.Replace(goodSend, `"type":"vote",`, "", 1)), "f.jsonl:2: msg.type: missing", ""},
		{"message field", after(strings.Replace(goodSend, `"epoch":0`, `"epoch":0,"balot":1`, 1)), "f.jsonl:2: msg.balot: unknown field", ""},
		{"message twice", after(strings.Replace(goodSend, `"epoch":0`, `"epoch":0,"epoch":0`, 1)), "f.jsonl:2: msg.epoch: duplicate field", ""},
		{"message round", after(strings.Replace(goodSend, `"epoch":0`, `"epoch":0,"round":4294967296`, 1)), "f.jsonl:2: msg.round: number out of range: 4294967296", ""},
		{"message set", after(strings.Replace(goodSend, `"epoch":0`, `"epoch":0,"set":[0,1,2,0]`, 1)), "f.jsonl:2: msg.set: a list of more than 3 numbers", ""},
		{"two bodies", after(strings.Replace(goodSend, `"epoch":0`, `"epoch":0,"body":"a","body64":"YQ=="`, 1)), "f.jsonl:2: msg: both body and body64", ""},
		{"base64", after(`{"seq":1,"t":1,"node":0,"ev":"input","n":1,"in":"?"}`), `f.jsonl:2: in: expected base64, found "?"`, ""},
		{"link", after(`{"seq":1,"t":1,"ev":"cut","links":[{"from":0,"to":1},{"from":0}]}`), "f.jsonl:2: links[1].to: missing", ""},
		{"group", after(`{"seq":1,"t":1,"ev":"partition","groups":[[0],[1,7]]}`), "f.jsonl:2: groups[1]: node 7 does not exist", ""},
		{"groups", after(`{"seq":1,"t":1,"ev":"partition","groups":[[],[],[],[]]}`), "f.jsonl:2: groups[3]: more groups than nodes", ""},
		{"heal of both", after(`{"seq":1,"t":1,"ev":"heal","groups":[],"links":[]}`), "f.jsonl:2: groups: a heal names either groups or links", ""},
		{"duration", after(`{"seq":1,"t":1,"ev":"slow","nodes":[0],"by":"20 ms"}`), `f.jsonl:2: by: expected a duration, found "20 ms"`, `durations are written as`},
		{"rate", after(`{"seq":1,"t":1,"ev":"loss","loss":0.0123456789}`), "f.jsonl:2: loss: expected a rate, found 0.0123456789", "at most 9 digits"},
		{"kind of event", after(`{"seq":1,"t":1,"node":0,"ev":"event","kind":"recoverd","epoch":1,"old_rank":1,"new_rank":1,"new_world_size":4,"dead_ranks":[4]}`), `f.jsonl:2: kind: expected "recovered", "failure-detected", "evicted", "quorum-lost" or "aborted", found "recoverd"`, `did you mean "recovered"?`},
		{"why", after(`{"seq":1,"t":1,"node":0,"ev":"end","why":"evict"}`), `f.jsonl:2: why: expected "shutdown", "evicted", "aborted" or "error", found "evict"`, `did you mean "evicted"?`},
		{"app", after(`{"seq":1,"t":1,"ev":"app","app":{"recovr":[0]}}`), `f.jsonl:2: app.recovr: unknown field`, `did you mean "recover"?`},
		{"app twice", after(`{"seq":1,"t":1,"ev":"app","app":{"recover":[0],"split":[1]}}`), `f.jsonl:2: app: expected one operation with its nodes`, ""},
		{"op", after(`{"seq":1,"t":1,"node":0,"ev":"call","op":"alreduce","phase":"start","n":1,"epoch":0}`), `f.jsonl:2: op: expected "split", "barrier", "allreduce", "write", "read", "send" or "receive", found "alreduce"`, `did you mean "allreduce"?`},
		{"phase", after(`{"seq":1,"t":1,"node":0,"ev":"call","op":"read","phase":"begin","n":1,"epoch":0}`), `f.jsonl:2: phase: expected "start" or "end", found "begin"`, ""},
		{"value deep", after(`{"seq":1,"t":1,"node":0,"ev":"call","op":"read","phase":"end","n":1,"epoch":0,"value":` + deep(101) + `}`), "f.jsonl:2: value: nested more than 100 deep", ""},
		{"violation", after(`{"ev":"verdict","violations":[{"property":"ranks","t":1,"nodes":[4],"why":""}],"digest":"","steps":0,"installs":0}`), "f.jsonl:2: violations[0].nodes: node 4 does not exist", ""},
		{"after the verdict", after(`{"ev":"verdict","violations":[],"digest":"","steps":0,"installs":0}`, `{"seq":1,"t":1,"node":0,"ev":"pause"}`), "f.jsonl:3: a line after the verdict", ""},
		{"verdict's number", after(`{"seq":3,"t":1,"ev":"verdict","violations":[],"digest":"","steps":0,"installs":0}`), "f.jsonl:2: seq: expected 1, found 3", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := readAll([]byte(c.text))
			var e *trace.FormatError
			if !errors.As(err, &e) {
				t.Fatalf("error %v (%T), expected a FormatError", err, err)
			}
			if !strings.HasPrefix(e.Error(), c.want) {
				t.Errorf("error  %s\nexpected %s", e, c.want)
			}
			if !strings.Contains(e.Hint, c.hint) {
				t.Errorf("hint %q, expected %q in it", e.Hint, c.hint)
			}
		})
	}
}

// What is odd and yet well-formed is read: fields in any order, space, a node's nonsense, deliveries repeated or of a
// message of which another copy was dropped, a verdict with neither number nor time.
func TestLenient(t *testing.T) {
	text := goodHeader + "\n" + `
 { "ev" : "send" ,"id":18446744073709551615, "msg":{"epoch":18446744073709551615,"type":"v\u006fte"},"to":0,"node":1,"t":5,"seq":1 } ` + "\r" + `
{"seq":2,"t":5,"ev":"drop","id":18446744073709551615,"why":""}
{"seq":3,"t":5,"node":0,"ev":"deliver","from":1,"id":18446744073709551615,"epoch":7,"used":false}
{"seq":4,"t":5,"node":0,"ev":"deliver","from":1,"id":18446744073709551615,"epoch":7,"used":false}
{"seq":5,"t":5,"node":0,"ev":"install","epoch":9,"rank":-7,"world":99,"members":[77,77,-1],"comm_id":"FFFFFFFFFFFFFFFF","dead":[]}
{"ev":"verdict","violations":[],"digest":"","steps":0,"installs":0}
`
	text = strings.Replace(text, "\n\n", "\n", 1)
	_, evs, err := readAll([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := &trace.Message{Type: "vote", Group: 0xaa, Epoch: 1<<64 - 1, Coordinator: -1}
	if diff := cmp.Diff(want, evs[3].Msg); diff != "" {
		t.Errorf("the delivery's message (-want +got):\n%s", diff)
	}
	if v := evs[4].Install; v.Rank != -7 || v.Members[0] != 77 || v.CommID != 1<<64-1 {
		t.Errorf("install %+v", v)
	}
	if v := evs[5]; v.Seq != 6 || v.T != 5 {
		t.Errorf("verdict %+v", v)
	}
}

// One node's own file has no header, deliveries from elsewhere, and perhaps a cut end, which is dropped.
func TestPart(t *testing.T) {
	text := `{"seq":1,"t":1,"node":0,"ev":"deliver","from":1,"id":17,"epoch":0,"used":true}
{"seq":2,"t":2,"node":0,"ev":"pause"}
{"seq":3,"t":3,"node":0,"ev":"res`
	h := header(3)
	r := trace.NewPartReader(strings.NewReader(text), "node-0.jsonl", h)
	var ev trace.Event
	for want := range 2 {
		if err := r.Next(&ev); err != nil || ev.Seq != uint64(want+1) || ev.Msg != nil || r.Cut() {
			t.Fatalf("line %d: %+v, %v", want+1, ev, err)
		}
	}
	if err := r.Next(&ev); err != io.EOF || !r.Cut() || r.Line() != 3 {
		t.Errorf("error %v, cut %v, line %d", err, r.Cut(), r.Line())
	}
	r = trace.NewPartReader(strings.NewReader("{}\n"), "node-0.jsonl", h)
	if err := r.Next(&ev); err == nil || err.Error() != "node-0.jsonl:1: ev: missing" {
		t.Errorf("error %v", err)
	}
}

// A failure stays; one of the underlying reader is no fault of the file.
func TestReaderKeepsError(t *testing.T) {
	r, err := trace.NewReader(io.MultiReader(strings.NewReader(goodHeader+"\n"), iotest.ErrReader(io.ErrClosedPipe)), "f.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var ev trace.Event
	var e *trace.FormatError
	for range 2 {
		if err := r.Next(&ev); !errors.Is(err, io.ErrClosedPipe) || errors.As(err, &e) {
			t.Errorf("error %v", err)
		}
	}
	if _, err := trace.NewReader(stuck{}, "f.jsonl"); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v", err)
	}
	if _, _, err := readAll([]byte(goodHeader + "\n")); err != nil {
		t.Error(err)
	}
	r, err = trace.NewReader(iotest.OneByteReader(strings.NewReader(goodHeader+"\n"+goodSend+"\n")), "f.jsonl")
	if err != nil || r.Next(&ev) != nil || r.Next(&ev) != io.EOF {
		t.Errorf("byte by byte: %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// endless gives the same bytes for ever and counts them.
type endless struct {
	head io.Reader
	unit []byte
	n    int
}

func (e *endless) Read(b []byte) (int, error) {
	if e.head != nil {
		if n, err := e.head.Read(b); err == nil {
			return n, nil
		}
		e.head = nil
	}
	n := 0
	for n+len(e.unit) <= len(b) {
		n += copy(b[n:], e.unit)
	}
	if n == 0 {
		n = copy(b, e.unit)
	}
	e.n += n
	return n, nil
}

// Lines that never end are refused after 16 MiB, and the memory that hostile files cost is bounded.
func TestBounds(t *testing.T) {
	for name, c := range map[string]struct {
		head, unit string
		want       string
	}{
		"endless header":  {"", "x", "f.jsonl:1: a line over 16 MiB"},
		"endless line":    {goodHeader + "\n", " ", "f.jsonl:2: a line over 16 MiB"},
		"endless string":  {goodHeader + "\n" + `{"seq":"`, "x", "f.jsonl:2: a line over 16 MiB"},
		"endless nesting": {goodHeader + "\n" + `{"value":`, "[", "f.jsonl:2: a line over 16 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			in := &endless{head: strings.NewReader(c.head), unit: []byte(c.unit)}
			used := memory(func() {
				r, err := trace.NewReader(in, "f.jsonl")
				var ev trace.Event
				if err == nil {
					err = r.Next(&ev)
				}
				if err == nil || err.Error() != c.want {
					t.Errorf("error %v, expected %s", err, c.want)
				}
			})
			if in.n > 17<<20 {
				t.Errorf("%d bytes were read", in.n)
			}
			if used > 64<<20 {
				t.Errorf("%d MiB were allocated", used>>20)
			}
		})
	}
}

// A line just within the limit is read; lists in it that no trace needs are refused.
func TestLongLine(t *testing.T) {
	line := func(n int) string {
		head, tail := `{"seq":1,"t":1,"node":0,"ev":"panic","error":"`, `"}`
		return goodHeader + "\n" + head + strings.Repeat("x", n-len(head)-len(tail)) + tail + "\n"
	}
	if _, _, err := readAll([]byte(line(16 << 20))); err != nil {
		t.Error(err)
	}
	if _, _, err := readAll([]byte(line(16<<20 + 1))); err == nil || err.Error() != "f.jsonl:2: a line over 16 MiB" {
		t.Errorf("error %v", err)
	}
	list := strings.Repeat("0,", 1<<20) + "0"
	text := goodHeader + "\n" + `{"seq":1,"t":1,"node":0,"ev":"install","epoch":1,"rank":0,"world":3,"comm_id":"0000000000000000","dead":[],"members":[` + list + "]}\n"
	if _, _, err := readAll([]byte(text)); err == nil || err.Error() != "f.jsonl:2: members: a list of more than 1048576 numbers" {
		t.Errorf("error %v", err)
	}
}

// A trace of a million messages is remembered in well under 100 bytes each.
func TestMemoryOfSends(t *testing.T) {
	const n = 200_000
	var b bytes.Buffer
	b.WriteString(goodHeader + "\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, `{"seq":%d,"t":%d,"node":1,"ev":"send","to":0,"id":%d,"msg":{"type":"heartbeat","epoch":3,"num":%d}}`+"\n", i, i, i*3+1, i)
	}
	var ev trace.Event
	used := memory(func() {
		r, err := trace.NewReader(&b, "f.jsonl")
		for err == nil {
			err = r.Next(&ev)
		}
		if err != io.EOF {
			t.Error(err)
		}
	})
	if used/n > 100 {
		t.Errorf("%d bytes for each send", used/n)
	}
}

// memory gives how much a function allocates in all.
func memory(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Whatever the bytes, the reader ends without a panic, and what it takes it can write and take again.
func FuzzReader(f *testing.F) {
	f.Add(write(f, header(5), everyKind()))
	f.Add([]byte(goodHeader + "\n" + goodSend + "\n"))
	f.Add([]byte(goodHeader))
	f.Add([]byte("{}\n{\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, evs, err := readAll(text)
		if err != nil {
			var e *trace.FormatError
			if !errors.As(err, &e) || e.Line < 1 || e.Msg == "" {
				t.Fatalf("error %v", err)
			}
		}
		if h == nil {
			return
		}
		again := write(t, h, evs)
		if _, _, err := readAll(again); err != nil {
			t.Fatalf("read, written and read again: %v\n%s", err, again)
		}
	})
}
