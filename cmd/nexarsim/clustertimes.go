package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/internal/report"
)

// clusterRun is the document of `cluster`: that of a run, and how long things took.
type clusterRun struct {
	*report.Run
	Delay      spread     `json:"delay_us"`
	Recoveries []recovery `json:"recoveries"`
	Stalls     int        `json:"stalls"`
	StallMax   int64      `json:"stall_max_us"`
	Calls      uint64     `json:"calls"`
	Closings   []closing  `json:"closings"`
}

// spread is a distribution of times, in microseconds.
type spread struct {
	Count  int   `json:"count"`
	Median int64 `json:"p50"`
	High   int64 `json:"p99"`
	Max    int64 `json:"max"`
}

// recovery is what followed a death: microseconds until the first survivor suspected it, and until the last one of those
// that installed a view without it had done so.
type recovery struct {
	Node      int   `json:"node"`
	Suspected int64 `json:"suspected_us"`
	Installed int64 `json:"installed_us"`
}

// times measures a trace.
type times struct {
	sent   map[uint64]int64
	delays []int64
	deaths []death
}

type death struct {
	node                     int
	at, suspected, installed int64
}

func (m *times) observe(ev *trace.Event) {
	switch ev.Kind {
	case trace.Send:
		if m.sent == nil {
			m.sent = map[uint64]int64{}
		}
		m.sent[ev.ID] = ev.T
	case trace.Deliver:
		if !ev.Late { // it has arrived before
			m.delays = append(m.delays, (ev.T-m.sent[ev.ID])/1000)
		}
	case trace.Crash:
		m.deaths = append(m.deaths, death{node: ev.Node, at: ev.T})
	case trace.Suspect:
		for i := range m.deaths {
			if d := &m.deaths[i]; d.node == ev.Peer && d.suspected == 0 {
				d.suspected = ev.T
			}
		}
	case trace.Install:
		for i := range m.deaths {
			if d := &m.deaths[i]; slices.Contains(ev.Install.Dead, d.node) {
				d.installed = ev.T
			}
		}
	default:
	}
}

func (m *times) delay() spread {
	n := len(m.delays)
	if n == 0 {
		return spread{}
	}
	slices.Sort(m.delays)
	return spread{n, m.delays[n/2], m.delays[n*99/100], m.delays[n-1]}
}

// recoveries are those of deaths that were noticed, and answered with a view.
func (m *times) recoveries() []recovery {
	all := []recovery{}
	for _, d := range m.deaths {
		if d.suspected > 0 && d.installed > 0 {
			all = append(all, recovery{d.node, (d.suspected - d.at) / 1000, (d.installed - d.at) / 1000})
		}
	}
	return all
}

func tellTimes(w io.Writer, doc *clusterRun) {
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	if d := doc.Delay; d.Count > 0 {
		fmt.Fprintf(w, "a message took %v (median), %v (99 of 100), %v at most\n", us(d.Median), us(d.High), us(d.Max))
	}
	if doc.Stalls > 0 {
		fmt.Fprintf(w, "the machine kept a process waiting %s, for %v at most: in the trace such a process is paused\n", count(uint64(doc.Stalls), "time"), us(doc.StallMax))
	}
	for _, r := range doc.Recoveries {
		fmt.Fprintf(w, "death of %d: suspected after %v, last install after %v\n", r.Node, us(r.Suspected), us(r.Installed))
	}
}
