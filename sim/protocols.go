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

// ErrUnavailable marks what a later version will have and this one does not have.
var ErrUnavailable = errors.New("not available in this version")

// protocol is one that a scenario can name.
type protocol struct {
	name    string
	make    Constructor // nil: not available
	classic bool        // nexar 0.1.2 or a rung of its repairs
}

// protocolTable is all of them, in the order in which the contract lists them.
func protocolTable() []protocol {
	all := []protocol{
		{name: "quorum", make: hardened(core.Majority)},
		{name: "fail-stop", make: hardened(core.FailStop)},
	}
	for _, r := range classic.Repairs() {
		all = append(all, protocol{name: r.String(), make: published(r), classic: true})
	}
	return all
}

// findProtocol gives the entry of a name, and whether it exists.
func findProtocol(name string) (protocol, bool) {
	for _, p := range protocolTable() {
		if p.name == name {
			return p, true
		}
	}
	return protocol{}, false
}

// Protocol returns the constructor of a named protocol, with the configuration's quorum rule set accordingly.
func Protocol(name string) (Constructor, error) {
	p, known := findProtocol(name)
	switch {
	case !known:
		return nil, fmt.Errorf("protocol %q: unknown; available: %s", name, strings.Join(Protocols(), ", "))
	case p.make == nil:
		return nil, fmt.Errorf("protocol %s: %w; available: %s", name, ErrUnavailable, strings.Join(Protocols(), ", "))
	}
	return p.make, nil
}

// Protocols names the available protocols, sorted.
func Protocols() []string {
	var names []string
	for _, p := range protocolTable() {
		if p.make != nil {
			names = append(names, p.name)
		}
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

// rootID is the comm_id of a world's first view: classic's root is 0.
func (p *protocol) rootID(ids []string) uint64 {
	if p.classic {
		return 0
	}
	return core.RootCommID(ids)
}

// stream tells whether messages travel on streams where the scenario leaves it to the protocol.
func (p *protocol) stream() bool { return p.classic }
