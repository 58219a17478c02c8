package checker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"nexarsim/checker/trace"
)

// Config is what the judge needs to know of a protocol's configuration. Durations are nanoseconds.
type Config struct {
	Policy            string // "automatic", "manual" or "abort"
	HeartbeatInterval int64
	HeartbeatTimeout  int64
	RecoveryTimeout   int64
}

// Network is what the judge needs to know of the links without an act in force.
type Network struct {
	LatencyMax  int64 // the largest one-way delay, nanoseconds
	Loss        int64 // parts per billion
	Datagram    bool  // what is lost is lost; a stream, or an unknown transport, sends it again until the idle timeout
	IdleTimeout int64 // nanoseconds
}

// HeaderError says what in a header cannot be judged by.
type HeaderError struct {
	Field string // path, as in "scenario.network.latency"
	Msg   string // what was found and what was expected
}

// Error gives "judge: field: message".
func (e *HeaderError) Error() string { return "judge: " + e.Field + ": " + e.Msg }

func headerError(field, format string, args ...any) error {
	return &HeaderError{field, fmt.Sprintf(format, args...)}
}

// found writes a value for a message.
func found(raw []byte) string {
	switch {
	case len(raw) == 0:
		return "nothing"
	case len(raw) > 40:
		return string(raw[:40]) + "..."
	}
	return string(raw)
}

// quorumRule says which members may go on without the others.
type quorumRule uint8

const (
	ruleMajority quorumRule = iota
	ruleAny                 // any survivors: fail-stop, classic
)

// settings is what a header says, in the form in which folds ask for it.
type settings struct {
	protocol  string
	classic   bool // classic or a rung of its repair ladder
	hardened  bool // quorum or fail-stop
	quorum    bool // judged for S8
	rule      quorumRule
	crashStop bool
	simulated bool
	schedule  bool // steps take no time
	n         int
	commID    uint64
	Config
	Network
	duration  int64 // of the run, as the scenario states it; 0 if it does not
	settle    int64
	lateBound int64

	parsed           bool
	config, scenario []byte // what was parsed, so that the next run of the same scenario need not
}

// read takes a header in. It keeps what it parsed before if the header says the same.
func (s *settings) read(h *trace.Header) error {
	if h.World < 1 || h.World > 4096 {
		return headerError("world", "expected 1 to 4096 nodes, found %d", h.World)
	}
	s.protocol = h.Protocol
	s.classic = h.Protocol == "classic" || strings.HasPrefix(h.Protocol, "classic+")
	s.quorum = h.Protocol == "quorum"
	s.hardened = s.quorum || h.Protocol == "fail-stop"
	s.rule = ruleMajority
	if s.classic || h.Protocol == "fail-stop" {
		s.rule = ruleAny
	}
	s.crashStop = h.Model == "crash-stop"
	s.simulated = h.Source == "sim"
	s.schedule = h.Mode == trace.ModeSchedule
	s.n, s.commID = h.World, h.CommID
	if s.parsed && bytes.Equal(s.config, h.Config) && bytes.Equal(s.scenario, h.Scenario) {
		return nil
	}
	cfg, net, err := ReadSettings(h)
	if err != nil {
		return err
	}
	s.Config, s.Network = cfg, net
	s.duration, s.settle = runLength(h)
	s.lateBound = LateBound(cfg, net)
	s.parsed = true
	s.config = append(s.config[:0], h.Config...)
	s.scenario = append(s.scenario[:0], h.Scenario...)
	return nil
}

// The defaults of a scenario file.
const (
	defaultInterval   = time.Second
	defaultTimeout    = 5 * time.Second
	defaultRecovery   = 30 * time.Second
	defaultLatencyMax = 2 * time.Millisecond
	defaultSettle     = 60 * time.Second
	defaultIdle       = 30 * time.Second
)

