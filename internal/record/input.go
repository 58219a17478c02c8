package record

import (
	"encoding/binary"
	"errors"
	"fmt"

	"nexarsim/core"
)

// EncodeInput appends an input with its instant in a form that DecodeInput reads back: what a trace's input lines hold.
func EncodeInput(buf []byte, now core.Instant, in *core.Input) []byte {
	buf = binary.AppendVarint(buf, int64(now))
	buf = append(buf, byte(in.Kind), byte(in.Timer), byte(in.Call), flag(in.Hold))
	buf = binary.AppendVarint(buf, int64(in.From))
	buf = binary.AppendVarint(buf, int64(in.Peer))
	buf = binary.AppendUvarint(buf, in.ID)
	buf = binary.AppendVarint(buf, in.Phase)
	buf = appendText(buf, in.Err)
	if in.Kind == core.InCall {
		buf = binary.AppendVarint(buf, in.Value)
		buf = binary.AppendUvarint(buf, in.Comm)
		buf = appendText(buf, in.Body)
	}
	if in.Kind != core.InDeliver {
		return buf
	}
	m := &in.Msg
	buf = append(buf, byte(m.Kind))
	buf = binary.AppendUvarint(buf, m.Group)
	buf = binary.AppendUvarint(buf, m.Num)
	buf = binary.AppendUvarint(buf, uint64(m.Epoch))
	buf = binary.AppendUvarint(buf, uint64(m.Ballot.Round))
	buf = binary.AppendVarint(buf, int64(m.Ballot.Coordinator))
	buf = binary.AppendUvarint(buf, uint64(m.Set.Len()))
	for id := m.Set.First(); id != core.NoNode; id = m.Set.Next(id) {
		buf = binary.AppendUvarint(buf, uint64(id))
	}
	return appendText(buf, m.Body)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendText(buf []byte, s string) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(s)))
	return append(buf, s...)
}

var errShort = errors.New("decode input: it ends too soon")

type inputReader struct {
	buf []byte
	err error
}

func (r *inputReader) fail() {
	r.buf = nil
	if r.err == nil {
		r.err = errShort
	}
}

func (r *inputReader) byte() byte {
	if len(r.buf) == 0 {
		r.fail()
		return 0
	}
	b := r.buf[0]
	r.buf = r.buf[1:]
	return b
}

func (r *inputReader) uint() uint64 {
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

func (r *inputReader) int() int64 {
	v, n := binary.Varint(r.buf)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

func (r *inputReader) text() string {
	n := r.uint()
	if n > uint64(len(r.buf)) {
		r.fail()
		return ""
	}
	s := string(r.buf[:n])
	r.buf = r.buf[n:]
	return s
}

// worldMax bounds node numbers in a recorded set.
const worldMax = 4096

func (r *inputReader) set() core.NodeSet {
	n := r.uint()
	if n > worldMax {
		r.fail()
		return core.NodeSet{}
	}
	ids := make([]core.NodeID, 0, n)
	for range n {
		id := r.uint()
		if id >= worldMax {
			r.fail()
			return core.NodeSet{}
		}
		ids = append(ids, core.NodeID(id))
	}
	return core.NodeSetOf(ids...)
}

// DecodeInput is the inverse of EncodeInput.
func DecodeInput(data []byte) (now core.Instant, in core.Input, err error) {
	r := inputReader{buf: data}
	now = core.Instant(r.int())
	in.Kind, in.Timer, in.Call, in.Hold = core.InputKind(r.byte()), core.TimerID(r.byte()), core.CallOp(r.byte()), r.byte() != 0
	in.From, in.Peer = core.NodeID(r.int()), core.NodeID(r.int())
	in.ID, in.Phase, in.Err = r.uint(), r.int(), r.text()
	if in.Kind == core.InCall {
		in.Value, in.Comm, in.Body = r.int(), r.uint(), r.text()
	}
	if in.Kind == core.InDeliver {
		m := &in.Msg
		m.Kind, m.Group, m.Num = core.Kind(r.byte()), r.uint(), r.uint()
		m.Epoch = core.Epoch(r.uint())
		m.Ballot = core.Ballot{Round: uint32(r.uint()), Coordinator: core.NodeID(r.int())}
		m.Set, m.Body = r.set(), r.text()
	}
	if r.err == nil && len(r.buf) > 0 {
		r.err = fmt.Errorf("decode input: %d bytes too many", len(r.buf))
	}
	return now, in, r.err
}
