package checker

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"

	"nexarsim/checker/trace"
)

// Collective: what the members of a view call together, they do together. Calls are matched as each member's n-th call of
// one operation in one view, the view being what the member had installed when its call started. Then:
//   - a barrier ends without an error nowhere before every member of the view has started it;
//   - an all-reduce ends without an error only after that, with the sum of what exactly the members of the view brought to
//     it, and with the same value everywhere;
//   - a barrier or all-reduce that all members call ends, and without an error, unless there was a reason (calm.go) between
//     the first member's start of it and its end;
//   - under quorum and fail-stop, a call ends at the latest soon after its node has installed another view.
//
// A call that is answered without having been made breaks the first of these in any view. A call whose view changes under
// it has its reason, and may fail; if it succeeds, it is held to the view in which it was started.
//
// Owed to nobody, and so not judged by the third: calls that some member never makes, that the members do not make in the
// same order of operations (splits count here, and are not judged otherwise), that a member makes before its call before
// has ended, or that the members make further apart than half the time after which a call may give up.

const (
	collectiveTimeout = 30_000_000_000        // a call may give up after it
	spreadMax         = collectiveTimeout / 2 // between the first member's start and the last one's, for a success to be owed
)

// operation is what a call asks for.
type operation uint8

const (
	opBarrier operation = iota
	opAllReduce
	opSplit
	opOther // nothing that this fold knows
)

// judgedOps is how many of the operations are judged.
const judgedOps = int(opSplit)

func (o operation) String() string { return [...]string{"barrier", "allreduce", "split", "call"}[o] }

func operationOf(name string) operation {
	switch name {
	case "barrier":
		return opBarrier
	case "allreduce":
		return opAllReduce
	case "split":
		return opSplit
	}
	return opOther
}

// collectiveFold follows every call from its start to its end.
type collectiveFold struct {
	callers  []caller
	rounds   []round
	byKey    index[roundKey]
	started  []uint64  // for each round the set of those who have started it
	open     []int     // rounds that somebody has yet to start or to end
	flights  []flight  // calls that have not ended, in the order of their starts
	failures []failure // of rounds that somebody has yet to start
	calmFrom int64     // what an act leaves behind may give a reason until then
	unread   int       // the first round that ended with a sum that nobody can know; -1
	called   bool      // anybody has called anything
}

// caller is how far a node's calls have come in its view.
type caller struct {
	view    viewID
	made    [judgedOps]int
	program uint64 // the order of its operations, hashed
	flights int    // calls that have not ended, of any view
}

// roundKey names the n-th call of an operation in a view, at all members.
type roundKey struct {
	view viewID
	op   operation
	n    int
}

// round is one such call.
type round struct {
	key         roundKey
	sum         uint64 // of the contributions so far, in two's complement
	count       int    // of those who have started it
	flights     int    // of those who have not ended it
	first, last int64  // start
	reason      int64  // when something first gave it reason to fail; noDeadline
	program     uint64 // of whoever started it first
	unread      bool   // a contribution is no whole number
	apart       bool   // the members do not call it in the same way
	value       answer // of the first that ended it without an error
	by          int    // who did; -1
}

// answer is the value of a call: a whole number, or the hash of any other text.
type answer struct {
	number uint64
	whole  bool
}

// flight is a call that has not ended.
type flight struct {
	node  int
	op    operation
	n     uint64 // the number that its lines have
	round int    // -1: not judged
}

// failure is a call that failed without a reason while somebody had yet to start it.
type failure struct {
	round, node int
	t           int64
	text        string
}

func (f *collectiveFold) reset(n int) {
	f.callers = f.callers[:0]
	for range n {
		f.callers = append(f.callers, caller{})
	}
	f.rounds, f.started, f.open, f.flights, f.failures = f.rounds[:0], f.started[:0], f.open[:0], f.flights[:0], f.failures[:0]
	f.byKey.reset()
	f.calmFrom, f.unread, f.called = never, -1, false
}

