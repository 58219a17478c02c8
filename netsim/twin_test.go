package netsim

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// op is one call of a network by its owner.
type op struct {
	kind  string
	after int64 // nanoseconds since the one before
	a, b  int   // a link, an end, an act's number
	rate  int64
	links []Link // of an act; nil: all, for loss and duplication
	nodes []int
	lasts int64 // loss: for how long, 0 to the end
	until int64
}

// anOp draws one. Two ends open again together, as both close first: see sim for why.
func anOp(t *rapid.T, world int) op {
	o := op{
		kind: rapid.SampledFrom([]string{
			"send", "send", "send", "send", "wait", "block", "unblock", "loss", "no loss", "duplicate", "no duplicate", "slow", "no slow",
			"close", "reopen", "release", "latency",
		}).Draw(t, "kind"),
		after: rapid.SampledFrom([]int64{0, 0, 1, 40, 500}).Draw(t, "after"),
		a:     rapid.IntRange(0, world-1).Draw(t, "a"),
		b:     rapid.IntRange(0, world-2).Draw(t, "b"),
	}
	if o.b >= o.a {
		o.b++
	}
	switch o.kind {
	case "block":
		if rapid.Bool().Draw(t, "partition") {
			o.links = PartitionLinks([][]int{{o.a}, {o.b}})
			break
		}
		o.links = []Link{{o.a, o.b}}
	case "loss", "duplicate":
		o.rate = rapid.SampledFrom([]int64{0, 1, 300_000_000, 500_000_000, PPB - 1, PPB}).Draw(t, "rate")
		if rapid.Bool().Draw(t, "one link") {
			o.links = []Link{{o.a, o.b}}
		}
		o.lasts = rapid.SampledFrom([]int64{0, 0, 100, 3_000_000}).Draw(t, "lasts")
	case "slow":
		o.nodes = []int{o.a}
		o.rate = rapid.SampledFrom([]int64{1, 1000}).Draw(t, "by")
	}
	return o
}

func aConfig(t *rapid.T, world int) Config {
	return Config{
		World:   world,
		Stream:  rapid.Bool().Draw(t, "stream"),
		Latency: rapid.SampledFrom([]Latency{Uniform(10, 200), Uniform(5, 5), Exponential(0, 50), Bimodal(1, 3, 300, 900, PPB/4)}).Draw(t, "latency"),
		Loss:    rapid.SampledFrom([]int64{0, 0, 200_000_000}).Draw(t, "loss"),

		Duplicate:   rapid.SampledFrom([]int64{0, 0, 200_000_000}).Draw(t, "duplicate"),
		Reorder:     rapid.Bool().Draw(t, "reorder"),
		IdleTimeout: 2_000_000,
	}
}

// flight is a copy of a packet under way.
type flight struct {
	due, sent int64
	from, to  int
}

// driver owns a network as the simulator does: it keeps what is under way and asks again when something is due.
type driver struct {
	net    *Network
	now    int64
	n      uint64 // packets and draws so far
	acts   map[string][]int
	flight []flight
	twin   *twin // nil: nobody compares
	t      *rapid.T
	log    []string
}

func newDriver(n *Network) *driver { return &driver{net: n, acts: map[string][]int{}} }

func (d *driver) say(format string, args ...any) { d.log = append(d.log, fmt.Sprintf(format, args...)) }

func (d *driver) key() Key {
	d.n++
	return Key{A: 1, B: d.n}
}

// act begins or ends an act of a kind and gives its number. Ends come in any order.
func (d *driver) act(kind string, begins bool) (id int, ok bool) {
	if begins {
		d.n++
		d.acts[kind] = append(d.acts[kind], int(d.n))
		return int(d.n), true
	}
	if len(d.acts[kind]) == 0 {
		return 0, false
	}
	i := int(d.n) % len(d.acts[kind])
	id = d.acts[kind][i]
	d.acts[kind] = slices.Delete(d.acts[kind], i, i+1)
	return id, true
}

