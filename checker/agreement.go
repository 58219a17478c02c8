package checker

// S1 Agreement: no two nodes, those that crash later included, ever install different members, or the same members in a
// different order, in one epoch. (That they install the same comm_id is judged as S5, in commid.go.)

// agreementFold remembers for each epoch the first view that somebody installed.
type agreementFold struct {
	epochs index[uint64]
	views  []viewID // one for each of epochs
}

func (f *agreementFold) reset() {
	f.epochs.reset()
	f.views = f.views[:0]
	f.epochs.add(0)
	f.views = append(f.views, 0) // the first view of all is everybody's
}

func (f *agreementFold) copyFrom(o *agreementFold) {
	f.epochs.copyFrom(&o.epochs)
	f.views = append(f.views[:0], o.views...)
}

// of gives the first view installed in an epoch, noView if there is none.
func (f *agreementFold) of(epoch uint64) viewID {
	if i := f.epochs.find(epoch); i >= 0 {
		return f.views[i]
	}
	return noView
}

func (f *agreementFold) install(w *world, in *install, out *findings) {
	epoch := in.said.Epoch
	first := f.of(epoch)
	if first == noView {
		f.epochs.add(epoch)
		f.views = append(f.views, in.to)
		return
	}
	if first == in.to {
		return
	}
	if other := w.views[first].first; other >= 0 {
		out.between(Agreement, in.t, other, in.node, "nodes %d and %d installed different members for epoch %d: %s and %s",
			other, in.node, epoch, show(w.members(first)), show(in.said.Members))
		return
	}
	out.by(Agreement, in.t, in.node, "node %d installed members %s for epoch %d, in which the group began with %s",
		in.node, show(in.said.Members), epoch, show(w.members(first)))
}

func (f *agreementFold) appendState(buf []byte, c *canon) []byte {
	// The first view of an epoch is a function of what was installed, but for epochs with two; those are violations.
	buf = appendUint(buf, uint64(len(f.views)))
	for _, v := range c.order {
		if f.of(c.w.views[v].epoch) == v {
			buf = appendUint(buf, uint64(c.place[v]))
		}
	}
	return buf
}
