package record_test

import (
	"strings"
	"testing"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/internal/record"
)

// lines records calls and their ends, each a pair of what is called and what it comes to.
func lines(pairs ...any) (all []trace.Operation) {
	r := record.New()
	r.Reset(func(ev *trace.Event) { all = append(all, *ev.Call) }, true, core.Kind.String)
	for i := 0; i < len(pairs); i += 2 {
		in := pairs[i].(core.Input)
		in.Kind, in.ID = core.InCall, uint64(i+1)
		r.Call(0, 0, &in, 0, 0)
		r.Done(1, 0, &core.Done{ID: in.ID, Call: in.Call, Result: pairs[i+1].(string)}, 0, 0)
	}
	return all
}

// TestCallsOnElements: what is no single number is told by its length and a hash, which differ where the elements do.
func TestCallsOnElements(t *testing.T) {
	sum := func(body string) core.Input { return core.Input{Call: core.CallAllReduce, Body: body} }
	all := lines(sum("\x01\x02"), "\xff\xfe", sum("\x01\x02"), "\xff\xfe", sum("\x01\x03"), "12", core.Input{Call: core.CallAllReduce, Value: 7}, "12")
	for i, line := range all[:6] {
		if !strings.Contains(line.Value, "2 bytes, ") {
			t.Errorf("line %d has the value %s: expected a length and a hash", i, line.Value)
		}
	}
	if all[0].Value != all[2].Value || all[1].Value != all[3].Value || all[0].Value == all[4].Value || all[1].Value == all[5].Value {
		t.Errorf("values %+v: expected equal ones for equal elements, and others for others", all)
	}
	if all[6].Value != `"7"` || all[7].Value != `"12"` {
		t.Errorf("a sum of numbers has the values %s and %s", all[6].Value, all[7].Value)
	}
}

// TestCallsOnOtherCommunicators: they have no lines, and change no number of those on the view's.
func TestCallsOnOtherCommunicators(t *testing.T) {
	on := func(comm uint64) core.Input { return core.Input{Call: core.CallBarrier, Comm: comm} }
	all := lines(on(0), "", on(5), "", on(0), "")
	if len(all) != 4 || all[0].N != 1 || all[2].N != 2 || all[3].N != 2 {
		t.Errorf("%+v: expected two barriers with the numbers 1 and 2", all)
	}
}
