package comm

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"nexarsim/core"
)

// program is one collective that all members call.
type program struct {
	op      core.CallOp
	typ     Type
	reduce  Reduce
	root    int
	count   int // elements for each member, or of all
	ringMin int
}

var collectives = []core.CallOp{
	core.CallBarrier, core.CallAllReduce, core.CallBroadcast, core.CallAllGather, core.CallReduceScatter, core.CallAllToAll,
}

// draw draws one for a world.
func draw(t *rapid.T, world int) program {
	return program{
		op:      rapid.SampledFrom(collectives).Draw(t, "op"),
		typ:     Type(rapid.IntRange(int(Int64), int(Float32)).Draw(t, "type")),
		reduce:  Reduce(rapid.IntRange(int(Sum), int(Product)).Draw(t, "reduce")),
		root:    rapid.IntRange(0, world-1).Draw(t, "root"),
		count:   rapid.IntRange(0, 9).Draw(t, "count"),
		ringMin: rapid.SampledFrom([]int{1, 64, 1 << 20}).Draw(t, "ring from"),
	}
}

// elements is how many of them each member brings.
func (p *program) elements(world int) int {
	switch p.op {
	case core.CallBarrier:
		return 0
	case core.CallReduceScatter, core.CallAllToAll:
		return p.count * world
	}
	return p.count
}

// element is any value of a type: ordinary ones, extremes, zeros of both signs, infinities and what is no number.
func element(t Type, r *rand.Rand) []byte {
	wild := r.IntN(8) == 0
	switch t {
	case Int64:
		x := r.Int64N(1000) - 500
		if wild {
			x = int64(r.Uint64())
		}
		return appendUint64(nil, uint64(x))
	case Int32:
		x := r.Int32N(1000) - 500
		if wild {
			x = int32(r.Uint32())
		}
		return appendUint32(nil, uint32(x))
	case Float64:
		if wild {
			wild := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), math.MaxFloat64, math.SmallestNonzeroFloat64}
			return appendUint64(nil, math.Float64bits(wild[r.IntN(len(wild))]))
		}
		return appendUint64(nil, math.Float64bits(r.NormFloat64()*math.Pow(10, float64(r.IntN(20)-10))))
	}
	if wild {
		wild := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), math.MaxFloat32, math.SmallestNonzeroFloat32}
		return appendUint32(nil, math.Float32bits(float32(wild[r.IntN(len(wild))])))
	}
	return appendUint32(nil, math.Float32bits(float32(r.NormFloat64()*math.Pow(10, float64(r.IntN(10)-5)))))
}

// fold reduces one element after the other in some order of ranks.
func (p *program) fold(in [][]byte, at int, order []int) string {
	size := p.typ.Size()
	acc := append([]byte(nil), in[order[0]][at*size:][:size]...)
	for _, r := range order[1:] {
		// In the twin's own arithmetic, on Go's numbers.
		next := in[r][at*size:][:size]
		switch p.typ {
		case Int64:
			putUint64(acc, 0, uint64(number(p.reduce, int64(uint64At(acc, 0)), int64(uint64At(next, 0)))))
		case Int32:
			putUint32(acc, 0, uint32(number(p.reduce, int32(uint32At(acc, 0)), int32(uint32At(next, 0)))))
		case Float64:
			x := number(p.reduce, math.Float64frombits(uint64At(acc, 0)), math.Float64frombits(uint64At(next, 0)))
			putUint64(acc, 0, math.Float64bits(x))
			if math.IsNaN(x) {
				putUint64(acc, 0, 0x7ff8000000000000)
			}
		case Float32:
			x := number(p.reduce, math.Float32frombits(uint32At(acc, 0)), math.Float32frombits(uint32At(next, 0)))
			putUint32(acc, 0, math.Float32bits(x))
			if x != x {
				putUint32(acc, 0, 0x7fc00000)
			}
		}
	}
	return string(acc)
}

func number[T int32 | int64 | float32 | float64](r Reduce, a, b T) T {
	switch r {
	case Sum:
		return a + b
	case Product:
		return a * b
	case Min:
		return min(a, b)
	}
	return max(a, b)
}

// ring is the ranks in the order in which a share that begins at one of them meets them.
func ring(first, world int) (order []int) {
	for i := range world {
		order = append(order, (first+i)%world)
	}
	return order
}

