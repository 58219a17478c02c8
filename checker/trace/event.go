package trace

// Kind names what a trace line reports. Its text form is the line's "ev".
type Kind uint8

// The kinds of a trace line. Each act of the environment has a beginning and, where it can end, an end.
const (
	KindInvalid Kind = iota

	// One node, done to it by the environment.
	Crash  // Silent
	Pause  //
	Resume //

	// Acts of the environment, described by Act.
	Partition       // Act.Groups
	Cut             // Act.Links
	Heal            // Act.Groups or Act.Links: what it ends
	Slow            // Act.Nodes, Act.By
	SlowEnd         //
	Loss            // Act.Rate, Act.Links (empty: all links)
	LossEnd         //
	Duplicate       // Act.Rate, Act.Links (empty: all links)
	DuplicateEnd    //
	Skew            // Act.Skew
	SkewEnd         //
	Hold            // Act.Nodes
	HoldEnd         //
	App             // Act.Op, Act.Nodes
	SuspectInjected // Act.Suspect
	SuspectEnd      // Act.Suspect

	// What a node believes, says, hears and does.
	Suspect // Peer
	Trust   // Peer
	Send    // To, ID, Msg
	Deliver // From, ID, Epoch, Used, Late, Msg (resolved from the send by Reader and by the drivers; not on the line)
	Drop    // ID, Why
	Install // Install
	Told    // Told: an event told to the application ("event")
	Call    // Call
	End     // Why, Error
	Panic   // Error
	Input   // N, In: a recorded input
	Busy    // N: the driver counted N steps of this node within one heartbeat_interval, above 1000 * world

	// The judge's own last line.
	Verdict
)

// Event is one line of a trace after the header. Which fields mean something depends on Kind; all others are zero.
// A driver may reuse one Event and what it points to: whoever keeps anything of it copies it.
type Event struct {
	Seq   uint64 // number in the trace's one global order, from 1
	Cause uint64 // Seq of the event that made it happen; 0 where nothing in the trace did
	T     int64  // nanoseconds since the start of the run, never negative, never falling
	Node  int    // whose event it is; -1 for acts of the environment that name no single node
	Kind  Kind

	Silent bool   // Crash
	Peer   int    // Suspect, Trust
	To     int    // Send
	From   int    // Deliver
	ID     uint64 // Send, Deliver, Drop: message id, sender + world * counter
	Used   bool   // Deliver
	Late   bool   // Deliver: it came earlier, waited at its receiver, and counts now
	Epoch  uint64 // Deliver: the receiver's epoch when it handled the message
	Why    string // Drop, End
	Error  string // End, Panic
	N      uint64 // Input, Busy
	In     []byte // Input

	Msg        *Message
	Act        *Act
	Install    *View
	Told       *Notice
	Call       *Operation
	Violations []Violation // Verdict
	Digest     string      // Verdict
	Steps      uint64      // Verdict
	Installs   uint64      // Verdict
}

// Message is what a send carries, as far as a judge may look at it.
type Message struct {
	Type        string // "heartbeat", "vote", "prepare", "agreement", "ack", "commit", "refusal", "abort", "data", or a protocol's own
	Group       uint64 // comm_id of epoch 0 of the sender's group
	Epoch       uint64
	Round       uint32 // the ballot's round
	Coordinator int    // the ballot's coordinator; -1: the message carries no ballot
	Set         []int  // node numbers, ascending: suspicions of a vote, dead set of an agreement, ack or commit
	Num         uint64 // what else the kind counts: a heartbeat's sequence number, an attempt
	Body        string
}

// Act describes an act of the environment.
type Act struct {
	Groups  [][]int
	Links   []Link
	Nodes   []int
	By      int64 // nanoseconds added to each message's latency
	Rate    int64 // parts per billion
	Skew    []ClockSkew
	Suspect []Accusation
	Op      string // App: "split", "barrier", "allreduce", "shutdown", "recover"
}

// Link is one direction between two nodes.
type Link struct{ From, To int }

// ClockSkew makes a node's clock run at Rate and, at once, jump by Step.
type ClockSkew struct {
	Node int
	Rate int64 // parts per billion; 1_000_000_000 is a true clock
	Step int64 // nanoseconds
}

// Accusation is one node's false suspicion of another.
type Accusation struct{ By, Of int }

// View is what a node installs.
type View struct {
	Epoch   uint64
	Rank    int
	World   int
	Members []int // node numbers in rank order
	CommID  uint64
	Dead    []int // node numbers that left with this view, ascending
}

// Notice is an event told to the application.
type Notice struct {
	Kind         string // "recovered", "failure-detected", "evicted", "quorum-lost", "aborted"
	Epoch        uint64
	OldRank      int
	NewRank      int
	NewWorldSize int
	DeadRanks    []int // in the parent view's ranks, ascending
}

// Operation is the beginning or the end of a call of the application.
type Operation struct {
	Op    string // "split", "barrier", "allreduce", "write", "read", "send", "receive"
	Phase string // "start", "end"
	N     uint64 // the node's calls of this operation, from 1: the same on both lines
	Value string // JSON of the value, empty for none; "allreduce": a string of decimal digits, what is brought and what comes of it
	Epoch uint64 // the node's own at this moment
	Error string // end: why it failed, empty if it did not
}

// Violation is a property that a run broke.
type Violation struct {
	Property string // a name of contract: "agreement", "comm-id", ...
	T        int64  // nanoseconds
	Nodes    []int  // whom it concerns, ascending
	Why      string // one sentence
}

// ModeSchedule is the Mode of a run step by step, without a clock.
const ModeSchedule = "schedule"

// Header is the first line of a trace.
type Header struct {
	Source string // "sim" or "quic"
	// Mode is empty for a run on a clock. ModeSchedule is one whose steps come in a given order and take no time: each is a
	// nanosecond after the last, and the verdict line is dated long after all of them if nothing but a repetition would follow.
	Mode     string
	Protocol string
	World    int
	Model    string // "asynchronous" or "crash-stop"
	Config   []byte // JSON object, as in the scenario file, durations as strings
	Scenario []byte // JSON object: the scenario with its defaults filled in
	Seed     string // decimal
	CommID   uint64 // of the first view: epoch 0, all nodes
	NodeIDs  []string
}
