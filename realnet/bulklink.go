package realnet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"

	"nexarsim/core"
	"nexarsim/core/comm"
)

// On the bulk stream a packet with a number of bytes is followed by that many bytes of elements in segments: each as long as
// segmentMax, the last one as long as what is left. A segment of no length says that the rest never comes.
const segmentMax = 128 << 10

// bulkHeld bounds the bytes that one peer may have sent and nobody has used. What finds no room is thrown away, and asked
// for again. An application that moves more in one call may hold as much as that.
const bulkHeld = 64 << 20

// shipment is a part that is to be sent.
type shipment struct {
	packet   packet
	key      partKey
	elements []byte
	op       *operation
}

// bulkOut writes the bulk stream of a connection.
type bulkOut struct {
	l    *link
	wake chan struct{}

	mu       sync.Mutex
	queue    []shipment
	promised map[partKey]bool // queued, or to be queued, or being written
	coming   atomic.Pointer[partKey]
}

func newBulkOut(l *link) *bulkOut {
	return &bulkOut{l: l, wake: make(chan struct{}, 1), promised: map[partKey]bool{}}
}

// promise notes that a part will be sent; false if it was noted before and is not sent yet.
func (b *bulkOut) promise(key partKey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.promised[key] {
		return false
	}
	b.promised[key] = true
	return true
}

func (b *bulkOut) forget(key partKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.promised, key)
}

// put queues a part. There are never more than the operations under way have parts for this peer.
func (b *bulkOut) put(s shipment) {
	b.mu.Lock()
	b.queue = append(b.queue, s)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *bulkOut) take() (s shipment, any bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.queue = nil
		return shipment{}, false
	}
	s = b.queue[0]
	b.queue[0] = shipment{}
	b.queue = b.queue[1:]
	return s, true
}

// run writes what is queued until the connection ends.
func (b *bulkOut) run() error {
	var frame []byte
	for {
		s, any := b.take()
		if !any {
			select {
			case <-b.wake:
				continue
			case <-b.l.conn.Context().Done():
				return io.EOF
			}
		}
		var err error
		if !s.op.gone.Load() {
			frame, err = b.write(frame[:0], &s)
		}
		b.forget(s.key)
		if err != nil {
			return err
		}
	}
}

// write writes a part. One whose operation has gone in the meantime is broken off: its successor need not wait for it.
func (b *bulkOut) write(frame []byte, s *shipment) ([]byte, error) {
	frame, err := b.l.g.codec.frame(frame, &s.packet)
	if err != nil {
		return frame, nil // it would fail at every peer, and the operation ends by its timeout
	}
	to := b.l.streams[classBulk]
	for left := s.elements; len(left) > 0; {
		n := min(len(left), segmentMax)
		if s.op.gone.Load() {
			n = 0
		}
		frame = binary.BigEndian.AppendUint32(frame, uint32(n))
		if _, err := to.Write(frame); err != nil {
			return frame, err
		}
		if frame = frame[:0]; n == 0 {
			return frame, nil
		}
		if _, err := to.Write(left[:n]); err != nil {
			return frame, err
		}
		left = left[n:]
	}
	return frame, nil
}

// arriving tells whether a part that is asked for is being read.
func (l *link) arriving(key partKey) bool {
	c := l.bulk.coming.Load()
	return c != nil && *c == key
}

// pieces are the buffers of segments.
var pieces = sync.Pool{New: func() any { return new([segmentMax]byte) }}

// readBulk reads the bulk stream.
func (l *link) readBulk(s *quic.Stream) error {
	return eachFrame(s, l.takeBulk)
}

func (l *link) takeBulk(in *bufio.Reader, data []byte) error {
	var p packet
	if err := l.g.codec.decode(data, &p); err != nil {
		return err
	}
	switch {
	case p.Control == controlOpen && p.Bulk == 0:
		return nil
	case p.Control != controlNone || p.Kind != uint8(comm.Data) || p.Bulk == 0:
		return wireError("a packet of kind %d, control %d and %d bytes of elements on the bulk stream", p.Kind, p.Control, p.Bulk)
	}
	m := mail{kind: mailMessage, link: l, in: core.Input{Kind: core.InDeliver, From: l.peer, ID: p.ID}}
	if err := p.unpack(len(l.g.cfg.Members), &m.in.Msg); err != nil {
		return err
	}
	var err error
	if m.parcel, err = l.readParcel(in, &m.in, int(p.Bulk)); err != nil || m.parcel == nil {
		return err
	}
	if l.g.post(m) != nil {
		m.parcel.free()
		return io.EOF
	}
	return nil
}

// readParcel reads the elements of a message; nil if the sender has broken off, or if there was no room for them.
func (l *link) readParcel(in io.Reader, of *core.Input, size int) (*parcel, error) {
	key := keyOf(&of.Msg, l.peer)
	l.bulk.coming.Store(&key)
	defer l.bulk.coming.Store(nil)
	held := &l.g.net.peers[l.peer].held
	room := held.Add(int64(size)) <= max(bulkHeld, l.g.bulkMax.Load())
	p := &parcel{from: l.peer, id: of.ID, epoch: of.Msg.Epoch, key: key, size: size}
	p.free = sync.OnceFunc(func() {
		held.Add(-int64(size))
		for _, b := range p.pieces {
			pieces.Put((*[segmentMax]byte)(b[:segmentMax]))
		}
	})
	whole, err := p.read(in, room)
	if err != nil || !whole || !room {
		p.free()
		return nil, err
	}
	return p, nil
}

// read reads the segments; whole is false if the sender has broken off. What is not kept is read all the same.
func (p *parcel) read(in io.Reader, keep bool) (whole bool, err error) {
	var head [headerLen]byte
	for left := p.size; left > 0; {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return false, err
		}
		n := binary.BigEndian.Uint32(head[:])
		if n == 0 {
			return false, nil
		}
		if want := min(left, segmentMax); int64(n) != int64(want) {
			return false, wireError("a segment of %d bytes: expected %d", n, want)
		}
		if keep || len(p.pieces) == 0 {
			p.pieces = append(p.pieces, pieces.Get().(*[segmentMax]byte)[:0])
		}
		to := &p.pieces[len(p.pieces)-1]
		*to = (*to)[:n]
		if _, err := io.ReadFull(in, *to); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return false, err
		}
		left -= int(n)
	}
	return true, nil
}
