package explore

import (
	"fmt"
	"strings"
	"testing"

	"nexarsim/checker"
	"nexarsim/core"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// misfortunes draws a scenario with false suspicions, a split that heals, losses and duplicates. Its machines are told whom
// to suspect, as in model crash-stop; what that model forbids is in it all the same, and after a split each side is told
// of the other.
func misfortunes(d *draws, c *Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: projected\nworld: %d\nnetwork: {transport: datagram, latency: 100us..%dms", c.World, 1+d.below(400))
	if c.Losses > 0 {
		fmt.Fprintf(&b, ", loss: 0.0%d", d.below(6))
	}
	if c.Duplicates > 0 {
		fmt.Fprintf(&b, ", duplicate: 0.0%d", d.below(6))
	}
	b.WriteString("}\nduration: 55s\nsettle: 45s\nfaults:\n")
	if crashes := d.below(uint64(c.Crashes) + 1); crashes > 0 {
		fmt.Fprintf(&b, "  - {random: {crashes: %d, between: 5s..9s}}\n", crashes)
	}
	var s rift
	if c.Partitions > 0 && d.below(2) == 0 {
		s = rift{side: 1 + d.below(1<<c.World-2), at: 4000 + d.below(6000), lasts: 200 + d.below(8000)}
		s.write(&b, d, c.World)
	}
	for i := range 1 + d.below(uint64(c.FalseSuspicions)) {
		by := d.below(uint64(c.World))
		of := (by + 1 + d.below(uint64(c.World)-1)) % uint64(c.World)
		at, lasts := 5000+d.below(4000), 1+d.below(6000)
		if i == 0 { // one that every run has
			by, of, at, lasts = 0, 1, 5000, 1+d.below(2000)
		}
		fmt.Fprintf(&b, "  - {at: %dms, suspect: [{by: %d, of: %d}], for: %dms}\n", at, by, of, s.beyond(d, by, of, at, lasts))
	}
	return b.String()
}

// rift is a partition; none if it does not last.
type rift struct{ side, at, lasts uint64 }

// write writes a partition, and the suspicions that it brings about, which end some time after it.
func (s *rift) write(b *strings.Builder, d *draws, world int) {
	var sides [2][]string
	for node := range world {
		sides[s.side>>node&1] = append(sides[s.side>>node&1], fmt.Sprint(node))
	}
	fmt.Fprintf(b, "  - {at: %dms, partition: [[%s], [%s]], for: %dms}\n", s.at, strings.Join(sides[0], ", "), strings.Join(sides[1], ", "), s.lasts)
	for by := range uint64(world) {
		for of := range uint64(world) {
			if s.side>>by&1 != s.side>>of&1 {
				begins := d.below(20)
				fmt.Fprintf(b, "  - {at: %dms, suspect: [{by: %d, of: %d}], for: %dms}\n", s.at+begins, by, of, s.lasts-begins+1+d.below(500))
			}
		}
	}
}

// beyond is how long a suspicion lasts that no heartbeat can end while the two are parted.
func (s *rift) beyond(d *draws, by, of, at, lasts uint64) uint64 {
	if end := at + lasts; s.side>>by&1 != s.side>>of&1 && end >= s.at && end <= s.at+s.lasts {
		return s.at + s.lasts + 1 + d.below(500) - at
	}
	return lasts
}

// TestProjectedMore: runs in which nodes are suspected falsely, the group is split and healed, messages are lost and come
// twice, are paths of what is explored too. A path begins at the beginning and takes steps that are possible, so its
// states are in the table of a search; where that is small enough it is made, and they are looked up.
func TestProjectedMore(t *testing.T) {
	for _, x := range []struct {
		config Config
		rule   core.Rule
		table  bool
		runs   int
	}{
		{Config{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 2}}, core.Majority, true, 300},
		{Config{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 4, Partitions: 1, EarlyTimeouts: 8, Losses: 3, Duplicates: 3}}, core.Majority, false, 1000},
		{Config{Protocol: "quorum", World: 4, Budget: Budget{Crashes: 2, FalseSuspicions: 4, Partitions: 1, EarlyTimeouts: 8, Losses: 3, Duplicates: 3}}, core.Majority, false, 500},
		{Config{Protocol: "fail-stop", World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 4, Partitions: 1, EarlyTimeouts: 8, Losses: 3, Duplicates: 3}}, core.FailStop, false, 500},
	} {
		x.config.Plain.KeepRounds = true // as the machines keep them
		x.config.Plain.KeepVotes = true  // runs have older votes that come before newer ones, and after them
		p := &projection{took: map[do]int{}, shown: map[string]int{}}
		if x.table {
			p = newProjection(t, &x.config)
		} else {
			make1, err := newWorlds(&x.config)
			if err != nil {
				t.Fatal(err)
			}
			p.w = make1()
		}
		d, s := draws{uint64(x.config.World)}, sim.New()
		f := p.followAll(t, x.runs, func(seed uint64) ([]noted, *checker.Judge, error) {
			text := misfortunes(&d, &x.config)
			sc, err := scenarios.Parse("projected", []byte(text))
			if err != nil {
				return nil, nil, fmt.Errorf("%w\n%s", err, text)
			}
			sc.Model = scenarios.CrashStop
			return spied(s, sim.Spec{Scenario: sc, Protocol: x.config.Protocol, Seed: seed}, x.rule, &x.config)
		})
		for _, a := range []do{doAccuse, doTrust, doTell, doPartition, doHeal, doLose, doDuplicate} {
			if !x.table && p.took[a] == 0 {
				t.Errorf("%s, %d nodes: no step of sort %d", x.config.Protocol, x.config.World, a)
			}
		}
		if !x.table && p.later == 0 {
			t.Errorf("%s, %d nodes: no run in which a suspicion of a crashed node is withdrawn", x.config.Protocol, x.config.World)
		}
		if !x.table && x.config.World == 3 && x.rule == core.Majority {
			told(t, "%s of %s runs of three nodes are within the budget", grouped(f.within), grouped(f.made))
			told(t, "%d of these %s runs are followed so", p.later, grouped(f.within))
			told(t, "%d that are not followed at all have more early timers, losses and duplicates than the budget", f.made-f.within)
		}
	}
}
