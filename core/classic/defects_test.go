package classic

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nexarsim/core"
)

// The defects of nexar 0.1.2 that the model keeps, one test each; what a rung of the ladder mends is in ladder_test.go.

func expectEnd(t *testing.T, w *world, i core.NodeID, text string) {
	t.Helper()
	if !strings.Contains(w.ends[i], text) || text == "" && w.ends[i] != "" {
		t.Errorf("node %d's orchestrator: %q, want %q", i, w.ends[i], text)
	}
}

func expectMembers(t *testing.T, w *world, i core.NodeID, epoch core.Epoch, want ...core.NodeID) {
	t.Helper()
	if got := w.members(i); !slices.Equal(got, want) || w.nodes[i].comm.epoch != epoch {
		t.Errorf("node %d has rebuilt %d times and holds %v, want %d times and %v", i, w.nodes[i].comm.epoch, got, epoch, want)
	}
}

// afterDeath is a world whose highest node has died and been noticed, with nothing delivered yet.
func afterDeath(t tester, n int, r Repair) *world {
	w := newWorld(t, n, testConfig(), r)
	last := core.NodeID(n - 1)
	w.crash(last)
	w.suspectAll(last)
	return w
}

// "Success = the local send returned without error. Received heartbeats are never looked at."
func TestMonitorJudgesByItsOwnSends(t *testing.T) {
	cfg := testConfig()
	cfg.ExternalDetector, cfg.Policy = false, core.Manual
	silent := newWorld(t, 3, cfg, AsPublished)
	silent.advance(3 * time.Second)
	silent.crash(2)
	silent.advance(20 * time.Second)
	if !silent.nodes[0].monitor.dead.Empty() {
		t.Error("a silent death is noticed while sends succeed")
	}
	silent.closed(0, 2)
	silent.advance(5 * time.Second)
	if !silent.nodes[0].monitor.dead.Empty() {
		t.Error("a death is noticed when elapsed is the timeout: expected strictly more")
	}
	silent.advance(time.Second)
	if got := silent.nodes[0].monitor.dead; got != core.NodeSetOf(2) {
		t.Errorf("6 s after the close node 0 believes %v dead, want {2}", got)
	}

	heard := newWorld(t, 3, cfg, AsPublished)
	heard.fails[[2]core.NodeID{0, 1}] = true
	heard.advance(6 * time.Second)
	if got := heard.nodes[0].monitor.dead; got != core.NodeSetOf(1) {
		t.Errorf("node 0 believes %v dead, want {1}: it hears node 1, but cannot send to it", got)
	}
	if got := heard.nodes[1].monitor.dead; !got.Empty() {
		t.Errorf("node 1 believes %v dead", got)
	}
}

// "The dead list stays in the numbering of the ROOT communicator for the life of the process", sorted, published once per
// newly dead peer.
func TestListKeepsTheRootsNumbering(t *testing.T) {
	w := newWorld(t, 5, testConfig(), Replay)
	w.crash(0)
	w.suspectAll(0)
	w.stabilize()
	w.suspect(4, 3)
	w.suspect(4, 3)
	w.suspect(4, 2)
	if got, n := w.nodes[4].watch.list, w.nodes[4].watch.version; got != core.NodeSetOf(0, 2, 3) || n != 3 {
		t.Errorf("%v is published in version %d, want {0 2 3} in version 3", got, n)
	}
}

// "A new reader is a copy of one that was never advanced: it fires at once if anything was ever published."
func TestWatchFiresAgainForANewReader(t *testing.T) {
	w := afterDeath(t, 3, AsPublished)
	w.byHand[0] = true
	w.deliver(1, 0, core.Vote)
	for len(w.installs[0]) == 0 && w.next(0, "") {
	}
	if o := &w.nodes[0].orch; o.stage != stageIdle || o.seen != 0 || len(w.queued[0]) != 1 || w.queued[0][0].name != "watch" {
		t.Errorf("after the recovery: stage %d, version %d seen, %v to come", o.stage, o.seen, w.queued[0])
	}
}

