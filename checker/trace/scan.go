package trace

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// The limits of what a line may hold. They bound memory, not meaning: no honest trace comes near them.
const (
	maxLine    = 16 << 20 // bytes, without the line end
	maxNesting = 100
	maxList    = 1 << 20 // numbers in one list
)

// scanner reads one line of JSON from left to right. Its first failure sticks: later calls return zero values, so that
// callers check once, at the end. It never allocates for a well-formed line, strings that are asked for apart.
type scanner struct {
	b       []byte
	i       int
	path    []segment // the field being read, for messages
	err     *FormatError
	unquote []byte            // the latest string that had escapes
	words   map[string]string // short strings seen before
}

// segment is a step from the line to a field: a name, then an index if it is not negative.
type segment struct {
	name  string
	index int
}

func (s *scanner) reset(line []byte) {
	s.b, s.i, s.path, s.err = line, 0, s.path[:0], nil
}

func (s *scanner) push(name string) { s.path = append(s.path, segment{name, -1}) }
func (s *scanner) pop()             { s.path = s.path[:len(s.path)-1] }
func (s *scanner) index(i int)      { s.path[len(s.path)-1].index = i }

func (s *scanner) field() string {
	var b []byte
	for i, p := range s.path {
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, p.name...)
		if p.index >= 0 {
			b = append(strconv.AppendInt(append(b, '['), int64(p.index), 10), ']')
		}
	}
	return string(b)
}

func (s *scanner) fail(format string, args ...any) {
	s.failHint("", format, args...)
}

func (s *scanner) failHint(hint, format string, args ...any) {
	if s.err == nil {
		s.err = &FormatError{Field: s.field(), Msg: fmt.Sprintf(format, args...), Hint: hint}
	}
}

// failAt reports a failure of a named field of the object being read.
func (s *scanner) failAt(field, hint, format string, args ...any) {
	s.push(field)
	s.failHint(hint, format, args...)
	s.pop()
}

func (s *scanner) syntax(expected string) {
	if s.i >= len(s.b) {
		s.fail("not JSON: the line ends where %s was expected", expected)
		return
	}
	s.fail("not JSON: column %d: expected %s, found %q", s.i+1, expected, snippet(s.b[s.i:min(s.i+8, len(s.b))]))
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// take skips space and then c, or fails.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.err != nil {
		return false
	}
	if s.i >= len(s.b) || s.b[s.i] != c {
		s.syntax(strconv.QuoteRune(rune(c)))
		return false
	}
	s.i++
	return true
}

// peek gives the first byte of the next token, 0 at the end of the line.
func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// open enters an object or a list.
func (s *scanner) open(c byte) bool {
	if s.err != nil {
		return false
	}
	if s.peek() != c {
		what := "an object"
		if c == '[' {
			what = "a list"
		}
		s.expected(what)
		return false
	}
	s.i++
	return true
}

// expected fails with what stands where something else should.
func (s *scanner) expected(what string) {
	if s.err != nil {
		return
	}
	s.space()
	if s.i >= len(s.b) {
		s.syntax(what)
		return
	}
	switch s.b[s.i] {
	case '[':
		s.fail("expected %s, found a list", what)
		return
	case '{':
		s.fail("expected %s, found an object", what)
		return
	}
	end := s.i + 1
	for end < len(s.b) && s.b[end] != ',' && s.b[end] != '}' && s.b[end] != ']' {
		end++
	}
	s.fail("expected %s, found %s", what, snippet(s.b[s.i:end]))
}

// next goes on to the next element of a list, or to the next field of an object, that closes with c.
func (s *scanner) next(first *bool, c byte) bool {
	if s.err != nil {
		return false
	}
	switch got := s.peek(); {
	case got == c:
		s.i++
		return false
	case *first:
		*first = false
		return true
	case got == ',':
		s.i++
		if s.peek() == c {
			s.syntax("a value")
			return false
		}
		return true
	default:
		s.syntax("',' or " + strconv.QuoteRune(rune(c)))
		return false
	}
}

// key reads a field's name and the colon after it. What it returns is good until the next string is read.
func (s *scanner) key() []byte {
	if s.peek() != '"' {
		s.syntax("a field's name")
		return nil
	}
	k := s.text()
	s.take(':')
	return k
}

// end checks that nothing follows.
func (s *scanner) end() {
	if s.err == nil && s.peek() != 0 {
		s.syntax("the line's end")
	}
}

