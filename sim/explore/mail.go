package explore

import (
	"cmp"
	"encoding/binary"
	"slices"

	"nexarsim/core"
)

// mail is a message from one node to another. Equal ones are one.
type mail struct {
	from, to uint8
	msg      core.Message
	key      string // orders mails by what they are
	by       origin
}

func (w *world) numberMail(from, to uint8, m *core.Message, by origin) uint32 {
	w.buf = appendMail(w.buf[:0], from, to, m)
	n := w.mails.number(w.buf, func() *mail { return &mail{from, to, *m, string(w.buf), by} })
	if input(n) > inputPayload {
		panic("more different messages than an input can name")
	}
	return n
}

func appendMail(buf []byte, from, to uint8, m *core.Message) []byte {
	buf = append(buf, from, to, byte(m.Kind))
	buf = binary.BigEndian.AppendUint32(buf, uint32(m.Epoch))
	buf = binary.BigEndian.AppendUint32(buf, m.Ballot.Round)
	buf = binary.BigEndian.AppendUint32(buf, uint32(m.Ballot.Coordinator)+1)
	buf = binary.BigEndian.AppendUint64(buf, m.Num)
	buf = binary.BigEndian.AppendUint64(buf, m.Group)
	buf = m.Set.AppendState(buf)
	return append(buf, m.Body...)
}

// An outbox is what one node has in flight, in the order in which it was sent: if the node crashes, what was sent last may
// be lost with it. Once it cannot crash any more, the order means nothing, and mails stand in the order of what they are.
type outbox []uint32

func (w *world) numberBox(box outbox) uint32 {
	w.buf = w.buf[:0]
	for _, m := range box {
		w.buf = binary.LittleEndian.AppendUint64(w.buf, w.mails.at(m).hash)
	}
	return w.boxes.recalled(&w.boxed, w.buf, func() outbox { return slices.Clone(box) })
}

func (w *world) sortBox(box outbox) {
	slices.SortFunc(box, func(a, b uint32) int {
		if a == b {
			return 0
		}
		return cmp.Compare(w.mails.at(a).of.key, w.mails.at(b).of.key)
	})
}

// What may become of a mail at its receiver.
const (
	mailActs     = iota
	mailSpent    // nothing, ever
	mailAnswered // nothing but an answer that its sender may have no use for
)

// fate asks the receiver about a mail.
func (w *world) fate(receiver, number uint32) uint32 {
	key := pair(receiver, number)
	if f, ok := w.fates.get(key); ok {
		return f
	}
	f := w.askFate(w.cells.at(receiver).of, w.mails.at(number).of)
	w.fates.put(key, f)
	if w.holding() {
		w.holdMail(receiver, number, f, w.askFate)
	}
	return f
}

func (w *world) askFate(c *cell, m *mail) uint32 {
	x, ok := c.m.(expert)
	switch {
	case c.still, c.closed>>m.from&1 != 0 && !w.cfg.Plain.KeepSpent:
		return mailSpent
	case !ok || w.cfg.Plain.KeepKinds>>min(m.msg.Kind, 63)&1 != 0:
		return mailActs
	}
	spent, answered := x.Spent(core.NodeID(m.from), &m.msg)
	switch {
	case spent:
		return mailSpent
	case answered:
		return mailAnswered
	}
	return mailActs
}

// refused tells whether a refusal of a mail's ballot would do nothing at the mail's sender.
func (w *world) refused(sender, number uint32) bool {
	key := pair(sender, number)
	if f, ok := w.refusals.get(key); ok {
		return f != 0
	}
	spent := w.askRefused(w.cells.at(sender).of, w.mails.at(number).of)
	w.refusals.put(key, uint32(bit(spent)))
	if w.holding() {
		w.holdMail(sender, number, uint32(bit(spent)), func(c *cell, m *mail) uint32 { return uint32(bit(w.askRefused(c, m))) })
	}
	return spent
}

func (w *world) askRefused(c *cell, m *mail) bool {
	refusal := core.Message{
		Kind: core.Refusal, Group: m.msg.Group, Epoch: m.msg.Epoch, Ballot: m.msg.Ballot, Num: 1<<62 | 1, // as high as any
	}
	spent := c.still
	if x, ok := c.m.(expert); ok {
		done, _ := x.Spent(core.NodeID(m.to), &refusal)
		spent = spent || done
	}
	return spent
}

// spent tells whether a mail in flight can do nothing any more, at its receiver or by what the receiver answers.
func (w *world) spent(s *State, number uint32) bool {
	m := w.mails.at(number).of
	switch w.fate(s.cells[m.to], number) {
	case mailSpent:
		return true
	case mailAnswered:
		return s.dead>>m.from&1 != 0 || w.refused(s.cells[m.from], number)
	}
	return false
}
