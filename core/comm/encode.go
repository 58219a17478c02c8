package comm

import (
	"cmp"
	"slices"
	"strings"

	"nexarsim/core"
)

// Clone is an independent copy.
func (k *Stack) Clone() core.Machine {
	c := *k
	c.inner = k.inner.Clone()
	c.slab, c.begun = strings.Builder{}, nil
	c.held, c.queue, c.comms = slices.Clone(k.held), slices.Clone(k.queue), slices.Clone(k.comms)
	for i := range c.comms {
		c.comms[i].op.own()
		c.comms[i].prev.own()
		c.comms[i].mail.own()
	}
	return &c
}

// own gives a copied operation memory of its own.
func (o *operation) own() {
	o.buffer, o.history = slices.Clone(o.buffer), slices.Clone(o.history)
}

// AppendState appends a canonical encoding: what the machine below says, then the communicators, what they hold and what
// waits. Instants are relative to now; with an external detector only the operations count, not when they are asked for.
func (k *Stack) AppendState(buf []byte) []byte {
	buf = k.inner.AppendState(buf)
	buf = append(buf, byte(k.status), byte(k.holds), k.armed, byte(len(k.comms)))
	if k.status == over {
		return buf
	}
	buf = appendUint64(appendUint64(buf, uint64(k.view.Epoch)), k.view.CommID)
	for i := range k.comms {
		buf = k.comms[i].appendState(buf, k)
	}
	held := slices.Clone(k.held)
	slices.SortStableFunc(held, compareHeld)
	buf = appendUint32(buf, uint32(len(held)))
	for i := range held {
		m := &held[i].msg
		buf = appendUint32(append(buf, byte(m.Kind)), uint32(held[i].from))
		buf = appendUint64(appendUint64(buf, uint64(m.Epoch)), m.Num)
		buf = appendUint64(buf, uint64(m.Ballot.Round)<<32|uint64(uint32(m.Ballot.Coordinator)))
		buf = appendText(buf, m.Body)
	}
	buf = appendUint32(buf, uint32(len(k.queue)))
	for i := range k.queue {
		c := &k.queue[i]
		buf = appendUint64(appendUint64(append(buf, byte(c.op)), c.comm), uint64(c.value))
		buf = appendText(appendUint64(buf, c.id), c.body)
	}
	return buf
}

func compareHeld(a, b heldMessage) int {
	x, y := &a.msg, &b.msg
	return cmp.Or(
		cmp.Compare(x.Epoch, y.Epoch), cmp.Compare(x.Num, y.Num), cmp.Compare(x.Ballot.Round, y.Ballot.Round),
		cmp.Compare(x.Ballot.Coordinator, y.Ballot.Coordinator), cmp.Compare(a.from, b.from), cmp.Compare(x.Body, y.Body),
	)
}

func (c *communicator) appendState(buf []byte, k *Stack) []byte {
	buf = appendUint32(appendUint64(buf, c.id), c.number)
	kept := c.failed
	slices.Sort(kept[:])
	for _, n := range kept {
		buf = appendUint32(buf, n)
	}
	buf = append(buf, flag(c.op.active)|flag(c.prev.valid)<<1|flag(c.broken)<<2|flag(!c.mail.empty())<<3)
	if c.op.active {
		buf = c.op.appendState(buf)
		if !k.cfg.ExternalDetector {
			buf = append(buf, c.op.repeats, flag(c.op.moved))
			buf = appendUint64(appendUint64(buf, uint64(c.op.deadline-k.last)), uint64(c.op.repeatAt-k.last))
		}
	}
	if c.prev.valid {
		buf = c.prev.appendState(buf)
	}
	if !c.mail.empty() {
		buf = c.mail.appendState(buf, k)
	}
	return buf
}

func (o *operation) appendState(buf []byte) []byte {
	p := &o.plan
	buf = append(buf, byte(o.call), byte(o.typ), byte(o.reduce), byte(p.Algorithm), flag(o.bulk)|flag(o.byValue)<<1|flag(o.sent)<<2)
	buf = appendUint32(appendUint32(appendUint32(appendUint32(buf, o.number), uint32(o.step)), uint32(p.Root)), uint32(p.Count))
	buf = appendText(appendUint64(buf, o.id), string(o.buffer))
	if p.Algorithm == RecursiveDoubling {
		buf = appendText(buf, string(o.history))
	}
	return buf
}

func appendText(buf []byte, s string) []byte {
	return append(appendUint32(buf, uint32(len(s))), s...)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
