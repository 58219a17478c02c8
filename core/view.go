package core

import "sort"

// View is one incarnation of the group: who is in it, in which order, and the id that no other view shares. It is
// immutable; copies share the member list.
type View struct {
	Epoch   Epoch
	CommID  uint64
	members []NodeID // ascending: survivors keep their order (S2)
	set     NodeSet
}

// FirstView is epoch 0: all nodes 0..world-1.
func FirstView(world int, commID uint64) View {
	v := View{CommID: commID, set: NodeRange(world)}
	v.members = v.set.AppendIDs(make([]NodeID, 0, world))
	return v
}

// Excluding is the next view: the same members in the same order, less the dead.
func (v View) Excluding(dead NodeSet) View {
	left := dead.Intersect(v.set)
	next := View{Epoch: v.Epoch + 1, CommID: ChildCommID(v.CommID, v.Epoch+1, left), set: v.set.Minus(left)}
	next.members = next.set.AppendIDs(make([]NodeID, 0, next.set.Len()))
	return next
}

// NewView is a view of a machine that chooses its comm_ids by other rules than Excluding's. The members are ascending.
func NewView(epoch Epoch, commID uint64, members []NodeID) View {
	return View{Epoch: epoch, CommID: commID, members: members, set: NodeSetOf(members...)}
}

// World is the number of members.
func (v View) World() int { return len(v.members) }

// Set is the members as a set.
func (v View) Set() NodeSet { return v.set }

// Members is the members in rank order. The caller must not change it.
func (v View) Members() []NodeID { return v.members }

// Rank is the position of a node, NoRank if it is not a member.
func (v View) Rank(id NodeID) Rank {
	i := sort.Search(len(v.members), func(i int) bool { return v.members[i] >= id })
	if i < len(v.members) && v.members[i] == id {
		return Rank(i)
	}
	return NoRank
}

// Node is the node at a rank, NoNode if there is none.
func (v View) Node(r Rank) NodeID {
	if r < 0 || int(r) >= len(v.members) {
		return NoNode
	}
	return v.members[r]
}

// Ranks is the positions of those of the given nodes that are members, ascending.
func (v View) Ranks(s NodeSet) []Rank {
	ranks := make([]Rank, 0, s.Len())
	for i, id := range v.members {
		if s.Has(id) {
			ranks = append(ranks, Rank(i))
		}
	}
	return ranks
}
