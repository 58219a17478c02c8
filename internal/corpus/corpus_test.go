package corpus

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write docs/findings.md and testdata/capsules/README.md")

const (
	dir      = "../../testdata/capsules"
	findings = "../../docs/findings.md"
	searched = "../../testdata/ladder.json"
)

func loaded(t *testing.T) []Entry {
	t.Helper()
	all, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("the corpus is empty")
	}
	for i := range all {
		if err := all[i].Replay(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestPower replays the corpus: no capsule may have lost its power.
func TestPower(t *testing.T) {
	for _, e := range loaded(t) {
		if lost := e.Lost(); lost != "" {
			t.Error(lost)
		}
	}
}

// TestPagesAreCurrent holds the two pages to what the replays say today.
func TestPagesAreCurrent(t *testing.T) {
	all := loaded(t)
	var page, track bytes.Buffer
	searches, err := ReadExplored(searched)
	if err != nil {
		t.Fatal(err)
	}
	Findings(&page, all, searches)
	Track(&track, all)
	for name, want := range map[string][]byte{findings: page.Bytes(), filepath.Join(dir, ReadmeName): track.Bytes()} {
		if *update {
			if err := os.WriteFile(name, want, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(name); err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is not what the capsules say: make findings", name)
		}
	}
}

// TestSmall holds the findings to their size.
func TestSmall(t *testing.T) {
	for _, e := range loaded(t) {
		if n := len(e.Capsule.Decisions); n > 40 {
			t.Errorf("%s: %d decisions, at most 40", e.File, n)
		}
	}
}
