package report

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"nexarsim/internal/seeds"
	"nexarsim/sim"
)

// Unit is what a sweep found of one scenario with one protocol.
type Unit struct {
	Scenario, Protocol            string
	Runs                          uint64 // as asked for
	Unexpected, Expected, Missing []string
}

// Units gives each scenario and protocol, in order.
func (d *Sweep) Units() []Unit {
	var all []Unit
	place := map[unit]int{}
	byName := d.byName()
	for i := range d.Parts {
		p := &d.Parts[i]
		set, err := seeds.Parse(p.Seeds)
		if err != nil {
			continue // checked when it was read
		}
		for number, u := range p.units(byName) {
			at, ok := place[u]
			if !ok {
				at = len(all)
				place[u] = at
				all = append(all, Unit{Scenario: u.scenario, Protocol: u.protocol})
			}
			for _, s := range p.seedsOf(&set, number) {
				all[at].Runs += s.Len()
			}
		}
	}
	for i := range d.Violations {
		f := &d.Violations[i]
		u := &all[place[unit{f.Scenario, f.Protocol}]]
		text := fmt.Sprintf("%s %d", f.Property, f.Count)
		switch {
		case f.Expected:
			u.Expected = append(u.Expected, text)
		case f.Reported:
			u.Expected = append(u.Expected, text+" (reported only)")
		default:
			u.Unexpected = append(u.Unexpected, text)
		}
	}
	for _, m := range d.Missing {
		u := &all[place[unit{m.Scenario, m.Protocol}]]
		u.Missing = append(u.Missing, m.Property+" missing")
	}
	return all
}

// seedsOf gives those of a part's seeds with which its number-th unit was run, one set for each shard.
func (p *Part) seedsOf(set *seeds.Set, number int) []seeds.Part {
	if len(p.Shards) == 0 {
		return []seeds.Part{set.Part(0, 1)}
	}
	var all []seeds.Part
	for _, text := range p.Shards {
		shard, err := ParseShard(text)
		if err != nil {
			continue // checked when it was read
		}
		of := uint64(shard.Of)
		_, before := bits.Mul64(uint64(number), set.Len()) // runs of the units before
		skip := (uint64(shard.Index) - 1 + of - before%of) % of
		all = append(all, set.Part(skip, of))
	}
	return all
}

// MaxShards is how many parts a sweep can be cut into.
const MaxShards = 1_000_000

// ParseShard reads I/N.
func ParseShard(text string) (sim.Shard, error) {
	index, of, ok := strings.Cut(text, "/")
	i, err1 := strconv.ParseUint(index, 10, 32)
	n, err2 := strconv.ParseUint(of, 10, 32)
	switch {
	case !ok || err1 != nil || err2 != nil:
		return sim.Shard{}, fmt.Errorf("expected I/N, found %q", text)
	case n < 1 || n > MaxShards || i < 1 || i > n:
		return sim.Shard{}, fmt.Errorf("%q: there is no such part", text)
	}
	return sim.Shard{Index: int(i), Of: int(n)}, nil
}

// SeedsOf is the seeds with which a scenario was swept, as --seeds takes them.
func (d *Sweep) SeedsOf(scenario string) string {
	for i := range d.Parts {
		if slices.Contains(d.Parts[i].Scenarios, scenario) {
			return d.Parts[i].Seeds
		}
	}
	return ""
}

// ReachOrder gives the names of reach points as a reader wants them: those that this version knows in its order, and
// then the others.
func ReachOrder(reach map[string]uint64) []string {
	var names, others []string
	for _, p := range sim.ReachPoints() {
		if _, ok := reach[p.String()]; ok {
			names = append(names, p.String())
		}
	}
	for name := range reach {
		if !slices.Contains(names, name) {
			others = append(others, name)
		}
	}
	slices.SortFunc(others, strings.Compare)
	return append(names, others...)
}
