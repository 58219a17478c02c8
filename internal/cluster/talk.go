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
	Stop     bool       `json:"stop,omitempty"`
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
}

// report is a line from a member to the launcher. One field is set.
type report struct {
	Hello   *helloReport `json:"hello,omitempty"`
	Up      bool         `json:"up,omitempty"`      // it has a connection to every member, and so has everybody
	Install uint64       `json:"install,omitempty"` // the epoch that it has installed
	Trigger *int         `json:"trigger,omitempty"` // this act's moment has come; the member waits until it was done
	Stall   *stall       `json:"stall,omitempty"`   // it did not run for so long
	Fail    string       `json:"fail,omitempty"`    // it cannot take part
}

// helloReport is what the launcher has to know first.
type helloReport struct {
	Port uint16 `json:"port"` // of its UDP socket
	Key  []byte `json:"key"`  // the public half, in PKIX form
}
