// Package search goes through every state of a system, breadth first: each distinct state once, the shortest path to
// whatever is found. It knows nothing of protocols. A system says where it begins, what can follow a state, how a state is
// written canonically, and which properties show in a state; the small model in this package's tests is one, the nodes of
// a group with their network another (package explore).
//
//	result, err := search.Run(ctx, func() search.System[state] { return newModel() }, search.Options{Workers: 2})
//
// What is kept of a state is its fingerprint, its parent and the number of the step that led to it, and, if a property
// asks for cycles, the edges that the system does by itself: never the state. A path is made again by taking its steps.
// The results, the counterexamples included, are the same for any number of workers.
//
// It has no clock, prints nothing, and stops only where its Options or its context say so.
package search
