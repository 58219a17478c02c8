// Package realnet runs a core.Machine over QUIC in a real process: what is deployed is core and this package.
//
// One goroutine owns the machine, gives it one input at a time and performs its effects. Members talk over one QUIC
// connection for each pair (TLS 1.3 in both directions, the identity in the certificate), with one long-lived stream for
// each class of traffic. A message that cannot be handed to its stream at once is dropped: the protocol repeats what
// matters, and nobody waits for a dead or slow peer. Which protocol it is, realnet does not know: it drives any machine
// that a constructor makes. It knows neither the simulator nor scenario files.
//
// What a program computes with is a Communicator: blocking collectives of the members of one view, which end at once when
// the view goes. Their messages and elements have streams of their own, and the recovery protocol waits for none of them.
//
//	g, err := realnet.Join(ctx, realnet.Config{Self: "a", Members: members, Credentials: creds, Core: core.DefaultConfig()})
//	for {
//		ev, err := g.Events().Next(ctx)
//		...
//		view := g.View() // already the view that the event tells of
//		err = realnet.AllReduce(ctx, g.Communicator(), data, comm.Sum)
//	}
package realnet
