package conform

import (
	"fmt"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/internal/record"
)

// Property is the name under which a verdict lists what this package finds.
const Property = "conformance"

// Checker compares one trace, line by line, with what the nodes' machines do.
type Checker struct {
	header *trace.Header
	make   func(core.Setup) (core.Machine, error)
	cfg    core.Config
	nodes  []*node
	found  []trace.Violation
	inputs uint64
	more   bool // the nodes of a simulation have more on top of the protocol than its scenario says: nothing is compared
}

// node is one machine and what its last step did that the trace has not shown yet.
type node struct {
	machine core.Machine // nil before its first input
	part    record.Part
	out     core.Effects
	lines   []line
	t       int64 // of the last step
	cut     bool  // its process was killed or stopped: the last step's lines may be incomplete
	broken  bool  // it differs: nothing more is compared
}

// line is what a trace says of one effect, in a form that can be compared.
type line struct {
	kind trace.Kind
	text string
}

// New makes a checker for a trace. It gives nil and no error for a protocol whose machines are not known here.
func New(h *trace.Header) (*Checker, error) {
	cfg, known, err := configOf(h)
	if err != nil || !known {
		return nil, err
	}
	c := &Checker{header: h, cfg: cfg, nodes: make([]*node, h.World)}
	c.make = constructor(h)
	for i := range c.nodes {
		c.nodes[i] = &node{}
	}
	return c, nil
}

// Observe takes the trace's next line.
func (c *Checker) Observe(ev *trace.Event) {
	if ev.Node < 0 || ev.Node >= len(c.nodes) {
		return
	}
	if c.more = c.more || c.header.Source != real1 && talks(ev); c.more {
		c.found, c.inputs = nil, 0
		return
	}
	n := c.nodes[ev.Node]
	switch ev.Kind {
	case trace.Crash, trace.Pause:
		n.cut = true
	case trace.Resume:
		n.cut = false
	case trace.Input:
		c.inputs++
		c.input(n, ev)
	case trace.Send, trace.Deliver, trace.Suspect, trace.Trust, trace.Install, trace.Told, trace.End, trace.Panic, trace.Call:
		c.compare(n, ev)
	default:
		// Nothing that a machine's step shows.
	}
}

// talks tells whether a line shows a communicator: of a simulation that is fed no scenario has one.
func talks(ev *trace.Event) bool {
	return ev.Kind == trace.Call && (ev.Call.Op == "send" || ev.Call.Op == "receive" || ev.Call.Op == "split")
}

// Inputs is how many inputs were fed.
func (c *Checker) Inputs() uint64 { return c.inputs }

// Finish gives what was found, at most one violation for each node. A trace without inputs has none.
func (c *Checker) Finish() []trace.Violation {
	for i, n := range c.nodes {
		if n.machine != nil && !n.cut && !c.more {
			c.rest(i, n)
		}
	}
	return c.found
}

func (c *Checker) violate(id int, n *node, t int64, format string, args ...any) {
	if n.broken {
		return
	}
	n.broken = true
	why := fmt.Sprintf("node %d, input %d: ", id, n.inputNo()) + fmt.Sprintf(format, args...)
	c.found = append(c.found, trace.Violation{Property: Property, T: t, Nodes: []int{id}, Why: why})
}

func (n *node) inputNo() uint64 { return n.part.Cause }

// rest names what a step did that the trace does not show.
func (c *Checker) rest(id int, n *node) {
	if len(n.lines) > 0 {
		c.violate(id, n, n.t, "the core does %s, the trace does not show it", n.lines[0])
	}
}

// input feeds a recorded input to the node's machine.
func (c *Checker) input(n *node, ev *trace.Event) {
	c.rest(ev.Node, n)
	if n.broken {
		return
	}
	now, in, err := record.DecodeInput(ev.In)
	if err != nil {
		c.violate(ev.Node, n, ev.T, "the recorded input cannot be read: %v", err)
		return
	}
	if n.machine == nil {
		if err := c.begin(n, ev.Node); err != nil {
			c.violate(ev.Node, n, ev.T, "no machine: %v", err)
			return
		}
	}
	n.t, n.lines = ev.T, n.lines[:0]
	n.out.Reset()
	if err := step(n.machine, now, &in, &n.out); err != nil {
		n.lines = append(n.lines, line{trace.Panic, err.Error()})
		return
	}
	n.part.Cause = ev.N
	n.part.Step(ev.T, &in, &n.out)
	n.part.Cause = ev.N
}

func (c *Checker) begin(n *node, id int) (err error) {
	n.machine, err = c.make(core.Setup{Self: core.NodeID(id), World: c.header.World, CommID: c.header.CommID, Config: c.cfg})
	if err != nil {
		return err
	}
	n.part = record.Part{Lines: record.New(), Node: id, World: uint64(c.header.World)}
	n.part.Lines.ResetPart(func(ev *trace.Event) { n.lines = append(n.lines, lineOf(ev)) }, n.machine.KindName)
	return nil
}

// step turns a panic into an error, as the driver does.
func step(m core.Machine, now core.Instant, in *core.Input, out *core.Effects) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	m.Step(now, in, out)
	return nil
}

// compare holds a line of the trace to the next one that the machine's step has given.
func (c *Checker) compare(n *node, ev *trace.Event) {
	if n.machine == nil || n.broken {
		return
	}
	got := lineOf(ev)
	if len(n.lines) == 0 {
		c.violate(ev.Node, n, ev.T, "the trace shows %s, the core does nothing more", got)
		return
	}
	want := n.lines[0]
	n.lines = n.lines[1:]
	if got != want {
		c.violate(ev.Node, n, ev.T, "the trace shows %s, the core does %s", got, want)
	}
}

func (l line) String() string { return l.kind.String() + " " + l.text }

// lineOf tells a line without its number, cause and time, which are not the machine's.
func lineOf(ev *trace.Event) line {
	l := line{kind: ev.Kind}
	switch ev.Kind {
	case trace.Send: // its message is there: the reader refuses a send without one
		l.text = fmt.Sprintf("to %d, message %d: %+v", ev.To, ev.ID, *ev.Msg)
	case trace.Deliver:
		l.text = fmt.Sprintf("from %d, message %d, epoch %d, used %v, late %v", ev.From, ev.ID, ev.Epoch, ev.Used, ev.Late)
	case trace.Suspect, trace.Trust:
		l.text = fmt.Sprint(ev.Peer)
	case trace.Install:
		l.text = fmt.Sprintf("%+v", *ev.Install)
	case trace.Told:
		l.text = fmt.Sprintf("%+v", *ev.Told)
	case trace.End:
		l.text = fmt.Sprintf("%s %q", ev.Why, ev.Error)
	case trace.Panic:
		l.text = ev.Error
	case trace.Call:
		l.text = fmt.Sprintf("%+v", *ev.Call)
	default:
	}
	return l
}
