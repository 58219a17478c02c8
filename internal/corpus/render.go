package corpus

import (
	"fmt"
	"io"
	"strings"
)

// Findings writes docs/findings.md: what the harness finds in nexar 0.1.2, from the capsules alone.
func Findings(w io.Writer, all []Entry) {
	fmt.Fprint(w, findingsHead)
	fmt.Fprintf(w, "| finding | property | nodes | crashes | decisions | repaired by |\n|---|---|---|---|---|---|\n")
	for i := range all {
		if e := &all[i]; e.classic() {
			c := e.Capsule
			fmt.Fprintf(w, "| [%s](#%s) | `%s` | %d | %d | %d | %s |\n", e.Bug, anchor(e.Bug), c.Property, e.Replays[0].World, e.Crashes(), len(c.Decisions), code(e.RepairedBy))
		}
	}
	for i := range all {
		if e := &all[i]; e.classic() {
			e.finding(w)
		}
	}
}

const findingsHead = `# What the harness finds in nexar 0.1.2

Each finding is a capsule of [testdata/capsules](../testdata/capsules/README.md): the smallest run found that shows it,
replayed when this page was made (` + "`make findings`" + `). The facts behind a finding (C1 and so on) are those of
[classic.md](classic.md). "Repaired by" is the rung of the repair ladder from which on the same decisions no longer break the
property; "none" is what remains when all rungs are in: the agreement itself. ` + "`quorum`" + ` is another protocol.

`

// finding writes one section.
func (e *Entry) finding(w io.Writer) {
	c := e.Capsule
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n", e.Bug, e.Text)
	fmt.Fprintf(w, "- Property: `%s`, found with `%s`. %s.\n", c.Property, c.Protocol, e.sentence())
	fmt.Fprintf(w, "- Facts: %s.\n", strings.Join(e.Facts, ", "))
	fmt.Fprintf(w, "- Capsule: `testdata/capsules/%s`, %s.\n", e.File, e.size())
	if c.Cause != "" {
		fmt.Fprintf(w, "- %s%s\n", strings.ToUpper(c.Cause[:1]), c.Cause[1:])
	}
	fmt.Fprintf(w, "- Replayed: %s.\n", e.outcomes())
	fmt.Fprintf(w, "\n```\n%s```\n", trimRight(e.Story))
}

// sentence is the judge's first sentence about the property.
func (e *Entry) sentence() string {
	for i := range e.Replays[0].Verdict.Violations {
		if v := &e.Replays[0].Verdict.Violations[i]; v.Property == e.Capsule.Property {
			return strings.ToUpper(v.Why[:1]) + v.Why[1:]
		}
	}
	return "Not broken any more"
}

func (e *Entry) size() string {
	return fmt.Sprintf("%s, %s, %s", count(e.Replays[0].World, "node"), crashes(e.Crashes()), count(len(e.Capsule.Decisions), "decision"))
}

func crashes(n int) string {
	if n == 1 {
		return "1 crash"
	}
	return fmt.Sprintf("%d crashes", n)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (e *Entry) outcomes() string {
	var parts []string
	for _, p := range ladder() {
		if r := e.On(p); r != nil {
			parts = append(parts, fmt.Sprintf("`%s` %s", p, r.Outcome))
		}
	}
	return strings.Join(parts, ", ")
}

// Track writes the corpus' README: its record so far.
func Track(w io.Writer, all []Entry) {
	fmt.Fprint(w, trackHead)
	fmt.Fprintf(w, "| capsule | bug | property | found by | fixed in | replay today |\n|---|---|---|---|---|---|\n")
	for i := range all {
		e := &all[i]
		r := e.Replays[0]
		fmt.Fprintf(w, "| [%s](%s) | %s | `%s` | %s | %s | `%s`: %s |\n", strings.TrimSuffix(e.File, ".json"), e.File, e.Bug, e.Capsule.Property, "sweep of "+e.Found.Scenario, e.fixedIn(), r.Protocol, r.Outcome)
	}
	fmt.Fprint(w, trackTail)
}

func (e *Entry) fixedIn() string {
	if e.classic() && e.RepairedBy == "" {
		return "no rung"
	}
	if e.classic() {
		return code(e.RepairedBy)
	}
	return e.RepairedBy
}

const trackHead = `# The capsules of this project

Every capsule here was a finding. ` + "`go test ./internal/corpus`" + ` replays them all: on the protocol that a capsule was found with
it must say ` + "`reproduced`" + ` and give the capsule's digest, and on each rung from the repairing one on it must say
` + "`fixed`" + `. A capsule that does neither any more has lost its power, and the test fails. This page is made from the
replays (` + "`make findings`" + `).

`

const trackTail = `
The bugs of nexar 0.1.2 stay: ` + "`classic`" + ` models it as it was published. [docs/findings.md](../../docs/findings.md) tells each of them.
`

func (e *Entry) classic() bool { return strings.HasPrefix(e.Capsule.Protocol, "classic") }

func code(text string) string {
	if text == "" {
		return "none"
	}
	return "`" + text + "`"
}

// anchor is the link target that Markdown renderers give a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_':
			return r
		case r == ' ':
			return '-'
		}
		return -1
	}, strings.ToLower(heading))
}

// trimRight takes trailing blanks off each line.
func trimRight(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
