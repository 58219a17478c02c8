// Package comm is the communicator: what the application holds after each recovery. A Stack lies on any core.Machine that
// installs views and adds rank and world size, barrier, all-reduce, broadcast, all-gather, reduce-scatter, all-to-all and
// split, and sends and receives between two ranks, as one more machine on the same boundary.
//
// An operation belongs to one view. Every message names group, epoch, comm_id, the number of the operation in its
// communicator, what was called, and which part it is. When the view is gone, by an install, an eviction or the end of the
// orchestrator, the operation ends at once with an error that ViewGone reads; what is late of an old view is dropped and
// counted; what comes of a view that is not installed yet waits for it, in bounded number.
//
// It plans who sends which segment to whom (Plan), and leaves the bytes to whoever has them: small ones travel in
// Message.Body, with Request.Bulk a driver moves the segments that the plan names and Step never sees an element.
//
// It deliberately retransmits nothing by itself: a member that waits for a segment asks for it, less and less often, and
// whoever was asked sends it again. So a collective survives loss, and without loss costs no message more than its plan.
// A message between two ranks is the exception: only its sender knows of it, and sends it until it is confirmed.
//
//	m, err := comm.New(inner, comm.Settings{Setup: setup})
//	in := core.Input{Kind: core.InCall, Call: core.CallAllReduce, ID: 1, Body: comm.Request{Type: comm.Int64, Reduce: comm.Sum, Elements: data}.Encode()}
//	m.Step(now, &in, &out)
package comm
