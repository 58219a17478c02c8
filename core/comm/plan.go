package comm

import (
	"math/bits"

	"nexarsim/core"
)

// Algorithm is how a collective moves its segments.
type Algorithm uint8

// The algorithms, by the names that the field gives them.
const (
	// Dissemination barrier (Hensgen, Finkel, Manber, 1988): in round k a rank tells the one 2^k further on.
	Dissemination Algorithm = iota + 1
	// RingAllReduce is a ring reduce-scatter, then a ring all-gather: 2(N-1) segments of 1/N of the elements for each rank.
	RingAllReduce
	// RecursiveDoubling exchanges all elements with the rank whose bit k differs, for each k: few messages, for small ones.
	RecursiveDoubling
	// BinomialTree broadcasts from the root in log N rounds, and gathers the receipts along the same tree.
	BinomialTree
	// RingAllGather passes each rank's elements on to the right, N-1 times.
	RingAllGather
	// RingReduceScatter leaves the i-th part of the reduction at rank i.
	RingReduceScatter
	// PairwiseExchange sends in step i to the rank i further on and hears the one i back.
	PairwiseExchange
)

var algorithmNames = [...]string{
	Dissemination: "dissemination", RingAllReduce: "ring all-reduce", RecursiveDoubling: "recursive doubling",
	BinomialTree: "binomial tree", RingAllGather: "ring all-gather", RingReduceScatter: "ring reduce-scatter",
	PairwiseExchange: "pairwise exchange",
}

// String names the algorithm.
func (a Algorithm) String() string {
	if int(a) < len(algorithmNames) && algorithmNames[a] != "" {
		return algorithmNames[a]
	}
	return "invalid"
}

// Segment is some neighbouring elements of an operation's buffer.
type Segment struct{ Offset, Length int }

// Step is one step of a plan: first the send, then the receive. Labels name a part at both of its ends.
type Step struct {
	To, From                core.Rank // NoRank: nobody
	Send, Receive           Segment
	SendLabel, ReceiveLabel int
	Combine                 bool // what is received is reduced with what is there, not put in its place
	MineFirst               bool // and what is there is the first operand: all members reduce in one order
}

// Plan is what one rank does in a collective: a pure function of who it is and how many elements there are.
//
// Elements lie in one buffer. All-gather, reduce-scatter: World parts of Count. All-to-all: World parts of Count to give,
// behind them World parts that come. All others: Count.
type Plan struct {
	Algorithm Algorithm
	World     int
	Rank      core.Rank
	Root      core.Rank // broadcast
	Count     int
}

// Buffer is how many elements an operation's buffer has.
func (p *Plan) Buffer() int {
	switch p.Algorithm {
	case RingAllGather, RingReduceScatter:
		return p.World * p.Count
	case PairwiseExchange:
		return 2 * p.World * p.Count
	case Dissemination:
		return 0
	}
	return p.Count
}

// Steps is how many steps the rank takes.
func (p *Plan) Steps() int {
	if p.World == 1 {
		return 0
	}
	switch p.Algorithm {
	case Dissemination:
		return rounds(p.World)
	case RingAllReduce:
		return 2 * (p.World - 1)
	case RecursiveDoubling:
		return p.doublingSteps()
	case BinomialTree:
		return p.treeSteps()
	case RingAllGather, RingReduceScatter, PairwiseExchange:
		return p.World - 1
	}
	return 0
}

// Step is the i-th step, 0 <= i < Steps().
func (p *Plan) Step(i int) Step {
	switch p.Algorithm {
	case Dissemination:
		return p.across(1<<i, i)
	case RingAllReduce:
		return p.allReduceStep(i)
	case RecursiveDoubling:
		return p.doublingStep(i)
	case BinomialTree:
		return p.treeStep(i)
	case RingAllGather:
		s := p.across(1, i)
		s.Send, s.Receive = p.part(int(p.Rank)-i), p.part(int(p.Rank)-i-1)
		return s
	case RingReduceScatter:
		s := p.across(1, i)
		s.Send, s.Receive, s.Combine = p.part(int(p.Rank)-i-1), p.part(int(p.Rank)-i-2), true
		return s
	case PairwiseExchange:
		s := p.across(i+1, i)
		s.Send, s.Receive = p.part(int(s.To)), p.part(int(s.From))
		s.Receive.Offset += p.World * p.Count
		return s
	}
	return Step{To: core.NoRank, From: core.NoRank}
}

