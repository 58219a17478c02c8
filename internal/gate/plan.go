package gate

import (
	"fmt"
	"slices"
	"time"

	"nexarsim/internal/corpus"
	"nexarsim/scenarios"
	"nexarsim/sim/explore"
)

// Options is what parts need to know of the program that they are in.
type Options struct {
	Version string // as capsules name it
	Member  Member
}

// QuickLimit is what the quick gate may take: it owes an answer within three minutes of wall time, whatever else the
// machine does.
const QuickLimit = 170 * time.Second

// Names are the words by which parts are asked for, in their order.
func Names() []string { return []string{"sweep", "expectations", "capsules", "explore", "cluster"} }

// Quick is the gate for each change: some 30 seconds of a processor's time, and 25 in which it waits for real processes.
func Quick(o Options) []Part {
	return slices.Concat(sweeps(o, "1..50", "1..20", "1..5", "6..20"), explorations(o, true), clusters(o, quickRuns, 1))
}

// Full is the gate before a deployment.
func Full(o Options) []Part {
	return slices.Concat(sweeps(o, "1..1000", "1..100", "", ""), explorations(o, false), clusters(o, quickRuns, 1), clusters(o, fullRuns, 1), clusters(o, randomRuns, randomSeeds))
}

// Only leaves of some parts those that are asked for by their words; all of them if none is.
func Only(parts []Part, names []string) []Part {
	if len(names) == 0 {
		return parts
	}
	return slices.DeleteFunc(slices.Clone(parts), func(p Part) bool { return !slices.Contains(names, p.Name()) })
}

// sweeps are the parts that take neither states nor processes. With first and more the seeds of classic and its rungs come in
// two goes: what a scenario expects of them mostly shows itself soon.
func sweeps(o Options, hardened, classic, first, more string) []Part {
	var all []*scenarios.Scenario
	for _, name := range scenarios.Names() {
		if sc, ok := scenarios.Builtin(name); ok {
			all = append(all, sc)
		}
	}
	own := []string{"quorum", "fail-stop"}
	others := slices.DeleteFunc(scenarios.Protocols(), func(p string) bool { return slices.Contains(own, p) })
	return []Part{
		&sweepPart{name: "sweep", about: "quorum and fail-stop, seeds " + hardened, scenarios: all, protocols: own, seeds: hardened, reach: true, version: o.Version},
		&sweepPart{name: "expectations", about: "classic and its rungs, seeds " + classic, scenarios: all, protocols: others, seeds: classic, first: first, more: more, version: o.Version},
		&capsulesPart{load: corpus.Embedded},
	}
}

// statesMax bounds a search of the gate: the largest of them has 3.7 million states.
const statesMax = 6_000_000

// smallWorlds are those that are known to be complete and clean (docs/explore.md), and whether the quick gate has time for
// them.
var smallWorlds = []struct {
	protocol string
	world    int
	budget   explore.Budget
	quick    bool
}{
	{"quorum", 2, explore.Budget{Crashes: 1, FalseSuspicions: 1, Partitions: 1}, true},
	{"quorum", 3, explore.Budget{FalseSuspicions: 2}, true},
	{"quorum", 3, explore.Budget{Crashes: 2, FalseSuspicions: 1, Losses: 1}, true},
	{"quorum", 3, explore.Budget{Crashes: 2, FalseSuspicions: 1, Duplicates: 1}, true},
	{"quorum", 3, explore.Budget{Crashes: 2, FalseSuspicions: 1, EarlyTimeouts: 1}, true},
	{"quorum", 3, explore.Budget{Crashes: 2, Partitions: 1}, true},
	{"quorum", 3, explore.Budget{Crashes: 2, FalseSuspicions: 1, Partitions: 1}, false},
	{"quorum", 4, explore.Budget{Crashes: 1, FalseSuspicions: 1}, true},
	{"quorum", 4, explore.Budget{Crashes: 1, FalseSuspicions: 1, Losses: 1}, false},
	{"quorum", 4, explore.Budget{Crashes: 1, FalseSuspicions: 1, Duplicates: 1}, false},
	{"quorum", 4, explore.Budget{Crashes: 3, FalseSuspicions: 1}, false},
	{"quorum", 4, explore.Budget{Crashes: 1, FalseSuspicions: 1, EarlyTimeouts: 1}, false},
	{"fail-stop", 4, explore.Budget{Crashes: 3, EarlyTimeouts: 1, Losses: 1}, true},
}

func explorations(o Options, quick bool) (all []Part) {
	for _, w := range smallWorlds {
		if w.quick || !quick {
			c := explore.Config{Protocol: w.protocol, World: w.world, Budget: w.budget}
			all = append(all, &explorePart{config: c, maxStates: statesMax, version: o.Version})
		}
	}
	return all
}

// realScenario is one scenario for real processes, with the protocols that have to pass it.
type realScenario struct {
	protocols []string
	text      string
}

// Heartbeats are slow enough for a busy machine: a death is witnessed at once all the same.
const calm = "config: {heartbeat_interval: 500ms, heartbeat_timeout: 10s, recovery_timeout: 2s}\nduration: 1s\nsettle: 3s\n"

