package explore

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/core"
)

// doubting is a node that takes whoever tells it a decision for excluded by it, or the reverse.
type doubting struct{ forgetting }

func doubtful(s core.Setup) (core.Machine, error) {
	s.Config.Rule = core.Majority
	n, err := core.New(s)
	return &doubting{forgetting{n}}, err
}

func (d *doubting) Clone() core.Machine { return &doubting{forgetting{d.Machine.Clone()}} }

func (d *doubting) Step(now core.Instant, in *core.Input, out *core.Effects) {
	changed := *in
	if in.Kind == core.InDeliver && in.Msg.Kind == core.Commit {
		if in.Msg.Set.Has(in.From) {
			changed.Msg.Set = in.Msg.Set.Without(in.From)
		} else {
			changed.Msg.Set = in.Msg.Set.With(in.From)
		}
	}
	d.Machine.Step(now, &changed, out)
}

// uneven is a group whose last node alone is of the other make.
func uneven(most, last func(core.Setup) (core.Machine, error)) func(core.Setup) (core.Machine, error) {
	return func(s core.Setup) (core.Machine, error) {
		if int(s.Self) == s.World-1 {
			return last(s)
		}
		return most(s)
	}
}

func sound(s core.Setup) (core.Machine, error) {
	s.Config.Rule = core.Majority
	return core.New(s)
}

// TestFolded: what is found, how short the shortest way to it is and how far the farthest state is away are the same with
// nodes folded and without; the states that the folded ones stand for are those that there are, by number.
func TestFolded(t *testing.T) {
	one := Budget{Crashes: 1}
	for _, x := range []struct {
		config Config
		folded []int
		found  bool
	}{
		{Config{Protocol: "quorum", World: 4, Budget: one}, []int{2, 3}, false},
		{Config{Protocol: "quorum", World: 5, Budget: one}, []int{2, 3, 4}, false},
		{Config{Protocol: "quorum", World: 6, Budget: one}, []int{2, 3, 4, 5}, false},
		{Config{Protocol: "quorum", World: 5, Budget: Budget{Crashes: 1, Duplicates: 1}}, []int{2, 3, 4}, false},
		{Config{Protocol: "quorum", World: 4, Budget: Budget{Crashes: 2}}, nil, false},
		{Config{Protocol: "quorum", World: 4, Budget: Budget{FalseSuspicions: 1}}, nil, false},
		{Config{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}}, nil, true},
		{Config{Protocol: "fail-stop", World: 6, Budget: one}, []int{2, 3, 4, 5}, false},
		{Config{Protocol: "muted", Make: muted, World: 4, Budget: one}, nil, true},
		{Config{Protocol: "doubtful", Make: doubtful, World: 5, Budget: one}, []int{2, 3, 4}, true},
		{Config{Protocol: "chatting", Make: chatting, World: 4, Budget: one}, nil, true},
		{Config{Protocol: "uneven", Make: uneven(sound, doubtful), World: 5, Budget: one}, nil, true},
		{Config{Protocol: "uneven", Make: uneven(doubtful, sound), World: 5, Budget: one}, nil, true},
	} {
		t.Run(fmt.Sprintf("%s,%d,%+v", x.config.Protocol, x.config.World, x.config.Budget), func(t *testing.T) {
			c := x.config
			c.Symmetry = true
			folded := explore(t, c, 2)
			if !slices.Equal(folded.Folded, x.folded) || (folded.Unfolded == "") != (len(x.folded) == c.World-1) {
				t.Errorf("folded %v, because %q; expected %v", folded.Folded, folded.Unfolded, x.folded)
			}
			if got := explore(t, c, 1); got.States != folded.States || got.Transitions != folded.Transitions || got.Unfolded != folded.Unfolded {
				t.Errorf("one worker has %d states, %d transitions, %q; two %d, %d, %q", got.States, got.Transitions, got.Unfolded, folded.States, folded.Transitions, folded.Unfolded)
			}
			c.Symmetry, c.LinkTails = false, true
			full := explore(t, c, 2)
			if diff := cmp.Diff(findings(full), findings(folded)); diff != "" || full.Depth != folded.Depth || x.found != (len(full.Violations) > 0) {
				t.Errorf("found (-full +folded), depth %d and %d:\n%s", full.Depth, folded.Depth, diff)
			}
			for i := range folded.Violations {
				checkReplay(t, &folded.Violations[i])
			}
			if diff := cmp.Diff(namesOf(explore(t, x.config, 2)), namesOf(folded)); diff != "" {
				t.Errorf("found, with what was sent last lost of all links together (-full +folded):\n%s", diff)
			}
			if states, all := folded.States, orbits(t, &full.Config, x.folded); all != full.States || len(x.folded) == 0 && states != all {
				t.Errorf("%d states stand for %d of %d", states, all, full.States)
			}
			t.Logf("%d states, folded %d", full.States, folded.States)
		})
	}
}

// namesOf names what is broken.
func namesOf(r *Result) (all []string) {
	for _, v := range r.Violations {
		all = append(all, v.Property)
	}
	slices.Sort(all)
	return all
}

