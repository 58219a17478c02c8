package core

// Rule says how many members must accept before an epoch is decided.
type Rule uint8

// The quorum rules of docs/protocol.md.
const (
	// Majority: more than half of the view, or exactly half with the view's lowest rank. Safe in the asynchronous model:
	// two such sets always share a member, because only one of two halves holds the lowest rank.
	Majority Rule = iota + 1
	// FailStop: every member that the coordinator does not suspect. Safe only while suspicions are true.
	FailStop
)

// String names the rule as its protocol.
func (r Rule) String() string {
	switch r {
	case Majority:
		return "quorum"
	case FailStop:
		return "fail-stop"
	}
	return "invalid"
}

// quorum tells whether those of the view's members that are in the set may decide, for a coordinator with these
// suspicions.
func (r Rule) quorum(v *View, in, suspected NodeSet) bool {
	if r == FailStop {
		return v.set.Minus(suspected).SubsetOf(in)
	}
	n := in.Intersect(v.set).Len()
	return 2*n > len(v.members) || 2*n == len(v.members) && n > 0 && in.Has(v.members[0])
}
