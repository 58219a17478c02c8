package capsule

import (
	"fmt"
	"strings"
)

// Error says what is wrong with a capsule file, and where.
type Error struct {
	File  string
	Line  int    // from 1; 0 if the whole file is meant
	Col   int    // from 1, in bytes; 0 if the line is meant
	Field string // path, as in decisions[3].link; empty if none is meant
	Msg   string // what was found and what was expected
	Hint  string // what to do about it; may be empty
}

// Error gives place, field and message in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
		if e.Col > 0 {
			fmt.Fprintf(&b, ":%d", e.Col)
		}
	}
	if e.Field != "" {
		b.WriteString(": " + e.Field)
	}
	return b.String() + ": " + e.Msg
}

// shown shortens what a file says for a message, and takes out what moves a cursor.
func shown(text string) string {
	const longest = 40
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}
