package checker

import "nexarsim/checker/trace"

// S7 Eviction: a live node that was excluded learns it, reports that it was evicted, ends for that reason (or because it
// was shut down) and for no other, and never acts in a view later than the one that excluded it. No node ever panics.
// That it learns it at all is a matter of time, and judged by recovery.go.

// evictionFold knows who was excluded.
type evictionFold struct {
	nodes []excluded
}

// excluded is the earliest epoch that was installed without a node that was a member before.
type excluded struct {
	epoch uint64 // 0: it was not
	by    int    // who installed it first
}

func (f *evictionFold) reset(n int) {
	f.nodes = f.nodes[:0]
	for range n {
		f.nodes = append(f.nodes, excluded{by: -1})
	}
}

func (f *evictionFold) copyFrom(o *evictionFold) { f.nodes = append(f.nodes[:0], o.nodes...) }

func (f *evictionFold) install(w *world, in *install, out *findings) {
	f.acts(in.node, in.said.Epoch, in.t, "installed", out)
	for _, x := range w.list(w.changes[in.via].removed) {
		if n := &f.nodes[x]; n.epoch == 0 || in.said.Epoch < n.epoch {
			n.epoch, n.by = in.said.Epoch, in.node
		}
	}
}

// acts holds a node to the epochs that it may act in: with its exclusion in another view of the same epoch, the two
// disagree, which is agreement's matter; beyond it nobody has any business.
func (f *evictionFold) acts(node int, epoch uint64, t int64, did string, out *findings) {
	if n := &f.nodes[node]; n.epoch > 0 && epoch > n.epoch {
		out.by(Eviction, t, node, "node %d %s in epoch %d, after node %d had installed epoch %d without it", node, did, epoch, n.by, n.epoch)
	}
}

func (f *evictionFold) end(ev *trace.Event, out *findings) {
	n := &f.nodes[ev.Node]
	if n.epoch == 0 || ev.Why == "evicted" || ev.Why == "shutdown" {
		return
	}
	out.by(Eviction, ev.T, ev.Node, "node %d was excluded from epoch %d (installed by node %d) and ended otherwise than evicted: %s", ev.Node, n.epoch, n.by, endText(ev))
}

func (f *evictionFold) panics(ev *trace.Event, out *findings) {
	out.by(Eviction, ev.T, ev.Node, "node %d panicked: %s", ev.Node, ev.Error)
}

func (f *evictionFold) appendState(buf []byte) []byte {
	for i := range f.nodes {
		buf = appendUint(buf, f.nodes[i].epoch)
	}
	return buf
}

func endText(ev *trace.Event) string {
	if ev.Error == "" {
		return ev.Why
	}
	return ev.Why + " (" + ev.Error + ")"
}
