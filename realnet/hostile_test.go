package realnet

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
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

func newVictim(t *testing.T) *victim {
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
	ctx, cancel := context.WithTimeout(context.Background(), hostileLimit)
	defer cancel()
	errs := make(chan error)
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
		go func() {
			var err error
			v.groups[i], err = Join(ctx, c)
			errs <- err
		}()
	}
	for range v.groups {
		check(t, <-errs)
	}
	t.Cleanup(func() {
		for _, g := range v.groups {
			g.Close()
		}
	})
	return v
}

func (v *victim) address() *net.UDPAddr { return v.groups[0].net.socket.LocalAddr().(*net.UDPAddr) }

// dial makes a stranger's end of a connection to node 0.
func (v *victim) dial(ctx context.Context, cert *tls.Certificate, protocol string) (*quic.Conn, func(), error) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	tr := &quic.Transport{Conn: socket}
	end := func() { tr.Close(); socket.Close() }
	conf := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}, MinVersion: tls.VersionTLS13}
	if cert != nil {
		conf.Certificates = []tls.Certificate{*cert}
	}
	conn, err := tr.Dial(ctx, v.address(), conf, &quic.Config{EnableDatagrams: true})
	if err != nil {
		end()
		return nil, func() {}, err
	}
	return conn, end, nil
}

// certOf is a member's certificate as the cluster's authority issues it.
func (v *victim) certOf(t *testing.T, id string, valid time.Duration) *tls.Certificate {
	t.Helper()
	c, err := v.ca.Credentials(id, valid)
	check(t, err)
	return &c.Certificate
}

// withoutURI is a certificate by the right authority that names nobody.
func (v *victim) withoutURI(t *testing.T) *tls.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(5), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, v.ca.cert, public, v.ca.key)
	check(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

// goodHello is what node 2 would say on this connection, in another process.
func (v *victim) goodHello(conn *quic.Conn) (hello, error) {
	state := conn.ConnectionState().TLS
	bound, err := binding(&state, 2)
	g := v.groups[2]
	return hello{
		Version: version, Group: g.cfg.commID(), Config: g.cfg.fingerprint(), From: 2, To: 0, Incarnation: g.incarnation ^ 2,
		Binding: bound, Token: make([]byte, tokenLen),
	}, err
}

// say opens a stream and writes on it.
func say(ctx context.Context, conn *quic.Conn, text []byte) error {
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	_, err = s.Write(text)
	return err
}

// attack is one kind of bad peer. It ends by itself, or when node 0 ends its connection.
type attack struct {
	name     string
	cert     *tls.Certificate
	protocol string
	do       func(ctx context.Context, conn *quic.Conn) error
	logged   string // what node 0 says about it; empty: nothing that is logged by this package
}

func (v *victim) attacks(t *testing.T) []attack {
	other, err := NewAuthority(time.Hour)
	check(t, err)
	foreign, err := other.Credentials("node-2", time.Hour)
	check(t, err)
	two := v.certOf(t, "node-2", time.Hour)
	silent := func(context.Context, *quic.Conn) error { return nil }
	changed := func(change func(h *hello)) func(context.Context, *quic.Conn) error {
		return func(ctx context.Context, conn *quic.Conn) error {
			h, err := v.goodHello(conn)
			if err != nil {
				return err
			}
			change(&h)
			frame, err := v.groups[0].codec.frame(nil, &h)
			if err != nil {
				return err
			}
			return say(ctx, conn, frame)
		}
	}
	bytesOf := func(text ...byte) func(context.Context, *quic.Conn) error {
		return func(ctx context.Context, conn *quic.Conn) error { return say(ctx, conn, text) }
	}
	huge := binary.BigEndian.AppendUint32(nil, 1<<31)
	return []attack{
		{"no certificate", nil, alpn, silent, ""},
		{"another authority", &foreign.Certificate, alpn, silent, ""},
		{"expired", v.certOf(t, "node-2", -time.Minute), alpn, silent, ""},
		{"no member", v.certOf(t, "node-3", time.Hour), alpn, silent, ""},
		{"the node's own id", v.certOf(t, "node-0", time.Hour), alpn, silent, ""},
		{"no id", v.withoutURI(t), alpn, silent, ""},
		{"another protocol", two, "h3", silent, ""},
		{"silence", two, alpn, silent, "deadline exceeded"},
		{"one byte", two, alpn, bytesOf(0), "deadline exceeded"},
		{"half a hello", two, alpn, bytesOf(0, 0, 0, 80, 0xa9, 1, 1), "deadline exceeded"},
		{"garbage", two, alpn, bytesOf(0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff), "wire: "},
		{"an empty frame", two, alpn, bytesOf(0, 0, 0, 0), "frame of 0 bytes"},
		{"an oversize frame", two, alpn, bytesOf(huge...), "frame of 2147483648 bytes"},
		{"a message for a hello", two, alpn, bytesOf(0, 0, 0, 3, 0xa1, 3, 1), "wire: "},
		{"another version", two, alpn, changed(func(h *hello) { h.Version++ }), "version 2: expected 1"},
		{"another group", two, alpn, changed(func(h *hello) { h.Group++ }), "another group"},
		{"another configuration", two, alpn, changed(func(h *hello) { h.Config++ }), "another configuration"},
		{"another node's hello", two, alpn, changed(func(h *hello) { h.From = 1 }), "from node 1 to node 0"},
		{"a hello to another node", two, alpn, changed(func(h *hello) { h.To = 1 }), "from node 2 to node 1"},
		{"a replayed hello", two, alpn, changed(func(h *hello) { h.Binding[0]++ }), "made for another connection"},
		{"a member that was started again", two, alpn, changed(func(*hello) {}), "started again"},
		{"a stream of one direction", two, alpn, func(ctx context.Context, conn *quic.Conn) error {
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			if _, err := conn.OpenUniStreamSync(short); !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("a unidirectional stream: %v: expected no credit", err)
			}
			return nil
		}, "deadline exceeded"},
		{"more streams than there are classes", two, alpn, func(ctx context.Context, conn *quic.Conn) error {
			for range classes {
				if _, err := conn.OpenStream(); err != nil {
					return err
				}
			}
			if _, err := conn.OpenStream(); err == nil {
				return errors.New("one stream too many was opened")
			}
			return nil
		}, "deadline exceeded"},
	}
}

