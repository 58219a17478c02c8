package realnet

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"

	"nexarsim/core"
)

// How long the other side of a connection may take, and how long this side waits between two attempts.
const (
	handshakeTime = 3 * time.Second
	helloTime     = 5 * time.Second
	redialMin     = 20 * time.Millisecond
	redialMax     = time.Second
)

// What a peer may have under way to this process before it is read.
const (
	streamWindow = 256 << 10
	connWindow   = 1 << 20
)

// pendingMax bounds how many connections may be at work on proving who they are, beyond one for each member.
const pendingMax = 16

// transport makes and takes the connections to the peers. The higher number of a pair dials.
type transport struct {
	g       *Group
	socket  net.PacketConn
	quic    *quic.Transport
	conf    *quic.Config
	witness net.Listener // nil: none
	peers   []peer
	pending chan struct{}

	mu       sync.Mutex
	listener *quic.Listener
	said     map[string]bool // complaints, each logged once
}

// peer is what the transport knows of another member. It outlives connections.
type peer struct {
	incarnation atomic.Uint64 // of the process that said hello first; 0: none has
	up          atomic.Bool
	watched     atomic.Bool // a witness connection is being made or stands
	fault       atomic.Pointer[string]
	gone        chan struct{} // closed when it is known to be dead
	once        sync.Once
	token       [tokenLen]byte // what the peer shows to this side's witness socket
	theirs      atomic.Pointer[watchPost]
	held        atomic.Int64 // bytes of bulk elements that it has sent and nobody has used
}

// watchPost is a peer's witness socket, as its hello names it.
type watchPost struct {
	port  uint16
	token []byte
}

func newTransport(g *Group) (*transport, error) {
	cfg := &g.cfg
	t := &transport{g: g, socket: cfg.Socket, peers: make([]peer, len(cfg.Members)), said: map[string]bool{}}
	t.pending = make(chan struct{}, len(cfg.Members)+pendingMax)
	for i := range t.peers {
		t.peers[i].gone = make(chan struct{})
		if _, err := rand.Read(t.peers[i].token[:]); err != nil {
			return nil, err
		}
	}
	if t.socket == nil {
		addr := cfg.Listen
		if addr == "" {
			addr = cfg.Members[g.self].Address
		}
		socket, err := net.ListenPacket("udp", addr)
		if err != nil {
			return nil, err
		}
		t.socket = socket
	}
	if err := t.openWitness(); err != nil {
		t.socket.Close()
		return nil, err
	}
	t.quic = &quic.Transport{Conn: t.socket}
	t.conf = &quic.Config{
		HandshakeIdleTimeout: handshakeTime, MaxIdleTimeout: cfg.idle(), KeepAlivePeriod: cfg.idle() / 3,
		InitialStreamReceiveWindow: streamWindow, MaxStreamReceiveWindow: streamWindow,
		InitialConnectionReceiveWindow: connWindow, MaxConnectionReceiveWindow: connWindow,
		MaxIncomingStreams: int64(classes), MaxIncomingUniStreams: -1,
	}
	if cfg.QlogTrace {
		t.conf.Tracer = qlog.DefaultConnectionTracer
	}
	return t, nil
}

// start listens, and dials the members with lower numbers.
func (t *transport) start() {
	creds := t.g.cfg.Credentials
	listener, err := t.quic.Listen(creds.tlsConfig(t.accept, true), t.conf)
	if err != nil {
		t.complain("cannot listen", "err", err)
		return
	}
	t.mu.Lock()
	t.listener = listener
	t.mu.Unlock()
	t.g.goDo(func() { t.listen(listener) })
	if t.witness != nil {
		t.g.goDo(t.listenWitness)
	}
	for i := range t.g.self {
		t.g.goDo(func() { t.dial(i) })
	}
}

// close ends everything. Connections are closed by the transport, which tells the peers.
func (t *transport) close() {
	t.mu.Lock()
	listener := t.listener
	t.mu.Unlock()
	if listener != nil {
		_ = listener.Close()
	}
	_ = t.quic.Close()
	_ = t.socket.Close()
	if t.witness != nil {
		_ = t.witness.Close()
	}
}

// bury notes a death; false if it was known.
func (t *transport) bury(node core.NodeID) (news bool) {
	t.peers[node].once.Do(func() {
		close(t.peers[node].gone)
		news = true
	})
	return news
}

// missing names the members without a connection, and the last thing that went wrong with each.
func (t *transport) missing() string {
	var all []string
	for i := range t.peers {
		p := &t.peers[i]
		if i == int(t.g.self) || p.up.Load() {
			continue
		}
		text := t.g.cfg.Members[i].ID
		if fault := p.fault.Load(); fault != nil {
			text += " (" + *fault + ")"
		}
		all = append(all, text)
	}
	if len(all) == 0 {
		return "connected, but not everybody else is"
	}
	return "no connection to " + strings.Join(all, ", ")
}

