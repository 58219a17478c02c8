package conform

import (
	"encoding/json"
	"fmt"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/core"
)

// configOf reads the configuration of a trace's machines. known is false for a protocol whose machines are elsewhere.
func configOf(h *trace.Header) (cfg core.Config, known bool, err error) {
	cfg = core.DefaultConfig()
	switch h.Protocol {
	case "quorum":
		cfg.Rule = core.Majority
	case "fail-stop":
		cfg.Rule = core.FailStop
	default:
		return cfg, false, nil
	}
	if stacked(h.Scenario) {
		return cfg, false, nil
	}
	var text struct {
		Policy            string `json:"policy"`
		HeartbeatInterval string `json:"heartbeat_interval"`
		HeartbeatTimeout  string `json:"heartbeat_timeout"`
		RecoveryTimeout   string `json:"recovery_timeout"`
	}
	if len(h.Config) > 0 {
		if err := json.Unmarshal(h.Config, &text); err != nil {
			return cfg, false, fmt.Errorf("conformance: config: %w", err)
		}
	}
	if text.Policy != "" {
		if cfg.Policy, err = core.ParsePolicy(text.Policy); err != nil {
			return cfg, false, fmt.Errorf("conformance: config: %w", err)
		}
	}
	for _, d := range []struct {
		text string
		to   *time.Duration
	}{
		{text.HeartbeatInterval, &cfg.HeartbeatInterval}, {text.HeartbeatTimeout, &cfg.HeartbeatTimeout}, {text.RecoveryTimeout, &cfg.RecoveryTimeout},
	} {
		if d.text == "" {
			continue
		}
		if *d.to, err = time.ParseDuration(d.text); err != nil {
			return cfg, false, fmt.Errorf("conformance: config: %w", err)
		}
	}
	cfg.ExternalDetector = h.Model == "crash-stop"
	if err := cfg.Validate(); err != nil {
		return cfg, false, fmt.Errorf("conformance: config: %w", err)
	}
	return cfg, true, nil
}

// stacked tells whether a scenario's application has a communicator or a register on top of the protocol. Which one, and how
// it was made, no header says: such machines are not fed again.
func stacked(scenario []byte) bool {
	var sc struct {
		Workload map[string]json.RawMessage `json:"workload"`
		Faults   []struct {
			App map[string]json.RawMessage `json:"app"`
		} `json:"faults"`
	}
	if len(scenario) == 0 || json.Unmarshal(scenario, &sc) != nil {
		return false
	}
	for _, f := range sc.Faults {
		for op := core.CallSplit; op <= core.CallAllReduce; op++ {
			if _, calls := f.App[op.String()]; calls {
				return true
			}
		}
	}
	return len(sc.Workload) > 0
}
