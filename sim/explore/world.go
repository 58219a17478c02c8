package explore

import (
	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/internal/record"
	"nexarsim/sim/explore/search"
)

// State is the group, its network and its environment at one moment: numbers of parts, and small counts.
type State struct {
	cells   [MaxWorld]uint32
	boxes   [MaxWorld]uint32
	verdict uint32

	dead  uint8 // crashed
	split uint8 // the nodes of the partition in force; 0 for none
	side  uint8 // those of them on one side

	crashes, suspicions, partitions, early, losses, duplicates uint8 // left
}

// parts is what all workers share.
type parts struct {
	cells    atlas[*cell]
	mails    atlas[*mail]
	boxes    atlas[outbox]
	verdicts atlas[*verdictOf]
	lines    atlas[*shown]
}

// world is the system that is explored, for one worker.
type world struct {
	cfg *Config
	*parts
	initial  State
	start    State  // of the search: the initial one, if nothing else was asked for
	empty    uint32 // the box with nothing in it
	nobody   uint32 // the cell of a crashed node
	group    uint64
	machines []core.Machine // as they are made, for names
	expert   bool
	streams  bool // messages travel on streams, and suspicions are never withdrawn

	in      core.Input
	out     core.Effects
	effects []core.Effect
	failure string
	buf     []byte
	box     outbox
	acts    []act
	actsFor State
	hasActs bool

	boxed    memo // hash to box
	steps    memo // (cell, input) to outcome
	outcomes []outcome
	fates    memo     // (receiver's cell, mail)
	refusals memo     // (sender's cell, mail)
	judged   memo     // (verdict, lines)
	acted    memo     // (verdict, act)
	answers  memo     // (mail, its answer), of a check of claims
	promises memo     // cell to its promised round
	lowered  lowering // by the last act

	roots [MaxWorld]uint32 // the cells before the start
	sym   *symmetry        // nil if no nodes are folded

	judge *checker.Judge
	rec   *record.Recorder
	sink  record.Sink // of its lines: the judge, unless they are kept
	now   int64
}

// newWorlds gives a constructor of worlds that share their parts.
func newWorlds(c *Config) (func() *world, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	machines, err := c.machines()
	if err != nil {
		return nil, err
	}
	judge, err := checker.New(header(c))
	if err != nil {
		return nil, err
	}
	shared := new(parts)
	return func() *world {
		w := &world{cfg: c, parts: shared, judge: judge.Clone(), rec: record.New()}
		w.sink = w.judge.Observe
		w.rec.Reset(func(ev *trace.Event) { w.sink(ev) }, false, machines[0].KindName)
		w.begin(machines)
		return w
	}, nil
}

// begin makes the initial state: every node has been started.
func (w *world) begin(machines []core.Machine) {
	w.machines = machines
	_, w.expert = machines[0].(expert)
	w.streams = w.cfg.streams()
	w.group = core.RootCommID(nodeIDs(w.cfg.World))
	w.empty = w.numberBox(nil)
	w.nobody = w.numberCell(&cell{})
	b := &w.cfg.Budget
	s := State{
		verdict: w.numberVerdict(w.judge, origin{}),
		crashes: uint8(b.Crashes), suspicions: uint8(b.FalseSuspicions), partitions: uint8(b.Partitions),
		early: uint8(b.EarlyTimeouts), losses: uint8(b.Losses), duplicates: uint8(b.Duplicates),
	}
	for i := range w.cfg.World {
		s.boxes[i] = w.empty
		c := cell{m: machines[i].Clone(), node: uint8(i), members: 1<<w.cfg.World - 1}
		w.roots[i] = w.numberCell(&c)
		s.cells[i] = w.roots[i]
	}
	for i := range w.cfg.World {
		w.take(&s, i, giveStart)
	}
	w.initial, w.start = s, s
}

// Initial gives the state after the start, or where the search begins.
func (w *world) Initial() []State { return []State{w.start} }

// Properties gives what is judged and what is counted.
func (w *world) Properties() []search.Property { return properties() }

// AppendState writes the hashes of the parts, and the counts.
func (w *world) AppendState(buf []byte, s *State) []byte {
	if w.sym != nil {
		return w.appendFolded(buf, s)
	}
	for i := range w.cfg.World {
		buf = appendHash(buf, w.cells.at(s.cells[i]).hash)
		buf = appendHash(buf, w.boxes.at(s.boxes[i]).hash)
	}
	buf = appendHash(buf, w.verdicts.at(s.verdict).hash)
	return append(buf, s.dead, s.split, s.side, s.crashes, s.suspicions, s.partitions, s.early, s.losses, s.duplicates)
}

func appendHash(buf []byte, h uint64) []byte {
	return append(buf, byte(h), byte(h>>8), byte(h>>16), byte(h>>24), byte(h>>32), byte(h>>40), byte(h>>48), byte(h>>56))
}

