package planted

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/explore.md")

const (
	kept = root + "/testdata/hunt.json"
	page = root + "/docs/explore.md"
)

// TestHuntKept: the hunt that is kept is of the defects that there are, each can be planted, and the page shows it.
func TestHuntKept(t *testing.T) {
	all, err := ReadHunts(kept)
	if err != nil {
		t.Fatal(err)
	}
	defects := Hunted()
	if len(all) != len(defects) {
		t.Fatalf("%d defects in %s, expected %d: make hunt", len(all), kept, len(defects))
	}
	rare := 0
	for i := range defects {
		d, h := &defects[i], &all[i]
		if h.Name != d.Name || h.Edits != d.Hash() {
			t.Errorf("%s has %s with edits %s, expected %s with %s: make hunt", kept, h.Name, h.Edits, d.Name, d.Hash())
		}
		if _, err := changed(root, d.Edits); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
		if h.Explored == nil || h.Explored.Property == "" || h.Explored.Seconds > 60 {
			t.Errorf("%s: %+v: expected a finding in under a minute", d.Name, h.Explored)
		}
		if h.Random != nil && h.Random.Runs == SweepRuns && 1000*h.Random.Shown < h.Random.Runs {
			rare++
		}
	}
	if rare < rareAtLeast {
		t.Errorf("%d defects show in fewer than one of 1,000 random runs, expected at least %d", rare, rareAtLeast)
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Splice(have, all)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, want, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s has another table than %s: go test ./internal/planted -run Hunt -update", page, kept)
	}
}

// rareAtLeast is how many of the defects random runs must nearly miss, or the hunt compares nothing.
const rareAtLeast = 6

// TestHuntAgain: searches that are kept are made again and come to the same.
func TestHuntAgain(t *testing.T) {
	all, err := ReadHunts(kept)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"rounds-rise-by-time", "first-accepted-wins"} {
		t.Run(name, func(t *testing.T) { huntAgain(t, all, name) })
	}
}

func huntAgain(t *testing.T, all []Hunt, name string) {
	t.Helper()
	defects := Hunted()
	d := &defects[slices.IndexFunc(defects, func(d Defect) bool { return d.Name == name })]
	program, err := Build(t.Context(), root, t.TempDir(), d.Edits, "./internal/planted/hunt")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "-measure", name, "explored", "0").Output()
	if err != nil {
		t.Fatal(err)
	}
	var h Hunt
	if err := json.Unmarshal(out, &h); err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all, func(h Hunt) bool { return h.Name == name })
	want := *all[at].Explored
	want.Seconds = 0
	if *h.Explored != want {
		t.Errorf("%+v, expected %+v: make hunt", *h.Explored, want)
	}
}

// TestSweepsAdd: a sweep made in pieces is the sum of them, and its first finding is that of the first piece with one.
func TestSweepsAdd(t *testing.T) {
	var h Hunt
	for _, s := range []Sweep{
		{Scenarios: 3, Runs: 10},
		{Scenarios: 3, Runs: 10, Shown: 2, First: 14, Broken: []Count{{"agreement", 2}}},
		{Scenarios: 3, Runs: 10, Shown: 1, First: 21, Broken: []Count{{"agreement", 1}, {"recovery", 1}}},
	} {
		h.Take(&Hunt{Random: &s}, 0)
	}
	want := Sweep{Scenarios: 3, Runs: 30, Shown: 3, First: 14, Broken: []Count{{"agreement", 3}, {"recovery", 1}}}
	if got := *h.Random; got.Runs != want.Runs || got.Shown != want.Shown || got.First != want.First || !slices.Equal(got.Broken, want.Broken) {
		t.Errorf("%+v, expected %+v", got, want)
	}
	if runs, complete := h.Runs("random"); runs != 30 || complete {
		t.Errorf("%d runs, complete %v", runs, complete)
	}
}

// TestBuildRefuses: an edit that has no place is an error that says so.
func TestBuildRefuses(t *testing.T) {
	for _, e := range []Edit{{"core/ids.go", "no such text", ""}, {"core/ids.go", "return", ""}, {filepath.Join("core", "no.go"), "a", ""}} {
		if _, err := Build(t.Context(), root, t.TempDir(), []Edit{e}, "./core"); err == nil {
			t.Errorf("%+v: no error", e)
		}
	}
}