func (d *driver) do(o *op) {
	d.advance(d.now + o.after)
	switch o.kind {
	case "send":
		d.send(o.a, o.b)
	case "block":
		for _, l := range o.links {
			changed := d.net.Block(d.now, l.From, l.To)
			d.say("block %v %t", l, changed)
			d.twin.block(d, l, changed)
		}
	case "unblock":
		d.unblock(o)
	case "loss", "duplicate", "slow":
		id, _ := d.act(o.kind, true)
		d.begin(o, id)
	case "no loss", "no duplicate", "no slow":
		if id, ok := d.act(o.kind[3:], false); ok {
			d.end(o.kind[3:], id)
		}
	case "close":
		for _, e := range []Link{{o.a, o.b}, {o.b, o.a}} {
			changed := d.net.Close(d.now, e.From, e.To)
			d.say("close %v %t", e, changed)
			d.twin.close(d, e, changed)
		}
	case "reopen":
		d.net.Reopen(d.now, o.a, o.b)
		d.twin.reopen(o.a, o.b)
	case "release":
		at := d.net.Release(d.now, o.a, o.b, d.key())
		d.say("release %d", at)
		d.twin.release(d, o.a, o.b, at)
	case "latency":
		d.say("latency %d", d.net.Latency(o.a, o.b, d.key()))
	}
	for _, l := range []Link{{o.a, o.b}, {o.b, o.a}} {
		since, closed := d.net.ClosedSince(l.From, l.To)
		d.say("%v open %t since %d %t connected %t idle %t loss %d", l, d.net.Open(l.From, l.To), since, closed,
			d.net.Connected(l.From, l.To), d.net.Idle(d.now, l.From, l.To), d.net.LossRate(l.From, l.To, d.now))
		d.twin.look(d, l)
	}
}

func (d *driver) begin(o *op, id int) {
	switch o.kind {
	case "loss":
		o.until = Forever
		if o.lasts > 0 {
			o.until = d.now + o.lasts
		}
		d.net.AddLoss(id, o.rate, o.links, o.until)
	case "duplicate":
		d.net.AddDuplicate(id, o.rate, o.links)
	case "slow":
		d.net.AddSlow(id, o.nodes, o.rate)
	}
	d.twin.begin(o, id)
}

func (d *driver) end(kind string, id int) {
	switch kind {
	case "loss":
		d.net.EndLoss(id)
	case "duplicate":
		d.net.EndDuplicate(id)
	case "slow":
		d.net.EndSlow(id)
	}
	d.twin.end(id)
}

// unblock takes back one block of a link, if an act in force holds one.
func (d *driver) unblock(o *op) {
	if d.net.Open(o.a, o.b) {
		return
	}
	changed := d.net.Unblock(o.a, o.b)
	d.say("unblock %t", changed)
	d.twin.unblock(d, Link{o.a, o.b}, changed)
}

func (d *driver) send(from, to int) {
	f := d.net.Send(d.now, from, to, d.key())
	d.say("send %d->%d at %d: %q %v", from, to, d.now, f.Why, f.Arrivals())
	for _, at := range f.Arrivals() {
		d.flight = append(d.flight, flight{at, d.now, from, to})
	}
	d.twin.send(d, from, to, &f)
}

// advance lets time pass, and everything arrive that is due.
func (d *driver) advance(until int64) {
	slices.SortStableFunc(d.flight, func(a, b flight) int { return int(a.due - b.due) })
	for len(d.flight) > 0 && d.flight[0].due <= until {
		f := d.flight[0]
		d.flight = d.flight[1:]
		d.now = max(d.now, f.due)
		why := d.net.Arrive(f.sent, f.from, f.to)
		d.say("arrive %+v: %q", f, why)
		d.twin.arrive(d, f, why)
	}
	d.now = until
}

// twin says the same with lists of what is in force and what has been: nothing is counted, nothing is forgotten. All its
// methods do nothing on nil.
type twin struct {
	cfg      Config
	blocks   []Link // one for each block in force
	shut     map[Link][]int64
	ended    map[Link][]int64 // by end: owner, peer
	closed   map[Link]bool
	acts     map[int]op
	lastSent map[Link]int64 // the latest arrival so far
}

func newTwin(cfg Config) *twin {
	return &twin{
		cfg: cfg, shut: map[Link][]int64{}, ended: map[Link][]int64{}, closed: map[Link]bool{}, acts: map[int]op{}, lastSent: map[Link]int64{},
	}
}

func (w *twin) open(l Link) bool { return !slices.Contains(w.blocks, l) }

func (w *twin) block(d *driver, l Link, changed bool) {
	if w == nil {
		return
	}
	if changed != w.open(l) {
		d.t.Fatalf("Block %v says %t", l, changed)
	}
	if changed {
		w.shut[l] = append(w.shut[l], d.now)
	}
	w.blocks = append(w.blocks, l)
}

