package realnet_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"nexarsim/core"
)

// talker sends a lot to node 2, and then one message to node 1, for each call.
type talker struct {
	self  core.NodeID
	gate  chan struct{}      // node 2 reads nothing before it is closed
	heard chan core.NodeID   // who has heard the message after all that
	sent  chan map[bool]uint // node 0: how many of its sends were taken, and how many were not
	count map[bool]uint
}

func (m *talker) Clone() core.Machine           { return m }
func (m *talker) AppendState(buf []byte) []byte { return buf }
func (m *talker) KindName(core.Kind) string     { return "data" }

const (
	talkMessages = 4000
	talkBytes    = 8 << 10
)

// Step talks and listens.
func (m *talker) Step(_ core.Instant, in *core.Input, out *core.Effects) {
	switch in.Kind {
	case core.InCall:
		big := core.Message{Kind: 40, Body: strings.Repeat("x", talkBytes)}
		for range talkMessages {
			out.SendOp(2, &big, 1)
		}
		out.Send(1, &core.Message{Kind: 41})
		out.PutDone(core.Done{ID: in.ID, Call: in.Call})
	case core.InSent:
		m.count[in.Err == ""]++
		if m.count[true]+m.count[false] == talkMessages {
			m.sent <- m.count
		}
	case core.InDeliver:
		if m.self == 2 {
			<-m.gate
		}
		if in.Msg.Kind == 41 {
			m.heard <- m.self
		}
	default:
	}
}

// TestNobodyWaitsForASlowPeer: node 2 takes one message and no more. What node 0 sends it after that is dropped once the
// window is full; node 1 hears the next message all the same, and memory stays bounded.
func TestNobodyWaitsForASlowPeer(t *testing.T) {
	s := newSetup(t, 3, patient())
	gate, heard, sent := make(chan struct{}), make(chan core.NodeID, 3), make(chan map[bool]uint, 1)
	for i := range s.configs {
		s.configs[i].Machine = func(set core.Setup) (core.Machine, error) {
			return &talker{self: set.Self, gate: gate, heard: heard, sent: sent, count: map[bool]uint{}}, nil
		}
	}
	groups := s.join(t)
	defer close(gate)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	before := live()
	if _, err := groups[0].Call(ctx, core.Input{Call: core.CallSplit}); err != nil {
		t.Fatal(err)
	}
	select {
	case node := <-heard:
		if node != 1 {
			t.Errorf("node %d heard it: expected node 1", node)
		}
	case <-ctx.Done():
		t.Fatal("node 1 waits for node 2")
	}
	select {
	case n := <-sent:
		if n[true] == 0 || n[false] < talkMessages/2 {
			t.Errorf("%d of %d sends were taken: expected some, and less than half", n[true], talkMessages)
		}
	case <-ctx.Done():
		t.Fatal("not every send was answered")
	}
	if grown := live() - before; grown > 8<<20 {
		t.Errorf("memory grew by %d bytes: expected no more than a few windows", grown)
	}
}

// live is the memory that is in use.
func live() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