func (f *collectiveFold) copyFrom(o *collectiveFold) {
	f.callers = append(f.callers[:0], o.callers...)
	f.rounds = append(f.rounds[:0], o.rounds...)
	f.byKey.copyFrom(&o.byKey)
	f.started = append(f.started[:0], o.started...)
	f.open = append(f.open[:0], o.open...)
	f.flights = append(f.flights[:0], o.flights...)
	f.failures = append(f.failures[:0], o.failures...)
	f.calmFrom, f.unread, f.called = o.calmFrom, o.unread, o.called
}

// call takes a line of a call.
func (f *collectiveFold) call(w *world, set *settings, ev *trace.Event, out *findings) {
	op := operationOf(ev.Call.Op)
	switch {
	case op == opOther:
	case ev.Call.Phase == "start":
		f.start(w, set, ev, op, out)
	case ev.Call.Phase == "end":
		f.end(w, set, ev, op, out)
	}
}

func (f *collectiveFold) start(w *world, set *settings, ev *trace.Event, op operation, out *findings) {
	f.called = true
	c, view := &f.callers[ev.Node], w.nodes[ev.Node].view
	if c.view != view {
		*c = caller{view: view, flights: c.flights}
	}
	c.program = (c.program + uint64(op) + 1) * 0x9e3779b97f4a7c15
	round := -1
	if op != opSplit && w.isMember(view, ev.Node) {
		c.made[op]++
		round = f.join(w, set, ev, roundKey{view, op, c.made[op]}, out)
	}
	c.flights++
	f.flights = append(f.flights, flight{ev.Node, op, ev.Call.N, round})
}

// join adds a call to its round.
func (f *collectiveFold) join(w *world, set *settings, ev *trace.Event, key roundKey, out *findings) int {
	c := &f.callers[ev.Node]
	at := f.byKey.find(key)
	if at < 0 {
		at = f.newRound(w, set, key, c.program)
	}
	word, bit := &f.started[at*w.words+ev.Node>>6], uint64(1)<<(ev.Node&63)
	if *word&bit != 0 {
		return -1 // it went back to a view that it had left: history's matter
	}
	*word |= bit
	r := &f.rounds[at]
	a := answerOf(ev.Call.Value)
	r.sum += a.number
	r.unread = r.unread || key.op == opAllReduce && !a.whole
	r.apart = r.apart || c.flights > 0 || c.program != r.program
	r.last = ev.T
	r.count++
	r.flights++
	if r.complete(w) {
		f.judgeFailures(w, at, out)
	}
	return at
}

func (f *collectiveFold) newRound(w *world, set *settings, key roundKey, program uint64) int {
	at := len(f.rounds)
	r := round{key: key, first: w.now, last: w.now, reason: noDeadline, program: program, by: -1}
	if w.now < f.calmFrom || !w.calm(set, key.view) {
		r.reason = w.now
	}
	f.rounds = append(f.rounds, r)
	f.byKey.add(key)
	for range w.words {
		f.started = append(f.started, 0)
	}
	f.open = append(f.open, at)
	return at
}

// complete reports whether every member has started it.
func (r *round) complete(w *world) bool { return r.count == w.size(r.key.view) }

// due is until when a round that everybody has started should be over.
func (r *round) due(set *settings) int64 { return r.last + set.RecoveryTimeout + collectiveTimeout }

// owed reports whether a success is, of a round that everybody has started.
func (r *round) owed() bool { return !r.apart && r.last-r.first <= spreadMax }

func (f *collectiveFold) end(w *world, set *settings, ev *trace.Event, op operation, out *findings) {
	at := slices.IndexFunc(f.flights, func(x flight) bool { return x.node == ev.Node && x.op == op && x.n == ev.Call.N })
	if at < 0 {
		out.by(Collective, ev.T, ev.Node, "node %d ended a %s that it had not started, its number %d", ev.Node, op, ev.Call.N)
		return
	}
	i := f.flights[at].round
	f.flights = slices.Delete(f.flights, at, at+1)
	f.callers[ev.Node].flights--
	if i < 0 {
		return
	}
	r := &f.rounds[i]
	r.flights--
	if ev.Call.Error == "" {
		f.succeeded(w, i, ev, out)
	} else {
		f.failed(w, set, i, ev, out)
	}
	if r.flights == 0 && r.complete(w) {
		f.open = slices.DeleteFunc(f.open, func(x int) bool { return x == i })
	}
}

