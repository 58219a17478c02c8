package house

import (
	"bytes"
	"cmp"
	"fmt"
	"go/format"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// textRules are the rules about single files, by the name that a finding carries.
var textRules = []struct {
	name string
	look func(name string, text []byte) []finding
}{
	{"length", findLong},
	{"gofmt", findUnformatted},
	{"words", findWords},
}

// maxLines is how long a Go file may be; generated ones may be longer.
const maxLines = 700

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func findLong(name string, text []byte) []finding {
	lines := bytes.Count(text, []byte("\n"))
	if !strings.HasSuffix(name, ".go") || lines <= maxLines || generated.Match(text) {
		return nil
	}
	return []finding{{name, lines, "length", fmt.Sprintf("%d lines, at most %d: move what is opened for another reason to a file of its own", lines, maxLines)}}
}

func findUnformatted(name string, text []byte) []finding {
	if !strings.HasSuffix(name, ".go") {
		return nil
	}
	want, err := format.Source(text)
	if err != nil {
		return []finding{{name, 1, "gofmt", err.Error()}}
	}
	if bytes.Equal(text, want) {
		return nil
	}
	got := bytes.SplitAfter(text, []byte("\n"))
	for i, line := range bytes.SplitAfter(want, []byte("\n")) {
		if i >= len(got) || !bytes.Equal(line, got[i]) {
			return []finding{{name, i + 1, "gofmt", "not formatted: gofmt -w " + name}}
		}
	}
	return []finding{{name, len(got), "gofmt", "not formatted: gofmt -w " + name}}
}

// forbidden are words that must not stay in a file, put together from halves so that this file passes.
var forbidden = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`), "finish it, or say in docs/limits.md what is missing"},
	{regexp.MustCompile(`(^|[^\w.])/(work|root|home)/`), "a path of one machine: name it relative to the repository, or take a temporary directory"},
	{regexp.MustCompile(`(?i)\b(issues?|fix(es|ed)?|close[sd]?|resolve[sd]?|bug|pr) ?#\d+`), "a number that means nothing outside of a tracker: say what was wrong, in words"},
	{regexp.MustCompile(`\b(proxy|sum)\.golang` + `\.org|registry\.npmjs` + `\.org|\bdeb\.debian` + `\.org`), "a registry's host: name the package, not where it is fetched"},
}

func findWords(name string, text []byte) (found []finding) {
	if path.Base(name) == "go.sum" { // hashes can spell anything
		return nil
	}
	for i, line := range bytes.Split(text, []byte("\n")) {
		for _, f := range forbidden {
			if word := f.pattern.Find(line); word != nil {
				found = append(found, finding{name, i + 1, "words", fmt.Sprintf("%q: %s", strings.TrimSpace(string(word)), f.instead)})
			}
		}
	}
	return found
}

var (
	codeSpan = regexp.MustCompile("`[^`]*`")
	link     = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`^#{1,6} +(.*)`)
	scheme   = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`)
)

// findDeadLinks looks at the links between the documents of files.
func findDeadLinks(files map[string][]byte) (found []finding) {
	for name, text := range files {
		if path.Ext(name) != ".md" {
			continue
		}
		for i, line := range proseOf(text) {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if why := deadLink(files, name, m[1]); why != "" {
					found = append(found, finding{name, i + 1, "links", m[1] + ": " + why})
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b finding) int {
		return cmp.Or(strings.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
	})
	return found
}

func deadLink(files map[string][]byte, from, to string) string {
	if scheme.MatchString(to) {
		return ""
	}
	target, anchor, _ := strings.Cut(to, "#")
	if strings.HasPrefix(target, "/") {
		return "write it relative to the document"
	}
	name := from
	if target != "" {
		name = path.Join(path.Dir(from), target)
	}
	text, isFile := files[name]
	isDir := func(file string) bool { return name == "." || strings.HasPrefix(file, name+"/") }
	switch {
	case !isFile && !slices.ContainsFunc(slices.Collect(maps.Keys(files)), isDir):
		return "no such file"
	case anchor != "" && path.Ext(name) == ".md" && !slices.Contains(anchorsOf(text), anchor):
		return "no such heading in " + name
	}
	return ""
}

// proseOf returns a document's lines with code blanked out, so that line numbers stay.
func proseOf(text []byte) []string {
	lines := strings.Split(string(text), "\n")
	fenced := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fenced || fence {
			lines[i] = ""
		} else {
			lines[i] = codeSpan.ReplaceAllString(line, "")
		}
		fenced = fenced != fence
	}
	return lines
}

// anchorsOf returns what a link to each heading of a document is called.
func anchorsOf(text []byte) (anchors []string) {
	fenced := false
	for line := range strings.Lines(string(text)) {
		fenced = fenced != strings.HasPrefix(line, "```")
		if m := heading.FindStringSubmatch(strings.TrimSpace(line)); m != nil && !fenced {
			anchors = append(anchors, anchorOf(m[1]))
		}
	}
	return anchors
}

func anchorOf(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}
