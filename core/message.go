package core

import "strconv"

// Kind says what a message is. Kinds below 32 are the recovery protocol's; a user's own machine may use any.
type Kind uint8

// The messages of the recovery protocol (docs/protocol.md, Messages). A field that a kind does not name is zero.
const (
	// Heartbeat says that its sender lives. Num: a sequence number, from 1.
	Heartbeat Kind = iota + 1
	// Vote promises Ballot to its coordinator. Num: the ballot in which the voter has accepted, packed, or 0.
	// Set: what it has accepted, or, when it has accepted nothing, its suspicions.
	Vote
	// Prepare asks for a promise of Ballot.
	Prepare
	// Agreement proposes Set in Ballot.
	Agreement
	// Ack accepts the proposal of Ballot. Num: 0 the first time, 1 when repeated.
	Ack
	// Commit tells the decision of Epoch. Set: who leaves.
	Commit
	// Refusal tells a coordinator that Ballot is too low. Num: the higher ballot that was promised, packed.
	Refusal
	// Abort says that its sender has ended because of the failures in Set (policy abort).
	Abort
)

var kindNames = [...]string{
	Heartbeat: "heartbeat", Vote: "vote", Prepare: "prepare", Agreement: "agreement",
	Ack: "ack", Commit: "commit", Refusal: "refusal", Abort: "abort",
}

// String names the kind as the trace does.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "kind-" + strconv.Itoa(int(k))
}

// Message is what one node sends to another: a flat value, with nothing in it that points into a node. A driver may hold
// it, copy it or deliver it twice.
type Message struct {
	Group  uint64  // comm_id of epoch 0: whose message it is at all (S6)
	Num    uint64  // see the kind
	Set    NodeSet // see the kind
	Body   string  // what no other field fits: a collective's control data, a user's protocol
	Ballot Ballot  // NoBallot where the kind has none
	Epoch  Epoch   // the sender's view; for Commit, the view that the decision ends
	Kind   Kind
}
