package realnet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"github.com/quic-go/quic-go"
)

// What strangers may cost. Beside these, each member has room for as many again, so that a large group forms at once.
const (
	handshakeMax = 64 // handshakes under way
	verifyMax    = 16 // handshakes under way from which on an address must prove that it receives what is sent to it
	memberMax    = 8  // connections under the name of one member that have not said hello
	witnessMax   = 16 // witness connections that have not shown a token
)

// room is where connections wait until they have proved themselves. When it is full, whoever has waited longest is sent
// away for the next one: a member needs one round trip, and whoever needs longer than all that came later is none.
type room struct {
	max int

	mu sync.Mutex
	in []*guest
}

// guest is a connection in a room.
type guest struct {
	sendAway func()
	sent     bool // away; guarded by the room's mutex
}

// enter takes a connection in; it says whether another one had to go.
func (r *room) enter(sendAway func()) (g *guest, full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if full = len(r.in) >= r.max; full {
		r.in[0].sent = true
		r.in[0].sendAway()
		r.in = slices.Delete(r.in, 0, 1)
	}
	g = &guest{sendAway: sendAway}
	r.in = append(r.in, g)
	return g, full
}

// leave is the end of waiting; it says whether the connection was sent away.
func (r *room) leave(g *guest) (sent bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.in, g); i >= 0 {
		r.in = slices.Delete(r.in, i, i+1)
	}
	return g.sent
}

// arrival is a connection to this side from its first packet on.
type arrival struct{ done sync.Once }

type arrivalKey struct{}

var errBusy = errors.New("too many connections that prove nothing")

// greetArrival is called with the first packet of each connection to this side. Members' own addresses are let in however
// many strangers there are, once they have proved that they are there: a flood keeps no member out.
func (t *transport) greetArrival(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	known := info.AddrVerified && t.known[addrPort(info.RemoteAddr)]
	if int(t.handshakes.Load()) >= t.handshakeMax && !known {
		t.g.counters.refused.Add(1)
		t.complain("handshake refused", "", hostOf(info.RemoteAddr), errBusy)
		return nil, errBusy
	}
	t.handshakes.Add(1)
	a := &arrival{}
	context.AfterFunc(ctx, func() {
		a.done.Do(func() {
			t.handshakes.Add(-1)
			t.g.counters.refused.Add(1)
		})
	})
	return context.WithValue(ctx, arrivalKey{}, a), nil
}

// proven is called when a handshake was completed.
func (t *transport) proven(conn *quic.Conn) {
	if a, ok := conn.Context().Value(arrivalKey{}).(*arrival); ok {
		a.done.Do(func() { t.handshakes.Add(-1) })
	}
}

// verifyAddress tells whether whoever dials has to prove its address first. It costs a round trip, and nothing is kept for
// it meanwhile.
func (t *transport) verifyAddress(net.Addr) bool {
	return int(t.handshakes.Load()) >= t.verifyMax
}

// knownAddresses are those that members with higher numbers dial from. A member whose address is a name is let in as
// anybody else is.
func knownAddresses(members []Member, self int) map[netip.AddrPort]bool {
	known := map[netip.AddrPort]bool{}
	for _, m := range members[self+1:] {
		if a, err := netip.ParseAddrPort(m.Address); err == nil {
			known[netip.AddrPortFrom(a.Addr().Unmap(), a.Port())] = true
		}
	}
	return known
}

func addrPort(addr net.Addr) netip.AddrPort {
	udp, ok := addr.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	a := udp.AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// serverConfig is the TLS configuration of the accepting side. What is wrong with a stranger is logged here: of a failed
// handshake nobody else hears.
func (t *transport) serverConfig() *tls.Config {
	base := t.g.cfg.Credentials.tlsConfig(t.accept, true)
	conf := base.Clone()
	conf.GetConfigForClient = func(info *tls.ClientHelloInfo) (*tls.Config, error) {
		from := hostOf(info.Conn.RemoteAddr())
		if !slices.Contains(info.SupportedProtos, alpn) {
			t.complain("handshake refused", "", from, refusal("it offers %q: expected %q", info.SupportedProtos, alpn))
			return nil, nil // TLS refuses it
		}
		mine := base.Clone()
		mine.VerifyConnection = func(state tls.ConnectionState) error {
			err := base.VerifyConnection(state)
			if err != nil {
				t.complain("handshake refused", "", from, err)
			}
			return err
		}
		return mine, nil
	}
	return conf
}

// linesMax bounds how many complaints of one kind about one member, or about strangers, are logged.
const linesMax = 32

// complaints remembers what was logged.
type complaints struct {
	mu    sync.Mutex
	said  map[string]bool
	lines map[string]int
}

func newComplaints() *complaints {
	return &complaints{said: map[string]bool{}, lines: map[string]int{}}
}

// first tells whether what is said about somebody is news. A member has lines of its own; strangers share theirs, so that
// the log stays short whatever they do.
func (c *complaints) first(what, member, host string, err error) (first, last bool) {
	about := what + "\x00" + member
	key := about + "\x00" + host + "\x00" + kindOf(err)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said[key] || c.lines[about] >= linesMax {
		return false, false
	}
	c.said[key] = true
	c.lines[about]++
	return true, c.lines[about] == linesMax
}

// complain logs what a member or, without its id, somebody at a host did: each kind of it once, however often it happens.
func (t *transport) complain(what, member, host string, err error) {
	first, last := t.complaints.first(what, member, host, err)
	if !first {
		return
	}
	var args []any
	if member != "" {
		args = append(args, "peer", member)
	}
	if host != "" {
		args = append(args, "from", host)
	}
	if err != nil {
		args = append(args, "err", err)
	}
	if last {
		args = append(args, "more", "not logged")
	}
	t.g.log.Warn(what, args...)
}

// errRefused is why a peer that speaks the protocol may not take part. It is told to the peer.
type errRefused struct {
	form string // its kind
	msg  string
}

func (e *errRefused) Error() string { return e.msg }

func refusal(form string, args ...any) error { return &errRefused{form, fmt.Sprintf(form, args...)} }

func refusalText(err error) string {
	var refused *errRefused
	if errors.As(err, &refused) {
		return refused.msg
	}
	return ""
}

// kindOf names the kind of an error. What a peer chooses, and what differs from one connection to the next (ports, times,
// lengths), makes no other kind.
func kindOf(err error) string {
	for err != nil {
		switch e := err.(type) {
		case *errWire:
			return e.form
		case *errRefused:
			return e.form
		case x509.CertificateInvalidError:
			return fmt.Sprint("certificate ", e.Reason)
		case *quic.ApplicationError, *quic.StreamError:
			return fmt.Sprintf("%T", e)
		case syscall.Errno:
			return e.Error()
		}
		inner := errors.Unwrap(err)
		if inner == nil {
			return fmt.Sprintf("%T %v", err, err)
		}
		err = inner
	}
	return ""
}
