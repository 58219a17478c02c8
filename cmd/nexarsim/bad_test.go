package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What a command may use before it refuses its input.
const (
	badTime   = 5 * time.Second // of a processor: how long it takes beside other work says nothing
	badMemory = 256 << 20
)

// badCase is a command line, and a file that it reads, which has to be refused with exit code 2.
type badCase struct {
	name string
	args string // with blanks between them; FILE stands for the file
	file string // its name
	text string
	make func() []byte // instead of text, for what is too large to be kept
	long bool          // 100 MiB of zeros follow the text, without a line end
}

// TestBad refuses malformed input of every sort: exit code 2, a message that names the place, nothing on standard
// output, in bounded time and memory.
func TestBad(t *testing.T) {
	var cases []badCase
	for _, more := range [][]badCase{badArguments, badScenarios, badTraces, badDocuments, badCapsules} {
		cases = append(cases, more...)
	}
	if len(cases) < 60 {
		t.Errorf("%d cases, want at least 60", len(cases))
	}
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.name] {
			t.Errorf("%s: twice", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t)
		})
	}
}

func (c *badCase) test(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"directory", "plain"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if c.file != "" {
		text := []byte(c.text)
		if c.make != nil {
			text = c.make()
		}
		name := filepath.Join(dir, c.file)
		if err := os.WriteFile(name, text, 0o666); err != nil {
			t.Fatal(err)
		}
		if c.long {
			if err := os.Truncate(name, 100*mega); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := c.start(t, dir)
	golden := filepath.Join("testdata", "bad", c.name+".txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// start runs the command and gives what it said, as the golden has it.
func (c *badCase) start(t *testing.T, dir string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 12*badTime)
	defer cancel()
	args := strings.Fields(strings.ReplaceAll(c.args, "FILE", c.file))
	cmd := exec.CommandContext(ctx, "nexarsim", args...)
	cmd.Dir = dir
	peak := filepath.Join(t.TempDir(), "peak")
	cmd.Env = append(os.Environ(), peakFile+"="+peak)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); took > badTime {
		t.Errorf("took %v, at most %v allowed", took, badTime)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("ended with %v, want exit status 2\n%s", err, stderr.String())
	}
	if stdout.Len() > 0 {
		t.Errorf("wrote to standard output: %.200q", stdout.String())
	}
	checkPeak(t, peak)
	if stderr.Len() > 10_000 {
		t.Errorf("a message of %d bytes", stderr.Len())
	}
	return fmt.Sprintf("$ nexarsim %s\n%s", strings.Join(shown(args), " "), stderr.String())
}

// shown shortens what is too long to be kept.
func shown(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if len(a) > 200 {
			a = a[:200] + "..."
		}
		out[i] = a
	}
	return out
}

var peakLine = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// checkPeak holds the most memory that a process had to the limit.
func checkPeak(t *testing.T, name string) {
	t.Helper()
	if runtime.GOOS != "linux" || raceDetector {
		return
	}
	status, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m := peakLine.FindSubmatch(status)
	if m == nil {
		t.Fatalf("no peak in %s", status)
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	if kib<<10 > badMemory {
		t.Errorf("had %d MiB, at most %d allowed", kib>>10, badMemory>>20)
	}
}

const mega = 1 << 20

// repeat gives a text many times over, between two others.
func repeat(before, text string, times int, after string) func() []byte {
	return func() []byte {
		return append(append([]byte(before), bytes.Repeat([]byte(text), times)...), after...)
	}
}

var badArguments = []badCase{
	{name: "arg-command-misspelt", args: "swep --seeds 3"},
	{name: "arg-command-absent", args: "worker --quick"},
	{name: "arg-validate-part", args: "validate --quick swep"},
	{name: "arg-validate-part-twice", args: "validate sweep sweep"},
	{name: "arg-flag-before-command", args: "--json run leader-dies"},
	{name: "arg-flag-misspelt", args: "run leader-dies --protcol quorum"},
	{name: "arg-flag-short", args: "run leader-dies -q"},
	{name: "arg-flag-without-value", args: "run leader-dies --trace"},
	{name: "arg-flag-not-bool", args: "run leader-dies --json=perhaps"},
	{name: "arg-seed-zero", args: "run leader-dies --seed 0"},
	{name: "arg-seed-negative", args: "run leader-dies --seed -7"},
	{name: "arg-seed-beyond", args: "run leader-dies --seed 18446744073709551616"},
	{name: "arg-seed-fraction", args: "run leader-dies --seed 1.5"},
	{name: "arg-seed-nan", args: "run leader-dies --seed NaN"},
	{name: "arg-seed-exponent", args: "run leader-dies --seed 1e309"},
	{name: "arg-seed-empty", args: "run leader-dies --seed="},
	{name: "arg-seed-range", args: "run leader-dies --seed 1..5"},
	{name: "arg-protocol-misspelt", args: "run leader-dies --protocol qorum"},
	{name: "arg-protocol-empty", args: "sweep leader-dies --protocol quorum,,fail-stop"},
	{name: "arg-protocol-twice", args: "sweep leader-dies --protocol quorum,quorum"},
	{name: "arg-scenario-none", args: "run"},
	{name: "arg-scenario-misspelt", args: "run leader-dise"},
	{name: "arg-scenario-two", args: "run leader-dies follower-dies"},
	{name: "arg-scenario-directory", args: "run directory"},
	{name: "arg-scenario-no-file", args: "run mine.yaml"},
	{name: "arg-scenario-twice", args: "sweep leader-dies leader-dies"},
	{name: "arg-trace-no-directory", args: "run leader-dies --trace nowhere/run.jsonl"},
	{name: "arg-trace-directory", args: "run leader-dies --trace directory"},
	{name: "arg-inputs-alone", args: "run leader-dies --inputs"},
	{name: "arg-seeds-reversed", args: "sweep leader-dies --seeds 9..1"},
	{name: "arg-seeds-from-zero", args: "sweep leader-dies --seeds 0..9"},
	{name: "arg-seeds-negative", args: "sweep leader-dies --seeds -9..-1"},
	{name: "arg-seeds-twice", args: "sweep leader-dies --seeds 5,7,5"},
	{name: "arg-seeds-short-commit", args: "sweep leader-dies --seeds 0123456789abcdef0123456789abcdef0123456"},
	{name: "arg-seeds-long", args: "sweep leader-dies --seeds 1" + strings.Repeat(",1", 50_000)},
	{name: "arg-seeds-beyond", args: "sweep leader-dies --seeds 1..18446744073709551616"},
	{name: "arg-seeds-too-many-runs", args: "sweep leader-dies follower-dies --seeds 18446744073709551615"},
	{name: "arg-shard-beyond", args: "sweep leader-dies --shard 5/4"},
	{name: "arg-shard-garbled", args: "sweep leader-dies --shard 1of4"},
	{name: "arg-shard-negative", args: "sweep leader-dies --shard -1/4"},
	{name: "arg-workers-zero", args: "sweep leader-dies --workers 0"},
	{name: "arg-workers-beyond", args: "sweep leader-dies --workers 4097"},
	{name: "arg-workers-text", args: "sweep leader-dies --workers many"},
	{name: "arg-engine-unknown", args: "sweep leader-dies --engine remote"},
	{name: "arg-engine-absent", args: "sweep leader-dies --engine nats://127.0.0.1:4222"},
	{name: "arg-out-below-file", args: "sweep leader-dies --out FILE/findings", file: "plain.txt"},
	{name: "arg-merge-none", args: "merge"},
	{name: "arg-check-no-file", args: "check none.jsonl"},
	{name: "arg-replay-two", args: "replay a.jsonl b.jsonl"},
}

// scenarioOf is a scenario with some more lines.
func scenarioOf(lines string) string { return "name: bad\nworld: 3\n" + lines }

var badScenarios = []badCase{
	{name: "scenario-empty", args: "run FILE", file: "s.yaml"},
	{name: "scenario-list", args: "run FILE", file: "s.yaml", text: "- a\n- b\n"},
	{name: "scenario-zeros", args: "run FILE", file: "s.yaml", make: repeat("", "\x00", 1000, "")},
	{name: "scenario-not-utf8", args: "run FILE", file: "s.yaml", text: "name: b\xff\xfed\n"},
	{name: "scenario-tab", args: "run FILE", file: "s.yaml", text: scenarioOf("config:\n\tpolicy: manual\n")},
	{name: "scenario-unclosed", args: "run FILE", file: "s.yaml", text: scenarioOf("faults: [{at: 5s, crash: [0]\n")},
	{name: "scenario-key-misspelt", args: "run FILE", file: "s.yaml", text: scenarioOf("fautls: []\n")},
	{name: "scenario-key-misspelt-deep", args: "sweep FILE", file: "s.yaml", text: scenarioOf("faults:\n  - {at: 5s, partiton: [[0], [1]]}\n")},
	{name: "scenario-key-twice", args: "run FILE", file: "s.yaml", text: scenarioOf("world: 4\n")},
	{name: "scenario-nan", args: "run FILE", file: "s.yaml", text: scenarioOf("network: {loss: .nan}\n")},
	{name: "scenario-nan-text", args: "run FILE", file: "s.yaml", text: scenarioOf("network: {loss: NaN}\n")},
	{name: "scenario-infinite", args: "run FILE", file: "s.yaml", text: scenarioOf("network: {loss: .inf}\n")},
	{name: "scenario-exponent", args: "run FILE", file: "s.yaml", text: scenarioOf("network: {loss: 1e309}\n")},
	{name: "scenario-rate-negative", args: "run FILE", file: "s.yaml", text: scenarioOf("network: {loss: -0.1}\n")},
	{name: "scenario-rate-beyond", args: "run FILE", file: "s.yaml", text: scenarioOf("faults: [{at: 1s, loss: 1.5}]\n")},
	{name: "scenario-rate-digits", args: "run FILE", file: "s.yaml", text: scenarioOf("network: {loss: 0.1234567891}\n")},
	{name: "scenario-alias-bomb", args: "run FILE", file: "s.yaml", text: "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\nname: [*d, *d, *d, *d, *d, *d, *d, *d, *d]\n"},
	{name: "scenario-alias-cycle", args: "run FILE", file: "s.yaml", text: "name: &a [*a]\n"},
	{name: "scenario-nesting", args: "run FILE", file: "s.yaml", make: repeat("faults: ", "[", 100_000, "\n")},
	{name: "scenario-nesting-maps", args: "run FILE", file: "s.yaml", make: repeat("config: ", "{a: ", 200, "\n")},
	{name: "scenario-long-line", args: "run FILE", file: "s.yaml", text: "name: a", long: true},
	{name: "scenario-large", args: "run FILE", file: "s.yaml", make: repeat("name: large\n", "# nothing\n", 2*mega, "world: 3\n")},
	{name: "scenario-many-entries", args: "run FILE", file: "s.yaml", make: repeat("name: many\nworld: 3\nfaults: [", "1,", 2*mega, "]\n")},
	{name: "scenario-many-mistakes", args: "run FILE", file: "s.yaml", make: repeat("name: many\nworld: 3\nfaults:\n", "- {at: 1}\n", 10_000, "")},
	{name: "scenario-long-name", args: "run FILE", file: "s.yaml", make: repeat("name: ", "a", mega, "\nworld: 3\n")},
	{name: "scenario-two-documents", args: "run FILE", file: "s.yaml", text: scenarioOf("---\nname: second\nworld: 3\n")},
	{name: "scenario-tag", args: "run FILE", file: "s.yaml", text: "name: !!binary YmFk\nworld: 3\n"},
	{name: "scenario-name", args: "run FILE", file: "s.yaml", text: "name: Bad Name\nworld: 3\n"},
	{name: "scenario-no-name", args: "run FILE", file: "s.yaml", text: "world: 3\n"},
	{name: "scenario-no-world", args: "run FILE", file: "s.yaml", text: "name: bad\n"},
	{name: "scenario-world-zero", args: "run FILE", file: "s.yaml", text: "name: bad\nworld: 0\n"},
	{name: "scenario-world-beyond", args: "run FILE", file: "s.yaml", text: "name: bad\nworld: 4097\n"},
	{name: "scenario-world-reversed", args: "run FILE", file: "s.yaml", text: "name: bad\nworld: 8..3\n"},
	{name: "scenario-world-huge", args: "run FILE", file: "s.yaml", text: "name: bad\nworld: 99999999999999999999\n"},
	{name: "scenario-node-beyond", args: "run FILE", file: "s.yaml", text: scenarioOf("faults: [{at: 1s, crash: [3]}]\n")},
	{name: "scenario-node-beyond-smallest", args: "run FILE", file: "s.yaml", text: "name: bad\nworld: 3..8\nfaults: [{at: 1s, crash: [5]}]\n"},
	{name: "scenario-node-negative", args: "run FILE", file: "s.yaml", text: scenarioOf("faults: [{at: 1s, crash: [-1]}]\n")},
	{name: "scenario-node-twice", args: "run FILE", file: "s.yaml", text: scenarioOf("faults: [{at: 1s, partition: [[0, 1], [1, 2]]}]\n")},
	{name: "scenario-two-acts", args: "run FILE", file: "s.yaml", text: scenarioOf("faults: [{at: 1s, crash: [0], pause: [1]}]\n")},
	{name: "scenario-no-act", args: "run FILE", file: "s.yaml", text: scenarioOf("faults: [{at: 1s}]\n")},
	{name: "scenario-at-and-when", args: "run FILE", file: "s.yaml", text: scenarioOf("faults: [{at: 1s, when: {node: 0, sends: vote}, crash: [0]}]\n")},
	{name: "scenario-neither-at-nor-when", args: "run FILE", file: "s.yaml", text: scenarioOf("faults: [{crash: [0]}]\n")},
	{name: "scenario-for-zero", args: "run FILE", file: "s.yaml", text: scenarioOf("faults: [{at: 1s, pause: [0], for: 0s}]\n")},
	{name: "scenario-duration-number", args: "run FILE", file: "s.yaml", text: scenarioOf("duration: 60\n")},
	{name: "scenario-duration-huge", args: "run FILE", file: "s.yaml", text: scenarioOf("duration: 99999999999h\n")},
	{name: "scenario-latency-reversed", args: "run FILE", file: "s.yaml", text: scenarioOf("network: {latency: 5ms..1ms}\n")},
	{name: "scenario-timeout-short", args: "run FILE", file: "s.yaml", text: scenarioOf("config: {heartbeat_timeout: 1s}\n")},
	{name: "scenario-expect-protocol", args: "run FILE", file: "s.yaml", text: scenarioOf("expect: {qorum: pass}\n")},
	{name: "scenario-expect-property", args: "run FILE", file: "s.yaml", text: scenarioOf("expect: {quorum: {violates: [agrement]}}\n")},
	{name: "scenario-crash-stop-partition", args: "run FILE", file: "s.yaml", text: scenarioOf("model: crash-stop\nfaults: [{at: 1s, partition: [[0], [1]]}]\n")},
	{name: "scenario-lint", args: "scenarios lint FILE", file: "s.yaml", text: scenarioOf("faults: [{at: 1s, crash: [3]}]\n")},
}
