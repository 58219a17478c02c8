package sim

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/xxh3"

	"nexarsim/core"
)

// digest condenses every step of a run with its effects into 64 bits, the same on every machine: XXH3 over the steps'
// words, block by block, each seeded with what came before.
type digest struct {
	buf  [4096]byte
	n    int
	hash uint64
	log  *StepLog // nil unless the run is to be compared step by step
}

func (d *digest) reset(log *StepLog) {
	d.n, d.hash, d.log = 0, 0, log
}

func (d *digest) word(w uint64) {
	binary.LittleEndian.PutUint64(d.buf[d.n:], w)
	d.n += 8
	if d.n == len(d.buf) {
		d.flush()
	}
	if d.log != nil {
		d.log.fold(w)
	}
}

// two and three are word for as many words.

func (d *digest) two(v, w uint64) {
	if d.log != nil || len(d.buf)-d.n <= 2*8 {
		d.word(v)
		d.word(w)
		return
	}
	b := d.buf[d.n:][:16]
	binary.LittleEndian.PutUint64(b, v)
	binary.LittleEndian.PutUint64(b[8:], w)
	d.n += 16
}

func (d *digest) three(u, v, w uint64) {
	if d.log != nil || len(d.buf)-d.n <= 3*8 {
		d.word(u)
		d.two(v, w)
		return
	}
	b := d.buf[d.n:][:24]
	binary.LittleEndian.PutUint64(b, u)
	binary.LittleEndian.PutUint64(b[8:], v)
	binary.LittleEndian.PutUint64(b[16:], w)
	d.n += 24
}

func (d *digest) flush() {
	d.hash = xxh3.HashSeed(d.buf[:d.n], d.hash)
	d.n = 0
}

// text adds a string with its length.
func (d *digest) text(s string) {
	d.word(uint64(len(s)))
	var w uint64
	for i := 0; i < len(s); i++ {
		w = w<<8 | uint64(s[i])
		if i%8 == 7 || i == len(s)-1 {
			d.word(w)
			w = 0
		}
	}
}

// set adds a set of nodes.
func (d *digest) set(s core.NodeSet) {
	n := uint64(s.Len())
	d.word(n)
	for id := s.First(); id != core.NoNode; id = s.Next(id) {
		d.word(uint64(id))
	}
}

// message adds all that a message says.
func (d *digest) message(m *core.Message) {
	const most = 8 * 8 // bytes of the short messages, which nearly all are
	if d.log == nil && len(d.buf)-d.n > most && len(m.Body) <= 8 && m.Set.Empty() {
		d.short(m)
		return
	}
	d.word(uint64(m.Kind)<<32 | uint64(m.Epoch))
	d.word(uint64(m.Ballot.Round)<<32 | uint64(uint32(m.Ballot.Coordinator)))
	d.word(m.Num)
	d.word(m.Group)
	d.set(m.Set)
	d.text(m.Body)
}

// short is message for one without a set and with at most one word of body, which has room in the block.
func (d *digest) short(m *core.Message) {
	b := d.buf[d.n:]
	binary.LittleEndian.PutUint64(b, uint64(m.Kind)<<32|uint64(m.Epoch))
	binary.LittleEndian.PutUint64(b[8:], uint64(m.Ballot.Round)<<32|uint64(uint32(m.Ballot.Coordinator)))
	binary.LittleEndian.PutUint64(b[16:], m.Num)
	binary.LittleEndian.PutUint64(b[24:], m.Group)
	binary.LittleEndian.PutUint64(b[32:], 0)
	binary.LittleEndian.PutUint64(b[40:], uint64(len(m.Body)))
	d.n += 48
	if len(m.Body) == 0 {
		return
	}
	binary.LittleEndian.PutUint64(b[48:], letters(m.Body))
	d.n += 8
}

// letters is up to eight bytes as a number.
func letters(s string) (w uint64) {
	if len(s) == 8 { // one instruction
		return uint64(s[7]) | uint64(s[6])<<8 | uint64(s[5])<<16 | uint64(s[4])<<24 | uint64(s[3])<<32 | uint64(s[2])<<40 | uint64(s[1])<<48 | uint64(s[0])<<56
	}
	for i := range len(s) {
		w = w<<8 | uint64(s[i])
	}
	return w
}

func (d *digest) sum() uint64 {
	d.flush()
	return d.hash
}

// StepLog keeps a fingerprint of each step of a run, so that two runs can be compared step by step.
type StepLog struct {
	steps []stepMark
}

type stepMark struct {
	hash uint64
	t    int64
	node int32
	what uint32
}

// begin opens the record of a step.
func (l *StepLog) begin(t int64, node int, what uint32) {
	l.steps = append(l.steps, stepMark{hash: 0x9e3779b97f4a7c15, t: t, node: int32(node), what: what})
}

func (l *StepLog) fold(w uint64) {
	if len(l.steps) == 0 {
		l.begin(0, -1, 0)
	}
	s := &l.steps[len(l.steps)-1]
	s.hash = bits.RotateLeft64(s.hash^w, 29) * 0x9fb21c651e98df25
}