// ReadSettings reads configuration and network from a header. What is not there has its default, what is not known is
// passed over: the header was written by a program that checked it.
func ReadSettings(h *trace.Header) (Config, Network, error) {
	cfg := Config{"automatic", int64(defaultInterval), int64(defaultTimeout), int64(defaultRecovery)}
	net := Network{LatencyMax: int64(defaultLatencyMax), IdleTimeout: int64(defaultIdle)}
	config, err := object("config", h.Config)
	if err != nil {
		return cfg, net, err
	}
	scenario, err := object("scenario", h.Scenario)
	if err != nil {
		return cfg, net, err
	}
	for _, d := range []struct {
		name string
		to   *int64
	}{
		{"heartbeat_interval", &cfg.HeartbeatInterval}, {"heartbeat_timeout", &cfg.HeartbeatTimeout}, {"recovery_timeout", &cfg.RecoveryTimeout},
	} {
		if raw, ok := config[d.name]; ok {
			if *d.to, err = duration("config."+d.name, raw); err != nil {
				return cfg, net, err
			}
		}
	}
	if raw, ok := config["policy"]; ok {
		if err := json.Unmarshal(raw, &cfg.Policy); err != nil {
			return cfg, net, headerError("config.policy", "expected a string, found %s", found(raw))
		}
	}
	if raw, ok := scenario["network"]; ok {
		if err := net.read(raw); err != nil {
			return cfg, net, err
		}
	}
	return cfg, net, nil
}

func object(name string, raw []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if len(raw) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, headerError(name, "expected an object, found %s", found(raw))
	}
	return m, nil
}

func duration(name string, raw json.RawMessage) (int64, error) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		if d, err := time.ParseDuration(s); err == nil && d >= 0 {
			return int64(d), nil
		}
	} else if ns, err := strconv.ParseInt(string(raw), 10, 64); err == nil && ns >= 0 {
		return ns, nil
	}
	return 0, headerError(name, "expected a duration, found %s", found(raw))
}

func (net *Network) read(raw json.RawMessage) error {
	m, err := object("scenario.network", raw)
	if err != nil {
		return err
	}
	if raw, ok := m["loss"]; ok {
		rate, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || rate < 0 || rate > 1 {
			return headerError("scenario.network.loss", "expected a rate, found %s", found(raw))
		}
		net.Loss = int64(math.Round(rate * 1e9))
	}
	if raw, ok := m["transport"]; ok {
		net.Datagram = string(raw) == `"datagram"`
	}
	if raw, ok := m["idle_timeout"]; ok {
		if net.IdleTimeout, err = duration("scenario.network.idle_timeout", raw); err != nil {
			return err
		}
	}
	if raw, ok := m["latency"]; ok {
		if net.LatencyMax, err = latencyMax("scenario.network.latency", raw); err != nil {
			return err
		}
	}
	return nil
}

// latencyMax gives the largest delay of a distribution. An exponential one has none by nature: runs cut it off, at 24
// times its mean beyond the least delay (the chance of more is below 4e-11).
func latencyMax(name string, raw json.RawMessage) (int64, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return rangeMax(name, text)
	}
	m, err := object(name, raw)
	if err != nil {
		return 0, err
	}
	if raw, ok := m["exponential"]; ok {
		exp, err := object(name+".exponential", raw)
		if err != nil {
			return 0, err
		}
		least, err := duration(name+".exponential.min", exp["min"])
		if err != nil {
			return 0, err
		}
		mean, err := duration(name+".exponential.mean", exp["mean"])
		return least + 24*max(0, mean-least), err
	}
	var modes struct{ Bimodal struct{ Fast, Slow string } }
	if err := json.Unmarshal(raw, &modes); err != nil || modes.Bimodal.Slow == "" {
		return 0, headerError(name, "expected a range, exponential or bimodal, found %s", found(raw))
	}
	fast, err := rangeMax(name+".bimodal.fast", modes.Bimodal.Fast)
	if err != nil {
		return 0, err
	}
	slow, err := rangeMax(name+".bimodal.slow", modes.Bimodal.Slow)
	return max(fast, slow), err
}

// rangeMax gives the upper end of "50us..2ms", or a single duration itself.
func rangeMax(name, text string) (int64, error) {
	_, upper, isRange := strings.Cut(text, "..")
	if !isRange {
		upper = text
	}
	d, err := time.ParseDuration(strings.TrimSpace(upper))
	if err != nil || d < 0 {
		return 0, headerError(name, "expected a range of durations, found %q", text)
	}
	return int64(d), nil
}

// runLength reads how long the scenario lets a run last: duration, and what is added after the last act. A duration
// that is not stated is 0, for unknown.
func runLength(h *trace.Header) (length, settle int64) {
	settle = int64(defaultSettle)
	m, err := object("scenario", h.Scenario)
	if err != nil {
		return 0, settle
	}
	if raw, ok := m["duration"]; ok {
		length, _ = duration("scenario.duration", raw)
	}
	if raw, ok := m["settle"]; ok {
		if d, err := duration("scenario.settle", raw); err == nil {
			settle = d
		}
	}
	return length, settle
}
