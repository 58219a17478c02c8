package explore

import (
	"math"

	"nexarsim/core"
)

// Members that outbid each other for ever never come back to a state, because rounds only grow. Where every member that
// is in the agreement has promised a round of r or more, the rounds from r on are lowered together until they stand just
// above the rest (core/rounds.go says why nothing can tell the difference). A state is so one of its class, and a hang
// with rising rounds is a hang like any other.

// A ranger is a machine whose ballots can be lowered. Machines need not be any.
type ranger interface {
	Rounds(visit func(round uint32)) (promised uint32, ok bool)
	LowerRounds(from, by uint32)
}

// lowering is what was taken off rounds: nothing if by is 0.
type lowering struct {
	from, by uint32
	epoch    core.Epoch
}

// noRound stands for a node that is in no agreement, in w.promises.
const noRound = math.MaxUint32

// promises gives the round that a cell's node has promised.
func (w *world) promised(number uint32) uint32 {
	known := &w.promises
	if w.sym != nil {
		known = w.own(known, &w.sym.promises)
	}
	if r, ok := known.get(uint64(number)); ok {
		return r
	}
	r := uint32(noRound)
	c := w.cells.at(number).of
	if x, ok := c.m.(ranger); ok && !c.still {
		if promised, in := x.Rounds(func(uint32) {}); in {
			r = promised
		}
	}
	known.put(uint64(number), r)
	if w.holding() {
		w.holdPromise(number, r)
	}
	return r
}

// lower lowers the rounds of a state, if they can be: those of the oldest agreement that is under way. Whoever comes to a
// later one later begins it at round 0.
func (w *world) lower(s *State) lowering {
	least, epoch := uint32(noRound), core.Epoch(math.MaxUint32)
	for i := range w.cfg.World {
		if s.dead>>i&1 != 0 {
			continue
		}
		p := w.promised(s.cells[i])
		if p == noRound {
			continue
		}
		switch e := w.cells.at(s.cells[i]).of.epoch; {
		case e < epoch:
			least, epoch = p, e
		case e == epoch:
			least = min(least, p)
		}
	}
	if least == noRound || least < 2 {
		return lowering{}
	}
	below := w.roundBelow(s, least, epoch)
	if least-below < 2 {
		return lowering{}
	}
	l := lowering{least, least - below - 1, epoch}
	w.takeOff(s, l)
	return l
}

// roundBelow is the highest round below a given one, of all ballots of an epoch's agreement; 0 if there is none.
func (w *world) roundBelow(s *State, round uint32, epoch core.Epoch) (below uint32) {
	visit := func(r uint32) {
		if r < round {
			below = max(below, r)
		}
	}
	for i := range w.cfg.World {
		if c := w.cells.at(s.cells[i]).of; c.epoch == epoch && w.promised(s.cells[i]) != noRound {
			c.m.(ranger).Rounds(visit)
		}
		for _, number := range w.boxes.at(s.boxes[i]).of {
			if m := &w.mails.at(number).of.msg; m.Epoch == epoch {
				m.Rounds(visit)
			}
		}
	}
	return below
}

func (w *world) takeOff(s *State, l lowering) {
	for i := range w.cfg.World {
		if c := s.cells[i]; w.cells.at(c).of.epoch == l.epoch && w.promised(c) != noRound {
			s.cells[i] = w.lowerCell(c, l)
			if w.holding() {
				w.holdLowered(c, s.cells[i], l, w.renamedCell, w.lowerCell)
			}
		}
		box := append(outbox(nil), w.boxes.at(s.boxes[i]).of...)
		for at, number := range box {
			if w.mails.at(number).of.msg.Epoch == l.epoch {
				box[at] = w.lowerMail(number, l)
				if w.holding() {
					w.holdLowered(number, box[at], l, w.renamedMail, w.lowerMail)
				}
			}
		}
		s.boxes[i] = w.numberBox(box)
	}
}
