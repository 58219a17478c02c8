package explore

// memo remembers what follows from two numbers. Each worker has its own.
type memo struct {
	keys   []uint64 // key plus one; 0 is free
	values []uint32
	used   int
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
	if len(m.keys) == 0 {
		return 0, false
	}
	mask := uint64(len(m.keys) - 1)
	for i := memoHash(key) & mask; ; i = (i + 1) & mask {
		switch m.keys[i] {
		case key + 1:
			return m.values[i], true
		case 0:
			return 0, false
		}
	}
}

func (m *memo) put(key uint64, value uint32) {
	if 3*m.used >= 2*len(m.keys) {
		m.grow()
	}
	mask := uint64(len(m.keys) - 1)
	i := memoHash(key) & mask
	for m.keys[i] != 0 {
		i = (i + 1) & mask
	}
	m.keys[i], m.values[i] = key+1, value
	m.used++
}

func (m *memo) grow() {
	old := *m
	n := max(1024, 2*len(m.keys))
	*m = memo{keys: make([]uint64, n), values: make([]uint32, n)}
	for i, key := range old.keys {
		if key != 0 {
			m.put(key-1, old.values[i])
		}
	}
}
