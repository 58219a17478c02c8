package core

import (
	"testing"

	"pgregory.net/rapid"
)

// viewOf is a view of the given members, whatever its history.
func viewOf(world int, members uint64) View {
	first := FirstView(world, testGroup(world))
	if dead := NodeRange(world).Minus(NodeSetOf(unmask(members)...)); !dead.Empty() {
		return first.Excluding(dead)
	}
	return first
}

// TestMajorityQuorums counts every set in every view of up to seven nodes, and holds any two quorums of one view to share
// a member: agreement stands on that.
func TestMajorityQuorums(t *testing.T) {
	const world = 7
	for members := uint64(1); members < 1<<world; members++ {
		v := viewOf(world, members)
		var quorums []uint64
		for in := uint64(0); in < 1<<world; in++ {
			got := Majority.quorum(&v, NodeSetOf(unmask(in)...), NodeSet{})
			if want := naiveMajority(v.Members(), in&members); got != want {
				t.Fatalf("%v of %v: quorum is %v, want %v", unmask(in), v.Members(), got, want)
			}
			if got && in&^members == 0 {
				quorums = append(quorums, in)
			}
		}
		for _, a := range quorums {
			for _, b := range quorums {
				if a&b == 0 {
					t.Fatalf("%v and %v are both quorums of %v", unmask(a), unmask(b), v.Members())
				}
			}
		}
	}
}

// TestFailStopQuorums: every member that the coordinator does not suspect.
func TestFailStopQuorums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.Uint64Range(1, 1<<9-1).Draw(t, "members")
		in := rapid.Uint64Range(0, 1<<9-1).Draw(t, "in")
		suspected := rapid.Uint64Range(0, 1<<9-1).Draw(t, "suspected")
		v := viewOf(9, members)
		want := true
		for _, id := range unmask(members) {
			if suspected>>uint(id)&1 == 0 && in>>uint(id)&1 == 0 {
				want = false
			}
		}
		if got := FailStop.quorum(&v, NodeSetOf(unmask(in)...), NodeSetOf(unmask(suspected)...)); got != want {
			t.Fatalf("%v of %v, %v suspected: quorum is %v, want %v", unmask(in), v.Members(), unmask(suspected), got, want)
		}
	})
}

func TestRuleNames(t *testing.T) {
	for rule, want := range map[Rule]string{Majority: "quorum", FailStop: "fail-stop", 0: "invalid", 7: "invalid"} {
		if rule.String() != want {
			t.Errorf("rule %d is %q, want %q", rule, rule, want)
		}
	}
}
