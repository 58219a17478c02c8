package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"nexarsim/internal/cluster"
	"nexarsim/scenarios"
)

// The workloads of `cluster`, and how often they call where no scenario says it.
var workloads = []string{"barrier", "allreduce", "register"}

const (
	workEvery   = 100 * time.Millisecond
	workClients = 3
)

// checkWorkload refuses what is none; "" is one that does nothing.
func checkWorkload(name string) error {
	if name != "" && !slices.Contains(workloads, name) {
		return usage("write --workload register", "--workload: expected %s, found %s", strings.Join(workloads, ", "), show(name))
	}
	return nil
}

// apply puts what the flags say of load and faults into a scenario.
func (f *clusterFlags) apply(sc *scenarios.Scenario, world int) error {
	if err := checkWorkload(f.workload); err != nil {
		return err
	}
	if f.workload != "" {
		sc.Workload = &scenarios.Workload{Kind: f.workload, Every: workEvery}
		if f.workload == "register" {
			sc.Workload.Clients = workClients
		}
	}
	if f.duration < 0 || f.duration > clusterLongest {
		return usage("write --duration 60s", "--duration: expected at most %v, found %v", clusterLongest, f.duration)
	}
	if f.duration > 0 {
		sc.Duration = f.duration
	}
	if f.random {
		sc.Faults = append(sc.Faults, randomFaults(sc.Duration, world)...)
	}
	return nil
}

// A run with random faults has some in each window. Most acts on a member that lives are shorter than it takes to suspect
// it: whoever is excluded stays so, and a group that loses somebody in each window is soon none.
const (
	window        = 5 * time.Second
	randomConfig  = "200ms, heartbeat_timeout: 4s"
	randomSettle  = 10 * time.Second
	crashesEveryN = 3 // windows
)

func randomFaults(duration time.Duration, world int) []scenarios.Fault {
	var all []scenarios.Fault
	crashes := (world - 1) / 2
	for i := 0; time.Duration(i)*window < duration; i++ {
		from := max(time.Duration(i)*window, time.Second)
		r := &scenarios.Random{BetweenMin: from, BetweenMax: max(from, min(from+window, duration))}
		r.Pauses, r.Cuts, r.Partitions = scenarios.Range{Max: 1}, scenarios.Range{Max: 1}, scenarios.Range{Max: i % 3 / 2}
		if i%crashesEveryN == 1 && crashes > 0 {
			r.Crashes = scenarios.Range{Max: 1}
			crashes--
		}
		all = append(all, scenarios.Fault{Random: r})
	}
	return all
}

// closing is what the members of a view did at the end, in the document of `cluster`.
type closing struct {
	Epoch   uint64 `json:"epoch"`
	Members []int  `json:"members"`
	Owed    bool   `json:"owed"`
	Right   bool   `json:"right"`
	Sum     int64  `json:"sum"`
	Why     string `json:"why"`
}

func closingsOf(res *cluster.Result) []closing {
	all := []closing{}
	for _, c := range res.Closings {
		all = append(all, closing(c))
	}
	return all
}

// closedWrong tells whether a view that stands at the end does not compute.
func closedWrong(all []closing) bool {
	return slices.ContainsFunc(all, func(c closing) bool { return c.Owed && !c.Right })
}

func tellClosings(w io.Writer, p ink, all []closing) {
	for _, c := range all {
		who := strings.Trim(fmt.Sprint(c.Members), "[]")
		switch {
		case !c.Owed:
			fmt.Fprintf(w, "epoch %d, members %s: not asked for a barrier and an all-reduce, %s\n", c.Epoch, who, c.Why)
		case c.Right:
			fmt.Fprintf(w, "epoch %d, members %s: barrier and all-reduce finished, the sum is %d, as it should be\n", c.Epoch, who, c.Sum)
		default:
			fmt.Fprintf(w, "%s: epoch %d, members %s: barrier and all-reduce, sum %d: %s\n", p.bold("failed"), c.Epoch, who, c.Sum, c.Why)
		}
	}
}
