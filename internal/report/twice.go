package report

import (
	"fmt"

	"nexarsim/internal/seeds"
)

// made is the seeds with which one document, or a shard of it, ran a scenario and protocol.
type made struct {
	file  string
	plan  int // the same for the shards of one sweep
	shard int // its index; 0: all of the plan
	seeds seeds.Part
}

// findTwice looks for a run that two documents, or two parts of one, list.
func findTwice(docs []Named) error {
	by := map[unit][]made{}
	plans := map[string]int{}
	for _, d := range docs {
		byName := d.byName()
		for i := range d.Parts {
			if err := d.Parts[i].findTwice(d.File, byName, plans, by); err != nil {
				return err
			}
		}
	}
	return nil
}

// findTwice adds a part to what was made.
func (p *Part) findTwice(file string, byName map[string]*Scenario, plans map[string]int, by map[unit][]made) error {
	set, err := seeds.Parse(p.Seeds)
	if err != nil {
		return &DocError{File: file, Field: "parts", Msg: err.Error()}
	}
	plan := p.plan(plans)
	for number, u := range p.units(byName) {
		for k, seedsOf := range p.seedsOf(&set, number) {
			m := made{file: file, plan: plan, seeds: seedsOf}
			if len(p.Shards) > 0 {
				shard, _ := ParseShard(p.Shards[k]) // checked
				m.shard = shard.Index
			}
			if err := m.repeats(u, by[u]); err != nil {
				return err
			}
			by[u] = append(by[u], m)
		}
	}
	return nil
}

// plan numbers the sweep that a part is of.
func (p *Part) plan(plans map[string]int) int {
	of := 0
	if len(p.Shards) > 0 {
		shard, _ := ParseShard(p.Shards[0]) // checked
		of = shard.Of
	}
	key := fmt.Sprintf("%d\n%s\n%q\n%q", of, p.Seeds, p.Scenarios, p.Protocols)
	if _, known := plans[key]; !known {
		plans[key] = len(plans)
	}
	return plans[key]
}

// repeats compares with what was made before.
func (m *made) repeats(u unit, before []made) error {
	for i := range before {
		o := &before[i]
		if m.plan == o.plan && m.shard != o.shard {
			continue // two shards of one sweep share no run
		}
		if seed, twice := m.seeds.Common(o.seeds); twice {
			return &DocError{
				File: m.file, Field: "parts",
				Msg:  fmt.Sprintf("the run of %s with %s and seed %d is listed twice, first in %s", u.scenario, u.protocol, seed, o.file),
				Hint: "merge each shard once, and sweeps with other seeds only",
			}
		}
	}
	return nil
}
