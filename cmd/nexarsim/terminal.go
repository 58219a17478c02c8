package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// isTerminal tells whether somebody looks at what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ink colours words, or does not: on a terminal only, and never against NO_COLOR.
type ink bool

func inkFor(w io.Writer) ink {
	return ink(os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w))
}

func (i ink) paint(code, text string) string {
	if !i {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (i ink) red(text string) string   { return i.paint("31", text) }
func (i ink) green(text string) string { return i.paint("32", text) }
func (i ink) bold(text string) string  { return i.paint("1", text) }
