package search

import "math/bits"

// The small model is a bare agreement round among ranks: votes to the lowest rank believed alive, one agreement told in
// ascending order, a fresh start at each new suspicion, nothing after the end. It is unsafe and hangs at two crashes, and
// its state counts are known from five other explorers.

const ranksMax = 7

type phase uint8

const (
	phaseIdle phase = iota
	phaseWait
	phaseCollect
	phaseSend
	phaseDone
	phaseDead
)

// rank is one process. Sets are bits.
type rank struct {
	phase phase
	view  uint8 // whom it believes dead
	votes uint8 // taken; while it sends, to whom the agreement is still to go
	union uint8 // of the votes; once done, the decision
}

// lane is what is on its way from one rank to another: at most one set a crash.
type lane struct {
	n    uint8
	sets [4]uint8
}

type small struct {
	ranks [ranksMax]rank
	lanes [ranksMax][ranksMax]lane
	false uint8 // false suspicions that were used up
}

// smallModel is the system: world ranks, at most crashes of them die, and so many live ones are suspected.
type smallModel struct {
	world, crashes, suspicions int
}

// The marks of the small model.
const (
	markDisagree = iota
	markHang
	markDone
)

func (m *smallModel) Properties() []Property {
	return []Property{{"disagree", Never}, {"hang", Eventually}, {"done", Sometimes}}
}

func (m *smallModel) Initial() []small { return []small{{}} }

func (m *smallModel) AppendState(buf []byte, s *small) []byte {
	for i := range m.world {
		r := &s.ranks[i]
		buf = append(buf, byte(r.phase), r.view, r.votes, r.union)
		for j := range m.world {
			l := &s.lanes[i][j]
			buf = append(append(buf, l.n), l.sets[:l.n]...)
		}
	}
	return append(buf, s.false)
}

func (m *smallModel) all() uint8 { return 1<<m.world - 1 }

func (m *smallModel) dead(s *small) (set uint8) {
	for i := range m.world {
		if s.ranks[i].phase == phaseDead {
			set |= 1 << i
		}
	}
	return set
}

func (m *smallModel) Successors(s *small, out []Successor[small]) []Successor[small] {
	dead := m.dead(s)
	for p := range m.world {
		if s.ranks[p].phase == phaseDead {
			continue
		}
		if bits.OnesCount8(dead) < m.crashes {
			out = append(out, Successor[small]{State: m.crash(*s, p), Free: true})
		}
		for q := range m.world {
			out = m.suspicions1(s, p, q, dead, out)
			out = m.deliveries(s, p, q, out)
		}
		if s.ranks[p].phase == phaseSend {
			out = append(out, Successor[small]{State: m.send(*s, p), Free: true})
		}
	}
	for i := range out {
		if m.done(&out[i].State) > m.done(s) {
			out[i].Seen = 1 << markDone
		}
	}
	return out
}

func (m *smallModel) done(s *small) (n int) {
	for i := range m.world {
		if s.ranks[i].phase == phaseDone {
			n++
		}
	}
	return n
}

func (m *smallModel) suspicions1(s *small, p, q int, dead uint8, out []Successor[small]) []Successor[small] {
	r := &s.ranks[p]
	if p == q || r.phase == phaseDone || r.view>>q&1 != 0 {
		return out
	}
	next := *s
	if dead>>q&1 == 0 {
		if int(s.false) >= m.suspicions {
			return out
		}
		next.false++
	}
	m.suspect(&next, p, q)
	return append(out, Successor[small]{State: next, Free: true})
}

func (m *smallModel) deliveries(s *small, p, q int, out []Successor[small]) []Successor[small] {
	r := &s.ranks[p]
	if s.lanes[q][p].n == 0 {
		return out
	}
	agreed := r.phase == phaseWait && q == m.leader(r.view)
	voted := r.phase == phaseCollect && q > p && (r.view|r.votes)>>q&1 == 0
	if !agreed && !voted {
		return out
	}
	next := *s
	n := &next.ranks[p]
	set := next.lanes[q][p].pop()
	if agreed {
		*n = rank{phase: phaseDone, view: n.view, union: set}
	} else {
		n.votes |= 1 << q
		n.union |= set
		m.collected(n, p)
	}
	return append(out, Successor[small]{State: next, Free: true})
}

func (m *smallModel) leader(view uint8) int { return bits.TrailingZeros8(^view) }

func (m *smallModel) crash(s small, p int) small {
	s.ranks[p] = rank{phase: phaseDead}
	for q := range m.world {
		s.lanes[q][p] = lane{}
	}
	return s
}

func (m *smallModel) suspect(s *small, p, q int) {
	r := &s.ranks[p]
	r.view |= 1 << q
	leader := m.leader(r.view)
	if leader == p {
		*r = rank{phase: phaseCollect, view: r.view, union: r.view}
		m.collected(r, p)
		return
	}
	*r = rank{phase: phaseWait, view: r.view}
	m.push(s, p, leader, r.view)
}

func (m *smallModel) collected(r *rank, p int) {
	others := m.all() &^ r.view &^ (1 << p)
	switch {
	case r.votes != others:
	case others == 0:
		*r = rank{phase: phaseDone, view: r.view, union: r.union}
	default:
		*r = rank{phase: phaseSend, view: r.view, votes: others, union: r.union}
	}
}

func (m *smallModel) send(s small, p int) small {
	r := &s.ranks[p]
	to := bits.TrailingZeros8(r.votes)
	m.push(&s, p, to, r.union)
	r.votes &^= 1 << to
	if r.votes == 0 {
		r.phase = phaseDone
	}
	return s
}

func (m *smallModel) push(s *small, from, to int, set uint8) {
	if s.ranks[to].phase != phaseDead {
		l := &s.lanes[from][to]
		l.sets[l.n] = set
		l.n++
	}
}

func (l *lane) pop() uint8 {
	set := l.sets[0]
	copy(l.sets[:], l.sets[1:])
	l.n--
	l.sets[l.n] = 0
	return set
}

func (m *smallModel) Marks(s *small) Marks {
	var marks Marks
	dead := m.dead(s)
	for p := range m.world {
		r := &s.ranks[p]
		switch r.phase {
		case phaseDone, phaseDead:
		default:
			if dead != 0 || r.phase != phaseIdle {
				marks.Bits |= 1 << markHang
			}
		}
		for q := range p {
			o := &s.ranks[q]
			if r.phase == phaseDone && o.phase == phaseDone && r.union != o.union && r.union>>q&1 == 0 && o.union>>p&1 == 0 {
				marks.Bits |= 1 << markDisagree
			}
		}
	}
	return marks
}