// next makes the step before the i-th one the i-th: what came round a ring is what goes on round it.
func (p *Plan) next(i int, s *Step) {
	if p.Algorithm != RingAllReduce || i == 0 {
		*s = p.Step(i)
		return
	}
	half := p.World - 1
	share := int(p.Rank) - i - 1
	if i >= half {
		share = int(p.Rank) - (i - half)
	}
	s.Send, s.Receive, s.Combine = s.Receive, p.share(share), i < half
	s.SendLabel, s.ReceiveLabel = i, i
}

// Synchronizes tells whether nobody can end the operation before every member has begun it.
func (p *Plan) Synchronizes() bool { return p.Algorithm != BinomialTree }

// Shared tells whether others may be able to end the operation, if all that this rank has sent is its first n sends.
func (p *Plan) Shared(n int) bool {
	if p.Algorithm == RingAllReduce {
		return n >= p.World // its own sums have left it, and its part is in all the others
	}
	return n > 0
}

// across is a step that sends some ranks on and receives from as many back.
func (p *Plan) across(distance, label int) Step {
	return Step{
		To: core.Rank(mod(int(p.Rank)+distance, p.World)), From: core.Rank(mod(int(p.Rank)-distance, p.World)),
		SendLabel: label, ReceiveLabel: label,
	}
}

// part is the elements of one rank where each has Count.
func (p *Plan) part(rank int) Segment { return Segment{mod(rank, p.World) * p.Count, p.Count} }

// share is one of World nearly equal shares of Count elements.
func (p *Plan) share(i int) Segment {
	i = mod(i, p.World)
	if p.Count == p.World {
		return Segment{i, 1}
	}
	from, to := i*p.Count/p.World, (i+1)*p.Count/p.World
	return Segment{from, to - from}
}

// allReduceStep: each share begins at the rank of its number, gathers everybody's part on its way round the ring, and goes
// round once more as the sum.
func (p *Plan) allReduceStep(i int) Step {
	s := p.across(1, i)
	r, half := int(p.Rank), p.World-1
	if i < half {
		s.Send, s.Receive, s.Combine = p.share(r-i), p.share(r-i-1), true
		return s
	}
	s.Send, s.Receive = p.share(r+1-(i-half)), p.share(r-(i-half))
	return s
}

// Recursive doubling pairs the ranks below the largest power of two in the world. A rank above it gives its elements to
// the one that far below before, and is given the result after.

func (p *Plan) power() int { return 1 << (bits.Len(uint(p.World)) - 1) }

func (p *Plan) doublingSteps() int {
	n := bits.Len(uint(p.World)) - 1
	r, power := int(p.Rank), p.power()
	switch {
	case r >= power:
		return 1
	case r < p.World-power:
		return n + 2
	}
	return n
}

func (p *Plan) doublingStep(i int) Step {
	n, power, all := bits.Len(uint(p.World))-1, p.power(), Segment{0, p.Count}
	r, folded := int(p.Rank), int(p.Rank) < p.World-p.power()
	if r >= power {
		low := core.Rank(r - power)
		return Step{To: low, From: low, Send: all, Receive: all, ReceiveLabel: n + 1}
	}
	if folded && i == 0 {
		return Step{To: core.NoRank, From: core.Rank(r + power), Receive: all, Combine: true, MineFirst: true}
	}
	if folded {
		i--
	}
	if i == n {
		return Step{To: core.Rank(r + power), From: core.NoRank, Send: all, SendLabel: n + 1}
	}
	peer := core.Rank(r ^ 1<<i)
	return Step{
		To: peer, From: peer, Send: all, Receive: all, SendLabel: i + 1, ReceiveLabel: i + 1, Combine: true, MineFirst: p.Rank < peer,
	}
}