// doubled reduces all of one element the way recursive doubling brackets it.
func (p *program) doubled(in [][]byte, at int) string {
	world, size := len(in), p.typ.Size()
	power := 1
	for 2*power <= world {
		power *= 2
	}
	var parts [][]byte
	for r := range power {
		part := append([]byte(nil), in[r][at*size:][:size]...)
		if r+power < world {
			part = []byte(p.fold([][]byte{part, in[r+power][at*size:][:size]}, 0, []int{0, 1}))
		}
		parts = append(parts, part)
	}
	for len(parts) > 1 {
		var next [][]byte
		for i := 0; i < len(parts); i += 2 {
			next = append(next, []byte(p.fold(parts[i:i+2], 0, []int{0, 1})))
		}
		parts = next
	}
	return string(parts[0])
}

// want is what each rank ends with: the whole computation by one process that has everybody's elements.
func (p *program) want(in [][]byte) []string {
	world, size := len(in), p.typ.Size()
	out := make([]string, world)
	switch p.op {
	case core.CallAllReduce:
		text := ""
		for i := range p.count {
			if p.count*size < p.ringMin {
				text += p.doubled(in, i)
				continue
			}
			share := 0
			for (share+1)*p.count/world <= i {
				share++
			}
			text += p.fold(in, i, ring(share, world))
		}
		for r := range out {
			out[r] = text
		}
	case core.CallBroadcast:
		for r := range out {
			out[r] = string(in[p.root])
		}
	case core.CallAllGather:
		text := ""
		for _, e := range in {
			text += string(e)
		}
		for r := range out {
			out[r] = text
		}
	case core.CallReduceScatter:
		for r := range out {
			for i := range p.count {
				out[r] += p.fold(in, r*p.count+i, ring(r+1, world))
			}
		}
	case core.CallAllToAll:
		for r := range out {
			for from := range in {
				out[r] += string(in[from][r*p.count*size:][:p.count*size])
			}
		}
	}
	return out
}

// TestCollectivesLikeOneProcess: whatever the world, the call, the type, the reduction, the sizes and the order in which
// messages come, every member ends with what one process would compute, bit for bit.
func TestCollectivesLikeOneProcess(t *testing.T) {
	for range 10 { // of a hundred cases each, unless -rapid.checks says otherwise
		rapid.Check(t, likeOneProcess)
	}
}

func likeOneProcess(t *rapid.T) {
	n := rapid.IntRange(1, 17).Draw(t, "world")
	seed := rapid.Uint64().Draw(t, "seed")
	calls := rapid.IntRange(1, 4).Draw(t, "calls")
	first := draw(t, n)
	w := newWorld(t, n, first.ringMin, seed)
	if rapid.Bool().Draw(t, "lossy") {
		w.loss, w.double = 0.05, 0.05
	}
	for i := range calls {
		p := first
		if i > 0 {
			p = draw(t, n)
			p.ringMin = first.ringMin
		}
		w.check(&p)
	}
}

// check lets all members call, at moments a little apart, and compares.
func (w *world) check(p *program) {
	w.t.Helper()
	n := len(w.machines)
	in := make([][]byte, n)
	for r := range in {
		for range p.elements(n) {
			in[r] = append(in[r], element(p.typ, w.r)...)
		}
	}
	ids := make([]uint64, n)
	for _, r := range w.r.Perm(n) {
		body := ""
		if p.op != core.CallBarrier {
			body = Request{Type: p.typ, Reduce: p.reduce, Root: p.root, Elements: in[r]}.Encode()
		}
		ids[r] = w.call(r, core.Input{Call: p.op, Body: body})
		for limit := w.now + core.Instant(w.r.Int64N(2_000_000)); w.step(limit); {
		}
	}
	w.settle()
	for r, want := range p.want(in) {
		if d := w.result(r, ids[r]); d.Err != "" || d.Result != want {
			w.t.Fatalf("%+v in a world of %d: rank %d ended with %x, error %q, want %x", *p, n, r, d.Result, d.Err, want)
		}
	}
}

