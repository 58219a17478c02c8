package realnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"nexarsim/core"
)

// segments are a part's elements as they travel, with the given lengths in front of them.
func segments(lengths ...int) []byte {
	var all []byte
	for i, n := range lengths {
		all = binary.BigEndian.AppendUint32(all, uint32(n))
		all = append(all, bytes.Repeat([]byte{byte(i + 1)}, min(n, segmentMax))...)
	}
	return all
}

// TestSegments holds the reader to one form of each part.
func TestSegments(t *testing.T) {
	for _, s := range []struct {
		name   string
		size   int
		data   []byte
		whole  bool
		broken bool // its connection must end
	}{
		{"one byte", 1, segments(1), true, false},
		{"a full segment", segmentMax, segments(segmentMax), true, false},
		{"two", segmentMax + 7, segments(segmentMax, 7), true, false},
		{"broken off", 2 * segmentMax, segments(segmentMax, 0), false, false},
		{"broken off at once", 5, segments(0), false, false},
		{"smaller than it could be", segmentMax, segments(segmentMax-1, 1), false, true},
		{"more than was announced", 7, segments(8), false, true},
		{"too long a segment", 2 * segmentMax, segments(segmentMax + 1), false, true},
		{"cut", 7, segments(7)[:9], false, true},
		{"cut between segments", segmentMax + 7, segments(segmentMax), false, true},
	} {
		for _, keep := range []bool{true, false} {
			p := &parcel{size: s.size}
			whole, err := p.read(bytes.NewReader(s.data), keep)
			if whole != s.whole || (err != nil) != s.broken {
				t.Errorf("%s, kept %v: whole %v, error %v", s.name, keep, whole, err)
			}
			held := 0
			for _, piece := range p.pieces {
				held += len(piece)
			}
			if whole && keep && held != s.size || !keep && held > segmentMax {
				t.Errorf("%s, kept %v: %d bytes are held", s.name, keep, held)
			}
		}
	}
}

// TestRoom: what a peer has sent and nobody has used is bounded, and what finds no room can be sent again later.
func TestRoom(t *testing.T) {
	g := &Group{cfg: Config{Members: make([]Member, 2)}, net: &transport{peers: make([]peer, 2)}}
	l := &link{g: g, peer: 1}
	l.bulk = newBulkOut(l)
	const size = bulkHeld / 4 / segmentMax * segmentMax
	read := func() *parcel {
		lengths := make([]int, size/segmentMax)
		for i := range lengths {
			lengths[i] = segmentMax
		}
		p, err := l.readParcel(bytes.NewReader(segments(lengths...)), &core.Input{}, size)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	var all []*parcel
	for i := range 4 {
		if all = append(all, read()); all[i] == nil {
			t.Fatalf("part %d found no room", i)
		}
	}
	if read() != nil {
		t.Fatal("a fifth part found room")
	}
	all[2].free()
	all[2].free() // a second time changes nothing
	p := read()
	if p == nil || read() != nil {
		t.Errorf("after one was used there is room for one")
	}
	g.bulkMax.Store(bulkHeld + size)
	if read() == nil {
		t.Errorf("an application that moves more has room for more")
	}
}

// TestPromises: a part that is on its way is not sent again, and one that was sent can be.
func TestPromises(t *testing.T) {
	b := newBulkOut(&link{})
	one, other := partKey{comm: 1, number: 2, part: 3, peer: 4}, partKey{comm: 1, number: 2, part: 3, peer: 5}
	if !b.promise(one) || b.promise(one) || !b.promise(other) {
		t.Error("expected each part to be promised once")
	}
	if b.forget(one); !b.promise(one) {
		t.Error("expected a part that was sent to be sent again")
	}
}

// FuzzSegments: whatever stands behind a packet is refused or is what was announced; no panic, bounded memory.
func FuzzSegments(f *testing.F) {
	f.Add(uint32(8), segments(8))
	f.Add(uint32(segmentMax+1), segments(segmentMax, 1))
	f.Add(uint32(9), segments(0))
	f.Add(uint32(1<<31), segments(segmentMax))
	f.Fuzz(func(t *testing.T, size uint32, data []byte) {
		if size == 0 {
			return
		}
		p := &parcel{size: int(size)}
		whole, err := p.read(bytes.NewReader(data), true)
		var wrong *errWire
		if err != nil && !errors.As(err, &wrong) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("error %v: expected one of the wire, or an end", err)
		}
		if held := len(p.pieces) * segmentMax; held > len(data)+segmentMax {
			t.Errorf("%d bytes are reserved for %d", held, len(data))
		}
		if whole && len(data) < int(size) {
			t.Errorf("%d bytes were made of %d", size, len(data))
		}
	})
}
