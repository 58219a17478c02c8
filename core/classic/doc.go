// Package classic is the recovery of nexar 0.1.2 as one machine on core's boundary: the same messages in the same order,
// the same waits, the same outcomes, defects included. It is a subject to find bugs in and shows users of nexar what would
// happen to them; it is never a default, and nobody is to mend it. What it models are facts about the published crate:
// its health monitor, failure watch, orchestrator, agreement round, rebuild, split, barrier and all-reduce.
//
// The crate's tasks, its lock and its selects become one machine: what another task makes ready runs in a step of its own
// (core.OutWake), what an await ends with runs in the step that ends it, and a send that the original awaits is one
// core.OutSend with an Op. Two branches of a select that are ready together are a wake and another input, and the driver
// chooses which comes first.
//
// Not modelled: growing a group, sparse topologies, RPC, the sub-communicator that a split makes (only the split's effect
// on its parent), the event channel's capacity of 16 (nobody is slow here), and all that lies below a message.
//
// A Repair switches one defect off; the ladder of them is the rungs classic+replay to classic+epoch.
//
//	n, err := classic.New(core.Setup{Self: 1, World: 3, Config: core.DefaultConfig()}, classic.AsPublished)
package classic
