package sim_test

import (
	"slices"
	"strings"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// ladder is nexar 0.1.2 and the rungs of its repairs, each with those before it.
var ladder = []string{"classic", "classic+replay", "classic+routers", "classic+numbering", "classic+epoch"}

// defects are what sweeps are known to find in nexar 0.1.2: in which scenario, as which property, in what words, and on
// which rungs. On every other rung of the ladder no seed may show it.
var defects = []struct {
	name, scenario, property, words string
	rungs                           []string
}{
	{"a view change without a new failure", "pair-rebuilds-after-a-death", checker.Validity, "a phantom", ladder[:1]},
	{"endless rebuilding", "pair-rebuilds-after-a-death", checker.Livelock, "views since the last fault", ladder[:1]},
	{"a replayed list names a live node", "middle-of-three-dies", checker.Validity, "which no other node had suspected", ladder[:1]},
	{"old numbers name a live node", "second-death-in-new-ranks", checker.Validity, "which no other node had suspected", ladder[1:3]},
	{"all orchestrators end after one crash", "one-of-two-to-six-dies", checker.Recovery, "orchestrator ended", ladder[:1]},
	{"a second recovery that never happens", "second-death-after-recovery", checker.Recovery, "orchestrator ended", ladder[:2]},
	{"members that never install a view", "leader-dies-between-two-agreements", checker.Recovery, "", ladder},
	{"members that never install a view, and wait", "leader-dies-after-two-proposals", checker.Recovery, "never installed epoch", ladder[2:4]},
	{"two views of one epoch, alive", "leader-dies-between-two-agreements", checker.Agreement, "installed different members", ladder[2:4]},
	{"two views of one epoch, one of them dead", "leader-installs-and-dies", checker.Agreement, "installed different members", ladder},
	{"split brain", "halves-that-both-go-on", checker.Agreement, "installed different members", ladder},
	{"an excluded live node panics", "suspicion-carried-by-a-vote", checker.Eviction, "panicked", ladder},
	{"comm_id drift", "split-interrupted-by-a-death", checker.CommID, "went through the same views", ladder},
	{"an old vote counts", "third-death-meets-an-old-vote", checker.Isolation, "used a vote", ladder[2:4]},
	{"an old chunk counts", "sum-after-an-aborted-gather", checker.Isolation, "used a data", ladder[:4]},
	{"an old chunk is added", "sum-after-an-aborted-gather", checker.Collective, "the sum of the members' contributions", ladder[:4]},
	{"a heartbeat fails a barrier", "barrier-under-heartbeats", checker.Collective, "got heartbeat", ladder},
	{"taken votes are gone", "two-die-within-a-detection", checker.Recovery, "orchestrator ended", ladder},
	{"a failed send ends the leader", "voter-dies-after-its-vote", checker.Recovery, "orchestrator ended", ladder},
	{"the application's lock outlasts the round", "lock-held-beyond-the-timeout", checker.Recovery, "orchestrator ended", ladder},
	{"old numbers again, and who is found disconnected is no such node", "coordinator-dies-on-last-vote", checker.Validity, "which no other node had suspected", ladder[2:3]},
}

// TestLadder holds each defect to the rungs that leave it, and the hardened protocol to having none of them.
func TestLadder(t *testing.T) {
	const seeds = 60
	s := sim.New()
	for _, d := range defects {
		sc, ok := scenarios.Builtin(d.scenario)
		if !ok {
			t.Fatalf("no built-in scenario %s", d.scenario)
		}
		for _, protocol := range append([]string{"quorum"}, ladder...) {
			shows := uint64(0)
			for seed := uint64(1); seed <= seeds && shows == 0; seed++ {
				res, err := s.Run(sim.Spec{Scenario: sc, Protocol: protocol, Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				if broke(res.Verdict, d.property, d.words) {
					shows = seed
				}
			}
			switch want := slices.Contains(d.rungs, protocol); {
			case shows != 0 && !want:
				t.Errorf("%s: %s shows it: nexarsim run %s --seed %d --protocol %s", d.name, protocol, d.scenario, shows, protocol)
			case shows == 0 && want:
				t.Errorf("%s: %s does not show it in %d seeds of %s", d.name, protocol, seeds, d.scenario)
			}
		}
	}
}

// broke tells whether a verdict blames a property in certain words.
func broke(v checker.Verdict, property, words string) bool {
	return slices.ContainsFunc(v.Violations, func(f trace.Violation) bool {
		return f.Property == property && strings.Contains(f.Why, words)
	})
}

// TestOneDeathIsSurvived: with one crash that closes its connections and nothing else, every rung from classic+replay on
// is clean in any world and whoever dies. A harness that blames them is wrong.
func TestOneDeathIsSurvived(t *testing.T) {
	s := sim.New()
	for _, name := range []string{"one-of-two-to-six-dies", "leader-of-two-to-six-dies", "middle-of-three-dies", "highest-rank-dies", "follower-dies"} {
		sc, _ := scenarios.Builtin(name)
		for _, protocol := range ladder[1:] {
			for seed := uint64(1); seed <= 40; seed++ {
				res, err := s.Run(sim.Spec{Scenario: sc, Protocol: protocol, Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				if len(res.Verdict.Violations) > 0 || res.Installs == 0 {
					t.Errorf("%s %s seed %d: %d installs, %v", name, protocol, seed, res.Installs, res.Verdict.Violations)
				}
			}
		}
	}
}