// After the first recovery, as soon as it is over, a round about what was handled already; the child cannot run one.
func TestPhantomRoundAfterTheFirstRecovery(t *testing.T) {
	w := afterDeath(t, 3, AsPublished)
	w.deliver(1, 0, core.Vote)
	expectMembers(t, w, 0, 1, 0, 1)
	expectEnd(t, w, 0, "error recovery failed: unknown peer: rank 1")
	w.deliver(0, 1, core.Agreement)
	expectMembers(t, w, 1, 1, 0, 1)
	if k := len(w.flight); k != 1 || w.flight[0].msg.Kind != core.Vote || w.flight[0].msg.Set != core.NodeSetOf(2) {
		t.Errorf("under way: %+v, want node 1's vote for a death that is over", w.flight)
	}
	expectEnd(t, w, 1, "error recovery failed: unknown peer: rank 0")
}

// "Mark the failure slot as seen WITHOUT merging it."
func TestListIsMarkedSeenWithoutMerging(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := newWorld(t, 4, testConfig(), AsPublished)
		w.crash(2, 3)
		w.call(0, core.CallHold, 0)
		w.suspect(0, 3) // run reads {3}; the recovery waits for the lock
		if !late {
			w.suspect(0, 2)
		}
		w.call(0, core.CallRelease, 0)
		if late {
			w.suspect(0, 2) // in the race: drops the round and is merged
		}
		w.suspect(1, 3)
		w.suspect(1, 2)
		w.stabilize()
		if late {
			expectMembers(t, w, 0, 1, 0, 1)
			continue
		}
		expectMembers(t, w, 0, 0, 0, 1, 2, 3)
		w.fire(0, timerRound)
		expectEnd(t, w, 0, "timeout waiting for recovery vote from rank 2, dead ranks {3}")
	}
}

// Root numbers taken for ranks of a smaller communicator name somebody who lives.
func TestMisnumberedListExcludesALiveNode(t *testing.T) {
	w := newWorld(t, 3, testConfig(), AsPublished)
	w.crash(0)
	w.suspectAll(0)
	w.stabilize()
	expectMembers(t, w, 1, 1, 1, 2)
	last := w.installs[2][len(w.installs[2])-1]
	if got := w.installs[2][1]; got.Dead != core.NodeSetOf(1) || !slices.Equal(got.View.Members(), []core.NodeID{2}) || last.View.Epoch < 2 {
		t.Errorf("node 2 installs %v without %v, want itself alone without node 1, which lives", got.View.Members(), got.Dead)
	}
}

// "Being in the dead list oneself is a panic in debug builds."
func TestPanicWhenOneselfIsInTheList(t *testing.T) {
	for _, accused := range []bool{false, true} {
		w := newWorld(t, 4, testConfig(), AsPublished)
		w.crash(3)
		if accused {
			w.suspect(2, 1)
		}
		w.suspectAll(3)
		w.stabilize()
		if (w.panics[1] != "") != accused || accused && !strings.Contains(w.panics[1], "rank {1} of dead ranks {1 3}") {
			t.Errorf("accused %v: node 1 panics: %q", accused, w.panics[1])
		}
		if accused {
			expectMembers(t, w, 0, 1, 0, 2)
			w.call(1, core.CallBarrier, 0)
			if len(w.dones[1]) != 0 {
				t.Error("something moves after the panic")
			}
		}
	}
}

// "The child has no receive routers of its own: a second recovery, a barrier or a receive on it ends in unknown peer."
func TestUnknownPeerOnARebuiltCommunicator(t *testing.T) {
	w := afterDeath(t, 4, Replay) // as published, the phantom round would end everything before
	w.stabilize()
	w.callAll(core.CallBarrier)
	w.stabilize()
	for i, want := range []string{"unknown peer: rank 1", "unknown peer: rank 0", "unknown peer: rank 0"} {
		if d := w.dones[i]; len(d) != 1 || !strings.Contains(d[0].Err, want) {
			t.Errorf("node %d ends its barrier: %+v, want %q", i, d, want)
		}
		expectEnd(t, w, core.NodeID(i), "")
	}
	w.crash(2)
	w.suspectAll(2)
	w.stabilize()
	expectEnd(t, w, 0, "error recovery failed: unknown peer: rank 1")
	expectEnd(t, w, 1, "error recovery failed: unknown peer: rank 0")
}

