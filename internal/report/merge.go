package report

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
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
	offset := int64(-1)
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset - 1
		e.Msg = "not JSON: " + syntax.Error()
	case errors.As(err, &kind):
		offset = kind.Offset - 1
		e.Field, e.Msg = kind.Field, fmt.Sprintf("expected %s, found %s", wordFor(kind.Type.Kind().String()), kind.Value)
	}
	if offset >= 0 {
		before := string(text[:min(int(offset), len(text))])
		e.Line = 1 + strings.Count(before, "\n")
		e.Col = len(before) - strings.LastIndex(before, "\n")
	}
	return e
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
	return "a number"
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
	if n := d.size(); n > maxUnits {
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
	}
	return nil
}

// Named is a document and the file that it was read from.
type Named struct {
	File string
	*Sweep
}

// merger gathers what documents sum up to.
type merger struct {
	*Sweep
	scenarios map[string]int    // by name
	files     map[string]string // where each was found first
	findings  map[[3]string]int // by scenario, protocol, property
	unfired   map[[3]string]int // by scenario, protocol, fault
}

// Merge puts the documents of several sweeps together, as if one sweep had made all the runs. A name that means two
// scenarios, or a run that was made twice, is an error.
func Merge(docs []Named) (*Sweep, error) {
	m := merger{
		Sweep: &Sweep{
			Digest: strings.Repeat("0", 64), Reach: map[string]uint64{}, NoExpect: docs[0].NoExpect,
			Different: []Difference{}, Malformed: []string{}, Unfired: []Unfired{},
		},
		scenarios: map[string]int{}, files: map[string]string{}, findings: map[[3]string]int{}, unfired: map[[3]string]int{},
	}
	for _, d := range docs {
		if d.NoExpect != m.NoExpect {
			return nil, &DocError{File: d.File, Field: "no_expect", Msg: "one sweep was made with --no-expect, and another without", Hint: "make all of them with the same flags"}
		}
		if err := m.join(d); err != nil {
			return nil, err
		}
	}
	if err := findTwice(docs); err != nil {
		return nil, err
	}
	for _, d := range docs {
		m.add(d.Sweep)
	}
	m.sort()
	m.judge(true)
	return m.Sweep, nil
}

// join gathers a document's scenarios, and sees to it that each name means one.
func (m *merger) join(doc Named) error {
	for _, s := range doc.Scenarios {
		i, known := m.scenarios[s.Name]
		switch {
		case !known:
			m.scenarios[s.Name], m.files[s.Name] = len(m.Scenarios), doc.File
			m.Scenarios = append(m.Scenarios, s)
		case m.Scenarios[i].SHA256 != s.SHA256:
			return &DocError{
				File: doc.File, Field: "scenarios", Msg: fmt.Sprintf("scenario %s is another than the one of that name in %s", s.Name, m.files[s.Name]),
				Hint: "give each scenario a name of its own, and make all shards with the same files",
			}
		}
	}
	return nil
}

// add sums up. All of it is sums, exclusive ors and minima, so that the order of documents does not matter.
func (m *merger) add(o *Sweep) {
	m.Runs += o.Runs
	m.Steps += o.Steps
	m.Messages += o.Messages
	m.Installs += o.Installs
	m.VirtualNS += o.VirtualNS
	m.ElapsedMS += o.ElapsedMS
	m.Undecided += o.Undecided
	m.Doubled += o.Doubled
	m.Digest = xor(m.Digest, o.Digest)
	for point, hits := range o.Reach {
		m.Reach[point] += hits
	}
	m.Different = append(m.Different, o.Different...)
	m.Malformed = append(m.Malformed, o.Malformed...)
	for _, f := range o.Violations {
		m.addFinding(f)
	}
	for _, u := range o.Unfired {
		key := [3]string{u.Scenario, u.Protocol, u.Fault}
		if i, known := m.unfired[key]; known {
			m.Unfired[i].Count += u.Count
			continue
		}
		m.unfired[key] = len(m.Unfired)
		m.Unfired = append(m.Unfired, u)
	}
	for _, p := range o.Parts {
		m.addPart(p)
	}
}

