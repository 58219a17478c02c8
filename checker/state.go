package checker

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// canon gives views a name that depends on what they are, not on who was seen first: two judges that will judge alike
// encode alike.
type canon struct {
	w     *world
	order []viewID // by epoch, then members
	place []int    // of each view in order
}

func newCanon(w *world, order []viewID, place []int) canon {
	for v := range w.views {
		order = append(order, viewID(v))
		place = append(place, 0)
	}
	slices.SortFunc(order, func(a, b viewID) int {
		return cmp.Or(cmp.Compare(w.views[a].epoch, w.views[b].epoch), slices.Compare(w.members(a), w.members(b)))
	})
	for i, v := range order {
		place[v] = i
	}
	return canon{w, order, place}
}

// appendTime encodes how long ago something was.
func (c *canon) appendTime(buf []byte, t int64) []byte {
	if t == never {
		return append(buf, 0)
	}
	return appendUint(buf, uint64(c.w.now-t)+1)
}

func appendUint(buf []byte, x uint64) []byte { return binary.AppendUvarint(buf, x) }

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// AppendState appends an encoding of the judge's state. Judges of one group with equal encodings give equal verdicts on
// whatever follows, as far as which properties break and when; times are relative to the latest event's.
func (j *Judge) AppendState(buf []byte) []byte {
	var orders [16]viewID
	var places [16]int
	c := newCanon(&j.world, orders[:0], places[:0])
	buf = j.world.appendState(buf, &c)
	buf = j.agreement.appendState(buf, &c)
	buf = j.commID.appendState(buf, &c)
	buf = j.history.appendState(buf, &c)
	buf = j.eviction.appendState(buf)
	buf = j.quorumLoss.appendState(buf, &c)
	buf = j.livelock.appendState(buf)
	buf = c.appendTime(buf, j.late.arose)
	buf = j.collective.appendState(buf, &c)
	buf = j.letters.appendState(buf, &c)
	buf = j.linear.appendState(buf)
	return appendUint(appendUint(buf, j.found.mask()), uint64(len(j.malformed)))
}

// mask has a bit for each property that was broken.
func (f *findings) mask() (broken uint64) {
	for i := range f.list {
		broken |= 1 << rank(f.list[i].Property)
	}
	return broken
}

func (w *world) appendState(buf []byte, c *canon) []byte {
	buf = appendUint(buf, uint64(len(c.order)))
	for _, id := range c.order {
		v := &w.views[id]
		buf = appendUint(buf, v.epoch)
		buf = appendUint(buf, uint64(v.members.n)<<1|flag(v.installed))
		for _, m := range w.members(id) {
			buf = binary.AppendVarint(buf, int64(m))
		}
		buf = c.appendTime(buf, v.firstT)
		buf = c.appendTime(buf, v.lastT)
	}
	for i := range w.nodes {
		buf = w.nodes[i].appendState(buf, c)
	}
	if w.doubted {
		for _, word := range w.suspects {
			buf = appendUint(buf, word)
		}
	}
	buf = w.appendActs(buf)
	buf = c.appendTime(buf, w.lastAct)
	return c.appendTime(buf, w.linkAct)
}

func (w *world) appendActs(buf []byte) []byte {
	buf = appendUint(buf, uint64(len(w.acts)))
	for i := range w.acts {
		a := &w.acts[i]
		buf = append(buf, byte(a.kind))
		buf = appendUint(buf, uint64(len(a.words)))
		for _, x := range a.words {
			buf = binary.AppendVarint(buf, x)
		}
	}
	return buf
}

func (n *node) appendState(buf []byte, c *canon) []byte {
	buf = appendUint(buf, uint64(c.place[n.view]))
	buf = append(buf, byte(flag(n.crashed)|flag(n.paused)<<1|flag(n.ended)<<2|flag(n.panicked)<<3|flag(n.leaving)<<4|flag(n.excludedAtEnd)<<5|flag(n.everSuspected)<<6|flag(n.doubts == c.w.doubts)<<7))
	if n.ended {
		buf = append(buf, n.why[1]) // no two reasons share it
	}
	for _, t := range [...]int64{n.crashedAt, n.endedAt, n.resumedAt, n.installedAt, n.suspectedAt, n.acquittedAt} {
		buf = c.appendTime(buf, t)
	}
	return buf
}
