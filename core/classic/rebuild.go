package classic

import (
	"hash/fnv"

	"nexarsim/core"
)

// communicator is what the application holds, and what the orchestrator replaces.
type communicator struct {
	members    []core.NodeID // by rank
	rank       core.Rank
	id         uint64
	epoch      core.Epoch // how often this process has rebuilt
	generation uint64     // "a LOCAL generation counter (bumped by every split, grow and rebuild)"
	tag        uint32     // of the next collective
	barrier    uint32     // number of the next barrier
	routers    bool       // it can receive control messages
}

// root is the first communicator. "The root's comm_id is 0."
func root(self core.NodeID, world int) communicator {
	return communicator{
		members: core.NodeRange(world).AppendIDs(make([]core.NodeID, 0, world)), rank: core.Rank(self), tag: 1, routers: true,
	}
}

// rebuild is "local, no messages. Survivors keep their order; new rank = position".
func (n *Node) rebuild(now core.Instant, out *core.Effects) {
	o := &n.orch
	if o.agreed.Has(core.NodeID(n.comm.rank)) {
		// "Being in the dead list oneself is a panic in debug builds."
		n.panic("a dead rank rebuilds: rank "+core.NodeSetOf(core.NodeID(n.comm.rank)).String()+" of dead ranks "+o.agreed.String(), out)
		return
	}
	child := communicator{
		id: childID(n.comm.id, n.comm.generation, o.agreed), epoch: n.comm.epoch + 1,
		tag:     1, // "collective tags restart at 1 and carry no comm_id"
		routers: n.repair.mends(Routers),
	}
	for r, id := range n.comm.members {
		if o.agreed.Has(core.NodeID(r)) {
			continue
		}
		if id == n.self {
			child.rank = core.Rank(len(child.members))
		}
		child.members = append(child.members, id)
	}
	n.comm.generation++
	n.rebuilt = child
	n.release(out)
	n.to(stagePut, now, out)
}

// put makes the new communicator the current one and tells the application: "emitted after the new communicator is in
// place". The dead in the event are "in the parent's numbering", ranks that the parent did not have included.
func (n *Node) put(now core.Instant, out *core.Effects) {
	before := n.comm
	n.comm, n.rebuilt = n.rebuilt, communicator{}
	gone := core.NodeSetOf(before.members...).Minus(core.NodeSetOf(n.comm.members...))
	n.release(out)
	out.PutInstall(core.Install{View: core.NewView(n.comm.epoch, n.comm.id, n.comm.members), Dead: gone})
	out.PutEvent(core.Event{
		Kind: core.EventRecovered, Epoch: n.comm.epoch, OldRank: before.rank, NewRank: n.comm.rank,
		NewWorldSize: len(n.comm.members), DeadRanks: ranksOf(n.orch.agreed),
	})
	o := &n.orch
	o.dead, o.agreed, o.union, o.voters, o.place, o.leader = core.NodeSet{}, core.NodeSet{}, core.NodeSet{}, nil, 0, core.NoRank
	n.to(stageReader, now, out)
}

// childID is "FNV-1a-64 (zero becomes one) over little-endian bytes: parent comm_id, generation counter, each dead rank
// u32 in ascending order".
func childID(parent, generation uint64, dead core.NodeSet) uint64 {
	buf := appendUint(appendUint(nil, parent), generation)
	for r := dead.First(); r != core.NoNode; r = dead.Next(r) {
		buf = append(buf, byte(r), byte(r>>8), byte(r>>16), byte(r>>24))
	}
	h := fnv.New64a()
	_, _ = h.Write(buf) // a hash never fails
	if id := h.Sum64(); id != 0 {
		return id
	}
	return 1
}

func appendUint(buf []byte, x uint64) []byte {
	return append(buf, byte(x), byte(x>>8), byte(x>>16), byte(x>>24), byte(x>>32), byte(x>>40), byte(x>>48), byte(x>>56))
}
