package sim

import (
	"fmt"
	"math/bits"
	"slices"
	"syscall"
	"testing"
	"time"

	"nexarsim/scenarios"
)

// The floor is the least that an honest simulation of the standard workload does: nodes behind an interface, messages of
// 48 bytes through a reused outbox, a heap of packed events with four children a node, one hash for each message, a
// digest over every word. It has no protocol beyond one round, no faults but crashes and no judge. What a run costs is
// told as a ratio to it, measured in the same process, turn by turn.

type floorMsg struct {
	kind, epoch uint32
	from, to    uint32
	set, ballot uint64
	seq, _      uint64
}

type floorMachine interface {
	step(now int64, m *floorMsg, out []floorMsg) []floorMsg
}

type floorNode struct {
	id, world int
	heard     []int64
	beat      uint64
	suspects  uint64
	votes     uint64
	acks      uint64
	dead      uint64
	epoch     uint32
}

const (
	floorTick = iota
	floorBeat
	floorVote
	floorAgree
	floorAck
	floorCommit
)

func (n *floorNode) step(now int64, m *floorMsg, out []floorMsg) []floorMsg {
	switch m.kind {
	case floorBeat:
		n.heard[m.from] = now
	case floorTick:
		n.beat++
		for to := range n.world {
			if to != n.id && n.dead>>uint(to)&1 == 0 {
				out = append(out, floorMsg{kind: floorBeat, epoch: n.epoch, from: uint32(n.id), to: uint32(to), seq: n.beat})
			}
		}
		for p, at := range n.heard {
			if p != n.id && (n.suspects|n.dead)>>uint(p)&1 == 0 && now-at > 5e9 {
				n.suspects |= 1 << uint(p)
				out = n.vote(out)
			}
		}
	case floorVote:
		n.votes |= 1 << m.from
		n.suspects |= m.set
		if alive := n.alive(); n.votes|1<<uint(n.id) == alive {
			for to := range n.world {
				if alive>>uint(to)&1 != 0 && to != n.id {
					out = append(out, floorMsg{kind: floorAgree, epoch: n.epoch, from: uint32(n.id), to: uint32(to), set: n.suspects})
				}
			}
		}
	case floorAgree:
		out = append(out, floorMsg{kind: floorAck, epoch: n.epoch, from: uint32(n.id), to: m.from, set: m.set})
	case floorAck:
		n.acks++
		if 2*int(n.acks) >= bits.OnesCount64(n.alive()) {
			n.acks = 0
			for to := range n.world {
				if to != n.id && n.alive()>>uint(to)&1 != 0 {
					out = append(out, floorMsg{kind: floorCommit, epoch: n.epoch, from: uint32(n.id), to: uint32(to), set: n.suspects})
				}
			}
			n.install()
		}
	case floorCommit:
		n.suspects |= m.set
		n.install()
	}
	return out
}

func (n *floorNode) alive() uint64 { return (1<<uint(n.world) - 1) &^ (n.suspects | n.dead) }

func (n *floorNode) vote(out []floorMsg) []floorMsg {
	lead := bits.TrailingZeros64(n.alive())
	if lead == n.id {
		return out
	}
	return append(out, floorMsg{kind: floorVote, epoch: n.epoch, from: uint32(n.id), to: uint32(lead), set: n.suspects})
}

func (n *floorNode) install() {
	n.dead |= n.suspects
	n.suspects, n.votes = 0, 0
	n.epoch++
}

// floorQueue is the heap alone.
type floorQueue struct {
	heap
	seq uint64
}

func (q *floorQueue) reset() { q.heap, q.seq = q.heap[:0], 0 }

func (q *floorQueue) push(at int64, c class, a, b uint32) {
	q.seq++
	q.heap.push(entry{at: at, ord: uint64(c)<<classShift | q.seq, a: a, b: b})
}

func (q *floorQueue) pop() (entry, bool) {
	if len(q.heap) == 0 {
		return entry{}, false
	}
	return q.heap.pop(), true
}

type floorSim struct {
	q     floorQueue
	nodes []floorMachine
	state []floorNode
	slots []floorMsg
	free  []uint32
	out   []floorMsg
	in    floorMsg
	count []uint32
	hash  uint64
}

func (f *floorSim) word(w uint64) { f.hash = bits.RotateLeft64(f.hash^w, 29) * 0x9fb21c651e98df25 }

