package classic

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"nexarsim/core"
)

// effectsOf is everything that a step asks for, as one value. What only the driver numbers (calls, messages) is left out
// where numbered is false.
func effectsOf(o *core.Effects, numbered bool) string {
	var b strings.Builder
	for i := range o.List() {
		e := o.List()[i]
		fmt.Fprintf(&b, "%d to %d op %d timer %d %v", e.Kind, e.Peer, e.Op, e.Timer, e.Suspected)
		switch e.Kind {
		case core.OutSend:
			fmt.Fprintf(&b, " %+v", *o.Message(&e))
		case core.OutSetTimer:
			fmt.Fprintf(&b, " at %d", e.At)
		case core.OutUsed:
			if m, id, late := o.Late(&e); late && numbered {
				fmt.Fprintf(&b, " %d %+v", id, *m)
			}
		case core.OutInstall:
			fmt.Fprintf(&b, " %+v", *o.Install(&e))
		case core.OutEvent:
			fmt.Fprintf(&b, " %+v", *o.Event(&e))
		case core.OutDone:
			d := *o.Done(&e)
			if !numbered {
				d.ID = 0
			}
			fmt.Fprintf(&b, " %+v", d)
		case core.OutEnd, core.OutPanic:
			fmt.Fprintf(&b, " %d %s", e.Why, o.Text(&e))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// chance makes the choices of a random run.
type chance func(n int) int

var hostileNodes = []core.NodeID{0, 1, 2, 3, 4, -1, math.MinInt32, 5, 63, 64, 4096}

var hostileNumbers = []uint64{0, 1, 2, 3, 4, 1 << 31, 1 << 32, 1<<32 + 1, math.MaxUint32, 1 << 63, math.MaxUint64}

// hostileInput is any input, whether or not a driver would ever give it.
func hostileInput(pick chance) core.Input {
	node := func() core.NodeID { return hostileNodes[pick(len(hostileNodes))] }
	number := func() uint64 { return hostileNumbers[pick(len(hostileNumbers))] }
	in := core.Input{
		Kind: core.InputKind(pick(int(core.InShutdown) + 3)), Timer: core.TimerID(pick(256)), Call: core.CallOp(pick(9)),
		From: node(), Peer: node(), ID: number(), Phase: int64(number()), Value: int64(number()), Err: "x"[:pick(2)],
	}
	if pick(2) == 0 {
		in.Timer %= timerCount + 1
	}
	m := &in.Msg
	m.Kind = []core.Kind{core.Heartbeat, core.Vote, core.Agreement, Barrier, BarrierAck, Data, core.Commit, 0}[pick(8)]
	m.Num, m.Epoch, m.Body = number(), core.Epoch(pick(3)), []string{"", "7", "-3", "x", "99999999999999999999"}[pick(5)]
	m.Ballot.Round, m.Ballot.Coordinator = uint32(pick(3)), node()
	for range pick(4) {
		m.Set = m.Set.Union(core.NodeSetOf(node()))
	}
	return in
}

// act lets something lawful happen in a world: what a driver could do next.
func (w *world) act(pick chance) {
	i := core.NodeID(pick(len(w.nodes)))
	peer := core.NodeID(pick(len(w.nodes)))
	switch pick(12) {
	case 0:
		w.suspect(i, peer)
	case 1:
		w.closed(i, peer)
	case 2:
		op := core.CallOp(1 + pick(6))
		w.call(i, op, int64(pick(3)))
	case 3:
		if id := core.TimerID(pick(int(timerCount))); w.armed[i][id] {
			w.now = max(w.now, w.due[i][id])
			w.fire(i, id)
		}
	case 4:
		if pick(8) == 0 {
			w.give(i, core.Input{Kind: core.InShutdown})
		}
	case 5, 6, 7:
		w.next(i, []string{"", "sent", "watch", "lock"}[pick(4)])
	default:
		if len(w.flight) > 0 {
			w.arrive(pick(len(w.flight)), pick(16) == 0)
		}
	}
	w.flight = w.flight[max(0, len(w.flight)-60):]
}

// randomWorld is a world to run at random: sends and wakes come when they are picked.
func randomWorld(t tester, pick chance) *world {
	cfg := testConfig()
	cfg.ExternalDetector = pick(3) > 0
	cfg.Policy = []core.Policy{core.Automatic, core.Automatic, core.Automatic, core.Manual, core.AbortAll}[pick(5)]
	w := newWorld(t, 1+pick(5), cfg, Repairs()[pick(len(Repairs()))])
	for i := range w.byHand {
		w.byHand[i] = pick(4) > 0
	}
	w.quota = 3
	return w
}

func seeded(seed uint64) chance { return rand.New(rand.NewPCG(seed, 7)).IntN }

// survive is one step of a node, held to what any step owes: it returns, its effects are bounded and lawful, and it can be
// repeated: a clone that takes the same step does and becomes the same, and the original does not notice.
func survive(t tester, n *Node, now core.Instant, in *core.Input, out *core.Effects) {
	before := n.AppendState(nil)
	clone := n.Clone().(*Node)
	if got := clone.AppendState(nil); !bytes.Equal(got, before) {
		t.Fatalf("a clone encodes as %x, want %x", got, before)
	}
	var other core.Effects
	clone.Step(now, in, &other)
	if got := n.AppendState(nil); !bytes.Equal(got, before) {
		t.Fatalf("the step %+v of a clone changes the original from %x to %x", in, before, got)
	}
	out.Reset()
	n.Step(now, in, out)
	if got, want := effectsOf(&other, true), effectsOf(out, true); got != want {
		t.Fatalf("after %+v a clone does\n%s, the original\n%s", in, got, want)
	}
	if got, want := clone.AppendState(nil), n.AppendState(nil); !bytes.Equal(got, want) || !bytes.Equal(n.AppendState(nil), want) {
		t.Fatalf("after %+v a clone encodes as %x, the original as %x", in, got, want)
	}
	lawful(t, n, in, out)
}

// lawful holds the effects of a step to their bounds.
func lawful(t tester, n *Node, in *core.Input, out *core.Effects) {
	sends, installs := 0, 0
	if len(out.List()) > 6*n.world+32 {
		t.Fatalf("%d effects after %+v", len(out.List()), in)
	}
	for i := range out.List() {
		e := &out.List()[i]
		switch e.Kind {
		case core.OutSend:
			sends++
			if e.Op == 0 || e.Peer < 0 || int(e.Peer) >= n.world || e.Peer == n.self || n.closed.Has(e.Peer) {
				t.Fatalf("a send to %d with op %d after %+v", e.Peer, e.Op, in)
			}
		case core.OutBelieve:
			if e.Peer < 0 || int(e.Peer) >= n.world || e.Peer == n.self || !e.Suspected {
				t.Fatalf("a belief about %d after %+v", e.Peer, in)
			}
		case core.OutInstall:
			installs++
			if v := out.Install(e).View; v.Rank(n.self) != n.comm.rank || v.Epoch != n.comm.epoch || v.CommID == 0 {
				t.Fatalf("%+v is installed after %+v", v, in)
			}
		}
	}
	if sends > 1 || installs > 1 {
		t.Fatalf("%d sends and %d installs in one step, after %+v: every send is awaited", sends, installs, in)
	}
}

// TestClonesAndEncodings: in random lawful runs every step is taken by a clone first, which does and becomes the same.
func TestClonesAndEncodings(t *testing.T) {
	var out core.Effects
	for seed := range uint64(400) {
		pick := seeded(seed)
		w := randomWorld(t, pick)
		w.before = func(n *Node, in *core.Input) { survive(t, n.Clone().(*Node), w.now, in, &out) }
		for range 150 {
			w.act(pick)
		}
	}
}

// smallInputs is few inputs, so that nodes meet in the same state by different ways.
func smallInputs() []core.Input {
	var list []core.Input
	vote := func(k core.Kind, from core.NodeID, epoch core.Epoch, dead ...core.NodeID) {
		list = append(list, core.Input{Kind: core.InDeliver, From: from, Msg: core.Message{Kind: k, Epoch: epoch, Set: core.NodeSetOf(dead...), Ballot: core.NoBallot}})
	}
	for _, peer := range []core.NodeID{0, 2} {
		list = append(list, core.Input{Kind: core.InSuspect, Peer: peer}, core.Input{Kind: core.InClosed, Peer: peer})
		vote(core.Vote, peer, 0, 0)
		vote(core.Vote, peer, 0, 2)
		vote(core.Agreement, peer, 1, 2)
		vote(core.Agreement, peer, 0, 2)
	}
	for _, op := range []core.CallOp{core.CallHold, core.CallRelease, core.CallRelease, core.CallSplit, core.CallBarrier} {
		list = append(list, core.Input{Kind: core.InCall, Call: op})
	}
	for v := range int64(2) {
		list = append(list, core.Input{Kind: core.InCall, Call: core.CallAllReduce, Value: v})
	}
	for id := range timerCount {
		list = append(list, core.Input{Kind: core.InTimer, Timer: id})
	}
	for id := wakeWatch; id <= wakeShutdown; id++ {
		list = append(list, core.Input{Kind: core.InWake, ID: uint64(id)}, core.Input{Kind: core.InWake, ID: uint64(id)})
	}
	for op := opMonitor; op <= opCall; op++ {
		list = append(list, core.Input{Kind: core.InSent, ID: uint64(op)}, core.Input{Kind: core.InSent, ID: uint64(op)})
	}
	return append(list, core.Input{Kind: core.InShutdown})
}

// TestEqualEncodingsBehaveAlike: nodes that encode alike answer any input alike, and encode alike again.
func TestEqualEncodingsBehaveAlike(t *testing.T) {
	type twin struct {
		early, late *Node
		met         bool
	}
	inputs := smallInputs()
	met := 0
	var out core.Effects
	for _, r := range Repairs() {
		for _, external := range []bool{true, false} {
			if !external && r != AsPublished {
				continue // a rung changes nothing in the monitor
			}
			cfg := testConfig()
			cfg.ExternalDetector = external
			seen := map[string]twin{}
			for run := range uint64(150) {
				pick := seeded(run)
				n, err := New(core.Setup{Self: 1, World: 3, Config: cfg}, r)
				if err != nil {
					t.Fatal(err)
				}
				now := core.Instant(run) * 1e9
				n.Step(now, &core.Input{Kind: core.InStart, Phase: 1e9}, &out)
				for range 14 {
					in := inputs[pick(len(inputs))]
					if in.Kind == core.InTimer && n.armed>>in.Timer&1 != 0 {
						now = max(now, n.due[in.Timer])
					}
					out.Reset()
					n.Step(now, &in, &out)
					state := string(n.AppendState(nil))
					other, known := seen[state]
					if !known {
						other.early = n.Clone().(*Node)
					}
					other.late, other.met = n.Clone().(*Node), known
					seen[state] = other
				}
			}
			for _, pair := range seen {
				if !pair.met {
					continue
				}
				met++
				for i := range inputs {
					alike(t, pair.early, pair.late, 1e9, &inputs[i])
				}
			}
		}
	}
	if met < 300 {
		t.Errorf("only %d pairs have met: nothing is shown", met)
	}
}

// alike gives two nodes the same input, so much after the last step of each.
func alike(t *testing.T, a, b *Node, after core.Instant, in *core.Input) {
	a, b = a.Clone().(*Node), b.Clone().(*Node)
	var outA, outB core.Effects
	shift := b.last - a.last
	a.Step(a.last+after, in, &outA)
	b.Step(b.last+after, in, &outB)
	for i := range outA.List() {
		if e := &outA.List()[i]; e.Kind == core.OutSetTimer {
			e.At += shift
		}
	}
	if got, want := effectsOf(&outA, false), effectsOf(&outB, false); got != want {
		t.Fatalf("%+v: two nodes that encode alike do\n%s and\n%s", in, got, want)
	}
	if got, want := a.AppendState(nil), b.AppendState(nil); !bytes.Equal(got, want) {
		t.Fatalf("%+v: two nodes that encode alike become\n%x and\n%x", in, got, want)
	}
}

// TestDeterminism: the same run twice does the same.
func TestDeterminism(t *testing.T) {
	run := func(seed uint64) string {
		var b strings.Builder
		pick := seeded(seed)
		w := randomWorld(t, pick)
		w.after = func(n *Node, _ []core.Effect) {
			b.WriteString(effectsOf(&w.out, true))
			b.Write(n.AppendState(nil))
		}
		for range 100 {
			w.act(pick)
		}
		return b.String()
	}
	for seed := range uint64(150) {
		if run(seed) != run(seed) {
			t.Fatalf("seed %d differs", seed)
		}
	}
}

// program reads choices from bytes; 0 when they are used up.
type program struct{ bytes []byte }

func (p *program) pick(n int) int {
	if len(p.bytes) == 0 {
		return 0
	}
	x := int(p.bytes[0])
	p.bytes = p.bytes[1:]
	if n > 256 && len(p.bytes) > 0 {
		x |= int(p.bytes[0]) << 8
		p.bytes = p.bytes[1:]
	}
	return x % n
}

// FuzzStep: any input in any state that a lawful run reaches, and the lawful run goes on after it.
func FuzzStep(f *testing.F) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 3))
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		if len(bytes) > 2000 {
			return
		}
		p := &program{bytes}
		w := randomWorld(t, p.pick)
		fresh, err := New(core.Setup{Self: 0, World: len(w.nodes), Config: w.cfg}, w.nodes[0].repair)
		if err != nil {
			t.Fatal(err)
		}
		if p.pick(4) == 0 {
			w.nodes[0] = fresh // inputs come before the start, too
		}
		var out core.Effects
		for len(p.bytes) > 0 {
			if p.pick(3) > 0 {
				w.act(p.pick)
				continue
			}
			in := hostileInput(p.pick)
			survive(t, w.nodes[p.pick(len(w.nodes))], w.now, &in, &out)
		}
	})
}
