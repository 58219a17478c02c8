package explore

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

var large = flag.Bool("large", false, "hold the large worlds of docs/explore.md to their counts too")

// figuresMost is how many states a world of docs/explore.md has at most that every test run explores.
const figuresMost = 60_000

// tables gives the rows of the tables in docs/explore.md whose first heading begins with a text, cell by cell.
func tables(t *testing.T, heading string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/explore.md")
	if err != nil {
		t.Fatal(err)
	}
	in := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			in = false
		case strings.HasPrefix(line, "| "+heading):
			in = true
		case in && !strings.HasPrefix(line, "|--"):
			var cells []string
			for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
				cells = append(cells, strings.TrimSpace(cell))
			}
			rows = append(rows, cells)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("docs/explore.md has no table that begins with %s", heading)
	}
	return rows
}

// number reads 1,947,641.
func number(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.ReplaceAll(text, ",", ""), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// budgeted reads a world: "quorum, 3", and what the environment may do: "1 early timer, 2 losses".
func budgeted(t *testing.T, world, budget string) (c Config) {
	t.Helper()
	protocol, nodes, _ := strings.Cut(world, ", ")
	c.Protocol, c.World = protocol, int(number(t, strings.TrimSuffix(nodes, " nodes")))
	for part := range strings.SplitSeq(budget, ", ") {
		n, what, _ := strings.Cut(part, " ")
		known := part == ""
		for _, x := range []struct {
			name string
			to   *int
		}{
			{"crash", &c.Crashes}, {"false suspicion", &c.FalseSuspicions}, {"partition", &c.Partitions}, {"early timer", &c.EarlyTimeouts},
			{"loss", &c.Losses}, {"duplicate", &c.Duplicates},
		} {
			if strings.HasPrefix(what, x.name) {
				*x.to, known = int(number(t, n)), true
			}
		}
		if !known {
			t.Fatalf("%s: what is that?", part)
		}
	}
	return c
}

// TestFigures: the counts that docs/explore.md tells are those of today. The large worlds take a minute of processor time.
func TestFigures(t *testing.T) {
	for _, row := range tables(t, "protocol, nodes | crashes") {
		c := budgeted(t, row[0], fmt.Sprintf("%s crashes, %s false suspicions", row[1], row[2]))
		more := budgeted(t, row[0], row[3])
		c.Partitions, c.EarlyTimeouts, c.Losses, c.Duplicates = more.Partitions, more.EarlyTimeouts, more.Losses, more.Duplicates
		figure(t, c, row[4], row[5], row[6])
	}
	for _, row := range tables(t, "protocol, nodes | budget") {
		c := budgeted(t, row[0], row[1])
		c.LinkTails = true
		figure(t, c, row[2], "", "")
		c.Symmetry = true
		figure(t, c, row[4], "", "")
	}
	for _, row := range tables(t, "reduction that is off") {
		c := Config{Protocol: "quorum", World: 3, Budget: Budget{Crashes: 2, FalseSuspicions: 2}}
		plain, known := map[string]Plain{
			"none": {}, "rounds rise": {KeepRounds: true}, "older votes stay": {KeepVotes: true}, "the order of all sends counts": {KeepOrder: true},
			"all beliefs count":                 {KeepBeliefs: true},
			"messages stay that can do nothing": {KeepSpent: true}, "messages stay, and rounds rise": {KeepSpent: true, KeepRounds: true},
		}[row[0]]
		if !known {
			t.Fatalf("%s: which reduction is that?", row[0])
		}
		c.Plain = plain
		figure(t, c, row[1], row[2], row[3])
	}
}

// figure holds a search to its counts. An empty text is held to nothing.
func figure(t *testing.T, c Config, states, transitions, depth string) {
	t.Helper()
	if number(t, states) > figuresMost && !*large {
		return
	}
	name := fmt.Sprintf("%s,%d,%+v,%+v,symmetry %v", c.Protocol, c.World, c.Budget, c.Plain, c.Symmetry)
	r, err := Run(context.Background(), c, Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Complete() || len(r.Violations) > 0 || r.Doubt != "" {
		t.Errorf("%s: complete %v, %d violations, doubt %q", name, r.Complete(), len(r.Violations), r.Doubt)
	}
	for _, x := range []struct {
		told string
		is   uint64
		what string
	}{{states, r.States, "states"}, {transitions, r.Transitions, "transitions"}, {depth, uint64(r.Depth), "steps deep"}} {
		if x.told != "" && number(t, x.told) != x.is {
			t.Errorf("%s: docs/explore.md tells %s %s: it is %d", name, x.told, x.what, x.is)
		}
	}
}

// told holds what docs/explore.md says in words to what is.
func told(t *testing.T, format string, args ...any) {
	t.Helper()
	raw, err := os.ReadFile("../../docs/explore.md")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(format, args...)
	if !strings.Contains(strings.Join(strings.Fields(string(raw)), " "), text) {
		t.Errorf("docs/explore.md does not say %q", text)
	}
}

// grouped writes 1,947,641.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// TestFiguresOfRuns: so are the numbers of random runs.
func TestFiguresOfRuns(t *testing.T) {
	c := Config{Protocol: "fail-stop", World: 3, Budget: Budget{Partitions: 1}}
	r, err := RunPCT(context.Background(), c, PCT{Runs: 1000, Depth: 2, Steps: 100, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	told(t, "of %s runs of fail-stop with three nodes and a partition, depth 2, it says 0.92, and %d show the bug", grouped(r.Chance.Runs), r.Violations[0].States)
	whole := explore(t, c, 2)
	told(t, "fail-stop, three nodes, one partition shows `agreement` in %d steps (%s states)", whole.Violations[0].Steps, grouped(int(whole.States)))
}
