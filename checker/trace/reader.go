package trace

import (
	"bytes"
	"fmt"
	"io"
)

// Reader reads a trace and refuses whatever breaks the format: every failure of the file is a *FormatError, every other
// one is the underlying reader's. Deliveries are resolved: Event.Msg is what the send said.
type Reader struct {
	name   string
	lines  lines
	line   int // of the latest line
	header Header
	part   bool // one node's own file, see NewPartReader
	cut    bool
	parser parser
	sends  sends
	sent   sent
	seq    uint64
	t      int64
	ended  bool // the verdict line was read
	err    error
}

// NewReader reads the header of a trace; name stands for the file in messages.
func NewReader(r io.Reader, name string) (*Reader, error) {
	d := &Reader{name: name, lines: lines{r: r}}
	line, err := d.nextLine()
	if err == io.EOF {
		return nil, &FormatError{File: name, Line: 1, Msg: "empty file, expected a trace's header line", Hint: headerHint}
	}
	if err != nil {
		return nil, err
	}
	h, ferr := parseHeader(line)
	if ferr != nil {
		return nil, d.at(ferr)
	}
	d.header = *h
	d.parser.world, d.parser.group = h.World, h.CommID
	return d, nil
}

// NewPartReader reads what one node of a group wrote itself: events without a header, numbered within the file,
// deliveries of messages whose sends stand in other files, and perhaps a last line that was cut when the process was
// killed, which is dropped (see Cut).
func NewPartReader(r io.Reader, name string, h *Header) *Reader {
	d := &Reader{name: name, lines: lines{r: r}, header: *h, part: true}
	d.parser.world, d.parser.group = h.World, h.CommID
	return d
}

// Header gives the first line. It is the Reader's own and stays as it is.
func (d *Reader) Header() *Header { return &d.header }

// Line gives the number of the line that Next returned last.
func (d *Reader) Line() int { return d.line }

// Timed reports whether the line that Next returned last has a time of its own. A verdict line need not have one; its
// event then has the time of the event before.
func (d *Reader) Timed() bool { return d.parser.seen.has(fT) }

// Cut reports whether a part ended in a cut line.
func (d *Reader) Cut() bool { return d.cut }

// Next reads the next event into ev; io.EOF means that there is none. What ev points to is used again by the next call.
func (d *Reader) Next(ev *Event) error {
	if d.err == nil {
		d.err = d.read(ev)
	}
	return d.err
}

func (d *Reader) read(ev *Event) error {
	line, err := d.nextLine()
	if err != nil {
		return err
	}
	if d.ended {
		return d.fail("", "a line after the verdict", "the verdict is a trace's last line")
	}
	if ferr := d.parser.parse(line, ev); ferr != nil {
		return d.at(ferr)
	}
	if err := d.order(ev); err != nil {
		return err
	}
	switch ev.Kind {
	case Send:
		return d.send(ev)
	case Deliver:
		return d.deliver(ev)
	case Drop:
		if !d.part && !d.sends.has(ev.ID) {
			return d.fail("id", fmt.Sprintf("message %d was dropped but never sent", ev.ID), "")
		}
	case Verdict:
		d.ended = true
	}
	return nil
}

// order checks number, cause and time against the lines before.
func (d *Reader) order(ev *Event) error {
	if ev.Kind == Verdict && !d.parser.seen.has(fSeq) {
		ev.Seq = d.seq + 1
	}
	if ev.Kind == Verdict && !d.parser.seen.has(fT) {
		ev.T = d.t
	}
	switch {
	case ev.Seq != d.seq+1:
		return d.fail("seq", fmt.Sprintf("expected %d, found %d", d.seq+1, ev.Seq), "events are numbered 1, 2, 3 and so on")
	case ev.Cause >= ev.Seq:
		return d.fail("cause", fmt.Sprintf("event %d cannot be made to happen by event %d", ev.Seq, ev.Cause), "a cause stands before its effect")
	case ev.Cause == 0 && d.parser.seen.has(fCause):
		return d.fail("cause", "there is no event 0", `leave "cause" out where nothing in the trace is the cause`)
	case ev.T < d.t:
		return d.fail("t", fmt.Sprintf("time goes back from %d to %d", d.t, ev.T), "")
	}
	d.seq, d.t = ev.Seq, ev.T
	return nil
}

func (d *Reader) send(ev *Event) error {
	if !d.sends.add(ev.ID, ev.Node, ev.To, ev.Msg) {
		return d.fail("id", fmt.Sprintf("message %d was sent before", ev.ID), "each send, a retransmission too, has an id of its own")
	}
	return nil
}

// deliver resolves a delivery. A message may arrive more than once, and a dropped one too: the other of two copies.
func (d *Reader) deliver(ev *Event) error {
	if !d.sends.find(ev.ID, &d.sent) {
		if d.part {
			return nil
		}
		return d.fail("id", fmt.Sprintf("message %d was delivered but never sent", ev.ID), "")
	}
	if d.sent.from != ev.From {
		return d.fail("from", fmt.Sprintf("message %d was sent by node %d, not %d", ev.ID, d.sent.from, ev.From), "")
	}
	if d.sent.to != ev.Node {
		return d.fail("node", fmt.Sprintf("message %d was sent to node %d, not %d", ev.ID, d.sent.to, ev.Node), "")
	}
	ev.Msg = &d.sent.msg
	return nil
}

// nextLine gives the next line that is not cut, with the place counted.
func (d *Reader) nextLine() ([]byte, error) {
	line, err := d.lines.next()
	if err == io.EOF {
		return nil, err
	}
	d.line++
	switch {
	case err == errCut && d.part:
		d.cut = true
		return nil, io.EOF
	case err == errCut:
		return nil, d.fail("", "the last line is cut: it has no line end", "")
	case err == errTooLong:
		return nil, d.fail("", fmt.Sprintf("a line over %d MiB", maxLine>>20), "")
	case err != nil:
		return nil, fmt.Errorf("read trace %s: %w", d.name, err)
	case len(bytes.TrimSpace(line)) == 0:
		return nil, d.fail("", "an empty line", "")
	}
	return line, nil
}

func (d *Reader) fail(field, msg, hint string) error {
	return &FormatError{File: d.name, Line: d.line, Field: field, Msg: msg, Hint: hint}
}

// at gives a line's error its place.
func (d *Reader) at(e *FormatError) error {
	e.File, e.Line = d.name, d.line
	return e
}
