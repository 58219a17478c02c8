// Package cluster runs a scenario with real processes on one machine: one process a member, killed, stopped and cut off for
// real, and merges what each of them has recorded into one trace.
//
// Run is the launcher, Serve is what a member's process does. The launcher knows processes, signals and packets, and
// nothing of the protocol; it judges nothing. Members talk to the launcher over their standard input and output, in lines of
// JSON; a member whose input ends dies, so that none outlives its launcher.
//
//	plan, err := cluster.NewPlan(scenario, 5, "quorum", seed)
//	res, err := cluster.Run(ctx, cluster.Spec{Plan: plan, Command: []string{exe, "node", "--launched"}, Dir: dir, Observe: write})
package cluster
