package sim

import (
	"fmt"
	"sort"
	"time"

	"nexarsim/netsim"
	"nexarsim/scenarios"
)

// act is one act of a run: of the scenario, or drawn from the seed.
type act struct {
	scenarios.Act
	where string // where it stands: faults[2]
	at    int64
	when  *scenarios.Trigger // nil: at
	dur   int64              // 0: to the end
	fired bool
	on    bool          // it is in force
	links []netsim.Link // what a partition or cut closes
}

// draws draws what a run needs before its first step. Each draw has its own key: fault, what, how-many-th.
type draws struct {
	d     netsim.Decider
	fault uint64
	n     uint64
}

// below draws one of 0..n-1.
func (r *draws) below(n int64) int64 {
	r.n++
	return int64(r.d.Decide(choiceKey(domainRandom, r.fault, r.n), 0, uint64(n)))
}

// in draws one number of a range.
func (r *draws) in(g scenarios.Range) int { return g.Min + int(r.below(int64(g.Max-g.Min)+1)) }

// pick draws k different ones of 0..n-1, ascending.
func (r *draws) pick(k, n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	k = min(k, n)
	for i := range k {
		j := i + int(r.below(int64(n-i)))
		all[i], all[j] = all[j], all[i]
	}
	sort.Ints(all[:k])
	return all[:k]
}

// lastMax bounds how long a drawn act lasts.
const lastMax = 30 * time.Second

// expand draws a random fault's acts. What is drawn comes in a fixed order, so that the seed alone says it.
func expand(f *scenarios.Fault, index, world int, d netsim.Decider) []act {
	r := draws{d: d, fault: uint64(index)}
	where := fmt.Sprintf("faults[%d].random", index)
	var acts []act
	add := func(a scenarios.Act, lasts bool) {
		at := int64(f.Random.BetweenMin) + r.below(int64(f.Random.BetweenMax-f.Random.BetweenMin)+1)
		var dur int64
		if lasts {
			dur = int64(time.Second) + r.below(int64(lastMax-time.Second)+1)
		}
		acts = append(acts, act{Act: a, where: where, at: at, dur: dur})
	}
	for _, id := range r.pick(r.in(f.Random.Crashes), world) {
		add(scenarios.Act{Kind: scenarios.ActCrash, Nodes: []int{id}, Silent: r.below(2) == 1}, false)
	}
	for range r.in(f.Random.Partitions) {
		if groups := r.groups(world); groups != nil {
			add(scenarios.Act{Kind: scenarios.ActPartition, Groups: groups}, true)
		}
	}
	for range r.in(f.Random.Cuts) {
		if world > 1 {
			pair := r.pair(world)
			add(scenarios.Act{Kind: scenarios.ActCut, Links: []scenarios.Link{{From: pair[0], To: pair[1]}}}, true)
		}
	}
	for range r.in(f.Random.Pauses) {
		add(scenarios.Act{Kind: scenarios.ActPause, Nodes: r.pick(1, world)}, true)
	}
	for range r.in(f.Random.Suspicions) {
		if world > 1 {
			pair := r.pair(world)
			add(scenarios.Act{Kind: scenarios.ActSuspect, Suspect: []scenarios.Accusation{{By: pair[0], Of: pair[1]}}}, r.below(2) == 1)
		}
	}
	return acts
}

// groups splits the world in two, neither empty; nil for a world of one.
func (r *draws) groups(world int) [][]int {
	if world < 2 {
		return nil
	}
	side := r.pick(1+int(r.below(int64(world-1))), world)
	var other []int
	for id, i := 0, 0; id < world; id++ {
		if i < len(side) && side[i] == id {
			i++
			continue
		}
		other = append(other, id)
	}
	return [][]int{append([]int(nil), side...), other}
}

// pair draws two different nodes.
func (r *draws) pair(world int) [2]int {
	a := int(r.below(int64(world)))
	b := int(r.below(int64(world - 1)))
	if b >= a {
		b++
	}
	return [2]int{a, b}
}

// describe tells a drawn act in one line.
func (a *act) describe() string {
	text := fmt.Sprintf("%s at %v", actText(&a.Act), time.Duration(a.at))
	if a.dur > 0 {
		text += fmt.Sprintf(" for %v", time.Duration(a.dur))
	}
	return text
}

func actText(a *scenarios.Act) string {
	switch a.Kind {
	case scenarios.ActCrash:
		if a.Silent {
			return fmt.Sprintf("silent crash of %v", a.Nodes)
		}
		return fmt.Sprintf("crash of %v", a.Nodes)
	case scenarios.ActPartition:
		return fmt.Sprintf("partition %v", a.Groups)
	case scenarios.ActCut:
		return fmt.Sprintf("cut %v", linkText(a.Links))
	case scenarios.ActPause:
		return fmt.Sprintf("pause of %v", a.Nodes)
	case scenarios.ActSuspect:
		text := "suspicion"
		for _, s := range a.Suspect {
			text += fmt.Sprintf(" of %d by %d", s.Of, s.By)
		}
		return text
	case scenarios.ActSlow:
		return fmt.Sprintf("slow %v by %v", a.Nodes, a.By)
	case scenarios.ActLoss:
		return fmt.Sprintf("loss of %d ppb", a.Rate)
	case scenarios.ActDuplicate:
		return fmt.Sprintf("duplication of %d ppb", a.Rate)
	case scenarios.ActSkew:
		return fmt.Sprintf("skew of %v", a.Skew)
	case scenarios.ActHold:
		return fmt.Sprintf("hold of %v", a.Nodes)
	case scenarios.ActApp:
		return fmt.Sprintf("%s of %v", a.Op, a.Nodes)
	case scenarios.ActNone:
	}
	return "nothing"
}

func linkText(links []scenarios.Link) string {
	text := ""
	for i, l := range links {
		if i > 0 {
			text += " "
		}
		text += fmt.Sprintf("%d->%d", l.From, l.To)
	}
	return text
}
