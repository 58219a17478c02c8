package comm

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"nexarsim/core"
)

// Messages between two ranks. What MPI promises of them holds here (MPI 4.1, section 3.5, semantics of point-to-point
// communication): of two messages of one sender that match one receive, the one sent first is received first; of two
// receives that match one message, the one called first gets it; and a send and a receive that match do not wait for
// others: a message that finds its receive waiting needs no room.
//
// The messages of one communicator, sender, receiver and tag are numbered from 1, and only the first that its receiver has
// not confirmed is on its way: so nothing can overtake, and a receiver knows what it has by one number. Whoever sends keeps
// a message until the receipt, and sends it again, less and less often. A receiver takes what a receive waits for and a few
// more (keptPerMember); anything else gets no receipt, so its sender waits. The receiver remembers what it has refused,
// and asks for it when there is room or a receive for it.

// EnvelopeMax bounds the data of one message, in bytes: a driver carries it in one frame.
const EnvelopeMax = 32 << 10

// TagMax is the highest tag: a frame carries it plus one in 31 bits.
const TagMax = math.MaxInt32 - 1

// keptPerMember bounds what a communicator keeps of each sender that no receive has asked for.
const keptPerMember = 4

// mail is a communicator's messages between ranks.
type mail struct {
	letters []letter  // sends that have not ended, in the order of their calls
	waiting []waiting // receives that have not ended, in the order of theirs
	kept    []kept    // messages that no receive has asked for, in the order in which they came
	sent    []channel // by receiver and tag: the number of the last send
	taken   []channel // by sender and tag: the number of the last message that this member has taken
	refused []channel // by sender and tag: the messages that found no room
}

// channel is a number of the messages from one rank to another with one tag.
type channel struct {
	peer   core.Rank
	tag    int32
	number uint32
}

// letter is a send that has not ended.
type letter struct {
	id       uint64
	to       core.Rank
	tag      int32
	number   uint32
	data     string
	sent     bool // it is the first of its channel, and on its way
	repeats  uint8
	repeatAt core.Instant
	deadline core.Instant
}

// waiting is a receive that has not ended.
type waiting struct {
	id       uint64
	from     core.Rank // NoRank: any
	tag      int32
	deadline core.Instant
}

func (w *waiting) matches(from core.Rank, tag int32) bool {
	return w.tag == tag && (w.from == from || w.from == core.NoRank)
}

// kept is a message that waits for a receive.
type kept struct {
	from core.Rank
	tag  int32
	data string
}

// tagged tells whether a call is about a message between two ranks.
func tagged(op core.CallOp) bool { return op == core.CallSend || op == core.CallReceive }

func (m *mail) reset() {
	m.letters, m.waiting, m.kept = m.letters[:0], m.waiting[:0], m.kept[:0]
	m.sent, m.taken, m.refused = m.sent[:0], m.taken[:0], m.refused[:0]
}

// own gives a copy memory of its own.
func (m *mail) own() {
	m.letters, m.waiting, m.kept = slices.Clone(m.letters), slices.Clone(m.waiting), slices.Clone(m.kept)
	m.sent, m.taken, m.refused = slices.Clone(m.sent), slices.Clone(m.taken), slices.Clone(m.refused)
}

// channelOf finds a channel in a list, which is sorted; if it is not there, where it belongs.
func channelOf(list []channel, peer core.Rank, tag int32) (at int, known bool) {
	return slices.BinarySearchFunc(list, channel{peer: peer, tag: tag}, compareChannels)
}

func compareChannels(a, b channel) int {
	if a.peer != b.peer {
		return int(a.peer) - int(b.peer)
	}
	return int(a.tag) - int(b.tag)
}

// numberOf is a channel's number, 0 if it has none.
func numberOf(list []channel, peer core.Rank, tag int32) uint32 {
	if at, known := channelOf(list, peer, tag); known {
		return list[at].number
	}
	return 0
}

// numbered sets a channel's number.
func numbered(list []channel, peer core.Rank, tag int32, n uint32) []channel {
	at, known := channelOf(list, peer, tag)
	if !known {
		list = slices.Insert(list, at, channel{peer: peer, tag: tag})
	}
	list[at].number = n
	return list
}

// without takes a channel out of a list.
func without(list []channel, peer core.Rank, tag int32) []channel {
	if at, known := channelOf(list, peer, tag); known {
		return slices.Delete(list, at, at+1)
	}
	return list
}

