package scenariogen

import (
	"time"

	"pgregory.net/rapid"

	"nexarsim/scenarios"
)

// fault draws one entry of the faults list.
func fault(t *rapid.T, s *scenarios.Scenario) scenarios.Fault {
	if rapid.IntRange(0, 5).Draw(t, "random") == 0 {
		return scenarios.Fault{Random: random(t, s)}
	}
	var f scenarios.Fault
	if rapid.Bool().Draw(t, "triggered") {
		f.When = trigger(t, s.World.Min)
	} else {
		f.At = duration(t, "at", 0)
	}
	f.Act = act(t, s)
	if f.Act.Kind != scenarios.ActCrash && f.Act.Kind != scenarios.ActApp && rapid.Bool().Draw(t, "ends") {
		f.For = duration(t, "for", 1)
	}
	return f
}

// random draws what is to be drawn from the seed.
func random(t *rapid.T, s *scenarios.Scenario) *scenarios.Random {
	r := &scenarios.Random{Crashes: scenarios.Range{Min: 0, Max: rapid.IntRange(1, 9).Draw(t, "crashes")}}
	r.BetweenMin, r.BetweenMax = span(t, "between")
	if s.Model == scenarios.CrashStop {
		return r
	}
	r.Partitions = intRange(t, "partitions", 0, 3)
	r.Cuts = intRange(t, "cuts", 0, 3)
	r.Pauses = intRange(t, "pauses", 0, 3)
	r.Suspicions = intRange(t, "suspicions", 0, 3)
	return r
}

// trigger draws a semantic moment.
func trigger(t *rapid.T, world int) *scenarios.Trigger {
	node, other := pair(t, world)
	w := &scenarios.Trigger{Node: node, Epoch: -1, Peer: -1, Nth: rapid.IntRange(1, 9).Draw(t, "nth")}
	w.Kind = rapid.SampledFrom([]scenarios.TriggerKind{scenarios.Sends, scenarios.Receives, scenarios.Suspects, scenarios.Installs}).Draw(t, "trigger")
	switch w.Kind {
	case scenarios.Suspects:
		w.Of = other
	case scenarios.Installs:
		w.Epoch = rapid.Int64Range(0, 9).Draw(t, "installs")
	default:
		w.Message = rapid.SampledFrom(scenarios.MessageKinds()).Draw(t, "message")
		w.Epoch = rapid.Int64Range(-1, 9).Draw(t, "epoch")
		if rapid.Bool().Draw(t, "one peer") {
			w.Peer = other
		}
	}
	return w
}

// acts are all kinds; the first seven are within the crash-stop model.
var acts = []scenarios.ActKind{
	scenarios.ActCrash, scenarios.ActSlow, scenarios.ActLoss, scenarios.ActDuplicate, scenarios.ActSkew, scenarios.ActHold, scenarios.ActApp,
	scenarios.ActPartition, scenarios.ActCut, scenarios.ActPause, scenarios.ActSuspect,
}

// act draws what happens.
func act(t *rapid.T, s *scenarios.Scenario) scenarios.Act {
	kinds := acts
	if s.Model == scenarios.CrashStop {
		kinds = acts[:7]
	}
	a := scenarios.Act{Kind: rapid.SampledFrom(kinds).Draw(t, "act")}
	world := s.World.Min
	switch a.Kind {
	case scenarios.ActCrash:
		a.Nodes, a.Silent = nodes(t, world), rapid.Bool().Draw(t, "silent")
	case scenarios.ActPause, scenarios.ActHold:
		a.Nodes = nodes(t, world)
	case scenarios.ActPartition:
		a.Groups = groups(t, world)
	case scenarios.ActCut:
		a.Links = links(t, world)
	case scenarios.ActSuspect:
		by, of := pair(t, world)
		a.Suspect = []scenarios.Accusation{{By: by, Of: of}}
	case scenarios.ActSlow:
		a.Nodes, a.By = nodes(t, world), duration(t, "by", 1)
	case scenarios.ActLoss, scenarios.ActDuplicate:
		a.Rate = rate(t, "rate")
		if rapid.Bool().Draw(t, "some links") {
			a.Links = links(t, world)
		}
	case scenarios.ActSkew:
		a.Skew = skews(t, world)
	case scenarios.ActApp:
		a.Op, a.Nodes = call(t, s.Config.Policy), nodes(t, world)
	}
	return a
}

// call draws what the application does.
func call(t *rapid.T, policy string) string {
	calls := []string{"split", "barrier", "allreduce", "shutdown"}
	if policy == "manual" {
		calls = append(calls, "recover")
	}
	return rapid.SampledFrom(calls).Draw(t, "call")
}

// shuffled draws an order of all nodes.
func shuffled(t *rapid.T, world int) []int {
	all := make([]int, world)
	for i := range all {
		all[i] = i
	}
	return rapid.Permutation(all).Draw(t, "nodes")
}

// nodes draws some nodes, each once.
func nodes(t *rapid.T, world int) []int {
	return shuffled(t, world)[:rapid.IntRange(1, world).Draw(t, "count")]
}

// pair draws two different nodes.
func pair(t *rapid.T, world int) (first, second int) {
	all := shuffled(t, world)
	return all[0], all[1]
}

// groups draws the sides of a partition.
func groups(t *rapid.T, world int) [][]int {
	all := shuffled(t, world)
	middle := rapid.IntRange(1, world-1).Draw(t, "middle")
	end := rapid.IntRange(middle+1, world).Draw(t, "end")
	return [][]int{all[:middle], all[middle:end]}
}

// links draws a path of one-way links.
func links(t *rapid.T, world int) []scenarios.Link {
	all := shuffled(t, world)[:rapid.IntRange(2, world).Draw(t, "length")]
	var path []scenarios.Link
	for i := range all[1:] {
		path = append(path, scenarios.Link{From: all[i], To: all[i+1]})
	}
	return path
}

// skews draws clocks that run wrong.
func skews(t *rapid.T, world int) []scenarios.ClockSkew {
	var all []scenarios.ClockSkew
	for _, n := range nodes(t, world) {
		all = append(all, scenarios.ClockSkew{
			Node: n,
			Rate: rapid.Int64Range(rateOne/2, rateOne*2).Draw(t, "clock rate"),
			Step: duration(t, "step", -12*time.Hour),
		})
	}
	return all
}
