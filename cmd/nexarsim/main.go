// Command nexarsim tests a recovery protocol by running it in a simulated world: one run told step by step, sweeps over
// seeds, replays, and the judgement of recorded histories. It holds flags, words and exit codes; runs are made by package
// sim, judged by package checker, and told in JSON by internal/report.
//
//	nexarsim run leader-dies-mid-broadcast --seed 7
//	nexarsim sweep --seeds 1000 --protocol quorum,fail-stop
//
// See docs/reference/commands.md and docs/reference/exit-codes.md.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"nexarsim/internal/report"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// app is what every command shares.
type app struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	code   report.Code // set by a command that came to its end
}

// run is the whole program: it returns the exit code. No panic leaves it: one is a failure of the harness.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	defer func() {
		if p := recover(); p != nil {
			code = int(a.fail(panicError(p)))
		}
	}()
	root := a.root()
	root.SetArgs(args)
	if err := checkCommand(root, args); err != nil {
		return int(a.fail(err))
	}
	if err := root.Execute(); err != nil {
		return int(a.fail(err))
	}
	return int(a.code)
}

// root is the command line's tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "nexarsim",
		Short: "Tests a recovery protocol in a simulated world",
		Long: `nexarsim runs a group of nodes on a simulated network, lets them crash, freeze and lose sight of each other as a
scenario and a seed say, and judges what they did. The same scenario, protocol and seed give the same run everywhere.`,
		Example: `  nexarsim run leader-dies --seed 7
  nexarsim sweep --seeds 20 --protocol quorum`,
		SilenceUsage: true, SilenceErrors: true, DisableSuggestions: true,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(a.stderr)
			a.code = report.Usage
			return cmd.Help()
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(a.helpCommand())
	root.AddCommand(a.runCommand(), a.sweepCommand(), a.mergeCommand(), a.replayCommand(), a.shrinkCommand(), a.checkCommand(), a.scenariosCommand(), a.versionCommand(), a.exploreCommand())
	root.AddCommand(a.clusterCommand(), a.nodeCommand(), a.validateCommand(), a.completionCommand())
	root.AddCommand(a.absentCommands()...)
	return root
}

// checkCommand finds a command's misspelling before its flags are taken for the program's own.
func checkCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	name := args[0]
	switch {
	case name == "-h", name == "--help", name == "help", strings.HasPrefix(name, "__complete"):
		return nil
	case name == "--version", name == "-v":
		return usage("nexarsim version", "there is a command for that, and no flag %s", name)
	case strings.HasPrefix(name, "-"):
		return usage("flags stand after the command: nexarsim run leader-dies --seed 7; nexarsim -h lists the commands", "expected a command, found %s", show(name))
	}
	var names []string
	for _, c := range root.Commands() {
		if c.Name() == name {
			return nil
		}
		names = append(names, c.Name())
	}
	return usage(suggest(name, names, "nexarsim -h lists the commands"), "unknown command %s", show(name))
}

// errUsage is an error of whoever typed the command or wrote its input. Its hint says how to mend it.
type errUsage struct {
	msg  string
	hint string
}

// Error gives the message without the hint.
func (e *errUsage) Error() string { return e.msg }

func usage(hint, format string, args ...any) error {
	return &errUsage{fmt.Sprintf(format, args...), hint}
}

// errHarness is a failure that nobody outside caused, such as a full disk in the middle of a file. Its hint, if it has one,
// says how to see it again.
type errHarness struct {
	err  error
	hint string
}

// Error gives the cause.
func (e *errHarness) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *errHarness) Unwrap() error { return e.err }

// panicError tells a panic in one line: no stack trace is of use to who typed a command.
func panicError(p any) error { return fmt.Errorf("internal error: %v (at %s)", p, panicPlace()) }

// panicPlace is the file and line of the innermost function of ours on a panic's stack.
func panicPlace() string {
	found := false
	for line := range strings.Lines(string(debug.Stack())) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "panic(") {
			found = true
			continue
		}
		if i := strings.LastIndex(line, "nexarsim/"); found && i >= 0 && strings.Contains(line[i:], ".go:") {
			place, _, _ := strings.Cut(line[i:], " ")
			return place
		}
	}
	return "an unknown place"
}

// isHelp tells whether arguments that nothing parses ask for help.
func isHelp(args []string) bool {
	for _, a := range args {
		if a == "-h" || a == "--help" {
			return true
		}
	}
	return false
}
