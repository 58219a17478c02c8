package scenarios

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

var (
	expectationFields = []string{"violates", "may"}
	registerFields    = []string{"clients", "every"}
	everyFields       = []string{"every"}
)

// mostClients bounds the register's clients.
const mostClients = 1000

// workload reads what the application does all along.
func (f fields) workload() *Workload {
	v, ok := f.get("workload")
	if !ok {
		return nil
	}
	w := &Workload{}
	g, ok := v.fields("a workload such as {barrier: {every: 1s}}", workloadWords)
	if !ok {
		return w
	}
	if len(g.names) != 1 {
		if !g.unknown {
			v.fail("write {register: {clients: 2, every: 500ms}}, {allreduce: {every: 200ms}} or {barrier: {every: 1s}}", "expected one workload, found %d", len(g.names))
		}
		return w
	}
	w.Kind = g.names[0]
	known := everyFields
	if w.Kind == "register" {
		known = registerFields
	}
	if h, ok := g.byName[w.Kind].fields("a mapping of settings", known); ok {
		h.pace(w)
	}
	return w
}

// pace reads how often the application calls, and how many clients it has.
func (f fields) pace(w *Workload) {
	if w.Kind == "register" {
		if c, ok := f.need("clients", "how many clients write and read: clients: 2"); ok {
			n, _ := c.whole(1, mostClients)
			w.Clients = int(n)
		}
	}
	if e, ok := f.need("every", "the time between two calls: every: 500ms"); ok {
		w.Every, _ = e.duration(1, longestDuration)
	}
}

// expect reads what is expected of which protocol.
func (f fields) expect() []Expectation {
	v, ok := f.get("expect")
	if !ok {
		return nil
	}
	if v.node.Kind == yaml.ScalarNode && v.node.Value == "pass" {
		v.fail("write {quorum: pass}", "expected a mapping of protocols, found pass")
		return nil
	}
	g, ok := v.mapping("a mapping of protocols such as {quorum: pass}", "protocol", protocolWords)
	if !ok {
		return nil
	}
	var all []Expectation
	for _, name := range g.names {
		all = append(all, g.byName[name].expectation(name))
	}
	return all
}

// expectation reads pass, or what is expected to be violated.
func (v value) expectation(protocol string) Expectation {
	e := Expectation{Protocol: protocol}
	const hint = "write pass, or {violates: [agreement], may: [recovery]}"
	if v.node.Kind == yaml.ScalarNode {
		if text, ok := v.text(); ok && text != "pass" {
			v.fail(hint, "expected pass or a mapping, found %s", v.describe())
		}
		return e
	}
	f, ok := v.fields("pass, or a mapping of violates and may", expectationFields)
	if !ok {
		return e
	}
	if len(f.names) == 0 && !f.unknown {
		v.fail(hint, "expected pass or a mapping, found an empty one")
	}
	if w, ok := f.get("violates"); ok {
		e.Violates = w.properties(nil)
	}
	if w, ok := f.get("may"); ok {
		e.May = w.properties(e.Violates)
	}
	return e
}

// properties reads a list of properties, which may be empty; none of them is one of the others.
func (v value) properties(others []string) []string {
	if !v.is(yaml.SequenceNode, "a list of properties") {
		return nil
	}
	var all []string
	for entry := range v.children() {
		p, ok := entry.word("property", propertyWords)
		switch {
		case !ok:
		case slices.Contains(others, p):
			entry.fail("what must be found need not be allowed as well", "%s is in violates already", p)
		case slices.Contains(all, p):
			entry.fail("", "%s is listed twice", p)
		default:
			all = append(all, p)
		}
	}
	return all
}
