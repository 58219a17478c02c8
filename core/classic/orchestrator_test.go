package classic

import (
	"slices"
	"testing"

	"nexarsim/core"
)

// Policy manual: "old rank = new rank, world size unchanged and the whole accumulated list; no rebuild; go on".
func TestPolicyManual(t *testing.T) {
	cfg := testConfig()
	cfg.Policy = core.Manual
	w := newWorld(t, 4, cfg, AsPublished)
	w.suspect(1, 3)
	w.call(1, core.CallHold, 0)
	w.suspect(1, 0) // the event waits for the lock, and tells what was read before
	w.suspect(1, 2)
	w.call(1, core.CallRelease, 0)
	want := [][]core.Rank{{3}, {0, 3}, {0, 2, 3}}
	if len(w.events[1]) != len(want) {
		t.Fatalf("events: %+v", w.events[1])
	}
	for k, ev := range w.events[1] {
		if ev.Kind != core.EventFailureDetected || ev.OldRank != 1 || ev.NewRank != 1 || ev.NewWorldSize != 4 || !slices.Equal(ev.DeadRanks, want[k]) {
			t.Errorf("event %d: %+v, want dead ranks %v", k, ev, want[k])
		}
	}
	if len(w.installs[1]) != 0 || len(w.flight) != 0 || w.ends[1] != "" {
		t.Errorf("%d rebuilds, %d messages, end %q", len(w.installs[1]), len(w.flight), w.ends[1])
	}
}

// "Only the latest list is kept; a reader can skip versions."
func TestReaderSkipsVersions(t *testing.T) {
	cfg := testConfig()
	cfg.Policy = core.Manual
	w := newWorld(t, 3, cfg, AsPublished)
	w.byHand[0] = true
	w.suspect(0, 1)
	w.suspect(0, 2)
	for w.next(0, "") {
	}
	if ev := w.events[0]; len(ev) != 1 || !slices.Equal(ev[0].DeadRanks, []core.Rank{1, 2}) {
		t.Errorf("events: %+v, want one that names 1 and 2", ev)
	}
}

// Policy abort: "return an error that names the dead ranks; no event". Monitor and application go on.
func TestPolicyAbort(t *testing.T) {
	cfg := testConfig()
	cfg.Policy = core.AbortAll
	w := newWorld(t, 3, cfg, AsPublished)
	w.call(1, core.CallHold, 0)
	w.suspect(1, 2)
	expectEnd(t, w, 1, "error node failure detected and policy is abort: dead ranks {2}")
	if len(w.events[1])+len(w.flight) != 0 {
		t.Errorf("events %+v, messages %+v", w.events[1], w.flight)
	}
	w.suspect(1, 0)
	if got := w.nodes[1].monitor.dead; got != core.NodeSetOf(0, 2) {
		t.Errorf("the monitor knows of %v after the end", got)
	}
}

// "Event = (old rank, new rank, new world size, dead ranks in the parent's numbering)", ranks that it never had included.
func TestEventOfARecovery(t *testing.T) {
	w := twoDeaths(t, 5, 4, 3, Routers)
	ev := w.events[2]
	if len(ev) != 2 || !slices.Equal(ev[0].DeadRanks, []core.Rank{4}) || !slices.Equal(ev[1].DeadRanks, []core.Rank{3, 4}) {
		t.Fatalf("events: %+v", ev)
	}
	if ev[1].OldRank != 2 || ev[1].NewRank != 2 || ev[1].NewWorldSize != 3 || ev[1].Epoch != 2 || ev[1].Kind != core.EventRecovered {
		t.Errorf("second event: %+v", ev[1])
	}
	if in := w.installs[2][1]; in.Dead != core.NodeSetOf(3) {
		t.Errorf("without %v, want {3}: who had left before does not leave again", in.Dead)
	}
	w = twoDeaths(t, 4, 0, 3, Numbering)
	if ev := w.events[2][1]; ev.OldRank != 1 || ev.NewRank != 1 || !slices.Equal(ev.DeadRanks, []core.Rank{2}) {
		t.Errorf("translated: %+v, want dead rank 2", ev)
	}
}

