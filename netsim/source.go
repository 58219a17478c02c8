package netsim

// Source says what becomes of what a link has taken, in the place of the configuration's distributions: what became of it
// in another run, for instance. The rules that come from acts (closed links, slow nodes) and from the order of a link are
// applied to its answers as they are to what is drawn.
type Source interface {
	// Packet decides about a packet.
	Packet(now int64, from, to int, k Key) Draw
	// Release decides how long a held packet travels, now that its link is open.
	Release(from, to int, k Key) int64
	// Trip decides how long something travels that is no packet of its own: half of a round trip, for instance.
	Trip(from, to int, k Key) int64
}

// Draw is what is decided about a packet. The durations are what it takes when nobody is slow.
type Draw struct {
	Delay int64 // until the packet arrives, retransmissions included
	Copy  int64 // until its second copy does
	Twice bool  // whether there is one
	Why   Why   // Delivered, or why nothing arrives
}

// Use gives the network another source, until the next Reset.
func (n *Network) Use(s Source) { n.source = s }

// Drawn is the distributions of the network's configuration as a source, for one that asks them and notes the answers.
func (n *Network) Drawn() Source { return drawn{n} }

type drawn struct{ n *Network }

func (s drawn) Packet(now int64, from, to int, k Key) (d Draw) {
	s.n.draw(now, from, to, k, &d)
	return d
}

func (s drawn) Release(_, _ int, k Key) int64 {
	return s.n.cfg.Latency.draw(s.n.decider, k, LaneRelease)
}

func (s drawn) Trip(_, _ int, k Key) int64 { return s.n.cfg.Latency.draw(s.n.decider, k, LaneLatency) }

// draw asks the decider about a packet: loss, latency, duplication.
func (n *Network) draw(now int64, from, to int, k Key, d *Draw) {
	d.Delay = n.cfg.Latency.draw(n.decider, k, LaneLatency)
	if n.cfg.Loss > 0 || len(n.losses) > 0 {
		extra, why := n.lose(now, from, to, k, d.Delay)
		if why != Delivered {
			d.Why = why
			return
		}
		d.Delay += extra
	}
	if n.cfg.Duplicate > 0 || len(n.twice) > 0 {
		n.duplicate(now, from, to, k, d)
	}
}

// from is the source for what is rarely asked.
func (n *Network) from() Source {
	if n.source != nil {
		return n.source
	}
	return drawn{n}
}