// text reads a string and returns its bytes, good until the next one is read.
func (s *scanner) text() []byte {
	if s.err != nil {
		return nil
	}
	if s.peek() != '"' {
		s.expected("a string")
		return nil
	}
	s.i++
	start, ascii := s.i, byte(0)
	for i := start; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			if ascii >= utf8.RuneSelf && !utf8.Valid(s.b[start:i]) {
				s.fail("a string that is not UTF-8")
				return nil
			}
			return s.b[start:i]
		case c == '\\':
			return s.escaped(start, i)
		case c < ' ':
			s.i = i
			s.syntax("a string without control characters")
			return nil
		default:
			ascii |= c
		}
	}
	s.i = len(s.b)
	s.syntax("the string's end")
	return nil
}

// escaped goes on with a string whose first escape is at i.
func (s *scanner) escaped(start, i int) []byte {
	out := append(s.unquote[:0], s.b[start:i]...)
	for i < len(s.b) {
		c := s.b[i]
		switch {
		case c == '"':
			s.i, s.unquote = i+1, out
			if !utf8.Valid(out) {
				s.fail("a string that is not UTF-8")
				return nil
			}
			return out
		case c < ' ':
			s.i = i
			s.syntax("a string without control characters")
			return nil
		case c != '\\':
			out = append(out, c)
			i++
		default:
			n := 0
			if out, n = s.escape(out, i); n == 0 {
				return nil
			}
			i += n
		}
	}
	s.i = len(s.b)
	s.syntax("the string's end")
	return nil
}

// escape adds what the escape at i stands for and gives its length, 0 after a failure.
func (s *scanner) escape(out []byte, i int) ([]byte, int) {
	c := byte(0)
	if i+1 < len(s.b) {
		c = s.b[i+1]
	}
	switch c {
	case '"', '\\', '/':
		return append(out, c), 2
	case 'b':
		return append(out, '\b'), 2
	case 'f':
		return append(out, '\f'), 2
	case 'n':
		return append(out, '\n'), 2
	case 'r':
		return append(out, '\r'), 2
	case 't':
		return append(out, '\t'), 2
	case 'u':
		if r, n := unicodeEscape(s.b[i:]); n > 0 {
			return utf8.AppendRune(out, r), n
		}
	}
	s.i = i
	s.syntax("an escape")
	return out, 0
}

// unicodeEscape reads \u and four hex digits, or two of them that make one rune; half of such a pair is no character.
func unicodeEscape(b []byte) (rune, int) {
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := hex4(b[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		d := hexValue(c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// word reads a string that likely comes again and keeps one copy of each short one.
func (s *scanner) word() string {
	b := s.text()
	if w, ok := s.words[string(b)]; ok {
		return w
	}
	w := string(b)
	if len(w) <= 64 && len(s.words) < 1024 {
		if s.words == nil {
			s.words = make(map[string]string)
		}
		s.words[w] = w
	}
	return w
}

// raw reads any value and returns its bytes in the line.
func (s *scanner) raw() []byte {
	if s.err != nil {
		return nil
	}
	s.space()
	start := s.i
	s.skip(1)
	if s.err != nil {
		return nil
	}
	return s.b[start:s.i]
}

// skip passes over one value at the given nesting.
func (s *scanner) skip(depth int) {
	if depth > maxNesting {
		s.fail("nested more than %d deep", maxNesting)
		return
	}
	switch c := s.peek(); {
	case c == '{':
		s.skipObject(depth)
	case c == '[':
		s.i++
		for first := true; s.next(&first, ']'); {
			s.skip(depth + 1)
		}
	case c == '"':
		s.text()
	case c == 't' || c == 'f':
		s.bool()
	case c == 'n' && len(s.b)-s.i >= 4 && string(s.b[s.i:s.i+4]) == "null":
		s.i += 4
	default:
		tok := s.number("a JSON value")
		if s.err == nil && len(tok) > 15 || s.err == nil && hasExponent(tok) {
			if _, err := strconv.ParseFloat(string(tok), 64); err != nil {
				s.fail("number out of range: %s", snippet(tok))
			}
		}
	}
}

func hasExponent(tok []byte) bool {
	for _, c := range tok {
		if c == 'e' || c == 'E' {
			return true
		}
	}
	return false
}

// skipObject passes over an object, in which no field may stand twice.
func (s *scanner) skipObject(depth int) {
	s.i++
	var one string           // the first field: most objects that are skipped have few
	var seen map[string]bool // all of them, from the second on
	for n, first := 0, true; s.next(&first, '}'); n++ {
		k := string(s.key())
		if s.err != nil {
			return
		}
		if n == 1 {
			seen = map[string]bool{one: true}
		}
		if seen[k] {
			s.failAt(k, "", "duplicate field")
			return
		}
		if n == 0 {
			one = k
		} else {
			seen[k] = true
		}
		s.skip(depth + 1)
	}
}
