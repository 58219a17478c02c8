package checker

import (
	"slices"
	"strings"

	"nexarsim/checker/trace"
)

// The names of the properties that a verdict can name. S and L numbers refer to docs/protocol.md.
const (
	Agreement       = "agreement"       // S1
	CommID          = "comm-id"         // S5
	Ranks           = "ranks"           // S2
	Validity        = "validity"        // S3
	History         = "history"         // S4
	Isolation       = "isolation"       // S6
	Linearizability = "linearizability" // reads and writes of a register
	Collective      = "collective"      // barriers, all-reduces, messages between ranks
	Eviction        = "eviction"        // S7
	QuorumLoss      = "quorum-loss"     // S8
	Recovery        = "recovery"        // L1
	Late            = "late"            // L1
	Livelock        = "livelock"        // L1
	Conformance     = "conformance"     // judged elsewhere
)

// Properties holds all names, in the order in which reports list them.
var Properties = []string{
	Agreement, CommID, Ranks, Validity, History, Isolation, Linearizability, Collective, Eviction, QuorumLoss, Recovery,
	Late, Livelock, Conformance,
}

// latePrefix opens the sentence of a violation of quorum-loss that is one of liveness.
const latePrefix = "late: "

// OnlyLiveness reports whether all violations of a property, among some, are ones of liveness: nothing of it was unsafe.
func OnlyLiveness(violations []trace.Violation, property string) bool {
	for i := range violations {
		if v := &violations[i]; v.Property == property && !IsLiveness(v) {
			return false
		}
	}
	return true
}

// IsLiveness reports whether a violation is one of liveness: something owed did not happen in time. All others are of
// safety. The property alone does not tell for quorum-loss, which has both.
func IsLiveness(v *trace.Violation) bool {
	switch v.Property {
	case Recovery, Late, Livelock:
		return true
	case QuorumLoss:
		return strings.HasPrefix(v.Why, latePrefix)
	}
	return false
}

// judgedHere reports whether this package has a fold for the property.
func judgedHere(property string) bool {
	switch property {
	case Conformance:
		return false
	}
	return slices.Contains(Properties, property)
}

// rank gives a property's place in Properties; unknown ones come last.
func rank(property string) int {
	if i := slices.Index(Properties, property); i >= 0 {
		return i
	}
	return len(Properties)
}