// orbits explores a group with some nodes folded by itself, and counts for how many states each state stands.
func orbits(t *testing.T, c *Config, nodes []int) (all uint64) {
	t.Helper()
	make1, err := newWorlds(c)
	if err != nil {
		t.Fatal(err)
	}
	w := make1()
	w.fold(w.cfg.World-len(nodes), func() {})
	seen := map[string]bool{}
	var queue []State
	meet := func(s *State) {
		if key := string(w.AppendState(nil, s)); !seen[key] {
			seen[key] = true
			queue = append(queue, *s)
			all += w.orbit(s)
		}
	}
	meet(&w.initial)
	for at := 0; at < len(queue); at++ {
		for _, next := range w.Successors(&queue[at], nil) {
			meet(&next.State)
		}
	}
	if w.sym.broken != "" {
		t.Error(w.sym.broken)
	}
	return all
}

// orbit is how many different states renaming makes of one.
func (w *world) orbit(s *State) uint64 {
	words := 2*w.cfg.World + 2
	different := map[string]bool{}
	of := make([]uint64, words)
	for r := -1; r < len(w.sym.renamings); r++ {
		for at := range of {
			if r >= 0 {
				of[at] = w.slot(r, s, at)
			}
		}
		if r < 0 {
			w.unfolded(s, of)
		}
		different[fmt.Sprint(of)] = true
	}
	return uint64(len(different))
}

// claiming is a node that makes other claims of messages, and does the same as any.
type claiming struct {
	*core.Node
	fewer, kept bool // it claims fewer to be spent; that no vote makes an older one idle
}

func (c *claiming) Clone() core.Machine {
	return &claiming{c.Node.Clone().(*core.Node), c.fewer, c.kept}
}

func (c *claiming) Spent(from core.NodeID, m *core.Message) (spent, answered bool) {
	spent, answered = c.Node.Spent(from, m)
	return spent && !c.fewer, answered
}

func (c *claiming) Supersedes(newer, older *core.Message) bool {
	return !c.kept && c.Node.Supersedes(newer, older)
}

func withClaims(fewer, kept bool) func(core.Setup) (core.Machine, error) {
	return func(s core.Setup) (core.Machine, error) {
		s.Config.Rule = core.Majority
		n, err := core.New(s)
		return &claiming{n, fewer, kept}, err
	}
}

// TestFoldedOnlyAlike: a node that does not do the same under another name is not folded, whatever it is that differs. One
// that is only made otherwise is.
func TestFoldedOnlyAlike(t *testing.T) {
	one, two := Budget{Crashes: 1, Duplicates: 1}, Budget{Crashes: 2, Duplicates: 1}
	for _, x := range []struct {
		name   string
		budget Budget
		last   func(core.Setup) (core.Machine, error)
		folds  bool
	}{
		{"the same", one, withClaims(false, false), true}, {"the same, twice", two, withClaims(false, false), true}, {"steps", one, muted, false},
		{"answers", one, forgetful, false}, {"spent", one, withClaims(true, false), false}, {"supersedes", two, withClaims(false, true), false},
	} {
		w := walked(t, Config{Protocol: "quorum", World: 5, Budget: x.budget, Make: uneven(withClaims(false, false), x.last)})
		if alike := w.sym.broken == ""; alike != x.folds {
			t.Errorf("%s: alike %v: %q", x.name, alike, w.sym.broken)
		}
	}
}

// walked takes steps of a group with its last two nodes folded, until one of these leads a ballot, or they differ.
func walked(t *testing.T, c Config) *world {
	t.Helper()
	c.LinkTails = true
	make1, err := newWorlds(&c)
	if err != nil {
		t.Fatal(err)
	}
	w := make1()
	w.fold(c.World-2, func() {})
	seen := map[State]bool{w.initial: true}
	queue := []State{w.initial}
	for at := 0; at < len(queue) && at < 20_000 && w.sym.broken == ""; at++ {
		for _, next := range w.Successors(&queue[at], nil) {
			if !seen[next.State] && !w.leads(&next.State, c.World-2) {
				seen[next.State] = true
				queue = append(queue, next.State)
			}
		}
	}
	return w
}

// leads tells whether a question or a proposal of a node, or of one after it, is in flight, which is so after each.
func (w *world) leads(s *State, first int) bool {
	for i := first; i < w.cfg.World; i++ {
		for _, number := range w.boxes.at(s.boxes[i]).of {
			if k := w.mails.at(number).of.msg.Kind; k == core.Prepare || k == core.Agreement {
				return true
			}
		}
	}
	return false
}

// TestHeld: a verdict, or a lowered part, that is another under other names ends the folding.
func TestHeld(t *testing.T) {
	w := walked(t, Config{Protocol: "quorum", World: 4, Budget: Budget{Crashes: 1}})
	last := w.verdicts.count.Load() - 1
	by := w.verdicts.at(last).of.by
	if w.holdVerdict(last, func(r int) uint32 { return w.renamedVerdict(r, last) }); w.sym.broken != "" {
		t.Fatalf("%s, of what came by %d", w.sym.broken, by.how)
	}
	if w.holdVerdict(last, func(int) uint32 { return 0 }); w.sym.broken == "" {
		t.Error("another verdict is taken for the same")
	}
	w.sym.broken = ""
	cell, l := w.initial.cells[2], lowering{from: 1, by: 1}
	if w.holdLowered(cell, w.lowerCell(cell, l), l, w.renamedCell, w.lowerCell); w.sym.broken != "" {
		t.Fatal(w.sym.broken)
	}
	if w.holdLowered(cell, w.initial.cells[0], l, w.renamedCell, w.lowerCell); w.sym.broken == "" {
		t.Error("another cell is taken for the lowered one")
	}
}