// saidMax bounds how many different complaints are remembered.
const saidMax = 256

// complain logs what a stranger or a broken peer did: once, however often it does it.
func (t *transport) complain(what string, args ...any) {
	key := what + fmt.Sprint(args...)
	t.mu.Lock()
	known := t.said[key] || len(t.said) >= saidMax
	if !known {
		t.said[key] = true
	}
	t.mu.Unlock()
	if !known {
		t.g.log.Warn(what, args...)
	}
}

// number gives the node of a member's id.
func (t *transport) number(id string) (core.NodeID, bool) {
	for i, m := range t.g.cfg.Members {
		if m.ID == id {
			return core.NodeID(i), true
		}
	}
	return core.NoNode, false
}

// accept judges who wants to connect, by the identity that the certificate proves.
func (t *transport) accept(id string) error {
	node, known := t.number(id)
	switch {
	case !known:
		return fmt.Errorf("node %q is no member", id)
	case node <= t.g.self:
		return fmt.Errorf("node %q does not dial this one", id)
	}
	return t.alive(node)
}

func (t *transport) alive(node core.NodeID) error {
	select {
	case <-t.peers[node].gone:
		return fmt.Errorf("node %q is dead", t.g.cfg.Members[node].ID)
	default:
		return nil
	}
}

// listen takes connections. quic-go hands one out after the handshake, in which the client's certificate was judged.
func (t *transport) listen(listener *quic.Listener) {
	for {
		conn, err := listener.Accept(t.g.ctx)
		if err != nil {
			return
		}
		select {
		case t.pending <- struct{}{}:
			t.g.goDo(func() { t.take(conn) })
		default:
			t.g.counters.refused.Add(1)
			t.complain("too many connections that prove nothing")
			_ = conn.CloseWithError(codeBusy, "")
		}
	}
}

func (t *transport) take(conn *quic.Conn) {
	ctx, cancel := context.WithTimeout(t.g.ctx, helloTime)
	l, err := t.answer(ctx, conn)
	cancel()
	<-t.pending
	if err != nil {
		t.g.counters.refused.Add(1)
		t.complain("connection refused", "from", hostOf(conn.RemoteAddr()), "err", err)
		_ = conn.CloseWithError(codeRefused, refusalText(err))
		return
	}
	t.use(l)
}

// use runs a connection until it ends.
func (t *transport) use(l *link) {
	t.peers[l.peer].up.Store(true)
	if t.witnesses(l) && l.peer < t.g.self {
		t.g.goDo(func() { t.watch(l.peer) })
	}
	l.run()
	t.peers[l.peer].up.Store(false)
}

// answer does the accepting side of the hellos.
func (t *transport) answer(ctx context.Context, conn *quic.Conn) (*link, error) {
	state := conn.ConnectionState().TLS
	id, err := identity(state.PeerCertificates[0])
	if err != nil {
		return nil, err
	}
	node, _ := t.number(id)
	if err := t.accept(id); err != nil {
		return nil, err
	}
	l := &link{g: t.g, peer: node, conn: conn}
	critical, err := conn.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	l.streams[classCritical] = critical
	critical.SetPriority(urgency[classCritical], false)
	if err := t.readHello(critical, &state, node); err != nil {
		return nil, err
	}
	if err := t.writeHello(critical, &state, node); err != nil {
		return nil, err
	}
	for c := classRealtime; c < classes; c++ {
		if l.streams[c], err = conn.AcceptStream(ctx); err != nil {
			return nil, err
		}
		l.streams[c].SetPriority(urgency[c], false)
	}
	return l, nil
}

