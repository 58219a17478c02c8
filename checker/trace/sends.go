package trace

import "encoding/binary"

// sends remembers every message sent, so that a delivery can be matched and resolved however late it comes. Messages lie
// packed in chunks of bytes, found through an open-addressing table of places: a typical one costs 35 bytes.
type sends struct {
	table  []uint64 // chunk<<32 | offset, plus 1; 0: free
	count  int
	chunks [][]byte // each is appended to within its capacity, never moved
	types  []string // types seen, by number; at most maxTypes, later ones stand among the bodies
	index  map[string]int
	bodies []string // bodies, and types beyond maxTypes
	entry  []byte   // the one being packed
}

// sent is what is remembered of a send.
type sent struct {
	from, to int
	msg      Message
}

const (
	sendChunk = 256 << 10
	maxTypes  = 255
)

// add remembers a send; false if its id was sent before.
func (s *sends) add(id uint64, from, to int, m *Message) bool {
	if s.count*4 >= len(s.table)*3 {
		s.grow()
	}
	at := s.slot(id)
	if s.table[at] != 0 {
		return false
	}
	s.table[at] = s.store(s.pack(id, from, to, m)) + 1
	s.count++
	return true
}

// find gives the send of an id, in out's memory.
func (s *sends) find(id uint64, out *sent) bool {
	if len(s.table) == 0 {
		return false
	}
	place := s.table[s.slot(id)]
	if place == 0 {
		return false
	}
	s.unpack(s.at(place-1), out)
	return true
}

// has reports whether an id was sent.
func (s *sends) has(id uint64) bool { return len(s.table) > 0 && s.table[s.slot(id)] != 0 }

// slot gives where the id stands in the table, or the free place where it would.
func (s *sends) slot(id uint64) int {
	mask := len(s.table) - 1
	for i := int(id*0x9e3779b97f4a7c15>>32) & mask; ; i = (i + 1) & mask {
		place := s.table[i]
		if place == 0 {
			return i
		}
		if got, _ := binary.Uvarint(s.at(place - 1)); got == id {
			return i
		}
	}
}

func (s *sends) at(place uint64) []byte { return s.chunks[place>>32][uint32(place):] }

func (s *sends) grow() {
	old := s.table
	s.table = make([]uint64, max(1024, 2*len(old)))
	for _, place := range old {
		if place != 0 {
			id, _ := binary.Uvarint(s.at(place - 1))
			s.table[s.slot(id)] = place
		}
	}
}

// store copies an entry to where it stays and gives that place. An entry fits a chunk: what may be long in it is a set
// of at most maxWorld numbers.
func (s *sends) store(entry []byte) uint64 {
	last := len(s.chunks) - 1
	if last < 0 || cap(s.chunks[last])-len(s.chunks[last]) < len(entry) {
		s.chunks = append(s.chunks, make([]byte, 0, sendChunk))
		last++
	}
	c := s.chunks[last]
	place := uint64(last)<<32 | uint64(len(c))
	s.chunks[last] = append(c, entry...)
	return place
}

func (s *sends) pack(id uint64, from, to int, m *Message) []byte {
	b := binary.AppendUvarint(s.entry[:0], id)
	b = binary.AppendUvarint(b, uint64(from))
	b = binary.AppendUvarint(b, uint64(to))
	b = s.packType(b, m.Type)
	b = binary.AppendUvarint(b, m.Epoch)
	b = binary.LittleEndian.AppendUint64(b, m.Group)
	b = binary.AppendUvarint(b, uint64(m.Round))
	b = binary.AppendVarint(b, int64(m.Coordinator))
	b = binary.AppendUvarint(b, m.Num)
	body := 0
	if m.Body != "" {
		s.bodies = append(s.bodies, m.Body)
		body = len(s.bodies)
	}
	b = binary.AppendUvarint(b, uint64(body))
	b = binary.AppendUvarint(b, uint64(len(m.Set)))
	for _, x := range m.Set {
		b = binary.AppendVarint(b, int64(x))
	}
	s.entry = b
	return b
}

func (s *sends) packType(b []byte, t string) []byte {
	if n, ok := s.index[t]; ok {
		return append(b, byte(n))
	}
	if len(s.types) < maxTypes && len(t) <= 64 {
		if s.index == nil {
			s.index = make(map[string]int)
		}
		s.index[t] = len(s.types)
		s.types = append(s.types, t)
		return append(b, byte(len(s.types)-1))
	}
	b = append(b, maxTypes)
	s.bodies = append(s.bodies, t)
	return binary.AppendUvarint(b, uint64(len(s.bodies)-1))
}

func (s *sends) unpack(b []byte, out *sent) {
	uvarint := func() uint64 {
		x, n := binary.Uvarint(b)
		b = b[n:]
		return x
	}
	varint := func() int {
		x, n := binary.Varint(b)
		b = b[n:]
		return int(x)
	}
	uvarint() // the id
	out.from, out.to = int(uvarint()), int(uvarint())
	m := &out.msg
	n := b[0]
	b = b[1:]
	if n == maxTypes {
		m.Type = s.bodies[uvarint()]
	} else {
		m.Type = s.types[n]
	}
	m.Epoch = uvarint()
	m.Group = binary.LittleEndian.Uint64(b)
	b = b[8:]
	m.Round, m.Coordinator, m.Num = uint32(uvarint()), varint(), uvarint()
	m.Body = ""
	if body := uvarint(); body > 0 {
		m.Body = s.bodies[body-1]
	}
	m.Set = m.Set[:0]
	for range uvarint() {
		if b[0] < 0x80 { // one byte: the same as below, for long sets
			m.Set = append(m.Set, int(b[0]>>1)^-int(b[0]&1))
			b = b[1:]
			continue
		}
		m.Set = append(m.Set, varint())
	}
}