// startTagged begins a send or a receive. What its arguments rule out is refused.
func (k *Stack) startTagged(now core.Instant, c *communicator, call *call, out *core.Effects) {
	e, ok := core.EnvelopeOf(call.body)
	err := errNoEnvelope
	if ok {
		err = check(c, call.op, &e)
	}
	if err != nil {
		out.PutDone(core.Done{ID: call.id, Call: call.op, Err: call.op.String() + ": " + err.Error()})
		return
	}
	deadline := now + core.Instant(k.patience(call.op))
	if call.op == core.CallSend {
		n := numberOf(c.mail.sent, e.To, e.Tag) + 1
		c.mail.sent = numbered(c.mail.sent, e.To, e.Tag, n)
		c.mail.letters = append(c.mail.letters, letter{id: call.id, to: e.To, tag: e.Tag, number: n, data: e.Data, deadline: deadline})
		k.forward(now, c, e.To, e.Tag, out)
		return
	}
	if !k.give(c, &e, call.id, out) {
		c.mail.waiting = append(c.mail.waiting, waiting{id: call.id, from: e.From, tag: e.Tag, deadline: deadline})
		k.invite(c, &c.mail.waiting[len(c.mail.waiting)-1], out)
	}
	k.forwardHome(now, c, out)
}

var errNoEnvelope = errors.New("the body is no core.Envelope")

// check tells what is wrong with the arguments of a send or a receive.
func check(c *communicator, op core.CallOp, e *core.Envelope) error {
	peer, any := e.To, ""
	if op == core.CallReceive {
		peer, any = e.From, ", or NoRank for any"
	}
	switch {
	case len(e.Data) > EnvelopeMax:
		return fmt.Errorf("%d bytes: expected at most %d", len(e.Data), EnvelopeMax)
	case e.Tag < 0 || e.Tag > TagMax:
		return fmt.Errorf("tag %d: expected 0 to %d", e.Tag, TagMax)
	case peer == core.NoRank && op == core.CallReceive:
	case peer < 0 || int(peer) >= len(c.members):
		return fmt.Errorf("rank %d in a world of %d: expected 0 to %d%s", peer, len(c.members), len(c.members)-1, any)
	}
	return nil
}

// forward sends the first message of a channel that has not ended, if it is not on its way.
func (k *Stack) forward(now core.Instant, c *communicator, to core.Rank, tag int32, out *core.Effects) {
	i := c.mail.first(to, tag)
	switch {
	case i < 0 || c.mail.letters[i].sent:
	case to == c.rank:
		k.forwardHome(now, c, out)
	default:
		l := &c.mail.letters[i]
		l.sent = true
		l.repeatAt = now + k.repeatWait(0)
		k.post(c, l, out)
	}
}

// first is the first send of a channel that has not ended; -1 if there is none.
func (m *mail) first(to core.Rank, tag int32) int {
	for i := range m.letters {
		if l := &m.letters[i]; l.to == to && l.tag == tag {
			return i
		}
	}
	return -1
}

// forwardHome takes what this member sends to itself, as far as there is room for it.
func (k *Stack) forwardHome(now core.Instant, c *communicator, out *core.Effects) {
	for i := 0; i < len(c.mail.letters); {
		l := c.mail.letters[i]
		if l.to != c.rank || c.mail.first(l.to, l.tag) != i || !k.accept(c, c.rank, l.tag, l.number, l.data, out) {
			i++
			continue
		}
		k.endSend(now, c, i, "", out)
		i = 0
	}
}

// sameTagged tells whether two messages are one message between ranks.
func sameTagged(a, b *core.Message) bool {
	return a.Kind == b.Kind && a.Epoch == b.Epoch && a.Num == b.Num && a.Ballot == b.Ballot
}

// post sends a message, for the first time or again.
func (k *Stack) post(c *communicator, l *letter, out *core.Effects) {
	m := k.about(Tagged, c, l.tag, l.number)
	m.Body = l.data
	out.Send(c.members[l.to], &m)
}

// about is a message about a channel.
func (k *Stack) about(kind core.Kind, c *communicator, tag int32, number uint32) core.Message {
	return core.Message{
		Kind: kind, Group: k.group, Epoch: k.view.Epoch, Num: c.id, Ballot: core.Ballot{Round: number, Coordinator: core.NodeID(tag)},
	}
}

// takeTagged takes a message of another rank, a receipt, or its receiver's word that there is room.
func (k *Stack) takeTagged(now core.Instant, c *communicator, from core.Rank, m *core.Message, out *core.Effects) outcome {
	tag, number := int32(m.Ballot.Coordinator), m.Ballot.Round
	switch {
	case from == core.NoRank || tag < 0 || tag > TagMax || number == 0:
		return dropped
	case m.Kind == Tagged:
		return k.takeLetter(c, from, tag, number, m.Body, out)
	}
	i := c.mail.first(from, tag)
	if i < 0 || !c.mail.letters[i].sent || c.mail.letters[i].number != number {
		return dropped
	}
	if m.Kind == Ready {
		k.post(c, &c.mail.letters[i], out)
		return dropped
	}
	k.endSend(now, c, i, "", out)
	return used
}

