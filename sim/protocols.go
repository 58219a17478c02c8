package sim

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"nexarsim/core"
	"nexarsim/core/classic"
)

// Constructor makes one member's machine.
type Constructor func(core.Setup) (core.Machine, error)

// ErrUnavailable marks what a caller has not brought: an explorer, for capsules of schedules.
var ErrUnavailable = errors.New("not available here")

// protocol is one that a scenario can name.
type protocol struct {
	name    string
	make    Constructor
	classic bool // nexar 0.1.2 or a rung of its repairs
}

// findProtocol gives the protocol of a name, and whether there is one.
func findProtocol(name string) (protocol, bool) {
	switch name {
	case "quorum":
		return protocol{name: name, make: hardened(core.Majority)}, true
	case "fail-stop":
		return protocol{name: name, make: hardened(core.FailStop)}, true
	}
	for _, r := range classic.Repairs() {
		if r.String() == name {
			return protocol{name: name, make: published(r), classic: true}, true
		}
	}
	return protocol{}, false
}

// Protocol returns the constructor of a named protocol, with the configuration's quorum rule set accordingly.
func Protocol(name string) (Constructor, error) {
	p, known := findProtocol(name)
	if !known {
		return nil, errUnknown(name)
	}
	return p.make, nil
}

func errUnknown(name string) error {
	return fmt.Errorf("protocol %q: unknown; available: %s", name, strings.Join(Protocols(), ", "))
}

// Protocols names the available protocols, sorted.
func Protocols() []string {
	names := []string{"quorum", "fail-stop"}
	for _, r := range classic.Repairs() {
		names = append(names, r.String())
	}
	sort.Strings(names)
	return names
}

func hardened(rule core.Rule) Constructor {
	return func(s core.Setup) (core.Machine, error) {
		s.Config.Rule = rule
		return core.New(s)
	}
}

func published(r classic.Repair) Constructor {
	return func(s core.Setup) (core.Machine, error) { return classic.New(s, r) }
}

// Streams tells whether a protocol's messages travel on streams if nothing else is said: nothing is lost or comes twice
// while a connection lasts, and what its end leaves undelivered is lost.
func Streams(name string) bool {
	p, _ := findProtocol(name)
	return p.stream()
}

// RootID is the comm_id of the first view of a protocol's group.
func RootID(name string, ids []string) uint64 {
	p, _ := findProtocol(name)
	return p.rootID(ids)
}

// rootID is the comm_id of a world's first view: classic's root is 0.
func (p *protocol) rootID(ids []string) uint64 {
	if p.classic {
		return 0
	}
	return core.RootCommID(ids)
}

// stream tells whether messages travel on streams where the scenario leaves it to the protocol.
func (p *protocol) stream() bool { return p.classic }
