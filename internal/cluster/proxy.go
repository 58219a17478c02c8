package cluster

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"nexarsim/scenarios"
)

// network is the rules of all links, as the acts in force make them.
type network struct {
	world int
	mu    sync.RWMutex
	links []rules // from*world + to
}

// rules of one direction of a link.
type rules struct {
	closed    int // acts in force that close it
	slow      time.Duration
	loss      []scenarios.Rate
	duplicate []scenarios.Rate
}

func newNetwork(world int) *network { return &network{world: world, links: make([]rules, world*world)} }

// change applies f to the direction between two nodes.
func (n *network) change(from, to int, f func(*rules)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(&n.links[from*n.world+to])
}

// fate says what happens to a packet: how many copies arrive, and after what delay.
func (n *network) fate(from, to int) (copies int, delay time.Duration) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	r := &n.links[from*n.world+to]
	if r.closed > 0 || slices.ContainsFunc(r.loss, strikes) {
		return 0, 0
	}
	copies = 1
	for _, rate := range r.duplicate {
		if strikes(rate) {
			copies++
		}
	}
	return copies, r.slow
}

func strikes(rate scenarios.Rate) bool { return rand.Int64N(1e9) < int64(rate) }

// apply begins an act on links, or ends it.
func (n *network) apply(a *scenarios.Act, begins bool) {
	sign := 1
	if !begins {
		sign = -1
	}
	for _, l := range n.affected(a) {
		n.change(l.From, l.To, func(r *rules) {
			switch a.Kind {
			case scenarios.ActPartition, scenarios.ActCut:
				r.closed += sign
			case scenarios.ActSlow:
				r.slow += time.Duration(sign) * a.By
			case scenarios.ActLoss:
				r.loss = without(r.loss, a.Rate, begins)
			case scenarios.ActDuplicate:
				r.duplicate = without(r.duplicate, a.Rate, begins)
			default:
			}
		})
	}
}

// without adds a rate, or takes one like it away.
func without(rates []scenarios.Rate, rate scenarios.Rate, add bool) []scenarios.Rate {
	if add {
		return append(rates, rate)
	}
	if i := slices.Index(rates, rate); i >= 0 {
		return slices.Delete(rates, i, i+1)
	}
	return rates
}

// affected is the directions that an act changes.
func (n *network) affected(a *scenarios.Act) []scenarios.Link {
	var all []scenarios.Link
	for from := range n.world {
		for to := range n.world {
			l := scenarios.Link{From: from, To: to}
			if from != to && concerns(a, l) {
				all = append(all, l)
			}
		}
	}
	return all
}

func concerns(a *scenarios.Act, l scenarios.Link) bool {
	switch a.Kind {
	case scenarios.ActPartition:
		from, to := groupOf(a.Groups, l.From), groupOf(a.Groups, l.To)
		return from >= 0 && to >= 0 && from != to
	case scenarios.ActCut:
		return slices.Contains(a.Links, l)
	case scenarios.ActSlow:
		return slices.Contains(a.Nodes, l.From) || slices.Contains(a.Nodes, l.To)
	case scenarios.ActLoss, scenarios.ActDuplicate:
		return len(a.Links) == 0 || slices.Contains(a.Links, l)
	default:
		return false
	}
}

// groupOf is where a node stands in a partition; below 0: in no group, connected to everybody.
func groupOf(groups [][]int, node int) int {
	return slices.IndexFunc(groups, func(g []int) bool { return slices.Contains(g, node) })
}

// proxy carries the packets of one pair of members. The dialling one, with the higher number, sends to front; what comes
// for it from the other one arrives at back.
type proxy struct {
	high, low   int
	front, back *net.UDPConn
	net         *network
	wait        sync.WaitGroup
}

const packetMax = 64 << 10

// newProxy carries packets between two sockets on the loopback address.
func newProxy(n *network, high, low int, highPort, lowPort uint16) (*proxy, error) {
	front, err := listenLoopback()
	if err != nil {
		return nil, err
	}
	back, err := listenLoopback()
	if err != nil {
		front.Close()
		return nil, err
	}
	p := &proxy{high: high, low: low, front: front, back: back, net: n}
	highAddr, lowAddr := loopback(highPort), loopback(lowPort)
	p.wait.Add(2)
	go p.carry(front, highAddr, back, lowAddr, high, low)
	go p.carry(back, lowAddr, front, highAddr, low, high)
	return p, nil
}

func listenLoopback() (*net.UDPConn, error) {
	return net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
}

func loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

func (p *proxy) address() string { return p.front.LocalAddr().String() }

func (p *proxy) close() {
	p.front.Close()
	p.back.Close()
	p.wait.Wait()
}

// carry takes what a member sends to in, and sends it to the other one from out. Packets of anybody else are dropped.
func (p *proxy) carry(in *net.UDPConn, member netip.AddrPort, out *net.UDPConn, other netip.AddrPort, from, to int) {
	defer p.wait.Done()
	buf := make([]byte, packetMax)
	for {
		n, sender, err := in.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || sender != member {
			continue
		}
		copies, delay := p.net.fate(from, to)
		for range copies {
			if delay == 0 {
				_, _ = out.WriteToUDPAddrPort(buf[:n], other) // what is not sent is lost, as packets are
				continue
			}
			packet := slices.Clone(buf[:n])
			time.AfterFunc(delay, func() { _, _ = out.WriteToUDPAddrPort(packet, other) })
		}
	}
}

// open tells whether packets from one node reach another.
func (n *network) open(from, to int) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.links[from*n.world+to].closed == 0
}
