package cluster_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"slices"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
)

// calm beats slowly enough for a busy machine: deaths are witnessed at once all the same.
const calm = "config: {heartbeat_interval: 500ms, heartbeat_timeout: 10s, recovery_timeout: 1s}\nduration: 1s\nsettle: 2s\n"

func TestCascadeOfKills(t *testing.T) {
	t.Parallel()
	r := runScenario(t, "name: cascade\nworld: 5\n"+calm+"faults:\n  - {at: 300ms, crash: [0]}\n  - {at: 310ms, crash: [1]}\n", 0, "quorum", 1)
	r.passes(t)
	for node := 2; node < 5; node++ {
		if v := r.last[node]; v == nil || !slices.Equal(v.Members, []int{2, 3, 4}) {
			t.Errorf("node %d installed %+v last: expected nodes 2, 3 and 4", node, v)
		}
	}
}

// TestDownToTheLimit: one recovery after the other in one run, until the quorum rule allows no more. Whoever was stopped
// meanwhile hears that it is excluded when it wakes.
func TestDownToTheLimit(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		file     string
		left     []int // the last view
		survivor int
		epoch    uint64 // of the last view, at least
		sleeper  int    // -1: nobody was stopped
		lost     bool
	}{
		{"quorum-seven-to-one", []int{0}, 0, 4, 6, false},
		{"quorum-past-the-limit", []int{0, 1}, 1, 1, -1, true},
		{"fail-stop-five-to-one", []int{1}, 1, 4, 4, false},
	} {
		t.Run(s.file, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("testdata/" + s.file + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			r := runScenario(t, string(text), 0, scenario(t, string(text)).Protocol, 1)
			r.passes(t)
			if v := r.last[s.survivor]; v == nil || !slices.Equal(v.Members, s.left) || v.Epoch < s.epoch {
				t.Errorf("node %d installed %+v last: expected %v in epoch %d or later", s.survivor, v, s.left, s.epoch)
			}
			if lost := slices.Contains(r.told[s.survivor], "quorum-lost"); lost != s.lost {
				t.Errorf("node %d was told %v", s.survivor, r.told[s.survivor])
			}
			if s.sleeper >= 0 && (r.ends[s.sleeper] != "evicted" || !slices.Contains(r.told[s.sleeper], "evicted")) {
				t.Errorf("node %d was told %v and ended %q: expected it to be evicted", s.sleeper, r.told[s.sleeper], r.ends[s.sleeper])
			}
		})
	}
}

// TestStoppedMemberLearns: a member that was stopped, and excluded for that, hears of it when it wakes.
func TestStoppedMemberLearns(t *testing.T) {
	t.Parallel()
	r := runScenario(t, `name: sleeper
world: 4
config: {heartbeat_interval: 200ms, heartbeat_timeout: 2s, recovery_timeout: 3s}
duration: 1s
settle: 5s
faults:
  - {at: 500ms, pause: [3], for: 6s}
`, 0, "quorum", 1)
	r.passes(t)
	if r.ends[3] != "evicted" || !slices.Contains(r.told[3], "evicted") {
		t.Errorf("node 3 was told %v and ended %q: expected it to be evicted", r.told[3], r.ends[3])
	}
}

// TestPacketsAreLost: links are closed in both directions and in one, and packets lost, doubled and delayed, for real.
func TestPacketsAreLost(t *testing.T) {
	t.Parallel()
	r := runScenario(t, `name: links
world: 5
config: {heartbeat_interval: 200ms, heartbeat_timeout: 2s, recovery_timeout: 4s}
duration: 1s
settle: 8s
faults:
  - {at: 100ms, duplicate: 0.2, for: 4s}
  - {at: 100ms, slow: {nodes: [1], by: 5ms}, for: 4s}
  - {at: 500ms, partition: [[0, 1, 2], [3, 4]], for: 4s}
  - {at: 5s, loss: 0.2, links: [{from: 0, to: 1}], for: 1s}
`, 0, "quorum", 1)
	r.passes(t)
	for node := range 3 {
		if v := r.last[node]; v == nil || slices.Contains(v.Members, 3) || slices.Contains(v.Members, 4) {
			t.Errorf("node %d installed %+v last: expected a view without the minority", node, v)
		}
	}
	for node := 3; node < 5; node++ {
		if r.ends[node] != "evicted" {
			t.Errorf("node %d ended %q: expected it to be evicted after the heal", node, r.ends[node])
		}
	}
}

func TestRecoverAndShutdownByOrder(t *testing.T) {
	t.Parallel()
	r := runScenario(t, `name: orders
world: 4
config: {policy: manual, heartbeat_interval: 500ms, heartbeat_timeout: 10s, recovery_timeout: 1s}
duration: 1s
settle: 2s
faults:
  - {at: 200ms, app: {shutdown: [3]}}
  - {at: 600ms, app: {recover: [0, 1, 2]}}
`, 0, "quorum", 1)
	r.passes(t)
	if r.ends[3] != "shutdown" {
		t.Errorf("node 3 ended %q: expected a shutdown", r.ends[3])
	}
	for node := range 3 {
		if v := r.last[node]; v == nil || !slices.Equal(v.Members, []int{0, 1, 2}) {
			t.Errorf("node %d installed %+v last: expected nodes 0, 1 and 2", node, v)
		}
	}
}

