package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nexarsim/internal/gate"
	"nexarsim/internal/report"
)

// validateFlags are those of `validate`.
type validateFlags struct {
	quick, asDoc bool
	out          string
}

func (a *app) validateCommand() *cobra.Command {
	var f validateFlags
	cmd := &cobra.Command{
		Use:   "validate [PART...]",
		Short: "Is the gate before a deployment: sweep, search, real processes",
		Long: `validate looks at the protocol in every way that nexarsim has, one after another, and answers once:

  sweep          each built-in scenario under quorum and fail-stop, with many seeds
  expectations   the same under classic and its rungs: what is known to be broken must be found
  capsules       the known bugs that the program holds, replayed: each must show itself, and not on the rung that repairs it
  explore        small groups, every schedule of each
  cluster        real processes over QUIC on this machine, killed, stopped and cut off; each core fed its inputs again

All of them unless PARTs are named. A part passes if it was brought to its end and nothing in it was unexpected. One that was
cut short, by ^C, by the time or by the number of states, says so and does not pass. Each finding names its property, and
a command that shows it again. --quick takes fewer seeds, worlds and processes, and ends within three minutes, come what may.

With --out, capsules of what sweep and explore find and the traces of the real runs are kept in that directory. Without it the
trace of a failing real run is kept all the same, in a temporary directory: no two real runs are the same.`,
		Example: `  nexarsim validate --quick
  nexarsim validate --quick --json --out gate capsules cluster`,
		ValidArgs: gate.Names(),
		RunE:      func(_ *cobra.Command, args []string) error { return a.validate(&f, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.quick, "quick", false, "fewer seeds, worlds and processes: an answer within three minutes")
	flags.StringVar(&f.out, "out", "", "keep capsules and traces in this `directory`")
	flags.BoolVar(&f.asDoc, "json", false, "print one JSON document")
	example(cmd, "out", "gate")
	return cmd
}

// gateParts makes the parts of the gate; tests put in others.
var gateParts = func(quick bool, o gate.Options) []gate.Part {
	if quick {
		return gate.Quick(o)
	}
	return gate.Full(o)
}

func (a *app) validate(f *validateFlags, args []string) error {
	for i, name := range args {
		switch {
		case !slices.Contains(gate.Names(), name):
			return usage(suggest(name, gate.Names(), "parts: "+strings.Join(gate.Names(), ", ")), "validate: unknown part %s", show(name))
		case slices.Contains(args[:i], name):
			return usage("name each part once", "validate: part %s is named twice", name)
		}
	}
	if f.out != "" {
		if err := createDir(f.out); err != nil {
			return err
		}
	}
	exe, err := os.Executable()
	if err != nil {
		return &errHarness{err: err}
	}
	ctx, stop := interruptible()
	defer stop()
	all := gateParts(f.quick, gate.Options{
		Version: versionName(),
		Member:  gate.Member{Command: []string{exe, "node", "--launched"}, Env: []string{memberVariable + "=1"}},
	})
	g := gate.Gate{Parts: gate.Only(all, args), Keep: gate.NewShelf(f.out)}
	if f.quick {
		g.Limit = gate.QuickLimit
	}
	g.Progress = a.gateProgress(len(g.Parts), !f.asDoc)
	doc := g.Run(ctx)
	a.clearProgress(!f.asDoc)
	doc.Quick, doc.Version = f.quick, versionName()
	for _, name := range gate.Names() {
		if len(args) > 0 && !slices.Contains(args, name) {
			doc.LeftOut = append(doc.LeftOut, name)
		}
	}
	a.code = doc.Exit
	if f.asDoc {
		return a.printDocument(doc)
	}
	a.tellGate(doc)
	return nil
}

// gateProgress tells on a terminal which part is at work.
func (a *app) gateProgress(total int, bar bool) func(gate.Part) {
	if !bar || !isTerminal(a.stderr) {
		return nil
	}
	n := 0
	return func(p gate.Part) {
		n++
		fmt.Fprintf(a.stderr, "\r\x1b[K%d of %d: %s: %s", n, total, p.Name(), p.About())
	}
}

// tellGate prints the table of parts, what was found, and last the command that shows the first finding again.
func (a *app) tellGate(doc *gate.Report) {
	var b strings.Builder
	p := inkFor(a.stdout)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "PART\tABOUT\tDONE\tTIME\tRESULT\n")
	for i := range doc.Parts {
		d := &doc.Parts[i]
		var done []string
		for _, c := range d.Done() {
			done = append(done, count(c.N, c.Noun))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", d.Part, d.About, dash(strings.Join(done, ", ")), seconds(d.ElapsedMS), d.Result)
	}
	_ = table.Flush() // into memory
	b.WriteByte('\n')
	var commands, cuts []string
	for i := range doc.Parts {
		d := &doc.Parts[i]
		if why := d.Part + ": " + d.Cut; d.Cut != "" && !slices.Contains(cuts, why) { // many of one sort may not have begun
			cuts = append(cuts, why)
			fmt.Fprintf(&b, "%s: %s\n", p.red("not whole"), why)
		}
		for _, f := range d.Findings {
			tellGateFinding(&b, p, d.Part, &f)
			if !slices.Contains(commands, f.Command) {
				commands = append(commands, f.Command)
			}
		}
	}
	for i := range doc.Parts {
		for _, note := range doc.Parts[i].Notes {
			fmt.Fprintf(&b, "note: %s: %s\n", doc.Parts[i].Part, shorten(note))
		}
	}
	fmt.Fprintf(&b, "%s\n", verdictOfGate(p, doc))
	if len(commands) > 0 {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(commands, "\n"))
	}
	a.print(b.String())
}

func tellGateFinding(b *strings.Builder, p ink, part string, f *gate.Finding) {
	switch f.Code {
	case report.Harness:
		fmt.Fprintf(b, "%s in %s: %s\n", p.red("the harness failed"), part, f.Why)
	case report.Irreplicable:
		fmt.Fprintf(b, "%s in %s: %s\n", p.red("not reproducible"), part, f.Why)
	default:
		fmt.Fprintf(b, "%s %s in %s: %s\n", p.red("violated"), p.bold(f.Property), part, f.Why)
	}
	if f.File != "" {
		fmt.Fprintf(b, "  kept in %s\n", f.File)
	}
	fmt.Fprintf(b, "  %s\n", f.Command)
}

// verdictOfGate is the sentence that all of it comes to.
func verdictOfGate(p ink, doc *gate.Report) string {
	passed := 0
	for i := range doc.Parts {
		if doc.Parts[i].Result == gate.Passed {
			passed++
		}
	}
	text := fmt.Sprintf("%d of %s passed in %s", passed, count(uint64(len(doc.Parts)), "part"), seconds(doc.ElapsedMS))
	if len(doc.LeftOut) > 0 {
		text += "; left out: " + strings.Join(doc.LeftOut, ", ")
	}
	if doc.Passed {
		return p.green("passed") + ": " + text
	}
	return p.red("not passed") + ": " + text
}

func seconds(ms int64) string {
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}
