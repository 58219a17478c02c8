package core

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestViewTwin excludes sets of nodes, strangers among them, from a view and from a list.
func TestViewTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := rapid.SampledFrom([]int{1, 2, 5, 64, 65, 200}).Draw(t, "world")
		v := FirstView(world, 7)
		var members []NodeID
		for id := range NodeID(world) {
			members = append(members, id)
		}
		for epoch := Epoch(0); ; epoch++ {
			checkView(t, v, epoch, members)
			if epoch == 3 {
				return
			}
			dead := drawIDs(t)
			next := slices.DeleteFunc(slices.Clone(members), func(id NodeID) bool { return slices.Contains(dead, id) })
			ranks := []Rank{}
			for r, id := range members {
				if slices.Contains(dead, id) {
					ranks = append(ranks, Rank(r))
				}
			}
			if diff := cmp.Diff(ranks, v.Ranks(NodeSetOf(dead...))); diff != "" {
				t.Fatalf("ranks of %v in %v (-want +got)\n%s", dead, members, diff)
			}
			before := slices.Clone(v.Members())
			after := v.Excluding(NodeSetOf(dead...))
			if diff := cmp.Diff(before, v.Members()); diff != "" {
				t.Fatalf("excluding changed the view itself (-want +got)\n%s", diff)
			}
			if stranger := v.Excluding(NodeSetOf(dead...).With(4999)); stranger.CommID != after.CommID {
				t.Fatalf("a stranger among the dead changes the comm_id")
			}
			v, members = after, next
		}
	})
}

func checkView(t *rapid.T, v View, epoch Epoch, members []NodeID) {
	if v.Epoch != epoch || v.World() != len(members) || !slices.Equal(v.Members(), members) || !slices.Equal(v.Set().AppendIDs(nil), members) {
		t.Fatalf("epoch %d of %d: %v; want epoch %d of %v", v.Epoch, v.World(), v.Members(), epoch, members)
	}
	for id := NodeID(-1); id < 202; id++ {
		if want := Rank(slices.Index(members, id)); v.Rank(id) != want {
			t.Fatalf("rank of %d in %v is %d, want %d", id, members, v.Rank(id), want)
		}
	}
	for r := Rank(-1); int(r) <= len(members); r++ {
		want := NoNode
		if r >= 0 && int(r) < len(members) {
			want = members[r]
		}
		if v.Node(r) != want {
			t.Fatalf("node of rank %d in %v is %d, want %d", r, members, v.Node(r), want)
		}
	}
}
