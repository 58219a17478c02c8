package story

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// mostColumns is how many nodes have a column each; in a larger world each line names its node.
const mostColumns = 12

// columnWidth is how far apart the columns of a world stand. A line has text in one of them only, and may run on.
func columnWidth(world int) int {
	switch {
	case world <= 5:
		return 8
	case world <= 8:
		return 6
	}
	return 4
}

// Print tells the story of a world in at most about limit lines, and says what it left out.
func (s *Story) Print(w io.Writer, world, limit int) {
	s.flush()
	for node := range world {
		s.repeated(node)
	}
	lines, gaps := s.choose(limit)
	if len(lines) == 0 {
		fmt.Fprintln(w, "Nothing happened but heartbeats.")
		return
	}
	printHead(w, world)
	for i, l := range lines {
		if gaps && i > 0 && l.number != lines[i-1].number+1 {
			fmt.Fprintf(w, "%11s  (%d lines left out)\n", "...", l.number-lines[i-1].number-1)
		}
		printLine(w, world, l)
	}
	if left := s.count - len(lines); left > 0 {
		fmt.Fprintf(w, "%d more lines left out; --trace FILE writes every event.\n", left)
	}
}

// choose gives the lines to print: what changes something first, then as many messages as there is room for. gaps tells
// whether places where lines are missing are worth a line of their own.
func (s *Story) choose(limit int) (lines []line, gaps bool) {
	lines = s.major.ends(limit)
	gaps = len(lines) == limit
	lines = append(lines, s.minor.ends(limit-len(lines))...)
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.number, b.number) })
	return lines, gaps
}

func printHead(w io.Writer, world int) {
	head := fmt.Sprintf("%11s  ", "time")
	if world <= mostColumns {
		for node := range world {
			head += fmt.Sprintf("%-*d", columnWidth(world), node)
		}
	}
	fmt.Fprintln(w, strings.TrimRight(head, " "))
}

func printLine(w io.Writer, world int, l line) {
	place := ""
	switch {
	case l.node == environment:
		place = "-- "
	case world > mostColumns:
		place = fmt.Sprintf("node %d: ", l.node)
	default:
		place = strings.Repeat("."+strings.Repeat(" ", columnWidth(world)-1), l.node)
	}
	fmt.Fprintf(w, "%10.4fs  %s%s\n", float64(l.t)/1e9, place, l.text)
}
