package scenariogen

import (
	"time"

	"pgregory.net/rapid"

	"nexarsim/scenarios"
)

// Runnable draws scenarios that a simulator can run in milliseconds: worlds of at most seven, a few virtual minutes, the
// default configuration or a tenth of it, faults of every kind that needs no communicator, close together. They stay
// within the asynchronous model or, with crashStop, within the crash-stop model.
func Runnable(crashStop bool) *rapid.Generator[*scenarios.Scenario] {
	return rapid.Custom(func(t *rapid.T) *scenarios.Scenario { return runnable(t, crashStop) })
}

func runnable(t *rapid.T, crashStop bool) *scenarios.Scenario {
	s := &scenarios.Scenario{
		Name: "drawn", World: scenarios.Range{Min: rapid.IntRange(2, 7).Draw(t, "world")}, Protocol: "quorum",
		Config: scenarios.Config{
			Policy:            rapid.SampledFrom([]string{"automatic", "automatic", "automatic", "manual", "abort"}).Draw(t, "policy"),
			HeartbeatInterval: time.Second, HeartbeatTimeout: 5 * time.Second, RecoveryTimeout: 30 * time.Second,
		},
		Duration: time.Minute, Settle: time.Minute,
	}
	s.World.Max = s.World.Min
	if crashStop {
		s.Model = scenarios.CrashStop
	}
	if rapid.Bool().Draw(t, "hasty") {
		s.Config.HeartbeatInterval, s.Config.HeartbeatTimeout = 100*time.Millisecond, 500*time.Millisecond
		s.Config.RecoveryTimeout = 3 * time.Second
		s.Duration, s.Settle = 10*time.Second, 20*time.Second
	}
	s.Network = plainNetwork(t)
	for range rapid.IntRange(1, 9).Draw(t, "faults") {
		s.Faults = append(s.Faults, runnableFault(t, s))
	}
	return s
}

// plainNetwork draws a network that mostly works.
func plainNetwork(t *rapid.T) scenarios.Network {
	n := scenarios.Network{
		Transport: rapid.SampledFrom([]string{"stream", "datagram", "random"}).Draw(t, "transport"),
		Latency:   scenarios.Latency{Kind: scenarios.Uniform, Min: 50 * time.Microsecond},
		Reorder:   rapid.Bool().Draw(t, "reorder"), IdleTimeout: time.Duration(rapid.IntRange(2, 30).Draw(t, "idle")) * time.Second,
	}
	n.Latency.Max = n.Latency.Min + time.Duration(rapid.IntRange(0, 60_000).Draw(t, "latency"))*time.Microsecond
	if rapid.IntRange(0, 3).Draw(t, "lossy") == 0 {
		n.Loss = scenarios.Rate(rapid.Int64Range(0, rateOne/10).Draw(t, "loss"))
		n.Duplicate = scenarios.Rate(rapid.Int64Range(0, rateOne/4).Draw(t, "duplicate"))
	}
	return n
}

// runnableFault draws a fault in the first part of the run.
func runnableFault(t *rapid.T, s *scenarios.Scenario) scenarios.Fault {
	var f scenarios.Fault
	if rapid.IntRange(0, 2).Draw(t, "triggered") == 0 {
		f.When = trigger(t, s.World.Min)
		f.When.Epoch = min(f.When.Epoch, 3)
	} else {
		f.At = moment(t, "at", s)
	}
	for f.Act.Kind == scenarios.ActNone || f.Act.Kind == scenarios.ActApp {
		f.Act = act(t, s)
		if f.Act.Kind == scenarios.ActApp && (f.Act.Op == "shutdown" || f.Act.Op == "recover") {
			break
		}
	}
	f.Act.By = min(f.Act.By, s.Config.HeartbeatTimeout)
	for i := range f.Act.Skew {
		k := &f.Act.Skew[i]
		k.Step = max(min(k.Step, time.Second), -time.Second)
	}
	if f.Act.Kind != scenarios.ActCrash && f.Act.Kind != scenarios.ActApp && rapid.IntRange(0, 4).Draw(t, "ends") > 0 {
		f.For = 1 + moment(t, "for", s)
	}
	return f
}

// moment draws an instant or a duration within the run, often one of the round ones at which several things meet.
func moment(t *rapid.T, label string, s *scenarios.Scenario) time.Duration {
	if rapid.Bool().Draw(t, label+" round") {
		return s.Config.HeartbeatInterval * time.Duration(rapid.IntRange(0, 20).Draw(t, label))
	}
	return time.Duration(rapid.Int64Range(0, int64(s.Duration/2)).Draw(t, label))
}
