package capsule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"nexarsim/checker/trace"
	"nexarsim/scenarios"
)

// Write writes a capsule. Equal capsules are equal bytes, and each decision has a line of its own, so that the
// difference of two files reads well. What it writes, Parse reads; what it could not, Write refuses.
func Write(w io.Writer, c *Capsule) error {
	if n := len(c.Decisions); n > MaxDecisions {
		return fmt.Errorf("write capsule: %d decisions: at most %d", n, MaxDecisions)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n\"format\":%q,\"version\":%d,\n\"mode\":%q,\n", Format, Version, c.Mode)
	fmt.Fprintf(&b, "\"scenario\":%s,\n", scenarios.JSON(c.Scenario))
	if c.Budget != nil {
		c.Budget.write(&b)
	}
	fmt.Fprintf(&b, "\"protocol\":%s,\n\"seed\":\"%d\",\n", text(c.Protocol), c.Seed)
	if c.Property != "" {
		fmt.Fprintf(&b, "\"property\":%s,\n", text(c.Property))
	}
	if c.Cause != "" {
		fmt.Fprintf(&b, "\"cause\":%s,\n", text(c.Cause))
	}
	lines(&b, "decisions", len(c.Decisions), func(i int) { c.Decisions[i].write(&b) })
	if len(c.Orders) > 0 {
		lines(&b, "orders", len(c.Orders), func(i int) {
			b.WriteString(`{"first":`)
			c.Orders[i].First.write(&b)
			b.WriteString(`,"then":`)
			c.Orders[i].Then.write(&b)
			b.WriteString("}")
		})
	}
	b.WriteString("\"verdict\":{")
	lines(&b, "violations", len(c.Violations), func(i int) { violation(&b, &c.Violations[i]) })
	b.Truncate(b.Len() - len(",\n"))
	b.WriteString("},\n")
	fmt.Fprintf(&b, "\"digest\":%s,\n\"steps\":%d,\n", text(c.Digest), c.Steps)
	fmt.Fprintf(&b, "\"found_by\":{\"command\":%s,\"version\":%s}\n}\n", text(c.FoundBy.Command), text(c.FoundBy.Version))
	if b.Len() > MaxFileSize {
		return fmt.Errorf("write capsule: larger than 16 MiB")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// lines writes a list with a line for each entry.
func lines(b *bytes.Buffer, name string, n int, entry func(i int)) {
	fmt.Fprintf(b, "%q:[", name)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		entry(i)
	}
	if n > 0 {
		b.WriteByte('\n')
	}
	b.WriteString("],\n")
}

func text(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("capsule: a string has no JSON: " + err.Error()) // encoding/json encodes every string
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func violation(b *bytes.Buffer, v *trace.Violation) {
	fmt.Fprintf(b, "{\"property\":%s,\"t\":%d,\"nodes\":", text(v.Property), v.T)
	list(b, v.Nodes)
	fmt.Fprintf(b, ",\"why\":%s}", text(v.Why))
}

func list(b *bytes.Buffer, nodes []int) {
	b.WriteByte('[')
	for i, n := range nodes {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(n))
	}
	b.WriteByte(']')
}

// String is the decision as the file has it, which is also how messages name it.
func (d *Decision) String() string {
	var b bytes.Buffer
	d.write(&b)
	return b.String()
}

func (d *Decision) write(b *bytes.Buffer) {
	switch d.Kind {
	case Act:
		fmt.Fprintf(b, `{"act":%s}`, scenarios.FaultJSON(d.Fault))
	case Packet:
		fmt.Fprintf(b, `{"link":[%d,%d],"kind":%s,"epoch":%d,"nth":%d`, d.From, d.To, text(d.Message), d.Epoch, d.Nth)
		if d.During > d.Epoch {
			fmt.Fprintf(b, `,"during":%d`, d.During)
		}
		d.fate(b)
	case Close:
		fmt.Fprintf(b, `{"close":[%d,%d],"nth":%d`, d.From, d.To, d.Nth)
		d.fate(b)
	case Release, Reopen:
		name := "release"
		if d.Kind == Reopen {
			name = "reopen"
		}
		fmt.Fprintf(b, `{"%s":[%d,%d],"nth":%d`, name, d.From, d.To, d.Nth)
		d.fate(b)
	case Detect:
		fmt.Fprintf(b, `{"detect":{"by":%d,"of":%d},"after":"%s"}`, d.By, d.Of, scenarios.FormatDuration(d.Delay))
	case Phase:
		fmt.Fprintf(b, `{"phase":%d,"after":"%s"}`, d.Node, scenarios.FormatDuration(d.Delay))
	case Next:
		d.Step.write(b)
	}
}

// fate writes what becomes of something on its way.
func (d *Decision) fate(b *bytes.Buffer) {
	if d.Lost {
		b.WriteString(`,"lost":true}`)
		return
	}
	if d.Delay > 0 {
		fmt.Fprintf(b, `,"delay":"%s"`, scenarios.FormatDuration(d.Delay))
	}
	if d.Twice {
		fmt.Fprintf(b, `,"copy":"%s"`, scenarios.FormatDuration(d.Copy))
	}
	b.WriteByte('}')
}

func (s *Step) write(b *bytes.Buffer) {
	fmt.Fprintf(b, `{"do":%s`, text(s.Do))
	for _, shape := range stepShapes {
		if shape.do != s.Do {
			continue
		}
		for _, name := range shape.need {
			s.field(b, name, true)
		}
		for _, name := range shape.may {
			s.field(b, name, false)
		}
	}
	b.WriteByte('}')
}

// field writes one field of a step; one that it need not have, only if it says something.
func (s *Step) field(b *bytes.Buffer, name string, always bool) {
	number := func(n uint64) {
		if always || n != 0 {
			fmt.Fprintf(b, `,%q:%d`, name, n)
		}
	}
	switch name {
	case "node":
		number(uint64(s.Node))
	case "from":
		number(uint64(s.From))
	case "to":
		number(uint64(s.To))
	case "peer":
		number(uint64(s.Peer))
	case "epoch":
		number(s.Epoch)
	case "nth":
		number(s.Nth)
	case "tail":
		number(uint64(s.Tail))
	case "kind":
		fmt.Fprintf(b, `,"kind":%s`, text(s.Kind))
	case "timer":
		fmt.Fprintf(b, `,"timer":%s`, text(s.Timer))
	case "tails":
		for i, t := range s.Tails {
			b.WriteString([...]string{`,"tails":[`, ","}[min(i, 1)])
			list(b, t[:])
		}
		if len(s.Tails) > 0 {
			b.WriteByte(']')
		}
	case "groups":
		if len(s.Groups) == 0 {
			return
		}
		b.WriteString(`,"groups":[`)
		for i, g := range s.Groups {
			if i > 0 {
				b.WriteByte(',')
			}
			list(b, g)
		}
		b.WriteByte(']')
	}
}

func (e *Event) write(b *bytes.Buffer) {
	switch e.Moment {
	case Sends, Receives:
		name := "sends"
		if e.Moment == Receives {
			name = "receives"
		}
		fmt.Fprintf(b, `{"node":%d,"%s":%s,"peer":%d,"epoch":%d,"nth":%d`, e.Node, name, text(e.Message), e.Peer, e.Epoch, e.Nth)
		if e.During > e.Epoch {
			fmt.Fprintf(b, `,"during":%d`, e.During)
		}
		b.WriteByte('}')
	case Suspects:
		fmt.Fprintf(b, `{"node":%d,"suspects":%d,"nth":%d}`, e.Node, e.Peer, e.Nth)
	case Installs:
		fmt.Fprintf(b, `{"node":%d,"installs":%d}`, e.Node, e.Epoch)
	case Dies:
		fmt.Fprintf(b, `{"node":%d,"dies":true}`, e.Node)
	}
}

// String tells the event in words: node 1's suspicion of 3.
func (e Event) String() string {
	of := ""
	if e.Epoch > 0 && e.Moment != Installs {
		of = fmt.Sprintf(" in epoch %d", e.Epoch)
	}
	switch e.Moment {
	case Sends:
		return fmt.Sprintf("node %d's sending of its %s%s to %d%s", e.Node, ordinal(e.Nth), e.Message, e.Peer, of)
	case Receives:
		return fmt.Sprintf("the arrival of node %d's %s%s at %d%s", e.Peer, ordinal(e.Nth), e.Message, e.Node, of)
	case Suspects:
		return fmt.Sprintf("node %d's %ssuspicion of %d", e.Node, ordinal(e.Nth), e.Peer)
	case Installs:
		return fmt.Sprintf("node %d's install of epoch %d", e.Node, e.Epoch)
	case Dies:
		return fmt.Sprintf("node %d's death", e.Node)
	}
	return "nothing"
}

// String tells the order in words.
func (o Order) String() string { return o.First.String() + " before " + o.Then.String() }

// About is what the decision is about, without what was decided.
func (d Decision) About() string {
	d.Delay, d.Lost, d.Twice = 0, false, false
	return d.String()
}