// "The first failed send is an error. No acknowledgement."
func TestFailedSendEndsTheLeader(t *testing.T) {
	w := newWorld(t, 4, testConfig(), AsPublished)
	w.crash(3)
	w.fails[[2]core.NodeID{0, 1}] = true
	w.suspectAll(3)
	w.stabilize()
	expectEnd(t, w, 0, "error recovery failed: send agreement to rank 1: connection closed")
	expectMembers(t, w, 2, 0, 0, 1, 2, 3) // it never hears of the agreement
	w.fire(2, timerRound)
	expectEnd(t, w, 2, "timeout waiting for recovery agreement from leader 0")
}

// midBroadcast: the highest node has died, and the leader dies after the given number of agreements.
func midBroadcast(t tester, n, told int, r Repair) *world {
	w := afterDeath(t, n, r)
	w.byHand[0] = true
	for i := 1; i < n-1; i++ {
		w.deliver(core.NodeID(i), 0, core.Vote)
	}
	for range told - 1 {
		w.next(0, "sent")
	}
	w.crash(0)
	return w
}

// Those who were told before the leader died have another communicator than those who were not.
func TestLeaderDiesMidBroadcast(t *testing.T) {
	w := midBroadcast(t, 4, 1, AsPublished)
	w.deliver(0, 1, core.Agreement)
	expectMembers(t, w, 1, 1, 0, 1, 2)
	w.closed(2, 0)
	w.stabilize()
	expectMembers(t, w, 2, 0, 0, 1, 2, 3)
	w.fire(2, timerRound)
	expectEnd(t, w, 2, "timeout waiting for recovery agreement from leader 1, dead ranks {0 3}")

	// Where the child can receive, the one who was not told gets another first communicator than the others.
	w = midBroadcast(t, 5, 2, Routers)
	w.deliver(0, 1, core.Agreement)
	w.deliver(0, 2, core.Agreement)
	w.suspectAll(0)
	w.stabilize()
	expectMembers(t, w, 3, 1, 1, 2, 3)
	if got := w.installs[1][0].View.Members(); !slices.Equal(got, []core.NodeID{0, 1, 2, 3}) {
		t.Errorf("node 1's first communicator has %v", got)
	}
}

// Follower: "wait one recovery_timeout". Leader: "each with a full recovery_timeout".
func TestFollowerWaitsOneTimeoutAndEnds(t *testing.T) {
	w := newWorld(t, 4, testConfig(), AsPublished)
	w.crash(3)
	w.suspect(1, 3)
	w.suspect(2, 3)
	w.suspect(0, 3)
	w.now += core.Instant(29 * time.Second)
	w.deliver(1, 0, core.Vote)
	if got, want := w.due[0][timerRound], w.now+core.Instant(30*time.Second); got != want {
		t.Errorf("the leader waits for its second vote until %d, want %d", got, want)
	}
	w.now += core.Instant(time.Second)
	if got := w.due[1][timerRound]; got != w.now {
		t.Errorf("node 1 waits until %d, want %d", got, w.now)
	}
	w.fire(1, timerRound)
	expectEnd(t, w, 1, "error recovery failed: timeout waiting for recovery agreement from leader 0, dead ranks {3}")
	w.deliver(2, 0, core.Vote)
	w.deliver(0, 1, core.Agreement) // comes too late
	expectMembers(t, w, 1, 0, 0, 1, 2, 3)
}

// "Drop the round where it stands: sent votes stay sent, taken votes are gone."
func TestVoteOfADroppedRoundIsUsedByALaterOne(t *testing.T) {
	w := newWorld(t, 4, testConfig(), AsPublished)
	w.crash(3)
	w.suspect(1, 3)
	w.suspect(1, 2) // falsely; its round is dropped, and a second vote sent
	w.deliver(1, 0, core.Vote)
	w.deliver(1, 0, core.Vote)
	w.suspect(2, 3)
	w.suspect(0, 3)
	w.deliver(2, 0, core.Vote)
	if got := w.nodes[0].installsOf(w); !slices.Equal(got, []core.NodeID{0, 1, 2}) {
		t.Errorf("the leader holds %v, want 0 1 2: the first vote counts, of a round that is over", got)
	}
	if got := w.nodes[0].control[1].items; len(got) != 1 || got[0].msg.Set != core.NodeSetOf(2, 3) {
		t.Errorf("node 1's lane holds %+v, want its second vote", got)
	}

	// Taken votes are gone: a leader that starts anew waits for somebody who has voted already.
	w = newWorld(t, 4, testConfig(), AsPublished)
	w.crash(3)
	w.suspect(1, 3)
	w.suspect(0, 3)
	w.deliver(1, 0, core.Vote)
	w.suspect(0, 2)
	if o := w.nodes[0].orch; o.stage != stageVotes || o.voters[o.place] != 1 {
		t.Errorf("the leader is at stage %d and waits for voter %d, want another vote of rank 1", o.stage, o.place)
	}
}

