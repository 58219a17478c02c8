package explore

// memo remembers what follows from two numbers. Each worker has its own.
type memo struct {
	slots []memoSlot
	used  int
}

type memoSlot struct {
	key   uint64 // plus one; 0 is free
	value uint32
}

// memoHash mixes all bits into all: numbers of parts are small, and pairs of them look alike.
func memoHash(key uint64) uint64 {
	key ^= key >> 32
	key *= 0xd6e8feb86659fd93
	key ^= key >> 32
	key *= 0xd6e8feb86659fd93
	return key ^ key>>32
}

func pair(a, b uint32) uint64 { return uint64(a)<<32 | uint64(b) }

func (m *memo) get(key uint64) (uint32, bool) {
	if len(m.slots) == 0 {
		return 0, false
	}
	mask := uint64(len(m.slots) - 1)
	for i := memoHash(key) & mask; ; i = (i + 1) & mask {
		switch s := &m.slots[i]; s.key {
		case key + 1:
			return s.value, true
		case 0:
			return 0, false
		}
	}
}

func (m *memo) put(key uint64, value uint32) {
	if 3*m.used >= 2*len(m.slots) {
		m.grow()
	}
	mask := uint64(len(m.slots) - 1)
	i := memoHash(key) & mask
	for m.slots[i].key != 0 {
		i = (i + 1) & mask
	}
	m.slots[i] = memoSlot{key + 1, value}
	m.used++
}

func (m *memo) grow() {
	old := m.slots
	*m = memo{slots: make([]memoSlot, max(1024, 2*len(old)))}
	for _, s := range old {
		if s.key != 0 {
			m.put(s.key-1, s.value)
		}
	}
}

// recall remembers parts by a hash that several of them may have.
type recall struct {
	slots []recallSlot
	used  int
}

type recallSlot struct {
	hash   uint32
	number uint32 // plus one; 0 is free
}

// find gives the number of the part with this hash that is the one.
func (r *recall) find(hash uint32, is func(number uint32) bool) (uint32, bool) {
	if len(r.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(r.slots) - 1)
	for i := hash & mask; r.slots[i].number != 0; i = (i + 1) & mask {
		if s := r.slots[i]; s.hash == hash && is(s.number-1) {
			return s.number - 1, true
		}
	}
	return 0, false
}

func (r *recall) add(hash, number uint32) {
	if 3*r.used >= 2*len(r.slots) {
		old := r.slots
		*r = recall{slots: make([]recallSlot, max(1024, 2*len(old)))}
		for _, s := range old {
			if s.number != 0 {
				r.add(s.hash, s.number-1)
			}
		}
	}
	mask := uint32(len(r.slots) - 1)
	i := hash & mask
	for r.slots[i].number != 0 {
		i = (i + 1) & mask
	}
	r.slots[i] = recallSlot{hash, number + 1}
	r.used++
}
