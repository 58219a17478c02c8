package realnet

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"

	"nexarsim/core"
)

// A witness is an idle TCP connection beside the QUIC one of a pair: when a process dies, its kernel ends the connection
// at once, and the other side knows. Nobody may close one while its process lives, or a live member would be taken for
// dead for good. So the connection counts only after three messages: the dialer shows the token that the other side gave
// it over QUIC, gets its own back, and says that it has begun to watch. Until then each side may give up without harm;
// from then on neither does.

var witnessMagic = [4]byte{'n', 'x', 'w', version}

const (
	witnessHelloLen = 4 + 4 + tokenLen
	witnessBegun    = 0x01
	witnessTries    = 5
)

// openWitness makes the socket, beside the one of QUIC. It asks for no certificate, so where only peers on this machine are
// witnesses nobody else can reach it.
func (t *transport) openWitness() error {
	local, ok := t.socket.LocalAddr().(*net.UDPAddr)
	if !ok || t.g.cfg.Witness == WitnessNone {
		return nil
	}
	ip := local.IP
	if t.g.cfg.Witness == WitnessLocal {
		if ip.IsUnspecified() {
			ip = t.ownAddress()
		}
		if !ip.IsLoopback() {
			return nil
		}
	}
	l, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
	t.witness = l
	return err
}

// ownAddress is where the members dial this one.
func (t *transport) ownAddress() net.IP {
	addr, err := net.ResolveUDPAddr("udp", t.g.cfg.Members[t.g.self].Address)
	if err != nil {
		return net.IPv4(127, 0, 0, 1)
	}
	return addr.IP
}

func (t *transport) witnessPort() uint16 {
	if t.witness == nil {
		return 0
	}
	return uint16(t.witness.Addr().(*net.TCPAddr).Port)
}

// witnesses tells whether the end of a witness connection with this peer would be a death.
func (t *transport) witnesses(l *link) bool {
	post := t.peers[l.peer].theirs.Load()
	if t.witness == nil || post == nil || post.port == 0 {
		return false
	}
	remote, ok := l.conn.RemoteAddr().(*net.UDPAddr)
	return t.g.cfg.Witness == WitnessAll || ok && remote.IP.IsLoopback()
}

// watch makes the connection from the dialling side.
func (t *transport) watch(node core.NodeID) {
	p := &t.peers[node]
	if !p.watched.CompareAndSwap(false, true) {
		return
	}
	for range witnessTries {
		conn, err := t.dialWitness(node)
		if err == nil {
			t.keep(conn, node)
			return
		}
		t.complain("no witness connection", t.g.cfg.Members[node].ID, "", err)
		timer := time.NewTimer(redialMax)
		select {
		case <-timer.C:
			continue
		case <-p.gone:
		case <-t.g.ctx.Done():
		}
		timer.Stop()
		return
	}
	p.watched.Store(false) // the next connection tries again
}

