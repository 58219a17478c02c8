package record

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"nexarsim/checker/trace"
	"nexarsim/core"
)

// caller is what is remembered of one node's calls: how many it has made of each kind, and which are in flight.
type caller struct {
	made [callOps]uint64
	open []openCall
}

// openCall is a call that has not ended: a machine names it by its ID, a trace by its number.
type openCall struct {
	id, n uint64
	op    core.CallOp
	line  uint64 // of its start; 0: it has none
	comm  uint64 // as it named it
	quiet bool   // it was made on another communicator than the view's
	bytes bool   // what it works on are elements, not one number
}

// callOps bounds the numbers of calls.
const callOps = int(core.CallReceive) + 1

// told tells whether a call has lines: those whose outcome some property judges.
func told(op core.CallOp) bool {
	return op.Collective() || op >= core.CallWrite && op <= core.CallReceive
}

func (r *Recorder) caller(node int) *caller {
	for len(r.calls) <= node {
		if len(r.calls) < cap(r.calls) {
			r.calls = r.calls[:len(r.calls)+1]
			c := &r.calls[len(r.calls)-1]
			c.made, c.open = [callOps]uint64{}, c.open[:0]
			continue
		}
		r.calls = append(r.calls, caller{})
	}
	return &r.calls[node]
}

// CallNumber is the number that a node's next call of an operation will have: each node counts from 1, each
// operation for itself, so that the same call at several nodes has one number.
func (r *Recorder) CallNumber(node int, op core.CallOp) uint64 {
	return r.caller(node).made[op] + 1
}

// Call records that the application calls an operation that somebody judges; epoch is the node's. It gives the line that caused what
// follows: the other calls make none, and then that is what caused the call.
func (r *Recorder) Call(t int64, node int, in *core.Input, epoch core.Epoch, cause uint64) uint64 {
	if !told(in.Call) {
		return cause
	}
	c := r.caller(node)
	if in.Comm != 0 && in.Call.Collective() { // its members are others than the view's, and no property judges it
		c.open = append(c.open, openCall{id: in.ID, op: in.Call, quiet: true})
		return cause
	}
	n := &c.made[in.Call]
	*n++
	r.call = trace.Operation{Op: in.Call.String(), Phase: "start", N: *n, Epoch: uint64(epoch)}
	if in.Call == core.CallAllReduce || in.Call == core.CallWrite {
		r.call.Value = quote(strconv.FormatInt(in.Value, 10))
	}
	elements := in.Body != "" && in.Call.Collective()
	switch {
	case elements:
		r.call.Value = quote(brief(in.Body))
	case in.Call == core.CallSend || in.Call == core.CallReceive:
		r.call.Value = envelopeText(in.Call, in.Comm, in.Body, false)
	}
	r.ev.Call = &r.call
	line := r.emit(t, node, trace.Call, cause)
	c.open = append(c.open, openCall{id: in.ID, n: *n, op: in.Call, line: line, comm: in.Comm, bytes: elements})
	return line
}

// Done records how such a call ended; epoch is the node's. Where nothing else in the trace made it end (a timeout
// did), the call itself is the cause. One that the node was never asked for has the number 0: what a machine answers,
// however absurd, is the judge's matter.
func (r *Recorder) Done(t int64, node int, d *core.Done, epoch core.Epoch, cause uint64) {
	if !told(d.Call) {
		return
	}
	o := r.caller(node).close(d)
	if o.quiet {
		return
	}
	if cause == 0 {
		cause = o.line
	}
	r.call = trace.Operation{Op: d.Call.String(), Phase: "end", N: o.n, Epoch: uint64(epoch), Error: d.Err}
	switch {
	case o.bytes && d.Err == "":
		r.call.Value = quote(brief(d.Result))
	case d.Call == core.CallReceive && d.Err == "":
		r.call.Value = envelopeText(d.Call, o.comm, d.Result, true)
	case d.Result != "":
		r.call.Value = quote(d.Result)
	}
	r.ev.Call = &r.call
	r.emit(t, node, trace.Call, cause)
}

// brief stands for elements: equal ones have an equal text, and it is no number that could be part of a sum.
func brief(elements string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(elements)) // a hash never fails
	return fmt.Sprintf("%d bytes, %016x", len(elements), h.Sum64())
}

// close takes a call out of those in flight; the zero openCall if it is not among them.
func (c *caller) close(d *core.Done) openCall {
	for i, o := range c.open {
		if o.id == d.ID && o.op == d.Call {
			c.open = append(c.open[:i], c.open[i+1:]...)
			return o
		}
	}
	return openCall{}
}

// shownData is how many bytes of a message stand in a trace. Of a longer one its length and a hash do.
const shownData = 64

// envelopeText is an envelope as the value of a line: what a send or a receive asks for, or, came, what a receive was
// given. Nothing if the text is no envelope.
func envelopeText(op core.CallOp, comm uint64, text string, came bool) string {
	e, ok := core.EnvelopeOf(text)
	if !ok {
		return ""
	}
	b := []byte{'{'}
	if comm != 0 {
		b = fmt.Appendf(b, `"comm":"%016x",`, comm)
	}
	if op == core.CallReceive {
		b = fmt.Appendf(b, `"from":%d,`, e.From)
	}
	if came {
		b = fmt.Appendf(b, `"node":%d,`, e.Node)
	}
	if came || op == core.CallSend {
		b = fmt.Appendf(b, `"to":%d,`, e.To)
	}
	b = fmt.Appendf(b, `"tag":%d`, e.Tag)
	switch {
	case !came && op == core.CallReceive:
	case len(e.Data) <= shownData:
		b = fmt.Appendf(b, `,"data":"%x"`, e.Data)
	default:
		h := fnv.New64a()
		_, _ = h.Write([]byte(e.Data)) // a hash never fails
		b = fmt.Appendf(b, `,"data":"%d:%016x"`, len(e.Data), h.Sum64())
	}
	return string(append(b, '}'))
}

// quote writes a text as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func quote(s string) string {
	if strings.Trim(s, "-0123456789") == "" { // a number, as most are
		return `"` + s + `"`
	}
	b, _ := json.Marshal(s) // a string never fails
	return string(b)
}
