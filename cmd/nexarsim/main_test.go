package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the golden texts of scripts, bad inputs and docs/reference/commands.md")

// TestMain lets the test binary be nexarsim itself: scripts and the tests of bad inputs start it as a process.
func TestMain(m *testing.M) {
	if os.Getenv(memberVariable) != "" {
		main() // started by cluster as one of its members
	}
	testscript.Main(m, map[string]func(){"nexarsim": mainOrPeak})
}

// peakFile names the variable that says where to write the largest amount of memory that the process ever had.
const peakFile = "NEXARSIM_TEST_PEAK"

// mainOrPeak is main; asked to, it leaves its peak of memory behind. The parent could not tell: what the system counts
// for a child includes what the parent had when it started it.
func mainOrPeak() {
	fakeGate()
	code := run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if name := os.Getenv(peakFile); name != "" {
		status, err := os.ReadFile("/proc/self/status")
		if err == nil {
			err = os.WriteFile(name, status, 0o666)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(99)
		}
	}
	os.Exit(code)
}

// TestScripts runs whole commands: exit codes, standard output and error, files, documents.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "json": jsonValue, "replace": replaceText, "dropline": dropLine, "lastline": lastLine, "jsonset": jsonSet,
		},
	})
}

// exits runs a command and holds its exit code to the first argument. Whatever ends in an error prints no result.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// jsonValue holds a value of the document on standard output, or in a file, to a text or to a /regular expression/.
//
//	json .violations[0].property agreement
//	json -f doc.json .exit 0
func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	file := "stdout"
	if len(args) > 2 && args[0] == "-f" {
		file, args = args[1], args[2:]
	}
	if len(args) != 2 {
		ts.Fatalf("usage: json [-f FILE] .path VALUE")
	}
	text := ts.ReadFile(file)
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		ts.Fatalf("%s: not JSON: %v", file, err)
	}
	if dec.More() {
		ts.Fatalf("%s: more than one document", file)
	}
	got, err := lookUp(doc, args[0])
	if err != nil {
		ts.Fatalf("%s: %v", file, err)
	}
	same := got == args[1]
	if pattern, ok := strings.CutPrefix(args[1], "/"); ok {
		same = regexp.MustCompile(strings.TrimSuffix(pattern, "/")).MatchString(got)
	}
	if same == neg {
		ts.Fatalf("%s is %s, want %s (negated: %v)", args[0], got, args[1], neg)
	}
}

var pathStep = regexp.MustCompile(`\.([A-Za-z0-9_-]+)|\.\{([^}]*)\}|\[(\d+)\]`)

// lookUp follows a path such as .violations[0].seed, .reach.{a name with spaces} or .violations.len (how many).
func lookUp(doc any, path string) (string, error) {
	for _, step := range pathStep.FindAllStringSubmatch(path, -1) {
		switch at := doc.(type) {
		case map[string]any:
			value, ok := at[step[1]+step[2]]
			if !ok {
				return "absent", nil
			}
			doc = value
		case []any:
			if step[1] == "len" {
				return strconv.Itoa(len(at)), nil
			}
			i, err := strconv.Atoi(step[3])
			if err != nil || i >= len(at) {
				return "absent", nil
			}
			doc = at[i]
		default:
			return "", fmt.Errorf("%s: nothing below %v", path, doc)
		}
	}
	if text, ok := doc.(string); ok {
		return text, nil
	}
	text, err := json.Marshal(doc)
	return string(text), err
}

// jsonSet copies a document with one field of its top level set to a JSON value: jsonset IN OUT FIELD VALUE.
func jsonSet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: jsonset IN OUT FIELD VALUE")
	}
	doc := map[string]json.RawMessage{}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &doc))
	doc[args[2]] = json.RawMessage(args[3])
	text, err := json.Marshal(doc)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text, 0o666))
}

// replaceText replaces the first of a text in a file by another: replace FILE OLD NEW.
func replaceText(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not contain %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o666))
}

// dropLine removes a line of a file, counted from its end: dropline FILE 2 removes the last but one.
func dropLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: dropline FILE NUMBER")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	lines := bytes.SplitAfter([]byte(ts.ReadFile(args[0])), []byte("\n"))
	lines = lines[:len(lines)-1] // what follows the last line end
	at := len(lines) - n
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Join(append(lines[:at:at], lines[at+1:]...), nil), 0o666))
}

// lastLine holds the last line of standard output to a text.
func lastLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lastline TEXT")
	}
	lines := strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\n"), "\n")
	if got := lines[len(lines)-1]; got != args[0] {
		ts.Fatalf("the last line is %q, want %q", got, args[0])
	}
}
