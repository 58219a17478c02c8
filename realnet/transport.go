package realnet

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
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

// transport makes and takes the connections to the peers. The higher number of a pair dials.
type transport struct {
	g       *Group
	socket  net.PacketConn
	quic    *quic.Transport
	conf    *quic.Config
	witness net.Listener // nil: none
	peers   []peer
	known   map[netip.AddrPort]bool // where members dial from

	handshakes   atomic.Int32 // under way on the accepting side
	handshakeMax int          // of them
	verifyMax    int          // of them, with addresses that prove nothing
	strangers    room         // witness connections that have not shown a token
	complaints   *complaints

	mu       sync.Mutex
	listener *quic.Listener
}

// peer is what the transport knows of another member. It outlives connections.
type peer struct {
	incarnation atomic.Uint64 // of the process that said hello first; 0: none has
	links       atomic.Int32  // connections in use: one, and for a moment the one that it replaces
	watched     atomic.Bool   // a witness connection is being made or stands
	fault       atomic.Pointer[string]
	gone        chan struct{} // closed when it is known to be dead
	once        sync.Once
	hellos      room           // connections under its name that have not said hello
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
	t := &transport{g: g, socket: cfg.Socket, peers: make([]peer, len(cfg.Members)), known: knownAddresses(cfg.Members, int(g.self))}
	t.handshakeMax, t.verifyMax = handshakeMax+len(cfg.Members), verifyMax+len(cfg.Members)
	t.strangers.max = witnessMax + len(cfg.Members)
	t.complaints = newComplaints()
	for i := range t.peers {
		t.peers[i].gone = make(chan struct{})
		t.peers[i].hellos.max = memberMax
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
	t.quic = &quic.Transport{
		Conn: t.socket, VerifySourceAddress: t.verifyAddress, ConnContext: t.greetArrival,
		DisableVersionNegotiationPackets: true, // members speak the same version: nobody else is answered
	}
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
	listener, err := t.quic.Listen(t.serverConfig(), t.conf)
	if err != nil {
		t.complain("cannot listen", "", "", err)
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
		if i == int(t.g.self) || p.links.Load() > 0 {
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
		return refusal("node %q is no member", id)
	case node <= t.g.self:
		return refusal("node %q does not dial this one", id)
	}
	return t.alive(node)
}

func (t *transport) alive(node core.NodeID) error {
	select {
	case <-t.peers[node].gone:
		return refusal("node %q is dead", t.g.cfg.Members[node].ID)
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
		t.proven(conn)
		t.g.goDo(func() { t.take(conn) })
	}
}

func (t *transport) take(conn *quic.Conn) {
	ctx, cancel := context.WithTimeout(t.g.ctx, helloTime)
	defer cancel()
	l, sent, err := t.receive(ctx, conn)
	if err != nil {
		t.g.counters.refused.Add(1)
		if !sent {
			t.complain("connection refused", "", hostOf(conn.RemoteAddr()), err)
		}
		_ = conn.CloseWithError(codeRefused, refusalText(err))
		return
	}
	t.use(l)
}

// receive waits for a hello in the room of the member whose certificate was shown; sent tells whether the connection was sent
// away there. Once its hello is good a connection is a member's, and nobody takes its place.
func (t *transport) receive(ctx context.Context, conn *quic.Conn) (l *link, sent bool, err error) {
	state := conn.ConnectionState().TLS
	id, err := identity(state.PeerCertificates[0])
	if err != nil {
		return nil, false, err
	}
	if err := t.accept(id); err != nil {
		return nil, false, err
	}
	node, _ := t.number(id)
	hellos := &t.peers[node].hellos
	me, full := hellos.enter(func() { _ = conn.CloseWithError(codeBusy, "") })
	if full {
		t.complain("connection refused", "", hostOf(conn.RemoteAddr()), errBusy)
	}
	l = &link{g: t.g, peer: node, conn: conn}
	err = t.hear(ctx, l, &state)
	if sent = hellos.leave(me); sent && err == nil {
		err = errBusy
	}
	if err == nil {
		err = t.answer(ctx, l, &state)
	}
	return l, sent, err
}

// hear takes the hello of the dialling side.
func (t *transport) hear(ctx context.Context, l *link, state *tls.ConnectionState) error {
	critical, err := l.conn.AcceptStream(ctx)
	if err != nil {
		return err
	}
	l.streams[classCritical] = critical
	critical.SetPriority(urgency[classCritical], false)
	return t.readHello(ctx, critical, state, l.peer)
}

// answer says hello, and takes the other streams.
func (t *transport) answer(ctx context.Context, l *link, state *tls.ConnectionState) error {
	if err := t.writeHello(ctx, l.streams[classCritical], state, l.peer); err != nil {
		return err
	}
	for c := classRealtime; c < classes; c++ {
		s, err := l.conn.AcceptStream(ctx)
		if err != nil {
			return err
		}
		l.streams[c] = s
		s.SetPriority(urgency[c], false)
	}
	return nil
}

// use runs a connection until it ends.
func (t *transport) use(l *link) {
	t.peers[l.peer].links.Add(1)
	defer t.peers[l.peer].links.Add(-1)
	if t.witnesses(l) && l.peer < t.g.self {
		t.g.goDo(func() { t.watch(l.peer) })
	}
	l.run()
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
			t.complain("cannot connect", t.g.cfg.Members[node].ID, "", err)
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
	if err := t.writeHello(ctx, critical, &state, node); err != nil {
		return nil, err
	}
	if err := t.readHello(ctx, critical, &state, node); err != nil {
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

func (t *transport) writeHello(ctx context.Context, s *quic.Stream, state *tls.ConnectionState, to core.NodeID) error {
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
	if err := s.SetWriteDeadline(deadline(ctx)); err != nil {
		return err
	}
	if _, err := s.Write(frame); err != nil {
		return err
	}
	return s.SetWriteDeadline(time.Time{})
}

func (t *transport) readHello(ctx context.Context, s *quic.Stream, state *tls.ConnectionState, from core.NodeID) error {
	if err := s.SetReadDeadline(deadline(ctx)); err != nil {
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

// deadline is when all of a peer's proof has to be there, in however many parts it comes.
func deadline(ctx context.Context) time.Time {
	end, ok := ctx.Deadline()
	if !ok {
		panic("realnet: a hello without a deadline")
	}
	return end
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
		return refusal("hello: version %d: expected %d", h.Version, version)
	case h.Group != t.g.cfg.commID():
		return refusal("hello: another group: the members or their order differ")
	case h.Config != t.g.cfg.fingerprint():
		return refusal("hello: another configuration: policy, rule or durations differ")
	case h.From != uint32(from) || h.To != uint32(t.g.self):
		return refusal("hello: from node %d to node %d: expected %d to %d", h.From, h.To, from, t.g.self)
	case string(h.Binding) != string(bound):
		return refusal("hello: made for another connection")
	case len(h.Token) != tokenLen || h.Incarnation == 0:
		return refusal("hello: incomplete")
	}
	if !p.incarnation.CompareAndSwap(0, h.Incarnation) && p.incarnation.Load() != h.Incarnation {
		return refusal("hello: the process was started again: a member that has forgotten its promises is no member")
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
