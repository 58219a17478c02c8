package sim

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

// queue is a heap of four children a node: shallower than a binary one, and a node's children lie side by side.
type queue struct {
	heap  []entry
	seq   uint64
	flips uint64 // the classes, a bit each, of which the last made comes first
}

func (q *queue) reset() { q.heap, q.seq = q.heap[:0], 0 }

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
	q.heap = append(q.heap, e)
	h := q.heap
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(&h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = e
}

// pop takes the first entry out; false if there is none.
func (q *queue) pop() (first entry, ok bool) {
	h := q.heap
	if len(h) == 0 {
		return entry{}, false
	}
	first = h[0]
	last := h[len(h)-1]
	h = h[:len(h)-1]
	q.heap = h
	if len(h) > 0 {
		sink(h, last)
	}
	return first, true
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
