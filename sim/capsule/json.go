package capsule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"nexarsim/scenarios"
)

// parser reads JSON from left to right, each value once, as what it is expected to be. Its first error sticks: whoever
// reads a value after it gets a zero, so that callers check once, at the end.
type parser struct {
	file  string
	data  []byte
	at    int
	path  []string
	depth int
	err   *Error
}

func (p *parser) field() string {
	text := strings.Join(p.path, "")
	return strings.TrimPrefix(text, ".")
}

// failAt keeps the first complaint, about the byte at an offset.
func (p *parser) failAt(offset int, hint, format string, args ...any) {
	if p.err != nil {
		return
	}
	before := p.data[:min(offset, len(p.data))]
	p.err = &Error{
		File: p.file, Line: 1 + bytes.Count(before, []byte{'\n'}), Col: len(before) - bytes.LastIndexByte(before, '\n'),
		Field: p.field(), Msg: fmt.Sprintf(format, args...), Hint: hint,
	}
}

func (p *parser) fail(format string, args ...any) { p.failAt(p.at, "", format, args...) }

func (p *parser) space() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// peek gives the first byte of what comes next; 0 at the end and after an error.
func (p *parser) peek() byte {
	p.space()
	if p.err != nil || p.at >= len(p.data) {
		return 0
	}
	return p.data[p.at]
}

// take goes past one byte, or complains.
func (p *parser) take(c byte) bool {
	if p.peek() == c && p.err == nil {
		p.at++
		return true
	}
	p.expected(strconv.QuoteRune(rune(c)))
	return false
}

// expected complains about what comes next.
func (p *parser) expected(what string) {
	switch c := p.peek(); {
	case p.err != nil:
	case p.at >= len(p.data):
		p.failAt(p.at, "the file is cut short", "expected %s, found the end of the file", what)
	case c == '{':
		p.fail("expected %s, found an object", what)
	case c == '[':
		p.fail("expected %s, found a list", what)
	default:
		end := p.at + 1
		for end < len(p.data) && !strings.ContainsRune(",}] \n\r\t", rune(p.data[end])) {
			end++
		}
		p.fail("expected %s, found %s", what, shown(string(p.data[p.at:end])))
	}
}

// enter and leave count how deep lists and objects stand in one another.
func (p *parser) enter() bool {
	if p.depth++; p.depth > maxNesting {
		p.fail("nested deeper than %d", maxNesting)
		return false
	}
	return true
}

// more goes on to the next entry of what closes with c; false at its end.
func (p *parser) more(first bool, c byte) bool {
	if p.err != nil {
		return false
	}
	if p.peek() == c {
		p.at++
		p.depth--
		return false
	}
	if !first && !p.take(',') {
		return false
	}
	return p.err == nil
}

// object reads an object of known fields, each at most once, and hands each to read.
func (p *parser) object(what string, known []string, read func(name string)) {
	if p.peek() != '{' {
		p.expected(what)
		return
	}
	p.at++
	if !p.enter() {
		return
	}
	var seen uint64
	for first := true; p.more(first, '}'); first = false {
		p.space()
		start := p.at
		name := p.text(200)
		i := slices.Index(known, name)
		switch {
		case p.err != nil:
			return
		case i < 0:
			hint := "known here: " + strings.Join(known, ", ")
			if nearest, ok := scenarios.Nearest(name, known); ok {
				hint = fmt.Sprintf("did you mean %q?", nearest)
			}
			p.failAt(start, hint, "unknown field %q", shown(name))
			return
		case seen>>i&1 != 0:
			p.failAt(start, "", "duplicate field %q", name)
			return
		}
		seen |= 1 << i
		p.take(':')
		p.within("."+name, func() { read(name) })
	}
}

// within reads a part of the file; complaints about it name it.
func (p *parser) within(name string, read func()) {
	p.path = append(p.path, name)
	read()
	p.path = p.path[:len(p.path)-1]
}

// list reads a list and hands each entry's number to read.
func (p *parser) list(what string, read func(i int)) {
	if p.peek() != '[' {
		p.expected(what)
		return
	}
	p.at++
	if !p.enter() {
		return
	}
	i := 0
	for first := true; p.more(first, ']'); first = false {
		p.path = append(p.path, "["+strconv.Itoa(i)+"]")
		read(i)
		p.path = p.path[:len(p.path)-1]
		i++
	}
}