// A round that ends in "peer disconnected r" adds r, a rank, and begins again; what is published later is merged with it.
func TestDisconnectedVoterIsAdded(t *testing.T) {
	w := newWorld(t, 5, testConfig(), Generation)
	w.crash(0)
	w.suspectAll(0)
	w.stabilize()
	w.crash(4)
	w.suspect(1, 4) // rank 3 of nodes 1 2 3 4
	w.closed(1, 2)  // rank 1, whom node 1's monitor has not missed yet
	o := &w.nodes[1].orch
	if o.dead != core.NodeSetOf(1, 3) || o.stage != stageVotes || o.voters[o.place] != 2 {
		t.Errorf("dead ranks %v, stage %d, voters %v: want {1 3} and a vote of rank 2", o.dead, o.stage, o.voters)
	}
	w.suspect(1, 3)
	if got := w.installs[1][len(w.installs[1])-1]; !slices.Equal(got.View.Members(), []core.NodeID{1}) {
		t.Errorf("node 1 holds %v: want itself alone, without rank 1 that it added itself", got.View.Members())
	}
}

// A publication drops a round also while that waits for the lock; it is in the race from there on.
func TestRoundIsDroppedBeforeItHasTheLock(t *testing.T) {
	w := newWorld(t, 4, testConfig(), AsPublished)
	w.byHand[1] = true
	w.call(1, core.CallHold, 0)
	w.suspect(1, 3)
	w.next(1, "watch")
	w.call(1, core.CallHold, 0)
	w.call(1, core.CallRelease, 0)
	w.next(1, "lock") // the survey; then the second hold has the lock, and the round waits
	if n := w.nodes[1]; n.orch.stage != stageRound || !n.orch.waiting {
		t.Fatalf("stage %d", n.orch.stage)
	}
	w.suspect(1, 2)
	w.next(1, "watch")
	if o := &w.nodes[1].orch; o.stage != stageSurvey || !o.waiting || o.dead != core.NodeSetOf(2, 3) {
		t.Errorf("stage %d, dead %v: want another survey with {2 3}", o.stage, o.dead)
	}
	w.byHand[1] = false
	w.call(1, core.CallRelease, 0)
	if len(w.flight) != 1 || w.flight[0].msg.Set != core.NodeSetOf(2, 3) {
		t.Errorf("under way: %+v, want one vote of {2 3}", w.flight)
	}
}

// The end of a send whose round was dropped is not taken for the end of the next round's.
func TestEndOfADroppedRoundsSend(t *testing.T) {
	w := newWorld(t, 4, testConfig(), AsPublished)
	w.byHand[1] = true
	w.suspect(1, 3)
	w.next(1, "watch") // its vote is being sent
	w.suspect(1, 2)
	w.next(1, "watch") // and another one
	w.next(1, "sent")
	if s := w.nodes[1].orch.stage; s != stageVote {
		t.Errorf("stage %d after the end of the first vote's send, want still the second's", s)
	}
	w.next(1, "sent")
	if s := w.nodes[1].orch.stage; s != stageAnswer {
		t.Errorf("stage %d after both", s)
	}
}

// "Skips heartbeats and discards every other kind (a barrier message too)": what a round discards, a barrier misses.
func TestReceiveDiscardsABarrierMessage(t *testing.T) {
	w := newWorld(t, 3, testConfig(), AsPublished)
	w.call(1, core.CallBarrier, 0)
	w.stabilize()
	w.crash(2)
	w.suspect(0, 2)
	if k := len(w.nodes[0].control[1].items); k != 0 {
		t.Errorf("%d messages are left in the lane", k)
	}
	w.fire(1, timerCall)
	w.suspect(1, 2)
	w.stabilize()
	expectMembers(t, w, 0, 1, 0, 1)
}

