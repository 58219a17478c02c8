package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// list gives the entries of a list that may not be empty. Its nouns say what the entries are.
func (v value) list(nouns string) []value {
	if !v.is(yaml.SequenceNode, "a list of "+nouns) {
		return nil
	}
	if len(v.node.Content) == 0 {
		v.fail("", "an empty list of %s", nouns)
	}
	return slices.Collect(v.children())
}

// plain reports whether the value is a scalar with one of the tags, and complains if not.
func (v value) plain(expected, hint string, tags ...string) bool {
	if !v.is(yaml.ScalarNode, expected) {
		return false
	}
	if !slices.Contains(tags, v.node.ShortTag()) {
		v.fail(hint, "expected %s, found %s", expected, v.describe())
		return false
	}
	return true
}

// text gives a scalar that is text.
func (v value) text() (string, bool) {
	hint := ""
	if v.node.Kind == yaml.ScalarNode && v.node.ShortTag() != "!!null" {
		hint = "put it in quotes: " + strconv.Quote(shorten(v.node.Value))
	}
	if !v.plain("text", hint, "!!str") {
		return "", false
	}
	return v.node.Value, true
}

// word gives one of the known words. Its noun says what they are.
func (v value) word(noun string, known []string) (string, bool) {
	text, ok := v.text()
	if !ok || slices.Contains(known, text) {
		return text, ok
	}
	v.fail(didYouMean(text, known), "unknown %s %s", noun, printable(text))
	return "", false
}

// didYouMean hints at the nearest known word, or at all of them.
func didYouMean(text string, known []string) string {
	if nearest, ok := Nearest(text, known); ok {
		return fmt.Sprintf("did you mean %q?", nearest)
	}
	return "known: " + strings.Join(known, ", ")
}

// boolean gives true or false.
func (v value) boolean() (on, ok bool) {
	if !v.plain("true or false", "", "!!bool") {
		return false, false
	}
	switch v.node.Value {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	v.fail("", "expected true or false, found %s", v.describe())
	return false, false
}

// whole gives a whole number from low to high.
func (v value) whole(low, high int64) (int64, bool) {
	const expected = "a whole number"
	hint := ""
	if _, number := parseWhole(v.node.Value); number {
		hint = "remove the quotes"
	}
	if !v.plain(expected, hint, "!!int") {
		return 0, false
	}
	n, ok := parseWhole(v.node.Value)
	if !ok {
		v.fail("write it in decimal digits", "expected %s, found %s", expected, v.describe())
		return 0, false
	}
	return n, v.within(n, low, high)
}

// within complains about a number out of bounds.
func (v value) within(n, low, high int64) bool {
	if n < low || n > high {
		v.fail("", "%d is out of range: %d to %d", n, low, high)
		return false
	}
	return true
}

// wholeRange gives a range of whole numbers, 3..8, or a single one.
func (v value) wholeRange(low, high int64) (Range, bool) {
	const expected = "a whole number or a range such as 3..8"
	if v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!int" {
		n, ok := v.whole(low, high)
		return Range{int(n), int(n)}, ok
	}
	if !v.plain(expected, "", "!!str") {
		return Range{}, false
	}
	first, last, found := strings.Cut(v.node.Value, "..")
	from, fromOK := parseWhole(first)
	to, toOK := parseWhole(last)
	switch {
	case !found && fromOK:
		v.fail("remove the quotes", "expected %s, found %s", expected, v.describe())
	case !found || !fromOK || !toOK:
		v.fail("", "expected %s, found %s", expected, v.describe())
	case from > to:
		v.fail(fmt.Sprintf("write %d..%d", to, from), "reversed range %d..%d", from, to)
	default:
		return Range{int(from), int(to)}, v.within(from, low, high) && v.within(to, low, high)
	}
	return Range{}, false
}

// duration gives a duration from low to high.
func (v value) duration(low, high time.Duration) (time.Duration, bool) {
	const expected = "a duration such as 500ms or 2m"
	if !v.plain(expected, v.durationHint(), "!!str") {
		return 0, false
	}
	t, ok := parseDuration(v.node.Value)
	if !ok {
		v.fail(v.durationHint(), "expected %s, found %s", expected, v.describe())
		return 0, false
	}
	return t, v.lasting(t, low, high)
}

