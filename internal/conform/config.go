package conform

import (
	"encoding/json"
	"fmt"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/core/comm"
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
	if h.Source != real1 && stacked(h.Scenario) {
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

// real1 is the source of traces of real processes.
const real1 = "quic"

// constructor makes the machines of a trace. Real members have a communicator on the protocol, whether they use it or not,
// and a register on that if the scenario's workload is one.
func constructor(h *trace.Header) func(core.Setup) (core.Machine, error) {
	bare := func(s core.Setup) (core.Machine, error) { return core.New(s) }
	if h.Source != real1 {
		return bare
	}
	_, register := application(h.Scenario).Workload["register"]
	return func(s core.Setup) (core.Machine, error) {
		n, err := bare(s)
		if err != nil {
			return nil, err
		}
		k, err := comm.New(n, comm.Settings{Setup: s})
		if err != nil || !register {
			return k, err
		}
		return comm.NewRegister(k, comm.RegisterSettings{Setup: s, Rule: s.Config.Rule})
	}
}

// applied is what a scenario's application does.
type applied struct {
	Workload map[string]json.RawMessage `json:"workload"`
	Faults   []struct {
		App map[string]json.RawMessage `json:"app"`
	} `json:"faults"`
}

func application(scenario []byte) (sc applied) {
	if json.Unmarshal(scenario, &sc) != nil {
		return applied{} // a foreign trace may say anything there
	}
	return sc
}

// stacked tells whether a simulated scenario's application has a communicator or a register on top of the protocol. How it
// was made was drawn from the seed: such machines are not fed again.
func stacked(scenario []byte) bool {
	sc := application(scenario)
	for _, f := range sc.Faults {
		for op := core.CallSplit; op <= core.CallAllReduce; op++ {
			if _, calls := f.App[op.String()]; calls {
				return true
			}
		}
	}
	return len(sc.Workload) > 0
}
