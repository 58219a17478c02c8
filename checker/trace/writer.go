package trace

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"
)

// Format and Version name what Writer writes and Reader takes.
const (
	Format  = "nexarsim-trace"
	Version = 1
)

// writeBuffer is how many bytes are collected before they go to the underlying writer.
const writeBuffer = 64 << 10

// Writer writes a trace: one header, then events. The same events give the same bytes on every machine. It collects
// lines and passes them on in large pieces: Flush ends a trace, and whatever must survive a killed process.
type Writer struct {
	w   io.Writer
	buf []byte
	err error // the first failure; every later call returns it
}

// NewWriter returns a Writer on w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, buf: make([]byte, 0, writeBuffer+writeBuffer/4)}
}

// Reset makes the Writer start anew on w, keeping its memory.
func (w *Writer) Reset(to io.Writer) { w.w, w.buf, w.err = to, w.buf[:0], nil }

// WriteHeader writes the first line. Empty Config and Scenario become {}.
func (w *Writer) WriteHeader(h *Header) error {
	if w.err != nil {
		return w.err
	}
	buf, err := appendHeader(w.buf, h)
	return w.keep(buf, err)
}

// Write writes one event. It numbers nothing and checks only that the event can be written; a reader judges the rest.
func (w *Writer) Write(ev *Event) error {
	if w.err != nil {
		return w.err
	}
	buf, err := appendEvent(w.buf, ev)
	return w.keep(buf, err)
}

// Flush passes on everything written so far.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	if _, err := w.w.Write(w.buf); err != nil {
		w.err = fmt.Errorf("write trace: %w", err)
	}
	w.buf = w.buf[:0]
	return w.err
}

func (w *Writer) keep(buf []byte, err error) error {
	if err != nil {
		w.err = fmt.Errorf("write trace: %w", err)
		return w.err
	}
	w.buf = buf
	if len(w.buf) >= writeBuffer {
		return w.Flush()
	}
	return nil
}

func appendHeader(b []byte, h *Header) ([]byte, error) {
	b = append(b, `{"format":"`+Format+`","version":`...)
	b = strconv.AppendInt(b, Version, 10)
	b = appendString(append(b, `,"source":`...), h.Source)
	if h.Mode != "" {
		b = appendString(append(b, `,"mode":`...), h.Mode)
	}
	b = appendString(append(b, `,"protocol":`...), h.Protocol)
	b = strconv.AppendInt(append(b, `,"world":`...), int64(h.World), 10)
	b = appendString(append(b, `,"model":`...), h.Model)
	b, err := appendObject(append(b, `,"config":`...), "config", h.Config)
	if err != nil {
		return b, err
	}
	b, err = appendObject(append(b, `,"scenario":`...), "scenario", h.Scenario)
	if err != nil {
		return b, err
	}
	b = appendString(append(b, `,"seed":`...), h.Seed)
	b = appendHex(append(b, `,"comm_id":`...), h.CommID)
	b = append(b, `,"nodes":[`...)
	for i, id := range h.NodeIDs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"node":`...), int64(i), 10)
		b = append(appendString(append(b, `,"id":`...), id), '}')
	}
	return append(b, "]}\n"...), nil
}

func appendObject(b []byte, name string, raw []byte) ([]byte, error) {
	if len(raw) == 0 {
		return append(b, "{}"...), nil
	}
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return b, fmt.Errorf("header's %s: %w", name, err)
	}
	if line.Bytes()[0] != '{' {
		return b, fmt.Errorf("header's %s: not a JSON object", name)
	}
	return append(b, line.Bytes()...), nil
}

// appendEvent adds one line: number, cause, time, node and kind first, then what the kind needs.
func appendEvent(b []byte, ev *Event) ([]byte, error) {
	b = append(b, '{')
	if ev.Kind != Verdict || ev.Seq != 0 { // whoever ends a trace need not have counted its lines
		b = append(strconv.AppendUint(append(b, `"seq":`...), ev.Seq, 10), ',')
	}
	if ev.Cause != 0 {
		b = append(strconv.AppendUint(append(b, `"cause":`...), ev.Cause, 10), ',')
	}
	b = append(strconv.AppendInt(append(b, `"t":`...), ev.T, 10), ',')
	if ev.Node >= 0 && ev.Kind != Verdict {
		b = append(strconv.AppendInt(append(b, `"node":`...), int64(ev.Node), 10), ',')
	}
	b = append(b, `"ev":"`...)
	b = append(b, ev.Kind.String()...)
	b = append(b, '"')
	b, err := appendFields(b, ev)
	return append(b, "}\n"...), err
}

