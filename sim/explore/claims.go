package explore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

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
// nothing, or what a step that tells does. If claims do not hold, the search is made again with all
// messages kept that they are about.

// doubt is a claim that does not hold, about messages of one kind.
type doubt struct {
	about core.Kind
	text  string
}

// claims is the check of one search, which the workers share.
type claims struct {
	w     *world
	mails [MaxWorld][]uint32 // by receiver
	fates [][]uint64         // by cell, a bit for each mail to it that does not act, and then for each that is spent; nil where nothing moves
	asked [MaxWorld][]uint32 // by sender, mails that are answered somewhere
	idles [][]uint64         // by cell, a bit for each asked mail of its node whose refusal it has no use for
	place []int32            // of a mail among those to its receiver
	turn  []int32            // of an asked mail among those of its sender, plus one
	cells [MaxWorld][]uint32 // by node, those with fates
}

// claimant is one worker of a check.
type claimant struct {
	*claims
	w      *world
	doubts map[core.Kind]string // of each kind, the text that comes first
	seen   []uint64             // mails that are answered
	idlers map[uint32][]uint64  // by mail, a bit for each cell of its sender that has no use for a refusal of it
	spents map[uint32][]uint64  // by mail, a bit for each cell of its receiver at which it is spent
	before []byte
	after  []byte
	out    core.Effects
	in     core.Input
}

// broken says which claims do not hold; nothing if all do. What it says depends on what the search has met alone. The check
// is not whole if the context ends before it does.
func broken(ctx context.Context, worlds []*world) (doubts []doubt, whole bool) {
	w := worlds[0]
	if !w.expert || w.cfg.Plain.KeepSpent {
		return nil, true
	}
	if ctx.Err() != nil {
		return nil, false
	}
	mails, cells := w.mails.count.Load(), w.cells.count.Load()
	k := &claims{w: w, fates: make([][]uint64, cells), idles: make([][]uint64, cells), place: make([]int32, mails), turn: make([]int32, mails)}
	for number := range mails {
		to := w.mails.at(number).of.to
		k.place[number] = int32(len(k.mails[to]))
		k.mails[to] = append(k.mails[to], number)
	}
	var all []*claimant
	for _, w := range worlds {
		all = append(all, &claimant{claims: k, w: w, doubts: map[core.Kind]string{}, seen: make([]uint64, (mails+63)/64), idlers: map[uint32][]uint64{}, spents: map[uint32][]uint64{}})
	}
	share(ctx, all, cells, (*claimant).ask)
	k.collect(all)
	share(ctx, all, cells, (*claimant).refusals)
	share(ctx, all, cells, (*claimant).inert)
	var wait sync.WaitGroup
	for _, c := range all {
		wait.Go(func() {
			for i := range c.w.outcomes {
				if i%portion == 0 && ctx.Err() != nil {
					return
				}
				c.lasting(&c.w.outcomes[i])
			}
		})
	}
	wait.Wait()
	if ctx.Err() != nil {
		return nil, false
	}
	return merge(all), true
}

// portion is how much a worker does between two looks at the context.
const portion = 64

// share gives the cells out to the workers.
func share(ctx context.Context, all []*claimant, cells uint32, do func(*claimant, uint32)) {
	var next atomic.Uint32
	var wait sync.WaitGroup
	for _, c := range all {
		wait.Go(func() {
			for {
				from := next.Add(portion) - portion
				if from >= cells || ctx.Err() != nil {
					return
				}
				for number := range min(portion, cells-from) {
					do(c, from+number)
				}
			}
		})
	}
	wait.Wait()
}

// merge takes of each kind the text that comes first.
func merge(all []*claimant) []doubt {
	texts := map[core.Kind]string{}
	for _, c := range all {
		for about, text := range c.doubts { // unordered: of each kind the first text is taken
			if first, ok := texts[about]; !ok || text < first {
				texts[about] = text
			}
		}
	}
	var doubts []doubt
	for _, about := range slices.SortedFunc(maps.Keys(texts), cmp.Compare[core.Kind]) {
		doubts = append(doubts, doubt{about, texts[about]})
	}
	return doubts
}

func (c *claimant) doubt(about core.Kind, text string) {
	if first, ok := c.doubts[about]; !ok || text < first {
		c.doubts[about] = text
	}
}

// ask asks a cell's machine about each mail to it.
func (c *claimant) ask(number uint32) {
	x := c.w.cells.at(number).of
	if x.m == nil || x.still {
		return
	}
	mails := c.mails[x.node]
	words := (len(mails) + 63) / 64
	fates := make([]uint64, 2*words)
	c.fates[number] = fates
	for i, mailNumber := range mails {
		switch c.w.askFate(x, c.w.mails.at(mailNumber).of) { // too many pairs to remember
		case mailSpent:
			fates[i>>6] |= 1 << (i & 63)
			fates[words+i>>6] |= 1 << (i & 63)
		case mailAnswered:
			fates[i>>6] |= 1 << (i & 63)
			c.seen[mailNumber>>6] |= 1 << (mailNumber & 63)
		}
	}
}

// collect lists what is answered somewhere.
func (k *claims) collect(all []*claimant) {
	for number := range uint32(len(k.place)) {
		for _, c := range all {
			if c.seen[number>>6]>>(number&63)&1 != 0 {
				from := k.w.mails.at(number).of.from
				k.asked[from] = append(k.asked[from], number)
				k.turn[number] = int32(len(k.asked[from]))
				break
			}
		}
	}
	for number, fates := range k.fates {
		if fates != nil {
			node := k.w.cells.at(uint32(number)).of.node
			k.cells[node] = append(k.cells[node], uint32(number))
		}
	}
}

