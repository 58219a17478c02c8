package planted

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the module's root.
const root = "../.."

// seeds is how many seeds of each built-in scenario the sweep gets, unless a bug wants more: a tenth of what the main job does.
const seeds = "10"

func TestPlanted(t *testing.T) {
	some := slices.Concat(bugs, commBugs)
	if testing.Short() {
		some = some[:1] // each builds the program anew
	}
	for i, b := range some {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			found(t, b, i%toldEvery == 0)
		})
	}
}

// toldEvery is how many bugs there are for each whose sweep is also made as a user makes it, with its text and its capsules.
const toldEvery = 5

// found builds the program with the defect and follows a finding to its end.
func found(t *testing.T, b bug, asText bool) {
	dir := t.TempDir()
	program := build(t, b, dir)
	sweep := append([]string{"sweep", "--seeds", cmp.Or(b.seeds, seeds), "--protocol", "quorum,fail-stop"}, b.scenarios...)
	if asText {
		foundInText(t, b, program, dir, sweep)
	}
	again := command(t, program, append(sweep, "--json")...)
	if again.code != 1 && again.code != 4 {
		t.Fatalf("sweep: exit %d, want 1 or 4\n%s%s", again.code, tail(again.stdout), again.stderr)
	}
	finding := pick(t, again.stdout, b.property)
	d := follow(t, program, dir, []string{"run", finding.Scenario, "--seed", finding.Seed, "--protocol", finding.Protocol, "--no-expect"})
	if !d.has(b.property) || d.Steps != finding.Steps {
		t.Errorf("run shows %v in %d steps, the sweep had %s in %d", d.properties(), d.Steps, b.property, finding.Steps)
	}
	t.Logf("%s: %d findings, shortest in %s %s seed %s, %d steps", b.property, finding.Count, finding.Scenario, finding.Protocol, finding.Seed, finding.Steps)
}

// foundInText makes the sweep as a user does, and follows the command in its last line.
func foundInText(t *testing.T, b bug, program, dir string, sweep []string) {
	t.Helper()
	told := slices.Clone(sweep)
	if b.scenarios == nil {
		told = append(told, "--out", filepath.Join(dir, "out")) // and shrinks what it finds
	}
	swept := command(t, program, told...)
	if swept.code != 1 && swept.code != 4 {
		t.Fatalf("sweep: exit %d, want 1 or 4\n%s%s", swept.code, tail(swept.stdout), swept.stderr)
	}
	reproduce := lastLine(swept.stdout)
	if !strings.HasPrefix(reproduce, "nexarsim run ") {
		t.Fatalf("last line %q, want a command that reproduces a failure", reproduce)
	}
	if d := follow(t, program, dir, strings.Fields(reproduce)[1:]); len(d.Violations) == 0 {
		t.Errorf("%s: no violation", reproduce)
	}
}

// follow makes a failing run twice, the second time with its trace, and has the trace judged: digest, properties and exit
// code are the same each time.
func follow(t *testing.T, program, dir string, args []string) runDocument {
	t.Helper()
	first := command(t, program, append(slices.Clone(args), "--json")...)
	if first.code != 1 && first.code != 4 {
		t.Fatalf("%v: exit %d, want 1 or 4\n%s", args, first.code, first.stderr)
	}
	trace := filepath.Join(dir, "trace.jsonl")
	second := command(t, program, append(slices.Clone(args), "--json", "--trace", trace)...)
	judged := command(t, program, "check", trace, "--json")
	want := document(t, first.stdout)
	for _, o := range []outcome{second, judged} {
		got := document(t, o.stdout)
		if got.Digest != want.Digest || want.Digest == "" || o.code != first.code || !slices.Equal(got.properties(), want.properties()) {
			t.Errorf("%v: digest %q, exit %d, %v; again: %q, %d, %v", args, want.Digest, first.code, want.properties(), got.Digest, o.code, got.properties())
		}
	}
	return want
}

// TestPlantedTalk builds the test in which applications talk with a defect, and it must find it, call it by its property,
// and show the same again.
func TestPlantedTalk(t *testing.T) {
	some := talkBugs
	if testing.Short() {
		some = some[:1]
	}
	for _, b := range some {
		t.Run(b.name, func(t *testing.T) {
			dir := t.TempDir()
			program := filepath.Join(dir, "talk.test")
			compile(t, "test", "-c", "-overlay", overlay(t, b, dir), "-o", program, "./sim")
			var told [2][]string
			for i := range told {
				out := command(t, program, "-test.run=^TestTalk$")
				if out.code != 1 {
					t.Fatalf("exit %d, want 1\n%s%s", out.code, tail(out.stdout), out.stderr)
				}
				for _, line := range strings.Split(out.stdout, "\n") {
					if _, what, ok := strings.Cut(line, " digest "); ok {
						told[i] = append(told[i], what)
					}
				}
			}
			named := slices.ContainsFunc(told[0], func(line string) bool { return strings.Contains(line, ": "+b.property+" at ") })
			if !named || !slices.Equal(told[0], told[1]) {
				t.Errorf("want %s, twice the same:\n%s\nand again:\n%s", b.property, strings.Join(told[0], "\n"), strings.Join(told[1], "\n"))
			}
			t.Logf("%d findings told, the first: %s", len(told[0]), told[0][0])
		})
	}
}

// build makes the program with the defect in place of the source that it replaces.
func build(t *testing.T, b bug, dir string) string {
	t.Helper()
	program := filepath.Join(dir, "nexarsim")
	compile(t, "build", "-overlay", overlay(t, b, dir), "-o", program, "./cmd/nexarsim")
	return program
}

// compile runs the go command at the module's root.
func compile(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build with the defect: %v\n%s", err, out)
	}
}

// overlay writes the file that puts the defect in place of the source that it replaces.
func overlay(t *testing.T, b bug, dir string) string {
	t.Helper()
	name, err := Overlay(root, dir, []Edit{{b.file, b.old, b.new}})
	if err != nil {
		t.Fatal(err)
	}
	return name
}

type outcome struct {
	stdout, stderr string
	code           int
}

func command(t *testing.T, program string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// finding is one entry of a sweep's violations.
type finding struct {
	Scenario, Protocol, Seed, Property string
	Steps, Count                       uint64
	Expected                           bool
}

// pick is the shortest unexpected finding of a property.
func pick(t *testing.T, text, property string) finding {
	t.Helper()
	var doc struct{ Violations []finding }
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("sweep --json: %v\n%s", err, tail(text))
	}
	var best *finding
	seen := map[string]uint64{}
	for i := range doc.Violations {
		f := &doc.Violations[i]
		if f.Expected {
			continue
		}
		seen[f.Property] += f.Count
		if f.Property == property && (best == nil || f.Steps < best.Steps) {
			best = f
		}
	}
	if best == nil {
		t.Fatalf("the sweep did not find %s, but %v", property, seen)
	}
	return *best
}

// runDocument is what run and check print with --json.
type runDocument struct {
	Digest     string
	Steps      uint64
	Violations []struct{ Property string }
}

func document(t *testing.T, text string) runDocument {
	t.Helper()
	var d runDocument
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("--json: %v\n%s", err, tail(text))
	}
	return d
}

func (d runDocument) has(property string) bool { return slices.Contains(d.properties(), property) }

func (d runDocument) properties() []string {
	var names []string
	for _, v := range d.Violations {
		if !slices.Contains(names, v.Property) {
			names = append(names, v.Property)
		}
	}
	slices.Sort(names)
	return names
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func tail(text string) string {
	if len(text) > 2000 {
		return "..." + text[len(text)-2000:]
	}
	return text
}
