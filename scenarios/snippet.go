package scenarios

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How much of a line is shown at most, in characters.
const (
	snippetBefore = 60 // the caret
	snippetAfter  = 60
)

// snippets reads a file once, from complaint to complaint in the order of the file: a line may be as long as the file.
type snippets struct {
	data   []byte
	start  int // of the line, an offset
	offset int // of the character at line and col
	line   int // from 1
	col    int // from 1
}

// newSnippets begins at the first character.
func newSnippets(data []byte) *snippets {
	first := len(data) - len(bytes.TrimPrefix(data, []byte("\ufeff")))
	return &snippets{data: data, start: first, offset: first, line: 1, col: 1}
}

// at gives a line of the file with a caret below the column. A long line is cut around the column.
func (s *snippets) at(line, col int) string {
	if line < 1 {
		return ""
	}
	for s.offset < len(s.data) && (s.line < line || s.col < col && s.lineBreak() == 0) {
		s.skip()
	}
	if s.line != line {
		return ""
	}
	before, after := s.before(), s.after()
	if strings.TrimSpace(before+after) == "" {
		return ""
	}
	return strings.TrimRight(before+after, " ") + "\n" + strings.Repeat(" ", utf8.RuneCountInString(before)) + "^"
}

// skip goes on by one character or line break.
func (s *snippets) skip() {
	if n := s.lineBreak(); n > 0 {
		s.offset += n
		s.start, s.line, s.col = s.offset, s.line+1, 1
		return
	}
	_, n := utf8.DecodeRune(s.data[s.offset:])
	s.offset += n
	s.col++
}

// lineBreak gives the length of the line break at the offset, 0 if there is none. It knows all that YAML knows, so that
// the parser's line numbers find their line.
func (s *snippets) lineBreak() int {
	rest := s.data[s.offset:]
	for _, b := range []string{"\n", "\r\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if len(rest) >= len(b) && string(rest[:len(b)]) == b {
			return len(b)
		}
	}
	return 0
}

// before gives what is shown of the line before the offset.
func (s *snippets) before() string {
	from := s.offset
	for range snippetBefore {
		_, n := utf8.DecodeLastRune(s.data[s.start:from])
		from -= n
	}
	return strings.Map(showable, string(s.data[from:s.offset]))
}

// after gives what is shown of the line from the offset on.
func (s *snippets) after() string {
	end := *s
	for i := 0; i < snippetAfter && end.offset < len(s.data) && end.lineBreak() == 0; i++ {
		end.skip()
	}
	return strings.Map(showable, string(s.data[s.offset:end.offset]))
}

// showable replaces what would move the cursor.
func showable(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case !unicode.IsPrint(r):
		return unicode.ReplacementChar
	}
	return r
}
