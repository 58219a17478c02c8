package corpus

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSearches makes the cheap rows of the ladder again.
func TestSearches(t *testing.T) {
	all, err := ReadExplored(searched)
	if err != nil {
		t.Fatal(err)
	}
	rows := Searches()
	if len(all) != len(rows) {
		t.Fatalf("%d searches in %s, expected %d: make ladder", len(all), searched, len(rows))
	}
	for i := range rows {
		e := rows[i]
		if !e.Cheap() {
			continue
		}
		if err := e.Search(context.Background(), 2); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(all[i], e); diff != "" {
			t.Errorf("%s has another search (-kept +made; make ladder writes it anew):\n%s", searched, diff)
		}
	}
}

// TestRungs holds the ladder to what each rung repairs, and to what it leaves.
func TestRungs(t *testing.T) {
	all, err := ReadExplored(searched)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		e := &all[i]
		rung := slices.Index(ladder(), e.Protocol)
		if !e.Complete {
			t.Errorf("%s, %d nodes, %s: not complete", e.Protocol, e.World, crashes(e.Crashes))
		}
		for _, p := range wanted(e, rung) {
			if e.Shows(p) == nil {
				t.Errorf("%s, %d nodes, %s: no schedule breaks %s", e.Protocol, e.World, crashes(e.Crashes), p)
			}
		}
		for _, p := range unwanted(e, rung) {
			if s := e.Shows(p); s != nil {
				t.Errorf("%s, %d nodes, %s: %s: %s", e.Protocol, e.World, crashes(e.Crashes), p, s.Why)
			}
		}
		if second := e.World > 2 && (e.Crashes == 2 || rung == 0); e.Deaf != (second && rung < 2) {
			t.Errorf("%s, %d nodes, %s: a communicator that cannot receive: %v", e.Protocol, e.World, crashes(e.Crashes), e.Deaf)
		}
	}
}

var everything = []string{"agreement", "comm-id", "ranks", "validity", "history", "isolation", "eviction", "quorum-loss", "recovery", "livelock"}

// wanted is what a rung's defects must show.
func wanted(e *Explored, rung int) []string {
	switch {
	case e.Crashes == 1 && rung == 0 && e.World == 3:
		return []string{"validity", "recovery"}
	case e.Crashes == 1 && rung == 0:
		return []string{"recovery"}
	case e.Crashes == 1:
		return nil
	case e.World == 4 && rung < 4:
		return []string{"agreement", "recovery", "validity", "isolation"}
	case rung < 3:
		return []string{"agreement", "recovery", "validity"}
	}
	return []string{"agreement", "recovery"}
}

// unwanted is what it must not show any more.
func unwanted(e *Explored, rung int) []string {
	switch {
	case rung == 0:
		return nil
	case e.Crashes == 1:
		return everything
	case rung == 4:
		return []string{"comm-id", "ranks", "validity", "history", "isolation", "eviction", "livelock"}
	case rung == 3 && e.World == 3:
		return []string{"validity", "history", "isolation", "livelock"}
	}
	return []string{"livelock"}
}