func (m *merger) addFinding(f Finding) {
	key := [3]string{f.Scenario, f.Protocol, f.Property}
	i, known := m.findings[key]
	if !known {
		m.findings[key] = len(m.Violations)
		m.Violations = append(m.Violations, f)
		return
	}
	old := &m.Violations[i]
	count, live := old.Count+f.Count, old.Liveness && f.Liveness
	if f.Steps < old.Steps || f.Steps == old.Steps && seedLess(f.Seed, old.Seed) {
		*old = f
	}
	old.Count, old.Liveness = count, live
}

func seedLess(a, b string) bool {
	x, _ := strconv.ParseUint(a, 10, 64) // both were checked
	y, _ := strconv.ParseUint(b, 10, 64)
	return x < y
}

func xor(a, b string) string {
	x, _ := hex.DecodeString(a) // both were checked
	y, _ := hex.DecodeString(b)
	for i := range x {
		x[i] ^= y[i]
	}
	return hex.EncodeToString(x)
}

// addPart joins the shards of one sweep; all of them together are the sweep itself.
func (d *Sweep) addPart(p Part) {
	for i := range d.Parts {
		o := &d.Parts[i]
		if !o.same(&p) || len(o.Shards) == 0 {
			continue
		}
		o.Shards = append(slices.Clone(o.Shards), p.Shards...)
		first, _ := ParseShard(o.Shards[0]) // checked
		if len(o.Shards) == first.Of {
			o.Shards = nil
		}
		return
	}
	d.Parts = append(d.Parts, p)
}

// same tells whether two parts are shards of one sweep.
func (p *Part) same(o *Part) bool {
	if len(p.Shards) == 0 || len(o.Shards) == 0 {
		return false
	}
	a, _ := ParseShard(p.Shards[0]) // checked
	b, _ := ParseShard(o.Shards[0])
	return a.Of == b.Of && p.Seeds == o.Seeds && slices.Equal(p.Scenarios, o.Scenarios) && slices.Equal(p.Protocols, o.Protocols)
}

// sort puts everything into an order that does not depend on that of the files.
func (d *Sweep) sort() {
	byText := func(a, b string) int { return strings.Compare(a, b) }
	slices.SortFunc(d.Violations, func(a, b Finding) int {
		return cmp.Or(byText(a.Scenario, b.Scenario), byText(a.Protocol, b.Protocol), byText(a.Property, b.Property))
	})
	slices.SortFunc(d.Unfired, func(a, b Unfired) int {
		return cmp.Or(byText(a.Scenario, b.Scenario), byText(a.Protocol, b.Protocol), byText(a.Fault, b.Fault))
	})
	slices.SortFunc(d.Different, func(a, b Difference) int {
		return cmp.Or(byText(a.Scenario, b.Scenario), byText(a.Protocol, b.Protocol), byText(a.Seed, b.Seed))
	})
	slices.Sort(d.Malformed)
	for i := range d.Parts {
		slices.SortFunc(d.Parts[i].Shards, func(a, b string) int {
			x, _ := ParseShard(a) // checked
			y, _ := ParseShard(b)
			return cmp.Compare(x.Index, y.Index)
		})
	}
	slices.SortStableFunc(d.Parts, func(a, b Part) int { return byText(a.Seeds, b.Seeds) })
}

// MissingShards names the shards of sweeps that are not all there.
func (d *Sweep) MissingShards() []string {
	var all []string
	for i := range d.Parts {
		p := &d.Parts[i]
		if len(p.Shards) == 0 {
			continue
		}
		first, _ := ParseShard(p.Shards[0]) // checked
		for index := 1; index <= first.Of && len(all) < maxNamed; index++ {
			if text := fmt.Sprintf("%d/%d", index, first.Of); !slices.Contains(p.Shards, text) {
				all = append(all, text)
			}
		}
	}
	return all
}

// maxNamed bounds how many missing shards are named.
const maxNamed = 20
