package realnet

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"nexarsim/core"
)

const hostileLimit = 60 * time.Second

// victim is a running group of three, its authority, and what node 0 has logged.
type victim struct {
	groups []*Group
	ca     *Authority
	log    *lockedText
}

type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // closed at the next write
}

// Write keeps all.
func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.more)
	l.more = make(chan struct{})
	return l.text.Write(p)
}

// wait waits until a text was written.
func (l *lockedText) wait(ctx context.Context, text string) error {
	for {
		l.mu.Lock()
		all, more := l.text.String(), l.more
		l.mu.Unlock()
		if strings.Contains(all, text) {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("%q was not logged:\n%s", text, all)
		}
	}
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newVictim forms the group.
func newVictim(t *testing.T) *victim {
	t.Helper()
	v := newMembers(t)
	ctx, cancel := context.WithTimeout(context.Background(), hostileLimit)
	defer cancel()
	v.connect(ctx, t, 0, 1, 2)
	return v
}

// newMembers makes the members of a group that has not formed.
func newMembers(t *testing.T) *victim {
	t.Helper()
	ca, err := NewAuthority(time.Hour)
	check(t, err)
	v := &victim{ca: ca, log: &lockedText{more: make(chan struct{})}, groups: make([]*Group, 3)}
	cfg := core.DefaultConfig()
	cfg.HeartbeatInterval, cfg.HeartbeatTimeout = 500*time.Millisecond, 30*time.Second
	var members []Member
	var sockets []net.PacketConn
	for i := range v.groups {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		check(t, err)
		sockets = append(sockets, socket)
		members = append(members, Member{fmt.Sprint("node-", i), socket.LocalAddr().String()})
	}
	for i := range v.groups {
		creds, err := ca.Credentials(members[i].ID, time.Hour)
		check(t, err)
		c := Config{Self: members[i].ID, Members: members, Core: cfg, Credentials: creds, Socket: sockets[i]}
		if i == 2 {
			c.Machine = func(s core.Setup) (core.Machine, error) {
				m, err := core.New(s)
				return brokenMachine{m}, err
			}
		}
		if i == 0 {
			c.Logger = slog.New(slog.NewTextHandler(v.log, nil))
		}
		v.groups[i], err = New(c)
		check(t, err)
	}
	t.Cleanup(func() {
		for _, g := range v.groups {
			g.Close()
		}
	})
	return v
}

// connect connects and starts members.
func (v *victim) connect(ctx context.Context, t *testing.T, which ...int) {
	t.Helper()
	errs := make(chan error)
	for _, i := range which {
		go func() { errs <- v.groups[i].Connect(ctx) }()
	}
	for range which {
		check(t, <-errs)
	}
	for _, i := range which {
		check(t, v.groups[i].Start(Monotonic()))
	}
}

// target is node 0.
func (v *victim) target(t *testing.T) *target {
	g := v.groups[0]
	return &target{
		quic: g.net.socket.LocalAddr().(*net.UDPAddr), witness: g.net.witness.Addr().String(), ca: v.ca, group: g.cfg.commID(),
		config: g.cfg.fingerprint(), codec: mustCodec(t),
	}
}

// TestHostilePeers lets every kind of bad peer at a running group, several times, and those that wait for its patience
// beside the others. All are sent away, each kind is logged once, nobody is excluded, and the group recovers as before.
func TestHostilePeers(t *testing.T) {
	v := newVictim(t)
	ctx, cancel := context.WithTimeout(context.Background(), hostileLimit)
	defer cancel()
	all := v.target(t).kinds(t)
	before := heap()
	var wait sync.WaitGroup
	attempt := func(a *attack) {
		if err := a.do(ctx); err != nil {
			t.Errorf("%s: %v", a.name, err)
		}
	}
	for i := range all {
		if all[i].slow {
			wait.Go(func() { attempt(&all[i]) })
		}
	}
	for range 3 {
		for i := range all {
			if !all[i].slow {
				attempt(&all[i])
			}
		}
	}
	wait.Wait()
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	if n := v.groups[0].Stats().Refused; n < 60 {
		t.Errorf("%d connections are counted as refused: expected 60 at least", n)
	}
	text := v.log.String()
	kinds := map[string]int{}
	for _, a := range all {
		kinds[a.logged]++
	}
	for _, a := range all {
		if n := strings.Count(text, a.logged); a.logged != "" && (n == 0 || n > kinds[a.logged]) {
			t.Errorf("%s: %q is logged %d times: expected once for each of %d kinds", a.name, a.logged, n, kinds[a.logged])
		}
	}
	if n := strings.Count(text, "level=WARN"); n > len(all) {
		t.Errorf("%d warnings about %d kinds of bad peer:\n%s", n, len(all), text)
	}
	if t.Failed() {
		t.Log(text)
	}
	for _, g := range v.groups {
		if w := g.View(); w.Epoch != 0 || g.Err() != nil {
			t.Errorf("node %d: epoch %d, %v: expected epoch 0, and no end", g.self, w.Epoch, g.Err())
		}
	}
	v.groups[2].Close()
	for _, g := range v.groups[:2] {
		ev, err := g.Events().Next(ctx)
		if err != nil || ev.Kind != core.EventRecovered || ev.NewWorldSize != 2 {
			t.Errorf("node %d after the attack: %+v, %v: expected a recovery to two members", g.self, ev, err)
		}
	}
}

// TestFloodKeepsNobodyOut: a group forms while strangers hold all the room that there is for them, in each place where a
// connection waits to be proved, and take it again whenever it is free.
func TestFloodKeepsNobodyOut(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), hostileLimit)
	defer cancel()
	form := func(v *victim) time.Duration {
		began := time.Now()
		v.connect(ctx, t, 1, 2)
		return time.Since(began)
	}
	zero := func(v *victim) <-chan error { // node 0 is there first
		done := make(chan error, 1)
		go func() { done <- v.groups[0].Connect(ctx) }()
		return done
	}
	calm := newMembers(t)
	up := zero(calm)
	before := form(calm)
	check(t, <-up)

	v := newMembers(t)
	net0 := v.groups[0].net
	net0.handshakeMax, net0.verifyMax, net0.strangers.max = 4, 0, 4
	net0.peers[2].hellos.max = 2
	up = zero(v)
	g := v.target(t)
	siege, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	again := func(n int, do func(context.Context) error) {
		for range n {
			wait.Go(func() {
				pace := time.NewTicker(100 * time.Millisecond)
				defer pace.Stop()
				for siege.Err() == nil {
					_ = do(siege) // that they are sent away is another test
					<-pace.C
				}
			})
		}
	}
	again(3, g.meet(g.certificate(t, v.ca, func(*x509.Certificate) {}), alpn, silence))
	check(t, v.log.wait(ctx, "msg=\"connection refused\" from=127.0.0.1 err=\"too many"))
	again(5, g.falseWitness(""))
	check(t, v.log.wait(ctx, "msg=\"witness connection refused\" from=127.0.0.1 err=\"too many"))
	again(8, g.halfOpen(4)) // two packets, and the same two again after proving the address
	check(t, v.log.wait(ctx, "msg=\"handshake refused\" from=127.0.0.1 err=\"too many"))
	took := form(v)
	stop()
	wait.Wait()
	check(t, <-up)
	if took > 5*before+helloTime/4 {
		t.Errorf("the group formed after %v, and without a flood after %v: expected it to take no notice", took, before)
	}
	if n := int(net0.handshakes.Load()); n > net0.handshakeMax+2 {
		t.Errorf("%d handshakes are under way: expected %d and the members' at most", n, net0.handshakeMax)
	}
}

