package seeds_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"nexarsim/internal/seeds"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]uint64{
		"1": 1, "1000": 1000, "5,7": 2, "1..9": 9, "7..7": 1, "007": 7, "18446744073709551615": 18446744073709551615,
		"18446744073709551615..18446744073709551615": 1, strings.Repeat("a", 40): seeds.PerCommit, strings.Repeat("1", 40): seeds.PerCommit,
	} {
		set, err := seeds.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if set.Len() != want || set.Sim().Len() != want {
			t.Errorf("%s: %d seeds, %d for a sweep, want %d", text, set.Len(), set.Sim().Len(), want)
		}
		again, err := seeds.Parse(set.String())
		if err != nil || again.Len() != want || again.String() != set.String() {
			t.Errorf("%s: is told as %s, which is %d seeds, %v", text, set, again.Len(), err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "no seeds",
		"0":                           "there is no seed 0",
		"-3":                          "a negative seed",
		"9..1":                        "a range that runs backwards",
		"0..4":                        "there is no seed 0",
		"1..0":                        "there is no seed 0",
		"1..":                         `expected a seed, found ""`,
		"..4":                         `expected a seed, found ""`,
		"1...4":                       `expected a seed, found ".4"`,
		"5,":                          `expected a seed, found ""`,
		"5,5":                         "seed 5 is listed twice",
		"5,0":                         "there is no seed 0",
		"1..3,7":                      `expected a seed, found "1..3"`,
		"1e3":                         `expected a seed, found "1e3"`,
		"+4":                          `expected a seed, found "+4"`,
		" 4":                          `expected a seed, found " 4"`,
		"0x10":                        `expected a seed, found "0x10"`,
		"18446744073709551616":        "18446744073709551616 is beyond 2^64-1",
		strings.Repeat("a", 39):       "expected a seed",
		strings.Repeat("1,", 200_000): "a list of more than",
	} {
		_, err := seeds.Parse(text)
		var e *seeds.Error
		if !errors.As(err, &e) || !strings.Contains(e.Msg, want) || e.Hint == "" || len(e.Error()) > 300 {
			t.Errorf("%.40s: got %v, want %s and a hint", text, err, want)
		}
	}
}

// TestCommit: the seeds of a commit are the same forever, none is 0, none comes twice.
func TestCommit(t *testing.T) {
	set, err := seeds.Parse("0123456789abcdef0123456789abcdef01234567")
	if err != nil {
		t.Fatal(err)
	}
	all := list(t, set)
	if all[0] != 15524182844764083544 {
		t.Errorf("first seed %d", all[0])
	}
	seen := map[uint64]bool{0: true}
	for _, n := range all {
		if seen[n] {
			t.Errorf("seed %d twice, or 0", n)
		}
		seen[n] = true
		if got, err := seeds.One(fmt.Sprint(n)); got != n || err != nil {
			t.Errorf("seed %d is not taken alone: %v", n, err)
		}
	}
	other, err := seeds.Parse("1123456789abcdef0123456789abcdef01234567")
	if err != nil || list(t, other)[0] == all[0] {
		t.Errorf("another commit has the same seeds: %v", err)
	}
}

// list gives all seeds of a small set, by asking for parts of one.
func list(t *testing.T, set seeds.Set) []uint64 {
	t.Helper()
	var all []uint64
	for i := range set.Len() {
		part := set.Part(i, set.Len())
		seed, ok := part.Common(part)
		if !ok || part.Len() != 1 {
			t.Fatalf("part %d has %d seeds", i, part.Len())
		}
		all = append(all, seed)
	}
	return all
}

// TestCommon compares with the naive way on small sets.
func TestCommon(t *testing.T) {
	texts := []string{"1..12", "3..9", "5..30", "11..11", "7,3,25,1", "30..60", "18446744073709551600..18446744073709551615"}
	for _, a := range texts {
		for _, b := range texts {
			for _, steps := range [][4]uint64{{0, 1, 0, 1}, {1, 2, 0, 2}, {1, 3, 2, 5}, {0, 6, 3, 4}, {2, 4, 0, 6}, {5, 7, 1, 7}, {3, 10, 9, 11}} {
				x, y := parse(t, a), parse(t, b)
				p, q := x.Part(steps[0], steps[1]), y.Part(steps[2], steps[3])
				want := naive(t, x, steps[0], steps[1], y, steps[2], steps[3])
				seed, got := p.Common(q)
				if got != want {
					t.Errorf("%s by %v and %s: got %v (seed %d), want %v", a, steps, b, got, seed, want)
				}
			}
		}
	}
}

func parse(t *testing.T, text string) seeds.Set {
	t.Helper()
	set, err := seeds.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func naive(t *testing.T, x seeds.Set, skipX, stepX uint64, y seeds.Set, skipY, stepY uint64) bool {
	t.Helper()
	in := map[uint64]bool{}
	for i, seed := range list(t, x) {
		if uint64(i) >= skipX && (uint64(i)-skipX)%stepX == 0 {
			in[seed] = true
		}
	}
	for i, seed := range list(t, y) {
		if in[seed] && uint64(i) >= skipY && (uint64(i)-skipY)%stepY == 0 {
			return true
		}
	}
	return false
}

// TestCommonIsQuick: with steps as large as they come, nothing is searched for.
func TestCommonIsQuick(t *testing.T) {
	x, y := seeds.Range(1, 1<<63), seeds.Range(17, 1<<63)
	p, q := x.Part(999_983, 999_999), y.Part(12, 1_000_000)
	for range 1000 {
		if _, ok := p.Common(q); !ok {
			t.Fatal("coprime steps over 2^63 seeds do not meet")
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"1", "5,7", "1..9", "0", "9..1", "0123456789abcdef0123456789abcdef01234567", "18446744073709551616"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := seeds.Parse(text)
		if err != nil {
			var e *seeds.Error
			if !errors.As(err, &e) || e.Msg == "" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if set.Len() == 0 {
			t.Errorf("%q: no seeds", text)
		}
	})
}

func Example() {
	set, err := seeds.Parse("1..9")
	fmt.Println(set.Len(), set, err)
	_, err = seeds.Parse("9..1")
	fmt.Println(err)
	// Output:
	// 9 1..9 <nil>
	// "9..1": a range that runs backwards
}
