package realnet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// target is the member that is attacked, node 0 of three, and what its attackers know.
type target struct {
	quic    *net.UDPAddr
	witness string
	ca      *Authority // some have stolen a certificate
	group   uint64
	config  uint64
	codec   *codec
}

// attack is one kind of bad peer. It ends when node 0 ends it, or with the context. An error is what node 0 did wrong.
type attack struct {
	name   string
	do     func(ctx context.Context) error
	logged string // what node 0 says about it; empty: nothing
	slow   bool   // it waits until node 0 loses patience
}

// packetConn is a socket of which only the first packets leave.
type packetConn struct {
	net.PacketConn
	left atomic.Int32
}

// WriteTo drops what is over the number.
func (c *packetConn) WriteTo(p []byte, to net.Addr) (int, error) {
	if c.left.Add(-1) < 0 {
		return len(p), nil
	}
	return c.PacketConn.WriteTo(p, to)
}

// dial makes a stranger's end of a connection, of which only so many packets leave.
func (g *target) dial(ctx context.Context, cert *tls.Certificate, protocol string, packets int32) (*quic.Conn, func(), error) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	tr := &quic.Transport{Conn: socket}
	if packets > 0 {
		few := &packetConn{PacketConn: socket}
		few.left.Store(packets)
		tr.Conn = few
	}
	end := func() { tr.Close(); socket.Close() }
	conf := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}, MinVersion: tls.VersionTLS13}
	if cert != nil {
		conf.Certificates = []tls.Certificate{*cert}
	}
	conn, err := tr.Dial(ctx, g.quic, conf, &quic.Config{EnableDatagrams: true})
	if err != nil {
		end()
		return nil, func() {}, err
	}
	return conn, end, nil
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

// meet is an attack that begins with a handshake. It waits until node 0 has ended the connection; a refusal in the
// handshake is one too.
func (g *target) meet(cert *tls.Certificate, protocol string, do func(context.Context, *quic.Conn) error) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, end, err := g.dial(ctx, cert, protocol, 0)
		if err != nil {
			return nil
		}
		defer end()
		if err := do(ctx, conn); err != nil && conn.Context().Err() == nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-conn.Context().Done():
			return nil
		case <-ctx.Done():
			return errStands
		}
	}
}

var errStands = errors.New("the connection still stands")

func silence(context.Context, *quic.Conn) error { return nil }