// Marks tells what is broken, and, where nothing but timers is left, what is owed.
func (w *world) Marks(s *State) search.Marks {
	v := w.verdicts.at(s.verdict).of
	m := search.Marks{Bits: v.broken, Stop: v.broken>>markLivelock&1 != 0}
	if v.owed != 0 && !m.Stop && w.quiet(s) {
		m.Bits |= v.owed
	}
	return m
}

// Successors takes every step that is enabled.
func (w *world) Successors(s *State, out []search.Successor[State]) []search.Successor[State] {
	for _, a := range w.enabled(s) {
		out = append(out, search.Successor[State]{State: *s, Free: a.free()})
		next := &out[len(out)-1]
		next.Progress, next.Seen = w.apply(&next.State, a)
	}
	return out
}

// take gives a node an input: its cell, its outbox and what the judge knows change.
func (w *world) take(s *State, node int, in input) (progress bool, seen uint32) {
	o := w.step(s.cells[node], in)
	if !o.changed {
		return false, 0
	}
	s.cells[node] = o.cell
	s.verdict = w.judgeStep(s.verdict, o)
	if len(o.sends) > 0 {
		w.send(s, node, o)
	}
	return o.progress, o.seen
}

// send puts mails into a node's outbox. Those to a crashed node, or over a closed link, are lost.
func (w *world) send(s *State, node int, o *outcome) {
	w.box = append(w.box[:0], w.boxes.at(s.boxes[node]).of...)
	for i, number := range o.sends {
		to := int(w.mails.at(number).of.to)
		if o.asks != nil && o.asks[i] != 0 {
			s.cells[node] = w.owe(s.cells[node], o.asks[i])
		}
		if !w.carries(s, node, to) {
			continue
		}
		if w.expert && !w.cfg.Plain.KeepVotes {
			w.supersede(s.cells[node], number)
		}
		w.box = append(w.box, number)
	}
	if w.cfg.LinkTails {
		w.linkOrder(w.box)
	}
	s.boxes[node] = w.numberBox(w.box)
}

// supersede takes the mail out of w.box that a newer one makes idle.
func (w *world) supersede(sender, number uint32) {
	newer := w.mails.at(number).of
	x := w.cells.at(sender).of.m.(expert)
	for i, m := range w.box {
		older := w.mails.at(m).of
		if older.to != newer.to {
			continue
		}
		supersedes := x.Supersedes(&newer.msg, &older.msg)
		if w.holding() {
			w.holdPair(sender, number, m, supersedes)
		}
		if supersedes {
			w.box = append(w.box[:i], w.box[i+1:]...)
			return
		}
	}
}

// owe notes an answer that a node is due. It is always that the send has ended well, as a local send does: where the
// connection is known to have ended, the machine does not send.
func (w *world) owe(number, op uint32) uint32 {
	c := *w.cells.at(number).of
	c.answers = append(append([]uint32(nil), c.answers...), op)
	return w.numberCell(&c)
}

// carries tells whether what one node sends to another can still arrive. A stream keeps it through a partition.
func (w *world) carries(s *State, from, to int) bool {
	return s.open(from, to) || w.streams && s.dead>>to&1 == 0
}

// open tells whether messages go from one node to another.
func (s *State) open(from, to int) bool {
	return s.dead>>to&1 == 0 && !s.apart(from, to)
}

// apart tells whether the partition in force has the two on different sides.
func (s *State) apart(a, b int) bool {
	return s.split>>a&1 != 0 && s.split>>b&1 != 0 && s.side>>a&1 != s.side>>b&1
}

// orderless tells whether the order of what a node has in flight means nothing, as no crash can lose a part of it.
func (s *State) orderless(node int) bool { return s.crashes == 0 || s.dead>>node&1 != 0 }

// tidy drops what can do nothing any more, of all mails or of those from and to one node, and puts the outboxes in order.
func (w *world) tidy(s *State, node int) {
	for p := range w.cfg.World {
		if s.boxes[p] == w.empty {
			continue
		}
		box := w.boxes.at(s.boxes[p]).of
		w.box = w.box[:0]
		for _, number := range box {
			m := w.mails.at(number).of
			if !w.carries(s, p, int(m.to)) {
				continue
			}
			if (node < 0 || p == node || int(m.to) == node) && !w.cfg.Plain.KeepSpent && w.spent(s, number) {
				continue
			}
			w.box = append(w.box, number)
		}
		sorted := s.orderless(p)
		if len(w.box) == len(box) && !(sorted && node < 0 || sorted && p == node) {
			continue
		}
		if sorted && !w.cfg.Plain.KeepOrder {
			w.sortBox(w.box)
		}
		s.boxes[p] = w.numberBox(w.box)
	}
}
