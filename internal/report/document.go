package report

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"nexarsim/internal/seeds"
	"nexarsim/scenarios"
)

// MaxFile is the largest document that is read.
const MaxFile = 16 << 20

// DocError says what is wrong with a document, and where.
type DocError struct {
	File      string
	Line, Col int    // from 1; 0 if the whole is meant
	Field     string // empty if no single one is meant
	Msg       string
	Hint      string
}

// Error gives place, field and message.
func (e *DocError) Error() string {
	text := e.File
	if e.Line > 0 {
		text += fmt.Sprintf(":%d:%d", e.Line, e.Col)
	}
	if e.Field != "" {
		text += ": " + e.Field
	}
	return text + ": " + e.Msg
}

const sweepHint = "nexarsim sweep --shard 1/4 --json writes such a document"

// ReadSweep reads the document of a sweep and checks all that a merge relies on.
func ReadSweep(r io.Reader, name string) (*Sweep, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxFile {
		return nil, &DocError{File: name, Msg: "larger than 16 MiB"}
	}
	d := new(Sweep)
	if err := json.Unmarshal(text, d); err != nil {
		return nil, jsonError(name, text, err)
	}
	if e := findTwin(name, text); e != nil {
		return nil, e
	}
	if e := d.check(); e != nil {
		e.File = name
		return nil, e
	}
	return d, nil
}

// jsonError gives an error of encoding/json its place.
func jsonError(name string, text []byte, err error) error {
	e := &DocError{File: name, Msg: strings.TrimPrefix(err.Error(), "json: "), Hint: sweepHint}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		e.setPlace(text, syntax.Offset-1)
		e.Msg = "not JSON: " + syntax.Error()
	case errors.As(err, &kind):
		e.setPlace(text, kind.Offset-1)
		e.Field, e.Msg = kind.Field, fmt.Sprintf("expected %s, found %s", wordFor(kind.Type.Kind().String()), foundIn(kind.Value))
	}
	return e
}

// setPlace turns an offset into a line and a column.
func (e *DocError) setPlace(text []byte, offset int64) {
	if offset < 0 {
		return
	}
	before := text[:min(int(offset), len(text))]
	e.Line = 1 + bytes.Count(before, []byte("\n"))
	e.Col = len(before) - bytes.LastIndexByte(before, '\n')
}

// findTwin looks for a field that stands twice in one object: encoding/json would take the last one, and say nothing.
func findTwin(name string, text []byte) *DocError {
	dec := json.NewDecoder(bytes.NewReader(text))
	var open []map[string]bool // the fields of each object that is open; nil for a list
	isKey := false
	for {
		token, err := dec.Token()
		if err != nil {
			return nil // the end: the text was read before
		}
		switch at := len(open) - 1; token {
		case json.Delim('{'):
			open = append(open, map[string]bool{})
			isKey = true
			continue
		case json.Delim('['):
			open = append(open, nil)
		case json.Delim('}'), json.Delim(']'):
			open = open[:at]
		default:
			key, _ := token.(string)
			if !isKey || at < 0 || open[at] == nil {
				break
			}
			if open[at][key] {
				e := &DocError{File: name, Field: key, Msg: "duplicate field"}
				e.setPlace(text, dec.InputOffset()-1)
				return e
			}
			open[at][key] = true
			isKey = false
			continue
		}
		isKey = len(open) > 0 && open[len(open)-1] != nil
	}
}

// foundIn tells a value that is of another kind, or too large or too small for a field.
func foundIn(value string) string {
	if number, ok := strings.CutPrefix(value, "number "); ok {
		return number
	}
	return "a " + value
}

// wordFor is what a reader of JSON calls a kind of Go value.
func wordFor(kind string) string {
	switch kind {
	case "struct", "map":
		return "an object"
	case "slice":
		return "a list"
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	}
	if strings.HasPrefix(kind, "uint") {
		return "a whole number from 0"
	}
	return "a number within bounds"
}