// succeeded judges a call that ended without an error.
func (f *collectiveFold) succeeded(w *world, i int, ev *trace.Event, out *findings) {
	r := &f.rounds[i]
	if missing := f.missing(w, i); missing >= 0 {
		out.between(Collective, ev.T, missing, ev.Node, "node %d ended %s before node %d had started it", ev.Node, r.name(w), missing)
		return
	}
	if r.key.op != opAllReduce {
		return
	}
	got := answerOf(ev.Call.Value)
	switch {
	case !r.unread && got != answer{r.sum, true}:
		out.by(Collective, ev.T, ev.Node, "node %d ended %s with %s, the sum of the members' contributions is %d", ev.Node, r.name(w), textOf(ev.Call.Value), int64(r.sum))
	case r.by < 0:
		r.value, r.by = got, ev.Node
	case got != r.value:
		out.between(Collective, ev.T, r.by, ev.Node, "nodes %d and %d ended %s with different values, node %d with %s", r.by, ev.Node, r.name(w), ev.Node, textOf(ev.Call.Value))
	}
	if r.unread && f.unread < 0 {
		f.unread = i
	}
}

// missing gives a member that has not started a round, -1 if there is none.
func (f *collectiveFold) missing(w *world, i int) int {
	started := f.started[i*w.words : (i+1)*w.words]
	for k, word := range w.memberBits(f.rounds[i].key.view) {
		if left := word &^ started[k]; left != 0 {
			return k<<6 + bits.TrailingZeros64(left)
		}
	}
	return -1
}

// failed takes one that ended with an error. What had no reason is judged when it is known that all members call it.
func (f *collectiveFold) failed(w *world, set *settings, i int, ev *trace.Event, out *findings) {
	r := &f.rounds[i]
	complete := r.complete(w)
	if r.reason < noDeadline && !(complete && r.reason > r.due(set)) { // one that is overdue cannot be excused any more
		return
	}
	f.failures = append(f.failures, failure{i, ev.Node, ev.T, ev.Call.Error})
	if complete {
		f.judgeFailures(w, i, out)
	}
}

// judgeFailures judges what has failed of a round that everybody has started now.
func (f *collectiveFold) judgeFailures(w *world, i int, out *findings) {
	r := &f.rounds[i]
	kept := f.failures[:0]
	for _, x := range f.failures {
		switch {
		case x.round != i:
			kept = append(kept, x)
		case r.owed():
			out.by(Collective, x.t, x.node, "node %d's part of %s failed for no reason that shows: %s", x.node, r.name(w), x.text)
		}
	}
	f.failures = kept
}

// finish names the calls that never ended.
func (f *collectiveFold) finish(w *world, set *settings, end Ending, out *outcome) {
	for i := range f.flights {
		x := &f.flights[i]
		if x.round < 0 {
			continue
		}
		r := &f.rounds[x.round]
		due := r.due(set)
		switch n := &w.nodes[x.node]; {
		case set.hardened && n.view != r.key.view && n.runs() && !n.paused && n.held == 0 && n.installedAt+collectiveTimeout <= end.T && end.Complete:
			out.by(Collective, end.T, x.node, "node %d's part of %s never ended, although it installed epoch %d at %s", x.node, r.name(w), w.views[n.view].epoch, span64(n.installedAt))
		case !r.complete(w) || !r.owed() || r.reason <= due && r.reason <= end.T:
		case end.T <= due:
			out.undecided(Collective, "node %d was in %s at the end, less than %s after its start", x.node, r.name(w), span64(set.RecoveryTimeout+collectiveTimeout))
		case !end.Complete:
			out.undecided(Collective, "node %d was in %s when the run stopped, before its own end", x.node, r.name(w))
		default:
			out.by(Collective, end.T, x.node, "node %d's part of %s never ended, started by all members by %s, and for no reason that shows", x.node, r.name(w), span64(r.last))
		}
	}
	if f.unread >= 0 {
		out.undecided(Collective, "what was brought to %s is no whole number, its sum cannot be told", f.rounds[f.unread].name(w))
	}
}

// name tells which call a round is.
func (r *round) name(w *world) string {
	return r.key.op.String() + " " + strconv.Itoa(r.key.n) + " of epoch " + strconv.FormatUint(w.views[r.key.view].epoch, 10)
}