// refusals notes which refusals a cell has no use for.
func (c *claimant) refusals(number uint32) {
	if c.fates[number] == nil {
		return
	}
	x := c.w.cells.at(number).of
	asked := c.asked[x.node]
	idle := make([]uint64, (len(asked)+63)/64)
	for i, m := range asked {
		if c.w.askRefused(x, c.w.mails.at(m).of) {
			idle[i>>6] |= 1 << (i & 63)
		}
	}
	c.idles[number] = idle
}

// inert delivers to a copy of a cell's machine everything that is spent or answered there.
func (c *claimant) inert(number uint32) {
	fates := c.fates[number]
	if fates == nil {
		return
	}
	x := c.w.cells.at(number).of
	mails := c.mails[x.node]
	m := x.m.Clone()
	c.before = m.AppendState(c.before[:0])
	for i, mailNumber := range mails {
		if fates[i>>6]>>(i&63)&1 == 0 {
			continue
		}
		spent := fates[len(fates)/2+i>>6]>>(i&63)&1 != 0
		text := c.deliver(m, mailNumber, spent)
		if c.after = m.AppendState(c.after[:0]); text == "" && !bytes.Equal(c.before, c.after) {
			text = "changes the node"
		}
		if text != "" {
			l := c.w.mails.at(mailNumber).of
			c.doubt(l.msg.Kind, fmt.Sprintf("a %s from %d to %d of epoch %d counts as spent and %s", c.w.kindName(l.msg.Kind), l.from, l.to, l.msg.Epoch, text))
			m = x.m.Clone()
		}
	}
}

// deliver says what a message does that it should not do.
func (c *claimant) deliver(m core.Machine, number uint32, spent bool) (text string) {
	l := c.w.mails.at(number).of
	c.in = core.Input{Kind: core.InDeliver, From: core.NodeID(l.from), Msg: l.msg}
	c.out.Reset()
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprintf("panics: %v", p)
		}
	}()
	m.Step(0, &c.in, &c.out)
	for i := range c.out.List() {
		e := &c.out.List()[i]
		if e.Kind != core.OutSend || e.Peer != core.NodeID(l.from) || e.Op != 0 {
			return "does more than answer"
		}
		reply := c.out.Message(e)
		if reply.Kind == core.Commit {
			continue
		}
		if spent || !c.idle(number, reply) {
			return "is answered with a " + c.w.kindName(reply.Kind)
		}
	}
	return ""
}

// idle tells whether an answer is spent wherever its receiver has no use for a refusal of what it answers.
func (c *claimant) idle(number uint32, reply *core.Message) bool {
	l := c.w.mails.at(number).of
	back := c.w.numberMail(l.to, l.from, reply, origin{})
	key := pair(number, back)
	if ok, known := c.w.answers.get(key); known {
		return ok != 0
	}
	idle := true
	spent := c.column(c.spents, back, l.from, c.spentAt)
	for i, idlers := range c.column(c.idlers, number, l.from, c.idleAt) {
		idle = idle && idlers&^spent[i] == 0
	}
	c.w.answers.put(key, uint32(bit(idle)))
	return idle
}

// column gives a bit for each cell of a node: what is so of a mail there.
func (c *claimant) column(known map[uint32][]uint64, mail uint32, node uint8, is func(cell, mail uint32) bool) []uint64 {
	all, ok := known[mail]
	if !ok {
		all = make([]uint64, (len(c.cells[node])+63)/64)
		for i, cell := range c.cells[node] {
			all[i>>6] |= uint64(bit(is(cell, mail))) << (i & 63)
		}
		known[mail] = all
	}
	return all
}

// idleAt tells whether a cell has no use for a refusal of a mail that its node has sent.
func (c *claimant) idleAt(cell, number uint32) bool {
	turn := c.turn[number] - 1
	return c.idles[cell][turn>>6]>>(turn&63)&1 != 0
}

// spentAt tells whether a mail is spent at a cell, also one that the search has not met.
func (c *claimant) spentAt(cell, number uint32) bool {
	if int(number) >= len(c.place) {
		return c.w.askFate(c.w.cells.at(cell).of, c.w.mails.at(number).of) == mailSpent
	}
	fates, i := c.fates[cell], c.place[number]
	return fates[len(fates)/2+int(i>>6)]>>(i&63)&1 != 0
}

// lasting looks for a claim that holds before a step and not after it.
func (c *claimant) lasting(o *outcome) {
	from, after := c.fates[o.from], c.fates[o.cell]
	if from == nil || after == nil {
		return // crashed or still
	}
	node := c.w.cells.at(o.cell).of.node
	for i, before := range from {
		for lost := before &^ after[i]; lost != 0; lost &= lost - 1 {
			at := i%(len(from)/2)*64 + bits.TrailingZeros64(lost)
			about := c.w.mails.at(c.mails[node][at]).of.msg.Kind
			c.doubt(about, fmt.Sprintf("a %s that is spent at node %d does not stay so", c.w.kindName(about), node))
		}
	}
	for i, before := range c.idles[o.from] {
		for lost := before &^ c.idles[o.cell][i]; lost != 0; lost &= lost - 1 {
			about := c.w.mails.at(c.asked[node][64*i+bits.TrailingZeros64(lost)]).of.msg.Kind
			c.doubt(about, fmt.Sprintf("node %d has no use for a refusal of its %s, and comes to have one", node, c.w.kindName(about)))
		}
	}
}
