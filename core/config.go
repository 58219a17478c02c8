package core

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Policy says what a node does about a failure.
type Policy uint8

// The policies.
const (
	Automatic Policy = iota + 1 // agree and rebuild
	Manual                      // tell the application; rebuild when it calls recover
	AbortAll                    // end, and tell the others to end
)

// String names the policy as scenario files and NEXAR_RECOVERY_POLICY do.
func (p Policy) String() string {
	switch p {
	case Automatic:
		return "automatic"
	case Manual:
		return "manual"
	case AbortAll:
		return "abort"
	}
	return "invalid"
}

// ParsePolicy is the inverse of String; "auto" is accepted for automatic, as nexar does.
func ParsePolicy(s string) (Policy, error) {
	switch s {
	case "automatic", "auto":
		return Automatic, nil
	case "manual":
		return Manual, nil
	case "abort":
		return AbortAll, nil
	}
	return 0, fmt.Errorf("policy %q: expected automatic, auto, manual or abort", s)
}

// Config is what a group agrees on before it starts. All members have the same.
type Config struct {
	Policy            Policy
	Rule              Rule
	HeartbeatInterval time.Duration // between two heartbeats to each peer
	HeartbeatTimeout  time.Duration // silence after which a peer is suspected
	RecoveryTimeout   time.Duration // the longest a node without a quorum stays silent about it is half of this
	CollectiveTimeout time.Duration // of one collective operation
	BarrierTimeout    time.Duration // of one barrier
	ExternalDetector  bool          // suspicions come as inputs; no heartbeat is sent or read
}

// DefaultConfig is nexar's defaults with the majority rule.
func DefaultConfig() Config {
	return Config{
		Policy: Automatic, Rule: Majority,
		HeartbeatInterval: time.Second, HeartbeatTimeout: 5 * time.Second, RecoveryTimeout: 30 * time.Second,
		CollectiveTimeout: 30 * time.Second, BarrierTimeout: 30 * time.Second,
	}
}

// durationMax bounds configured durations, so that sums and doublings of them cannot overflow an Instant.
const durationMax = 1000 * time.Hour

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if c.Policy < Automatic || c.Policy > AbortAll {
		errs = append(errs, fmt.Errorf("policy %d: expected Automatic, Manual or AbortAll", c.Policy))
	}
	if c.Rule != Majority && c.Rule != FailStop {
		errs = append(errs, fmt.Errorf("rule %d: expected Majority or FailStop", c.Rule))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"heartbeat interval", c.HeartbeatInterval}, {"heartbeat timeout", c.HeartbeatTimeout},
		{"recovery timeout", c.RecoveryTimeout}, {"collective timeout", c.CollectiveTimeout}, {"barrier timeout", c.BarrierTimeout},
	} {
		if d.value < time.Microsecond || d.value > durationMax {
			errs = append(errs, fmt.Errorf("%s %v: expected 1us to %v", d.name, d.value, durationMax))
		}
	}
	if c.HeartbeatTimeout <= c.HeartbeatInterval {
		errs = append(errs, fmt.Errorf("heartbeat timeout %v: expected more than the heartbeat interval %v", c.HeartbeatTimeout, c.HeartbeatInterval))
	}
	return errors.Join(errs...)
}

// ConfigFromEnv is DefaultConfig changed by nexar's environment names, read through lookup (os.LookupEnv, for instance):
// core reads no environment itself. Every bad value is an error that names the variable; nexar ignores them.
func ConfigFromEnv(lookup func(name string) (string, bool)) (Config, error) {
	c := DefaultConfig()
	var errs []error
	for _, v := range []struct {
		name string
		to   *time.Duration
	}{
		{"NEXAR_HEARTBEAT_INTERVAL_SECS", &c.HeartbeatInterval},
		{"NEXAR_HEARTBEAT_TIMEOUT_SECS", &c.HeartbeatTimeout},
		{"NEXAR_RECOVERY_TIMEOUT_SECS", &c.RecoveryTimeout},
		{"NEXAR_COLLECTIVE_TIMEOUT_SECS", &c.CollectiveTimeout},
		{"NEXAR_BARRIER_TIMEOUT_SECS", &c.BarrierTimeout},
	} {
		text, set := lookup(v.name)
		if !set {
			continue
		}
		secs, err := strconv.ParseUint(text, 10, 64)
		if err != nil || secs == 0 || secs > uint64(durationMax/time.Second) {
			errs = append(errs, fmt.Errorf("%s=%q: expected whole seconds, 1 to %d", v.name, text, durationMax/time.Second))
			continue
		}
		*v.to = time.Duration(secs) * time.Second
	}
	if text, set := lookup("NEXAR_RECOVERY_POLICY"); set {
		p, err := ParsePolicy(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("NEXAR_RECOVERY_POLICY: %w", err))
		}
		c.Policy = p
	}
	if len(errs) > 0 {
		return Config{}, errors.Join(errs...)
	}
	if err := c.Validate(); err != nil {
		return Config{}, fmt.Errorf("environment: %w", err)
	}
	return c, nil
}

// Durations is every other duration of the protocol as a function of the three configured ones: the table of
// docs/protocol.md, which a test holds to this.
type Durations struct {
	RetransmitMin time.Duration // first repetition of a vote, prepare, agreement or ack
	RetransmitMax time.Duration // later ones double up to this
	BatchWindow   time.Duration // how long a coordinator with a quorum waits for other unsuspected members
	Stagger       time.Duration // take-over step: the i-th unsuspected member waits i+1 of them, 8 at most
	BackOff       time.Duration // step after a refusal: times i mod 8 + 1, doubled up to 8-fold with each refusal
	Stall         time.Duration // without a sign from an unsuspected coordinator for so long, its members start the stagger
	QuorumLoss    time.Duration // from the loss of a quorum to its report
	Linger        time.Duration // how long an excluded or aborted node goes on answering
}

// The bounds of the stepped durations.
const (
	staggerSteps   = 8
	backOffDoubles = 3
)

// Durations derives the table from c.
func (c Config) Durations() Durations {
	return Durations{
		RetransmitMin: c.HeartbeatInterval / 4,
		RetransmitMax: c.HeartbeatInterval,
		BatchWindow:   c.HeartbeatInterval / 10,
		Stagger:       c.HeartbeatInterval / 2,
		BackOff:       c.HeartbeatInterval / 10,
		Stall:         c.HeartbeatTimeout,
		QuorumLoss:    c.RecoveryTimeout / 2,
		Linger:        2 * c.RecoveryTimeout,
	}
}

// stagger is how long the member at a position among the unsuspected ones waits before it takes over.
func (d Durations) stagger(position int) time.Duration {
	return d.Stagger * time.Duration(min(position, staggerSteps-1)+1)
}

// backOff is how long a coordinator waits after its n-th refusal of an epoch, from 1, before it raises its ballot.
func (d Durations) backOff(position, n int) time.Duration {
	return d.BackOff * time.Duration(position%staggerSteps+1) << min(max(n-1, 0), backOffDoubles)
}
