package explore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/sim/explore/search"
)

// What a search keeps of a part is whoever came first of those that have one encoding. So a search is right, and the same
// for any number of workers, only if all of them do the same in whatever follows. Here they are held to it: a few more of
// each part are kept, and given what the first was given.

const twinsKept = 3

// twins is parts that are not the same as the ones that a search keeps, by number.
type twins[T any] struct {
	of    map[uint32][]T
	texts map[uint32][]string
}

func (k *twins[T]) add(number uint32, twin T, text string) {
	if k.of == nil {
		k.of, k.texts = map[uint32][]T{}, map[uint32][]string{}
	}
	if len(k.of[number]) < twinsKept && !slices.Contains(k.texts[number], text) {
		k.of[number], k.texts[number] = append(k.of[number], twin), append(k.texts[number], text)
	}
}

func TestTwinsAct(t *testing.T) {
	beliefs := Plain{KeepBeliefs: true}
	for _, c := range []Config{
		{Protocol: "quorum", World: 2, Budget: Budget{Crashes: 1, FalseSuspicions: 1, Partitions: 1}},
		{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, FalseSuspicions: 1}},
		{Protocol: "quorum", World: 3, Budget: Budget{FalseSuspicions: 2}},
		{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1, EarlyTimeouts: 1}},
		{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1, Losses: 1}},
		{Protocol: "quorum", World: 3, Budget: Budget{Partitions: 1}},
		{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}, Plain: beliefs},
		{Protocol: "fail-stop", World: 4, Budget: Budget{Crashes: 3}},
		{Protocol: "classic", World: 3, Budget: Budget{Crashes: 1}},
		{Protocol: "classic+epoch", World: 3, Budget: Budget{Crashes: 2}},
		{Protocol: "broken", Make: forgetful, World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}, Plain: beliefs},
	} {
		t.Run(fmt.Sprintf("%s,%d,%+v", c.Protocol, c.World, c.Budget), func(t *testing.T) {
			met, differ := compareTwins(t, &c)
			if met == 0 {
				t.Error("no part has a twin")
			}
			for _, text := range differ[:min(len(differ), 3)] {
				t.Error(text)
			}
		})
	}
}

// TestTwinsAct could fail: where nodes disagree, what they believe of each other makes a difference.
func TestTwinsDiffer(t *testing.T) {
	c := Config{Protocol: "broken", Make: forgetful, World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}}
	if _, differ := compareTwins(t, &c); len(differ) == 0 {
		t.Error("all twins do the same")
	}
}

// TestDisagreement: a search starts again when nodes disagree, whatever it is told to keep.
func TestDisagreement(t *testing.T) {
	c := Config{Protocol: "broken", Make: forgetful, World: 3, Budget: Budget{Crashes: 1, FalseSuspicions: 1}}
	r := explore(t, c, 2)
	c.Plain.KeepBeliefs = true
	all := explore(t, c, 1)
	r.Bytes, all.Bytes = 0, 0
	if diff := cmp.Diff(all, r, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Make" }, cmp.Ignore())); diff != "" {
		t.Errorf("(-all +found out):\n%s", diff)
	}
}

// compareTwins says how many parts had twins, and how these differ.
func compareTwins(t *testing.T, c *Config) (met int, differ []string) {
	t.Helper()
	make1, err := newWorlds(c)
	if err != nil {
		t.Fatal(err)
	}
	w := make1()
	var cells twins[*cell]
	var verdicts twins[*verdictOf]
	w.cells.twin = func(number uint32, twin *cell) {
		first := w.cells.at(number).of
		if text := fmt.Sprintf("%+v %+v", twin, twin.m); text != fmt.Sprintf("%+v %+v", first, first.m) {
			cells.add(number, twin, text)
		}
	}
	w.verdicts.twin = func(number uint32, twin *verdictOf) {
		first := w.verdicts.at(number).of
		if text := fmt.Sprintf("%+v", twin.judge); text != fmt.Sprintf("%+v", first.judge) {
			verdicts.add(number, twin, text)
		}
		if twin.broken != first.broken || twin.owed != first.owed || !slices.Equal(twin.owing, first.owing) {
			differ = append(differ, fmt.Sprintf("one verdict, and what it says is %x %x %v and %x %x %v", first.broken, first.owed, first.owing, twin.broken, twin.owed, twin.owing))
		}
	}
	if _, err := search.Run(context.Background(), func() search.System[State] { return w }, search.Options{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	w.cells.twin, w.verdicts.twin = nil, nil
	for number, list := range cells.of {
		first := w.cells.at(number).of
		for _, twin := range list {
			if diff := cmp.Diff(rounds(first), rounds(twin)); diff != "" {
				differ = append(differ, fmt.Sprintf("one cell, and its rounds are (-first +twin):\n%s\n%+v", diff, first.m))
			}
		}
	}
	for i := range w.outcomes {
		o := w.outcomes[i]
		for _, twin := range cells.of[o.from] {
			if text := w.otherwise(&o, twin); text != "" {
				differ = append(differ, fmt.Sprintf("given %x: %s\nfirst: %+v\ntwin: %+v", o.in, text, w.cells.at(o.from).of.m, twin.m))
			}
		}
		if !o.visible {
			continue
		}
		for verdict, list := range verdicts.of {
			want, ok := w.judged.get(pair(verdict, o.lines))
			for _, twin := range list {
				if !ok {
					break
				}
				if got := w.judgeTwin(twin, &o); got != want {
					differ = append(differ, fmt.Sprintf("shown %x of %+v:\n(-first +twin):\n%s", o.in, w.cells.at(o.from).of, cmp.Diff(words(w.verdicts.at(verdict).of), words(twin))))
				}
			}
		}
	}
	return min(len(cells.of), len(verdicts.of)), differ
}

// rounds gives all that Rounds tells.
func rounds(c *cell) (all []uint32) {
	if x, ok := c.m.(ranger); ok {
		promised, in := x.Rounds(func(r uint32) { all = append(all, r) })
		slices.Sort(all)
		all = append(slices.Compact(all), promised, uint32(bit(in)))
	}
	return all
}

func words(v *verdictOf) []string { return strings.Fields(fmt.Sprintf("%+v", v.judge)) }

// judgeTwin shows a judge what it was not shown.
func (w *world) judgeTwin(twin *verdictOf, o *outcome) uint32 {
	w.judge.CopyFrom(twin.judge)
	w.now = twin.steps + 1
	w.show(o.lines)
	return w.numberVerdict(w.judge, origin{})
}

// otherwise says what a twin of a cell does otherwise.
func (w *world) otherwise(o *outcome, twin *cell) string {
	after := *twin
	after.wakes, after.answers = slices.Clone(twin.wakes), slices.Clone(twin.answers)
	got := outcome{from: o.from, in: o.in}
	w.finish(&after, &got)
	switch {
	case got.cell != o.cell:
		return "another cell"
	case !slices.Equal(got.sends, o.sends), !slices.Equal(got.asks, o.asks):
		return "other messages"
	case got.seen != o.seen, got.visible != o.visible, got.progress != o.progress:
		return "is seen otherwise"
	}
	return ""
}
