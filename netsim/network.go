package netsim

// Config describes the network when no act is in force.
type Config struct {
	World       int
	Stream      bool // reliable streams, that delay; otherwise datagrams, that get lost
	Latency     Latency
	Loss        int64 // parts per billion
	Duplicate   int64 // parts per billion; streams never duplicate
	Reorder     bool
	IdleTimeout int64 // nanoseconds without a packet after which a connection closes
}

// Why names what ended a packet; the empty string stands for nothing did.
type Why string

// The reasons for a drop.
const (
	Delivered  Why = ""
	Held       Why = "held" // not the end: the stream sends it again when the link opens
	DropClosed Why = "closed"
	DropCut    Why = "cut"
	DropLoss   Why = "loss"
	DropIdle   Why = "idle-timeout"
	DropGone   Why = "gone" // the receiver's process is dead; said by the caller
)

// Fate is what happens to a packet when it is sent.
type Fate struct {
	at  [2]int64
	n   int
	Why Why // Delivered, Held, or why it is dropped
}

// Arrivals is the instant at which each copy arrives.
func (f *Fate) Arrivals() []int64 { return f.at[:f.n] }

// Network is the state of all links and connections of one run.
type Network struct {
	cfg     Config
	decider Decider
	source  Source // nil: draw

	links  []link // by from*World+to; nil until something closes one
	ends   []end  // by owner*World+peer; nil until a connection closes
	order  []int64
	losses []rule
	twice  []rule
	slows  []slow
}

// link is one direction between two nodes.
type link struct {
	blocks   int32 // acts in force that close it
	closedAt int64 // when it closed last; meaningful if it ever did
	wasShut  bool  // it ever did
}

// New makes a network on which everything is open.
func New(cfg Config, d Decider) *Network {
	n := &Network{}
	n.Reset(cfg, d)
	return n
}

// Reset makes the network new and keeps its memory.
func (n *Network) Reset(cfg Config, d Decider) {
	links, ends, order := n.links, n.ends, n.order
	*n = Network{cfg: cfg, decider: d, losses: n.losses[:0], twice: n.twice[:0], slows: n.slows[:0]}
	size := cfg.World * cfg.World
	if cap(links) >= size && links != nil {
		n.links = links[:size]
		clear(n.links)
	}
	if cap(ends) >= size && ends != nil {
		n.ends = ends[:size]
		clear(n.ends)
	}
	if !cfg.Reorder {
		if cap(order) < size {
			order = make([]int64, size)
		}
		n.order = order[:size]
		clear(n.order)
	}
}

// Stream tells whether messages travel on streams.
func (n *Network) Stream() bool { return n.cfg.Stream }

func (n *Network) at(from, to int) int { return from*n.cfg.World + to }

// Send decides the fate of a packet.
func (n *Network) Send(now int64, from, to int, k Key) (f Fate) {
	if n.ends != nil && n.ends[n.at(from, to)].closed {
		f.Why = DropClosed
		return f
	}
	if n.links != nil && n.links[n.at(from, to)].blocks > 0 {
		f.Why = n.blocked()
		return f
	}
	var d Draw
	if n.source == nil {
		n.draw(now, from, to, k, &d)
	} else {
		d = n.source.Packet(now, from, to, k)
	}
	if d.Why != Delivered {
		f.Why = d.Why
		return f
	}
	if len(n.slows) > 0 {
		slowness := n.slowness(from, to)
		d.Delay += slowness
		d.Copy += slowness
	}
	f.at[0], f.n = n.ordered(from, to, now+d.Delay), 1
	if d.Twice {
		f.at[1], f.n = n.ordered(from, to, now+d.Copy), 2
	}
	return f
}

// Arrive decides whether a packet that was sent at an instant and is due now is delivered: Delivered, Held, or why not.
func (n *Network) Arrive(sent int64, from, to int) Why {
	if n.ends != nil {
		if e := &n.ends[n.at(to, from)]; e.ever && (e.closed || e.closedAt >= sent) {
			return DropClosed
		}
	}
	if n.links != nil {
		l := &n.links[n.at(from, to)]
		if l.blocks > 0 {
			return n.blocked()
		}
		if !n.cfg.Stream && l.wasShut && l.closedAt >= sent {
			return DropCut
		}
	}
	return Delivered
}

// Release decides when a held packet arrives, now that its link is open.
func (n *Network) Release(now int64, from, to int, k Key) int64 {
	return n.ordered(from, to, now+n.from().Release(from, to, k)+n.slowness(from, to))
}

// Latency draws one delay of a link for something that is not a packet of its own: half of a round trip, for instance.
func (n *Network) Latency(from, to int, k Key) int64 {
	return n.from().Trip(from, to, k) + n.slowness(from, to)
}
