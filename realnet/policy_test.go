package realnet_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"nexarsim/core"
	"nexarsim/realnet"
)

func TestManualPolicy(t *testing.T) {
	cfg := patient()
	cfg.Policy = core.Manual
	groups := newSetup(t, 3, cfg).join(t)
	groups[2].Close()
	for _, g := range groups[:2] {
		if ev := next(t, g, core.EventFailureDetected); len(ev.DeadRanks) != 1 || ev.DeadRanks[0] != 2 {
			t.Errorf("node %d: %+v: expected rank 2 to be dead", g.Self(), ev)
		}
		if w := g.View().World(); w != 3 {
			t.Errorf("node %d: a world of %d before anybody called Recover", g.Self(), w)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	errs := make(chan error)
	for _, g := range groups[:2] {
		go func() { errs <- g.Recover(ctx) }()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for _, g := range groups[:2] {
		if w := g.View().World(); w != 2 {
			t.Errorf("node %d: a world of %d after Recover", g.Self(), w)
		}
		next(t, g, core.EventRecovered)
	}
}

func TestAbortPolicy(t *testing.T) {
	cfg := patient()
	cfg.Policy = core.AbortAll
	groups := newSetup(t, 3, cfg).join(t)
	groups[0].Close()
	for _, g := range groups[1:] {
		next(t, g, core.EventAborted)
		<-g.Ended()
		var end *realnet.EndError
		if err := g.Err(); !errors.As(err, &end) || end.Why != core.EndAborted || !strings.Contains(end.Text, "0") {
			t.Errorf("node %d ended with %v: expected an abort that names rank 0", g.Self(), err)
		}
		if err := g.Recover(context.Background()); err == nil {
			t.Errorf("node %d: Recover after the end: expected an error", g.Self())
		}
	}
}

// TestOneAfterTheOther: the second recovery and the third work as the first (L4), down to one member; a subscriber that
// reads only at the end has missed none.
func TestOneAfterTheOther(t *testing.T) {
	cfg := patient()
	cfg.Rule = core.FailStop
	groups := newSetup(t, 4, cfg).join(t)
	late := groups[3].Subscribe()
	for dead := range 3 {
		groups[dead].Close()
		for _, g := range groups[dead+1:] {
			if ev := next(t, g, core.EventRecovered); int(ev.Epoch) != dead+1 || ev.NewWorldSize != 3-dead {
				t.Errorf("node %d: %+v: expected epoch %d with %d members", g.Self(), ev, dead+1, 3-dead)
			}
		}
	}
	for epoch := core.Epoch(1); epoch <= 3; epoch++ {
		ev, err := late.Next(context.Background())
		if err != nil || ev.Epoch != epoch {
			t.Errorf("the late reader gets %+v, %v: expected epoch %d", ev, err, epoch)
		}
	}
	late.Close()
}

// TestConnectSaysWhoIsMissing: a group does not form without everybody, and says who is not there.
func TestConnectSaysWhoIsMissing(t *testing.T) {
	s := newSetup(t, 3, patient())
	s.sockets[0].Close()
	s.sockets[2].Close()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := realnet.Join(ctx, s.configs[1])
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "node-0") || !strings.Contains(err.Error(), "node-2") {
		t.Errorf("error %v: expected one that names both", err)
	}
}

// TestGroupOfOne: it is complete at once.
func TestGroupOfOne(t *testing.T) {
	groups := newSetup(t, 1, patient()).join(t)
	if v := groups[0].View(); v.World() != 1 || groups[0].Rank() != 0 {
		t.Errorf("view %+v, rank %d: expected itself alone", v, groups[0].Rank())
	}
	if err := groups[0].Recover(context.Background()); err == nil {
		t.Error("Recover under policy automatic: expected an error")
	}
	if err := groups[0].Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := groups[0].Start(0); !errors.Is(err, realnet.ErrClosed) {
		t.Errorf("Start of a closed group: %v: expected ErrClosed", err)
	}
}

// TestRefusedConfigurations: everything that is wrong is named, and nothing is opened.
func TestRefusedConfigurations(t *testing.T) {
	two := []realnet.Member{{ID: "a", Address: "127.0.0.1:1"}, {ID: "b", Address: "127.0.0.1:2"}}
	for _, s := range []struct {
		cfg  realnet.Config
		says []string
	}{
		{realnet.Config{Self: "c", Members: two, Core: core.DefaultConfig()}, []string{`"c" is not among the members`}},
		{realnet.Config{Self: "a", Members: append(two[:1:1], two[0]), Core: core.DefaultConfig()}, []string{`"a" is there twice`}},
		{realnet.Config{Self: "a", Members: []realnet.Member{two[0], {ID: "b", Address: "nowhere"}}, Core: core.DefaultConfig()}, []string{"members[1].address"}},
		{realnet.Config{Self: "", Core: core.Config{}}, []string{"members: expected 1 to 1024, found 0", "policy 0", "heartbeat interval"}},
		{realnet.Config{Self: "a", Members: two, Core: core.DefaultConfig(), Idle: time.Second, Witness: 9}, []string{"idle: ", "witness 9"}},
	} {
		_, err := realnet.New(s.cfg)
		for _, text := range s.says {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("error %v: expected one that says %q", err, text)
			}
		}
	}
}
