package core

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestDurations is the table of docs/protocol.md for the defaults.
func TestDurations(t *testing.T) {
	want := Durations{
		RetransmitMin: 250 * time.Millisecond,
		RetransmitMax: time.Second,
		BatchWindow:   100 * time.Millisecond,
		Stagger:       500 * time.Millisecond,
		BackOff:       100 * time.Millisecond,
		Stall:         5 * time.Second,
		QuorumLoss:    15 * time.Second,
		Linger:        60 * time.Second,
	}
	if diff := cmp.Diff(want, DefaultConfig().Durations()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestDurationsScale: the table is linear in the three configured durations, and each entry depends on one of them.
func TestDurationsScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := func(name string) time.Duration {
			return 20 * time.Microsecond * time.Duration(rapid.Int64Range(1, 1e9).Draw(t, name))
		}
		c := DefaultConfig()
		c.HeartbeatInterval, c.HeartbeatTimeout, c.RecoveryTimeout = unit("interval"), unit("timeout"), unit("recovery")
		i, o, r := c.HeartbeatInterval, c.HeartbeatTimeout, c.RecoveryTimeout
		want := Durations{i / 4, i, i / 10, i / 2, i / 10, o, r / 2, r * 2}
		if diff := cmp.Diff(want, c.Durations()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

// TestSteppedDurations: stagger grows with the position up to the eighth step; back-off with the position modulo eight, and
// doubles with each refusal up to eightfold.
func TestSteppedDurations(t *testing.T) {
	d := DefaultConfig().Durations()
	for position := range 40 {
		want := 500 * time.Millisecond
		for range min(position, 7) {
			want += 500 * time.Millisecond
		}
		if got := d.stagger(position); got != want {
			t.Errorf("stagger of position %d is %v, want %v", position, got, want)
		}
		step := time.Duration(position%8+1) * 100 * time.Millisecond
		for n, times := range []time.Duration{1, 1, 2, 4, 8, 8, 8} {
			if got := d.backOff(position, n); got != step*times {
				t.Errorf("back-off of position %d after %d refusals is %v, want %v", position, n, got, step*times)
			}
		}
	}
}

func envOf(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
}

func TestConfigFromEnv(t *testing.T) {
	got, err := ConfigFromEnv(envOf(nil))
	if err != nil || got != DefaultConfig() {
		t.Errorf("an empty environment gives %+v, %v; want the defaults", got, err)
	}
	got, err = ConfigFromEnv(envOf(map[string]string{
		"NEXAR_HEARTBEAT_INTERVAL_SECS": "2", "NEXAR_HEARTBEAT_TIMEOUT_SECS": "7", "NEXAR_RECOVERY_TIMEOUT_SECS": "9",
		"NEXAR_COLLECTIVE_TIMEOUT_SECS": "11", "NEXAR_BARRIER_TIMEOUT_SECS": "3600000", "NEXAR_RECOVERY_POLICY": "abort",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Policy: AbortAll, Rule: Majority, HeartbeatInterval: 2 * time.Second, HeartbeatTimeout: 7 * time.Second,
		RecoveryTimeout: 9 * time.Second, CollectiveTimeout: 11 * time.Second, BarrierTimeout: 1000 * time.Hour,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for text, policy := range map[string]Policy{"auto": Automatic, "automatic": Automatic, "manual": Manual, "abort": AbortAll} {
		got, err := ConfigFromEnv(envOf(map[string]string{"NEXAR_RECOVERY_POLICY": text}))
		if err != nil || got.Policy != policy {
			t.Errorf("policy %q gives %v, %v; want %v", text, got.Policy, err, policy)
		}
	}
}

// TestConfigFromEnvErrors: each bad value is an error that names its variable and the value, all of them at once.
func TestConfigFromEnvErrors(t *testing.T) {
	bad := []string{"", " ", "0", "-1", "+1", "1.5", "1s", "5 ", "0x10", "1_000", "three", "3600001", "18446744073709551616", "18446744073709551615"}
	seconds := []string{
		"NEXAR_HEARTBEAT_INTERVAL_SECS", "NEXAR_HEARTBEAT_TIMEOUT_SECS", "NEXAR_RECOVERY_TIMEOUT_SECS",
		"NEXAR_COLLECTIVE_TIMEOUT_SECS", "NEXAR_BARRIER_TIMEOUT_SECS",
	}
	for _, name := range seconds {
		for _, value := range bad {
			c, err := ConfigFromEnv(envOf(map[string]string{name: value, "NEXAR_RECOVERY_POLICY": "perhaps"}))
			if err == nil || c != (Config{}) {
				t.Errorf("%s=%q gives %+v, %v; want an error", name, value, c, err)
				continue
			}
			for _, part := range []string{name + `="` + value + `"`, `NEXAR_RECOVERY_POLICY: policy "perhaps"`} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s=%q: error %q does not say %s", name, value, err, part)
				}
			}
		}
	}
	for _, value := range []string{"", "Automatic", "AUTO", "automatic ", "none"} {
		if c, err := ConfigFromEnv(envOf(map[string]string{"NEXAR_RECOVERY_POLICY": value})); err == nil || c != (Config{}) {
			t.Errorf("policy %q gives %+v, %v; want an error", value, c, err)
		}
	}
	if _, err := ConfigFromEnv(envOf(map[string]string{"NEXAR_HEARTBEAT_INTERVAL_SECS": "5"})); err == nil {
		t.Error("an interval of the timeout's length is accepted")
	}
}

func TestConfigValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for want, change := range map[string]func(*Config){
		"policy 0":                 func(c *Config) { c.Policy = 0 },
		"policy 4":                 func(c *Config) { c.Policy = 4 },
		"rule 0":                   func(c *Config) { c.Rule = 0 },
		"rule 3":                   func(c *Config) { c.Rule = 3 },
		"heartbeat interval 0s":    func(c *Config) { c.HeartbeatInterval = 0 },
		"heartbeat interval -1s":   func(c *Config) { c.HeartbeatInterval = -time.Second },
		"heartbeat timeout 999ns":  func(c *Config) { c.HeartbeatTimeout = 999 },
		"recovery timeout 1000h0":  func(c *Config) { c.RecoveryTimeout = 1000*time.Hour + 1 },
		"collective timeout 0s":    func(c *Config) { c.CollectiveTimeout = 0 },
		"barrier timeout 0s":       func(c *Config) { c.BarrierTimeout = 0 },
		"heartbeat timeout 1s: ex": func(c *Config) { c.HeartbeatTimeout = time.Second },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one that says %s", err, want)
		}
		if _, err := New(Setup{Self: 0, World: 1, Config: c}); err == nil || !strings.HasPrefix(err.Error(), "make node: ") {
			t.Errorf("%s: New gives %v", want, err)
		}
	}
}

func TestNewErrors(t *testing.T) {
	for _, s := range []Setup{{Self: 0, World: 0}, {Self: -1, World: 3}, {Self: 3, World: 3}, {Self: 0, World: -1}} {
		s.Config = DefaultConfig()
		if n, err := New(s); err == nil || n != nil {
			t.Errorf("node %d of a world of %d is made: %v", s.Self, s.World, err)
		}
	}
}

// TestNames: what the trace, scenario files and messages to users call things.
func TestNames(t *testing.T) {
	var got []string
	for k := range Kind(10) {
		got = append(got, k.String())
	}
	for k := range InputKind(13) {
		got = append(got, k.String())
	}
	for k := range CallOp(16) {
		got = append(got, k.String())
	}
	for k := range EndWhy(6) {
		got = append(got, k.String())
	}
	for k := range EventKind(7) {
		got = append(got, k.String())
	}
	for k := range Policy(5) {
		got = append(got, k.String())
	}
	want := `kind-0 heartbeat vote prepare agreement ack commit refusal abort kind-9
invalid start deliver timer wake sent closed dead suspect trust call shutdown invalid
invalid recover split barrier allreduce hold release broadcast allgather reduce-scatter alltoall write read send receive invalid
invalid shutdown evicted aborted error invalid
invalid recovered failure-detected evicted quorum-lost aborted invalid
invalid automatic manual abort invalid`
	if diff := cmp.Diff(strings.Fields(want), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	n, err := New(Setup{Self: 0, World: 1, CommID: 1, Config: DefaultConfig()})
	if err != nil || n.KindName(Vote) != "vote" || n.KindName(200) != "kind-200" {
		t.Errorf("node: %v, vote is %q, 200 is %q", err, n.KindName(Vote), n.KindName(200))
	}
}