// heap is what lives.
func heap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// brokenMachine sends what no member sends when its application calls: the message of that number.
type brokenMachine struct{ core.Machine }

// broken are messages of a member that has proved itself. Those that no member of this version sends cost it its connection;
// those of another group, or of a time that cannot be, are dropped.
var broken = []struct {
	name   string
	msg    core.Message
	logged string // empty: it is no member's, and no reason to end a connection
}{
	{"a vote of another group", core.Message{Kind: core.Vote, Group: 7, Set: core.NodeSetOf(0, 1)}, ""},
	{"a view of another group", core.Message{Kind: core.Commit, Group: 7, Epoch: 9, Set: core.NodeSetOf(2)}, ""},
	{"a message of no kind that there is", core.Message{Kind: protocolKinds - 1, Set: core.NodeSetOf(0)}, ""},
	{"a machine's message of no kind that there is", core.Message{Kind: 255, Body: strings.Repeat("x", 1000)}, ""},
	{"a ballot of a node that does not exist", core.Message{Kind: core.Vote, Ballot: core.Ballot{Coordinator: 99}}, "coordinator 99: expected a node of a world of 3"},
	{"a set with a node that does not exist", core.Message{Kind: core.Vote, Set: core.NodeSetOf(5)}, "a set with node 5 in a world of 3"},
}

