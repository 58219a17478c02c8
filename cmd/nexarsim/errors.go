package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nexarsim/checker/trace"
	"nexarsim/internal/report"
	"nexarsim/internal/seeds"
	"nexarsim/scenarios"
	"nexarsim/sim/capsule"
)

// shownErrors is how many complaints about one scenario file are printed.
const shownErrors = 20

// fail prints an error and gives the exit code that goes with it.
func (a *app) fail(err error) report.Code {
	var file scenarios.Errors
	var format *trace.FormatError
	var capsuled *capsule.Error
	var use *errUsage
	var harness *errHarness
	switch {
	case errors.Is(err, errInterrupted):
		a.say("interrupted", "")
		return report.Interrupted
	case errors.As(err, &file):
		a.complain(file)
	case errors.As(err, &format):
		a.say(format.Error(), format.Hint)
	case errors.As(err, &capsuled):
		a.say(capsuled.Error(), capsuled.Hint)
	case errors.As(err, &use):
		a.say(use.msg, use.hint)
	case errors.As(err, &harness):
		a.say(harness.Error(), harness.hint)
		return report.Harness
	default:
		a.say(err.Error(), "this is a defect of nexarsim: please report the command line, the version (nexarsim version) and this message")
		return report.Harness
	}
	return report.Usage
}

// say prints a message and, below it, what to do about it.
func (a *app) say(msg, hint string) {
	fmt.Fprintf(a.stderr, "nexarsim: %s\n", strings.TrimSpace(msg))
	if hint != "" {
		fmt.Fprintf(a.stderr, "nexarsim: hint: %s\n", hint)
	}
}

// complain prints what is wrong with a scenario file, each with its line and a caret.
func (a *app) complain(all scenarios.Errors) {
	for i, e := range all {
		if i == shownErrors {
			fmt.Fprintf(a.stderr, "nexarsim: %s: %d more errors\n", e.File, len(all)-i)
			return
		}
		fmt.Fprintf(a.stderr, "nexarsim: %s\n", e.Error())
		for line := range strings.Lines(e.Snippet) {
			fmt.Fprintf(a.stderr, "    %s\n", strings.TrimRight(line, "\n"))
		}
		if e.Hint != "" {
			fmt.Fprintf(a.stderr, "nexarsim: hint: %s\n", e.Hint)
		}
	}
}

// flagError turns what pflag found into a message with a hint.
func flagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	help := cmd.CommandPath() + " -h lists the flags"
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			return usage(help, "unknown flag -%s", show(name))
		}
		return usage(suggest("--"+name, flagNames(cmd), help), "unknown flag %s", show("--"+name))
	case errors.As(err, &bare):
		name := bare.GetSpecifiedName()
		return usage(exampleOf(cmd, name, help), "--%s: expected a value, found nothing", name)
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		return usage(exampleOf(cmd, f.Name, help), "--%s: expected %s, found %s", f.Name, kindOf(f), show(invalid.GetValue()))
	}
	return usage(help, "%s", err.Error())
}

func kindOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "int", "uint64":
		return "a whole number"
	default:
		return "a value"
	}
}

// exampleOf shows a flag as it may be written.
func exampleOf(cmd *cobra.Command, name, otherwise string) string {
	if f := cmd.Flags().Lookup(name); f != nil && len(f.Annotations["example"]) == 1 {
		return "write --" + name + " " + f.Annotations["example"][0]
	}
	return otherwise
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	return names
}

// suggest is a hint at the nearest of some words, or another one if none is near.
func suggest(word string, known []string, otherwise string) string {
	if nearest, ok := scenarios.Nearest(word, known); ok {
		return fmt.Sprintf("did you mean %s?", nearest)
	}
	return otherwise
}

// show gives a text of the command line as it may be printed: short and without what moves the cursor.
func show(text string) string {
	const longest = 60
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f || r == '"' {
			return fmt.Sprintf("%q", text)
		}
	}
	if text == "" {
		return `""`
	}
	return text
}

// seedError puts the flag's name before what is wrong with its value.
func seedError(flag string, err error) error {
	var e *seeds.Error
	if errors.As(err, &e) {
		return usage(e.Hint, "--%s %s: %s", flag, show(e.Text), e.Msg)
	}
	return err
}

// fileError tells why a file could not be read or written, without saying its name twice.
func fileError(name string, err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	hint := ""
	if errors.Is(err, fs.ErrNotExist) {
		hint = "the name is taken relative to the current directory"
	}
	return usage(hint, "%s: %s", name, err)
}

// tooMany refuses arguments beyond the expected ones.
func tooMany(args []string, most int, hint string) error {
	if len(args) > most {
		return usage(hint, "unexpected argument %s", show(args[most]))
	}
	return nil
}

// print writes text to standard output. Who reads it may have gone away; that is no failure of ours.
func (a *app) print(text string) { _, _ = io.WriteString(a.stdout, text) }
