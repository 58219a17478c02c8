package capsule

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"nexarsim/checker/trace"
	"nexarsim/scenarios"
)

// The fields of each object of the format. decisions.go and orders.go have the others.
var (
	capsuleFields = []string{
		"format", "version", "mode", "scenario", "budget", "protocol", "seed", "property", "cause", "decisions", "orders", "verdict",
		"digest", "steps", "found_by",
	}
	required        = []string{"mode", "scenario", "protocol", "seed", "decisions", "verdict", "digest", "steps", "found_by"}
	verdictFields   = []string{"violations"}
	violationFields = []string{"property", "t", "nodes", "why"}
	originFields    = []string{"command", "version"}
)

var (
	protocolName = regexp.MustCompile(`^[a-z0-9][a-z0-9+._-]{0,63}$`)
	digestText   = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

const formatHint = `a capsule begins with {"format":"nexarsim-capsule","version":1`

// ReadFile reads a capsule from a file. One larger than MaxFileSize is refused unread.
func ReadFile(path string) (*Capsule, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read capsule: %w", err)
	}
	defer file.Close() // opened for reading: closing loses nothing
	return Read(file, path)
}

// Read reads a capsule. The name is what errors call the file.
func Read(r io.Reader, name string) (*Capsule, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read capsule %s: %w", name, err)
	}
	return Parse(name, data)
}

// Parse reads a capsule and checks all of it. An error is an *Error.
func Parse(name string, data []byte) (*Capsule, error) {
	if len(data) > MaxFileSize {
		return nil, &Error{File: name, Msg: "larger than 16 MiB"}
	}
	if !utf8.Valid(data) {
		return nil, &Error{File: name, Msg: "not UTF-8"}
	}
	r := reader{parser: parser{file: name, data: data}, c: &Capsule{}, has: map[string]bool{}}
	r.object("a capsule", capsuleFields, r.read)
	r.end()
	r.check()
	if r.err != nil {
		return nil, r.err
	}
	return r.c, nil
}

// reader reads one capsule.
type reader struct {
	parser
	c       *Capsule
	has     map[string]bool // the fields that were there
	world   int
	faults  []rawFault
	keys    map[decisionKey]int // lines
	counted int                 // how far line ends have been counted
	lines   int                 // and how many there were
}

func (r *reader) read(name string) {
	if n := len(r.has); n == 0 && name != "format" || n == 1 && name != "version" {
		r.failAt(r.at, formatHint, "expected format and version first")
		return
	}
	r.has[name] = true
	c := r.c
	switch name {
	case "format":
		start := r.at
		if got := r.text(200); r.err == nil && got != Format {
			r.failAt(start, formatHint, "expected %q, found %q", Format, shown(got))
		}
	case "version":
		start := r.at
		if got := r.whole(0, 1<<31); r.err == nil && got != Version {
			r.failAt(start, "nexarsim version says which versions it knows", "expected %d, found %d", Version, got)
		}
	case "mode":
		c.Mode = Mode(r.word("mode", []string{string(Timed), string(Schedule)}))
	case "scenario":
		r.scenario()
	case "budget":
		r.budget()
	case "protocol":
		c.Protocol = r.matching(protocolName, "a protocol's name")
	case "seed":
		r.seed()
	case "property":
		c.Property = r.word("property", scenarios.Properties())
	case "cause":
		c.Cause = r.line(2000)
	case "decisions":
		r.decisions()
	case "orders":
		r.orders()
	case "verdict":
		r.verdict()
	case "digest":
		c.Digest = r.matching(digestText, "16 hexadecimal digits")
	case "steps":
		c.Steps = uint64(r.whole(0, 1<<62))
	case "found_by":
		r.object("{\"command\":..,\"version\":..}", originFields, func(name string) {
			if name == "command" {
				c.FoundBy.Command = r.matching(protocolName, "a command's name")
				return
			}
			c.FoundBy.Version = r.line(200)
		})
	}
}

// end complains about whatever follows the object.
func (r *reader) end() {
	r.space()
	if r.err == nil && r.at < len(r.data) {
		r.fail("expected the end of the file, found %s", shown(string(r.data[r.at:min(r.at+40, len(r.data))])))
	}
}

// check looks at what only shows when all is read.
func (r *reader) check() {
	if r.err != nil {
		return
	}
	for _, name := range required {
		if !r.has[name] {
			r.err = &Error{File: r.file, Field: name, Msg: "missing", Hint: formatHint}
			return
		}
	}
	c := r.c
	switch scheduled := c.Mode == Schedule; {
	case scheduled && c.Budget == nil:
		r.err = &Error{File: r.file, Field: "budget", Msg: "missing", Hint: `a schedule has one, such as {"crashes":1,"false_suspicions":1}`}
		return
	case !scheduled && c.Budget != nil:
		r.err = &Error{File: r.file, Field: "budget", Msg: "only a capsule of mode schedule has one"}
		return
	}
	if c.Property == "" {
		return
	}
	for _, v := range c.Violations {
		if v.Property == c.Property {
			return
		}
	}
	r.err = &Error{File: r.file, Field: "property", Msg: fmt.Sprintf("the verdict does not name %s", c.Property)}
}

