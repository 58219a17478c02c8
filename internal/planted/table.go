package planted

import (
	"bytes"
	"fmt"
	"strings"
)

// The marks between which the table stands in docs/explore.md.
const (
	tableBegin = "<!-- begin: made by make hunt -->\n"
	tableEnd   = "<!-- end: made by make hunt -->\n"
)

// Splice puts the table into a page, between its marks.
func Splice(page []byte, all []Hunt) ([]byte, error) {
	before, rest, found := bytes.Cut(page, []byte(tableBegin))
	_, after, ended := bytes.Cut(rest, []byte(tableEnd))
	if !found || !ended {
		return nil, fmt.Errorf("write the table of the hunt: the page has no lines %q and %q", tableBegin, tableEnd)
	}
	var b bytes.Buffer
	b.Write(before)
	b.WriteString(tableBegin)
	Table(&b, all)
	b.WriteString(tableEnd)
	b.Write(after)
	return b.Bytes(), nil
}

// Table writes what explore needs for each defect, and what random runs show of it.
func Table(b *bytes.Buffer, all []Hunt) {
	fmt.Fprintf(b, "| defect | found as | world | steps | states | worlds | s | random scenarios | all scenarios |\n|---|---|---|---|---|---|---|---|---|\n")
	words := map[string]string{}
	for _, d := range Hunted() {
		words[d.Name] = d.Words
	}
	for i := range all {
		h := &all[i]
		fmt.Fprintf(b, "| %s |%s %s | %s |\n", words[h.Name], h.Explored.row(), h.Random.cell(), h.All.cell())
	}
}

func (s *Search) row() string {
	if s == nil {
		return " not searched | | | | | |"
	}
	steps := fmt.Sprint(s.Steps)
	if s.Behind > 0 {
		steps += fmt.Sprintf(", the first %d given", s.Behind)
	}
	found, states := s.Property, thousands(s.States)
	if found == "" {
		found, steps = "not found", ""
	}
	if !s.Complete {
		states += ", stopped"
	}
	return fmt.Sprintf(" %s | %s | %s | %s | %d | %.1f |", found, s.Budget.text(), steps, states, s.Worlds, s.Seconds)
}

// text is a world as the table names it: nodes, then what may happen.
func (b *Budget) text() string {
	text := fmt.Sprintf("%d nodes", b.Nodes)
	for _, x := range []struct {
		n    int
		word string
	}{{b.Crashes, "K"}, {b.FalseSuspicions, "F"}, {b.Partitions, "P"}, {b.EarlyTimeouts, "T"}, {b.Losses, "L"}, {b.Duplicates, "D"}} {
		if x.n > 0 {
			text += fmt.Sprintf(", %s=%d", x.word, x.n)
		}
	}
	return text
}

func (s *Sweep) cell() string {
	switch {
	case s == nil:
		return "not swept"
	case s.Runs < SweepRuns && s.Shown == 0:
		return fmt.Sprintf("0 of %s", thousands(s.Runs))
	case s.Shown == 0:
		return "0"
	case s.Runs < SweepRuns:
		return fmt.Sprintf("%s of %s, first in run %s", thousands(s.Shown), thousands(s.Runs), thousands(s.First))
	}
	return fmt.Sprintf("%s, first in run %s", thousands(s.Shown), thousands(s.First))
}

// thousands writes a count with commas.
func thousands(n uint64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return thousands(n/1000) + fmt.Sprintf(",%s", strings.TrimPrefix(fmt.Sprint(1000+n%1000), "1"))
}
