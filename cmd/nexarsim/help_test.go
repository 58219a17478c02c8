package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// everyCommand calls look with each command of the tree, the program itself first.
func everyCommand(look func(cmd *cobra.Command)) {
	a := &app{stdout: io.Discard, stderr: io.Discard}
	root := a.root()
	root.InitDefaultHelpCmd()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		look(cmd)
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(root)
}

// failing lists the examples that show a failure, with the exit code that belongs to them.
var failing = map[string]int{
	"nexarsim run even-split --protocol fail-stop --no-expect --json":       1,
	"nexarsim replay findings/even-split-fail-stop-agreement.json":          1,
	"nexarsim explore --world 3 --partitions 1 --protocol fail-stop --json": 1,
}

// TestExamples runs every example of every -h, those of one command one after the other in one directory. The gate is a
// short one.
func TestExamples(t *testing.T) {
	shortGate(t)
	everyCommand(func(cmd *cobra.Command) {
		t.Run(strings.ReplaceAll(cmd.CommandPath(), " ", "-"), func(t *testing.T) {
			t.Chdir(t.TempDir())
			if cmd.Example == "" {
				t.Fatal("no example")
			}
			for line := range strings.Lines(cmd.Example) {
				tryExample(t, strings.TrimSpace(line))
			}
		})
	})
}

func tryExample(t *testing.T, line string) {
	t.Helper()
	command, file, toFile := strings.Cut(line, " > ")
	args := strings.Fields(command)
	if len(args) < 2 || args[0] != "nexarsim" {
		t.Errorf("%q is no command of ours", line)
		return
	}
	var stdout, stderr bytes.Buffer
	code := run(args[1:], strings.NewReader(""), &stdout, &stderr)
	if complaint := complaints(stderr.String()); code != failing[line] || complaint != "" || stdout.Len() == 0 {
		t.Errorf("%s: exit code %d, want %d, %d bytes of output, errors:\n%s", line, code, failing[line], stdout.Len(), complaint)
	}
	if toFile {
		if err := os.WriteFile(file, stdout.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// complaints is what stands on standard error but the log of what takes long, which a slow machine writes.
func complaints(stderr string) string {
	var b strings.Builder
	for line := range strings.Lines(stderr) {
		if !strings.Contains(line, " level=INFO ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestHelp: -h of each command goes to standard output, ends in 0, and shows its example.
func TestHelp(t *testing.T) {
	everyCommand(func(cmd *cobra.Command) {
		args := append(strings.Fields(cmd.CommandPath())[1:], "-h")
		var stdout, stderr bytes.Buffer
		code := run(args, strings.NewReader(""), &stdout, &stderr)
		if code != 0 || stderr.Len() > 0 || !strings.Contains(stdout.String(), strings.TrimSpace(cmd.Example)) {
			t.Errorf("%v: exit code %d\n%s%s", args, code, stdout.String(), stderr.String())
		}
		if strings.TrimSpace(cmd.Long) == "" && cmd.HasParent() {
			t.Errorf("%v: nothing said about it", args)
		}
	})
}

// TestCommandsPage holds docs/reference/commands.md to the commands.
func TestCommandsPage(t *testing.T) {
	name := filepath.Join("..", "..", "docs", "reference", "commands.md")
	got := commandsPage()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is out of date: go test ./cmd/nexarsim -run CommandsPage -update\n-want +got:\n%s", name, diff)
	}
}

const commandsHead = `# Commands

Made from the program's own help by ` + "`go test ./cmd/nexarsim -run CommandsPage -update`" + `; a test keeps it current.
Results go to standard output, messages and progress to standard error. Flags may stand before or after arguments, but
after the command. What the exit codes mean is told in [exit-codes.md](exit-codes.md).
`

// commandsPage tells every command as a Markdown page.
func commandsPage() string {
	var b strings.Builder
	b.WriteString(commandsHead)
	everyCommand(func(cmd *cobra.Command) {
		if cmd.HasParent() {
			writeCommand(&b, cmd)
		}
	})
	section, _ := documentsSection()
	b.WriteString(section)
	return b.String()
}

func writeCommand(b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", cmd.CommandPath(), escape(cmd.Long))
	fmt.Fprintf(b, "    %s\n", cmd.UseLine())
	var rows []string
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			rows = append(rows, flagRow(f))
		}
	})
	if len(rows) > 0 {
		fmt.Fprintf(b, "\n| flag | meaning |\n|---|---|\n%s", strings.Join(rows, ""))
	}
	b.WriteString("\nExample:\n\n")
	for line := range strings.Lines(cmd.Example) {
		fmt.Fprintf(b, "    %s\n", strings.TrimSpace(line))
	}
}

func flagRow(f *pflag.Flag) string {
	value, text := pflag.UnquoteUsage(f)
	flag := "--" + f.Name
	if value != "" {
		flag += " " + value
	}
	if f.DefValue != "" && f.DefValue != "false" {
		text += " (default " + f.DefValue + ")"
	}
	return fmt.Sprintf("| `%s` | %s |\n", flag, escape(text))
}

// escape keeps Markdown from reading more into a text than there is.
func escape(text string) string {
	return strings.NewReplacer("|", `\|`, "<", `\<`, "*", `\*`).Replace(text)
}
