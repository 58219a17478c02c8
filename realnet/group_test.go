package realnet_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"nexarsim/core"
	"nexarsim/realnet"
)

func TestSurvivorsAgree(t *testing.T) {
	groups := newSetup(t, 4, patient()).join(t)
	groups[3].Close() // as kill -9 does it: the witness connections end
	groups[1].Close()
	for _, g := range []*realnet.Group{groups[0], groups[2]} {
		for next(t, g, core.EventRecovered).NewWorldSize > 2 {
			// One view change or two: a matter of timing.
		}
	}
	a, b := groups[0].View(), groups[2].View()
	if !slices.Equal(a.Members(), []core.NodeID{0, 2}) || !slices.Equal(a.Members(), b.Members()) || a.CommID != b.CommID || a.Epoch != b.Epoch {
		t.Errorf("views %v and %v: expected both to be of nodes 0 and 2, with one epoch and one comm_id", a, b)
	}
	if r := groups[2].Rank(); r != 1 {
		t.Errorf("node 2 has rank %d: expected 1", r)
	}
}

func TestShutdownIsADeath(t *testing.T) {
	groups := newSetup(t, 3, patient()).join(t)
	if err := groups[0].Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	var end *realnet.EndError
	if err := groups[0].Err(); !errors.As(err, &end) || end.Why != core.EndShutdown {
		t.Errorf("after Shutdown Err is %v: expected an end by shutdown", err)
	}
	for _, g := range groups[1:] {
		ev := next(t, g, core.EventRecovered)
		if ev.NewRank != ev.OldRank-1 || ev.NewWorldSize != 2 {
			t.Errorf("node %d: event %+v: expected one rank less in a world of two", g.Self(), ev)
		}
	}
	if _, err := groups[0].Events().Next(context.Background()); !errors.Is(err, realnet.ErrClosed) {
		t.Errorf("events of a closed group: %v: expected ErrClosed", err)
	}
}