// lasting complains about a duration out of bounds.
func (v value) lasting(t, low, high time.Duration) bool {
	if t >= low && t <= high {
		return true
	}
	switch {
	case t > high:
		v.fail("", "too long: at most %s", FormatDuration(high))
	case low == 1:
		v.fail("", "must be longer than 0s")
	default:
		v.fail("", "must be at least %s", FormatDuration(low))
	}
	return false
}

// durationHint says how to write what probably is a duration.
func (v value) durationHint() string {
	const units = "units are ns us ms s m h"
	if v.node.Kind != yaml.ScalarNode {
		return units
	}
	text := v.node.Value
	if whole, ok := parseWhole(text); ok && whole == 0 {
		return "write 0s"
	} else if ok {
		return fmt.Sprintf("did you mean %ss? %s", text, units)
	}
	replaced := strings.NewReplacer(" ", "", "µs", "us", "μs", "us", "sec", "s", "min", "m").Replace(strings.ToLower(text))
	if _, ok := parseDuration(replaced); ok {
		return fmt.Sprintf("did you mean %s? %s", replaced, units)
	}
	return units
}

// span gives a range of durations, 50us..2ms, or a single one as a range of its own.
func (v value) span(low, high time.Duration) (from, to time.Duration, ok bool) {
	const expected = "a range of durations such as 50us..2ms"
	if !v.plain(expected, v.durationHint(), "!!str") {
		return 0, 0, false
	}
	first, last, found := strings.Cut(v.node.Value, "..")
	if !found {
		last = first
	}
	from, fromOK := parseDuration(first)
	to, toOK := parseDuration(last)
	switch {
	case !fromOK || !toOK:
		v.fail("units are ns us ms s m h, on both sides", "expected %s, found %s", expected, v.describe())
	case from > to:
		v.fail("write "+formatSpan(to, from), "reversed range %s", formatSpan(from, to))
	default:
		return from, to, v.lasting(from, low, high) && v.lasting(to, low, high)
	}
	return 0, 0, false
}

// rate gives a decimal from low to high.
func (v value) rate(low, high Rate) (Rate, bool) {
	expected := fmt.Sprintf("a decimal number from %s to %s", low, high)
	hint := fmt.Sprintf("at most %d digits after the point, no exponent", rateDigits)
	if _, problem := parseRate(v.node.Value); problem == "" {
		hint = "remove the quotes"
	}
	if !v.plain(expected, hint, "!!int", "!!float") {
		return 0, false
	}
	r, problem := parseRate(v.node.Value)
	switch {
	case problem != "":
		v.fail(hint, "%s: expected %s, found %s", problem, expected, v.describe())
	case r < low || r > high:
		v.fail("", "%s is out of range: %s to %s", r, low, high)
	default:
		return r, true
	}
	return 0, false
}

// nodeNumber gives the number of a node that exists in every world of the scenario.
func (v value) nodeNumber() (int, bool) {
	hint := ""
	if _, number := parseWhole(v.node.Value); number {
		hint = "remove the quotes"
	}
	if !v.plain("a node's number", hint, "!!int") {
		return 0, false
	}
	n, ok := parseWhole(v.node.Value)
	switch {
	case !ok || n < 0:
		v.fail("nodes are numbered from 0", "expected a node's number, found %s", v.describe())
		return 0, false
	case v.d.smallest > 0 && n >= int64(v.d.smallest):
		v.fail(v.d.worldHint(), "node %d does not exist: nodes are 0 to %d", n, v.d.smallest-1)
		return 0, false
	}
	return int(n), true
}

// worldHint explains where the limit of node numbers comes from.
func (d *decoder) worldHint() string {
	if d.world.Min == d.world.Max {
		return ""
	}
	return fmt.Sprintf("a node must exist in the smallest world of the range %s", d.world)
}

// nodes gives a list of node numbers, each once.
func (v value) nodes() []int {
	if v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!int" {
		v.fail(fmt.Sprintf("write [%s]", shorten(v.node.Value)), "expected a list of nodes, found %s", v.describe())
		return nil
	}
	var all []int
	seen := map[int]bool{}
	for _, entry := range v.list("nodes") {
		n, ok := entry.nodeNumber()
		if ok && seen[n] {
			entry.fail("", "node %d is listed twice", n)
		}
		if ok {
			seen[n] = true
			all = append(all, n)
		}
	}
	return all
}
