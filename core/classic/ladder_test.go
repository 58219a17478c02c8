package classic

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nexarsim/core"
)

// never is the rung that mends what no rung mends.
const never = Generation + 1

// holds tells whether a node's communicator has the given members.
func (w *world) holds(i core.NodeID, want ...core.NodeID) bool {
	return slices.Equal(w.members(i), want)
}

// twoDeaths: one node dies, then another, both noticed everywhere; and what those who are left come to.
func twoDeaths(t tester, n int, first, second core.NodeID, r Repair) *world {
	w := newWorld(t, n, testConfig(), r)
	w.crash(first)
	w.suspectAll(first)
	w.stabilize()
	w.crash(second)
	w.suspectAll(second)
	w.stabilize()
	return w
}

// staleVote: nodes 0 and 4 die, and a vote of node 2 stays in the lane of node 1, who leads. Then node 3 dies.
func staleVote(t tester, r Repair) *world {
	w := newWorld(t, 5, testConfig(), r)
	w.crash(0, 4)
	w.suspect(2, 0)
	w.suspect(2, 4)
	w.suspect(3, 0)
	w.suspect(3, 4)
	w.stabilize() // votes {0} and {0 4} of each arrive
	w.byHand[1] = true
	w.suspect(1, 0)
	w.byHand[1] = false
	w.suspect(1, 4) // node 1 reads both at once: the first votes suffice
	w.stabilize()
	w.crash(3)
	w.suspectAll(3)
	w.stabilize()
	return w
}

