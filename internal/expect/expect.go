// Package expect compares what runs of a scenario and protocol showed with what the scenario's `expect` says. It knows
// neither runs nor exit codes: it sorts findings into expected, unexpected and reported only, and names what is missing.
//
//	j := expect.Judge(sc.Expect, "fail-stop", found)
//	for _, p := range j.Missing { ... }
package expect

import (
	"slices"
	"strings"

	"nexarsim/scenarios"
)

// Found is a property that runs broke.
type Found struct {
	Property string
	Liveness bool // and only its liveness half was broken
}

// Judgement is what the findings of one scenario and protocol come to. Each list is in the order of what it came from.
type Judgement struct {
	Expected   []Found
	Unexpected []Found
	Reported   []Found  // neither expected nor held against the protocol: one that is known to be broken
	Missing    []string // properties that had to be violated and were not
}

// Of is what a scenario expects of a protocol: to pass, if it says nothing.
func Of(all []scenarios.Expectation, protocol string) scenarios.Expectation {
	for _, e := range all {
		if e.Protocol == protocol {
			return e
		}
	}
	return scenarios.Expectation{Protocol: protocol}
}

// Judge compares findings with what is expected of a protocol.
func Judge(all []scenarios.Expectation, protocol string, found []Found) Judgement {
	e := Of(all, protocol)
	var j Judgement
	for _, f := range found {
		switch {
		case slices.Contains(e.Violates, f.Property), slices.Contains(e.May, f.Property):
			j.Expected = append(j.Expected, f)
		case lenient(e):
			j.Reported = append(j.Reported, f)
		default:
			j.Unexpected = append(j.Unexpected, f)
		}
	}
	for _, p := range e.Violates {
		if !slices.ContainsFunc(found, func(f Found) bool { return f.Property == p }) {
			j.Missing = append(j.Missing, p)
		}
	}
	return j
}

// Ignored is the judgement where expectations are not asked: whatever was found is held against the protocol.
func Ignored(found []Found) Judgement { return Judgement{Unexpected: found} }

// lenient tells whether what is not listed is reported only: for classic and its rungs, once a scenario expects them to
// break something. If it expects them to pass, they have to.
func lenient(e scenarios.Expectation) bool {
	classic := e.Protocol == "classic" || strings.HasPrefix(e.Protocol, "classic+")
	return classic && len(e.Violates)+len(e.May) > 0
}

// Safety tells whether something unexpected broke safety, or something that had to be broken was not.
func (j *Judgement) Safety() bool {
	return len(j.Missing) > 0 || slices.ContainsFunc(j.Unexpected, func(f Found) bool { return !f.Liveness })
}

// Liveness tells whether something unexpected broke liveness.
func (j *Judgement) Liveness() bool {
	return slices.ContainsFunc(j.Unexpected, func(f Found) bool { return f.Liveness })
}
