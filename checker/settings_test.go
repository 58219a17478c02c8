package checker_test

import (
	"errors"
	"testing"
	"time"

	"nexarsim/checker"
	"nexarsim/checker/trace"
)

func TestReadSettings(t *testing.T) {
	const ms = int64(time.Millisecond)
	defaults := checker.Config{Policy: "automatic", HeartbeatInterval: 1000 * ms, HeartbeatTimeout: 5000 * ms, RecoveryTimeout: 30000 * ms}
	for _, c := range []struct {
		config, scenario string
		cfg              checker.Config
		net              checker.Network
	}{
		{"", "", defaults, checker.Network{IdleTimeout: 30000 * ms, LatencyMax: 2 * ms}},
		{"{}", `{"network":{}}`, defaults, checker.Network{IdleTimeout: 30000 * ms, LatencyMax: 2 * ms}},
		{
			`{"policy":"manual","heartbeat_interval":"50ms","heartbeat_timeout":"200ms","recovery_timeout":"2s","other":[]}`, `{"x":1}`,
			checker.Config{Policy: "manual", HeartbeatInterval: 50 * ms, HeartbeatTimeout: 200 * ms, RecoveryTimeout: 2000 * ms}, checker.Network{IdleTimeout: 30000 * ms, LatencyMax: 2 * ms},
		},
		{"", `{"network":{"latency":"1ms..7ms","loss":0.125}}`, defaults, checker.Network{IdleTimeout: 30000 * ms, LatencyMax: 7 * ms, Loss: 125_000_000}},
		{"", `{"network":{"transport":"datagram","idle_timeout":"7ms"}}`, defaults, checker.Network{LatencyMax: 2 * ms, Datagram: true, IdleTimeout: 7 * ms}},
		{"", `{"network":{"latency":"3ms"}}`, defaults, checker.Network{IdleTimeout: 30000 * ms, LatencyMax: 3 * ms}},
		{"", `{"network":{"latency":{"exponential":{"min":"1ms","mean":"2ms"}}}}`, defaults, checker.Network{IdleTimeout: 30000 * ms, LatencyMax: 25 * ms}},
		{"", `{"network":{"latency":{"bimodal":{"fast":"1ms..2ms","slow":"8ms..9ms","share":0.1}}}}`, defaults, checker.Network{IdleTimeout: 30000 * ms, LatencyMax: 9 * ms}},
		{`{"heartbeat_interval":1000000}`, "", checker.Config{Policy: "automatic", HeartbeatInterval: ms, HeartbeatTimeout: 5000 * ms, RecoveryTimeout: 30000 * ms}, checker.Network{IdleTimeout: 30000 * ms, LatencyMax: 2 * ms}},
	} {
		cfg, net, err := checker.ReadSettings(&trace.Header{Config: []byte(c.config), Scenario: []byte(c.scenario)})
		if err != nil || cfg != c.cfg || net != c.net {
			t.Errorf("config %s, scenario %s: %+v %+v %v", c.config, c.scenario, cfg, net, err)
		}
	}
}

func TestReadSettingsErrors(t *testing.T) {
	for _, c := range []struct{ config, scenario, want string }{
		{"[]", "", "config: expected an object, found []"},
		{`{"policy":1}`, "", "config.policy: expected a string, found 1"},
		{`{"heartbeat_interval":"x"}`, "", `config.heartbeat_interval: expected a duration, found "x"`},
		{`{"recovery_timeout":-5}`, "", `config.recovery_timeout: expected a duration, found -5`},
		{"", `3`, "scenario: expected an object, found 3"},
		{"", `{"network":[]}`, "scenario.network: expected an object, found []"},
		{"", `{"network":{"loss":1.5}}`, "scenario.network.loss: expected a rate, found 1.5"},
		{"", `{"network":{"latency":"5..7"}}`, `scenario.network.latency: expected a range of durations, found "5..7"`},
		{"", `{"network":{"latency":{"normal":{}}}}`, `scenario.network.latency: expected a range, exponential or bimodal, found {"normal":{}}`},
		{"", `{"network":{"latency":{"exponential":{"min":"1ms"}}}}`, `scenario.network.latency.exponential.mean: expected a duration, found nothing`},
		{"", `{"network":{"latency":{"bimodal":{"fast":"1","slow":"2ms"}}}}`, `scenario.network.latency.bimodal.fast: expected a range of durations, found "1"`},
	} {
		_, err := checker.New(&trace.Header{World: 3, Config: []byte(c.config), Scenario: []byte(c.scenario)})
		var e *checker.HeaderError
		if !errors.As(err, &e) || e.Field+": "+e.Msg != c.want {
			t.Errorf("config %s, scenario %s: error %v", c.config, c.scenario, err)
		}
	}
	for _, world := range []int{0, -1, 4097} {
		if _, err := checker.New(&trace.Header{World: world}); err == nil {
			t.Errorf("a world of %d is judged", world)
		}
	}
	if _, err := checker.New(&trace.Header{World: 4096}); err != nil {
		t.Error(err)
	}
}

// The bound is docs/protocol.md's: T + 19.4 I + 20 d.
func TestLateBound(t *testing.T) {
	second := int64(time.Second)
	cfg := checker.Config{HeartbeatInterval: second, HeartbeatTimeout: 5 * second}
	got := checker.LateBound(cfg, checker.Network{LatencyMax: second / 500})
	if want := 5*second + 194*second/10 + 20*second/500; got != want {
		t.Errorf("%s, expected %s", time.Duration(got), time.Duration(want))
	}
	if more := checker.LateBound(cfg, checker.Network{LatencyMax: second}); more <= got {
		t.Errorf("a slower network has a bound of %s, a faster one %s", time.Duration(more), time.Duration(got))
	}
}
