package trace

import "fmt"

// maxWorld is the largest group that any part of nexarsim takes.
const maxWorld = 4096

const headerHint = `a trace begins with {"format":"nexarsim-trace","version":1,...}; nexarsim run SCENARIO --trace FILE writes one`

var headerFields = []string{"format", "version", "source", "protocol", "world", "model", "config", "scenario", "seed", "comm_id", "nodes", "mode"}

// headerMust is how many of them, from the first, every header has.
const headerMust = 11

var nodeFields = []string{"node", "id"}

// headerParser reads the first line.
type headerParser struct {
	parser
	h     Header
	nodes []int // as listed
	ids   []string
}

func parseHeader(line []byte) (*Header, *FormatError) {
	var p headerParser
	p.reset(line)
	if p.peek() != '{' {
		p.failHint(headerHint, "expected a trace's header, found %q", snippet(line))
		return nil, p.err
	}
	p.object(headerFields, headerMust, 0, func(_ *parser, _, f int) { p.field(headerFields[f]) })
	p.end()
	p.check()
	return &p.h, p.err
}

func (p *headerParser) field(name string) {
	h := &p.h
	switch name {
	case "format":
		if got := p.word(); p.err == nil && got != Format {
			p.failHint(headerHint, "expected %q, found %q", Format, snippet([]byte(got)))
		}
	case "version":
		if got := p.uint(); p.err == nil && got != Version {
			p.failHint("nexarsim version says which versions it knows", "expected %d, found %d", Version, got)
		}
	case "source":
		h.Source = p.oneOf(sources)
	case "protocol":
		h.Protocol = p.word()
	case "world":
		if w := p.int(); p.err == nil && (w < 1 || w > maxWorld) {
			p.fail("expected 1 to %d nodes, found %d", maxWorld, w)
		} else {
			h.World = int(w)
		}
	case "model":
		h.Model = p.oneOf(models)
	case "config":
		h.Config = p.settings()
	case "scenario":
		h.Scenario = p.settings()
	case "seed":
		h.Seed = p.word()
	case "comm_id":
		h.CommID = p.hex()
	case "mode":
		h.Mode = p.oneOf(modes)
	default: // nodes
		p.nodeList()
	}
}

// settings reads an object as it stands.
func (p *headerParser) settings() []byte {
	if p.peek() != '{' {
		p.expected("an object")
		return nil
	}
	return append([]byte(nil), p.raw()...)
}

func (p *headerParser) nodeList() {
	p.nested(nodeFields, func(_ *parser, i, f int) {
		if i >= maxWorld {
			p.fail("more than %d nodes", maxWorld)
			return
		}
		if i == len(p.ids) {
			p.nodes, p.ids = append(p.nodes, 0), append(p.ids, "")
		}
		if f == 0 {
			p.nodes[i] = p.node(maxWorld)
		} else {
			p.ids[i] = string(p.text())
		}
	})
}

// check holds the list of nodes to the world: each node once, no id twice.
func (p *headerParser) check() {
	if p.err != nil {
		return
	}
	h := &p.h
	if h.Protocol == "" {
		p.failAt("protocol", "", "empty")
		return
	}
	if len(p.nodes) != h.World {
		p.failAt("nodes", "", "expected %d, one for each node of the world, found %d", h.World, len(p.nodes))
		return
	}
	h.NodeIDs = make([]string, h.World)
	listed := make([]bool, h.World)
	byID := make(map[string]int, h.World)
	for i, n := range p.nodes {
		at := fmt.Sprintf("nodes[%d]", i)
		switch other, taken := byID[p.ids[i]]; {
		case n >= h.World:
			p.failAt(at+".node", "", "node %d does not exist: the trace has nodes 0 to %d", n, h.World-1)
		case listed[n]:
			p.failAt(at+".node", "", "node %d is listed twice", n)
		case taken:
			p.failAt(at+".id", "an id is never reused", "node %d has the same id as node %d", n, other)
		default:
			listed[n], byID[p.ids[i]], h.NodeIDs[n] = true, n, p.ids[i]
		}
	}
}