// installsOf is the members of the node's first new communicator.
func (n *Node) installsOf(w *world) []core.NodeID {
	if len(w.installs[n.self]) == 0 {
		return nil
	}
	return w.installs[n.self][0].View.Members()
}

// "Two messages of one sender can be read in either order."
func TestMessagesAreReadInEitherOrder(t *testing.T) {
	for _, swapped := range []bool{false, true} {
		w := newWorld(t, 4, testConfig(), AsPublished)
		w.crash(3)
		w.suspect(1, 3)
		w.suspect(1, 2)
		if swapped {
			w.flight[0], w.flight[1] = w.flight[1], w.flight[0]
		}
		w.deliver(1, 0, core.Vote)
		w.deliver(1, 0, core.Vote)
		w.suspect(2, 3)
		w.suspect(0, 3)
		w.deliver(2, 0, core.Vote)
		want := []core.NodeID{0, 1, 2}
		if swapped {
			want = []core.NodeID{0, 1}
		}
		if got := w.nodes[0].installsOf(w); !slices.Equal(got, want) {
			t.Errorf("swapped %v: the leader's communicator has %v, want %v", swapped, got, want)
		}
	}
}

// interruptedSplit: node 0 misses the last chunk of its all-gather, which node 3 had sent before it died.
func interruptedSplit(t tester, r Repair) *world {
	w := newWorld(t, 4, testConfig(), r)
	w.callAll(core.CallSplit)
	for range 50 {
		for i := range core.NodeID(4) {
			if i != 3 || w.nodes[0].data[3].next < 2 {
				w.deliver(i, (i+1)%4, Data)
			}
		}
	}
	w.crash(3)
	w.flight = nil
	w.closed(0, 3)
	return w
}

// "A LOCAL generation counter": "up when its own all-gather has finished, not otherwise".
func TestGenerationDriftsAfterAnInterruptedSplit(t *testing.T) {
	w := interruptedSplit(t, AsPublished)
	for i, want := range []uint64{0, 1, 1} {
		if got := w.nodes[i].comm.generation; got != want || len(w.dones[i]) != 1 || (w.dones[i][0].Err == "") != (want == 1) {
			t.Errorf("node %d has generation %d after %+v, want %d", i, got, w.dones[i], want)
		}
	}
	w.suspectAll(3)
	w.stabilize()
	ids := []uint64{w.nodes[0].comm.id, w.nodes[1].comm.id, w.nodes[2].comm.id}
	if ids[0] == ids[1] || ids[1] != ids[2] {
		t.Errorf("the same members have ids %x, want node 0's to differ", ids)
	}
}

// The first control message that a barrier finds has to be a barrier's.
func TestHeartbeatInTheLaneFailsABarrier(t *testing.T) {
	for _, beats := range []bool{false, true} {
		cfg := testConfig()
		cfg.ExternalDetector = !beats
		w := newWorld(t, 2, cfg, AsPublished)
		w.advance(time.Second)
		w.callAll(core.CallBarrier)
		w.stabilize()
		for i := range w.nodes {
			if d := w.dones[i]; len(d) != 1 || strings.Contains(d[0].Err, "got heartbeat") != beats || (d[0].Err != "") != beats {
				t.Errorf("heartbeats %v: node %d ends its barrier: %+v", beats, i, d)
			}
		}
	}
}

// abortedGather: node 0 alone has begun a split when node 3 dies; its chunk waits at node 1, who never asks for it.
func abortedGather(t tester, r Repair) *world {
	w := newWorld(t, 4, testConfig(), r)
	w.call(0, core.CallSplit, 0)
	w.stabilize()
	w.crash(3)
	w.closed(0, 3)
	w.suspectAll(3)
	w.stabilize()
	w.callAll(core.CallAllReduce)
	w.stabilize()
	return w
}

