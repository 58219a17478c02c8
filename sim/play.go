package sim

import (
	"fmt"
	"time"

	"nexarsim/core"
	"nexarsim/netsim"
	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// player answers what a capsule says, and the default where it says nothing.
type player struct {
	list  []capsule.Decision
	met   []bool // the decisions that have found their place; acts are looked up in the run
	asked []capsule.Decision
	log   bool // keep what was asked about

	s        *Simulator
	least    int64
	packets  map[netsim.Key]int32
	others   map[otherOf]int32
	nths     nths
	vary     Variation
	interval uint64
}

// otherOf is what a decision that is not about a packet is about.
type otherOf struct {
	about domain
	a, b  int
	nth   uint64
}

// nowhere is a key that no packet has.
var nowhere = netsim.Key{}

func newPlayer(list []capsule.Decision) *player { return &player{list: list} }

// bind prepares the lookup. A kind of message that the machine does not have is in no key.
func (p *player) bind(s *Simulator) error {
	p.s, p.vary = s, s.spec.variation
	p.least = latency(&s.sc.Network.Latency).Least()
	p.interval = uint64(s.cfg.HeartbeatInterval)
	p.met = make([]bool, len(p.list))
	p.packets, p.others, p.nths, p.asked = map[netsim.Key]int32{}, map[otherOf]int32{}, nths{}, nil
	kinds := map[string]core.Kind{}
	for i := range p.list {
		d := &p.list[i]
		switch d.Kind {
		case capsule.Packet:
			kind, known := kinds[d.Message]
			if !known {
				kind = kindNamed(s.nodes[0].m, d.Message)
				kinds[d.Message] = kind
			}
			if key := packetKey(d, kind); key != nowhere {
				p.packets[key] = int32(i)
			}
		case capsule.Close:
			p.others[otherOf{domainClose, d.From, d.To, d.Nth}] = int32(i)
		case capsule.Release:
			p.others[otherOf{domainRelease, d.From, d.To, d.Nth}] = int32(i)
		case capsule.Reopen:
			p.others[otherOf{domainReopen, d.From, d.To, d.Nth}] = int32(i)
		case capsule.Detect:
			p.others[otherOf{domainDetect, d.By, d.Of, 0}] = int32(i)
		case capsule.Phase:
			p.others[otherOf{domainPhase, d.Node, 0, 0}] = int32(i)
		case capsule.Act: // in the scenario
		case capsule.Next:
			return fmt.Errorf("replay: %w: a step of a schedule in a timed capsule", ErrUnavailable)
		}
	}
	return nil
}

// packetKey is the key of the packet that a decision is about.
func packetKey(d *capsule.Decision, kind core.Kind) netsim.Key {
	if kind == 0 {
		return nowhere
	}
	var late uint64
	if d.During > d.Epoch {
		late = 1 + min(d.During-d.Epoch, lateMax)
	}
	return netsim.Key{
		A: uint64(domainPacket)<<56 | late<<32 | uint64(kind)<<24 | uint64(d.From)<<toBits | uint64(d.To),
		B: d.Epoch<<32 | d.Nth,
	}
}

// find looks up what is not about a packet of a kind.
func (p *player) find(about domain, a, b int, nth uint64) *capsule.Decision {
	i, ok := p.others[otherOf{about, a, b, nth}]
	if !ok {
		return nil
	}
	p.met[i] = true
	return &p.list[i]
}

// spread is what a variation adds to a duration that the capsule leaves at its default: below n.
func (p *player) spread(a, b, n uint64) int64 {
	if p.vary < Shifted {
		return 0
	}
	return int64(mix(mix(a^uint64(p.vary)*0x9e3779b97f4a7c15)^b) % n)
}

// spreadMax is how much longer a variation lets unlisted packets take.
const spreadMax = uint64(20 * time.Microsecond)

func (p *player) phase(id int) int64 {
	if d := p.find(domainPhase, id, 0, 0); d != nil {
		return int64(d.Delay)
	}
	return p.spread(uint64(id), uint64(domainPhase), p.interval)
}

func (p *player) notice(by, dead int) int64 {
	p.hear(capsule.Decision{Kind: capsule.Detect, By: by, Of: dead})
	if d := p.find(domainDetect, by, dead, 0); d != nil {
		return int64(d.Delay)
	}
	return p.spread(uint64(by), uint64(dead)<<8|uint64(domainDetect), spreadMax)
}

// Packet implements netsim.Source.
func (p *player) Packet(_ int64, from, to int, k netsim.Key) netsim.Draw {
	var d *capsule.Decision
	if domainOf(k) == domainClose {
		nth := p.nths.next(domainClose, from, to)
		p.hear(capsule.Decision{Kind: capsule.Close, From: from, To: to, Nth: nth})
		d = p.find(domainClose, from, to, nth)
	} else {
		if p.log {
			kind, epoch, during, nth := p.s.meaning(k)
			p.hear(capsule.Decision{Kind: capsule.Packet, From: from, To: to, Message: kind, Epoch: epoch, During: during, Nth: nth})
		}
		if i, ok := p.packets[k]; ok {
			p.met[i] = true
			d = &p.list[i]
		}
	}
	switch {
	case d == nil:
		return netsim.Draw{Delay: p.least + p.spread(k.A, k.B, spreadMax)}
	case d.Lost && p.s.stream:
		return netsim.Draw{Why: netsim.DropIdle}
	case d.Lost:
		return netsim.Draw{Why: netsim.DropLoss}
	}
	return netsim.Draw{Delay: p.least + int64(d.Delay), Copy: p.least + int64(d.Copy), Twice: d.Twice}
}

// Release implements netsim.Source.
func (p *player) Release(from, to int, k netsim.Key) int64 {
	return p.travel(capsule.Release, domainRelease, from, to, k)
}

// Trip implements netsim.Source.
func (p *player) Trip(from, to int, k netsim.Key) int64 {
	return p.travel(capsule.Reopen, domainReopen, from, to, k)
}

func (p *player) travel(kind capsule.Kind, about domain, from, to int, k netsim.Key) int64 {
	nth := p.nths.next(about, from, to)
	p.hear(capsule.Decision{Kind: kind, From: from, To: to, Nth: nth})
	if d := p.find(about, from, to, nth); d != nil {
		return p.least + int64(d.Delay)
	}
	return p.least + p.spread(k.A, k.B, spreadMax)
}

func (p *player) hear(d capsule.Decision) {
	if p.log {
		p.asked = append(p.asked, d)
	}
}

// unmet is the first decision that has found no place; -1 if each has. The run is over.
func (p *player) unmet() int {
	act := 0
	for i := range p.list {
		met := p.met[i]
		if p.list[i].Kind == capsule.Act {
			met = p.s.acts[act].fired
			act++
		}
		if !met {
			return i
		}
	}
	return -1
}

// restored is a capsule's scenario with its acts as faults: a new one each time, as a simulator keeps what it has made of
// one scenario for the next run of the same.
func restored(c *capsule.Capsule) *scenarios.Scenario {
	sc := *c.Scenario
	sc.Faults = nil
	for i := range c.Decisions {
		if d := &c.Decisions[i]; d.Kind == capsule.Act {
			sc.Faults = append(sc.Faults, *d.Fault)
		}
	}
	return &sc
}
