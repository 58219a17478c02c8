package explore

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"

	"nexarsim/core"
)

// What is asked of parts for every state, each worker keeps beside their numbers: a few bytes a part, where the parts
// themselves are spread over the memory.

// share128 is what a part adds to the fingerprint of a state.
type share128 struct{ lo, hi uint64 }

// The sorts of parts: two of different sorts add different things, however alike they are.
const (
	sortCell = iota + 1
	sortBox
	sortVerdict
	sortCounts
)

// shareOf mixes a part's hash and its sort. What part of its sort it is, of which node, its hash says.
func shareOf(sort byte, hash, rest uint64) share128 {
	var buf [17]byte
	buf[0] = sort
	binary.LittleEndian.PutUint64(buf[1:], hash)
	binary.LittleEndian.PutUint64(buf[9:], rest)
	h := xxh3.Hash128(buf[:])
	return share128{h.Lo, h.Hi}
}

// table is facts by the numbers of parts, made when they are first asked for.
type table[F any] struct {
	of   []F
	made []bool
}

// get gives the facts of a part, nil if they have not been made. They stay where they are until the next put.
func (t *table[F]) get(number uint32) *F {
	if int(number) < len(t.made) && t.made[number] {
		return &t.of[number]
	}
	return nil
}

func (t *table[F]) put(number uint32, f F) *F {
	if n := int(number) + 1 - len(t.made); n > 0 {
		t.of, t.made = append(t.of, make([]F, n)...), append(t.made, make([]bool, n)...)
	}
	t.of[number], t.made[number] = f, true
	return &t.of[number]
}

// cellFacts is what a cell's node is asked.
type cellFacts struct {
	share    share128 // nothing for a crashed node
	epoch    core.Epoch
	promised uint32 // round; noRound for a node that is in no agreement
	node     uint8
	timers   uint16 // that are armed, without those that must not fire in place of others
	members  uint8  // of its view
	closed   uint8
	moves    bool // it takes steps
	ended    bool
	asks     bool // it has wakes or answers
	held     bool // to what it promises under other names
	asked    [2]uint8
	reacts   [2]uint8 // of those that were asked: the peers whose suspicion, or its withdrawal, brings something about
}

func (w *world) cellFacts(number uint32) *cellFacts {
	if f := w.cellTable.get(number); f != nil {
		return f
	}
	return w.cellTable.put(number, w.makeCellFacts(number))
}

func (w *world) makeCellFacts(number uint32) cellFacts {
	p := w.cells.at(number)
	c := p.of
	f := cellFacts{
		node: c.node, epoch: c.epoch, promised: noRound, timers: c.armed &^ c.lasts, members: c.members, closed: c.closed,
		moves: !c.still, ended: c.ended, asks: len(c.wakes)+len(c.answers) > 0,
	}
	if c.m == nil {
		return f
	}
	f.share = shareOf(sortCell, p.hash, p.rest)
	if x, ok := c.m.(ranger); ok && !c.still {
		if promised, in := x.Rounds(func(uint32) {}); in {
			f.promised = promised
		}
	}
	return f
}

// reacts gives those of some peers whose suspicion brings something about at a node, or, with giveTrust, its withdrawal.
func (w *world) reacts(cell uint32, in input, peers uint8) uint8 {
	k := 0
	if in == giveTrust {
		k = 1
	}
	f := w.cellFacts(cell)
	for new1 := peers &^ f.asked[k]; new1 != 0; new1 &= new1 - 1 {
		q := bits.TrailingZeros8(new1)
		changed := w.step(cell, in|input(q)).changed
		f.asked[k] |= 1 << q
		f.reacts[k] |= bit(changed) << q
	}
	return f.reacts[k] & peers
}

// mailFacts is what a mail is asked.
type mailFacts struct {
	epoch core.Epoch
	kind  core.Kind
	to    uint8
}

func (w *world) mailFacts(number uint32) *mailFacts {
	if f := w.mailTable.get(number); f != nil {
		return f
	}
	return w.mailTable.put(number, w.makeMailFacts(number))
}

func (w *world) makeMailFacts(number uint32) mailFacts {
	m := w.mails.at(number).of
	return mailFacts{m.msg.Epoch, m.msg.Kind, m.to}
}

// boxFacts is what an outbox is asked.
type boxFacts struct {
	share  share128 // nothing for an empty one
	mails  outbox
	to     uint8 // who has mail in it
	sorted bool  // by what its mails are
}

func (w *world) boxFacts(number uint32) *boxFacts {
	if f := w.boxTable.get(number); f != nil {
		return f
	}
	return w.boxTable.put(number, w.makeBoxFacts(number))
}

func (w *world) makeBoxFacts(number uint32) boxFacts {
	p := w.boxes.at(number)
	f := boxFacts{mails: p.of, sorted: slices.IsSortedFunc(p.of, w.compareMails)}
	for _, m := range p.of {
		f.to |= 1 << w.mailFacts(m).to
	}
	if len(p.of) > 0 {
		f.share = shareOf(sortBox, p.hash, p.rest)
	}
	return f
}

// verdictFacts is what a verdict is asked.
type verdictFacts struct {
	share  share128
	broken uint32
	owed   uint32
}

func (w *world) verdictFacts(number uint32) *verdictFacts {
	if f := w.verdictTable.get(number); f != nil {
		return f
	}
	return w.verdictTable.put(number, w.makeVerdictFacts(number))
}

func (w *world) makeVerdictFacts(number uint32) verdictFacts {
	p := w.verdicts.at(number)
	return verdictFacts{shareOf(sortVerdict, p.hash, p.rest), p.of.broken, p.of.owed}
}

// Fingerprint adds up what the parts and the counts say. Each adds 128 bits that stand for it alone, so that two states
// have one sum by chance only.
func (w *world) Fingerprint(s *State) (lo, hi uint64, ok bool) {
	if w.sym != nil {
		return 0, 0, false // states that are alike have one encoding
	}
	sum := w.countsShare(s)
	for i := range w.cfg.World {
		c, b := &w.cellFacts(s.cells[i]).share, &w.boxFacts(s.boxes[i]).share
		sum.lo += c.lo + b.lo
		sum.hi += c.hi + b.hi
	}
	v := &w.verdictFacts(s.verdict).share
	return sum.lo + v.lo, sum.hi + v.hi, true
}

// countsShare mixes the counts, which are often those of the state before.
func (w *world) countsShare(s *State) share128 {
	faults := uint64(s.dead) | uint64(s.split)<<8 | uint64(s.side)<<16
	left := uint64(s.crashes) | uint64(s.suspicions)<<8 | uint64(s.partitions)<<16 | uint64(s.early)<<24 | uint64(s.losses)<<32 | uint64(s.duplicates)<<40
	if c := &w.counts; c.faults != faults || c.left != left || c.share == (share128{}) {
		*c = countsShare{faults, left, shareOf(sortCounts, faults, left)}
	}
	return w.counts.share
}

// countsShare is the counts that were mixed last.
type countsShare struct {
	faults, left uint64
	share        share128
}