func appendFields(b []byte, ev *Event) ([]byte, error) {
	switch ev.Kind {
	case Crash:
		b = strconv.AppendBool(append(b, `,"silent":`...), ev.Silent)
	case Pause, Resume:
	case Partition, Cut, Heal, Slow, SlowEnd, Loss, LossEnd, Duplicate, DuplicateEnd, Skew, SkewEnd, Hold, HoldEnd, App,
		SuspectInjected, SuspectEnd:
		return appendAct(b, ev.Kind, ev.Act)
	case Suspect, Trust:
		b = strconv.AppendInt(append(b, `,"peer":`...), int64(ev.Peer), 10)
	case Send:
		return appendSend(b, ev)
	case Deliver:
		b = strconv.AppendInt(append(b, `,"from":`...), int64(ev.From), 10)
		b = strconv.AppendUint(append(b, `,"id":`...), ev.ID, 10)
		b = strconv.AppendUint(append(b, `,"epoch":`...), ev.Epoch, 10)
		b = strconv.AppendBool(append(b, `,"used":`...), ev.Used)
		if ev.Late {
			b = append(b, `,"late":true`...)
		}
	case Drop:
		b = strconv.AppendUint(append(b, `,"id":`...), ev.ID, 10)
		b = appendString(append(b, `,"why":`...), ev.Why)
	case Install:
		return appendInstall(b, ev.Install)
	case Told:
		return appendNotice(b, ev.Told)
	case Call:
		return appendCall(b, ev.Call)
	case End:
		b = appendString(append(b, `,"why":`...), ev.Why)
		b = appendError(b, ev.Error)
	case Panic:
		b = appendString(append(b, `,"error":`...), ev.Error)
	case Input:
		b = strconv.AppendUint(append(b, `,"n":`...), ev.N, 10)
		b = append(b, `,"in":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, ev.In), '"')
	case Busy:
		b = strconv.AppendUint(append(b, `,"n":`...), ev.N, 10)
	case Verdict:
		b = appendVerdict(b, ev)
	case KindInvalid:
		return b, fmt.Errorf("event %d has no kind", ev.Seq)
	default:
		return b, fmt.Errorf("event %d has an unknown kind %d", ev.Seq, ev.Kind)
	}
	return b, nil
}

// appendAct writes the fields of an act as they stand in a scenario file.
func appendAct(b []byte, kind Kind, a *Act) ([]byte, error) {
	if a == nil {
		return b, fmt.Errorf("a %s without its act", kind)
	}
	switch kind {
	case Partition:
		b = appendGroups(b, a.Groups)
	case Cut:
		b = appendLinks(b, a.Links)
	case Heal:
		if len(a.Groups) > 0 {
			b = appendGroups(b, a.Groups)
		} else {
			b = appendLinks(b, a.Links)
		}
	case Slow, SlowEnd:
		b = appendInts(append(b, `,"nodes":`...), a.Nodes)
		b = appendDuration(append(b, `,"by":`...), a.By)
	case Loss, LossEnd, Duplicate, DuplicateEnd:
		name := `,"loss":`
		if kind == Duplicate || kind == DuplicateEnd {
			name = `,"duplicate":`
		}
		b = appendRate(append(b, name...), a.Rate)
		if len(a.Links) > 0 {
			b = appendLinks(b, a.Links)
		}
	case Skew, SkewEnd:
		b = appendSkew(b, a.Skew)
	case Hold, HoldEnd:
		b = appendInts(append(b, `,"hold":`...), a.Nodes)
	case App:
		b = appendString(append(b, `,"app":{`...), a.Op)
		b = append(appendInts(append(b, ':'), a.Nodes), '}')
	default: // SuspectInjected, SuspectEnd
		b = appendAccusations(b, a.Suspect)
	}
	return b, nil
}

func appendGroups(b []byte, groups [][]int) []byte {
	b = append(b, `,"groups":[`...)
	for i, g := range groups {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendInts(b, g)
	}
	return append(b, ']')
}

func appendLinks(b []byte, links []Link) []byte {
	b = append(b, `,"links":[`...)
	for i, l := range links {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"from":`...), int64(l.From), 10)
		b = strconv.AppendInt(append(b, `,"to":`...), int64(l.To), 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendSkew(b []byte, skews []ClockSkew) []byte {
	b = append(b, `,"skew":[`...)
	for i, s := range skews {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"node":`...), int64(s.Node), 10)
		b = appendRate(append(b, `,"rate":`...), s.Rate)
		b = appendDuration(append(b, `,"step":`...), s.Step)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendAccusations(b []byte, as []Accusation) []byte {
	b = append(b, `,"suspect":[`...)
	for i, a := range as {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"by":`...), int64(a.By), 10)
		b = strconv.AppendInt(append(b, `,"of":`...), int64(a.Of), 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendSend(b []byte, ev *Event) ([]byte, error) {
	b = strconv.AppendInt(append(b, `,"to":`...), int64(ev.To), 10)
	b = strconv.AppendUint(append(b, `,"id":`...), ev.ID, 10)
	m := ev.Msg
	if m == nil {
		return b, fmt.Errorf("send %d without its message", ev.ID)
	}
	b = appendString(append(b, `,"msg":{"type":`...), m.Type)
	b = strconv.AppendUint(append(b, `,"epoch":`...), m.Epoch, 10)
	b = appendHex(append(b, `,"group":`...), m.Group)
	if m.Coordinator != -1 || m.Round != 0 {
		b = strconv.AppendUint(append(b, `,"round":`...), uint64(m.Round), 10)
	}
	if m.Coordinator != -1 {
		b = strconv.AppendInt(append(b, `,"coordinator":`...), int64(m.Coordinator), 10)
	}
	if len(m.Set) > 0 {
		b = appendInts(append(b, `,"set":`...), m.Set)
	}
	if m.Num != 0 {
		b = strconv.AppendUint(append(b, `,"num":`...), m.Num, 10)
	}
	return append(appendBody(b, m.Body), '}'), nil
}

// appendBody writes text as "body" and anything else as "body64", so that no byte is lost.
func appendBody(b []byte, body string) []byte {
	switch {
	case body == "":
		return b
	case utf8.ValidString(body):
		return appendString(append(b, `,"body":`...), body)
	default:
		b = append(b, `,"body64":"`...)
		return append(base64.StdEncoding.AppendEncode(b, []byte(body)), '"')
	}
}

func appendInstall(b []byte, v *View) ([]byte, error) {
	if v == nil {
		return b, fmt.Errorf("an install without its view")
	}
	b = strconv.AppendUint(append(b, `,"epoch":`...), v.Epoch, 10)
	b = strconv.AppendInt(append(b, `,"rank":`...), int64(v.Rank), 10)
	b = strconv.AppendInt(append(b, `,"world":`...), int64(v.World), 10)
	b = appendInts(append(b, `,"members":`...), v.Members)
	b = appendHex(append(b, `,"comm_id":`...), v.CommID)
	return appendInts(append(b, `,"dead":`...), v.Dead), nil
}

func appendNotice(b []byte, n *Notice) ([]byte, error) {
	if n == nil {
		return b, fmt.Errorf("an event without its notice")
	}
	b = appendString(append(b, `,"kind":`...), n.Kind)
	b = strconv.AppendUint(append(b, `,"epoch":`...), n.Epoch, 10)
	b = strconv.AppendInt(append(b, `,"old_rank":`...), int64(n.OldRank), 10)
	b = strconv.AppendInt(append(b, `,"new_rank":`...), int64(n.NewRank), 10)
	b = strconv.AppendInt(append(b, `,"new_world_size":`...), int64(n.NewWorldSize), 10)
	return appendInts(append(b, `,"dead_ranks":`...), n.DeadRanks), nil
}

func appendCall(b []byte, c *Operation) ([]byte, error) {
	if c == nil {
		return b, fmt.Errorf("a call without its operation")
	}
	b = appendString(append(b, `,"op":`...), c.Op)
	b = appendString(append(b, `,"phase":`...), c.Phase)
	b = strconv.AppendUint(append(b, `,"n":`...), c.N, 10)
	if c.Value != "" {
		if !json.Valid([]byte(c.Value)) || hasLineEnd(c.Value) {
			return b, fmt.Errorf("a call's value is not JSON on one line: %.40q", c.Value)
		}
		b = append(append(b, `,"value":`...), c.Value...)
	}
	b = strconv.AppendUint(append(b, `,"epoch":`...), c.Epoch, 10)
	return appendError(b, c.Error), nil
}

func hasLineEnd(s string) bool {
	for i := range len(s) {
		if s[i] == '\n' {
			return true
		}
	}
	return false
}

func appendVerdict(b []byte, ev *Event) []byte {
	b = append(b, `,"violations":[`...)
	for i := range ev.Violations {
		v := &ev.Violations[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"property":`...), v.Property)
		b = strconv.AppendInt(append(b, `,"t":`...), v.T, 10)
		b = appendInts(append(b, `,"nodes":`...), v.Nodes)
		b = append(appendString(append(b, `,"why":`...), v.Why), '}')
	}
	b = appendString(append(b, `],"digest":`...), ev.Digest)
	b = strconv.AppendUint(append(b, `,"steps":`...), ev.Steps, 10)
	return strconv.AppendUint(append(b, `,"installs":`...), ev.Installs, 10)
}

func appendError(b []byte, text string) []byte {
	if text == "" {
		return b
	}
	return appendString(append(b, `,"error":`...), text)
}

func appendInts(b []byte, xs []int) []byte {
	b = append(b, '[')
	for i, x := range xs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(x), 10)
	}
	return append(b, ']')
}

const hexDigits = "0123456789abcdef"

func appendHex(b []byte, x uint64) []byte {
	b = append(b, '"')
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[x>>shift&15])
	}
	return append(b, '"')
}

func appendDuration(b []byte, d int64) []byte {
	return append(append(append(b, '"'), time.Duration(d).String()...), '"')
}

// appendRate writes parts per billion as the decimal they stand for: 300_000_000 as 0.3.
func appendRate(b []byte, ppb int64) []byte {
	if ppb < 0 {
		b, ppb = append(b, '-'), -ppb
	}
	b = strconv.AppendInt(b, ppb/1e9, 10)
	frac := ppb % 1e9
	if frac == 0 {
		return b
	}
	b = append(b, '.')
	for digit := int64(1e8); frac > 0; digit /= 10 {
		b = append(b, byte('0'+frac/digit))
		frac %= digit
	}
	return b
}

// appendString writes a JSON string. Bytes that are no UTF-8 become U+FFFD: a line is text.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			b = appendASCII(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(b, `\ufffd`...)
		} else {
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return append(b, '"')
}

func appendASCII(b []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case c >= ' ':
		return append(b, c)
	case c == '\n':
		return append(b, `\n`...)
	case c == '\t':
		return append(b, `\t`...)
	case c == '\r':
		return append(b, `\r`...)
	default:
		return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}
