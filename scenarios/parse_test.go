package scenarios_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/scenarios"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing them")

// TestBadFiles compares what is said about each malformed file with its golden text. The last line of a golden text
// tells whether the schema sees the mistake as well: what the schema refuses, the decoder must refuse.
func TestBadFiles(t *testing.T) {
	accepts := compiledSchema(t)
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d malformed files (%v), want at least 60", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", complaints(t, filepath.Base(file), data)+schemaSays(accepts(data)))
		})
	}
}

// complaints gives the decoder's errors as text.
func complaints(t *testing.T, name string, data []byte) string {
	t.Helper()
	_, err := scenarios.Parse(name, data)
	var all scenarios.Errors
	if !errors.As(err, &all) {
		t.Fatalf("Parse gave %v (%T), want Errors", err, err)
	}
	for _, e := range all {
		if e.Line == 0 && len(all) <= 100 {
			t.Errorf("no place: %v", e)
		}
	}
	return all.Detail()
}

// schemaSays tells whether the schema refuses a file.
func schemaSays(err error) string {
	if err == nil {
		return "schema: accepted\n"
	}
	return "schema: refused\n"
}

// golden compares a text with a file, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", file, diff)
	}
}

// TestErrorText shows the three texts of a complaint.
func TestErrorText(t *testing.T) {
	_, err := scenarios.Parse("split.yaml", []byte("name: split\nworld: 5\nfaults:\n  - {at: 1s, partiton: [[0], [1]]}\n"))
	const line = "split.yaml:4:14: faults[0].partiton: unknown field"
	if err == nil || err.Error() != line {
		t.Fatalf("got %v, want %s", err, line)
	}
	var one *scenarios.Error
	if !errors.As(err, &one) {
		t.Fatalf("no *Error in %T", err)
	}
	want := line + "\n      - {at: 1s, partiton: [[0], [1]]}\n                 ^\n" +
		"hint: did you mean \"partition\"? `nexarsim scenarios schema` lists all fields\n"
	if diff := cmp.Diff(want, one.Detail()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestParseFile reads a file, and tells what is wrong with one that cannot be read.
func TestParseFile(t *testing.T) {
	dir := t.TempDir()
	good, large := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "large.yaml")
	write := func(file string, data []byte) {
		if err := os.WriteFile(file, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(good, scenarios.Source("leader-dies"))
	write(large, bytes.Repeat([]byte("#\n"), scenarios.MaxFileSize/2+1))
	if s, err := scenarios.ParseFile(good); err != nil || s.Name != "leader-dies" {
		t.Errorf("got %v, %v", s, err)
	}
	if _, err := scenarios.ParseFile(large); err == nil || err.Error() != large+": larger than 16 MiB" {
		t.Errorf("too large: %v", err)
	}
	if _, err := scenarios.ParseFile(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
	if _, err := scenarios.ParseFile(dir); err == nil {
		t.Error("a directory was read")
	}
}

// FuzzParse: no text makes Parse panic, complaints have places within the file, and what is accepted round-trips.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "builtin/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := scenarios.Parse("fuzz.yaml", data)
		if err == nil {
			checkRoundTrip(t, withoutLines(s))
			scenarios.Lint(s)
			return
		}
		for _, e := range err.(scenarios.Errors) {
			if e.Msg == "" || e.Line > 0 && e.Col < 1 || len(e.Detail()) > 10_000 {
				t.Errorf("bad complaint: %+v", e)
			}
		}
	})
}

// ExampleParse reads a scenario that has two mistakes.
func ExampleParse() {
	_, err := scenarios.Parse("mine.yaml", []byte("name: mine\nworld: 3\nfaults:\n  - {at: 10, crash: [3]}\n"))
	fmt.Println(err)
	// Output:
	// mine.yaml:4:10: faults[0].at: expected a duration such as 500ms or 2m, found the number 10
	// mine.yaml:4:22: faults[0].crash[0]: node 3 does not exist: nodes are 0 to 2
}