// "The child's collective tags restart at 1 and carry no comm_id."
func TestChunkOfAnAbortedGatherReachesTheChildsSum(t *testing.T) {
	w := abortedGather(t, AsPublished)
	if d := w.dones[0]; len(d) != 2 || !strings.Contains(d[0].Err, "split failed: peer disconnected: rank 3") {
		t.Errorf("node 0's calls: %+v", d)
	}
	for i := range w.alive() {
		d := w.dones[i][len(w.dones[i])-1]
		if d.Err != "" || d.Result == "111" {
			t.Errorf("node %d's sum is %q (error %q), want a wrong one", i, d.Result, d.Err)
		}
	}
}

// "The communicator is locked for the whole round; the application shares that lock."
func TestLockOfTheApplicationDelaysARound(t *testing.T) {
	w := newWorld(t, 3, testConfig(), AsPublished)
	w.crash(2)
	w.call(1, core.CallHold, 0)
	w.suspectAll(2)
	if len(w.flight) != 0 {
		t.Errorf("node 1 votes while its application holds the lock: %+v", w.flight)
	}
	w.call(0, core.CallBarrier, 0) // and the other way round: the application waits for the round
	if len(w.flight) != 0 || w.nodes[0].lock.holder != theRecovery {
		t.Errorf("node 0's barrier begins while a round has the lock")
	}
	w.call(1, core.CallRelease, 0)
	w.stabilize()
	expectMembers(t, w, 0, 1, 0, 1)
	expectMembers(t, w, 1, 1, 0, 1)
}

// The lock is given back between agreement, rebuild and the new communicator's place in the slot: a waiting application
// gets in between, on the old communicator.
func TestWaitingCallRunsOnTheOldCommunicator(t *testing.T) {
	w := afterDeath(t, 3, AsPublished)
	w.call(0, core.CallSplit, 0)
	w.deliver(1, 0, core.Vote)
	w.stabilize()
	if n := w.nodes[0]; n.comm.epoch != 0 || n.orch.stage != stageRebuild || n.lock.holder != firstCall {
		t.Fatalf("node 0 has rebuilt %d times, stage %d, lock of %d", n.comm.epoch, n.orch.stage, n.lock.holder)
	}
	w.fire(0, timerCall)
	expectMembers(t, w, 0, 1, 0, 1)
}

// "Shutdown is looked at only between recoveries."
func TestShutdownOnlyBetweenRecoveries(t *testing.T) {
	for _, first := range []string{"shutdown", "watch"} {
		w := afterDeath(t, 3, AsPublished)
		w.byHand[0] = true
		w.give(0, core.Input{Kind: core.InShutdown})
		expectEnd(t, w, 0, "")
		w.deliver(1, 0, core.Vote)
		for len(w.installs[0]) == 0 && w.next(0, "") {
		}
		expectEnd(t, w, 0, "") // "When two branches of a select are ready, either may be taken."
		w.next(0, first)
		expectEnd(t, w, 0, map[string]string{"shutdown": "shutdown", "watch": "unknown peer"}[first])
	}
}

// One survivor needs nobody's vote: each new reader fires, and each time it rebuilds.
func TestLoneSurvivorRebuildsForEver(t *testing.T) {
	w := newWorld(t, 2, testConfig(), AsPublished)
	w.crash(1)
	w.suspect(0, 1)
	if k := len(w.installs[0]); k < w.quota/2 {
		t.Errorf("%d rebuilds in %d steps", k, w.quota)
	}
	for k, in := range w.installs[0] {
		if in.View.Epoch != core.Epoch(k+1) || !slices.Equal(in.View.Members(), []core.NodeID{0}) {
			t.Fatalf("rebuild %d: %+v", k, in)
		}
	}
}

// "Nobody alive: error."
func TestNobodyAliveIsAnError(t *testing.T) {
	w := newWorld(t, 2, testConfig(), AsPublished)
	w.crash(0)
	w.suspect(1, 0)
	expectMembers(t, w, 1, 1, 1)
	expectEnd(t, w, 1, "error recovery failed: no survivors remaining, dead ranks {0}")
	if w.nodes[1].lock.holder != nobody {
		t.Error("the lock is not given back")
	}
}