// dial keeps a connection to a peer until it is dead or the group is closed.
func (t *transport) dial(node core.NodeID) {
	wait := redialMin
	for {
		l, err := t.open(node)
		if err == nil {
			wait = redialMin
			t.use(l)
		} else {
			text := err.Error()
			t.peers[node].fault.Store(&text)
			t.complain("cannot connect", "peer", t.g.cfg.Members[node].ID, "err", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-t.peers[node].gone:
			timer.Stop()
			return
		case <-t.g.ctx.Done():
			timer.Stop()
			return
		}
		wait = min(2*wait, redialMax)
	}
}

// open dials and does the dialling side of the hellos.
func (t *transport) open(node core.NodeID) (*link, error) {
	ctx, cancel := context.WithTimeout(t.g.ctx, handshakeTime+helloTime)
	defer cancel()
	member := &t.g.cfg.Members[node]
	addr, err := net.ResolveUDPAddr("udp", member.Address)
	if err != nil {
		return nil, err
	}
	conf := t.conf.Clone()
	conf.MaxIncomingStreams = -1
	conn, err := t.quic.Dial(ctx, addr, t.dialConfig(member.ID), conf)
	if err != nil {
		return nil, err
	}
	l, err := t.greet(ctx, conn, node)
	if err != nil {
		_ = conn.CloseWithError(codeRefused, refusalText(err))
		return nil, err
	}
	return l, nil
}

func (t *transport) dialConfig(want string) *tls.Config {
	return t.g.cfg.Credentials.tlsConfig(func(id string) error {
		if id != want {
			return fmt.Errorf("the certificate is that of node %q: expected %q", id, want)
		}
		return nil
	}, false)
}

func (t *transport) greet(ctx context.Context, conn *quic.Conn, node core.NodeID) (*link, error) {
	l := &link{g: t.g, peer: node, conn: conn}
	state := conn.ConnectionState().TLS
	for c := range classes {
		s, err := conn.OpenStreamSync(ctx)
		if err != nil {
			return nil, err
		}
		s.SetPriority(urgency[c], false)
		l.streams[c] = s
	}
	critical := l.streams[classCritical]
	if err := t.writeHello(critical, &state, node); err != nil {
		return nil, err
	}
	if err := t.readHello(critical, &state, node); err != nil {
		return nil, err
	}
	opening, err := t.g.codec.frame(nil, &packet{Control: controlOpen})
	if err != nil {
		return nil, err
	}
	for c := classRealtime; c < classes; c++ {
		if _, err := l.streams[c].Write(opening); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// binding comes from the keys of a connection, which both sides share and nobody else has.
func binding(state *tls.ConnectionState, from core.NodeID) ([]byte, error) {
	return state.ExportKeyingMaterial("EXPORTER-nexarsim-hello", []byte{byte(from), byte(from >> 8)}, bindingLen)
}

func (t *transport) writeHello(s *quic.Stream, state *tls.ConnectionState, to core.NodeID) error {
	bound, err := binding(state, t.g.self)
	if err != nil {
		return err
	}
	h := hello{
		Version: version, Group: t.g.cfg.commID(), Config: t.g.cfg.fingerprint(), From: uint32(t.g.self), To: uint32(to),
		Incarnation: t.g.incarnation, Binding: bound, Port: t.witnessPort(), Token: t.peers[to].token[:],
	}
	frame, err := t.g.codec.frame(nil, &h)
	if err != nil {
		return err
	}
	if err := s.SetWriteDeadline(time.Now().Add(helloTime)); err != nil {
		return err
	}
	if _, err := s.Write(frame); err != nil {
		return err
	}
	return s.SetWriteDeadline(time.Time{})
}

func (t *transport) readHello(s *quic.Stream, state *tls.ConnectionState, from core.NodeID) error {
	if err := s.SetReadDeadline(time.Now().Add(helloTime)); err != nil {
		return err
	}
	var buf []byte
	data, err := readFrame(s, &buf)
	if err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	var h hello
	if err := t.g.codec.decode(data, &h); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	if err := t.judge(&h, state, from); err != nil {
		return err
	}
	return s.SetReadDeadline(time.Time{})
}

// errRefused is why a peer that speaks the protocol may not take part. It is told to the peer.
type errRefused struct{ msg string }

func (e *errRefused) Error() string { return "hello: " + e.msg }

func refusalText(err error) string {
	var refused *errRefused
	if errors.As(err, &refused) {
		return refused.msg
	}
	return ""
}

// judge holds a hello to what this member knows.
func (t *transport) judge(h *hello, state *tls.ConnectionState, from core.NodeID) error {
	bound, err := binding(state, from)
	if err != nil {
		return err
	}
	p := &t.peers[from]
	switch {
	case h.Version != version:
		return &errRefused{fmt.Sprintf("version %d: expected %d", h.Version, version)}
	case h.Group != t.g.cfg.commID():
		return &errRefused{"another group: the members or their order differ"}
	case h.Config != t.g.cfg.fingerprint():
		return &errRefused{"another configuration: policy, rule or durations differ"}
	case h.From != uint32(from) || h.To != uint32(t.g.self):
		return &errRefused{fmt.Sprintf("from node %d to node %d: expected %d to %d", h.From, h.To, from, t.g.self)}
	case string(h.Binding) != string(bound):
		return &errRefused{"made for another connection"}
	case len(h.Token) != tokenLen || h.Incarnation == 0:
		return &errRefused{"incomplete"}
	}
	if !p.incarnation.CompareAndSwap(0, h.Incarnation) && p.incarnation.Load() != h.Incarnation {
		return &errRefused{"the process was started again: a member that has forgotten its promises is no member"}
	}
	p.theirs.Store(&watchPost{h.Port, h.Token})
	return nil
}

func hostOf(addr net.Addr) string {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	return host
}
