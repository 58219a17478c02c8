// Package netsim decides what happens to packets on a simulated network: when each copy arrives, or why none does. It
// knows links between numbered nodes, distributions of latency, loss, duplication, order, cuts, partitions, slow nodes
// and connections that close. It deliberately has no queue, no clock and no protocol: the caller tells the time, keeps
// the packets and asks again when something is due. Everything is integer arithmetic, and every choice is asked of a
// Decider, so that the same decisions give the same fates on every machine.
//
// The rules are asked in this order, and the first that ends a packet names the reason:
//
//  1. connection: nothing is sent over a connection that the sender knows to be closed;
//
//  2. partition and cut: a closed link loses a datagram and holds what a stream carries;
//
//  3. loss: a datagram is lost, a stream's packet is sent again later;
//
//  4. latency, then slow nodes;
//
//  5. order: without reordering nothing overtakes on a link;
//
//  6. duplication: a datagram may arrive a second time, with a latency of its own.
//
//     n := netsim.New(netsim.Config{World: 3, Latency: netsim.Uniform(50_000, 2_000_000), Reorder: true}, decider)
//     f := n.Send(now, 0, 1, key)
//     for _, at := range f.Arrivals() { ... }
package netsim
