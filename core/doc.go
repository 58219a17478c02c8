// Package core is the recovery protocol of one member of a group: health monitor, agreement on who is dead, rebuild with
// contiguous ranks, policies and events, as one pure state machine. What holds and why is in docs/protocol.md; the
// letters S and L in comments are the properties there.
//
// It deliberately has no clock, no network, no goroutine, no randomness and no environment: whoever drives it brings
// them. The same machine runs in the simulator, in the explorer and over QUIC.
//
//	n, err := core.New(core.Setup{Self: 1, World: 3, CommID: core.RootCommID(ids), Config: core.DefaultConfig()})
//	var in core.Input
//	var out core.Effects
//	in = core.Input{Kind: core.InStart}
//	n.Step(now, &in, &out)
//	for i := range out.List() { ... perform ... }
//
// A driver's duties:
//
//  1. Give InStart first, once. Then any input at any time, one at a time, with a clock that measures true durations.
//  2. Perform the effects of a step in their order, before the next step. A process that dies in between has performed
//     a prefix of them.
//  3. Reset the Effects before each Step. Nothing of it may be kept beyond the next Reset but copies.
//  4. A timer that is set again is replaced; a cancelled one does not fire. A firing that comes late is harmless.
//  5. Put an installed view in place before its event is told.
//  6. Deliver a message any number of times, late or never, in any order, but unchanged and under its true sender.
//  7. Report InClosed when a connection ends; report InDead only for a death that somebody has witnessed.
//  8. After an OutEnd go on delivering messages and timers: an excluded node still answers for a while. After an OutPanic
//     nothing more may happen.
package core
