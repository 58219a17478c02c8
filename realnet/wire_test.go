package realnet

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nexarsim/core"
)

var update = flag.Bool("update", false, "rewrite the golden bytes of the wire format")

const goldenFile = "testdata/wire.txt"

func mustCodec(t testing.TB) *codec {
	t.Helper()
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func vote() *core.Message {
	return &core.Message{
		Kind: core.Vote, Group: 0x1122334455667788, Epoch: 2, Ballot: core.Ballot{Round: 0, Coordinator: 1},
		Set: core.NodeSetOf(0, 9), Num: 7,
	}
}

// samples are one frame of each form, by name.
func samples() []struct {
	name  string
	value any
} {
	v := pack(17, vote())
	beat := pack(4, &core.Message{Kind: core.Heartbeat, Group: 1, Epoch: 1, Num: 300, Ballot: core.NoBallot})
	body := pack(5, &core.Message{Kind: 40, Group: 1, Ballot: core.NoBallot, Body: "\xff\x00"})
	return []struct {
		name  string
		value any
	}{
		{"vote", &v},
		{"heartbeat", &beat},
		{"body", &body},
		{"ready", &packet{Control: controlReady}},
		{"bye", &packet{Control: controlBye}},
		{"done", &packet{Control: controlDone}},
		{"open", &packet{Control: controlOpen}},
		{"hello", &hello{
			Version: 1, Group: 0x1122334455667788, Config: 2, From: 3, To: 1, Incarnation: 5,
			Binding: bytes.Repeat([]byte{0xab}, bindingLen), Port: 7946, Token: bytes.Repeat([]byte{0xcd}, tokenLen),
		}},
	}
}

// TestGoldenBytes holds the wire format to its published bytes: a member of this version must go on reading them.
func TestGoldenBytes(t *testing.T) {
	c := mustCodec(t)
	var got strings.Builder
	for _, s := range samples() {
		frame, err := c.frame(nil, s.value)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "%s %s\n", s.name, hex.EncodeToString(frame))
	}
	if *update {
		if err := os.WriteFile(goldenFile, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the wire format changed (-want +got):\n%s", diff)
	}
}

func TestMessageThereAndBack(t *testing.T) {
	c := mustCodec(t)
	for _, m := range []*core.Message{
		vote(), {Kind: core.Heartbeat, Ballot: core.NoBallot}, {Kind: 200, Body: "\xfe", Ballot: core.Ballot{Round: 1 << 31, Coordinator: 9}},
	} {
		p := pack(3, m)
		frame, err := c.frame(nil, &p)
		if err != nil {
			t.Fatal(err)
		}
		var buf []byte
		data, err := readFrame(bytes.NewReader(frame), &buf)
		if err != nil {
			t.Fatal(err)
		}
		var q packet
		var got core.Message
		if err := c.decode(data, &q); err != nil {
			t.Fatal(err)
		}
		if err := q.unpack(10, &got); err != nil {
			t.Fatal(err)
		}
		if got != *m || q.ID != 3 {
			t.Errorf("sent %+v, got %+v", *m, got)
		}
	}
}

// TestRefusedFrames pairs each refusal with what stands next to it and is taken.
func TestRefusedFrames(t *testing.T) {
	c := mustCodec(t)
	for _, s := range []struct {
		name string
		hex  string
		ok   bool
	}{
		{"smallest message", "a10301", true},
		{"number not in its shortest form", "a1031801", false},
		{"key twice", "a203010302", false},
		{"keys out of order", "a204010301", false},
		{"zero that is written out", "a203010400", false},
		{"field of a later version", "a20301181905", false},
		{"map without an end", "bf0301ff", false},
		{"something after it", "a1030100", false},
		{"cut", "a203", false},
		{"list", "8103", false},
		{"text key", "a161330a", false},
		{"tag", "c0a10301", false},
		{"kind too large", "a103190100", false},
		{"negative kind", "a10320", false},
		{"message without kind", "a10207", false},
		{"last node", "a2030109420002", true},
		{"node beyond the world", "a2030109420004", false},
		{"zero byte at the end of a set", "a20301094100", false},
		{"set too long", "a203010943000001", false},
		{"last coordinator", "a20301070a", true},
		{"coordinator beyond the world", "a20301070b", false},
		{"control", "a10101", false},
	} {
		data, err := hex.DecodeString(s.hex)
		if err != nil {
			t.Fatal(err)
		}
		var p packet
		var m core.Message
		err = c.decode(data, &p)
		if err == nil {
			err = p.unpack(10, &m)
		}
		var wrong *errWire
		switch {
		case s.ok && err != nil:
			t.Errorf("%s: %v", s.name, err)
		case !s.ok && !errors.As(err, &wrong):
			t.Errorf("%s: error %v: expected one of the wire", s.name, err)
		}
	}
}

func TestFrameLengths(t *testing.T) {
	for _, s := range []struct {
		length uint32
		ok     bool
	}{{0, false}, {1, true}, {frameMax, true}, {frameMax + 1, false}, {1<<32 - 1, false}} {
		head := binary.BigEndian.AppendUint32(nil, s.length)
		var buf []byte
		r := &counting{r: io.MultiReader(bytes.NewReader(head), zeros{})}
		_, err := readFrame(r, &buf)
		if (err == nil) != s.ok {
			t.Errorf("a frame of %d bytes: error %v", s.length, err)
		}
		if !s.ok && (r.n > headerLen || cap(buf) > 0) {
			t.Errorf("a frame of %d bytes: %d bytes were read and %d reserved before it was refused", s.length, r.n, cap(buf))
		}
	}
	if _, err := mustCodec(t).frame(nil, &packet{Kind: 1, Body: make([]byte, frameMax)}); err == nil {
		t.Error("a frame beyond the limit was made")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// FuzzFrame: whatever arrives is refused, or is the one encoding of what it says; no panic, bounded memory.
func FuzzFrame(f *testing.F) {
	c := mustCodec(f)
	for _, s := range samples() {
		frame, err := c.frame(nil, s.value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Add([]byte{0, 0, 0, 1, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		var buf []byte
		for {
			content, err := readFrame(r, &buf)
			if err != nil {
				return
			}
			var h hello
			if c.decode(content, &h) == nil {
				holdCanonical(t, c, content, &h)
			}
			var p packet
			if c.decode(content, &p) != nil {
				continue
			}
			holdCanonical(t, c, content, &p)
			var m core.Message
			if p.unpack(64, &m) != nil {
				continue
			}
			again := pack(p.ID, &m)
			if diff := cmp.Diff(p, again); diff != "" && len(p.Set) > 0 {
				t.Errorf("packet and what it was read as differ (-packet +read):\n%s", diff)
			}
		}
	})
}

func holdCanonical(t *testing.T, c *codec, content []byte, v any) {
	t.Helper()
	again, err := c.frame(nil, v)
	if err != nil || !bytes.Equal(again[headerLen:], content) {
		t.Errorf("taken: %x, and encoded again: %x (%v)", content, again, err)
	}
}

// FuzzWitness: of all that can be said to the witness socket only what a member says with its own token is taken.
func FuzzWitness(f *testing.F) {
	said := func(node byte, token byte) []byte {
		return append(append(witnessMagic[:len(witnessMagic):len(witnessMagic)], 0, 0, 0, node), bytes.Repeat([]byte{token}, tokenLen)...)
	}
	t := &transport{g: &Group{self: 1}, peers: make([]peer, 4)}
	for i := range t.peers {
		copy(t.peers[i].token[:], bytes.Repeat([]byte{byte(i)}, tokenLen))
	}
	for _, i := range []int{0, 1, 2} { // node 3 has not said hello
		t.peers[i].theirs.Store(&watchPost{})
	}
	for node := range byte(5) {
		f.Add(said(node, node))
	}
	f.Add(said(2, 1))
	f.Fuzz(func(tt *testing.T, data []byte) {
		var text [witnessHelloLen]byte
		copy(text[:], data)
		node, err := t.judgeWitness(&text)
		if right := bytes.Equal(text[:], said(2, 2)); right != (err == nil) || right && node != 2 {
			tt.Errorf("%x is taken for node %d, %v: expected that of node 2 with its token only", text, node, err)
		}
	})
}
