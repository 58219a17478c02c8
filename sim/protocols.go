package sim

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"nexarsim/core"
)

// Constructor makes one member's machine.
type Constructor func(core.Setup) (core.Machine, error)

// ErrUnavailable marks what a later version will have and this one does not have.
var ErrUnavailable = errors.New("not available in this version")

// Protocol returns the constructor of a named protocol, with the configuration's quorum rule set accordingly.
func Protocol(name string) (Constructor, error) {
	switch name {
	case "quorum":
		return hardened(core.Majority), nil
	case "fail-stop":
		return hardened(core.FailStop), nil
	}
	if name == "classic" || strings.HasPrefix(name, "classic+") {
		return nil, fmt.Errorf("protocol %s: %w; available: %s", name, ErrUnavailable, strings.Join(Protocols(), ", "))
	}
	return nil, fmt.Errorf("protocol %q: unknown; available: %s", name, strings.Join(Protocols(), ", "))
}

// Protocols names the available protocols, sorted.
func Protocols() []string {
	names := []string{"quorum", "fail-stop"}
	sort.Strings(names)
	return names
}

func hardened(rule core.Rule) Constructor {
	return func(s core.Setup) (core.Machine, error) {
		s.Config.Rule = rule
		return core.New(s)
	}
}
