package trace_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nexarsim/checker/trace"
)

// accepts reports whether a header with this value in its config is read.
func accepts(value string) bool {
	text := strings.Replace(goodHeader, `"config":{}`, `"config":{"z":`+value+`}`, 1) + "\n"
	_, _, err := readAll([]byte(text))
	return err == nil
}

// The reader's own JSON is encoding/json's, except that no field may stand twice and no number may be infinite.
func TestJSONAgainstStandardLibrary(t *testing.T) {
	for _, value := range []string{
		`1`, `-1`, `-0`, `0`, `00`, `01`, `1.`, `.5`, `1.5`, `1.5e`, `1e5`, `1E+5`, `1e-5`, `1e+`, `--1`, `+1`, `1-1`, `1e5.5`, `-`, `0x1`,
		`true`, `false`, `null`, `True`, `tru`, `nul`, `nulll`, `NaN`, `Infinity`,
		`""`, `"a"`, `"\n"`, `"\/"`, `"\x"`, `"\u00e9"`, `"\u00E9"`, `"\u00eg"`, `"\u00"`, `"\ud83d\ude00"`, `"\`, `"`, "\"\t\"", `'a'`,
		`[]`, `[1]`, `[1,]`, `[,1]`, `[1 2]`, `[1,2`, `]`, `[[]]`, `[}`,
		`{}`, `{"a":1}`, `{"a":1,}`, `{a:1}`, `{"a"}`, `{"a" :1}`, `{"a":}`, `{,}`, `{1:2}`, `{"a":1 "b":2}`, `{"":{"":[null,{}]}}`, ` 1 `, ``,
	} {
		if got, want := accepts(value), json.Valid([]byte(`{"z":`+value+`}`)); got != want {
			t.Errorf("%s: accepted is %v, expected %v", value, got, want)
		}
	}
	alphabet := []string{`{`, `}`, `[`, `]`, `,`, `:`, `"a"`, `"b"`, `1`, `-2.5`, `null`, `true`, ` `}
	r := rand.New(rand.NewPCG(3, 4))
	valid := 0
	for range 6_000 {
		var b strings.Builder
		for range 1 + r.IntN(7) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		value := b.String()
		want := json.Valid([]byte(`{"z":` + value + `}`))
		if want {
			valid++
		}
		if got := accepts(value); got != want && !twice(value) {
			t.Fatalf("%s: accepted is %v, expected %v", value, got, want)
		}
	}
	if valid < 100 {
		t.Errorf("only %d of the values are valid", valid)
	}
}

// twice reports whether a field may stand twice in an object of a short text.
func twice(value string) bool {
	return strings.Count(value, `"a"`) > 1 || strings.Count(value, `"b"`) > 1
}

// Any text survives the way through encoding/json's escapes.
func TestStringsAgainstStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "text")
		quoted, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		text := goodHeader + "\n" + `{"seq":1,"t":1,"node":0,"ev":"panic","error":` + string(quoted) + "}\n"
		_, evs, err := readAll([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if evs[0].Error != want {
			t.Fatalf("read %q, expected %q", evs[0].Error, want)
		}
		var back struct{ Error string }
		if err := json.Unmarshal(write(t, header(1), evs[:1])[len(write(t, header(1), nil)):], &back); err != nil || back.Error != want {
			t.Fatalf("encoding/json reads %q (%v), expected %q", back.Error, err, want)
		}
	})
}

// Deliveries find their sends among many, with more message types than fit a byte.
func TestManySends(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var evs []trace.Event
	ids := map[uint64]int{}
	for i := range 3000 {
		id := r.Uint64() >> r.IntN(64)
		if _, taken := ids[id]; taken {
			continue
		}
		ids[id] = len(evs)
		m := &trace.Message{Type: fmt.Sprint("t", r.IntN(400)), Group: r.Uint64(), Epoch: uint64(i), Coordinator: r.IntN(3) - 1, Num: r.Uint64() >> r.IntN(64)}
		for range r.IntN(4) {
			m.Set = append(m.Set, r.IntN(1<<20)-1<<19)
		}
		if r.IntN(3) == 0 {
			m.Body = strings.Repeat("\xff", r.IntN(9))
		}
		evs = append(evs, trace.Event{Node: r.IntN(3), Kind: trace.Send, To: r.IntN(3), ID: id, Msg: m})
	}
	sends := len(evs)
	for range 3000 {
		s := evs[r.IntN(sends)]
		evs = append(evs, trace.Event{Node: s.To, From: s.Node, Kind: trace.Deliver, ID: s.ID, Msg: s.Msg})
	}
	for i := range evs {
		evs[i].Seq = uint64(i + 1)
	}
	rd, err := trace.NewReader(strings.NewReader(string(write(t, header(3), evs))), "f.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var got trace.Event
	for i := range evs {
		if err := rd.Next(&got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(evs[i].Msg, clone(got).Msg); diff != "" {
			t.Fatalf("line %d (-want +got):\n%s", rd.Line(), diff)
		}
	}
	if err := rd.Next(&got); err != io.EOF {
		t.Error(err)
	}
}
