package explore

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Nodes that cannot be told apart within the budgets are folded: of the states that differ by their names alone, one is
// explored (Emerson and Sistla, Symmetry and Model Checking, 1996; Ip and Dill, Better Verification Through Symmetry, 1996).
//
// Which nodes these are is found out, not assumed. A part of a state is renamed by its history: a cell came of another by an
// input, so the renamed cell is what the machine of the renamed node makes of the renamed input; likewise messages, and
// what the judge has seen. Nothing has to be known of what is in them, be it a hash of a view's history. What is so renamed
// is what the code does; that it does the same under other names is then a claim about each step met: a cell and an input
// lead, renamed, to the renamed cell, messages and lines, and so on for the judge, and for all that is asked of machines on the
// way (Spent, Supersedes, Rounds). Each step is held to it for every renaming when it is first taken. So renaming is an
// automorphism of the explored graph up to the states met: whatever follows a state follows, renamed, the state renamed, and
// the judge says the same of both.
//
// If a step does not keep to it (a member leads a ballot, and ballots are ordered by their members), fewer nodes are folded,
// and the search begins again; in the end none are.

// How few and how many nodes are folded: five have 120 orders.
const (
	foldedLeast = 2
	foldedMost  = 5
)

// The ways in which a part first came about.
const (
	byStart    = iota
	byStep     // of a cell, by an input; a mail: the nth send of that
	byLowering // of a cell or a mail, by taking off rounds
	byQuestion // a mail that a heartbeat of a cell's node to the nth would be
	byAct      // of a verdict, by an act of the environment
)

// origin says how a part first came about, so that it can be made once more under other names.
type origin struct {
	how uint8
	nth uint8
	of  uint32
	in  input // byAct: the key of the act
	low lowering
}

// renaming gives nodes other names.
type renaming struct {
	to   [MaxWorld]uint8
	from [MaxWorld]uint8
	sets [1 << MaxWorld]uint8
}

func (r *renaming) set(s uint8) uint8 { return r.sets[s] }

// symmetry is what one worker knows of the renamings.
type symmetry struct {
	first     int        // of the nodes that are folded; the others are all after it
	renamings []renaming // but for the one that changes nothing
	cells     []memo     // by renaming, of each part the renamed one
	mails     []memo
	verdicts  []memo
	lines     []memo
	boxes     [2][]memo // those whose order counts on a link, and those where it means nothing
	pairs     memo      // senders and mails held to Supersedes, as a hash
	judged    memo      // what the judge makes of renamed lines and acts, and what renamed cells promise: apart from what the
	acted     memo      // search has met itself, which is held to it when it is met
	promises  memo
	least     []uint64
	renames   int    // renamings of parts under way: what is stepped for them is held to nothing
	broken    string // why the nodes are not alike; empty if they are
	stop      func() // the search
}

// fold renames the nodes from a given one on from here on. What was met before is met anew, and held to it.
func (w *world) fold(first int, stop func()) {
	w.sym = newSymmetry(first, w.cfg.World, stop)
	w.fates, w.refusals, w.judged, w.acted, w.promises = memo{}, memo{}, memo{}, memo{}, memo{}
}

// own gives the memory of what is done for a renaming in place of the search's.
func (w *world) own(of, renamed *memo) *memo {
	if w.sym.renames > 0 {
		return renamed
	}
	return of
}

// newSymmetry renames the nodes from a given one on among each other.
func newSymmetry(first, world int, stop func()) *symmetry {
	y := &symmetry{first: first, stop: stop, least: make([]uint64, 2*world+2)}
	var nodes []uint8
	for i := first; i < world; i++ {
		nodes = append(nodes, uint8(i))
	}
	eachOrder(nodes, func(order []uint8) {
		if slices.IsSorted(order) {
			return
		}
		var r renaming
		for i := range uint8(MaxWorld) {
			r.to[i] = i
		}
		for i, to := range order {
			r.to[first+i] = to
		}
		for i, to := range r.to {
			r.from[to] = uint8(i)
		}
		for set := range r.sets {
			for i, to := range r.to {
				r.sets[set] |= uint8(set>>i&1) << to
			}
		}
		y.renamings = append(y.renamings, r)
	})
	n := len(y.renamings)
	for _, m := range []*[]memo{&y.cells, &y.mails, &y.verdicts, &y.lines, &y.boxes[0], &y.boxes[1]} {
		*m = make([]memo, n)
	}
	return y
}

// eachOrder visits all orders of some nodes.
func eachOrder(nodes []uint8, visit func([]uint8)) {
	var place func(order, left []uint8)
	place = func(order, left []uint8) {
		if len(left) == 0 {
			visit(order)
			return
		}
		for i, n := range left {
			place(append(slices.Clone(order), n), append(slices.Clone(left[:i]), left[i+1:]...))
		}
	}
	place(nil, nodes)
}

