package capsule

import (
	"time"

	"nexarsim/checker/trace"
	"nexarsim/scenarios"
)

// Format and Version are what a capsule begins with.
const (
	Format  = "nexarsim-capsule"
	Version = 1
)

// The limits of a file.
const (
	MaxFileSize  = 16 << 20
	MaxDecisions = 100_000
	maxOrders    = 1000
	maxNesting   = 100
	maxDelay     = 366 * 24 * time.Hour
	maxCount     = 1<<32 - 1 // of epochs and how-many-ths
)

// Mode says what the decisions are.
type Mode string

// The modes.
const (
	Timed    Mode = "timed"    // acts with their moments, and what became of packets
	Schedule Mode = "schedule" // which of the steps that are possible comes next: found by exploration
)

// Capsule is a run, kept by what it depends on. Parse returns complete ones only.
type Capsule struct {
	Mode       Mode
	Scenario   *scenarios.Scenario // one world, one transport, no faults: those are decisions
	Budget     *Budget             // what the environment might do; mode schedule only
	Protocol   string
	Seed       uint64 // of the run that it was made from
	Property   string // that it is about; empty: it only keeps a run, and its digest
	Cause      string // what the violation needs, in one sentence; may be empty
	Decisions  []Decision
	Orders     []Order
	Violations []trace.Violation // of its own replay, when it was made
	Digest     string            // likewise: 16 hexadecimal digits
	Steps      uint64            // likewise
	FoundBy    Origin
}

// Budget is how often the environment of an explored schedule may do what it need not do. It is part of what a step
// means: a timer fires early only while there are early timeouts left.
type Budget struct {
	Crashes         int
	FalseSuspicions int
	Partitions      int
	EarlyTimeouts   int
	Losses          int
	Duplicates      int
	LinkTails       bool     // a crash loses the last messages of each link by itself
	Kept            []string // kinds of messages that stay in flight though they can do nothing any more; all: every kind
}

// MaxBudget bounds each number of a Budget.
const MaxBudget = 200

// Origin says what made a capsule.
type Origin struct {
	Command string // sweep, shrink, explore, check, hand
	Version string // of nexarsim
}

// Kind says what a decision is about.
type Kind uint8

// The kinds of decisions. Which fields of Decision mean something depends on the kind.
const (
	Act     Kind = iota + 1 // Fault
	Packet                  // From, To, Message, Epoch, During, Nth; Delay or Lost; Twice, Copy
	Close                   // the end of a connection on its way. From, To, Nth; Delay or Lost; Twice, Copy
	Release                 // what a stream held, after the heal. From, To, Nth, Delay
	Reopen                  // one way of the round trip before a connection is new. From, To, Nth, Delay
	Detect                  // an accurate detector. By, Of, Delay: after the death
	Phase                   // Node, Delay: until its first heartbeat
	Next                    // Step; mode schedule only
)

// Decision is one choice of a run.
type Decision struct {
	Kind     Kind
	From, To int
	By, Of   int
	Node     int
	Message  string // kind of message
	Epoch    uint64 // of the message
	During   uint64 // the epoch that its link and kind had come to, if the message is of an older one; 0 otherwise
	Nth      uint64 // from 1: of this link and kind since that epoch began; closes, releases, reopenings: of this link
	Delay    time.Duration
	Lost     bool
	Twice    bool
	Copy     time.Duration // the second copy's delay
	Fault    *scenarios.Fault
	Step     *Step
	Line     int // in the file; 0 if it comes from none
}

// Step is one step of an explored schedule, by what it means.
type Step struct {
	Do     string   // deliver, lose, duplicate, timer, wake, sent, suspect, trust, crash, partition, heal, tell
	Node   int      // timer, wake, sent, suspect, trust, crash, tell
	From   int      // deliver, lose, duplicate
	To     int      // likewise
	Peer   int      // suspect, trust, tell
	Kind   string   // deliver, lose, duplicate: kind of message
	Epoch  uint64   // likewise
	Nth    uint64   // likewise, from 1; wake, sent: which one
	Timer  string   // timer: its name
	Tail   int      // crash: how many of its last messages are lost
	Tails  [][2]int // crash, where the budget has LinkTails: of which receivers how many of the last are lost, ascending
	Groups [][]int
}

// Order is two moments of the run, the first of which has to come before the other. It is no choice: it is there for a
// replay to notice that the run went another way.
type Order struct {
	First, Then Event
	Line        int
}

// Moment says what an event is.
type Moment uint8

// The moments.
const (
	Sends    Moment = iota + 1 // Node sends: Message, Peer, Epoch, During, Nth
	Receives                   // Node receives: Message, Peer, Epoch, During, Nth (as it was sent)
	Suspects                   // Node suspects Peer, the Nth time
	Installs                   // Node installs Epoch
	Dies                       // Node's process ends
)

// Event is a moment of a run.
type Event struct {
	Moment  Moment
	Node    int
	Peer    int
	Message string
	Epoch   uint64
	During  uint64
	Nth     uint64
}
