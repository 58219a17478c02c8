package checker

import "nexarsim/checker/trace"

// L1, the part that no deadline shows: recovery comes to an end. After the last new fault or suspicion no node installs
// more views than the group has members, and none takes more than 1000 times as many steps within one heartbeat interval.

const stepsPerMember = 1000

// livelockFold counts installs since the last thing that could explain one.
type livelockFold struct {
	faults int // new faults and suspicions so far
	nodes  []spinning
}

// spinning is a node's count of installs since there were that many faults.
type spinning struct{ installs, faults int }

func (f *livelockFold) reset(n int) {
	f.faults, f.nodes = 0, f.nodes[:0]
	for range n {
		f.nodes = append(f.nodes, spinning{})
	}
}

func (f *livelockFold) copyFrom(o *livelockFold) {
	f.faults = o.faults
	f.nodes = append(f.nodes[:0], o.nodes...)
}

// fault notes a beginning or an end of an act, a crash, or a suspicion.
func (f *livelockFold) fault() { f.faults++ }

func (f *livelockFold) install(w *world, in *install, out *findings) {
	n := &f.nodes[in.node]
	if n.faults != f.faults {
		*n = spinning{faults: f.faults}
	}
	if n.installs++; n.installs > w.n {
		out.by(Livelock, in.t, in.node, "node %d installed %d views since the last fault or suspicion, in a world of %d", in.node, n.installs, w.n)
	}
}

func (f *livelockFold) busy(w *world, ev *trace.Event, out *findings) {
	if ev.N > uint64(stepsPerMember*w.n) {
		out.by(Livelock, ev.T, ev.Node, "node %d took %d steps within one heartbeat interval, in a world of %d", ev.Node, ev.N, w.n)
	}
}

func (f *livelockFold) appendState(buf []byte) []byte {
	for i := range f.nodes {
		count := 0
		if f.nodes[i].faults == f.faults {
			count = f.nodes[i].installs
		}
		buf = appendUint(buf, uint64(count))
	}
	return buf
}