// fail says that the nodes are not alike, and ends the search.
func (y *symmetry) fail(format string, args ...any) {
	if y.broken == "" {
		y.broken = fmt.Sprintf(format, args...)
		y.stop()
	}
}

// holding tells whether what is done now is the search's, and has to be the same under all names.
func (w *world) holding() bool { return w.sym != nil && w.sym.renames == 0 && w.sym.broken == "" }

// hold tries something under each renaming.
func (w *world) hold(try func(r int) bool, what func() string) {
	w.sym.renames++
	defer func() { w.sym.renames-- }()
	for r := range w.sym.renamings {
		if w.sym.broken == "" && !try(r) {
			w.sym.fail("%s would be different with nodes %d to %d in the order %v", what(), w.sym.first, w.cfg.World-1,
				w.sym.renamings[r].to[w.sym.first:w.cfg.World])
		}
	}
}

func (w *world) renamedCell(r int, number uint32) uint32 {
	y := w.sym
	if number == w.nobody {
		return number
	}
	if to, ok := y.cells[r].get(uint64(number)); ok {
		return to
	}
	c := w.cells.at(number).of
	to := number
	switch c.by.how {
	case byStart:
		to = w.roots[y.renamings[r].to[c.node]]
	case byStep:
		to = w.renamedStep(r, c.by.of, c.by.in).cell
	case byLowering:
		to = w.lowerCell(w.renamedCell(r, c.by.of), c.by.low)
	}
	y.cells[r].put(uint64(number), to)
	return to
}

// renamedStep is what comes of a step under other names.
func (w *world) renamedStep(r int, cell uint32, in input) outcome {
	w.sym.renames++
	defer func() { w.sym.renames-- }()
	return *w.step(w.renamedCell(r, cell), w.renamedInput(r, in))
}

func (w *world) renamedInput(r int, in input) input {
	switch payload := in & inputPayload; in & inputKind {
	case giveDeliver:
		return giveDeliver | input(w.renamedMail(r, uint32(payload)))
	case giveSuspect, giveTrust, giveClosed:
		return in&inputKind | input(w.sym.renamings[r].to[payload])
	}
	return in
}

func (w *world) renamedMail(r int, number uint32) uint32 {
	y := w.sym
	if to, ok := y.mails[r].get(uint64(number)); ok {
		return to
	}
	m := w.mails.at(number).of
	to := number
	switch m.by.how {
	case byStep:
		to = w.counterpart(r, w.sendsOf(m.by), int(m.by.nth), w.renamedStep(r, m.by.of, m.by.in).sends)
	case byLowering:
		to = w.lowerMail(w.renamedMail(r, m.by.of), m.by.low)
	case byQuestion:
		to = w.question(w.renamedCell(r, m.by.of), int(y.renamings[r].to[m.by.nth]))
	}
	y.mails[r].put(uint64(number), to)
	return to
}

// sendsOf is what a step sends that was taken somewhere.
func (w *world) sendsOf(by origin) []uint32 {
	w.sym.renames++
	defer func() { w.sym.renames-- }()
	return w.step(by.of, by.in).sends
}

// counterpart finds among what a renamed step has sent what corresponds to the nth send of the step: the one to the renamed
// receiver, the how-many-th to it. If there is none, it is the send itself, and the step is found to differ.
func (w *world) counterpart(r int, sends []uint32, nth int, renamed []uint32) uint32 {
	to := w.mails.at(sends[nth]).of.to
	turn := 0
	for _, number := range sends[:nth] {
		if w.mails.at(number).of.to == to {
			turn++
		}
	}
	for _, number := range renamed {
		if w.mails.at(number).of.to != w.sym.renamings[r].to[to] {
			continue
		}
		if turn == 0 {
			return number
		}
		turn--
	}
	return sends[nth]
}

func (w *world) renamedLines(r int, number uint32) uint32 {
	y := w.sym
	if to, ok := y.lines[r].get(uint64(number)); ok {
		return to
	}
	by := w.lines.at(number).of.by
	to := number
	if o := w.renamedStep(r, by.of, by.in); o.visible {
		to = o.lines
	}
	y.lines[r].put(uint64(number), to)
	return to
}

