package netsim

// IdleAt is when the connection of a link that closed at an instant times out at the receiving end, if nothing opens it
// before (RFC 9000, section 10.1: no packet for the idle timeout).
func (n *Network) IdleAt(closed int64) int64 { return closed + n.cfg.IdleTimeout }

// Idle tells whether a link has been closed without a break since the idle timeout before now.
func (n *Network) Idle(now int64, from, to int) bool {
	since, closed := n.ClosedSince(from, to)
	return closed && now-since >= n.cfg.IdleTimeout
}
