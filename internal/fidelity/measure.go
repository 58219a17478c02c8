package main

import (
	"slices"

	"nexarsim/checker/trace"
)

// What is measured of a run, each a list of times in nanoseconds.
const (
	heartbeatDelay = iota // from the send of a heartbeat until its receiver takes it
	messageDelay          // of any other message
	lateness              // by how much a node's next heartbeat to a peer comes later than its interval says
	detection             // from a death until a survivor suspects it, a sample for each survivor
	agreement             // from the first suspicion of a dead node until the first install without it
	spread                // from that install until the last one
	recovery              // from the death until the last install
	measures
)

var measureNames = [measures]string{
	"a heartbeat's delay", "another message's delay", "a heartbeat sent late by", "death to suspicion", "suspicion to first install",
	"first install to last", "death to last install",
}

// samples are the times of many runs, by what is measured.
type samples [measures][]int64

// meter measures one run by its trace alone, simulated or real.
type meter struct {
	interval int64 // of heartbeats
	into     *samples
	sent     map[uint64]send
	beats    map[[2]int]int64 // when a node sent its last heartbeat to a peer
	deaths   []*death
}

type send struct {
	t         int64
	heartbeat bool
}

type death struct {
	node                    int
	at                      int64
	suspected, first, last  int64
	hasSuspected, installed bool
	by                      map[int]bool
}

func newMeter(interval int64, into *samples) *meter {
	return &meter{interval: interval, into: into, sent: map[uint64]send{}, beats: map[[2]int]int64{}}
}

// observe takes the next line.
func (m *meter) observe(ev *trace.Event) {
	switch ev.Kind {
	case trace.Send:
		m.send(ev)
	case trace.Deliver:
		s, ok := m.sent[ev.ID]
		if !ok || ev.Late {
			return
		}
		what := messageDelay
		if s.heartbeat {
			what = heartbeatDelay
		}
		m.add(what, ev.T-s.t)
	case trace.Crash:
		m.deaths = append(m.deaths, &death{node: ev.Node, at: ev.T, by: map[int]bool{}})
	case trace.Suspect:
		m.suspect(ev)
	case trace.Install:
		m.install(ev)
	default:
	}
}

func (m *meter) add(what int, ns int64) { m.into[what] = append(m.into[what], ns) }

func (m *meter) send(ev *trace.Event) {
	heartbeat := ev.Msg.Type == "heartbeat"
	m.sent[ev.ID] = send{ev.T, heartbeat}
	if !heartbeat {
		return
	}
	link := [2]int{ev.Node, ev.To}
	if last, ok := m.beats[link]; ok {
		m.add(lateness, max(0, ev.T-last-m.interval))
	}
	m.beats[link] = ev.T
}

func (m *meter) suspect(ev *trace.Event) {
	for _, d := range m.deaths {
		if d.node != ev.Peer || d.by[ev.Node] {
			continue
		}
		d.by[ev.Node] = true
		m.add(detection, ev.T-d.at)
		if !d.hasSuspected {
			d.suspected, d.hasSuspected = ev.T, true
		}
	}
}

func (m *meter) install(ev *trace.Event) {
	for _, d := range m.deaths {
		if !slices.Contains(ev.Install.Dead, d.node) {
			continue
		}
		if !d.installed {
			d.first, d.installed = ev.T, true
		}
		d.last = ev.T
	}
}

// finish adds what only the end of the run tells.
func (m *meter) finish() {
	for _, d := range m.deaths {
		if d.hasSuspected && d.installed {
			m.add(agreement, d.first-d.suspected)
			m.add(spread, d.last-d.first)
			m.add(recovery, d.last-d.at)
		}
	}
}

// distribution is what is told of many times.
type distribution struct {
	n                  int
	median, high, most int64 // of 2, 99 of 100, all
}

// of sorts the times.
func of(times []int64) distribution {
	if len(times) == 0 {
		return distribution{}
	}
	slices.Sort(times)
	n := len(times)
	return distribution{n, times[n/2], times[n*99/100], times[n-1]}
}
