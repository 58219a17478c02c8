package sim

import "math/bits"

// class orders what is due at one instant: the environment acts first, then connections time out and open again, then
// what a resumed node had missed, then inputs that an act left for "the next step", then timers, wakes, messages, and last
// the ends of connections, so that none overtakes a message. It also says what an entry is.
type class uint8

const (
	classAct     class = iota // a: act, b: 0 begins, 1 ends
	classIdle                 // a: silent peer, b: whose end of the connection may time out
	classReopen               // a, b: the pair
	classParked               // a: index of what a node missed while paused, b: node
	classInput                // a: index of the input; or, b not 0: a: node, b: 1 + the op of a send that has ended well
	classTimer                // a: node, b: timer and its generation
	classWake                 // a: node, b: id
	classDeliver              // a: slot of the message, b: receiver and place in the step's sends
	classClose                // a: index of the close
	classLoad                 // a: worker
	classCount
)

const (
	classShift = 60
	toBits     = 12 // a world has at most 4096 nodes
	timerBits  = 4  // core.MaxTimers is 16
)

// entry is one thing that will happen. Its order is total: time, then class, then the order in which entries were made.
type entry struct {
	at   int64
	ord  uint64 // class and sequence number
	a, b uint32
}

func (e *entry) class() class { return class(e.ord >> classShift) }

func (e *entry) before(o *entry) bool { return e.at < o.at || e.at == o.at && e.ord < o.ord }

// queue is a calendar (Brown, "Calendar Queues", 1988) of days that are as long as a share of the network's longest delay,
// so that a message finds its place without a comparison. What is due after the last day of the calendar, as timers are, waits
// in a heap, and so does what is left of the days that have begun.
type queue struct {
	today  heap // due before the end of day
	later  heap // due after the calendar's last day when it came; it may be anywhere by now
	day    int64
	length uint // of a day: 2 to the power of it nanoseconds

	marks  [days / 64]uint64 // the days that something is due on, a bit each
	first  [days]int32       // of such a day: its first note
	notes  []note
	unused int32 // the first note that is free; 0: none
	noted  int   // notes that are not

	seq   uint64
	flips uint64 // the classes, a bit each, of which the last made comes first
}

// days is how many days a calendar has.
const days = 256

// note is an entry in the calendar.
type note struct {
	entry
	next int32 // the next one of its day, or of those that are free; 0: none
}

// reset empties the queue. Most of what is to come is due within span nanoseconds.
func (q *queue) reset(span int64) {
	*q = queue{today: q.today[:0], later: q.later[:0], notes: q.notes[:0], first: q.first, flips: q.flips}
	q.length = uint(bits.Len64(uint64(max(span, days)-1) / days))
}

func (q *queue) push(at int64, c class, a, b uint32) {
	q.insert(entry{at: at, ord: q.place(c), a: a, b: b})
}

// place is the next entry's place in the order of its class.
func (q *queue) place(c class) uint64 {
	q.seq++
	order := q.seq
	if q.flips != 0 && q.flips>>c&1 != 0 {
		order ^= 1<<classShift - 1
	}
	return uint64(c)<<classShift | order
}

// insert takes an entry that has its place.
func (q *queue) insert(e entry) {
	switch ahead := e.at>>q.length - q.day; {
	case ahead <= 0:
		q.today.push(e)
	case ahead <= days:
		q.note(e)
	default:
		q.later.push(e)
	}
}

// note puts an entry in the calendar.
func (q *queue) note(e entry) {
	at := q.unused
	if at > 0 {
		q.unused = q.notes[at].next
	} else {
		at = int32(max(1, len(q.notes))) // the one that stands for none is nobody's
		q.notes = append(q.notes, make([]note, int(at)+1-len(q.notes))...)
	}
	n, d := &q.notes[at], uint(e.at>>q.length)%days
	n.entry, n.next = e, 0
	if mark := uint64(1) << (d % 64); q.marks[d/64]&mark != 0 {
		n.next = q.first[d]
	} else {
		q.marks[d/64] |= mark
	}
	q.first[d] = at
	q.noted++
}

// pop takes the first entry out; false if there is none.
func (q *queue) pop() (first entry, ok bool) {
	if len(q.today) == 0 && q.noted > 0 {
		at := q.begin(q.next())
		n := &q.notes[at]
		if n.next == 0 && (len(q.later) == 0 || n.before(&q.later[0])) { // nothing else comes on that day, or before it
			n.next, q.unused = q.unused, at
			q.noted--
			return n.entry, true
		}
		q.move(at)
	}
	switch {
	case len(q.today) == 0 && len(q.later) == 0:
		return entry{}, false
	case len(q.later) == 0 || len(q.today) > 0 && q.today[0].before(&q.later[0]):
		return q.today.pop(), true
	}
	first = q.later.pop()
	q.day = max(q.day, first.at>>q.length-1) // nothing in the calendar is due before first
	return first, true
}

// next is the next day that something is due on. There is one.
func (q *queue) next() int64 {
	from := uint(q.day+1) % days
	ahead := from % 64
	w := q.marks[from/64] >> ahead << ahead
	for i := from / 64; ; w = q.marks[i] {
		if w != 0 {
			d := i*64 + uint(bits.TrailingZeros64(w))
			return q.day + 1 + int64((d-from)%days)
		}
		i = (i + 1) % (days / 64)
	}
}

// begin makes a day today, and gives the first of its notes.
func (q *queue) begin(day int64) int32 {
	d := uint(day) % days
	q.day = day
	q.marks[d/64] &^= 1 << (d % 64)
	return q.first[d]
}

// move takes a day's notes out of the calendar.
func (q *queue) move(at int32) {
	for at > 0 {
		n := &q.notes[at]
		q.today.push(n.entry)
		next := n.next
		n.next, q.unused = q.unused, at
		q.noted--
		at = next
	}
}

// heap is a heap of four children a node: shallower than a binary one, and a node's children lie side by side.
type heap []entry

func (h *heap) push(e entry) {
	*h = append(*h, e)
	list := *h
	i := len(list) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(&list[up]) {
			break
		}
		list[i] = list[up]
		i = up
	}
	list[i] = e
}

// pop takes the first entry out. There is one.
func (h *heap) pop() entry {
	list := *h
	first, last := list[0], list[len(list)-1]
	list = list[:len(list)-1]
	*h = list
	if len(list) > 0 {
		sink(list, last)
	}
	return first
}

// sink puts e at the top and lets it down to its place.
func sink(h []entry, e entry) {
	i := 0
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, len(h)); c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if !h[least].before(&e) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}
