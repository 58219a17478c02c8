// Package explore goes through every schedule of a small group of nodes: the real machines, a network that delivers what
// is in flight in any order, and an environment that may crash a node, mislead one, split the group, lose or repeat a
// message, each at any moment and as often as a budget says. docs/explore.md tells the rules and what is left out, with the
// reasons.
//
//	c := explore.Config{Protocol: "quorum", World: 3, Budget: explore.Budget{Crashes: 2, FalseSuspicions: 1}}
//	r, err := explore.Run(ctx, c, explore.Options{Workers: 2})
//	for i := range r.Violations { told, err := explore.Replay(&r.Violations[i].Schedule); ... }
//
// A file each: what is possible in a state (acts.go), what a step does (world.go, cell.go, mail.go), what is judged
// (judge.go), what machines claim can be left out, and how that is checked (claims.go), schedules and their replay. It
// draws nothing, has no clock, and knows no file.
package explore
