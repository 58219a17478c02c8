package explore

import (
	"fmt"
	"slices"

	"nexarsim/core"
)

// post follows the messages of a schedule from their sends to what becomes of them: the world knows a message by what it
// is, a trace by its number. Of equal ones in flight the older arrives first.
type post struct {
	sent   [MaxWorld]uint64   // how many, by sender
	flight [MaxWorld][]letter // by sender, in the order in which they were sent
}

// letter is a message in flight.
type letter struct {
	mail uint32
	id   uint64
}

// Why a message does not arrive, as a trace has it.
const (
	dropLoss   = "loss"
	dropGone   = "gone"   // its receiver has crashed
	dropCut    = "cut"    // the group was split
	dropClosed = "closed" // its sender crashed, or the receiver's connection to it has ended
	dropSpent  = "spent"  // it can do nothing any more, or a newer one says all that it says
)

// dispatch puts a message on its way.
func (p *player) dispatch(from int, mail uint32, m *core.Message, cause uint64) {
	id := uint64(from) + uint64(p.w.cfg.World)*p.post.sent[from]
	p.post.sent[from]++
	p.post.flight[from] = append(p.post.flight[from], letter{mail, id})
	p.rec.Send(p.w.now, from, int(p.w.mails.at(mail).of.to), id, m, cause)
}

// arrive takes a message out of those in flight, unless a copy stays, and gives its number.
func (p *player) arrive(mail uint32, stays bool) (id uint64, err error) {
	from := p.w.mails.at(mail).of.from
	flight := p.post.flight[from]
	i := slices.IndexFunc(flight, func(l letter) bool { return l.mail == mail })
	if i < 0 {
		return 0, p.unsent(mail)
	}
	id = flight[i].id
	if !stays {
		p.post.flight[from] = slices.Delete(flight, i, i+1)
	}
	return id, nil
}

// unsent says that the world has a message in flight which none of the player's machines has sent.
func (p *player) unsent(mail uint32) error {
	m := p.w.mails.at(mail).of
	return fmt.Errorf("a %s from %d to %d is in flight that nobody has sent", p.w.kindName(m.msg.Kind), m.from, m.to)
}

// settle takes what an act has put an end to out of those in flight, where the world has nothing else in flight. A crash
// takes what was sent last.
func (p *player) settle(s *State, a act) error {
	for from := range p.w.cfg.World {
		flight := p.post.flight[from]
		box := slices.Clone(p.w.boxes.at(s.boxes[from]).of)
		stays := make([]bool, len(flight))
		died := a.do == doCrash && int(a.node) == from
		for i := range flight {
			at := i
			if !died { // a newer message takes the place of an older one
				at = len(flight) - 1 - i
			}
			if k := slices.Index(box, flight[at].mail); k >= 0 {
				box, stays[at] = slices.Delete(box, k, k+1), true
			}
		}
		if len(box) > 0 {
			return p.unsent(box[0])
		}
		kept := flight[:0]
		for i, l := range flight {
			if stays[i] {
				kept = append(kept, l)
				continue
			}
			p.rec.Drop(p.w.now, l.id, p.whyDropped(s, l.mail, died))
		}
		p.post.flight[from] = kept
	}
	return nil
}

func (p *player) whyDropped(s *State, mail uint32, died bool) string {
	m := p.w.mails.at(mail).of
	from, to := int(m.from), int(m.to)
	switch {
	case s.dead>>to&1 != 0:
		return dropGone
	case died, p.w.cells.at(s.cells[to]).of.closed>>from&1 != 0:
		return dropClosed
	case !p.w.carries(s, from, to):
		return dropCut
	}
	return dropSpent
}

// lowerPost takes off the rounds of what is in flight what the world has taken off.
func (p *player) lowerPost(l lowering) {
	for from := range p.post.flight {
		for i := range p.post.flight[from] {
			if x := &p.post.flight[from][i]; p.w.mails.at(x.mail).of.msg.Epoch == l.epoch {
				x.mail = p.w.lowerMail(x.mail, l)
			}
		}
	}
}
