package explore

import (
	"testing"

	"nexarsim/core"
)

// TestSymmetry measures what folding the members from the third on into one another could gain at most. Two of them are
// alike only until one leads a ballot: its number is then in promises, acceptances and messages, and orders them. So only
// states that are reached without that could be folded, each with at most all orders of those members.
func TestSymmetry(t *testing.T) {
	for _, x := range []struct {
		config Config
		orders int // of the members from the third on
	}{
		{Config{Protocol: "quorum", World: 4, Budget: Budget{Crashes: 1}}, 2},
		{Config{Protocol: "quorum", World: 4, Budget: Budget{Crashes: 1, FalseSuspicions: 1}}, 2},
		{Config{Protocol: "quorum", World: 5, Budget: Budget{Crashes: 1}}, 6},
	} {
		if testing.Short() && x.config.World > 4 {
			continue
		}
		all := len(newProjection(t, &x.config).table)
		alike := len(withoutLaterLeaders(t, &x.config))
		least := all - alike + (alike+x.orders-1)/x.orders
		t.Logf("%d nodes, %+v: %d states, of them %d before a later member leads; folded at least %d", x.config.World, x.config.Budget, all, alike, least)
		if x.config.World == 4 && all >= 2*least {
			t.Errorf("%d nodes, %+v: %d states could be %d: it would pay", x.config.World, x.config.Budget, all, least)
		}
	}
}

// withoutLaterLeaders is the states that are reached before a member from the third on asks for promises or proposes.
func withoutLaterLeaders(t *testing.T, c *Config) map[State]struct{} {
	t.Helper()
	make1, err := newWorlds(c)
	if err != nil {
		t.Fatal(err)
	}
	w := make1()
	seen := map[State]struct{}{w.initial: {}}
	queue := []State{w.initial}
	for at := 0; at < len(queue); at++ {
		for _, next := range w.Successors(&queue[at], nil) {
			if _, known := seen[next.State]; !known && !w.laterLeads(&next.State) {
				seen[next.State] = struct{}{}
				queue = append(queue, next.State)
			}
		}
	}
	return seen
}

// laterLeads tells whether a question or a proposal of a member from the third on is in flight, which is so after each.
func (w *world) laterLeads(s *State) bool {
	for i := 2; i < w.cfg.World; i++ {
		for _, number := range w.boxes.at(s.boxes[i]).of {
			if k := w.mails.at(number).of.msg.Kind; k == core.Prepare || k == core.Agreement {
				return true
			}
		}
	}
	return false
}
