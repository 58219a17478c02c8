// Package capsule is the file format of a run that is meant to outlive the code that made it: a scenario, and the
// choices that the run depended on, each named by what it means (which link, which kind of message, which epoch, the
// how-many-th) rather than by the order in which choices were asked for. What a capsule does not list has its default:
// least latency, nothing lost, nothing twice, phase 0, detection at once.
//
// It deliberately runs nothing: package sim records and replays. A file is read strictly; whatever a reader would have
// to pass over is an error with file, line and field.
//
//	c, err := capsule.ReadFile("agreement.json")
//	...
//	res, err := sim.New().Replay(sim.ReplaySpec{Capsule: c})
package capsule