// takeLetter takes a message, if it has not been taken and there is a receive or room for it, and confirms it. A number
// below the last one taken was given up by its sender, or is late.
func (k *Stack) takeLetter(c *communicator, from core.Rank, tag int32, n uint32, data string, out *core.Effects) outcome {
	last := numberOf(c.mail.taken, from, tag)
	result := dropped
	if n > last {
		if !k.accept(c, from, tag, n, data, out) {
			k.counts.Full++
			c.refuse(from, tag, n)
			return dropped
		}
		last, result = n, used
	}
	receipt := k.about(Taken, c, tag, last)
	out.Send(c.members[from], &receipt)
	return result
}

// accept gives a message to the first receive that matches it, or keeps it; false if there is neither.
func (k *Stack) accept(c *communicator, from core.Rank, tag int32, n uint32, data string, out *core.Effects) bool {
	m := &c.mail
	at := slices.IndexFunc(m.waiting, func(w waiting) bool { return w.matches(from, tag) })
	if at < 0 {
		room := keptPerMember
		for i := range m.kept {
			if m.kept[i].from == from {
				room--
			}
		}
		if room <= 0 {
			return false
		}
		m.kept = append(m.kept, kept{from, tag, data})
	} else {
		id := m.waiting[at].id
		m.waiting = slices.Delete(m.waiting, at, at+1)
		k.received(c, id, &kept{from, tag, data}, out)
	}
	m.taken = numbered(m.taken, from, tag, n)
	m.refused = without(m.refused, from, tag)
	return true
}

// received ends a receive with a message.
func (k *Stack) received(c *communicator, id uint64, m *kept, out *core.Effects) {
	e := core.Envelope{From: m.from, To: c.rank, Node: c.members[m.from], Tag: m.tag, Data: m.data}
	out.PutDone(core.Done{ID: id, Call: core.CallReceive, Result: e.Encode()})
}

// give ends a receive with a message that waits for it; false if there is none.
func (k *Stack) give(c *communicator, e *core.Envelope, id uint64, out *core.Effects) bool {
	w := waiting{from: e.From, tag: e.Tag}
	m := &c.mail
	at := slices.IndexFunc(m.kept, func(x kept) bool { return w.matches(x.from, x.tag) })
	if at < 0 {
		return false
	}
	k.received(c, id, &m.kept[at], out)
	from := m.kept[at].from
	m.kept = slices.Delete(m.kept, at, at+1)
	if i, _ := channelOf(m.refused, from, -1); i < len(m.refused) && m.refused[i].peer == from { // there is room for one
		k.ready(c, i, out)
	}
	return true
}

// refuse remembers a message that found no room. Of one sender no more than there will be room for.
func (c *communicator) refuse(from core.Rank, tag int32, n uint32) {
	m := &c.mail
	at, known := channelOf(m.refused, from, tag)
	count := 0
	for i := range m.refused {
		if m.refused[i].peer == from {
			count++
		}
	}
	switch {
	case known:
		m.refused[at].number = n
	case count < keptPerMember && from != c.rank:
		m.refused = slices.Insert(m.refused, at, channel{from, tag, n})
	}
}

// invite asks for what was refused and a receive now waits for.
func (k *Stack) invite(c *communicator, w *waiting, out *core.Effects) {
	for i := 0; i < len(c.mail.refused); {
		if r := &c.mail.refused[i]; w.matches(r.peer, r.tag) {
			k.ready(c, i, out)
			continue
		}
		i++
	}
}

// ready asks for a message that was refused.
func (k *Stack) ready(c *communicator, i int, out *core.Effects) {
	r := c.mail.refused[i]
	c.mail.refused = slices.Delete(c.mail.refused, i, i+1)
	m := k.about(Ready, c, r.tag, r.number)
	out.Send(c.members[r.peer], &m)
}

// endSend ends a send, and begins the next one of its channel.
func (k *Stack) endSend(now core.Instant, c *communicator, i int, err string, out *core.Effects) {
	l := c.mail.letters[i]
	c.mail.letters = slices.Delete(c.mail.letters, i, i+1)
	out.PutDone(core.Done{ID: l.id, Call: core.CallSend, Err: err})
	if l.to != c.rank {
		k.forward(now, c, l.to, l.tag, out)
	}
}

