package classic

import (
	"bytes"
	"testing"

	"nexarsim/core"
)

// TestEncodingTellsApart: nodes that will behave differently encode differently, though all but one thing is equal.
func TestEncodingTellsApart(t *testing.T) {
	stories := []struct {
		what string
		tell func(w *world, other bool)
	}{
		{"what a waiting all-reduce brings", func(w *world, other bool) {
			w.call(0, core.CallHold, 0)
			w.call(0, core.CallAllReduce, map[bool]int64{false: 1, true: 2}[other])
		}},
		{"what votes have come to", func(w *world, other bool) {
			if w.suspect(1, 3); other {
				w.flight[0].msg.Set = core.NodeSetOf(2, 3)
			}
			w.suspect(0, 3)
			w.deliver(1, 0, core.Vote)
		}},
		{"whether a list was seen before the round or is news to it", func(w *world, other bool) {
			w.byHand[0] = true
			w.call(0, core.CallHold, 0)
			w.suspect(0, 3)
			w.next(0, "watch")
			if !other {
				w.suspect(0, 2)
			}
			w.call(0, core.CallRelease, 0)
			w.next(0, "lock")
			if other {
				w.suspect(0, 2)
			}
		}},
		{"whether the application has asked to end", func(w *world, other bool) {
			if w.suspect(0, 3); other {
				w.give(0, core.Input{Kind: core.InShutdown})
			}
		}},
		{"who waits for the lock first", func(w *world, other bool) {
			ops := []core.CallOp{core.CallSplit, core.CallBarrier}
			if other {
				ops[0], ops[1] = ops[1], ops[0]
			}
			for _, op := range append([]core.CallOp{core.CallHold}, ops...) {
				w.call(0, op, 0)
			}
		}},
		{"which connection has ended", func(w *world, other bool) {
			w.closed(0, map[bool]core.NodeID{false: 1, true: 2}[other])
		}},
	}
	for _, s := range stories {
		var states [3][]byte
		for k := range states {
			w := newWorld(t, 4, testConfig(), AsPublished)
			s.tell(w, k == 1)
			states[k] = w.nodes[0].AppendState(nil)
		}
		if !bytes.Equal(states[0], states[2]) {
			t.Errorf("%s: the same story encodes in two ways", s.what)
		}
		if bytes.Equal(states[0], states[1]) {
			t.Errorf("%s: two stories encode alike", s.what)
		}
	}
}

// What nobody will look at again is no part of a state: when a dead peer was last reached, what an ended orchestrator knew.
func TestEncodingForgets(t *testing.T) {
	cfg := testConfig()
	cfg.ExternalDetector, cfg.Policy = false, core.AbortAll
	var states [2][]byte
	for k := range states {
		n, err := New(core.Setup{Self: 0, World: 2, Config: cfg}, AsPublished)
		if err != nil {
			t.Fatal(err)
		}
		var out core.Effects
		start := core.Instant(k) * 7e9
		n.Step(start, &core.Input{Kind: core.InStart, Phase: int64(7e9)}, &out)
		n.Step(core.Instant(8e9), &core.Input{Kind: core.InSuspect, Peer: 1}, &out)
		n.Step(core.Instant(8e9), &core.Input{Kind: core.InWake, ID: uint64(wakeWatch)}, &out)
		n.Step(core.Instant(14e9), &core.Input{Kind: core.InTimer, Timer: timerTick}, &out)
		states[k] = n.AppendState(nil)
	}
	if !bytes.Equal(states[0], states[1]) {
		t.Errorf("%x and %x", states[0], states[1])
	}
}
