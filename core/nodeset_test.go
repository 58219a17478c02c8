package core

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// twinSet is NodeSet's naive twin.
type twinSet map[NodeID]bool

func (s twinSet) ids() []NodeID { return slices.Sorted(maps.Keys(s)) }

func (s twinSet) where(keep func(NodeID) bool) twinSet {
	r := twinSet{}
	for id := range s {
		if keep(id) {
			r[id] = true
		}
	}
	return r
}

func (s twinSet) union(o twinSet) twinSet {
	r := maps.Clone(s)
	maps.Copy(r, o)
	return r
}

// drawIDs draws node numbers of worlds of one, of a few and of many words.
func drawIDs(t *rapid.T) []NodeID {
	top := rapid.SampledFrom([]int32{5, 63, 64, 65, 130, 4095}).Draw(t, "top")
	return rapid.SliceOfN(rapid.Map(rapid.Int32Range(0, top), func(i int32) NodeID { return NodeID(i) }), 0, 12).Draw(t, "ids")
}

func twinOf(ids []NodeID) twinSet {
	s := twinSet{}
	for _, id := range ids {
		s[id] = true
	}
	return s
}

func checkSet(t *rapid.T, s NodeSet, twin twinSet) {
	want := twin.ids()
	if diff := cmp.Diff(want, s.AppendIDs(nil)); diff != "" && len(want)+s.Len() > 0 {
		t.Fatalf("elements (-want +got)\n%s", diff)
	}
	if s.Len() != len(want) || s.Empty() != (len(want) == 0) {
		t.Fatalf("%v: Len %d, Empty %v; want %d elements", s, s.Len(), s.Empty(), len(want))
	}
	for _, id := range append(want, 0, 1, 63, 64, 127, 128, 4095, 4096, -1, math.MaxInt32, math.MinInt32) {
		if s.Has(id) != twin[id] {
			t.Fatalf("%v: Has(%d) is %v, want %v", s, id, s.Has(id), twin[id])
		}
		next := NoNode
		if i := slices.IndexFunc(want, func(o NodeID) bool { return o > id }); i >= 0 {
			next = want[i]
		}
		if id >= -1 && s.Next(id) != next {
			t.Fatalf("%v: Next(%d) is %d, want %d", s, id, s.Next(id), next)
		}
	}
	var text []string
	for _, id := range want {
		text = append(text, fmt.Sprint(id))
	}
	if want := "{" + strings.Join(text, " ") + "}"; s.String() != want {
		t.Fatalf("String is %s, want %s", s, want)
	}
	slices.Reverse(want)
	if again := NodeSetOf(want...); again != s {
		t.Fatalf("%v built in another order is another value: %#v, want %#v", s, again, s)
	}
}

// TestNodeSetTwin does the same to a NodeSet and to a map, far beyond one word.
func TestNodeSetTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, twin := NodeSet{}, twinSet{}
		t.Repeat(map[string]func(*rapid.T){
			"with": func(t *rapid.T) {
				for _, id := range drawIDs(t) {
					s, twin = s.With(id), twin.union(twinSet{id: true})
				}
			},
			"without": func(t *rapid.T) {
				for _, id := range drawIDs(t) {
					s, twin = s.Without(id), twin.where(func(o NodeID) bool { return o != id })
				}
			},
			"union": func(t *rapid.T) {
				ids := drawIDs(t)
				s, twin = s.Union(NodeSetOf(ids...)), twin.union(twinOf(ids))
			},
			"minus": func(t *rapid.T) {
				ids := drawIDs(t)
				s, twin = s.Minus(NodeSetOf(ids...)), twin.where(func(o NodeID) bool { return !slices.Contains(ids, o) })
			},
			"intersect": func(t *rapid.T) {
				ids := drawIDs(t)
				s, twin = s.Intersect(NodeSetOf(ids...)), twin.where(func(o NodeID) bool { return slices.Contains(ids, o) })
			},
			"range": func(t *rapid.T) {
				n := rapid.IntRange(0, 300).Draw(t, "n")
				s, twin = NodeRange(n), twinSet{}
				for id := range NodeID(n) {
					twin[id] = true
				}
			},
			"subset": func(t *rapid.T) {
				ids := drawIDs(t)
				want := len(twin.where(func(o NodeID) bool { return !slices.Contains(ids, o) })) == 0
				if got := s.SubsetOf(NodeSetOf(ids...)); got != want {
					t.Fatalf("%v.SubsetOf(%v) is %v", s, ids, got)
				}
			},
			"": func(t *rapid.T) { checkSet(t, s, twin) },
		})
	})
}

// TestNodeSetNegative: numbers that no node has are left out, and removing them changes nothing.
func TestNodeSetNegative(t *testing.T) {
	s := NodeSetOf(-1, 3, math.MinInt32)
	if s != NodeSetOf(3) {
		t.Errorf("NodeSetOf(-1, 3, ..) is %v", s)
	}
	if s.With(-1) != s || s.Without(-1) != s {
		t.Errorf("With(-1) is %v, Without(-1) is %v, want %v", s.With(-1), s.Without(-1), s)
	}
}

// TestNodeSetEncoding: equal sets, and only those, encode alike, also one after the other.
func TestNodeSetEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c, d := drawIDs(t), drawIDs(t), drawIDs(t), drawIDs(t)
		if rapid.Bool().Draw(t, "equal") {
			c, d = slices.Clone(a), slices.Clone(b)
			slices.Reverse(c)
		}
		encode := func(x, y []NodeID) string {
			return string(NodeSetOf(y...).AppendState(NodeSetOf(x...).AppendState(nil)))
		}
		equal := maps.Equal(twinOf(a), twinOf(c)) && maps.Equal(twinOf(b), twinOf(d))
		if got := encode(a, b) == encode(c, d); got != equal {
			t.Fatalf("%v %v and %v %v: encodings equal=%v, sets equal=%v", a, b, c, d, got, equal)
		}
		if got := NodeSetOf(a...) == NodeSetOf(c...); got != maps.Equal(twinOf(a), twinOf(c)) {
			t.Fatalf("%v == %v is %v", a, c, got)
		}
	})
}
