package record

import (
	"testing"

	"nexarsim/checker/trace"
	"nexarsim/core"
)

// A recorder that is reused knows nothing of the run before.
func TestResetForgetsSends(t *testing.T) {
	var cause uint64
	sink := func(ev *trace.Event) { cause = ev.Cause }
	r, m := New(), &core.Message{Kind: core.Vote}
	r.Reset(sink, true, core.Kind.String)
	r.Send(0, 0, 1, 17, m, 0)
	r.Reset(sink, false, core.Kind.String)
	r.Deliver(0, 1, 0, 17, m, 0, true)
	if cause != 0 {
		t.Errorf("a delivery is caused by line %d of an earlier run", cause)
	}
}