// The labels of a broadcast.
const (
	treeDown    = iota // the elements
	treeReceipt        // they have arrived, here and below
)

// child is the i-th child of a rank in the binomial tree, ranks counted from the root; false if it has no more.
func (p *Plan) child(from, i int) (int, bool) {
	low := bits.TrailingZeros(uint(from))
	if from == 0 {
		low = rounds(p.World)
	}
	// The furthest child has the deepest tree below it, so it is told first.
	for k := low - 1; k >= 0; k-- {
		if c := from + 1<<k; c < p.World {
			if i == 0 {
				return c, true
			}
			i--
		}
	}
	return 0, false
}

func (p *Plan) fromRoot() int { return mod(int(p.Rank)-int(p.Root), p.World) }

func (p *Plan) absolute(fromRoot int) core.Rank {
	return core.Rank(mod(fromRoot+int(p.Root), p.World))
}

func (p *Plan) children() int {
	n := 0
	for v := p.fromRoot(); ; n++ {
		if _, ok := p.child(v, n); !ok {
			return n
		}
	}
}

func (p *Plan) treeSteps() int {
	steps := 2 * p.children()
	if p.fromRoot() != 0 {
		steps += 2
	}
	return steps
}

// treeStep: hear the parent, tell the children, hear from them that all below have it, tell the parent so.
func (p *Plan) treeStep(i int) Step {
	s := Step{To: core.NoRank, From: core.NoRank}
	all, v, n := Segment{0, p.Count}, p.fromRoot(), p.children()
	if v != 0 {
		parent := p.absolute(v & (v - 1))
		switch i {
		case 0:
			s.From, s.Receive, s.ReceiveLabel = parent, all, treeDown
			return s
		case 2*n + 1:
			s.To, s.SendLabel = parent, treeReceipt
			return s
		}
		i--
	}
	c, _ := p.child(v, i%n)
	if i < n {
		s.To, s.Send, s.SendLabel = p.absolute(c), all, treeDown
		return s
	}
	s.From, s.ReceiveLabel = p.absolute(c), treeReceipt
	return s
}

// labelled tells whether a part's label is the number of its step at both ends.
func (p *Plan) labelled() bool {
	return p.Algorithm != BinomialTree && p.Algorithm != RecursiveDoubling
}

// sending is the step in which the rank sends a part to a peer; false if there is none.
func (p *Plan) sending(to core.Rank, label int) (int, bool) {
	n := p.Steps()
	if label >= 0 && label < n {
		if s := p.Step(label); s.To == to && s.SendLabel == label {
			return label, true
		}
	}
	if p.labelled() {
		return 0, false
	}
	for i := range n {
		if s := p.Step(i); s.To == to && s.SendLabel == label {
			return i, true
		}
	}
	return 0, false
}

// receiving is the step in which it receives one.
func (p *Plan) receiving(from core.Rank, label int) (int, bool) {
	n := p.Steps()
	if label >= 0 && label < n {
		if s := p.Step(label); s.From == from && s.ReceiveLabel == label {
			return label, true
		}
	}
	if p.labelled() {
		return 0, false
	}
	for i := range n {
		if s := p.Step(i); s.From == from && s.ReceiveLabel == label {
			return i, true
		}
	}
	return 0, false
}

// rounds is the least k with 2^k >= n.
func rounds(n int) int { return bits.Len(uint(n - 1)) }

func mod(a, n int) int {
	if a < 0 {
		a += n // a division costs more than all the rest of a step
	}
	if uint(a) < uint(n) {
		return a
	}
	if a %= n; a < 0 {
		a += n
	}
	return a
}