var quickRuns = []realScenario{
	{[]string{"quorum", "fail-stop"}, "name: kill-cascade\nworld: 5\n" + calm + `faults:
  - {at: 300ms, crash: [4]}
  - {at: 350ms, crash: [0]}
`},
	{[]string{"fail-stop"}, "name: kills-down-to-one\nworld: 4\n" + calm + `faults:
  - {at: 200ms, crash: [0]}
  - {at: 600ms, crash: [3]}
  - {at: 1s, crash: [2]}
`},
	{[]string{"quorum"}, "name: sums-through-kills\nworld: 5\n" + calm + `workload: {allreduce: {every: 100ms}}
faults:
  - {at: 700ms, crash: [4]}
  - {at: 750ms, crash: [0]}
`},
	{[]string{"quorum", "fail-stop"}, `name: stop-and-wake
world: 4
config: {heartbeat_interval: 200ms, heartbeat_timeout: 2s, recovery_timeout: 3s}
duration: 1s
settle: 4s
faults:
  - {at: 500ms, pause: [3], for: 5s}
`},
	{[]string{"quorum"}, `name: cut-and-heal
world: 5
config: {heartbeat_interval: 200ms, heartbeat_timeout: 2s, recovery_timeout: 4s}
duration: 1s
settle: 5s
faults:
  - {at: 500ms, partition: [[0, 1, 2], [3, 4]], for: 4s}
`},
}

var fullRuns = []realScenario{
	{[]string{"quorum"}, "name: register-through-kills\nworld: 5\n" + calm + `workload: {register: {clients: 2, every: 50ms}}
faults:
  - {at: 700ms, crash: [4]}
  - {at: 1200ms, crash: [0]}
`},
	{[]string{"quorum"}, "name: kills-to-the-quorum-limit\nworld: 7\n" + calm + `faults:
  - {at: 200ms, crash: [0]}
  - {at: 800ms, crash: [6]}
  - {at: 1400ms, crash: [3]}
  - {at: 2s, crash: [1]}
  - {at: 2600ms, crash: [5]}
  - {at: 3200ms, crash: [2]}
`},
	{[]string{"quorum", "fail-stop"}, `name: leader-killed-mid-broadcast
world: 5
config: {heartbeat_interval: 300ms, heartbeat_timeout: 3s, recovery_timeout: 3s}
duration: 1s
settle: 4s
faults:
  - {at: 300ms, crash: [4]}
  - {when: {node: 0, sends: agreement, nth: 1}, crash: [0]}
`},
	{[]string{"quorum"}, `name: one-way-cut
world: 4
config: {heartbeat_interval: 200ms, heartbeat_timeout: 2s, recovery_timeout: 4s}
duration: 1s
settle: 6s
faults:
  - {at: 500ms, cut: [{from: 3, to: 1}], for: 4s}
`},
	{[]string{"quorum"}, `name: half-stopped
world: 4
config: {heartbeat_interval: 200ms, heartbeat_timeout: 2s, recovery_timeout: 4s}
duration: 1s
settle: 6s
faults:
  - {at: 500ms, pause: [0, 1, 2], for: 5s}
`},
	{[]string{"quorum"}, `name: lossy-links
world: 5
config: {heartbeat_interval: 200ms, heartbeat_timeout: 2s, recovery_timeout: 4s}
duration: 1s
settle: 6s
faults:
  - {at: 100ms, duplicate: 0.2, for: 4s}
  - {at: 100ms, slow: {nodes: [1], by: 5ms}, for: 4s}
  - {at: 100ms, loss: 0.2, for: 3s}
  - {at: 1s, crash: [2]}
`},
}

// randomSeeds is how many seeds each random run gets.
const randomSeeds = 6

var randomRuns = []realScenario{
	{[]string{"quorum"}, `name: random-faults
world: 3..8
config: {heartbeat_interval: 200ms, heartbeat_timeout: 2s, recovery_timeout: 4s}
duration: 1s
settle: 6s
faults:
  - {random: {crashes: 0..2, pauses: 0..1, cuts: 0..1, between: 500ms..3s}}
`},
	{[]string{"fail-stop"}, `name: random-deaths
world: 3..8
config: {heartbeat_interval: 300ms, heartbeat_timeout: 3s, recovery_timeout: 4s}
duration: 1s
settle: 6s
faults:
  - {random: {crashes: 1..2, between: 500ms..3s}}
`},
}

func clusters(o Options, runs []realScenario, seeds uint64) (all []Part) {
	for _, r := range runs {
		sc, err := scenarios.Parse("gate", []byte(r.text))
		if err != nil {
			panic(fmt.Sprintf("a scenario of the gate: %v", err)) // written above, and parsed by a test
		}
		for _, protocol := range r.protocols {
			for seed := range seeds {
				all = append(all, &clusterPart{scenario: sc, protocol: protocol, seed: seed + 1, member: o.Member})
			}
		}
	}
	return all
}