// text reads a string of at most so many bytes.
func (p *parser) text(most int) string {
	if p.peek() != '"' {
		p.expected("a text in quotes")
		return ""
	}
	start, end := p.at, p.at+1
	for end < len(p.data) && p.data[end] != '"' {
		switch {
		case p.data[end] == '\\':
			end++
		case p.data[end] < ' ':
			p.failAt(end, "", "a control character in a text")
			return ""
		}
		end++
	}
	if end >= len(p.data) {
		p.failAt(start, "the file is cut short", "a text without an end")
		return ""
	}
	p.at = end + 1
	raw := p.data[start : end+1]
	if len(raw) > most+2 {
		p.failAt(start, "", "a text longer than %d bytes", most)
		return ""
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		p.failAt(start, "", "not a text: %s", shown(string(raw)))
	}
	return text
}

// word reads one of some words.
func (p *parser) word(noun string, known []string) string {
	start := p.at
	w := p.text(200)
	if p.err == nil && !slices.Contains(known, w) {
		hint := "known: " + strings.Join(known, ", ")
		if nearest, ok := scenarios.Nearest(w, known); ok {
			hint = fmt.Sprintf("did you mean %q?", nearest)
		}
		p.failAt(start, hint, "unknown %s %q", noun, shown(w))
	}
	return w
}

// whole reads a whole number within bounds.
func (p *parser) whole(low, high int64) int64 {
	p.space()
	start, end := p.at, p.at
	for end < len(p.data) && (p.data[end] >= '0' && p.data[end] <= '9' || end == start && p.data[end] == '-') {
		end++
	}
	digits := strings.TrimPrefix(string(p.data[start:end]), "-")
	if digits == "" || len(digits) > 1 && digits[0] == '0' || end < len(p.data) && !strings.ContainsRune(",}] \n\r\t", rune(p.data[end])) {
		p.expected("a whole number")
		return 0
	}
	n, err := strconv.ParseInt(string(p.data[start:end]), 10, 64)
	if err != nil || n < low || n > high {
		p.fail("%s is out of range: %d to %d", shown(string(p.data[start:end])), low, high)
		return 0
	}
	p.at = end
	return n
}

// count reads a how-many-th or an epoch.
func (p *parser) count(low int64) uint64 { return uint64(p.whole(low, maxCount)) }

// yes reads true, the only value that a field which is left out otherwise may have.
func (p *parser) yes() bool {
	if p.peek() == 't' && bytes.HasPrefix(p.data[p.at:], []byte("true")) {
		p.at += len("true")
		return true
	}
	p.expected("true (leave the field out otherwise)")
	return false
}

// duration reads a duration that is not negative.
func (p *parser) duration() time.Duration {
	p.space()
	start := p.at
	text := p.text(64)
	if p.err != nil {
		return 0
	}
	d, ok := scenarios.ParseDuration(text)
	switch {
	case !ok:
		p.failAt(start, "units are ns us ms s m h", "expected a duration such as 1.3ms, found %q", shown(text))
	case d < 0 || d > maxDelay:
		p.failAt(start, "", "%s is out of range: 0s to %s", shown(text), scenarios.FormatDuration(maxDelay))
	}
	return d
}

// raw reads one value without looking at what it is.
func (p *parser) raw() []byte {
	p.space()
	start, open := p.at, 0
	for p.at < len(p.data) && p.err == nil {
		switch p.data[p.at] {
		case '"':
			p.text(len(p.data))
			if open == 0 {
				return p.data[start:p.at]
			}
			continue
		case '{', '[':
			if open++; open > maxNesting {
				p.fail("nested deeper than %d", maxNesting)
				return nil
			}
		case '}', ']':
			if open--; open == 0 {
				p.at++
				return p.data[start:p.at]
			}
		}
		p.at++
	}
	p.failAt(p.at, "the file is cut short", "expected an object, found the end of the file")
	return nil
}

// embedded reads an object of another format: JSON, on one line.
func (p *parser) embedded(what string) []byte {
	if p.peek() != '{' {
		p.expected(what)
		return nil
	}
	start := p.at
	text := p.raw()
	if p.err != nil {
		return nil
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		p.failAt(start, "", "not JSON: %s", shown(err.Error()))
		return nil
	}
	return line.Bytes()
}
