package core

import "hash/fnv"

// RootCommID is the comm_id of a group's first view: FNV-1a-64 over its members' ids, each with its length before it.
func RootCommID(ids []string) uint64 {
	h := fnv.New64a()
	var buf []byte
	buf = appendUint(buf, uint64(len(ids)))
	for _, id := range ids {
		buf = appendUint(buf, uint64(len(id)))
		buf = append(buf, id...)
	}
	_, _ = h.Write(buf) // a hash never fails
	return nonZero(h.Sum64())
}

// ChildCommID is the comm_id of the view that the decision of who is dead makes out of its parent: FNV-1a-64 over the
// parent's comm_id, the new epoch and the dead in ascending order (S5: decided history alone, no local counter).
func ChildCommID(parent uint64, epoch Epoch, dead NodeSet) uint64 {
	h := fnv.New64a()
	buf := appendUint(nil, parent)
	buf = appendUint(buf, uint64(epoch))
	for id := dead.First(); id != NoNode; id = dead.Next(id) {
		buf = append(buf, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	_, _ = h.Write(buf)
	return nonZero(h.Sum64())
}

func nonZero(x uint64) uint64 {
	if x == 0 {
		return 1
	}
	return x
}

func appendUint(buf []byte, x uint64) []byte {
	return append(buf, byte(x), byte(x>>8), byte(x>>16), byte(x>>24), byte(x>>32), byte(x>>40), byte(x>>48), byte(x>>56))
}
