// Package checker judges a run: it reads what happened, event by event, and names each property of the recovery protocol
// that the run broke.
//
// A property is a fold over trace events. It shares no code with the protocol that it judges, knows neither the
// simulator nor the network, and takes real traces, simulated ones and those of foreign programs alike. There are three
// answers: a property holds, it is violated (when, who, one sentence), or it is undecided (why); undecided is never a
// pass. Assumptions come first: a trace that no harness can honestly have made, or that leaves the failure model it
// declares, is Malformed, so that a wrong harness is not reported as a wrong protocol. Whatever a node itself did,
// however absurd, is judged.
//
//	j, err := checker.New(header)
//	for each event {
//		j.Observe(&ev)
//	}
//	v := j.Finish(checker.Ending{T: end, Complete: true})
//	if v.Safety() { ... }
//
// One file holds one property, headed by its sentence from docs/protocol.md; world.go is the picture of the run that they
// share. Conformance is judged elsewhere; the search for an order of reads and writes is porcupine's.
package checker