// ladder is every defect with the rung that mends it.
var ladder = []struct {
	name  string
	mends Repair
	shows func(t *testing.T, r Repair) bool
}{
	{"a phantom round follows a recovery", Replay, func(t *testing.T, r Repair) bool {
		w := afterDeath(t, 3, r)
		w.stabilize()
		return w.ends[0] != ""
	}},
	{"a lone survivor rebuilds for ever", Replay, func(t *testing.T, r Repair) bool {
		w := newWorld(t, 2, testConfig(), r)
		w.crash(1)
		w.suspect(0, 1)
		return len(w.installs[0]) != 1
	}},
	{"the old list leaves nobody alive", Replay, func(t *testing.T, r Repair) bool {
		w := newWorld(t, 2, testConfig(), r)
		w.crash(0)
		w.suspect(1, 0)
		return w.ends[1] != ""
	}},
	{"the old list excludes a live node", Replay, func(t *testing.T, r Repair) bool {
		w := newWorld(t, 3, testConfig(), r)
		w.crash(0)
		w.suspectAll(0)
		w.stabilize()
		return !w.holds(2, 1, 2)
	}},
	{"no second recovery", Routers, func(t *testing.T, r Repair) bool {
		w := twoDeaths(t, 4, 3, 2, r)
		return !w.holds(0, 0, 1) || !w.holds(1, 0, 1)
	}},
	{"no barrier on a child", Routers, func(t *testing.T, r Repair) bool {
		w := afterDeath(t, 4, r)
		w.stabilize()
		w.callAll(core.CallBarrier)
		w.stabilize()
		return w.dones[0][0].Err != "" || w.dones[2][0].Err != ""
	}},
	{"the list's numbers are the root's", Numbering, func(t *testing.T, r Repair) bool {
		w := twoDeaths(t, 4, 0, 1, r)
		return !w.holds(2, 2, 3) || !w.holds(3, 2, 3)
	}},
	{"a vote of an older generation counts", Generation, func(t *testing.T, r Repair) bool {
		w := staleVote(t, r)
		return w.panics[1] != "" || !w.holds(1, 1, 2) || !w.holds(2, 1, 2)
	}},
	{"a chunk of an older generation counts", Generation, func(t *testing.T, r Repair) bool {
		d := abortedGather(t, r).dones[1]
		return d[len(d)-1].Result != "111"
	}},
	{"the monitor judges by its own sends", never, func(t *testing.T, r Repair) bool {
		cfg := testConfig()
		cfg.ExternalDetector, cfg.Policy = false, core.Manual
		w := newWorld(t, 2, cfg, r)
		w.crash(1)
		w.advance(20 * time.Second)
		return w.nodes[0].monitor.dead.Empty()
	}},
	{"a list is marked seen without merging", never, func(t *testing.T, r Repair) bool {
		w := newWorld(t, 4, testConfig(), r)
		w.crash(2, 3)
		w.call(0, core.CallHold, 0)
		w.suspect(0, 3)
		w.suspect(0, 2)
		w.call(0, core.CallRelease, 0)
		o := &w.nodes[0].orch
		return o.stage == stageVotes && o.dead == core.NodeSetOf(3) && o.raceSeen == 2
	}},
	{"a panic when oneself is in the list", never, func(t *testing.T, r Repair) bool {
		w := newWorld(t, 4, testConfig(), r)
		w.crash(3)
		w.suspect(2, 1)
		w.suspectAll(3)
		w.stabilize()
		return w.panics[1] != ""
	}},
	{"a failed send ends the leader", never, func(t *testing.T, r Repair) bool {
		w := newWorld(t, 4, testConfig(), r)
		w.crash(3)
		w.fails[[2]core.NodeID{0, 1}] = true
		w.suspectAll(3)
		w.stabilize()
		return strings.Contains(w.ends[0], "send agreement to rank 1") && w.holds(2, 0, 1, 2, 3)
	}},
	{"a leader dies mid-broadcast", never, func(t *testing.T, r Repair) bool {
		w := midBroadcast(t, 4, 1, r)
		w.deliver(0, 1, core.Agreement)
		w.closed(2, 0)
		w.stabilize()
		return w.holds(1, 0, 1, 2) && w.holds(2, 0, 1, 2, 3)
	}},
	{"a follower waits one timeout and ends", never, func(t *testing.T, r Repair) bool {
		w := newWorld(t, 3, testConfig(), r)
		w.crash(2)
		w.suspect(1, 2)
		w.fire(1, timerRound)
		return strings.HasPrefix(w.ends[1], "error")
	}},
	{"a vote of a dropped round counts", never, func(t *testing.T, r Repair) bool {
		w := newWorld(t, 4, testConfig(), r)
		w.crash(3)
		w.suspect(1, 3)
		w.suspect(1, 2)
		w.suspect(2, 3)
		w.suspect(0, 3)
		w.stabilize()
		return w.holds(0, 0, 1, 2)
	}},
	{"generations drift after an interrupted split", never, func(t *testing.T, r Repair) bool {
		w := interruptedSplit(t, r)
		w.suspectAll(3)
		w.stabilize()
		return w.nodes[0].comm.id != w.nodes[1].comm.id && w.nodes[1].comm.id == w.nodes[2].comm.id
	}},
	{"a heartbeat fails a barrier", never, func(t *testing.T, r Repair) bool {
		cfg := testConfig()
		cfg.ExternalDetector = false
		w := newWorld(t, 2, cfg, r)
		w.advance(time.Second)
		w.callAll(core.CallBarrier)
		return strings.Contains(w.dones[0][0].Err, "got heartbeat")
	}},
	{"the application's lock delays a round", never, func(t *testing.T, r Repair) bool {
		w := newWorld(t, 3, testConfig(), r)
		w.call(1, core.CallHold, 0)
		w.suspect(1, 2)
		return len(w.flight) == 0 && w.nodes[1].orch.stage == stageSurvey
	}},
	{"shutdown waits for the recovery's end", never, func(t *testing.T, r Repair) bool {
		w := newWorld(t, 3, testConfig(), r)
		w.suspect(1, 2)
		w.give(1, core.Input{Kind: core.InShutdown})
		return w.ends[1] == ""
	}},
}

// TestLadder: each rung mends its own defects and keeps all others.
func TestLadder(t *testing.T) {
	for _, d := range ladder {
		for _, r := range Repairs() {
			if got, want := d.shows(t, r), r < d.mends; got != want {
				t.Errorf("%s: %q shows: %v, want %v", r, d.name, got, want)
			}
		}
	}
}

// A reader that is handed over under the first repair still fires for what nobody has handled.
func TestReplayKeepsWhatWasNotHandled(t *testing.T) {
	w := afterDeath(t, 4, Replay)
	w.call(0, core.CallHold, 0) // waits for the round; then the reader waits for it
	for _, i := range []core.NodeID{1, 2} {
		w.deliver(i, 0, core.Vote)
	}
	w.suspect(0, 2)
	w.call(0, core.CallRelease, 0)
	if o := &w.nodes[0].orch; w.nodes[0].comm.epoch != 1 || !strings.Contains(w.ends[0], "unknown peer") {
		t.Errorf("node 0: rebuilt %d times, stage %d, ended %q: want a second recovery that fails for want of routers", w.nodes[0].comm.epoch, o.stage, w.ends[0])
	}
}
