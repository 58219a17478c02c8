package sim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReachPointsHaveNames: each has one of its own, for reports.
func TestReachPointsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for i, p := range ReachPoints() {
		if int(p) != i || p.String() == "" || seen[p.String()] {
			t.Errorf("point %d is %d, %q", i, p, p)
		}
		seen[p.String()] = true
	}
}

// TestMissing is the points that no run met, in order.
func TestMissing(t *testing.T) {
	var all, one Reach
	one[ReachHalf], one[ReachAlone] = 2, 1
	all.Add(&one)
	all.Add(&one)
	if all[ReachHalf] != 4 || all[ReachAlone] != 2 {
		t.Errorf("sums %v", all)
	}
	var want []ReachPoint
	for _, p := range ReachPoints() {
		if p != ReachHalf && p != ReachAlone {
			want = append(want, p)
		}
	}
	if diff := cmp.Diff(want, all.Missing()); diff != "" {
		t.Error(diff)
	}
}
