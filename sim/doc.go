// Package sim runs machines on a simulated network: a queue of events in a total order, a virtual clock for each node,
// faults at times and at semantic moments, every choice made by a decider. The same scenario, protocol and seed give the
// same run, step for step, on every machine: see Result.Digest.
//
// It owns neither the protocol (core) nor the judgement (checker) nor the network's rules (netsim). Inside a run there is
// one goroutine; only Sweep runs several runs side by side.
//
//	sc, _ := scenarios.Builtin("leader-dies-mid-broadcast")
//	res, err := sim.New().Run(sim.Spec{Scenario: sc, Protocol: "quorum", Seed: 7})
//	if err == nil && len(res.Verdict.Violations) > 0 { ... }
package sim
