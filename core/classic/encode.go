package classic

import (
	"slices"

	"nexarsim/core"
)

// Clone is an independent copy. What is immutable (sets, members, messages) is shared.
func (n *Node) Clone() core.Machine {
	c := *n
	c.monitor.success = slices.Clone(n.monitor.success)
	c.control = make([]lane, len(n.control))
	for i := range n.control {
		c.control[i] = n.control[i].clone()
	}
	c.data = make([]dataLane, len(n.data))
	for i := range n.data {
		c.data[i] = n.data[i].clone()
	}
	c.placed = slices.Clone(n.placed)
	c.lock.queue = slices.Clone(n.lock.queue)
	c.orch.voters = slices.Clone(n.orch.voters)
	c.calls = slices.Clone(n.calls)
	for i := range c.calls {
		c.calls[i].buf = slices.Clone(n.calls[i].buf)
	}
	return &c
}

// AppendState appends a canonical encoding of the node. Instants are relative to the last step; with an external detector
// only which timers are armed counts.
func (n *Node) AppendState(buf []byte) []byte {
	buf = append(buf, byte(n.self), byte(n.self>>8), byte(n.status))
	if n.status == panicked {
		return buf
	}
	buf = n.comm.appendState(buf)
	buf = n.orch.appendState(buf, n)
	buf = n.monitor.dead.AppendState(buf)
	buf = n.closed.AppendState(buf)
	buf = append(buf, n.wakes, n.armed)
	if !n.cfg.ExternalDetector {
		buf = appendUint(buf, uint64(n.monitor.next))
		for id, at := range n.monitor.success {
			if core.NodeID(id) != n.self && !n.monitor.dead.Has(core.NodeID(id)) { // nobody tests these any more
				buf = appendUint(buf, uint64(n.last-at))
			}
		}
		for id := range timerCount {
			if n.armed>>id&1 != 0 {
				buf = appendUint(buf, uint64(n.due[id]-n.last))
			}
		}
	}
	buf = n.appendLanes(buf)
	return n.appendCalls(buf)
}

func (c *communicator) appendState(buf []byte) []byte {
	buf = appendUint(buf, c.id)
	buf = appendUint(buf, uint64(c.epoch)<<32|uint64(uint32(c.rank)))
	buf = appendUint(buf, c.generation)
	buf = appendUint(buf, uint64(c.tag)<<32|uint64(c.barrier))
	return core.NodeSetOf(c.members...).AppendState(buf)
}

func (o *orchestrator) appendState(buf []byte, n *Node) []byte {
	if o.stage == stageOver {
		return append(buf, byte(o.stage), o.stale)
	}
	// What a reader has seen counts while somebody is going to look, and then only whether it is the latest.
	runs := o.stage == stageIdle || o.stage == stageTell
	recovers := o.stage >= stageSurvey && o.stage <= stageReader
	var bits byte
	for i, b := range [...]bool{
		o.waiting, o.shutdown, runs && n.watch.version != o.seen, o.stage.racing() && n.watch.version != o.raceSeen,
		recovers && n.repair.mends(Replay) && n.watch.version != o.handled,
	} {
		if b {
			bits |= 1 << i
		}
	}
	buf = append(buf, byte(o.stage), bits, o.stale)
	buf = o.dead.AppendState(buf)
	buf = append(buf, byte(o.leader), byte(o.place), byte(o.place>>8))
	buf = o.union.AppendState(buf)
	buf = o.agreed.AppendState(buf)
	if o.stage == stagePut {
		buf = n.rebuilt.appendState(buf)
	}
	return buf
}

func (n *Node) appendLanes(buf []byte) []byte {
	for i := range n.control {
		buf = appendItems(buf, n.control[i].items)
	}
	for i := range n.data {
		buf = appendItems(buf, n.data[i].ready)
		buf = appendItems(buf, n.data[i].early)
		buf = appendUint(buf, uint64(n.data[i].next)<<32|uint64(n.placed[i]))
	}
	return buf
}

func appendItems(buf []byte, items []item) []byte {
	buf = append(buf, byte(len(items)), byte(len(items)>>8))
	for i := range items {
		it := &items[i]
		m := &it.msg
		buf = append(buf, byte(m.Kind))
		buf = appendUint(buf, uint64(it.repeats))
		buf = appendUint(buf, uint64(m.Epoch)<<32|uint64(m.Ballot.Round))
		buf = appendUint(buf, m.Num)
		buf = m.Set.AppendState(buf)
		buf = append(buf, byte(len(m.Body)))
		buf = append(buf, m.Body...)
	}
	return buf
}

func (n *Node) appendCalls(buf []byte) []byte {
	var handed byte
	if n.lock.handed {
		handed = 1
	}
	buf = append(buf, byte(n.lock.holder), handed, byte(len(n.lock.queue)))
	for _, t := range n.lock.queue {
		buf = append(buf, byte(t))
	}
	buf = append(buf, byte(len(n.calls)))
	for i := range n.calls {
		c := &n.calls[i]
		buf = append(buf, byte(c.task), byte(c.op), byte(c.step), byte(c.step>>8))
		buf = appendUint(buf, uint64(c.number))
		if c.op == core.CallAllReduce && c.buf == nil {
			buf = appendUint(buf, uint64(c.value)) // of a call that still waits for the lock
		}
		for _, v := range c.buf {
			buf = appendUint(buf, uint64(v))
		}
	}
	return buf
}
