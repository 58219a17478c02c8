package explore

import (
	"bytes"
	"fmt"
	"math/bits"

	"nexarsim/core"
)

// That messages may be dropped which can do nothing any more rests on what a machine claims (Spent). A machine with a
// defect may claim it wrongly, and the defect would hide behind the claim. So after a search every claim is held against
// the machine itself, for all cells and messages that the search has met, whether they met each other or not:
//
//   - a message that is spent does nothing when it is delivered, but that its sender is told decisions;
//   - what is spent stays spent in whatever the node does next, and what is answered stays answered or is spent; a sender
//     that has no use for a refusal never has one again;
//   - a message that is answered does nothing but that, and its answer is spent at each sender that has no use for a
//     refusal.
//
// With that, leaving such messages out takes no behaviour away: each of them, whenever it were delivered, would do
// nothing, or what a step that tells does. If a claim does not hold, the search is made again with the
// messages kept that it is about.

// claims is the check of one search.
type claims struct {
	w     *world
	mails [MaxWorld][]uint32  // by receiver
	fates map[uint32][]uint64 // by cell, a bit for each mail to it that does not act, and then for each that is spent
	asked [MaxWorld][]uint32  // by sender, mails that are answered somewhere
	idles map[uint32][]uint64 // by cell, a bit for each asked mail of its node whose refusal it has no use for
	about core.Kind           // what a broken claim is about
	out   core.Effects
	in    core.Input
}

// broken says which claim does not hold, and about what kind of messages; empty if all do.
func (w *world) broken(outcomes [][]outcome) (text string, about core.Kind) {
	if !w.expert || w.cfg.Plain.KeepSpent {
		return "", 0
	}
	k := &claims{w: w, fates: map[uint32][]uint64{}, idles: map[uint32][]uint64{}}
	for number := range w.mails.count.Load() {
		to := w.mails.at(number).of.to
		k.mails[to] = append(k.mails[to], number)
	}
	seen := make([]bool, w.mails.count.Load())
	cells := w.cells.count.Load()
	for number := range cells {
		if text := k.inert(number, seen); text != "" {
			return text, k.about
		}
	}
	for number := range cells {
		if k.fates[number] != nil {
			k.refusals(number)
		}
	}
	for _, list := range outcomes {
		for i := range list {
			if text := k.lasting(&list[i]); text != "" {
				return text, k.about
			}
		}
	}
	return "", 0
}

// inert delivers to a copy of a cell's machine everything that is spent or answered there.
func (k *claims) inert(number uint32, seen []bool) string {
	c := k.w.cells.at(number).of
	if c.m == nil || c.panicked {
		return ""
	}
	mails := k.mails[c.node]
	words := (len(mails) + 63) / 64
	fates := make([]uint64, 2*words)
	k.fates[number] = fates
	m := c.m.Clone()
	before := m.AppendState(nil)
	for i, mailNumber := range mails {
		fate := k.w.askFate(c, k.w.mails.at(mailNumber).of) // too many pairs to remember
		if fate == mailActs {
			continue
		}
		fates[i>>6] |= 1 << (i & 63)
		if fate == mailSpent {
			fates[words+i>>6] |= 1 << (i & 63)
		} else if !seen[mailNumber] {
			seen[mailNumber] = true
			from := k.w.mails.at(mailNumber).of.from
			k.asked[from] = append(k.asked[from], mailNumber)
		}
		text := k.deliver(m, mailNumber, fate)
		if text == "" && !bytes.Equal(before, m.AppendState(nil)) {
			text = "changes the node"
		}
		if text != "" {
			l := k.w.mails.at(mailNumber).of
			k.about = l.msg.Kind
			return fmt.Sprintf("a %s from %d to %d of epoch %d counts as spent and %s", k.w.kindName(l.msg.Kind), l.from, l.to, l.msg.Epoch, text)
		}
	}
	return ""
}

// deliver says what a message does that it should not do.
func (k *claims) deliver(m core.Machine, number, fate uint32) (text string) {
	l := k.w.mails.at(number).of
	k.in = core.Input{Kind: core.InDeliver, From: core.NodeID(l.from), Msg: l.msg}
	k.out.Reset()
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprintf("panics: %v", p)
		}
	}()
	m.Step(0, &k.in, &k.out)
	for i := range k.out.List() {
		e := &k.out.List()[i]
		if e.Kind != core.OutSend || e.Peer != core.NodeID(l.from) || e.Op != 0 {
			return "does more than answer"
		}
		reply := k.out.Message(e)
		if reply.Kind == core.Commit {
			continue
		}
		if fate != mailAnswered || !k.idle(number, reply) {
			return "is answered with a " + k.w.kindName(reply.Kind)
		}
	}
	return ""
}

// idle tells whether an answer is spent wherever its receiver has no use for a refusal of what it answers.
func (k *claims) idle(number uint32, reply *core.Message) bool {
	l := k.w.mails.at(number).of
	back := k.w.numberMail(l.to, l.from, reply)
	key := pair(number, back)
	if ok, known := k.w.answers.get(key); known {
		return ok != 0
	}
	idle := true
	for sender := range k.w.cells.count.Load() {
		c := k.w.cells.at(sender).of
		if c.m != nil && c.node == l.from && !c.panicked && k.w.refused(sender, number) && k.w.fate(sender, back) != mailSpent {
			idle = false
			break
		}
	}
	k.w.answers.put(key, uint32(bit(idle)))
	return idle
}

// refusals notes which refusals a cell has no use for.
func (k *claims) refusals(number uint32) {
	asked := k.asked[k.w.cells.at(number).of.node]
	idle := make([]uint64, (len(asked)+63)/64)
	for i, m := range asked {
		if k.w.refused(number, m) {
			idle[i>>6] |= 1 << (i & 63)
		}
	}
	k.idles[number] = idle
}

// lasting looks for a claim that holds before a step and not after it.
func (k *claims) lasting(o *outcome) string {
	after, ok := k.fates[o.cell]
	if !ok {
		return "" // crashed or panicked
	}
	node := k.w.cells.at(o.cell).of.node
	for i, before := range k.fates[o.from] {
		if lost := before &^ after[i]; lost != 0 {
			mails := k.mails[node]
			at := i%((len(mails)+63)/64)*64 + bits.TrailingZeros64(lost)
			k.about = k.w.mails.at(mails[at]).of.msg.Kind
			return fmt.Sprintf("a %s that is spent at node %d does not stay so", k.w.kindName(k.about), node)
		}
	}
	for i, before := range k.idles[o.from] {
		if lost := before &^ k.idles[o.cell][i]; lost != 0 {
			k.about = k.w.mails.at(k.asked[node][64*i+bits.TrailingZeros64(lost)]).of.msg.Kind
			return fmt.Sprintf("node %d has no use for a refusal of its %s, and comes to have one", node, k.w.kindName(k.about))
		}
	}
	return ""
}