// repeatTagged sends again what nobody has confirmed.
func (k *Stack) repeatTagged(now core.Instant, c *communicator, out *core.Effects) {
	for i := range c.mail.letters {
		l := &c.mail.letters[i]
		if !l.sent || l.repeatAt > now && !k.cfg.ExternalDetector {
			continue
		}
		l.repeats = min(l.repeats+1, repeatDoubles)
		l.repeatAt = now + k.repeatWait(l.repeats)
		k.post(c, l, out)
	}
}

// expireTagged gives up what has had its time. A message that was given up may be taken all the same.
func (k *Stack) expireTagged(now core.Instant, c *communicator, out *core.Effects) {
	for i := 0; i < len(c.mail.letters); {
		if l := &c.mail.letters[i]; l.deadline <= now {
			why := "send to rank " + itoa(int(l.to)) + " with tag " + itoa(int(l.tag)) + " in epoch " + itoa(int(k.view.Epoch)) + ": not taken within " + k.patience(core.CallSend).String()
			k.endSend(now, c, i, why, out)
			continue
		}
		i++
	}
	for i := 0; i < len(c.mail.waiting); {
		w := c.mail.waiting[i]
		if w.deadline > now {
			i++
			continue
		}
		who := "any rank"
		if w.from != core.NoRank {
			who = "rank " + itoa(int(w.from))
		}
		c.mail.waiting = slices.Delete(c.mail.waiting, i, i+1)
		why := "receive from " + who + " with tag " + itoa(int(w.tag)) + " in epoch " + itoa(int(k.view.Epoch)) + ": nothing came within " + k.patience(core.CallReceive).String()
		out.PutDone(core.Done{ID: w.id, Call: core.CallReceive, Err: why})
	}
}

// endTagged ends every send and receive of a communicator whose view is gone.
func (c *communicator) endTagged(g Gone, out *core.Effects) {
	for i := range c.mail.letters {
		l := &c.mail.letters[i]
		g.Call, g.MayHaveFinished = core.CallSend, l.sent
		out.PutDone(core.Done{ID: l.id, Call: core.CallSend, Err: g.Error()})
	}
	for i := range c.mail.waiting {
		g.Call, g.MayHaveFinished = core.CallReceive, false
		out.PutDone(core.Done{ID: c.mail.waiting[i].id, Call: core.CallReceive, Err: g.Error()})
	}
	c.mail.reset()
}

// due is when the first message is to be sent again and when the first call has had its time, if that is before what is
// given.
func (m *mail) due(repeat, deadline core.Instant) (core.Instant, core.Instant) {
	for i := range m.letters {
		l := &m.letters[i]
		if l.sent {
			repeat = min(repeat, l.repeatAt)
		}
		deadline = min(deadline, l.deadline)
	}
	for i := range m.waiting {
		deadline = min(deadline, m.waiting[i].deadline)
	}
	return repeat, deadline
}

// empty tells whether no message was ever sent or received, or asked for, in the communicator's view.
func (m *mail) empty() bool {
	return len(m.letters)+len(m.waiting)+len(m.kept)+len(m.sent)+len(m.taken)+len(m.refused) == 0
}

func (m *mail) appendState(buf []byte, k *Stack) []byte {
	buf = appendUint32(buf, uint32(len(m.letters)))
	for i := range m.letters {
		l := &m.letters[i]
		buf = appendUint32(appendUint32(appendUint32(append(buf, flag(l.sent)), uint32(l.to)), uint32(l.tag)), l.number)
		buf = appendText(appendUint64(buf, l.id), l.data)
		if !k.cfg.ExternalDetector {
			buf = appendUint64(append(buf, l.repeats), uint64(l.deadline-k.last))
			if l.sent {
				buf = appendUint64(buf, uint64(l.repeatAt-k.last))
			}
		}
	}
	buf = appendUint32(buf, uint32(len(m.waiting)))
	for i := range m.waiting {
		w := &m.waiting[i]
		buf = appendUint64(appendUint32(appendUint32(buf, uint32(w.from)), uint32(w.tag)), w.id)
		if !k.cfg.ExternalDetector {
			buf = appendUint64(buf, uint64(w.deadline-k.last))
		}
	}
	buf = appendUint32(buf, uint32(len(m.kept)))
	for i := range m.kept {
		x := &m.kept[i]
		buf = appendText(appendUint32(appendUint32(buf, uint32(x.from)), uint32(x.tag)), x.data)
	}
	for _, list := range [...][]channel{m.sent, m.taken, m.refused} {
		buf = appendUint32(buf, uint32(len(list)))
		for _, ch := range list {
			buf = appendUint32(appendUint32(appendUint32(buf, uint32(ch.peer)), uint32(ch.tag)), ch.number)
		}
	}
	return buf
}
