package comm

import (
	"slices"

	"nexarsim/core"
)

// Clone is an independent copy.
func (r *Register) Clone() core.Machine {
	c := *r
	c.inner = r.inner.Clone()
	c.past = slices.Clone(r.past)
	c.orders, c.ended, c.floor, c.waiting = slices.Clone(r.orders), slices.Clone(r.ended), slices.Clone(r.floor), slices.Clone(r.waiting)
	return &c
}

// AppendState appends a canonical encoding of the register, behind that of the machine below.
func (r *Register) AppendState(buf []byte) []byte {
	buf = r.inner.AppendState(buf)
	buf = append(buf, byte(r.status), flag(r.serving)|flag(r.working)<<1, r.armed)
	if r.status == over {
		return buf
	}
	buf = appendUint64(appendUint64(buf, uint64(r.view.Epoch)), r.view.CommID)
	buf = appendUint64(appendUint64(buf, r.have.version), r.have.value)
	buf = appendUint64(buf, uint64(r.news)<<32|uint64(r.newest))
	buf = r.suspected.AppendState(buf)
	buf = r.asked.AppendState(buf)
	buf = r.stored.AppendState(buf)
	buf = appendUint64(buf, uint64(r.round)<<32|uint64(r.number))
	for _, n := range r.floor {
		buf = appendUint32(buf, n)
	}
	buf = appendUint32(buf, uint32(len(r.orders)))
	for i := range r.orders {
		buf = r.orders[i].appendState(buf)
	}
	buf = appendUint32(buf, uint32(len(r.ended)))
	for i := range r.ended {
		f := &r.ended[i]
		buf = appendUint64(buf, uint64(f.number)<<32|uint64(uint32(f.from)))
		buf = appendUint64(appendUint64(buf, f.is.version), f.is.value)
	}
	buf = appendUint32(buf, uint32(len(r.waiting)))
	for i := range r.waiting {
		c := &r.waiting[i]
		buf = appendUint64(c.appendState(buf), c.id)
		if !r.cfg.ExternalDetector {
			buf = appendUint64(buf, uint64(c.deadline-r.last))
		}
	}
	if !r.cfg.ExternalDetector {
		buf = append(buf, r.repeats)
		for i, at := range r.due {
			if r.armed>>i&1 != 0 {
				buf = appendUint64(buf, uint64(at-r.last))
			}
		}
	}
	return buf
}

func (o *order) appendState(buf []byte) []byte {
	buf = appendUint64(append(buf, byte(o.op)), uint64(o.number)<<32|uint64(uint32(o.from)))
	return appendUint64(buf, o.value)
}
