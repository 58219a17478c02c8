package report

import (
	"fmt"

	"nexarsim/internal/seeds"
)

// made is the seeds with which a shard of a sweep, or all of one, ran a scenario and protocol.
type made struct {
	file  string
	seeds seeds.Part
}

// maxPairs bounds how many of those are compared with one another.
const maxPairs = 20_000_000

// search looks for a run that two documents, or two parts of one, list.
type search struct {
	plans  map[string]int
	by     map[unit]*sweeps
	shards map[shardKey]string // and the file that has it
	pairs  int                 // compared so far
}

// sweeps is what was made of one scenario and protocol, apart by plan: the shards of one sweep have numbers.
type sweeps struct {
	place map[int]int // of a plan in the list
	list  [][]made
}

func (s *sweeps) add(plan int, m made) {
	i, ok := s.place[plan]
	if !ok {
		i = len(s.list)
		s.place[plan] = i
		s.list = append(s.list, nil)
	}
	s.list[i] = append(s.list[i], m)
}

type shardKey struct{ plan, index int }

func findTwice(docs []Named) error {
	s := search{plans: map[string]int{}, by: map[unit]*sweeps{}, shards: map[shardKey]string{}}
	for _, d := range docs {
		byName := d.byName()
		for i := range d.Parts {
			if err := s.add(d.File, &d.Parts[i], byName); err != nil {
				return err
			}
		}
	}
	return nil
}

// add compares a part with what was made before.
func (s *search) add(file string, p *Part, byName map[string]*Scenario) error {
	set, err := seeds.Parse(p.Seeds)
	if err != nil {
		return &DocError{File: file, Field: "parts", Msg: err.Error()}
	}
	plan := p.plan(s.plans)
	if err := s.addShards(file, p, plan, byName, &set); err != nil {
		return err
	}
	for number, u := range p.units(byName) {
		if s.by[u] == nil {
			s.by[u] = &sweeps{place: map[int]int{}}
		}
		for _, seedsOf := range p.seedsOf(&set, number) {
			m := made{file: file, seeds: seedsOf}
			if err := s.compare(&m, u, plan); err != nil {
				return err
			}
			s.by[u].add(plan, m)
		}
	}
	return nil
}

// compare holds one against those of other sweeps.
func (s *search) compare(m *made, u unit, plan int) error {
	before := s.by[u]
	own, known := before.place[plan]
	for k, others := range before.list {
		if known && k == own {
			continue
		}
		if s.pairs += len(others); s.pairs > maxPairs {
			return &DocError{File: m.file, Field: "parts", Msg: "too many parts to look for a run that two of them list", Hint: "merge fewer sweeps into one document"}
		}
		for i := range others {
			o := &others[i]
			if seed, twice := m.seeds.Common(o.seeds); twice {
				return listedTwice(m.file, o.file, u, seed)
			}
		}
	}
	return nil
}

// addShards looks for a shard of one sweep that comes twice. Different ones share no run.
func (s *search) addShards(file string, p *Part, plan int, byName map[string]*Scenario, set *seeds.Set) error {
	indices := []int{0} // all of it
	if len(p.Shards) > 0 {
		indices = nil
	}
	for _, text := range p.Shards {
		shard, _ := ParseShard(text) // checked
		indices = append(indices, shard.Index)
	}
	for k, index := range indices {
		first, twice := s.shards[shardKey{plan, index}]
		if !twice {
			s.shards[shardKey{plan, index}] = file
			continue
		}
		for number, u := range p.units(byName) {
			made := p.seedsOf(set, number)[k]
			if seed, any := made.Common(made); any {
				return listedTwice(file, first, u, seed)
			}
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

func listedTwice(file, first string, u unit, seed uint64) error {
	return &DocError{
		File: file, Field: "parts",
		Msg:  fmt.Sprintf("the run of %s with %s and seed %d is listed twice, first in %s", u.scenario, u.protocol, seed, first),
		Hint: "merge each shard once, and sweeps with other seeds only",
	}
}