// Step passes on what is no call.
func (m brokenMachine) Step(now core.Instant, in *core.Input, out *core.Effects) {
	if in.Kind != core.InCall {
		m.Machine.Step(now, in, out)
		return
	}
	msg := broken[in.Value].msg
	out.Send(0, &msg)
	out.PutDone(core.Done{ID: in.ID, Call: in.Call})
}

// TestBrokenMember: a member that has proved itself and then sends what no member sends loses its connection, and that is
// logged. Nobody panics; it is suspected as any member whose connection ends. What is merely not for this group is dropped,
// and the connection stays.
func TestBrokenMember(t *testing.T) {
	for i := range broken {
		b := &broken[i]
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t)
			ctx, cancel := context.WithTimeout(context.Background(), hostileLimit)
			defer cancel()
			before := v.groups[0].Stats().Received
			if _, err := v.groups[2].Call(ctx, core.Input{Call: core.CallSplit, Value: int64(i)}); err != nil {
				t.Fatal(err)
			}
			if b.logged == "" {
				for v.groups[0].Stats().Received < before+3 { // it, and heartbeats after it
					time.Sleep(10 * time.Millisecond)
					check(t, ctx.Err())
				}
				if text := v.log.String(); strings.Contains(text, "WARN") || strings.Contains(text, "suspected=true") || v.groups[0].Stats().Links != 2 {
					t.Errorf("%d links: expected 2, and no word:\n%s", v.groups[0].Stats().Links, text)
				}
			} else {
				check(t, v.log.wait(ctx, b.logged))
				check(t, v.log.wait(ctx, "peer=node-2 suspected=true"))
			}
			for _, g := range v.groups {
				if err := g.Err(); err != nil && g.self != 2 {
					t.Errorf("node %d: %v", g.self, err)
				}
			}
		})
	}
}

// TestImpostor: a peer's address leads to somebody with another member's certificate, and with a stranger's.
func TestImpostor(t *testing.T) {
	ca, err := NewAuthority(time.Hour)
	check(t, err)
	other, err := NewAuthority(time.Hour)
	check(t, err)
	for name, s := range map[string]struct {
		by   *Authority
		id   string
		says string
	}{
		"another member": {ca, "node-2", "certificate is that of node"},
		"a stranger":     {other, "node-0", "unknown authority"},
	} {
		creds, err := s.by.Credentials(s.id, time.Hour)
		check(t, err)
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		check(t, err)
		tr := &quic.Transport{Conn: socket}
		_, err = tr.Listen(creds.tlsConfig(func(string) error { return nil }, true), &quic.Config{})
		check(t, err)
		mine, err := ca.Credentials("node-1", time.Hour)
		check(t, err)
		members := []Member{{"node-0", socket.LocalAddr().String()}, {"node-1", "127.0.0.1:0"}, {"node-2", "127.0.0.1:1"}}
		g, err := New(Config{Self: "node-1", Members: members, Core: core.DefaultConfig(), Credentials: mine})
		check(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			for g.net.peers[0].fault.Load() == nil {
				runtime.Gosched()
			}
			cancel()
		}()
		if err := g.Connect(ctx); err == nil || !strings.Contains(err.Error(), s.says) {
			t.Errorf("%s: %v: expected an error that says %q", name, err, s.says)
		}
		cancel()
		g.Close()
		tr.Close()
		socket.Close()
	}
}