func (t *transport) dialWitness(node core.NodeID) (net.Conn, error) {
	post := t.peers[node].theirs.Load()
	host, _, err := net.SplitHostPort(t.g.cfg.Members[node].Address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.g.ctx, helloTime)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(post.port))))
	if err != nil {
		return nil, err
	}
	if err := t.proveWitness(conn, node, post); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func (t *transport) proveWitness(conn net.Conn, node core.NodeID, post *watchPost) error {
	stop := context.AfterFunc(t.g.ctx, func() { _ = conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(helloTime)); err != nil {
		return err
	}
	text := append(witnessMagic[:len(witnessMagic):len(witnessMagic)], 0, 0, 0, 0)
	binary.BigEndian.PutUint32(text[4:], uint32(t.g.self))
	if _, err := conn.Write(append(text, post.token...)); err != nil {
		return err
	}
	var got [tokenLen]byte
	if _, err := io.ReadFull(conn, got[:]); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(got[:], t.peers[node].token[:]) != 1 {
		return errors.New("the witness socket is not the peer's")
	}
	if _, err := conn.Write([]byte{witnessBegun}); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

func (t *transport) listenWitness() {
	for {
		conn, err := t.witness.Accept()
		if err != nil {
			if t.g.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(redialMin) // no descriptor is free: the next accept would fail at once as well
			continue
		}
		t.g.goDo(func() { t.takeWitness(conn) })
	}
}

func (t *transport) takeWitness(conn net.Conn) {
	node, sent, err := t.receiveWitness(conn)
	if err != nil {
		if !sent {
			t.complain("witness connection refused", "", hostOf(conn.RemoteAddr()), err)
		}
		conn.Close()
		return
	}
	stop := context.AfterFunc(t.g.ctx, func() { _ = conn.Close() })
	defer stop()
	var begun [1]byte
	if _, err := io.ReadFull(conn, begun[:]); err != nil || begun[0] != witnessBegun {
		t.peers[node].watched.Store(false)
		conn.Close() // the peer has not begun to watch
		return
	}
	t.keep(conn, node)
}

// receiveWitness does the accepting side up to its own token. Nobody takes the place of a connection that has shown a
// token: closing it later might be a death to the peer.
func (t *transport) receiveWitness(conn net.Conn) (node core.NodeID, sent bool, err error) {
	me, full := t.strangers.enter(func() { _ = conn.Close() })
	if full {
		t.complain("witness connection refused", "", hostOf(conn.RemoteAddr()), errBusy)
	}
	stop := context.AfterFunc(t.g.ctx, func() { _ = conn.Close() })
	defer stop()
	node, err = t.knowWitness(conn)
	if sent = t.strangers.leave(me); sent && err == nil {
		err = errBusy
	}
	if err != nil {
		return core.NoNode, sent, err
	}
	p := &t.peers[node]
	if !p.watched.CompareAndSwap(false, true) {
		return core.NoNode, false, refusal("there is a witness connection already")
	}
	if _, err = conn.Write(p.theirs.Load().token); err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		p.watched.Store(false)
	}
	return node, false, err
}

// knowWitness reads whose connection it is.
func (t *transport) knowWitness(conn net.Conn) (core.NodeID, error) {
	if err := conn.SetDeadline(time.Now().Add(helloTime)); err != nil {
		return core.NoNode, err
	}
	var text [witnessHelloLen]byte
	if _, err := io.ReadFull(conn, text[:]); err != nil {
		return core.NoNode, err
	}
	return t.judgeWitness(&text)
}

// judgeWitness holds what a witness connection says first to what this member has told its peers.
func (t *transport) judgeWitness(text *[witnessHelloLen]byte) (core.NodeID, error) {
	node := core.NodeID(binary.BigEndian.Uint32(text[4:]))
	if [4]byte(text[:4]) != witnessMagic || node <= t.g.self || int(node) >= len(t.peers) {
		return core.NoNode, refusal("no member's")
	}
	p := &t.peers[node]
	if subtle.ConstantTimeCompare(text[8:], p.token[:]) != 1 || p.theirs.Load() == nil {
		return core.NoNode, refusal("it does not show the token")
	}
	return node, nil
}

// keep watches until the peer's process dies or this group is closed.
func (t *transport) keep(conn net.Conn, node core.NodeID) {
	stop := context.AfterFunc(t.g.ctx, func() { _ = conn.Close() })
	defer stop()
	var more [1]byte
	n, err := conn.Read(more[:])
	switch {
	case t.g.ctx.Err() != nil:
	case n > 0:
		t.complain("a witness connection is not idle", t.g.cfg.Members[node].ID, "", nil)
		<-t.g.ctx.Done() // it stays open: closing it would be this side's death
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		t.g.log.Info("process death witnessed", "peer", t.g.cfg.Members[node].ID)
		_ = t.g.post(mail{kind: mailDead, peer: node}) // after Close nobody wants to know
	default:
		t.complain("a witness connection was lost", t.g.cfg.Members[node].ID, "", err)
	}
	if t.g.ctx.Err() == nil && n == 0 {
		_ = conn.Close()
	}
}