func (w *world) renamedVerdict(r int, number uint32) uint32 {
	y := w.sym
	if to, ok := y.verdicts[r].get(uint64(number)); ok {
		return to
	}
	y.renames++
	defer func() { y.renames-- }()
	by := w.verdicts.at(number).of.by
	to := number
	switch by.how {
	case byStep:
		to = w.judgeLines(w.renamedVerdict(r, by.of), w.renamedLines(r, uint32(by.in)))
	case byAct:
		to = w.renamedAct(r, w.renamedVerdict(r, by.of), uint32(by.in))
	}
	y.verdicts[r].put(uint64(number), to)
	return to
}

// renamedAct shows the judge a crash, a partition or a heal under other names.
func (w *world) renamedAct(r int, verdict, key uint32) uint32 {
	n := &w.sym.renamings[r]
	if key>>24 == 0 {
		return w.judgeCrash(verdict, int(n.to[key]))
	}
	split := n.set(uint8(key >> 8))
	return w.judgePartition(verdict, split, sideOf(split, n.set(uint8(key))), key>>16&1 != 0)
}

// sideOf is the one side of a partition that names it: without the lowest of the nodes.
func sideOf(split, side uint8) uint8 {
	if side&split&-split != 0 {
		return split &^ side
	}
	return side
}

func (w *world) renamedBox(r int, number uint32, orderless bool) uint32 {
	m := &w.sym.boxes[bit(orderless)][r]
	if to, ok := m.get(uint64(number)); ok {
		return to
	}
	box := slices.Clone(w.boxes.at(number).of)
	for i, mail := range box {
		box[i] = w.renamedMail(r, mail)
	}
	if orderless && !w.cfg.Plain.KeepOrder {
		w.sortBox(box)
	} else {
		w.linkOrder(box)
	}
	to := w.numberBox(box)
	m.put(uint64(number), to)
	return to
}

// holdStep holds an outcome to what comes of it under other names.
func (w *world) holdStep(o outcome) {
	w.hold(func(r int) bool {
		p := w.renamedStep(r, o.from, o.in)
		if p.cell != w.renamedCell(r, o.cell) || p.changed != o.changed || p.visible != o.visible || p.progress != o.progress ||
			len(p.sends) != len(o.sends) || !w.alikeCells(r, o.cell, p.cell) {
			return false
		}
		for i, number := range o.sends {
			to := w.counterpart(r, o.sends, i, p.sends)
			if to != w.renamedMail(r, number) || !w.alikeMails(r, number, to) {
				return false
			}
		}
		return !o.visible || w.renamedLines(r, o.lines) == p.lines
	}, func() string { return "what node " + fmt.Sprint(w.cells.at(o.from).of.node) + " does in a step" })
}

// alikeCells compares what of a cell is read outside its machine.
func (w *world) alikeCells(r int, number, renamed uint32) bool {
	a, b, n := w.cells.at(number).of, w.cells.at(renamed).of, &w.sym.renamings[r]
	return b.node == n.to[a.node] && b.epoch == a.epoch && b.members == n.set(a.members) && b.armed == a.armed && b.lasts == a.lasts &&
		b.closed == n.set(a.closed) && b.ended == a.ended && b.still == a.still && slices.Equal(b.wakes, a.wakes) && slices.Equal(b.answers, a.answers)
}

// alikeMails compares what of a mail is read outside machines.
func (w *world) alikeMails(r int, number, renamed uint32) bool {
	a, b, n := w.mails.at(number).of, w.mails.at(renamed).of, &w.sym.renamings[r]
	return b.from == n.to[a.from] && b.to == n.to[a.to] && b.msg.Kind == a.msg.Kind && b.msg.Epoch == a.msg.Epoch &&
		slices.Equal(roundsOf(&a.msg), roundsOf(&b.msg))
}

// roundsOf lists the rounds that something names.
func roundsOf(x interface{ Rounds(func(uint32)) }) (all []uint32) {
	x.Rounds(func(r uint32) { all = append(all, r) })
	return all
}

// rangerRounds has a ranger named like a message.
type rangerRounds struct{ ranger }

func (x rangerRounds) Rounds(visit func(uint32)) { x.ranger.Rounds(visit) }

// holdPromise holds what is read of a cell's rounds to what is read under other names.
func (w *world) holdPromise(number, promised uint32) {
	w.hold(func(r int) bool {
		renamed := w.renamedCell(r, number)
		if w.promised(renamed) != promised {
			return false
		}
		a, ok := w.cells.at(number).of.m.(ranger)
		if !ok {
			return true
		}
		// A leader's votes stand in the order of their nodes.
		return slices.Equal(slices.Sorted(slices.Values(roundsOf(rangerRounds{a}))),
			slices.Sorted(slices.Values(roundsOf(rangerRounds{w.cells.at(renamed).of.m.(ranger)}))))
	}, func() string { return "what is promised" })
}

