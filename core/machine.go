package core

// Machine is the one boundary between a protocol and whatever drives it: the simulator, the explorer, real sockets. See
// the package comment for a driver's duties.
type Machine interface {
	// Step gives the machine one input at an instant of its own clock and appends what is to be done. The result depends
	// on the machine's state and the arguments alone.
	Step(now Instant, in *Input, out *Effects)
	// Clone is an independent copy.
	Clone() Machine
	// AppendState appends a canonical encoding of the state: machines that will behave alike encode alike.
	AppendState(buf []byte) []byte
	// KindName names a message kind of this machine.
	KindName(k Kind) string
}
