package report

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

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
		f.Causes = joinCauses([]Cause{}, f.Causes)
		m.findings[key] = len(m.Violations)
		m.Violations = append(m.Violations, f)
		return
	}
	old := &m.Violations[i]
	count, live := old.Count+f.Count, old.Liveness && f.Liveness
	causes := joinCauses(old.Causes, f.Causes)
	if f.Steps < old.Steps || f.Steps == old.Steps && seedLess(f.Seed, old.Seed) {
		*old = f
	}
	old.Count, old.Liveness, old.Causes = count, live, causes
}

// joinCauses adds one list of causes to another, which is in order.
func joinCauses(all, more []Cause) []Cause {
	for _, c := range more {
		i, known := slices.BinarySearchFunc(all, c.Cause, func(o Cause, cause string) int { return strings.Compare(o.Cause, cause) })
		if !known {
			all = slices.Insert(all, i, c)
			continue
		}
		old := &all[i]
		count := old.Count + c.Count
		if c.Steps < old.Steps || c.Steps == old.Steps && seedLess(c.Seed, old.Seed) {
			*old = c
		}
		old.Count = count
	}
	return all
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