// TestMessagesOfEachAlgorithm: without loss a collective costs exactly the messages of its plan.
func TestMessagesOfEachAlgorithm(t *testing.T) {
	for _, c := range []struct {
		name    string
		op      core.CallOp
		world   int
		ringMin int
		want    int
	}{
		{"dissemination of 8", core.CallBarrier, 8, 1, 8 * 3},
		{"dissemination of 9", core.CallBarrier, 9, 1, 9 * 4},
		{"ring all-reduce", core.CallAllReduce, 5, 1, 5 * 8},
		{"recursive doubling of 8", core.CallAllReduce, 8, 1 << 20, 8 * 3},
		{"recursive doubling of 6", core.CallAllReduce, 6, 1 << 20, 2 + 4*2 + 2},
		{"binomial tree", core.CallBroadcast, 6, 1, 2 * 5},
		{"ring all-gather", core.CallAllGather, 5, 1, 5 * 4},
		{"ring reduce-scatter", core.CallReduceScatter, 5, 1, 5 * 4},
		{"pairwise exchange", core.CallAllToAll, 5, 1, 5 * 4},
	} {
		w := newWorld(t, c.world, c.ringMin, 1)
		w.check(&program{op: c.op, typ: Int64, reduce: Sum, count: 2, ringMin: c.ringMin})
		if w.sent != c.want {
			t.Errorf("%s: %d messages, want %d", c.name, w.sent, c.want)
		}
	}
}

// TestNothingIsAllocatedPerSegment: once a world has made its first all-reduces, the next one allocates for its call and
// result, and not for its hundreds of segments.
func TestNothingIsAllocatedPerSegment(t *testing.T) {
	const n = 16
	stacks := newWorld(t, n, 1, 1).stacks
	var out core.Effects
	var inbox []delivery
	var in core.Input
	all := func() {
		for id, s := range stacks {
			out.Reset()
			in = core.Input{Kind: core.InCall, Call: core.CallAllReduce, ID: 1, Value: int64(id)}
			s.Step(1, &in, &out)
			inbox = gather(inbox, id, &out)
		}
		for i := 0; i < len(inbox); i++ {
			d := inbox[i]
			out.Reset()
			in = core.Input{Kind: core.InDeliver, From: d.from, Msg: d.msg}
			stacks[d.to].Step(1, &in, &out)
			inbox = gather(inbox, int(d.to), &out)
		}
		inbox = inbox[:0]
	}
	segments := float64(2 * n * (n - 1))
	if per := testing.AllocsPerRun(20, all) / segments; per > 0.1 {
		t.Errorf("%.2f allocations for each segment, want next to none", per)
	}
}

func gather(inbox []delivery, from int, out *core.Effects) []delivery {
	for i := range out.List() {
		if e := &out.List()[i]; e.Kind == core.OutSend {
			inbox = append(inbox, delivery{from: core.NodeID(from), to: e.Peer, msg: *out.Message(e)})
		}
	}
	return inbox
}

// TestNames: no name is missing, and every word is said once.
func TestNames(t *testing.T) {
	seen := map[string]bool{"invalid": true}
	for i := 1; i <= int(PairwiseExchange); i++ {
		names := []string{Algorithm(i).String()}
		if i <= 4 {
			names = append(names, Type(i).String(), Reduce(i).String())
		}
		for _, name := range names {
			if seen[name] || strings.TrimSpace(name) == "" {
				t.Errorf("%q stands for two things", name)
			}
			seen[name] = true
		}
	}
}

// TestNextStep: the step after another is the plan's, however it was found.
func TestNextStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Plan{Algorithm: Algorithm(rapid.IntRange(1, int(PairwiseExchange)).Draw(t, "algorithm")), World: rapid.IntRange(1, 40).Draw(t, "world")}
		p.Rank, p.Root = core.Rank(rapid.IntRange(0, p.World-1).Draw(t, "rank")), core.Rank(rapid.IntRange(0, p.World-1).Draw(t, "root"))
		p.Count = rapid.SampledFrom([]int{0, 1, p.World, 3*p.World + 1}).Draw(t, "count")
		var s Step
		for i := range p.Steps() {
			if p.next(i, &s); s != p.Step(i) {
				t.Fatalf("%+v: step %d is %+v after the one before it, want %+v", p, i, s, p.Step(i))
			}
		}
	})
}