// run makes an attack and waits until node 0 has ended it.
func (v *victim) run(ctx context.Context, a *attack) error {
	conn, end, err := v.dial(ctx, a.cert, a.protocol)
	if err != nil {
		return nil // refused in the handshake
	}
	defer end()
	if err := a.do(ctx, conn); err != nil && conn.Context().Err() == nil {
		return err
	}
	select {
	case <-conn.Context().Done():
		return nil
	case <-ctx.Done():
		return errors.New("the connection still stands")
	}
}

// flood sends packets that are no QUIC, and pretends to be a witness.
func (v *victim) flood(ctx context.Context) error {
	conn, err := net.Dial("udp", v.address().String())
	if err != nil {
		return err
	}
	defer conn.Close()
	packet := make([]byte, 1200)
	for i := range 500 {
		_, _ = rand.Read(packet)
		packet[0] |= byte(i) << 6 // long and short headers
		if _, err := conn.Write(packet); err != nil {
			return err
		}
	}
	for _, text := range []string{"", "GET / HTTP/1.1\r\n\r\n            ", string(witnessMagic[:]) + "\x00\x00\x00\x02" + strings.Repeat("x", tokenLen)} {
		if err := v.falseWitness(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// falseWitness says something to the witness socket and waits until it is sent away.
func (v *victim) falseWitness(ctx context.Context, text string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", v.groups[0].net.witness.Addr().String())
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	if got, _ := io.ReadAll(conn); len(got) > 0 {
		return fmt.Errorf("a false witness was answered with %d bytes", len(got))
	}
	return nil
}

// TestHostilePeers lets every kind of bad peer at a running group at once, several of each. Nobody is excluded, all are
// sent away and logged, memory stays, and the group recovers as before.
func TestHostilePeers(t *testing.T) {
	v := newVictim(t)
	ctx, cancel := context.WithTimeout(context.Background(), hostileLimit)
	defer cancel()
	all := v.attacks(t)
	before := heap()
	for range 2 {
		var wait sync.WaitGroup
		for i := range all {
			wait.Go(func() {
				if err := v.run(ctx, &all[i]); err != nil {
					t.Errorf("%s: %v", all[i].name, err)
				}
			})
		}
		wait.Go(func() {
			if err := v.flood(ctx); err != nil {
				t.Errorf("flood: %v", err)
			}
		})
		wait.Wait()
	}
	if grown := heap() - before; grown > 32<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	if n := v.groups[0].Stats().Refused; n < 20 {
		t.Errorf("%d connections are counted as refused: expected 20 at least", n)
	}
	text := v.log.String()
	for _, a := range all {
		if a.logged != "" && !strings.Contains(text, a.logged) {
			t.Errorf("%s: nothing is logged about %q:\n%s", a.name, a.logged, text)
		}
	}
	for _, said := range []string{"made for another connection", "started again", "frame of 0 bytes"} {
		if n := strings.Count(text, said); n != 1 {
			t.Errorf("%q is logged %d times: expected once", said, n)
		}
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

// heap is what lives.
func heap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// brokenMachine sends what no member sends when its application calls: a ballot of a node that does not exist.
type brokenMachine struct{ core.Machine }

// Step passes on what is no call.
func (m brokenMachine) Step(now core.Instant, in *core.Input, out *core.Effects) {
	if in.Kind != core.InCall {
		m.Machine.Step(now, in, out)
		return
	}
	out.Send(0, &core.Message{Kind: core.Vote, Ballot: core.Ballot{Coordinator: 99}})
	out.PutDone(core.Done{ID: in.ID, Call: in.Call})
}

// TestBrokenMember: a member that has proved itself and then sends what no member sends loses its connection, and that is
// logged. Nobody panics; it is suspected as any member whose connection ends.
func TestBrokenMember(t *testing.T) {
	v := newVictim(t)
	ctx, cancel := context.WithTimeout(context.Background(), hostileLimit)
	defer cancel()
	if _, err := v.groups[2].Call(ctx, core.Input{Call: core.CallSplit}); err != nil {
		t.Fatal(err)
	}
	if err := v.log.wait(ctx, "coordinator 99: expected a node of a world of 3"); err != nil {
		t.Error(err)
	}
	if err := v.log.wait(ctx, "peer=node-2 suspected=true"); err != nil {
		t.Error(err)
	}
	for _, g := range v.groups {
		if err := g.Err(); err != nil && g.self != 2 {
			t.Errorf("node %d: %v", g.self, err)
		}
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
