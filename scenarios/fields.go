package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// fields is a mapping whose keys are known ones, each at most once.
type fields struct {
	of      value
	byName  map[string]value
	names   []string // in file order
	unknown bool     // there were others, complained about
}

// fields reads a mapping of fields. It complains about unknown and duplicate ones, and goes on with the rest. The
// expected text says what kind of mapping should be here.
func (v value) fields(expected string, known []string) (fields, bool) {
	return v.mapping(expected, "field", known)
}

// mapping is fields with another noun for what the keys are.
func (v value) mapping(expected, noun string, known []string) (fields, bool) {
	f := fields{of: v, byName: map[string]value{}}
	if !v.is(yaml.MappingNode, expected) {
		return f, false
	}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		f.add(v.node.Content[i], v.node.Content[i+1], noun, known)
	}
	return f, true
}

// add takes one key with its value.
func (f *fields) add(key, content *yaml.Node, noun string, known []string) {
	name, d := keyName(key), f.of.d
	field := value{d: d, node: content, parent: &f.of, key: name, depth: f.of.depth + 1}
	place := value{d: d, node: key, parent: &f.of, key: name, depth: f.of.depth + 1}
	_, duplicate := f.byName[name]
	switch {
	case d.refused[key]:
		f.unknown = true
	case key.Kind != yaml.ScalarNode:
		f.unknown = true
		place.fail("", "expected a %s's name, found %s", noun, place.describe())
	case !slices.Contains(known, name):
		f.unknown = true
		place.fail(unknownHint(name, known), "unknown %s", noun)
	case duplicate:
		place.fail("", "duplicate %s: it is set at line %d already", noun, f.byName[name].node.Line)
	default:
		f.byName[name] = field
		f.names = append(f.names, name)
	}
}

// elsewhere are names that people know from other tools, with what they are called here.
var elsewhere = map[string]string{
	"description": "about", "title": "name", "nodes": "world", "size": "world", "kill": "crash", "die": "crash", "freeze": "pause",
	"stop": "pause", "delay": "slow", "drop": "loss", "heal": "for", "until": "for", "trigger": "when", "time": "at", "clock": "skew",
}

// unknownHint says which field was probably meant.
func unknownHint(name string, known []string) string {
	const list = "`nexarsim scenarios schema` lists all fields"
	if other := elsewhere[name]; slices.Contains(known, other) {
		return fmt.Sprintf("did you mean %q? %s", other, list)
	}
	switch name {
	case "seed":
		return "the seed is not part of a scenario: give it with --seed"
	case "<<":
		return "merge keys are refused: write the fields out"
	}
	if nearest, ok := Nearest(name, known); ok {
		return fmt.Sprintf("did you mean %q? %s", nearest, list)
	}
	return "known here: " + strings.Join(known, ", ")
}

// get gives a field if it is there.
func (f fields) get(name string) (value, bool) {
	v, ok := f.byName[name]
	return v, ok
}

// has reports whether the field is there.
func (f fields) has(name string) bool {
	_, ok := f.byName[name]
	return ok
}

// need gives a field, or complains that it is missing. After a misspelt field it does not: that one is probably it.
func (f fields) need(name, hint string) (value, bool) {
	v, ok := f.byName[name]
	if !ok && !f.unknown {
		missing := value{d: f.of.d, node: f.of.node, parent: &f.of, key: name}
		missing.fail(hint, "missing")
	}
	return v, ok
}

// whole reads an optional whole number.
func (f fields) whole(name string, otherwise, low, high int64) int64 {
	if v, ok := f.get(name); ok {
		if n, ok := v.whole(low, high); ok {
			return n
		}
	}
	return otherwise
}

// wholeRange reads an optional range of whole numbers.
func (f fields) wholeRange(name string, low, high int64) Range {
	if v, ok := f.get(name); ok {
		r, _ := v.wholeRange(low, high)
		return r
	}
	return Range{}
}

// duration reads an optional duration from low to the longest.
func (f fields) duration(name string, otherwise, low time.Duration) time.Duration {
	if v, ok := f.get(name); ok {
		if t, ok := v.duration(low, longestDuration); ok {
			return t
		}
	}
	return otherwise
}

// rate reads an optional probability.
func (f fields) rate(name string, otherwise Rate) Rate {
	if v, ok := f.get(name); ok {
		if r, ok := v.rate(0, rateOne); ok {
			return r
		}
	}
	return otherwise
}

// boolean reads an optional true or false.
func (f fields) boolean(name string, otherwise bool) bool {
	if v, ok := f.get(name); ok {
		if b, ok := v.boolean(); ok {
			return b
		}
	}
	return otherwise
}

// word reads an optional word out of known ones.
func (f fields) word(name, noun, otherwise string, known []string) string {
	if v, ok := f.get(name); ok {
		if w, ok := v.word(noun, known); ok {
			return w
		}
	}
	return otherwise
}