func (w *twin) unblock(d *driver, l Link, changed bool) {
	if w == nil {
		return
	}
	i := slices.Index(w.blocks, l)
	w.blocks = slices.Delete(w.blocks, i, i+1)
	if changed != w.open(l) {
		d.t.Fatalf("Unblock %v says %t", l, changed)
	}
}

func (w *twin) close(d *driver, e Link, changed bool) {
	if w == nil {
		return
	}
	if changed == w.closed[e] {
		d.t.Fatalf("Close %v says %t", e, changed)
	}
	if changed {
		w.ended[e] = append(w.ended[e], d.now)
	}
	w.closed[e] = true
}

func (w *twin) reopen(a, b int) {
	if w != nil {
		w.closed[Link{a, b}], w.closed[Link{b, a}] = false, false
	}
}

func (w *twin) begin(o *op, id int) {
	if w != nil {
		w.acts[id] = *o
	}
}

func (w *twin) end(id int) {
	if w != nil {
		delete(w.acts, id)
	}
}

// rate is the exact rate at which at least one of the causes in force at an instant strikes, and how many there are.
func (w *twin) rate(kind string, base int64, l Link, at int64) (r *big.Rat, causes int64) {
	miss := big.NewRat(PPB-base, PPB)
	for _, o := range w.acts {
		if o.kind == kind && (kind != "loss" || at < o.until) && (o.links == nil || slices.Contains(o.links, l)) {
			miss.Mul(miss, big.NewRat(PPB-o.rate, PPB))
			causes++
		}
	}
	return miss.Sub(big.NewRat(1, 1), miss), causes
}

func (w *twin) slowness(l Link) (by int64) {
	for _, o := range w.acts {
		if o.kind == "slow" {
			for _, id := range o.nodes {
				if id == l.From || id == l.To {
					by += o.rate
				}
			}
		}
	}
	return by
}

// look compares what the network says about a link.
func (w *twin) look(d *driver, l Link) {
	if w == nil {
		return
	}
	since, closed := d.net.ClosedSince(l.From, l.To)
	if closed == w.open(l) || closed == d.net.Open(l.From, l.To) {
		d.t.Fatalf("%v: closed %t, open %t", l, closed, w.open(l))
	}
	if closed && since != w.shut[l][len(w.shut[l])-1] {
		d.t.Fatalf("%v: closed since %d, want %v", l, since, w.shut[l])
	}
	if idle := closed && d.now >= d.net.IdleAt(since); idle != d.net.Idle(d.now, l.From, l.To) {
		d.t.Fatalf("%v: idle %t", l, !idle)
	}
	if d.net.Connected(l.From, l.To) == w.closed[l] {
		d.t.Fatalf("%v: connected %t", l, !w.closed[l])
	}
	exact, causes := w.rate("loss", w.cfg.Loss, l, d.now)
	off := exact.Sub(big.NewRat(d.net.LossRate(l.From, l.To, d.now), PPB), exact)
	if off.Sign() < 0 || off.Cmp(big.NewRat(causes, PPB)) > 0 {
		d.t.Fatalf("%v: loss rate %d, off by %v", l, d.net.LossRate(l.From, l.To, d.now), off)
	}
}

func (w *twin) send(d *driver, from, to int, f *Fate) {
	if w == nil {
		return
	}
	l, at := Link{from, to}, f.Arrivals()
	loss, _ := w.rate("loss", w.cfg.Loss, l, d.now)
	twice, _ := w.rate("duplicate", w.cfg.Duplicate, l, d.now)
	var allowed []Why
	switch {
	case w.closed[l]:
		allowed = []Why{DropClosed}
	case !w.open(l) && w.cfg.Stream:
		allowed = []Why{Held}
	case !w.open(l):
		allowed = []Why{DropCut}
	default:
		lost := DropLoss
		if w.cfg.Stream {
			lost = DropIdle
		}
		least := loss // what a stream sends again is lost only while the acts last
		if w.cfg.Stream {
			least, _ = w.rate("loss", w.cfg.Loss, l, Forever-1)
		}
		if least.Cmp(big.NewRat(1, 1)) < 0 {
			allowed = append(allowed, Delivered)
		}
		if loss.Sign() > 0 {
			allowed = append(allowed, lost)
		}
	}
	if !slices.Contains(allowed, f.Why) {
		d.t.Fatalf("%v at %d: %q, want one of %q", l, d.now, f.Why, allowed)
	}
	switch {
	case f.Why != Delivered && len(at) != 0, f.Why == Delivered && len(at) == 0:
		d.t.Fatalf("%v: %q arrives %v", l, f.Why, at)
	case len(at) > 1 && (w.cfg.Stream || twice.Sign() == 0):
		d.t.Fatalf("%v: arrives %v, and nothing duplicates", l, at)
	case f.Why == Delivered && len(at) == 1 && !w.cfg.Stream && twice.Cmp(big.NewRat(1, 1)) == 0:
		d.t.Fatalf("%v: arrives once, and everything is duplicated", l)
	}
	for _, t := range at {
		w.arrival(d, l, t, loss.Sign() > 0)
	}
}