// certificate is one by the cluster's authority, or by another one, as the change makes it.
func (g *target) certificate(t testing.TB, by *Authority, change func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(5), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature, URIs: []*url.URL{nodeURI("node-2")}, BasicConstraintsValid: true,
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, public, by.key)
	check(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

// byMember is a certificate that a member has signed as if it were an authority.
func (g *target) byMember(t testing.TB) *tls.Certificate {
	t.Helper()
	member := g.certificate(t, g.ca, func(c *x509.Certificate) { c.URIs = []*url.URL{nodeURI("node-1")} })
	cert, err := x509.ParseCertificate(member.Certificate[0])
	check(t, err)
	forged := g.certificate(t, &Authority{member.PrivateKey.(ed25519.PrivateKey), cert}, func(*x509.Certificate) {})
	forged.Certificate = append(forged.Certificate, member.Certificate[0])
	return forged
}

// goodHello is what node 2 would say on this connection, in another process.
func (g *target) goodHello(conn *quic.Conn) (hello, error) {
	state := conn.ConnectionState().TLS
	bound, err := binding(&state, 2)
	return hello{
		Version: version, Group: g.group, Config: g.config, From: 2, To: 0, Incarnation: 2, Binding: bound, Token: make([]byte, tokenLen),
	}, err
}

// changed is an attack with a hello that is good but for one thing.
func (g *target) changed(change func(h *hello)) func(context.Context, *quic.Conn) error {
	return func(ctx context.Context, conn *quic.Conn) error {
		h, err := g.goodHello(conn)
		if err != nil {
			return err
		}
		change(&h)
		frame, err := g.codec.frame(nil, &h)
		if err != nil {
			return err
		}
		return say(ctx, conn, frame)
	}
}

// replay says on one connection what was good on another one.
func (g *target) replay(cert *tls.Certificate) func(context.Context, *quic.Conn) error {
	return func(ctx context.Context, conn *quic.Conn) error {
		other, end, err := g.dial(ctx, cert, alpn, 0)
		if err != nil {
			return err
		}
		defer end()
		h, err := g.goodHello(other)
		if err != nil {
			return err
		}
		return g.changed(func(again *hello) { *again = h })(ctx, conn)
	}
}

// certificates are attacks that end in the handshake.
func (g *target) certificates(t testing.TB) []attack {
	other, err := NewAuthority(time.Hour)
	check(t, err)
	plain := func(*x509.Certificate) {}
	two := g.certificate(t, g.ca, plain)
	with := func(change func(*x509.Certificate)) func(context.Context) error {
		return g.meet(g.certificate(t, g.ca, change), alpn, silence)
	}
	selfMade := g.certificate(t, g.ca, plain)
	_, selfMade.PrivateKey, err = ed25519.GenerateKey(rand.Reader)
	check(t, err)
	return []attack{
		{"no certificate", g.meet(nil, alpn, silence), "no certificate", false},
		{"another authority", g.meet(g.certificate(t, other, plain), alpn, silence), "Ed25519 verification failure", false},
		{"a member as authority", g.meet(g.byMember(t), alpn, silence), "parent certificate cannot sign", false},
		{"a stolen certificate without its key", g.meet(selfMade, alpn, silence), "", false},
		{"expired", with(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "has expired", false},
		{"not yet valid", with(func(c *x509.Certificate) {
			c.NotBefore = time.Now().Add(time.Hour)
			c.NotAfter = time.Now().Add(2 * time.Hour)
		}), "not yet valid", false},
		{"for servers only", with(func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[1:] }), "incompatible key usage", false},
		{"no member", with(func(c *x509.Certificate) { c.URIs[0] = nodeURI("node-3") }), "node-3\\\" is no member", false},
		{"the node's own id", with(func(c *x509.Certificate) { c.URIs[0] = nodeURI("node-0") }), "node-0\\\" does not dial this one", false},
		{"no id", with(func(c *x509.Certificate) { c.URIs = nil }), "expected one URI", false},
		{"two ids", with(func(c *x509.Certificate) { c.URIs = append(c.URIs, nodeURI("node-1")) }), "expected one URI", false},
		{"another protocol", g.meet(two, "h3", silence), "it offers", false},
	}
}

// hellos are attacks with a member's certificate.
func (g *target) hellos(t testing.TB) []attack {
	two := g.certificate(t, g.ca, func(*x509.Certificate) {})
	one := g.certificate(t, g.ca, func(c *x509.Certificate) { c.URIs[0] = nodeURI("node-1") })
	as := func(cert *tls.Certificate, do func(context.Context, *quic.Conn) error) func(context.Context) error {
		return g.meet(cert, alpn, do)
	}
	framed := func(text []byte) func(context.Context) error {
		return as(two, func(ctx context.Context, conn *quic.Conn) error {
			return say(ctx, conn, append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
		})
	}
	bare := func(cert *tls.Certificate, text ...byte) func(context.Context) error {
		return as(cert, func(ctx context.Context, conn *quic.Conn) error { return say(ctx, conn, text) })
	}
	deep := append(bytes.Repeat([]byte{0x81}, frameMax-1), 0)
	return []attack{
		{"garbage", framed([]byte{0xff, 0xff, 0xff, 0xff}), "wire: ", false},
		{"an empty frame", bare(two, 0, 0, 0, 0), "expected 1 to 65536", false},
		{"an oversize frame", bare(two, 0x80, 0, 0, 0), "expected 1 to 65536", false},
		{"a deep nest", framed(deep), "wire: ", false},
		{"a text of 2^63 bytes", framed([]byte{0xa1, 0x07, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), "wire: ", false},
		{"a list of 2^32 items", framed([]byte{0xa1, 0x07, 0x9a, 0xff, 0xff, 0xff, 0xff}), "wire: ", false},
		{"a map without an end", framed(append([]byte{0xbf}, make([]byte, 1000)...)), "wire: ", false},
		{"a message for a hello", framed([]byte{0xa1, 3, 1}), "wire: ", false},
		{"another version", as(two, g.changed(func(h *hello) { h.Version = 999 })), "version 999: expected 1", false},
		{"another group", as(two, g.changed(func(h *hello) { h.Group++ })), "another group", false},
		{"another configuration", as(two, g.changed(func(h *hello) { h.Config++ })), "another configuration", false},
		{"another node's hello", as(two, g.changed(func(h *hello) { h.From = 1 })), "from node", false},
		{"another node's certificate", as(one, g.changed(func(*hello) {})), "from node", false},
		{"a hello to another node", as(two, g.changed(func(h *hello) { h.To = 1 })), "from node", false},
		{"a replayed hello", as(two, g.replay(two)), "made for another connection", false},
		{"a second process of a connected member", as(two, g.changed(func(*hello) {})), "started again", false},
		{"no token", as(two, g.changed(func(h *hello) { h.Token = nil })), "incomplete", false},
		{"silence", as(one, silence), "deadline exceeded", true},
		{"one byte", bare(one, 0), "deadline exceeded", true},
		{"half a hello", bare(one, 0, 0, 0, 80, 0xa9, 1, 1), "deadline exceeded", true},
		{"a hello drop by drop", as(one, g.drops), "deadline exceeded", true},
		{"a stream of one direction", as(one, oneDirection), "deadline exceeded", true},
		{"more streams than there are classes", as(one, manyStreams), "deadline exceeded", true},
		{"streams that are reset", as(two, resets), "", false},
		{"gone after the handshake", func(ctx context.Context) error {
			if _, end, err := g.dial(ctx, two, alpn, 0); err == nil {
				end()
			}
			return nil
		}, "", false},
	}
}

// drops says a good hello so slowly that it is not there in time.
func (g *target) drops(ctx context.Context, conn *quic.Conn) error {
	h, err := g.goodHello(conn)
	if err != nil {
		return err
	}
	frame, err := g.codec.frame(nil, &h)
	if err != nil {
		return err
	}
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(2 * helloTime / time.Duration(len(frame)))
	defer tick.Stop()
	for i := range frame {
		select {
		case <-tick.C:
		case <-conn.Context().Done():
			return nil
		case <-ctx.Done():
			return nil
		}
		if _, err := s.Write(frame[i : i+1]); err != nil {
			return nil // sent away
		}
	}
	return errors.New("the whole hello was waited for")
}

func oneDirection(ctx context.Context, conn *quic.Conn) error {
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := conn.OpenUniStreamSync(short); !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("a unidirectional stream: %v: expected no credit", err)
	}
	if err := conn.SendDatagram([]byte("x")); err == nil {
		return errors.New("a datagram was taken")
	}
	return nil
}

func manyStreams(_ context.Context, conn *quic.Conn) error {
	for range classes {
		if _, err := conn.OpenStream(); err != nil {
			return err
		}
	}
	for range 1000 {
		if _, err := conn.OpenStream(); err == nil {
			return errors.New("one stream too many was opened")
		}
	}
	return nil
}

func resets(ctx context.Context, conn *quic.Conn) error {
	for range 1000 {
		s, err := conn.OpenStreamSync(ctx)
		if err != nil {
			return nil // sent away, or no more credit
		}
		s.CancelWrite(1)
		s.CancelRead(1)
	}
	return errors.New("a thousand streams were taken and reset")
}

// packets are attacks by whoever can send datagrams, and on the witness socket.
func (g *target) packets() []attack {
	return []attack{
		{"datagrams of noise", g.noise, "", false},
		{"other versions of QUIC", g.versions, "", false},
		{"half-open handshakes", g.halfOpen(1), "", false},
		{"handshakes without an end", g.halfOpen(2), "", false},
		{"a witness that says nothing", g.falseWitness(""), "i/o timeout", true},
		{"a witness that speaks HTTP", g.falseWitness("GET / HTTP/1.1\r\n\r\n            "), "no member's", false},
		{"a witness with another token", g.falseWitness(string(witnessMagic[:]) + "\x00\x00\x00\x02" + strings.Repeat("x", tokenLen)), "does not show the token", false},
		{"a witness that nobody is", g.falseWitness(string(witnessMagic[:]) + "\xff\xff\xff\xff" + strings.Repeat("x", tokenLen)), "no member's", false},
		{"witnesses that hang up", g.hangUp, "EOF", false},
	}
}

const noisePackets = 200

// noise is no QUIC, of all lengths, with long and short headers.
func (g *target) noise(context.Context) error {
	return g.datagrams(func(i int, packet []byte) []byte {
		_, _ = rand.Read(packet)
		packet[0] |= byte(i) << 6
		return packet[:1+i*len(packet)/noisePackets]
	})
}

// versions looks like the first packet of a version of QUIC that nobody knows.
func (g *target) versions(context.Context) error {
	return g.datagrams(func(i int, packet []byte) []byte {
		_, _ = rand.Read(packet)
		packet[0] |= 0xc0
		binary.BigEndian.PutUint32(packet[1:], 0x999+uint32(i))
		packet[5], packet[14] = 8, 8
		return packet
	})
}

func (g *target) datagrams(next func(i int, packet []byte) []byte) error {
	conn, err := net.DialUDP("udp", nil, g.quic)
	if err != nil {
		return err
	}
	defer conn.Close()
	packet := make([]byte, 1200)
	for i := range noisePackets {
		if _, err := conn.Write(next(i, packet)); err != nil {
			return err
		}
	}
	return nil
}

// halfOpen begins a handshake and says no more after some packets. The first message is two packets long, and has to be said
// again by whoever is asked to prove its address.
func (g *target) halfOpen(packets int32) func(context.Context) error {
	return func(ctx context.Context) error {
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		if _, end, err := g.dial(short, nil, alpn, packets); err == nil {
			end()
		}
		return nil
	}
}

// falseWitness says something to the witness socket and waits until it is sent away.
func (g *target) falseWitness(text string) func(context.Context) error {
	return func(ctx context.Context) error {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", g.witness)
		if err != nil {
			return nil
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		defer stop()
		_, _ = io.WriteString(conn, text)
		if got, _ := io.ReadAll(conn); len(got) > 0 {
			return fmt.Errorf("a false witness was answered with %d bytes", len(got))
		}
		return nil
	}
}

func (g *target) hangUp(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", g.witness)
	if err != nil {
		return nil
	}
	return conn.Close()
}

func (g *target) kinds(t testing.TB) []attack {
	all := append(g.certificates(t), g.hellos(t)...)
	return append(all, g.packets()...)
}
