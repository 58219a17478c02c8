package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"nexarsim/internal/report"
)

// tellSweep prints a sweep, or several merged ones, for a reader. args is how each scenario was named on the command
// line, if it was.
func (a *app) tellSweep(doc *report.Sweep, args map[string]string) {
	p := inkFor(a.stdout)
	var b strings.Builder
	tellTable(&b, doc)
	tellReach(&b, p, doc)
	tellTotals(&b, p, doc)
	if again := again(doc, args); len(again) > 0 {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(again, "\n"))
	}
	a.print(b.String())
}

// tellTable prints a line for each scenario and protocol that has something to show, and one for all that have nothing.
func tellTable(w io.Writer, doc *report.Sweep) {
	clean, cleanRuns := 0, uint64(0)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "SCENARIO\tPROTOCOL\tRUNS\tUNEXPECTED\tEXPECTED\n"
	for _, u := range doc.Units() {
		if len(u.Unexpected)+len(u.Expected)+len(u.Missing) == 0 {
			clean++
			cleanRuns += u.Runs
			continue
		}
		fmt.Fprint(table, head)
		head = ""
		unexpected := strings.Join(append(u.Unexpected, u.Missing...), ", ")
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", u.Scenario, u.Protocol, u.Runs, dash(unexpected), dash(strings.Join(u.Expected, ", ")))
	}
	_ = table.Flush() // into memory
	if head == "" {
		fmt.Fprintln(w)
	}
	if clean > 0 {
		fmt.Fprintf(w, "%s of a scenario and protocol broke nothing (%s).\n", count(uint64(clean), "combination"), count(cleanRuns, "run"))
	}
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// tellReach prints how often each situation was met, and which never was.
func tellReach(w io.Writer, p ink, doc *report.Sweep) {
	fmt.Fprintf(w, "\nReached (%d of %d situations):\n", len(doc.Reach)-len(doc.ReachMissing), len(doc.Reach))
	for _, point := range report.ReachOrder(doc.Reach) {
		if n := doc.Reach[point]; n > 0 {
			fmt.Fprintf(w, "%12d  %s\n", n, point)
		}
	}
	if len(doc.ReachMissing) == 0 {
		return
	}
	fmt.Fprintf(w, "%s (a sweep says nothing about these):\n", p.bold("NEVER REACHED"))
	for _, point := range doc.ReachMissing {
		fmt.Fprintf(w, "%12s  %s\n", "never", point)
	}
}

// tellTotals prints numbers, the bound, and what is wrong with the whole.
func tellTotals(w io.Writer, p ink, doc *report.Sweep) {
	fmt.Fprintln(w)
	for _, text := range firstOf(doc.Malformed) {
		fmt.Fprintf(w, "%s: the harness broke its own assumptions: %s\n", p.red("malformed"), text)
	}
	for i := range doc.Different {
		d := &doc.Different[i]
		fmt.Fprintf(w, "%s: %s %s seed %s: two runs differ at step %d\n  first:  %s\n  second: %s\n", p.red("not reproducible"), d.Scenario, d.Protocol, d.Seed, d.Step, d.First, d.Second)
	}
	for _, f := range doc.Unexpected() {
		fmt.Fprintf(w, "%s %s by %s with %s, %s; the shortest is seed %s: %s\n", p.red("violated"), p.bold(f.Property), f.Scenario, f.Protocol, count(f.Count, "run"), f.Seed, f.Why)
	}
	tellCapsules(w, doc)
	for _, m := range doc.Missing {
		fmt.Fprintf(w, "%s %s: no run of %s with %s violated it, and the scenario expects that%s\n", p.red("missing"), p.bold(m.Property), m.Scenario, m.Protocol, leftToMerge(doc))
	}
	if n := len(doc.Unfired); n > 0 {
		fmt.Fprintf(w, "%s did not fire in some of their runs; --json lists them\n", count(uint64(n), "fault"))
	}
	if doc.Interrupted {
		fmt.Fprintf(w, "%s: not all runs were made\n", p.red("interrupted"))
	}
	seconds := float64(doc.ElapsedMS) / 1000
	fmt.Fprintf(w, "%s, %s, %s, %s, %s undecided, %s made twice\n", count(doc.Runs, "run"), count(doc.Steps, "step"), count(doc.Messages, "message"),
		count(doc.Installs, "install"), count(doc.Undecided, "run"), count(doc.Doubled, "run"))
	fmt.Fprintf(w, "%.1f s, %.0f runs/s, %.0f steps/s, digest %s\n", seconds, rate(doc.Runs, seconds), rate(doc.Steps, seconds), doc.Digest)
	if doc.Runs > 0 {
		fmt.Fprintf(w, "%d of %s ended unexpectedly: with 95 %% confidence, below %.2g of such runs do\n", doc.Worst(), count(doc.Runs, "run"), doc.Bound)
	}
	if doc.Exit == report.Passed {
		fmt.Fprintf(w, "%s: as expected\n", p.green("passed"))
	}
}

// tellCapsules prints the files that were written, each with the first cause that it is of.
func tellCapsules(w io.Writer, doc *report.Sweep) {
	told := map[string]bool{}
	for i := range doc.Violations {
		f := &doc.Violations[i]
		for _, c := range f.Causes {
			if c.Capsule != "" && !told[c.Capsule] {
				told[c.Capsule] = true
				fmt.Fprintf(w, "kept %s: %s, %s\n", c.Capsule, f.Property, c.Cause)
			}
		}
	}
}

func leftToMerge(doc *report.Sweep) string {
	if doc.Exit == report.Passed && len(doc.Missing) > 0 {
		return " (merge judges whether another shard has it)"
	}
	return ""
}

func rate(n uint64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

// firstOf shortens a list that may be long.
func firstOf(list []string) []string {
	const most = 10
	if len(list) <= most {
		return list
	}
	return append(slices.Clone(list[:most]), fmt.Sprintf("and %d more", len(list)-most))
}

// again is, for each thing that failed, the command that shows it again.
func again(doc *report.Sweep, args map[string]string) []string {
	name := func(scenario string) string {
		if arg, ok := args[scenario]; ok {
			return arg
		}
		return scenario
	}
	var lines []string
	add := func(line string) {
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if doc.Exit != report.Passed {
		for _, m := range doc.Missing {
			add(fmt.Sprintf("nexarsim sweep %s --seeds %s --protocol %s", quote(name(m.Scenario)), doc.SeedsOf(m.Scenario), m.Protocol))
		}
	}
	for _, f := range doc.Unexpected() {
		add(runAgain(name(f.Scenario), f.Seed, f.Protocol, doc.NoExpect))
	}
	for _, text := range doc.Malformed {
		var scenario, protocol, seed string
		if n, _ := fmt.Sscanf(text, "%s %s seed %s", &scenario, &protocol, &seed); n == 3 {
			add(runAgain(name(scenario), strings.TrimSuffix(seed, ":"), protocol, doc.NoExpect))
		}
	}
	for i := range doc.Different {
		d := &doc.Different[i]
		add(runAgain(name(d.Scenario), d.Seed, d.Protocol, doc.NoExpect))
	}
	return lines
}
