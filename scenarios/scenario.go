package scenarios

import "time"

// Scenario is a complete, valid scenario: defaults are filled in and every number is in range. Parse makes one from YAML.
type Scenario struct {
	Name     string        // [a-z0-9][a-z0-9._-]{0,63}
	About    string        // one sentence: what happens and why it matters
	World    Range         // number of nodes of the first view, 1..4096
	Protocol string        // "quorum" unless the file says otherwise
	Model    Model         // which failure model the run stays within
	Config   Config        // the protocol's configuration
	Network  Network       // how messages travel when no act is in force
	Duration time.Duration // virtual time of a run, at least
	Settle   time.Duration // quiet time owed after the last act before liveness is judged
	Faults   []Fault       // in file order
	Workload *Workload     // what the application does all along; nil for nothing
	Expect   []Expectation // by protocol, in file order
}

// Range is a closed interval of whole numbers.
type Range struct{ Min, Max int }

// Model is a failure model of docs/protocol.md.
type Model uint8

// The failure models.
const (
	Asynchronous Model = iota // any delay, loss, partition, pause; suspicions may be false
	CrashStop                 // the detector is accurate: only crashed nodes are suspected
)

// Config is the protocol's configuration in a scenario.
type Config struct {
	Policy            string // "automatic", "manual" or "abort"
	HeartbeatInterval time.Duration
	HeartbeatTimeout  time.Duration
	RecoveryTimeout   time.Duration
}

// Rate is a probability in parts per billion, 0..1_000_000_000.
type Rate int64

// Network describes links without an act in force.
type Network struct {
	Transport   string // "stream", "datagram", "random"; "" leaves it to the protocol
	Latency     Latency
	Loss        Rate
	Duplicate   Rate
	Reorder     bool
	IdleTimeout time.Duration
}

// LatencyKind names a distribution of one-way delays.
type LatencyKind uint8

// The distributions of latency.
const (
	Uniform     LatencyKind = iota // Min..Max
	Exponential                    // Min plus an exponential with mean Mean-Min, cut off far out
	Bimodal                        // Fast, and with probability Share Slow, each a uniform range
)

// Latency is a distribution of one-way delays.
type Latency struct {
	Kind     LatencyKind
	Min, Max time.Duration // Uniform; Bimodal: the fast range; Exponential: Min only
	Mean     time.Duration // Exponential
	SlowMin  time.Duration // Bimodal
	SlowMax  time.Duration // Bimodal
	Share    Rate          // Bimodal: probability of the slow range
}

// Fault is one entry of the faults list: an act at a time, an act at a trigger, or random acts.
type Fault struct {
	Line   int           // line in the file, for messages
	At     time.Duration // when; meaningless if When or Random is set
	When   *Trigger
	Random *Random
	For    time.Duration // 0: to the end of the run, or the act has no duration
	Act    Act           // zero if Random is set
}

// ActKind names an act.
type ActKind uint8

// The acts.
const (
	ActNone      ActKind = iota
	ActCrash             // Nodes, Silent
	ActPartition         // Groups
	ActCut               // Links
	ActPause             // Nodes
	ActSuspect           // Suspect
	ActSlow              // Nodes, By
	ActLoss              // Rate, Links (empty: all)
	ActDuplicate         // Rate, Links (empty: all)
	ActSkew              // Skew
	ActHold              // Nodes
	ActApp               // Op, Nodes
)

// Act is what the environment does.
type Act struct {
	Kind    ActKind
	Nodes   []int
	Silent  bool
	Groups  [][]int
	Links   []Link
	Suspect []Accusation
	By      time.Duration
	Rate    Rate
	Skew    []ClockSkew
	Op      string // ActApp: "split", "barrier", "allreduce", "shutdown", "recover"
}

// Link is one direction between two nodes.
type Link struct{ From, To int }

// Accusation is one node's false suspicion of another.
type Accusation struct{ By, Of int }

// ClockSkew makes a node's clock run at Rate (parts per billion of true time) and jump by Step.
type ClockSkew struct {
	Node int
	Rate int64
	Step time.Duration
}

// TriggerKind names what a trigger waits for.
type TriggerKind uint8

// The triggers.
const (
	Sends    TriggerKind = iota + 1 // Node sends a message of kind Message
	Receives                        // Node receives a message of kind Message
	Suspects                        // Node suspects Of
	Installs                        // Node installs epoch Installs
)

// Trigger is a semantic moment: the Nth time that Node does something.
type Trigger struct {
	Node    int
	Kind    TriggerKind
	Message string // Sends, Receives: "heartbeat", "vote", ...
	Of      int    // Suspects
	Epoch   int64  // Installs: the epoch; otherwise only messages of this epoch count, -1 for any
	Nth     int    // from 1
	Peer    int    // only messages to or from this node count, -1 for any
}

// Random draws faults from the seed; each lasts at most 30 s and starts between BetweenMin and BetweenMax.
type Random struct {
	Crashes, Partitions, Cuts, Pauses, Suspicions Range
	BetweenMin, BetweenMax                        time.Duration
}

// Workload is what the application does all along.
type Workload struct {
	Kind    string // "register", "allreduce", "barrier"
	Clients int    // register only
	Every   time.Duration
}

// Expectation says what a protocol's runs of this scenario are expected to show.
type Expectation struct {
	Protocol string
	Violates []string // each must be found; empty together with May: pass
	May      []string // allowed
}