// run makes one run and returns the number of its events.
func (f *floorSim) run(world int, seed uint64) (events int) {
	f.q.reset()
	if len(f.state) != world {
		f.state, f.nodes, f.count = make([]floorNode, world), nil, make([]uint32, world*world)
		for i := range f.state {
			f.state[i].heard = make([]int64, world)
			f.nodes = append(f.nodes, &f.state[i])
		}
	}
	clear(f.count)
	f.slots, f.free, f.hash = f.slots[:0], f.free[:0], seed
	for i := range f.state {
		h := f.state[i].heard
		clear(h)
		f.state[i] = floorNode{id: i, world: world, heard: h}
		f.q.push(int64(mix(seed^uint64(i))%1e9), classTimer, uint32(i), 0)
	}
	dies := make([]int64, 0, 2)
	for k := range mix(seed) % 3 {
		dies = append(dies, 5e9+int64(mix(seed+k)%40e9))
	}
	for {
		e, ok := f.q.pop()
		if !ok || e.at > 60e9 {
			return events
		}
		events++
		id := int(e.b)
		f.out = f.out[:0]
		if e.class() == classTimer {
			id = int(e.a)
			if id < len(dies) && e.at > dies[id] {
				continue
			}
			f.in = floorMsg{kind: floorTick}
			f.out = f.nodes[id].step(e.at, &f.in, f.out)
			f.q.push(e.at+1e9, classTimer, e.a, 0)
		} else {
			f.in = f.slots[e.a]
			f.free = append(f.free, e.a)
			if id < len(dies) && e.at > dies[id] {
				continue
			}
			f.out = f.nodes[id].step(e.at, &f.in, f.out)
		}
		f.word(uint64(e.at))
		for i := range f.out {
			f.send(e.at, seed, &f.out[i])
		}
	}
}

func (f *floorSim) send(now int64, seed uint64, m *floorMsg) {
	f.word(uint64(m.kind)<<32 | uint64(m.epoch))
	f.word(uint64(m.from)<<32 | uint64(m.to))
	f.word(m.set)
	f.word(m.ballot)
	f.word(m.seq)
	at := len(f.slots)
	if k := len(f.free); k > 0 {
		at = int(f.free[k-1])
		f.free = f.free[:k-1]
		f.slots[at] = *m
	} else {
		f.slots = append(f.slots, *m)
	}
	link := int(m.from)*len(f.state) + int(m.to)
	f.count[link]++
	h := mix(mix(seed^uint64(link)<<8^uint64(m.kind)) ^ uint64(f.count[link]))
	hi, _ := bits.Mul64(h, 1_950_001)
	f.q.push(now+50_000+int64(hi), classDeliver, uint32(at), m.to)
}

// workload is W(n), the standard workload of a seeded simulation.
func workload(tb testing.TB, world int) *scenarios.Scenario {
	tb.Helper()
	text := fmt.Sprintf(`name: w%d
about: The standard workload of the benchmarks.
world: %d
duration: 60s
settle: 15s
config: {recovery_timeout: 10s}
faults:
  - {random: {crashes: 0..2, between: 5s..45s}}
`, world, world)
	sc, err := scenarios.Parse("workload.yaml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return sc
}

// cpu is the processor time that this process has used.
func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

// BenchmarkW measures W(5), W(8) and W(64) beside the floor, turn by turn in one process: processor nanoseconds an event
// of each, and the median of the ratios.
func BenchmarkW(b *testing.B) {
	for _, world := range []int{5, 8, 64} {
		b.Run(fmt.Sprint(world), func(b *testing.B) { benchmarkW(b, world) })
	}
}

func benchmarkW(b *testing.B, world int) {
	sc := workload(b, world)
	s, f := New(), &floorSim{}
	runs := max(1, 4_000_000/(world*world*600))
	seed := uint64(1)
	var ours, floor, ratio []float64
	for b.Loop() {
		t0 := cpu(b)
		events := uint64(0)
		for i := range uint64(runs) {
			res, err := s.Run(Spec{Scenario: sc, Protocol: "quorum", Seed: seed + i})
			if err != nil {
				b.Fatal(err)
			}
			events += res.Steps
		}
		t1 := cpu(b)
		least := 0
		for i := range uint64(runs) {
			least += f.run(world, seed+i)
		}
		t2 := cpu(b)
		seed += uint64(runs)
		o, l := float64(t1-t0)/float64(events), float64(t2-t1)/float64(least)
		ours, floor, ratio = append(ours, o), append(floor, l), append(ratio, o/l)
	}
	b.ReportMetric(median(ours), "ns/event")
	b.ReportMetric(median(floor), "floor-ns/event")
	b.ReportMetric(median(ratio), "x-floor")
	b.ReportMetric(ratio[0], "x-floor-min")
	b.ReportMetric(ratio[len(ratio)-1], "x-floor-max")
	b.ReportMetric(0, "ns/op")
}