// TestNobodyOutlivesTheLauncher: it is killed while its members run and one of them is stopped. All of them hold the writing
// end of a pipe, which ends with the last of them.
func TestNobodyOutlivesTheLauncher(t *testing.T) {
	t.Parallel()
	alive, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	cmd := again("launcher")
	cmd.Env = append(cmd.Env, "NEXARSIM_TEST_DIR="+t.TempDir())
	cmd.ExtraFiles = []*os.File{held}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	held.Close()
	if line, _, err := bufio.NewReader(out).ReadLine(); err != nil || string(line) != "formed" {
		t.Errorf("the launcher says %q (%v)", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if rest, err := io.ReadAll(alive); err != nil || len(rest) > 0 {
		t.Errorf("read %q from the pipe that all processes hold: %v", rest, err)
	}
}

// TestMomentsOfTheProtocol: the leader is killed between the first and the second of its proposals, and whoever installs
// the view without it is stopped right then. One moment never comes.
func TestMomentsOfTheProtocol(t *testing.T) {
	t.Parallel()
	r := runScenario(t, `name: moments
world: 5
config: {heartbeat_interval: 300ms, heartbeat_timeout: 3s, recovery_timeout: 2s}
duration: 1s
settle: 4s
faults:
  - {at: 300ms, crash: [4]}
  - {when: {node: 0, sends: agreement, nth: 1}, crash: [0]}
  - {when: {node: 1, suspects: 0}, slow: {nodes: [3], by: 2ms}, for: 1s}
  - {when: {node: 2, installs: 2}, pause: [2], for: 100ms}
  - {when: {node: 3, receives: commit, nth: 1, epoch: 0}, duplicate: 0.5, for: 1s}
  - {when: {node: 1, sends: abort}, crash: [1]}
`, 0, "quorum", 1)
	r.passes(t)
	for node := 1; node < 4; node++ {
		if v := r.last[node]; v == nil || !slices.Equal(v.Members, []int{1, 2, 3}) {
			t.Errorf("node %d installed %+v last: expected nodes 1, 2 and 3", node, v)
		}
	}
	if got := r.res.Unfired; len(got) != 1 || got[0] != "faults[5]: crash" {
		t.Errorf("unfired %q: expected the last fault", got)
	}
	if r.sends[0] == 0 || r.heard[0] > 1 {
		t.Errorf("%d of %d proposals of node 0 arrived: it was killed after the first", r.heard[0], r.sends[0])
	}
}

// TestMachineThatStalls: all members stand still for longer than an install may take, just when one of them dies, and
// nobody has told them to. The trace shows it, and the judge blames no member. Without these lines of the trace it would.
func TestMachineThatStalls(t *testing.T) {
	t.Parallel()
	r := runAs(t, "dozer", `name: stalls
world: 4
config: {heartbeat_interval: 50ms, heartbeat_timeout: 500ms, recovery_timeout: 5s}
duration: 1s
settle: 12s
faults:
  - {at: 4s, crash: [3]}
`, 0, "quorum", 1)
	r.passes(t)
	if r.res.Stalls < 3 || r.res.Longest < dozeFor/2 {
		t.Errorf("%d stalls, the longest %v: expected one of each survivor, of about %v", r.res.Stalls, r.res.Longest, dozeFor)
	}
	d, err := trace.NewReader(bytes.NewReader(r.text), "merged")
	if err != nil {
		t.Fatal(err)
	}
	j, err := checker.New(d.Header())
	if err != nil {
		t.Fatal(err)
	}
	var ev trace.Event
	for err = d.Next(&ev); err == nil; err = d.Next(&ev) {
		if !r.res.Machine(&ev) {
			j.Observe(&ev)
		}
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	if v := j.Finish(checker.Ending{T: r.res.End, Complete: true}); len(v.Violations) == 0 || v.Violations[0].Property != checker.Late {
		t.Errorf("without the stalls: %+v; expected an install that is late", v.Violations)
	}
}

// TestFailStopSplits: outside of its assumption fail-stop disagrees, and the judge of a real run says so.
func TestFailStopSplits(t *testing.T) {
	t.Parallel()
	r := runScenario(t, `name: split
world: 4
config: {heartbeat_interval: 100ms, heartbeat_timeout: 1s, recovery_timeout: 2s}
duration: 1s
settle: 2s
faults:
  - {at: 300ms, partition: [[0, 1], [2, 3]], for: 4s}
`, 0, "fail-stop", 1)
	if !slices.ContainsFunc(r.verdict.Violations, func(v trace.Violation) bool { return v.Property == checker.Agreement }) {
		t.Errorf("violations %+v: expected that two views of one epoch differ", r.verdict.Violations)
	}
}
