package netsim

import (
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestTogether holds the combined rate to the exact one: rounded down for each cause, never outside 0..1, and the same
// for the two rates that are no choice.
func TestTogether(t *testing.T) {
	rate := rapid.OneOf(rapid.Int64Range(0, PPB), rapid.SampledFrom([]int64{0, 1, PPB - 1, PPB}))
	rapid.Check(t, func(t *rapid.T) {
		base := rate.Draw(t, "base")
		var rules []rule
		exact := big.NewRat(PPB-base, PPB)
		certain := base == PPB
		for _, r := range rapid.SliceOfN(rate, 0, 6).Draw(t, "rates") {
			elsewhere := rapid.Bool().Draw(t, "elsewhere")
			if elsewhere {
				rules = append(rules, rule{rate: r, links: []Link{{1, 0}}, until: Forever}, rule{rate: r, until: 7})
				continue
			}
			rules = append(rules, rule{rate: r, until: rapid.SampledFrom([]int64{8, Forever}).Draw(t, "until")})
			exact.Mul(exact, big.NewRat(PPB-r, PPB))
			certain = certain || r == PPB
		}
		got := together(base, rules, 0, 1, 7)
		off := exact.Sub(big.NewRat(PPB-got, PPB), exact)
		if off.Sign() > 0 || off.Cmp(big.NewRat(-int64(len(rules)), PPB)) < 0 {
			t.Fatalf("together is %d, off by %v", got, off)
		}
		if got < base || got > PPB || certain && got != PPB {
			t.Fatalf("together is %d of base %d", got, base)
		}
	})
}

// TestRatesAreMet sends often: losses and duplicates come as often as their rates say, acts and base together.
func TestRatesAreMet(t *testing.T) {
	const sends = 50_000
	n := New(Config{World: 2, Latency: Uniform(1, 1), Loss: PPB / 10, Duplicate: PPB / 5, Reorder: true}, quick(3))
	n.AddLoss(1, PPB*3/10, nil, Forever)
	n.AddDuplicate(2, PPB/2, []Link{{0, 1}})
	lost, twice := 0, 0
	for i := range uint64(sends) {
		f := n.Send(0, 0, 1, Key{0, i})
		if f.Why == DropLoss {
			lost++
		}
		if len(f.Arrivals()) == 2 {
			twice++
		}
	}
	for _, c := range []struct {
		what   string
		got    int
		of     int
		expect float64
	}{{"lost", lost, sends, 0.37}, {"duplicated", twice, sends - lost, 0.6}} {
		if got := float64(c.got) / float64(c.of); math.Abs(got-c.expect) > 5*math.Sqrt(c.expect*(1-c.expect)/float64(c.of)) {
			t.Errorf("%s: %.4f of all, want %.4f", c.what, got, c.expect)
		}
	}
}

// TestStreamSendsAgain follows a stream's retransmissions: a probe timeout of three delays and a millisecond, that
// doubles, until the idle timeout.
func TestStreamSendsAgain(t *testing.T) {
	const delay = 1000
	for lost := range Lane(60) {
		losing := decideFunc(func(_ Key, lane Lane, n uint64) uint64 {
			if lane >= laneLoss && lane < laneLoss+lost {
				return 0
			}
			return n - 1
		})
		n := New(Config{World: 2, Stream: true, Latency: Uniform(delay, delay), Loss: 1, Reorder: true, IdleTimeout: int64(30 * time.Second)}, losing)
		f := n.Send(5, 0, 1, Key{})
		want, wait := int64(5+delay), int64(3*delay+1_000_000)
		for range lost {
			want += wait
			wait *= 2
			if want-5-delay >= int64(30*time.Second) {
				want = 0
				break
			}
		}
		switch at := f.Arrivals(); {
		case want == 0 && (f.Why != DropIdle || len(at) != 0):
			t.Errorf("lost %d times: %q, arrives %v, want it dropped", lost, f.Why, at)
		case want != 0 && !slices.Equal(at, []int64{want}):
			t.Errorf("lost %d times: %q, arrives %v, want %d", lost, f.Why, at, want)
		}
	}
}

// TestStreamOutlastsLoss: what a stream sends again is lost only as long as the act lasts.
func TestStreamOutlastsLoss(t *testing.T) {
	const begin, delay, wait = 100, 1000, 3*1000 + 1_000_000
	for _, c := range []struct{ until, want int64 }{
		{begin, begin + delay},               // it has ended
		{begin + 1, begin + delay + wait},    // it ends before the second attempt
		{begin + wait, begin + delay + wait}, // at the very moment
		{begin + wait + 1, begin + delay + 3*wait},
		{Forever, 0},
	} {
		n := New(Config{World: 2, Stream: true, Latency: Uniform(delay, delay), Reorder: true, IdleTimeout: int64(30 * time.Second)}, answers(1000))
		n.AddLoss(1, PPB, nil, c.until)
		f := n.Send(begin, 0, 1, Key{})
		if at := f.Arrivals(); c.want == 0 && f.Why != DropIdle || c.want != 0 && !slices.Equal(at, []int64{c.want}) {
			t.Errorf("lost until %d: %q, arrives %v, want %d", c.until, f.Why, at, c.want)
		}
	}
}

// TestExtremes goes to the ends of what a scenario may say: delays of a year, and rates of 0 and 1.
func TestExtremes(t *testing.T) {
	day := int64(24 * time.Hour)
	for _, latency := range []Latency{Uniform(0, longest), Exponential(0, longest), Exponential(longest-1, longest), Bimodal(0, 0, longest, longest, PPB)} {
		for _, rate := range []int64{0, PPB - 1, PPB} {
			for _, stream := range []bool{false, true} {
				for _, d := range []Decider{answers(0), answers(500), answers(1000)} {
					n := New(Config{World: 2, Stream: stream, Latency: latency, Loss: rate, Duplicate: rate, IdleTimeout: longest}, d)
					for i := range 20 {
						n.AddSlow(i, []int{0, 1}, day)
					}
					now := 3 * longest
					f := n.Send(now, 0, 1, Key{})
					for _, at := range append(f.Arrivals(), n.Release(now, 0, 1, Key{}), now+n.Latency(0, 1, Key{})) {
						if at < now+40*day {
							t.Errorf("%+v, rate %d, stream %t: sent at %d, arrives at %d", latency, rate, stream, now, at)
						}
					}
					if rate == PPB && f.Why == Delivered {
						t.Errorf("%+v, stream %t: delivered at a loss of 1", latency, stream)
					}
				}
			}
		}
	}
}

// TestPartitionLinks compares with the sentence: two nodes in different groups cannot talk, everybody else can.
func TestPartitionLinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := rapid.IntRange(1, 6).Draw(t, "world")
		side := make([]int, world) // 0: in no group
		groups := make([][]int, 3)
		for id := range side {
			if side[id] = rapid.IntRange(0, 3).Draw(t, "group"); side[id] > 0 {
				groups[side[id]-1] = append(groups[side[id]-1], id)
			}
		}
		var want []Link
		for a := range side {
			for b := range side {
				if side[a] > 0 && side[b] > 0 && side[a] != side[b] {
					want = append(want, Link{a, b})
				}
			}
		}
		got := PartitionLinks(groups)
		slices.SortFunc(got, func(a, b Link) int { return 10*(a.From-b.From) + a.To - b.To })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestConnection tells the story of one connection: it closes at one end, then at the other, and opens again.
func TestConnection(t *testing.T) {
	n := New(Config{World: 2, Latency: Uniform(10, 10), Reorder: true}, answers(0))
	check := func(what string, got, want Why) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	send := func(now int64, from, to int) Why {
		f := n.Send(now, from, to, Key{})
		return f.Why
	}
	check("before", send(0, 0, 1), Delivered)
	n.Close(5, 1, 0)
	check("sent before the close, due after it", n.Arrive(0, 0, 1), DropClosed)
	check("the end that closed sends", send(6, 1, 0), DropClosed)
	check("the other end does not know yet", send(6, 0, 1), Delivered)
	check("what it sends does not arrive", n.Arrive(6, 0, 1), DropClosed)
	n.Close(7, 0, 1)
	check("now it knows", send(8, 0, 1), DropClosed)
	n.Reopen(20, 0, 1)
	check("of the old connection", n.Arrive(5, 0, 1), DropClosed)
	check("sent on the new one", send(20, 0, 1), Delivered)
	check("of the new one", n.Arrive(20, 0, 1), Delivered)
	check("of the new one, back", n.Arrive(20, 1, 0), Delivered)
}

// TestCutInFlight: a datagram on its way when its link closes is lost, though the link be open again when it is due; a
// stream's message waits for the link, and arrives.
func TestCutInFlight(t *testing.T) {
	for _, c := range []struct {
		stream       bool
		during, past Why
	}{{false, DropCut, DropCut}, {true, Held, Delivered}} {
		n := New(Config{World: 2, Stream: c.stream, Latency: Uniform(10, 10), Reorder: true}, answers(0))
		n.Block(5, 0, 1)
		if got := n.Arrive(0, 0, 1); got != c.during {
			t.Errorf("stream %t: due while the link is closed: %q, want %q", c.stream, got, c.during)
		}
		if got, want := n.Send(6, 0, 1, Key{}), c.during; got.Why != want {
			t.Errorf("stream %t: sent while the link is closed: %q, want %q", c.stream, got.Why, want)
		}
		n.Unblock(0, 1)
		if got := n.Arrive(5, 0, 1); got != c.past {
			t.Errorf("stream %t: sent just before the link closed, at the same instant: %q, want %q", c.stream, got, c.past)
		}
		if got := n.Arrive(0, 0, 1); got != c.past {
			t.Errorf("stream %t: due after the link opened again: %q, want %q", c.stream, got, c.past)
		}
		if got := n.Arrive(6, 0, 1); got != Delivered {
			t.Errorf("stream %t: sent after the link opened again: %q", c.stream, got)
		}
		if got := n.Arrive(0, 1, 0); got != Delivered {
			t.Errorf("stream %t: the other direction: %q", c.stream, got)
		}
	}
}

// TestIdle: a link is idle once it has been closed for the idle timeout without a break.
func TestIdle(t *testing.T) {
	n := New(Config{World: 2, IdleTimeout: 100}, answers(0))
	n.Block(5, 0, 1)
	for now, want := range map[int64]bool{5: false, 104: false, 105: true, 106: true} {
		if got := n.Idle(now, 0, 1); got != want {
			t.Errorf("closed at 5, at %d: idle %t", now, got)
		}
		if n.Idle(now, 1, 0) {
			t.Error("the open direction is idle")
		}
	}
	if at := n.IdleAt(5); at != 105 {
		t.Errorf("closed at 5: idle at %d", at)
	}
	n.Unblock(0, 1)
	n.Block(50, 0, 1)
	if n.Idle(149, 0, 1) || !n.Idle(150, 0, 1) {
		t.Error("a break does not count")
	}
}

// TestActsEndInAnyOrder: the end of an act ends that one and no other.
func TestActsEndInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{1, 2, 3}, {3, 2, 1}, {2, 3, 1}, {2, 1, 3}} {
		n := New(Config{World: 2, Latency: Uniform(1, 1), Reorder: true}, answers(0))
		slow, lossless := int64(0), int64(PPB)
		by := map[int]int64{1: 10, 2: 200, 3: 3000}
		rate := map[int]int64{1: PPB / 2, 2: PPB / 4, 3: PPB / 8}
		for id := 1; id <= 3; id++ {
			n.AddSlow(id, []int{0}, by[id])
			n.AddLoss(id, rate[id], nil, Forever)
			slow += by[id]
			lossless = lossless * (PPB - rate[id]) / PPB
		}
		for _, id := range order {
			n.EndSlow(id)
			n.EndLoss(id)
			slow -= by[id]
			lossless = lossless * PPB / (PPB - rate[id])
			if got := n.Latency(0, 1, Key{}); got != 1+slow {
				t.Errorf("order %v: after the end of %d: a latency of %d, want %d", order, id, got, 1+slow)
			}
			if got := n.LossRate(0, 1, 0); math.Abs(float64(got-(PPB-lossless))) > 10 {
				t.Errorf("order %v: after the end of %d: a loss of %d, want %d", order, id, got, PPB-lossless)
			}
		}
		n.EndSlow(7)
		n.EndLoss(7)
	}
}
