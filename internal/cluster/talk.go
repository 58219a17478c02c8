package cluster

import (
	"nexarsim/core"
	"nexarsim/realnet"
)

// order is a line from the launcher to a member. One field is set.
type order struct {
	Join     *joinOrder `json:"join,omitempty"`
	Start    *int64     `json:"start,omitempty"` // the origin of time
	Go       bool       `json:"go,omitempty"`    // what a trigger has set off was done
	Recover  bool       `json:"recover,omitempty"`
	Shutdown bool       `json:"shutdown,omitempty"`

	Call    *callOrder    `json:"call,omitempty"`
	State   bool          `json:"state,omitempty"`
	Closing *closingOrder `json:"closing,omitempty"`

	Stop bool `json:"stop,omitempty"`
}

// joinOrder is all that a member needs to take part. Its private key is its own.
type joinOrder struct {
	Self        string           `json:"self"`
	Members     []realnet.Member `json:"members"`
	Core        core.Config      `json:"core"`
	Idle        int64            `json:"idle"`
	Certificate []byte           `json:"certificate"`
	Authority   []byte           `json:"authority"`
	Record      string           `json:"record"`
	Triggers    []trigger        `json:"triggers"`
	Log         bool             `json:"log"`
	Register    bool             `json:"register"` // the group keeps a register
}

// callOrder is a call that the member's application is to make.
type callOrder struct {
	ID    uint64 `json:"id"`
	Op    string `json:"op"`
	Value int64  `json:"value"`
}

// closingOrder asks for a barrier and an all-reduce in the view of an epoch, behind all calls of a program.
type closingOrder struct {
	Epoch   uint64 `json:"epoch"`
	Program string `json:"program"` // a letter for each call of the view
	Value   int64  `json:"value"`   // what this member brings to the sum
}

// report is a line from a member to the launcher. One field is set.
type report struct {
	Hello   *helloReport `json:"hello,omitempty"`
	Up      bool         `json:"up,omitempty"`      // it has a connection to every member, and so has everybody
	Install uint64       `json:"install,omitempty"` // the epoch that it has installed
	Trigger *int         `json:"trigger,omitempty"` // this act's moment has come; the member waits until it was done
	Stall   *stall       `json:"stall,omitempty"`   // it did not run for so long
	Fail    string       `json:"fail,omitempty"`    // it cannot take part

	Done   *doneReport   `json:"done,omitempty"`
	State  *stateReport  `json:"state,omitempty"`
	Closed *closedReport `json:"closed,omitempty"`
}

// doneReport is the end of an ordered call.
type doneReport struct {
	ID    uint64 `json:"id"`
	Error string `json:"error,omitempty"`
	Over  bool   `json:"over,omitempty"` // the member's part in the group has ended
}

// stateReport is a member's view, and what it has called in it.
type stateReport struct {
	Epoch   uint64 `json:"epoch"`
	CommID  uint64 `json:"comm_id"`
	Members []int  `json:"members"`
	Program string `json:"program"`
	Ended   string `json:"ended,omitempty"`
}

// closedReport is what a closing came to.
type closedReport struct {
	Epoch uint64 `json:"epoch"`
	Sum   int64  `json:"sum"`
	Error string `json:"error,omitempty"`
	Gone  bool   `json:"gone,omitempty"` // its view is gone
}

// helloReport is what the launcher has to know first.
type helloReport struct {
	Port uint16 `json:"port"` // of its UDP socket
	Key  []byte `json:"key"`  // the public half, in PKIX form
}
