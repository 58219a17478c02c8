package house

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "nexarsim"

// theModule is this module, read once.
var theModule = sync.OnceValues(func() (*tree, error) { return readTree(filepath.Join("..", ".."), module) })

func readModule(t *testing.T) *tree {
	t.Helper()
	tree, err := theModule()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func report(t *testing.T, found []finding) {
	t.Helper()
	for _, f := range found {
		t.Error(f)
	}
}

// TestTable holds the imports table to itself: what it names is a row, once.
func TestTable(t *testing.T) {
	rows := map[string]int{}
	for _, r := range table {
		rows[r.pkg]++
	}
	named := slices.Collect(maps.Keys(rows))
	for _, r := range table {
		if !slices.Equal(r.module, everything) {
			named = append(named, r.module...)
		}
	}
	for _, e := range exempt {
		named = append(named, e.pkg)
	}
	for _, name := range named {
		if rows[name] != 1 {
			t.Errorf("package %s has %d rows, want 1", name, rows[name])
		}
	}
}

func TestCode(t *testing.T) {
	tree := readModule(t)
	for _, rule := range codeRules {
		t.Run(rule.name, func(t *testing.T) { report(t, rule.look(tree)) })
	}
}

func TestText(t *testing.T) {
	tree := readModule(t)
	for _, rule := range textRules {
		t.Run(rule.name, func(t *testing.T) {
			for _, name := range slices.Sorted(maps.Keys(tree.files)) {
				report(t, rule.look(name, tree.files[name]))
			}
		})
	}
}

func TestVet(t *testing.T) {
	vet := exec.Command("go", "vet", "./...")
	vet.Dir = readModule(t).root
	if out, err := vet.CombinedOutput(); err != nil {
		t.Errorf("go vet ./...: %v\n%s", err, out)
	}
}

// documents are the files that a reader may rely on.
var documents = []string{
	"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "Makefile", ".ci/run",
	"docs/protocol.md", "docs/results.md", "docs/getting-started.md", "docs/how-it-works.md", "docs/limits.md",
}

func TestDocuments(t *testing.T) {
	tree := readModule(t)
	for _, name := range documents {
		if len(tree.files[name]) == 0 {
			t.Errorf("%s: no such document, or it is empty", name)
		}
	}
	report(t, findDeadLinks(tree.files))
}

// TestREADMECommands keeps the two commands that README promises: one that shows the simulator at work, and the test
// command, which is CI's.
func TestREADMECommands(t *testing.T) {
	tree := readModule(t)
	const sweep, test = "go run ./cmd/nexarsim sweep --seeds 100 --protocol quorum,fail-stop", "go test -timeout 20m ./..."
	for name, lines := range map[string][]string{"README.md": {sweep, test}, ".ci/run": {test}} {
		have := strings.Split(string(tree.files[name]), "\n")
		for _, line := range lines {
			if !slices.ContainsFunc(have, func(l string) bool { return strings.TrimSpace(l) == line }) {
				t.Errorf("%s: no line says %q", name, line)
			}
		}
	}
	if info, err := os.Stat(filepath.Join(tree.root, ".ci", "run")); err == nil && info.Mode()&0o111 == 0 {
		t.Error(".ci/run: not executable: chmod +x .ci/run")
	}
}

// TestDecisions keeps the decision records numbered without gaps, each with the four parts that it owes.
func TestDecisions(t *testing.T) {
	tree := readModule(t)
	record := regexp.MustCompile(`^docs/adr/(\d{4})-[a-z0-9-]+\.md$`)
	next := 1
	for _, name := range slices.Sorted(maps.Keys(tree.files)) {
		if path.Dir(name) != "docs/adr" {
			continue
		}
		m := record.FindStringSubmatch(name)
		if m == nil {
			t.Errorf("%s: a decision record is called NNNN-title.md", name)
			continue
		}
		if want := fmt.Sprintf("%04d", next); m[1] != want {
			t.Errorf("%s: number %s, the next one is %s", name, m[1], want)
		}
		next++
		for _, part := range []string{"Context", "Decision", "Rejected", "Consequences"} {
			if !strings.Contains(string(tree.files[name]), "\n## "+part+"\n") {
				t.Errorf("%s: no heading %q", name, "## "+part)
			}
		}
	}
}
