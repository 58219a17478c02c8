package realnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/fxamacker/cbor/v2"

	"nexarsim/core"
)

// version is that of the wire format. It stands in each hello, and in the name that TLS negotiates.
const version = 1

// frameMax bounds what stands in one frame; a length beyond it is refused before anything is read.
const frameMax = 64 << 10

const headerLen = 4

// What a packet on a stream says about the connection itself. A message has none.
const (
	controlNone  = iota
	controlReady // the sender has a connection to every member
	controlBye   // the sender ends its part in the group for good
	controlDone  // the sender has read a bye, and all that came before it
	controlOpen  // the first packet of a stream that carries no hello: it only opens the stream
	controlCount
)

// packet is what stands in a frame. The numbers are never used again for something else.
type packet struct {
	Control     uint8  `cbor:"1,keyasint,omitempty"`
	ID          uint64 `cbor:"2,keyasint,omitempty"` // of the message in a recorded run
	Kind        uint8  `cbor:"3,keyasint,omitempty"`
	Group       uint64 `cbor:"4,keyasint,omitempty"`
	Epoch       uint32 `cbor:"5,keyasint,omitempty"`
	Round       uint32 `cbor:"6,keyasint,omitempty"`
	Coordinator uint32 `cbor:"7,keyasint,omitempty"` // of the ballot, plus 1; 0: no ballot
	Num         uint64 `cbor:"8,keyasint,omitempty"`
	Set         []byte `cbor:"9,keyasint,omitempty"` // bit i of byte j is node 8j+i; no zero byte at the end
	Body        []byte `cbor:"10,keyasint,omitempty"`
	Bulk        uint32 `cbor:"11,keyasint,omitempty"` // bytes of elements that follow in segments; on the bulk stream only
}

// hello is the first frame in each direction of a connection.
type hello struct {
	Version     uint32 `cbor:"1,keyasint"`
	Group       uint64 `cbor:"2,keyasint"` // comm_id of the first view
	Config      uint64 `cbor:"3,keyasint"` // fingerprint of what all members must have in common
	From        uint32 `cbor:"4,keyasint"`
	To          uint32 `cbor:"5,keyasint"`
	Incarnation uint64 `cbor:"6,keyasint"`           // drawn when the process starts: a member that restarts has forgotten its promises
	Binding     []byte `cbor:"7,keyasint"`           // from the keys of this very connection, so that no hello is good on another one
	Port        uint16 `cbor:"8,keyasint,omitempty"` // of the sender's witness socket; 0: none
	Token       []byte `cbor:"9,keyasint"`           // what the other side shows to the witness socket
}

const (
	bindingLen = 32
	tokenLen   = 16
)

// codec encodes deterministically and decodes strictly.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

func newCodec() (*codec, error) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return nil, fmt.Errorf("make encoder: %w", err)
	}
	dec, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxArrayElements: 1024, MaxMapPairs: 64, MaxNestedLevels: 8, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode()
	if err != nil {
		return nil, fmt.Errorf("make decoder: %w", err)
	}
	return &codec{enc, dec}, nil
}

// frame appends a frame that holds v.
func (c *codec) frame(buf []byte, v any) ([]byte, error) {
	body, err := c.enc.Marshal(v)
	if err != nil {
		return buf, fmt.Errorf("encode frame: %w", err)
	}
	if len(body) > frameMax {
		return buf, fmt.Errorf("encode frame: %d bytes: expected at most %d", len(body), frameMax)
	}
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(body)))
	return append(buf, body...), nil
}

// errWire is what a peer sent that no member of this version sends.
type errWire struct {
	form string // its kind
	msg  string
}

func (e *errWire) Error() string { return "wire: " + e.msg }

func wireError(format string, args ...any) error {
	return &errWire{format, fmt.Sprintf(format, args...)}
}

// readFrame reads one frame into buf and gives its content, which is good until the next call.
func readFrame(r io.Reader, buf *[]byte) ([]byte, error) {
	var head [headerLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > frameMax {
		return nil, wireError("frame of %d bytes: expected 1 to %d", n, frameMax)
	}
	if cap(*buf) < int(n) {
		*buf = make([]byte, max(int(n), 512))
	}
	b := (*buf)[:n]
	if _, err := io.ReadFull(r, b); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}

// decode reads what stands in a frame into v. There is one encoding of each value, and any other is refused.
func (c *codec) decode(data []byte, v any) error {
	if err := c.dec.Unmarshal(data, v); err != nil {
		return wireError("%v", err)
	}
	again, err := c.enc.Marshal(v)
	if err != nil || !bytes.Equal(again, data) {
		return wireError("not in canonical form")
	}
	return nil
}

// pack makes a packet of a message.
func pack(id uint64, m *core.Message) packet {
	p := packet{
		ID: id, Kind: uint8(m.Kind), Group: m.Group, Epoch: uint32(m.Epoch), Round: m.Ballot.Round, Num: m.Num,
		Coordinator: uint32(m.Ballot.Coordinator + 1), Set: packSet(m.Set),
	}
	if m.Body != "" {
		p.Body = []byte(m.Body)
	}
	return p
}

// unpack is the inverse, in a group of world nodes.
func (p *packet) unpack(world int, m *core.Message) error {
	switch {
	case p.Control != controlNone:
		return wireError("control %d where a message is expected", p.Control)
	case p.Kind == 0:
		return wireError("a message without a kind")
	case p.Kind < protocolKinds && int64(p.Coordinator) > int64(world):
		return wireError("coordinator %d: expected a node of a world of %d", int64(p.Coordinator)-1, world)
	case p.Coordinator > math.MaxInt32: // a communicator's message names its part by it
		return wireError("coordinator %d: expected at most %d", p.Coordinator, math.MaxInt32)
	case len(p.Set) > 0 && p.Set[len(p.Set)-1] == 0:
		return wireError("a set with a zero byte at its end")
	}
	set, err := unpackSet(p.Set, world)
	if err != nil {
		return err
	}
	*m = core.Message{
		Group: p.Group, Num: p.Num, Set: set, Body: string(p.Body), Epoch: core.Epoch(p.Epoch), Kind: core.Kind(p.Kind),
		Ballot: core.Ballot{Round: p.Round, Coordinator: core.NodeID(p.Coordinator) - 1},
	}
	return nil
}

func packSet(s core.NodeSet) []byte {
	var bits []byte
	for id := s.First(); id != core.NoNode; id = s.Next(id) {
		for int(id)/8 >= len(bits) {
			bits = append(bits, 0)
		}
		bits[id/8] |= 1 << (id % 8)
	}
	return bits
}

func unpackSet(bits []byte, world int) (core.NodeSet, error) {
	if len(bits) == 0 {
		return core.NodeSet{}, nil
	}
	if len(bits) > (world+7)/8 {
		return core.NodeSet{}, wireError("a set of %d bytes in a world of %d", len(bits), world)
	}
	ids := make([]core.NodeID, 0, 8)
	for i, b := range bits {
		for k := range 8 {
			if b>>k&1 == 0 {
				continue
			}
			if i*8+k >= world {
				return core.NodeSet{}, wireError("a set with node %d in a world of %d", i*8+k, world)
			}
			ids = append(ids, core.NodeID(i*8+k))
		}
	}
	return core.NodeSetOf(ids...), nil
}
