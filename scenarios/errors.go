package scenarios

import (
	"fmt"
	"strings"
)

// Error is one thing that is wrong with a scenario file.
type Error struct {
	File    string // as it was handed to Parse
	Line    int    // from 1; 0 if the complaint is about the whole file
	Col     int    // from 1, in characters
	Path    string // the field, for example faults[2].partition; "" if there is none
	Msg     string // what was found, and what was expected
	Hint    string // what to do about it; "" if there is nothing to say
	Snippet string // the line and, below it, a caret; "" if there is no line
}

// Error gives place, field and message in one line, without hint and snippet.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Col)
	}
	if e.Path != "" {
		b.WriteString(": " + e.Path)
	}
	return b.String() + ": " + e.Msg
}

// Detail gives the message, the line with its caret, and the hint.
func (e *Error) Detail() string {
	text := e.Error() + "\n"
	for line := range strings.Lines(e.Snippet) {
		text += "    " + line
	}
	if e.Snippet != "" {
		text += "\n"
	}
	if e.Hint != "" {
		text += "hint: " + e.Hint + "\n"
	}
	return text
}

// Errors is everything that is wrong with one scenario file, in the order of the file.
type Errors []*Error

// Error gives one line for each complaint.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Detail gives every complaint with its line of the file and its hint.
func (es Errors) Detail() string {
	var b strings.Builder
	for _, e := range es {
		b.WriteString(e.Detail())
	}
	return b.String()
}

// Unwrap gives errors.Is and errors.As each single complaint.
func (es Errors) Unwrap() []error {
	all := make([]error, len(es))
	for i, e := range es {
		all[i] = e
	}
	return all
}
