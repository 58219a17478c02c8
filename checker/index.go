package checker

// index finds the entries of a growing list by key: it looks through a short list, and keeps a map beside a long one.
// Runs have a handful of views; a hostile trace may have a million.
type index[K comparable] struct {
	keys []K
	m    map[K]int // of the first entry with each key; in use if there are more than indexShort
}

const indexShort = 24

// find gives the first entry with a key, -1 if there is none.
func (x *index[K]) find(k K) int {
	if len(x.keys) > indexShort {
		if i, ok := x.m[k]; ok {
			return i
		}
		return -1
	}
	for i := range x.keys {
		if x.keys[i] == k {
			return i
		}
	}
	return -1
}

// add appends an entry.
func (x *index[K]) add(k K) {
	x.keys = append(x.keys, k)
	switch n := len(x.keys); {
	case n == indexShort+1:
		x.fill()
	case n > indexShort:
		x.note(k, n-1)
	}
}

func (x *index[K]) fill() {
	if x.m == nil {
		x.m = make(map[K]int)
	}
	clear(x.m)
	for i, k := range x.keys {
		x.note(k, i)
	}
}

func (x *index[K]) note(k K, i int) {
	if _, ok := x.m[k]; !ok {
		x.m[k] = i
	}
}

func (x *index[K]) reset() { x.keys = x.keys[:0] }

func (x *index[K]) copyFrom(o *index[K]) {
	x.keys = append(x.keys[:0], o.keys...)
	if len(x.keys) > indexShort {
		x.fill()
	}
}
