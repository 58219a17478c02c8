package scenarios

import (
	"strings"
	"unicode"
)

// snippetWidth is how many characters of a line are shown at most.
const snippetWidth = 100

// snippet gives a line of the file with a caret below the column. A long line is cut around the column.
func (d *decoder) snippet(line, col int) string {
	if d.lines == nil {
		d.lines = splitLines(d.data)
	}
	if line < 1 || line > len(d.lines) {
		return ""
	}
	shown, caret := window(d.lines[line-1], max(col, 1)-1)
	if strings.TrimSpace(shown) == "" {
		return ""
	}
	return shown + "\n" + strings.Repeat(" ", caret) + "^"
}

// window cuts text to what is shown around a character, and gives that character's place in it.
func window(text string, at int) (shown string, caret int) {
	first := 0
	if at > snippetWidth*3/4 {
		first = at - snippetWidth/2
	}
	var b strings.Builder
	count := 0
	for _, r := range text {
		if count >= first+snippetWidth {
			break
		}
		if count >= first {
			b.WriteRune(showable(r))
		}
		count++
	}
	return strings.TrimRight(b.String(), " "), max(0, min(at, count)-first)
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

// splitLines splits at every line break that YAML knows, so that the parser's line numbers find their line.
func splitLines(data []byte) []string {
	unified := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(string(data))
	return strings.Split(unified, "\n")
}