// arrival checks when a copy arrives: not before it left, not later than its delay, not before an earlier packet.
func (w *twin) arrival(d *driver, l Link, at int64, lossy bool) {
	least, most := w.cfg.Latency.min, w.cfg.Latency.Max()
	if w.cfg.Stream && lossy {
		most += 3 * w.cfg.IdleTimeout
	}
	low, high := d.now+least+w.slowness(l), d.now+most+w.slowness(l)
	if !w.cfg.Reorder {
		low, high = max(low, w.lastSent[l]), max(high, w.lastSent[l])
	}
	if at < low || at > high {
		d.t.Fatalf("%v sent at %d arrives at %d, not in %d..%d", l, d.now, at, low, high)
	}
	w.lastSent[l] = max(w.lastSent[l], at)
}

func (w *twin) release(d *driver, a, b int, at int64) {
	if w != nil {
		w.arrival(d, Link{a, b}, at, false)
	}
}

// arrive says what becomes of a packet that is due: a message of an old connection never arrives once its receiver has
// handled the close; a datagram on its way when its link closed is lost, though the link be open again.
func (w *twin) arrive(d *driver, f flight, got Why) {
	if w == nil {
		return
	}
	l, end := Link{f.from, f.to}, Link{f.to, f.from}
	since := func(at int64) bool { return at >= f.sent }
	want := Delivered
	switch {
	case w.closed[end] || slices.ContainsFunc(w.ended[end], since):
		want = DropClosed
	case !w.open(l) && w.cfg.Stream:
		want = Held
	case !w.open(l), !w.cfg.Stream && slices.ContainsFunc(w.shut[l], since):
		want = DropCut
	}
	if got != want {
		d.t.Fatalf("%+v at %d: %q, want %q", f, d.now, got, want)
	}
}

// TestTwin drives a network and the twin through anything.
func TestTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := rapid.IntRange(2, 4).Draw(t, "world")
		cfg := aConfig(t, world)
		d := newDriver(New(cfg, hashed(rapid.Uint64().Draw(t, "seed"))))
		d.twin, d.t = newTwin(cfg), t
		for range rapid.IntRange(1, 60).Draw(t, "ops") {
			o := anOp(t, world)
			d.do(&o)
		}
		d.advance(d.now + 1_000_000_000)
	})
}

// TestSameDecisionsSameFates: a second network, asked the same, says the same; so does one that has been used for
// something else and was reset.
func TestSameDecisionsSameFates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := hashed(rapid.Uint64().Draw(t, "seed"))
		used := New(aConfig(t, 4), seed)
		earlier := newDriver(used)
		for range rapid.IntRange(0, 40).Draw(t, "ops before") {
			o := anOp(t, 4)
			earlier.do(&o)
		}
		world := rapid.IntRange(2, 5).Draw(t, "world")
		cfg := aConfig(t, world)
		used.Reset(cfg, seed)
		if used.Stream() != cfg.Stream {
			t.Fatalf("Stream() is %t", used.Stream())
		}
		a, b, c := newDriver(New(cfg, seed)), newDriver(New(cfg, seed)), newDriver(used)
		for range rapid.IntRange(1, 40).Draw(t, "ops") {
			o := anOp(t, world)
			a.do(&o)
			b.do(&o)
			c.do(&o)
		}
		if diff := cmp.Diff(a.log, b.log); diff != "" {
			t.Fatalf("two networks differ:\n%s", diff)
		}
		if diff := cmp.Diff(a.log, c.log); diff != "" {
			t.Fatalf("a reset network differs from a new one:\n%s", diff)
		}
	})
}
