package realnet

import (
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net"
	"time"

	"nexarsim/core"
)

// Member is one process of the group's first view.
type Member struct {
	ID      string // never reused; stands in the member's certificate
	Address string // host:port of its UDP socket, as this process reaches it
}

// Constructor makes the machine that a group drives.
type Constructor func(core.Setup) (core.Machine, error)

// Watch sees what a member's machine does: each input after the machine has taken it and before anything is performed (e is
// nil), and then each effect after it was performed. It is called by the goroutine that owns the machine: while it has not
// returned, this member does nothing, as if it were stopped at that moment. That is what it is for.
type Watch func(in *core.Input, e *core.Effect, out *core.Effects)

// Witness says whose death may be taken for certain when an idle TCP connection to it ends.
type Witness uint8

// The kinds of witness. Only on one machine does the kernel vouch for it: elsewhere something on the way can end a
// connection whose ends both live, and a witnessed death is never withdrawn.
const (
	WitnessLocal Witness = iota // peers on a loopback address
	WitnessNone                 // nobody
	WitnessAll                  // every peer: for networks in which nothing on the way ends connections
)

// Config is what one member needs to take part in a group. Members and Core must be the same at every member: a peer that
// has others is refused.
type Config struct {
	Self        string   // the ID of this member
	Members     []Member // the first view in rank order
	Core        core.Config
	Credentials Credentials

	Listen    string         // host:port of this member's UDP socket; empty: its address in Members
	Socket    net.PacketConn // used instead of Listen if there is one; Close closes it
	Machine   Constructor    // nil: the recovery protocol of package core, and a communicator of core/comm on it
	Witness   Witness
	Idle      time.Duration // a connection on which nothing arrives for so long is closed; 0: 30 s
	Logger    *slog.Logger  // nil: nothing is logged
	Watch     Watch         // nil: nobody watches
	QlogTrace bool          // write qlog files to the directory that the environment's QLOGDIR names
}

const (
	idleDefault = 30 * time.Second
	worldMax    = 1024
	idMax       = 128
)

// Validate reports everything that is wrong with c.
func (c *Config) Validate() error {
	errs := []error{c.Core.Validate()}
	if n := len(c.Members); n < 1 || n > worldMax {
		errs = append(errs, fmt.Errorf("members: expected 1 to %d, found %d", worldMax, n))
	}
	seen := map[string]bool{}
	for i, m := range c.Members {
		switch {
		case m.ID == "" || len(m.ID) > idMax:
			errs = append(errs, fmt.Errorf("members[%d].id: expected 1 to %d bytes, found %d", i, idMax, len(m.ID)))
		case seen[m.ID]:
			errs = append(errs, fmt.Errorf("members[%d].id: %q is there twice", i, m.ID))
		}
		seen[m.ID] = true
		if _, _, err := net.SplitHostPort(m.Address); err != nil && m.ID != c.Self {
			errs = append(errs, fmt.Errorf("members[%d].address: expected host:port, found %q", i, m.Address))
		}
	}
	if !seen[c.Self] {
		errs = append(errs, fmt.Errorf("self: %q is not among the members", c.Self))
	}
	if c.Idle < 0 || c.Idle > 0 && c.Idle < c.Core.HeartbeatTimeout {
		errs = append(errs, fmt.Errorf("idle: expected at least the heartbeat timeout %v, found %v", c.Core.HeartbeatTimeout, c.Idle))
	}
	if len(c.Credentials.Certificate.Certificate) == 0 || c.Credentials.Certificate.PrivateKey == nil {
		errs = append(errs, errors.New("credentials: expected a certificate with its private key: nobody listens or dials without"))
	}
	if c.Credentials.Roots == nil {
		errs = append(errs, errors.New("credentials: expected the certificate of the cluster's authority, and no other trust"))
	}
	if c.Witness > WitnessAll {
		errs = append(errs, fmt.Errorf("witness %d: expected WitnessLocal, WitnessNone or WitnessAll", c.Witness))
	}
	return errors.Join(errs...)
}

func (c *Config) idle() time.Duration {
	if c.Idle == 0 {
		return max(idleDefault, c.Core.HeartbeatTimeout)
	}
	return c.Idle
}

func (c *Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}

// self is this member's number.
func (c *Config) self() core.NodeID {
	for i, m := range c.Members {
		if m.ID == c.Self {
			return core.NodeID(i)
		}
	}
	return core.NoNode
}

// commID is that of the first view.
func (c *Config) commID() uint64 {
	ids := make([]string, len(c.Members))
	for i, m := range c.Members {
		ids[i] = m.ID
	}
	return core.RootCommID(ids)
}

// fingerprint is the same at two members if they agree on what they have to agree on beside the members.
func (c *Config) fingerprint() uint64 {
	h := fnv.New64a()
	k := &c.Core
	fmt.Fprintf(h, "%v %v %v %v %v %v %v %v", k.Policy, k.Rule, k.HeartbeatInterval, k.HeartbeatTimeout, k.RecoveryTimeout,
		k.CollectiveTimeout, k.BarrierTimeout, k.ExternalDetector)
	return h.Sum64()
}

func (c *Config) machine() (core.Machine, error) {
	make1 := c.Machine
	if make1 == nil {
		make1 = Stacked
	}
	return make1(core.Setup{Self: c.self(), World: len(c.Members), CommID: c.commID(), Config: c.Core})
}
