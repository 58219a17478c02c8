package trace

import (
	"strconv"
	"strings"
)

// FormatError says where a file breaks the format, what was found there, and what could be meant instead. It is the
// fault of whoever wrote the file, never of a node that a well-formed file tells about.
type FormatError struct {
	File  string // as given to NewReader
	Line  int    // from 1
	Field string // path inside the line, as in "msg.epoch" or "links[2].from"; empty if the whole line is meant
	Msg   string // what was found and what was expected
	Hint  string // one sentence that can be acted on; may be empty
}

// Error gives "file:line: field: message".
func (e *FormatError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	b.WriteByte(':')
	b.WriteString(strconv.Itoa(e.Line))
	b.WriteString(": ")
	if e.Field != "" {
		b.WriteString(e.Field)
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	return b.String()
}

// didYouMean gives a hint if one of the names is a likely misspelling's target.
func didYouMean(word string, names []string) string {
	best, bestDistance := "", 1+len(word)/3
	for _, name := range names {
		if name == "" {
			continue
		}
		if d := distance(word, name, bestDistance); d <= bestDistance && (best == "" || d < bestDistance) {
			best, bestDistance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return `did you mean "` + best + `"?`
}

// distance is the number of single letters to insert, delete or replace to turn a into b; anything above limit may be
// given as limit+1.
func distance(a, b string, limit int) int {
	if len(a) > 64 || len(b) > 64 || len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var row [65]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// snippet shortens what was found for a message.
func snippet(b []byte) string {
	const shown = 40
	if len(b) > shown {
		return strings.ToValidUTF8(string(b[:shown]), "\ufffd") + "..."
	}
	return strings.ToValidUTF8(string(b), "\ufffd")
}