// holdVerdict holds what the judge says to what it says under other names.
func (w *world) holdVerdict(verdict uint32, again func(r int) uint32) {
	w.hold(func(r int) bool {
		renamed := w.renamedVerdict(r, verdict)
		a, b := w.verdicts.at(verdict).of, w.verdicts.at(renamed).of
		return again(r) == renamed && a.broken == b.broken && a.owed == b.owed
	}, func() string { return "what the judge says" })
}

// holdMail holds an answer about a mail and a cell to the answer under other names.
func (w *world) holdMail(cell, number uint32, answer uint32, ask func(c *cell, m *mail) uint32) {
	w.hold(func(r int) bool {
		return ask(w.cells.at(w.renamedCell(r, cell)).of, w.mails.at(w.renamedMail(r, number)).of) == answer
	}, func() string { return "what can do nothing any more" })
}

// holdPair holds Supersedes to what it says under other names.
func (w *world) holdPair(sender, newer, older uint32, answer bool) {
	key := memoHash(memoHash(pair(newer, older)) + uint64(sender))
	if _, done := w.sym.pairs.get(key); done {
		return
	}
	w.sym.pairs.put(key, 1)
	w.hold(func(r int) bool {
		x := w.cells.at(w.renamedCell(r, sender)).of.m.(expert)
		return x.Supersedes(&w.mails.at(w.renamedMail(r, newer)).of.msg, &w.mails.at(w.renamedMail(r, older)).of.msg) == answer
	}, func() string { return "what a newer message makes idle" })
}

// holdLowered holds a part whose rounds were lowered to the renamed part's.
func (w *world) holdLowered(before, after uint32, l lowering, rename func(int, uint32) uint32, lower func(uint32, lowering) uint32) {
	w.hold(func(r int) bool { return lower(rename(r, before), l) == rename(r, after) }, func() string { return "a lowered round" })
}

// slot is one word of a state under other names: its cells by node, its outboxes, the judge, and who is where.
func (w *world) slot(r int, s *State, at int) uint64 {
	n, world := &w.sym.renamings[r], w.cfg.World
	switch {
	case at < world:
		return w.cells.at(w.renamedCell(r, s.cells[n.from[at]])).hash
	case at < 2*world:
		i := n.from[at-world]
		return w.boxes.at(w.renamedBox(r, s.boxes[i], s.orderless(int(i)))).hash
	case at == 2*world:
		return w.verdicts.at(w.renamedVerdict(r, s.verdict)).hash
	}
	split := n.set(s.split)
	return placesOf(n.set(s.dead), split, sideOf(split, n.set(s.side)))
}

func placesOf(dead, split, side uint8) uint64 {
	return uint64(dead)<<16 | uint64(split)<<8 | uint64(side)
}

// appendFolded writes the least of the encodings that a state has under all renamings.
func (w *world) appendFolded(buf []byte, s *State) []byte {
	least := w.sym.least
	w.unfolded(s, least)
	for r := range w.sym.renamings {
		w.lessen(r, s, least)
	}
	for _, h := range least {
		buf = binary.LittleEndian.AppendUint64(buf, h)
	}
	return append(buf, s.crashes, s.suspicions, s.partitions, s.early, s.losses, s.duplicates)
}

// unfolded gives the words of a state under its own names.
func (w *world) unfolded(s *State, words []uint64) {
	for i := range w.cfg.World {
		words[i] = w.cells.at(s.cells[i]).hash
		words[w.cfg.World+i] = w.boxes.at(s.boxes[i]).hash
	}
	words[2*w.cfg.World] = w.verdicts.at(s.verdict).hash
	words[2*w.cfg.World+1] = placesOf(s.dead, s.split, s.side)
}

// lessen takes the encoding under a renaming if it is less.
func (w *world) lessen(r int, s *State, least []uint64) {
	less := false
	for at := range least {
		h := w.slot(r, s, at)
		switch {
		case less:
		case h > least[at]:
			return
		case h < least[at]:
			less = true
		}
		if less {
			least[at] = h
		}
	}
}

// lowerCell takes rounds off a cell.
func (w *world) lowerCell(number uint32, l lowering) uint32 {
	c := *w.cells.at(number).of
	c.m = c.m.Clone()
	c.m.(ranger).LowerRounds(l.from, l.by)
	c.by = origin{how: byLowering, of: number, low: l}
	return w.numberCell(&c)
}

// lowerMail takes rounds off a mail.
func (w *world) lowerMail(number uint32, l lowering) uint32 {
	of := w.mails.at(number).of
	m := of.msg
	m.LowerRounds(l.from, l.by)
	return w.numberMail(of.from, of.to, &m, origin{how: byLowering, of: number, low: l})
}
