package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const (
	// MaxFileSize is the largest scenario file that is read.
	MaxFileSize = 16 << 20
	// maxNesting is how deep lists and mappings may stand in one another.
	maxNesting = 100
	// maxEntries bounds the entries of all lists and mappings together. A tree of nodes is a thousand times as large as
	// its text; a scenario with 4096 nodes in fourteen partitions is within it.
	maxEntries = 60_000
	// maxText bounds what stands outside of comments: the parser needs up to thirty times as much for it.
	maxText = 4 << 20
)

// document parses the text into one tree, and complains about whatever no scenario may contain: several documents,
// anchors, aliases, explicit tags, directives. It returns nil where there is nothing to walk.
func (d *decoder) document() *yaml.Node {
	if !d.acceptable() {
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(d.data), yaml.WithPlugin(nestingLimit{}))
	if err != nil {
		d.failAt(0, 0, "", "", "%s", err.Error())
		return nil
	}
	var doc yaml.Node
	if err := loader.Load(&doc); err != nil {
		d.unreadable(err)
		return nil
	}
	if err := d.onlyDocument(loader); err != nil {
		d.unreadable(err)
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		d.unreadable(io.EOF)
		return nil
	}
	root := doc.Content[0]
	d.refuseIndirection(value{d: d, node: root})
	return root
}

// onlyDocument complains if another document follows.
func (d *decoder) onlyDocument(loader *yaml.Loader) error {
	var next yaml.Node
	err := loader.Load(&next)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	d.failAt(next.Line, next.Column, "", "one scenario per file: move what follows --- to a file of its own", "a second document")
	return nil
}

// acceptable checks what must hold before the text is given to the parser: its size, its encoding, and bounds without
// which a small hostile file costs gigabytes.
func (d *decoder) acceptable() bool {
	switch {
	case len(d.data) > MaxFileSize:
		d.failAt(0, 0, "", "", "larger than 16 MiB")
	case !utf8.Valid(d.data):
		d.failAt(0, 0, "", "save the file as UTF-8", "not UTF-8")
	default:
		return d.bounded()
	}
	return false
}

// bounded measures the text: how much of it there is outside of comments, and how many entries of lists and mappings
// there may be at most. It refuses directives, which scenarios have no use for and the parser compares with one another.
func (d *decoder) bounded() bool {
	entries, text := 0, 0
	inComment, lineStart := false, true
	for i, c := range d.data {
		switch {
		case isBreakByte(c):
			inComment, lineStart = false, true
			continue
		case c == '%' && opensLine(d.data, i):
			return d.refuseAt(i, "a directive: scenario files have none")
		case lineStart && c == '#':
			inComment = true
		case c != ' ':
			lineStart = false
		}
		if inComment {
			continue
		}
		if text++; text > maxText {
			return d.refuseAt(i, "more than 4 MiB outside of comments")
		}
		if !beginsEntry(d.data, i) {
			continue
		}
		if entries++; entries > maxEntries {
			return d.refuseAt(i, fmt.Sprintf("more than %d entries of lists and mappings", maxEntries))
		}
	}
	return true
}

// refuseAt complains about the byte at an offset.
func (d *decoder) refuseAt(offset int, message string) bool {
	line, col := d.position(offset)
	d.failAt(line, col, "", "", "%s", message)
	return false
}

// isBreakByte reports whether c may end a line. The first bytes of the rarer line breaks of YAML (U+0085, U+2028 and
// U+2029) count, so that nothing behind them passes for a comment.
func isBreakByte(c byte) bool {
	return c == '\n' || c == '\r' || c == 0xC2 || c == 0xE2
}

// opensLine reports whether the byte at i is the first of a line, whatever ended the line before.
func opensLine(data []byte, i int) bool {
	if i == 0 {
		return true
	}
	for _, lineBreak := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029", "\ufeff"} {
		if bytes.HasSuffix(data[:i], []byte(lineBreak)) {
			return true
		}
	}
	return false
}

// beginsEntry reports whether the byte at i can begin an entry of a list or mapping.
func beginsEntry(data []byte, i int) bool {
	switch data[i] {
	case ',', '[', '{', ':':
		return true
	case '-', '?':
		return i+1 == len(data) || data[i+1] <= ' ' || isBreakByte(data[i+1])
	default:
		return false
	}
}

// position gives line and column of a byte, both from 1.
func (d *decoder) position(offset int) (line, col int) {
	before := d.data[:offset]
	line = 1 + bytes.Count(before, []byte{'\n'})
	return line, 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}

// nestingLimit makes the parser stop at a nesting that no scenario has.
type nestingLimit struct{}

// CheckDepth is the parser's question at each list or mapping that it enters.
func (nestingLimit) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > maxNesting {
		return fmt.Errorf("nested deeper than %d", maxNesting)
	}
	return nil
}

// CheckAlias is never asked: aliases are refused, not followed.
func (nestingLimit) CheckAlias(_, _ int) error { return nil }

// unreadable turns the parser's error into a complaint with a place.
func (d *decoder) unreadable(err error) {
	var load *yaml.LoadError
	switch {
	case errors.Is(err, io.EOF):
		d.failAt(1, 1, "", "the smallest scenario has a name and a world: {name: quiet, world: 3}", "the file is empty")
	case errors.As(err, &load):
		message := load.Message
		if load.ContextMsg != "" {
			message = load.ContextMsg + ": " + message
		}
		d.failAt(load.Mark.Line, load.Mark.Column, "", "", "%s", message)
	default:
		d.failAt(0, 0, "", "", "%s", err.Error())
	}
}

// refuseIndirection complains about anchors, aliases, tags and depth below v: what a scenario says stands where it is
// read.
func (d *decoder) refuseIndirection(v value) {
	switch {
	case v.node.Kind == yaml.AliasNode:
		d.refuse(v, "aliases are refused", "write the value out")
	case v.node.Anchor != "":
		d.refuse(v, "anchors are refused", "remove the anchor")
	case v.node.Style&yaml.TaggedStyle != 0:
		d.refuse(v, "explicit tags are refused", "remove the tag")
	case v.depth > maxNesting:
		d.refuse(v, fmt.Sprintf("nested deeper than %d", maxNesting), "")
		return
	}
	for child := range v.children() {
		d.refuseIndirection(child)
	}
}

// refuse complains about a node, and keeps the decoder from complaining about it again.
func (d *decoder) refuse(v value, message, hint string) {
	d.refused[v.node] = true
	v.fail(hint, "%s", message)
}
