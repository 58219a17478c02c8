package sim

import (
	"slices"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/netsim"
	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// ladder is the round durations, shortest first.
func ladder() []time.Duration {
	var all []time.Duration
	for unit := 100 * time.Microsecond; unit <= 1000*time.Second; unit *= 10 {
		all = append(all, unit, 2*unit, 5*unit)
	}
	return all
}

// simpler is what may stand in a duration's place, the simplest first: shorter round ones, and itself with fewer digits.
func simpler(d time.Duration) []time.Duration {
	var all []time.Duration
	for _, r := range ladder() {
		if r < d {
			all = append(all, r)
		}
	}
	return append(all, rounded(d)...)
}

// rounded is a duration with fewer digits.
func rounded(d time.Duration) []time.Duration {
	var all []time.Duration
	for unit := 100 * time.Second; unit >= time.Microsecond; unit /= 10 {
		if unit > d {
			continue
		}
		if d%unit == 0 {
			break
		}
		all = append(all, d/unit*unit, d/unit*unit+unit)
	}
	return all
}

// soonest takes the simplest duration with which the violation stands, and stands firmly: a fifth less or a quarter more
// must not matter, or the next change of code that moves a moment a little would lose it.
func (s *shrinker) soonest(d time.Duration, with func(time.Duration) *capsule.Capsule) {
	for _, r := range simpler(d) {
		if s.stopped() {
			return
		}
		c := with(r)
		if s.holds(c) && s.holds(with(r-r/5)) && s.holds(with(r+r/4)) {
			s.take(c)
			return
		}
	}
	for _, r := range rounded(d) { // not that firm, but plain, and not on the edge
		if s.stopped() {
			return
		}
		c := with(r)
		if s.holds(c) && s.holds(with(r-r/50)) && s.holds(with(r+r/50)) {
			s.take(c)
			return
		}
	}
}

// shorten makes the run end sooner, and its network plainer. It leaves as much time after the violation as a recovery may
// take: a run that ends just in time would hold by ending too soon.
func (s *shrinker) shorten() {
	sc := s.best.Scenario
	least := 2 * sc.Config.RecoveryTimeout
	for _, d := range simpler(sc.Settle) {
		if d >= least && s.try(s.inScenario(func(sc *scenarios.Scenario) { sc.Settle = d })) {
			break
		}
	}
	if !s.liveness {
		least = s.violated + sc.Config.RecoveryTimeout
	}
	for _, d := range simpler(sc.Duration) {
		if d >= least && s.try(s.inScenario(func(sc *scenarios.Scenario) { sc.Duration = d })) {
			break
		}
	}
	if sc.Network.Loss > 0 || sc.Network.Duplicate > 0 {
		s.try(s.inScenario(func(sc *scenarios.Scenario) { sc.Network.Loss, sc.Network.Duplicate = 0, 0 }))
	}
	if sc.Network.Latency.Kind != scenarios.Uniform {
		least := time.Duration(leastOf(sc))
		s.try(s.inScenario(func(sc *scenarios.Scenario) {
			sc.Network.Latency = scenarios.Latency{Kind: scenarios.Uniform, Min: least, Max: least + 2*time.Millisecond}
		}))
	}
}

func leastOf(sc *scenarios.Scenario) int64 {
	l := latency(&sc.Network.Latency)
	return netsim.Latency.Least(l)
}

// simplifyFates makes delays shorter and rounder, and copies come at once.
func (s *shrinker) simplifyFates() {
	for i := 0; i < len(s.best.Decisions) && !s.stopped(); i++ {
		d := s.best.Decisions[i]
		if d.Kind == capsule.Act {
			continue
		}
		change := func(with func(d *capsule.Decision)) *capsule.Capsule {
			list := slices.Clone(s.best.Decisions)
			with(&list[i])
			return s.with(list)
		}
		if d.Twice {
			if d.Delay > 0 {
				s.try(change(func(d *capsule.Decision) { d.Delay = 0 }))
			}
			if d.Delay > 0 && s.try(change(func(d *capsule.Decision) { d.Twice, d.Copy = false, 0 })) || d.Copy == 0 {
				continue
			}
			if !s.try(change(func(d *capsule.Decision) { d.Copy = 0 })) {
				s.soonest(d.Copy, func(t time.Duration) *capsule.Capsule {
					return change(func(d *capsule.Decision) { d.Copy = t })
				})
			}
		}
		if d = s.best.Decisions[i]; d.Delay > 0 {
			s.soonest(d.Delay, func(t time.Duration) *capsule.Capsule {
				return change(func(d *capsule.Decision) { d.Delay = t })
			})
		}
	}
}

// simplifyActs makes acts smaller, shorter, sooner, and at moments of the protocol instead of the clock's.
func (s *shrinker) simplifyActs() {
	for i := 0; i < len(s.best.Decisions) && !s.stopped(); i++ {
		if s.best.Decisions[i].Kind != capsule.Act {
			continue
		}
		for again := true; again && !s.stopped(); {
			again = false
			for _, a := range fewer(&s.best.Decisions[i].Fault.Act) {
				if s.try(s.withFault(i, func(f *scenarios.Fault) { f.Act = a })) {
					again = true
					break
				}
			}
		}
		f := s.best.Decisions[i].Fault
		s.soonest(f.For, func(d time.Duration) *capsule.Capsule {
			d = max(d, time.Second) // less would have to meet its moment exactly
			return s.withFault(i, func(f *scenarios.Fault) { f.For = d })
		})
		if f.Act.By > 0 {
			s.soonest(f.Act.By, func(d time.Duration) *capsule.Capsule {
				return s.withFault(i, func(f *scenarios.Fault) { f.Act.By = d })
			})
		}
		s.timely(i)
	}
}

// withFault is the best with a changed act.
func (s *shrinker) withFault(i int, change func(f *scenarios.Fault)) *capsule.Capsule {
	list := slices.Clone(s.best.Decisions)
	f := *list[i].Fault
	change(&f)
	list[i].Fault = &f
	return s.with(list)
}

// timely finds a simpler time for an act, or a moment of the protocol that tells why that time.
func (s *shrinker) timely(i int) {
	if f := s.best.Decisions[i].Fault; f.When == nil && f.At > 0 {
		if !s.try(s.withFault(i, func(f *scenarios.Fault) { f.At = 0 })) {
			s.soonest(f.At, func(d time.Duration) *capsule.Capsule {
				return s.withFault(i, func(f *scenarios.Fault) { f.At = d })
			})
		}
	}
	s.tie(i)
	s.retie(i)
	if i < len(s.best.Decisions) && s.best.Decisions[i].Kind == capsule.Act {
		s.pin(i)
	}
}

// gatherLosses puts a cut in the place of several losses on a link.
func (s *shrinker) gatherLosses() {
	if s.best.Scenario.Model == scenarios.CrashStop {
		return
	}
	var seen []scenarios.Link
	for i := 0; i < len(s.best.Decisions) && !s.stopped(); i++ {
		d := &s.best.Decisions[i]
		link := scenarios.Link{From: d.From, To: d.To}
		if d.Kind != capsule.Packet || !d.Lost || slices.Contains(seen, link) {
			continue
		}
		seen = append(seen, link)
		s.cutInstead(link)
	}
}

func (s *shrinker) cutInstead(link scenarios.Link) {
	lost := func(d capsule.Decision) bool {
		return d.Kind == capsule.Packet && d.Lost && d.From == link.From && d.To == link.To
	}
	first, last, n := s.losses(link, lost)
	if n < 2 {
		return
	}
	cut := capsule.Decision{Kind: capsule.Act, Fault: &scenarios.Fault{
		At: first - first%time.Second, For: last - (first - first%time.Second) + time.Second,
		Act: scenarios.Act{Kind: scenarios.ActCut, Links: []scenarios.Link{link}},
	}}
	s.try(s.with(append([]capsule.Decision{cut}, slices.DeleteFunc(slices.Clone(s.best.Decisions), lost)...)))
}

// losses finds when the lost messages of a link were sent.
func (s *shrinker) losses(link scenarios.Link, lost func(capsule.Decision) bool) (first, last time.Duration, n int) {
	named := newNamer()
	s.replays++
	_, _ = s.sim.play(ReplaySpec{Capsule: s.best, New: s.spec.New}, newPlayer(s.best.Decisions), Plain, func(ev *trace.Event) {
		e, ok := named.event(ev)
		if !ok || e.Moment != capsule.Sends || e.Node != link.From || e.Peer != link.To {
			return
		}
		e = received(e)
		for i := range s.best.Decisions {
			if d := &s.best.Decisions[i]; lost(*d) && about(d, e) {
				if n == 0 {
					first = time.Duration(ev.T)
				}
				last = time.Duration(ev.T)
				n++
			}
		}
	})
	return first, last, n
}
