package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/internal/report"
	"nexarsim/scenarios"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
)

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks gives the indented blocks of a page.
func blocks(text string) []string {
	var all []string
	inside := false
	for line := range strings.Lines(text) {
		code, indented := strings.CutPrefix(line, "    ")
		switch {
		case indented && inside:
			all[len(all)-1] += code
		case indented:
			all = append(all, code)
		}
		inside = indented
	}
	return all
}

// mentions reports words that a page does not have in code type.
func mentions(t *testing.T, name string, words []string) {
	t.Helper()
	text := page(t, name)
	for _, word := range words {
		if !strings.Contains(text, "`"+word+"`") && !strings.Contains(text, "`"+word+":") && !strings.Contains(text, "{"+word+":") {
			t.Errorf("%s does not mention %s", name, word)
		}
	}
}

// TestScenarioPage: its examples are taken by the parser, and it has every field and word of the schema.
func TestScenarioPage(t *testing.T) {
	for _, text := range blocks(page(t, "scenario.md")) {
		switch {
		case strings.HasPrefix(text, "expect:"):
			text = "name: a\nworld: 5\n" + text
		case strings.HasPrefix(text, "- "):
			text = "name: a\nworld: 5\nfaults:\n" + text
		}
		if _, err := scenarios.Parse("scenario.md", []byte(text)); err != nil {
			t.Errorf("%v in:\n%s", err, text)
		}
	}
	var schema map[string]any
	if err := json.Unmarshal(scenarios.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	words := slices.Concat(scenarios.Protocols(), scenarios.Properties(), scenarios.MessageKinds())
	page := page(t, "scenario.md")
	for _, field := range fieldsOf(schema) {
		if !strings.Contains(page, field) {
			t.Errorf("scenario.md does not mention %s", field)
		}
	}
	mentions(t, "scenario.md", words)
}

// fieldsOf gives the names of all properties in a schema.
func fieldsOf(node any) []string {
	var names []string
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			if fields, ok := value.(map[string]any); ok && key == "properties" {
				for name := range fields {
					names = append(names, name)
				}
			}
			names = append(names, fieldsOf(value)...)
		}
	case []any:
		for _, value := range node {
			names = append(names, fieldsOf(value)...)
		}
	}
	return names
}

// TestTracePage: its example is a trace, and it has every kind of event.
func TestTracePage(t *testing.T) {
	example := blocks(page(t, "trace.md"))[0]
	rep, err := checker.CheckTrace(strings.NewReader(example), "trace.md")
	if err != nil || len(rep.Verdict.Malformed) > 0 {
		t.Errorf("%v, %v", err, rep.Verdict.Malformed)
	}
	var kinds []string
	for k := trace.Crash; int(k) < trace.Kinds; k++ {
		if k != trace.Verdict {
			kinds = append(kinds, k.String())
		}
	}
	mentions(t, "trace.md", kinds)
}

// TestExitCodesPage: it has a row for each code.
func TestExitCodesPage(t *testing.T) {
	text := page(t, "exit-codes.md")
	for _, code := range []report.Code{report.Passed, report.Safety, report.Usage, report.Irreplicable, report.Liveness, report.Harness, report.Interrupted} {
		if !strings.Contains(text, fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("exit-codes.md has no row for %d", code)
		}
	}
}

// TestCapsulePage: its example is a capsule that is replayed as it says, and it has every field.
func TestCapsulePage(t *testing.T) {
	c, err := capsule.Parse("capsule.md", []byte(blocks(page(t, "capsule.md"))[0]))
	if err != nil {
		t.Fatal(err)
	}
	r, err := sim.New().Replay(sim.ReplaySpec{Capsule: c})
	if err != nil || r.Outcome != sim.Reproduced || !r.Same {
		t.Errorf("the example is %+v, %v", r, err)
	}
	mentions(t, "capsule.md", append(capsule.Fields(), capsule.StepKinds()...))
}
