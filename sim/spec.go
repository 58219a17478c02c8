package sim

import (
	"fmt"
	"strconv"
	"time"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/scenarios"
)

// Spec says which run is wanted.
type Spec struct {
	Scenario *scenarios.Scenario // must not be changed between two runs of one simulator
	Protocol string              // a name of Protocols; "" takes the scenario's
	Seed     uint64              // from 1

	// New replaces the protocol's constructor by a machine of the caller's own.
	New Constructor

	// Observe, if set, is given every line of the run's trace, the header first (Header) and the verdict last. The event
	// is reused after it returns.
	Header  func(*trace.Header)
	Observe func(*trace.Event)
	// Inputs adds a line for each input of each node.
	Inputs bool

	// Talk, if not 0, is how often the application of each node sends something to another, or receives something. No
	// scenario asks for it and no capsule keeps it. The protocols quorum and fail-stop have it.
	Talk time.Duration

	// Log, if set, takes a fingerprint of each step.
	Log *StepLog

	choices   source // nil: the seed's
	variation Variation
}

// Result is what a run came to.
type Result struct {
	Scenario  string
	Protocol  string
	Seed      uint64
	World     int
	Drawn     []string // what was drawn from the seed before the first step, one line each
	Digest    uint64
	Steps     uint64
	Messages  uint64
	Installs  uint64
	VirtualNS int64
	Verdict   checker.Verdict
	Unfired   []string // faults whose trigger never came
	Reach     Reach
}

// DigestText is the digest as traces and reports show it.
func (r *Result) DigestText() string { return fmt.Sprintf("%016x", r.Digest) }

// protocol is the protocol that a spec names.
func (s *Spec) protocol() string {
	if s.Protocol != "" {
		return s.Protocol
	}
	return s.Scenario.Protocol
}

// config is the scenario's configuration as the core wants it.
func config(sc *scenarios.Scenario) (core.Config, error) {
	c := core.DefaultConfig()
	p, err := core.ParsePolicy(sc.Config.Policy)
	if err != nil {
		return c, fmt.Errorf("scenario %s: config.%w", sc.Name, err)
	}
	c.Policy = p
	c.HeartbeatInterval = sc.Config.HeartbeatInterval
	c.HeartbeatTimeout = sc.Config.HeartbeatTimeout
	c.RecoveryTimeout = sc.Config.RecoveryTimeout
	c.ExternalDetector = sc.Model == scenarios.CrashStop
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("scenario %s: config: %w", sc.Name, err)
	}
	return c, nil
}

// nodeIDs names the nodes of a world. The names are part of the first view's comm_id.
func nodeIDs(world int) []string {
	ids := make([]string, world)
	for i := range ids {
		ids[i] = "node-" + strconv.Itoa(i)
	}
	return ids
}