// check says what is wrong with a document that was read.
func (d *Sweep) check() *DocError {
	if sum, err := hex.DecodeString(d.Digest); err != nil || len(sum) != 32 {
		return &DocError{Field: "digest", Msg: "expected 64 hex digits, as a sweep has", Hint: sweepHint}
	}
	if len(d.Parts) == 0 {
		return &DocError{Field: "parts", Msg: "missing: the document does not say which runs were made", Hint: sweepHint}
	}
	if d.Interrupted {
		return &DocError{Field: "interrupted", Msg: "the sweep was interrupted: nobody knows which of its runs were made", Hint: "make it again"}
	}
	if d.size() > maxUnits {
		return &DocError{Field: "parts", Msg: fmt.Sprintf("more than %d scenarios, protocols and shards", maxUnits)}
	}
	names := map[string]bool{}
	for i := range d.Scenarios {
		s := &d.Scenarios[i]
		if names[s.Name] {
			return &DocError{Field: fmt.Sprintf("scenarios[%d].name", i), Msg: fmt.Sprintf("scenario %s is listed twice", s.Name)}
		}
		names[s.Name] = true
	}
	for i := range d.Parts {
		if e := d.Parts[i].check(names); e != nil {
			e.Field = fmt.Sprintf("parts[%d].%s", i, e.Field)
			return e
		}
	}
	return d.checkFindings()
}

// maxUnits bounds what one document lists: each scenario with each protocol and shard.
const maxUnits = 500_000

func (d *Sweep) size() int {
	n := 0
	for i := range d.Parts {
		p := &d.Parts[i]
		n = min(n+len(p.Scenarios)*max(1, len(p.Protocols))*max(1, len(p.Shards)), maxUnits+1)
	}
	return n
}

func (p *Part) check(names map[string]bool) *DocError {
	if len(p.Scenarios) == 0 {
		return &DocError{Field: "scenarios", Msg: "no scenarios"}
	}
	listed := map[string]bool{}
	for i, name := range p.Scenarios {
		switch {
		case !names[name]:
			return &DocError{Field: fmt.Sprintf("scenarios[%d]", i), Msg: fmt.Sprintf("scenario %q is not described under scenarios", name)}
		case listed[name]:
			return &DocError{Field: fmt.Sprintf("scenarios[%d]", i), Msg: fmt.Sprintf("scenario %q is listed twice", name)}
		}
		listed[name] = true
	}
	for i, protocol := range p.Protocols {
		if !slices.Contains(scenarios.Protocols(), protocol) || slices.Contains(p.Protocols[:i], protocol) {
			return &DocError{Field: fmt.Sprintf("protocols[%d]", i), Msg: fmt.Sprintf("protocol %q is unknown, or listed twice", protocol)}
		}
	}
	if _, err := seeds.Parse(p.Seeds); err != nil {
		return &DocError{Field: "seeds", Msg: err.Error()}
	}
	of, seen := 0, map[int]bool{}
	for i, text := range p.Shards {
		s, err := ParseShard(text)
		switch {
		case err != nil:
			return &DocError{Field: fmt.Sprintf("shards[%d]", i), Msg: err.Error()}
		case of != 0 && s.Of != of:
			return &DocError{Field: fmt.Sprintf("shards[%d]", i), Msg: fmt.Sprintf("%s beside shards of %d", text, of)}
		case seen[s.Index]:
			return &DocError{Field: fmt.Sprintf("shards[%d]", i), Msg: text + " is listed twice"}
		}
		of, seen[s.Index] = s.Of, true
	}
	return nil
}

// checkFindings holds findings to the runs that were made.
func (d *Sweep) checkFindings() *DocError {
	units := map[unit]bool{}
	for _, u := range d.units() {
		units[u] = true
	}
	for i := range d.Violations {
		f := &d.Violations[i]
		at := func(field, msg string) *DocError {
			return &DocError{Field: fmt.Sprintf("violations[%d].%s", i, field), Msg: msg}
		}
		if !units[unit{f.Scenario, f.Protocol}] {
			return at("scenario", fmt.Sprintf("the sweep made no run of %q with %q", f.Scenario, f.Protocol))
		}
		if _, err := seeds.One(f.Seed); err != nil {
			return at("seed", err.Error())
		}
		for k := range f.Causes {
			if _, err := seeds.One(f.Causes[k].Seed); err != nil {
				return at(fmt.Sprintf("causes[%d].seed", k), err.Error())
			}
		}
	}
	return nil
}
