package scenarios

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// maxErrors is how many complaints about one file are kept.
const maxErrors = 100

// decoder walks one file's tree and keeps every complaint. After a complaint it goes on with a default, so that one
// mistake is told once and does not hide the next.
type decoder struct {
	file    string
	data    []byte
	refused map[*yaml.Node]bool // complained about already
	errs    Errors
	count   int // complaints, kept or not

	smallest int    // nodes of the smallest world
	world    Range  // as the file says
	model    Model  //
	policy   string //
}

// failAt records a complaint about a place.
func (d *decoder) failAt(line, col int, path, hint, format string, args ...any) {
	d.count++
	if len(d.errs) >= maxErrors {
		return
	}
	d.errs = append(d.errs, &Error{
		File: d.file, Line: line, Col: max(col, min(line, 1)), Path: path,
		Msg: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// failure gives all complaints in the order of the file, or nil.
func (d *decoder) failure() error {
	if d.count == 0 {
		return nil
	}
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	reader := newSnippets(d.data)
	for _, e := range d.errs {
		e.Snippet = reader.at(e.Line, e.Col)
	}
	if d.count > len(d.errs) {
		d.errs = append(d.errs, &Error{File: d.file, Msg: fmt.Sprintf("%d more errors", d.count-len(d.errs))})
	}
	return d.errs
}

// value is a node together with the way to it, which is spelt out only in complaints.
type value struct {
	d      *decoder
	node   *yaml.Node
	parent *value
	key    string // of a mapping's value
	index  int    // of a list's entry, if key is ""
	depth  int
}

// fail complains about the value.
func (v value) fail(hint, format string, args ...any) {
	v.d.failAt(v.node.Line, v.node.Column, v.path(), hint, format, args...)
}

// path spells out the way from the root.
func (v value) path() string {
	switch {
	case v.parent == nil:
		return ""
	case v.key == "":
		return v.parent.path() + "[" + strconv.Itoa(v.index) + "]"
	default:
		return strings.TrimPrefix(v.parent.path()+"."+printable(v.key), ".")
	}
}

// children are the entries of a list, and keys and values of a mapping.
func (v value) children() iter.Seq[value] {
	return func(yield func(value) bool) {
		for i, n := range v.node.Content {
			child := value{d: v.d, node: n, parent: &v, index: i, depth: v.depth + 1}
			if v.node.Kind == yaml.MappingNode {
				child.key = keyName(v.node.Content[i-i%2])
			}
			if !yield(child) {
				return
			}
		}
	}
}

// keyName is the name that a mapping's key spells.
func keyName(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return "?"
	}
	return n.Value
}

// is reports whether the value has the kind, and complains if not. What was refused already fails silently.
func (v value) is(kind yaml.Kind, expected string) bool {
	switch {
	case v.node.Kind == yaml.AliasNode || v.d.refused[v.node]:
		return false
	case v.node.Kind != kind:
		v.fail("", "expected %s, found %s", expected, v.describe())
		return false
	}
	return true
}

// describe says what the value is, for complaints.
func (v value) describe() string {
	switch v.node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch v.node.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + printable(v.node.Value)
	case "!!bool":
		return v.node.Value
	case "!!str":
		return "the text " + strconv.Quote(shorten(v.node.Value))
	}
	return printable(v.node.Value)
}

// printable gives a text from a file as it may be shown: short, and quoted if it holds anything unusual.
func printable(text string) string {
	text = shorten(text)
	unusual := func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) }
	if text == "" || strings.ContainsFunc(text, unusual) {
		return strconv.Quote(text)
	}
	return text
}

// shorten cuts a long text.
func shorten(text string) string {
	const longest = 40
	count := 0
	for i := range text {
		if count++; count > longest {
			return text[:i] + "..."
		}
	}
	return text
}
