package scenarios

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

var (
	linkFields       = []string{"from", "to"}
	accusationFields = []string{"by", "of"}
	slowFields       = []string{"nodes", "by"}
	skewFields       = []string{"node", "rate", "step"}
)

const (
	slowestClock Rate = rateOne / 2
	fastestClock Rate = rateOne * 2
)

// act reads what happens: the first act named.
func (f fields) act() Act {
	names := f.actNames()
	if len(names) == 0 {
		return Act{}
	}
	v := f.byName[names[0]]
	act := Act{Kind: ActKind(slices.Index(actWords, names[0]))}
	v.fill(&act)
	f.modifiers(&act)
	if v.d.model == CrashStop && slices.Contains([]ActKind{ActPartition, ActCut, ActPause, ActSuspect}, act.Kind) {
		v.notInCrashStop()
	}
	return act
}

// fill reads the value that follows the act's name.
func (v value) fill(act *Act) {
	switch act.Kind {
	case ActCrash, ActPause, ActHold:
		act.Nodes = v.nodes()
	case ActPartition:
		act.Groups = v.groups()
	case ActCut:
		act.Links = v.links()
	case ActSuspect:
		act.Suspect = v.accusations()
	case ActSlow:
		v.slow(act)
	case ActLoss, ActDuplicate:
		act.Rate, _ = v.rate(0, rateOne)
	case ActSkew:
		act.Skew = v.skews()
	case ActApp:
		v.app(act)
	}
}

// modifiers reads the fields that belong to some acts only.
func (f fields) modifiers(act *Act) {
	if v, ok := f.get("silent"); ok {
		if act.Kind == ActCrash {
			act.Silent, _ = v.boolean()
		} else {
			v.fail("", "only a crash can be silent, not %s", act.Kind)
		}
	}
	if v, ok := f.get("links"); ok {
		if act.Kind == ActLoss || act.Kind == ActDuplicate {
			act.Links = v.links()
		} else {
			v.fail("links belong to loss and duplicate; to close links write cut", "not allowed beside %s", act.Kind)
		}
	}
}

// groups reads the sides of a partition.
func (v value) groups() [][]int {
	var all [][]int
	seen := map[int]bool{}
	entries := v.list("groups of nodes")
	for _, entry := range entries {
		if entry.node.Kind == yaml.ScalarNode && entry.node.ShortTag() == "!!int" {
			entry.fail("a partition is a list of groups: [[0, 1], [2, 3]]", "expected a group of nodes, found %s", entry.describe())
			continue
		}
		group := entry.nodes()
		for _, n := range group {
			if seen[n] {
				entry.fail("", "node %d is in two groups of one partition", n)
			}
		}
		for _, n := range group {
			seen[n] = true
		}
		all = append(all, group)
	}
	if len(entries) == 1 {
		v.fail("nodes in no group stay connected to everybody", "a partition needs two groups")
	}
	return all
}

// links reads a list of one-way links, each once.
func (v value) links() []Link {
	var all []Link
	seen := map[Link]bool{}
	for _, entry := range v.list("links") {
		from, to, ok := entry.pair("a link such as {from: 1, to: 2}", linkFields)
		link := Link{From: from, To: to}
		switch {
		case !ok:
			continue
		case from == to:
			entry.fail("", "a link from node %d to itself", from)
		case seen[link]:
			entry.fail("", "the link from %d to %d is listed twice", from, to)
		}
		seen[link] = true
		all = append(all, link)
	}
	return all
}

// accusations reads a list of false suspicions, each once.
func (v value) accusations() []Accusation {
	var all []Accusation
	seen := map[Accusation]bool{}
	for _, entry := range v.list("suspicions") {
		by, of, ok := entry.pair("a suspicion such as {by: 1, of: 2}", accusationFields)
		accusation := Accusation{By: by, Of: of}
		switch {
		case !ok:
			continue
		case by == of:
			entry.fail("", "a node does not suspect itself")
		case seen[accusation]:
			entry.fail("", "the suspicion of %d by %d is listed twice", of, by)
		}
		seen[accusation] = true
		all = append(all, accusation)
	}
	return all
}

// pair reads a mapping of two node numbers.
func (v value) pair(expected string, names []string) (first, second int, ok bool) {
	f, ok := v.fields(expected, names)
	if !ok {
		return 0, 0, false
	}
	hint := "write {" + names[0] + ": 1, " + names[1] + ": 2}"
	a, hasFirst := f.need(names[0], hint)
	b, hasSecond := f.need(names[1], hint)
	if hasFirst {
		first, hasFirst = a.nodeNumber()
	}
	if hasSecond {
		second, hasSecond = b.nodeNumber()
	}
	return first, second, hasFirst && hasSecond
}

// slow reads which nodes are slow, and how slow.
func (v value) slow(act *Act) {
	f, ok := v.fields("{nodes: [1], by: 20ms}", slowFields)
	if !ok {
		return
	}
	const hint = "write {nodes: [1], by: 20ms}"
	if n, ok := f.need("nodes", hint); ok {
		act.Nodes = n.nodes()
	}
	if b, ok := f.need("by", hint); ok {
		act.By, _ = b.duration(1, longestDuration)
	}
}

// skews reads a list of clocks that run wrong, each once.
func (v value) skews() []ClockSkew {
	var all []ClockSkew
	seen := map[int]bool{}
	for _, entry := range v.list("clocks") {
		f, ok := entry.fields("a clock such as {node: 1, rate: 1.01}", skewFields)
		if !ok {
			continue
		}
		skew := ClockSkew{Rate: int64(rateOne)}
		n, ok := f.need("node", "whose clock it is: node: 1")
		if ok {
			skew.Node, ok = n.nodeNumber()
		}
		if ok && seen[skew.Node] {
			n.fail("", "node %d is listed twice", skew.Node)
		}
		seen[skew.Node] = seen[skew.Node] || ok
		f.drift(&skew)
		all = append(all, skew)
	}
	return all
}

// drift reads what is wrong with a clock.
func (f fields) drift(skew *ClockSkew) {
	rate, hasRate := f.get("rate")
	step, hasStep := f.get("step")
	if hasRate {
		r, _ := rate.rate(slowestClock, fastestClock)
		skew.Rate = int64(r)
	}
	if hasStep {
		skew.Step, _ = step.duration(-longestDuration, longestDuration)
	}
	if !hasRate && !hasStep && !f.unknown {
		f.of.fail("write rate: 1.01, step: 50ms or both", "neither rate nor step")
	}
}

// app reads what the application of some nodes does.
func (v value) app(act *Act) {
	f, ok := v.fields("a call such as {shutdown: [2]}", appWords)
	if !ok {
		return
	}
	if len(f.names) != 1 {
		if !f.unknown {
			v.fail("write one fault for each call: app: {shutdown: [2]}", "expected one call of the application, found %d", len(f.names))
		}
		return
	}
	act.Op = f.names[0]
	call := f.byName[act.Op]
	act.Nodes = call.nodes()
	if act.Op == "recover" && v.d.policy != "manual" {
		call.fail("write config: {policy: manual}", "recover needs policy manual, not %s", v.d.policy)
	}
}