// answerOf reads a value: a decimal number in quotes or without.
func answerOf(value string) answer {
	text := value
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		text = text[1 : n-1]
	}
	if isWhole(text) {
		if x, err := strconv.ParseInt(text, 10, 64); err == nil {
			return answer{uint64(x), true}
		}
	}
	hash := uint64(0xcbf29ce484222325)
	for i := range len(value) {
		hash = (hash ^ uint64(value[i])) * 0x100000001b3
	}
	return answer{number: hash}
}

// isWhole reports whether a text looks like a whole number: whoever asks then pays for no error.
func isWhole(text string) bool {
	digits := text
	if len(text) > 0 && text[0] == '-' {
		digits = text[1:]
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return len(digits) > 0
}

// textOf shows a value in a sentence.
func textOf(value string) string { return found([]byte(value)) }

// appendState writes what is still to be judged. Rounds that are over have nothing more to say.
func (f *collectiveFold) appendState(buf []byte, c *canon) []byte {
	buf = appendUint(buf, uint64(max(0, f.calmFrom-c.w.now)))
	if !f.called {
		return append(buf, 0)
	}
	buf = append(buf, byte(1|flag(f.unread >= 0)<<1))
	for i := range f.callers {
		x := &f.callers[i]
		buf = appendUint(buf, uint64(c.place[x.view]))
		for _, n := range x.made {
			buf = appendUint(buf, uint64(n))
		}
		buf = appendUint(buf, x.program)
	}
	var kept [16]int
	open := append(kept[:0], f.open...)
	slices.SortFunc(open, func(a, b int) int { return f.compare(c, a, b) })
	buf = appendUint(buf, uint64(len(open)))
	for _, i := range open {
		buf = f.appendRound(buf, c, i)
	}
	return f.appendFlights(buf, c)
}

func (f *collectiveFold) compare(c *canon, a, b int) int {
	x, y := &f.rounds[a].key, &f.rounds[b].key
	return cmp.Or(cmp.Compare(c.place[x.view], c.place[y.view]), cmp.Compare(x.op, y.op), cmp.Compare(x.n, y.n))
}

func (f *collectiveFold) appendRound(buf []byte, c *canon, i int) []byte {
	r := &f.rounds[i]
	buf = appendKey(buf, c, &r.key)
	buf = append(buf, byte(flag(r.unread)|flag(r.apart)<<1|flag(r.by >= 0)<<2|flag(r.reason < noDeadline)<<3|flag(r.value.whole)<<4))
	for _, x := range f.started[i*c.w.words : (i+1)*c.w.words] {
		buf = appendUint(buf, x)
	}
	buf = appendUint(appendUint(appendUint(buf, r.sum), r.program), r.value.number)
	buf = c.appendTime(c.appendTime(buf, r.first), r.last)
	if r.reason < noDeadline {
		buf = c.appendTime(buf, r.reason)
	}
	var kept [16]failure
	failures := kept[:0]
	for _, x := range f.failures {
		if x.round == i {
			failures = append(failures, x)
		}
	}
	slices.SortStableFunc(failures, func(a, b failure) int { return cmp.Compare(a.node, b.node) })
	buf = appendUint(buf, uint64(len(failures)))
	for _, x := range failures {
		buf = c.appendTime(appendUint(buf, uint64(x.node)), x.t)
	}
	return buf
}

func appendKey(buf []byte, c *canon, k *roundKey) []byte {
	return appendUint(append(appendUint(buf, uint64(c.place[k.view])), byte(k.op)), uint64(k.n))
}

// appendFlights writes each node's calls that have not ended.
func (f *collectiveFold) appendFlights(buf []byte, c *canon) []byte {
	for n := range f.callers {
		buf = appendUint(buf, uint64(f.callers[n].flights))
		for i := 0; i < len(f.flights) && f.callers[n].flights > 0; i++ {
			x := &f.flights[i]
			if x.node != n {
				continue
			}
			buf = append(appendUint(buf, x.n), byte(x.op), byte(flag(x.round >= 0)))
			if x.round >= 0 {
				buf = appendKey(buf, c, &f.rounds[x.round].key)
			}
		}
	}
	return buf
}