// A message that came before anybody asked for it is reported when it counts, under the number that it came with.
func TestUseOfAWaitingMessage(t *testing.T) {
	for _, waits := range []bool{false, true} {
		w := newWorld(t, 3, testConfig(), AsPublished)
		var late, now int
		w.after = func(n *Node, list []core.Effect) {
			for i := range list {
				if m, id, l := w.out.Late(&list[i]); list[i].Kind == core.OutUsed && n.self == 0 {
					if l && m.Kind == core.Vote && id == 1 && list[i].Peer == 1 {
						late++
					} else if !l {
						now++
					}
				}
			}
		}
		w.suspect(1, 2)
		if !waits {
			w.suspect(0, 2)
		}
		w.stabilize()
		w.suspect(0, 2)
		if want := map[bool][2]int{true: {1, 0}, false: {0, 1}}[waits]; [2]int{late, now} != want {
			t.Errorf("waits %v: %d late uses, %d at once", waits, late, now)
		}
	}
}

// A stream gives nothing twice, and keeps a link's order: neither a second copy nor an early chunk changes a sum.
func TestChunksComeOnceAndInOrder(t *testing.T) {
	w := newWorld(t, 2, testConfig(), AsPublished)
	for range 2 {
		w.call(0, core.CallAllReduce, 1)
		w.call(1, core.CallAllReduce, 10)
		for len(w.flight) > 0 {
			w.arrive(0, true)
			w.arrive(0, true)
			w.arrive(0, false)
		}
	}
	for i := range w.nodes {
		if d := w.dones[i]; len(d) != 2 || d[0].Result != "11" || d[1].Result != "11" {
			t.Errorf("node %d: %+v", i, d)
		}
	}
	var l dataLane
	for _, place := range []uint64{2, 0, 1, 2, 0} {
		l.put(item{msg: core.Message{Kind: Data, Num: place}})
	}
	if len(l.ready) != 3 || len(l.early) != 0 || l.next != 3 {
		t.Errorf("%d chunks in order, %d early, next %d", len(l.ready), len(l.early), l.next)
	}
}

// Up to four go through rank 0, more disseminate.
func TestBarrierMessages(t *testing.T) {
	for n, want := range map[int]int{1: 0, 2: 2, 3: 4, 4: 6, 5: 15, 8: 24, 9: 36} {
		w := newWorld(t, n, testConfig(), AsPublished)
		w.callAll(core.CallBarrier)
		w.stabilize()
		if int(w.packets) != want {
			t.Errorf("a barrier of %d takes %d messages, want %d", n, w.packets, want)
		}
	}
}

// The end of a heartbeat that nobody awaits changes nothing, before the start and after it.
func TestSpuriousEndOfASend(t *testing.T) {
	n, err := New(core.Setup{Self: 0, World: 2, Config: core.DefaultConfig()}, AsPublished)
	if err != nil {
		t.Fatal(err)
	}
	var out core.Effects
	n.Step(0, &core.Input{Kind: core.InSent, ID: uint64(opMonitor)}, &out)
	n.Step(0, &core.Input{Kind: core.InStart, Phase: 5}, &out)
	out.Reset()
	n.Step(1, &core.Input{Kind: core.InSent, ID: uint64(opMonitor)}, &out)
	if len(out.List()) != 0 {
		t.Errorf("effects: %+v", out.List())
	}
}

// TestNew: a setup that cannot be is an error that says why.
func TestNew(t *testing.T) {
	for _, s := range []core.Setup{{Self: 0, World: 0}, {Self: 2, World: 2}, {Self: -1, World: 2}} {
		s.Config = core.DefaultConfig()
		if _, err := New(s, AsPublished); err == nil {
			t.Errorf("node %d of a world of %d is accepted", s.Self, s.World)
		}
	}
	if _, err := New(core.Setup{World: 1, Config: core.DefaultConfig()}, never); err == nil || never.String() != "invalid" {
		t.Error("a rung above the last is accepted")
	}
	if _, err := New(core.Setup{World: 1}, AsPublished); err == nil {
		t.Error("an empty configuration is accepted")
	}
}
