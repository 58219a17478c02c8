package sim

import (
	"fmt"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/netsim"
	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// Record makes a run from its seed and keeps it as a capsule, with every choice in it that was not the default's. Its
// replay by the same build is the same run, digest included. The property is the one that the capsule is about; empty,
// the first that the run broke, if it broke any. Who made it is for the caller to say: FoundBy.
func (s *Simulator) Record(spec Spec, property string) (*capsule.Capsule, *Result, error) {
	r := &recorder{}
	spec.choices = r
	res, err := s.Run(spec)
	if err != nil {
		return nil, nil, err
	}
	if property == "" && len(res.Verdict.Violations) > 0 {
		property = res.Verdict.Violations[0].Property
	}
	if property != "" && !broke(res, property) {
		return nil, nil, fmt.Errorf("record %s seed %d: the run did not break %s", res.Scenario, res.Seed, property)
	}
	c := &capsule.Capsule{
		Mode: capsule.Timed, Scenario: s.fixed(), Protocol: res.Protocol, Seed: res.Seed, Property: property,
		Decisions: append(s.acted(), r.list...), FoundBy: capsule.Origin{Command: "record", Version: "(devel)"},
	}
	seal(c, res)
	return c, res, nil
}

// seal writes down what a capsule's own replay came to.
func seal(c *capsule.Capsule, res *Result) {
	c.Violations = append([]trace.Violation(nil), res.Verdict.Violations...)
	c.Digest, c.Steps = res.DigestText(), res.Steps
}

func broke(res *Result, property string) bool {
	for i := range res.Verdict.Violations {
		if res.Verdict.Violations[i].Property == property {
			return true
		}
	}
	return false
}

// fixed is the scenario with what was drawn before the first step, and without faults: those are decisions.
func (s *Simulator) fixed() *scenarios.Scenario {
	sc := *s.sc
	sc.World = scenarios.Range{Min: s.world, Max: s.world}
	if sc.Network.Transport == "random" {
		sc.Network.Transport = transportName(s.stream)
	}
	sc.Faults = nil
	return &sc
}

func transportName(stream bool) string {
	if stream {
		return "stream"
	}
	return "datagram"
}

// acted is the acts of the run as decisions, those that it drew among them, in their order.
func (s *Simulator) acted() []capsule.Decision {
	var all []capsule.Decision
	for i := range s.acts {
		a := &s.acts[i]
		f := &scenarios.Fault{Act: a.Act, For: time.Duration(a.dur)}
		if f.When = a.when; f.When == nil {
			f.At = time.Duration(a.at)
		}
		all = append(all, capsule.Decision{Kind: capsule.Act, Fault: f})
	}
	return all
}

// recorder asks what a run without it would ask, and notes the answers.
type recorder struct {
	s     *Simulator
	drawn netsim.Source
	least int64
	nths  nths
	list  []capsule.Decision
}

func (r *recorder) bind(s *Simulator) error {
	r.s, r.drawn, r.nths, r.list = s, s.net.Drawn(), nths{}, nil
	r.least = latency(&s.sc.Network.Latency).Least()
	return nil
}

func (r *recorder) phase(id int) int64 {
	s := r.s
	s.choices = nil
	phase := s.phase(id, uint64(s.cfg.HeartbeatInterval))
	s.choices = r
	if phase > 0 {
		r.list = append(r.list, capsule.Decision{Kind: capsule.Phase, Node: id, Delay: time.Duration(phase)})
	}
	return int64(phase)
}

func (r *recorder) notice(by, dead int) int64 {
	s := r.s
	s.choices = nil
	after := s.notice(by, dead)
	s.choices = r
	if after > 0 {
		r.list = append(r.list, capsule.Decision{Kind: capsule.Detect, By: by, Of: dead, Delay: time.Duration(after)})
	}
	return after
}

// Packet implements netsim.Source.
func (r *recorder) Packet(now int64, from, to int, k netsim.Key) netsim.Draw {
	draw := r.drawn.Packet(now, from, to, k)
	d := capsule.Decision{Kind: capsule.Packet, From: from, To: to}
	if domainOf(k) == domainClose {
		d.Kind, d.Nth = capsule.Close, r.nths.next(domainClose, from, to)
	} else {
		d.Message, d.Epoch, d.During, d.Nth = r.s.meaning(k)
	}
	switch {
	case draw.Why != netsim.Delivered:
		d.Lost = true
	default:
		d.Delay = time.Duration(draw.Delay - r.least)
		if draw.Twice {
			d.Twice, d.Copy = true, time.Duration(draw.Copy-r.least)
		}
	}
	if d.Lost || d.Twice || d.Delay > 0 {
		r.list = append(r.list, d)
	}
	return draw
}

// Release implements netsim.Source.
func (r *recorder) Release(from, to int, k netsim.Key) int64 {
	return r.note(capsule.Release, domainRelease, from, to, r.drawn.Release(from, to, k))
}

// Trip implements netsim.Source.
func (r *recorder) Trip(from, to int, k netsim.Key) int64 {
	return r.note(capsule.Reopen, domainReopen, from, to, r.drawn.Trip(from, to, k))
}

func (r *recorder) note(kind capsule.Kind, about domain, from, to int, delay int64) int64 {
	nth := r.nths.next(about, from, to)
	if delay > r.least {
		r.list = append(r.list, capsule.Decision{Kind: kind, From: from, To: to, Nth: nth, Delay: time.Duration(delay - r.least)})
	}
	return delay
}

// nths numbers what has no kind of message, by link: the how-many-th close that a link took, release, reopening.
type nths map[nthOf]uint64

type nthOf struct {
	about    domain
	from, to int
}

func (n nths) next(about domain, from, to int) uint64 {
	at := nthOf{about, from, to}
	n[at]++
	return n[at]
}

func domainOf(k netsim.Key) domain { return domain(k.A >> 56) }

// meaning takes a packet's key apart.
func (s *Simulator) meaning(k netsim.Key) (kind string, epoch, during, nth uint64) {
	epoch, nth = k.B>>32, k.B&(1<<32-1)
	if late := k.A >> 32 & (1<<24 - 1); late > 0 {
		during = epoch + late - 1
	}
	return s.nodes[0].m.KindName(core.Kind(k.A >> 24 & 0xff)), epoch, during, nth
}
