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
	left   []bool // by peer: whether anybody's end of a connection to it was ever closed; nil with ends
	order  []int64
	losses []rule
	twice  []rule
	slows  []slow

	used struct { // the memory of an earlier run
		links []link
		ends  []end
		left  []bool
	}
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
	order, used := n.order, n.used
	if n.links != nil {
		used.links = n.links
	}
	if n.ends != nil {
		used.ends, used.left = n.ends, n.left
	}
	*n = Network{cfg: cfg, decider: d, losses: n.losses[:0], twice: n.twice[:0], slows: n.slows[:0], used: used}
	if !cfg.Reorder {
		n.order = empty(order, cfg.World*cfg.World)
	}
}

// Stream tells whether messages travel on streams.
func (n *Network) Stream() bool { return n.cfg.Stream }

// empty is a list of n zero elements, in the memory of an earlier one if it has room.
func empty[T any](list []T, n int) []T {
	if cap(list) < n {
		return make([]T, n)
	}
	list = list[:n]
	clear(list)
	return list
}

func (n *Network) at(from, to int) int { return from*n.cfg.World + to }

// Plain decides when a packet arrives to which nothing else can happen; false, and nothing is decided, if something can.
func (n *Network) Plain(now int64, from, to int, k Key) (at int64, plain bool) {
	switch {
	case n.links != nil || n.source != nil || n.ends != nil && n.left[to]:
		return 0, false
	case n.cfg.Loss > 0 || n.cfg.Duplicate > 0 || len(n.losses)+len(n.twice)+len(n.slows) > 0:
		return 0, false
	}
	return n.ordered(from, to, now+n.cfg.Latency.draw(n.decider, k, LaneLatency)), true
}

// Send decides the fate of a packet.
func (n *Network) Send(now int64, from, to int, k Key) (f Fate) {
	if at, plain := n.Plain(now, from, to, k); plain {
		f.at[0], f.n = at, 1
		return f
	}
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
	if n.ends != nil && n.left[from] {
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