// matching reads a text of a given form.
func (r *reader) matching(form *regexp.Regexp, what string) string {
	r.space()
	start := r.at
	text := r.text(200)
	if r.err == nil && !form.MatchString(text) {
		r.failAt(start, "", "expected %s, found %q", what, shown(text))
	}
	return text
}

// line reads a text that can be shown on a line.
func (r *reader) line(most int) string {
	r.space()
	start := r.at
	text := r.text(most)
	if strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		r.failAt(start, "", "holds a character that cannot be shown")
	}
	return text
}

func (r *reader) seed() {
	r.space()
	start := r.at
	text := r.text(40)
	n, err := strconv.ParseUint(text, 10, 64)
	if r.err == nil && (err != nil || n == 0 || strconv.FormatUint(n, 10) != text) {
		r.failAt(start, "", "expected a seed in quotes, \"1\" to \"18446744073709551615\", found %q", shown(text))
	}
	r.c.Seed = n
}

// scenario reads the scenario in its own format, and holds it to what a capsule may have.
func (r *reader) scenario() {
	r.space()
	start := r.at
	text := r.embedded("a scenario")
	if r.err != nil {
		return
	}
	s, err := scenarios.Parse(r.file, text)
	if err != nil {
		r.scenarioError(start, err)
		return
	}
	switch {
	case s.World.Min != s.World.Max:
		r.failAt(start, "a capsule has one world: the one that was drawn", "world: expected a number, found the range %s", s.World)
	case s.Network.Transport == "random":
		r.failAt(start, "a capsule has one transport: the one that was drawn", "network.transport: expected stream or datagram, found random")
	case len(s.Faults) > 0:
		r.failAt(start, `in a capsule faults are decisions: {"act":{"at":"5s","crash":[0]}}`, "faults: expected none, found %d", len(s.Faults))
	}
	r.c.Scenario, r.world = s, s.World.Min
}

// scenarioError turns the first complaint of another format's reader into one about this file.
func (r *reader) scenarioError(start int, err error) {
	var all scenarios.Errors
	if !errors.As(err, &all) || len(all) == 0 {
		r.failAt(start, "", "%s", shown(err.Error()))
		return
	}
	field := all[0].Path
	if field != "" {
		field = "." + field
	}
	r.within(field, func() { r.failAt(start, all[0].Hint, "%s", all[0].Msg) })
}

func (r *reader) verdict() {
	r.object("a verdict", verdictFields, func(string) {
		r.list("a list of violations", func(int) {
			v := trace.Violation{T: -1}
			if len(r.c.Violations) >= 1000 {
				r.fail("more than 1000 violations")
			}
			r.object("a violation", violationFields, func(name string) {
				switch name {
				case "property":
					v.Property = r.word("property", scenarios.Properties())
				case "t":
					v.T = r.whole(0, 1<<62)
				case "nodes":
					v.Nodes = r.nodes()
				case "why":
					v.Why = r.line(10_000)
				}
			})
			if r.err == nil && (v.Property == "" || v.T < 0 || v.Why == "") {
				r.fail("expected property, t, nodes and why")
			}
			r.c.Violations = append(r.c.Violations, v)
		})
	})
}

// nodes reads a list of node numbers, each once.
func (r *reader) nodes() []int {
	nodes := []int{}
	seen := map[int]bool{}
	r.list("a list of nodes", func(int) {
		r.space()
		start := r.at
		n := r.node()
		if r.err == nil && seen[n] {
			r.failAt(start, "", "node %d is listed twice", n)
		}
		seen[n] = true
		nodes = append(nodes, n)
	})
	return nodes
}

// node reads the number of a node of the world.
func (r *reader) node() int {
	r.space()
	start := r.at
	if r.c.Scenario == nil {
		r.fail("expected the scenario before what names a node")
		return 0
	}
	n := r.whole(0, scenarios.MaxWorld)
	if r.err == nil && int(n) >= r.world {
		r.failAt(start, "", "node %d does not exist: nodes are 0 to %d", n, r.world-1)
	}
	return int(n)
}

// lineOf is the line of an offset, counted on from the one before.
func (r *reader) lineOf(offset int) int {
	r.lines += bytes.Count(r.data[r.counted:offset], []byte{'\n'})
	r.counted = offset
	return 1 + r.lines
}
