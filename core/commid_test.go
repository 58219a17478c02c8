package core

import (
	"encoding/binary"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// twinHash is FNV-1a-64, from its definition.
func twinHash(data []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, b := range data {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	return h
}

// TestCommIDTwin: comm_ids are what their comments say, to the byte: other implementations compute them too.
func TestCommIDTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.StringN(0, 4, 12), 0, 5).Draw(t, "ids")
		data := binary.LittleEndian.AppendUint64(nil, uint64(len(ids)))
		for _, id := range ids {
			data = append(binary.LittleEndian.AppendUint64(data, uint64(len(id))), id...)
		}
		if got, want := RootCommID(ids), twinHash(data); got != want {
			t.Fatalf("root of %q is %x, want %x", ids, got, want)
		}

		parent, epoch, dead := rapid.Uint64().Draw(t, "parent"), rapid.Uint32().Draw(t, "epoch"), twinOf(drawIDs(t)).ids()
		data = binary.LittleEndian.AppendUint64(nil, parent)
		data = binary.LittleEndian.AppendUint64(data, uint64(epoch))
		for _, id := range dead {
			data = binary.LittleEndian.AppendUint32(data, uint32(id))
		}
		if got, want := ChildCommID(parent, Epoch(epoch), NodeSetOf(dead...)), twinHash(data); got != want {
			t.Fatalf("child of %x, epoch %d, without %v is %x, want %x", parent, epoch, dead, got, want)
		}
	})
}

// TestCommIDs: one history has one comm_id, two histories never share one, and none is 0 (S5). The histories are all those
// of six nodes, and those of groups with similar names.
func TestCommIDs(t *testing.T) {
	book := newCommBook()
	enter := func(comm uint64, history string) {
		if comm == 0 {
			t.Fatalf("history %s has comm_id 0", history)
		}
		if other, ok := book.byComm[comm]; ok && other != history {
			t.Fatalf("histories %s and %s have comm_id %x", other, history, comm)
		}
		book.byComm[comm] = history
	}
	var walk func(v View, history string)
	walk = func(v View, history string) {
		enter(v.CommID, history)
		members := mask(v.Members()...)
		for dead := members; dead > 0; dead = (dead - 1) & members {
			if dead != members {
				walk(v.Excluding(NodeSetOf(unmask(dead)...)), history+fmt.Sprint(unmask(dead)))
			}
		}
	}
	for _, ids := range [][]string{
		{"a", "b", "c", "d", "e", "f"}, {"b", "a", "c", "d", "e", "f"}, {"a", "b", "c", "d", "ef"}, {"ab", "c", "d", "e", "f"}, {"a", "bc", "d", "e", "f"}, {},
		{""}, {"", ""}, {"a"}, {"a", ""},
	} {
		walk(FirstView(len(ids), RootCommID(ids)), fmt.Sprintf("%d%q", len(ids), ids))
	}
	t.Logf("%d histories", len(book.byComm))
}
