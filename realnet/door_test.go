package realnet

import (
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"nexarsim/core"
)

// TestRoomForStrangers: whoever has waited longest goes, and nobody who has left does.
func TestRoomForStrangers(t *testing.T) {
	r := room{max: 2}
	var gone []string
	enter := func(name string) *guest {
		g, _ := r.enter(func() { gone = append(gone, name) })
		return g
	}
	a, b := enter("a"), enter("b")
	if sent := r.leave(a); sent || len(gone) > 0 {
		t.Errorf("a was sent away (%v, %v) while there was room", sent, gone)
	}
	enter("c")
	if _, full := r.enter(func() {}); !full || fmt.Sprint(gone) != "[b]" || !r.leave(b) {
		t.Errorf("the fourth came, and %v had to go: expected b, who knows it", gone)
	}
}

// TestEachComplaintOnce: ports, times and what a peer chooses make no other complaint; another member, host or kind does.
// Strangers who find a thousand ways to complain about them fill their own lines and not those about members.
func TestEachComplaintOnce(t *testing.T) {
	said := func(cs *complaints, what, member, host string, err error) bool {
		first, _ := cs.first(what, member, host, err)
		return first
	}
	reset := func(port int) error {
		return &net.OpError{Op: "read", Source: &net.TCPAddr{Port: port}, Err: syscall.ECONNRESET}
	}
	expired := func(at string) error { return x509.CertificateInvalidError{Reason: x509.Expired, Detail: at} }
	for _, s := range []struct {
		name         string
		first, again error
		news         bool
	}{
		{"another port", reset(1), reset(2), false},
		{"another moment", expired("now"), expired("later"), false},
		{"another length", wireError("frame of %d bytes", 0), fmt.Errorf("hello: %w", wireError("frame of %d bytes", 9)), false},
		{"another id", refusal("node %q is no member", "x"), refusal("node %q is no member", "y"), false},
		{"another kind", reset(1), expired("now"), true},
		{"another refusal", refusal("incomplete"), refusal("another group"), true},
		{"a certificate for something else", expired("now"), x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}, true},
	} {
		cs := newComplaints()
		if !said(cs, "refused", "", "host", s.first) || said(cs, "refused", "", "host", s.again) != s.news {
			t.Errorf("%s: expected news: %v", s.name, s.news)
		}
		if !said(cs, "refused", "", "other", s.first) || !said(cs, "refused", "a", "host", s.first) || !said(cs, "lost", "", "host", s.first) {
			t.Errorf("%s: about another host, member or matter nothing was said", s.name)
		}
	}
	cs := newComplaints()
	lines := 0
	for i := range 1000 {
		if said(cs, "refused", "", fmt.Sprint(i), fmt.Errorf("way %d", i)) {
			lines++
		}
	}
	if lines != linesMax || !said(cs, "refused", "a", "", errBusy) || !said(cs, "lost", "", "host", errBusy) {
		t.Errorf("strangers got %d lines: expected %d, and the others theirs", lines, linesMax)
	}
}

// TestWitnessIsLocal: the one socket that asks for no certificate is out of reach for other machines, unless it is meant
// for them.
func TestWitnessIsLocal(t *testing.T) {
	ca, err := NewAuthority(time.Hour)
	check(t, err)
	creds, err := ca.Credentials("a", time.Hour)
	check(t, err)
	for _, s := range []struct {
		name, address, listen string
		witness               Witness
		at                    string // of the witness socket; empty: there is none
	}{
		{"loopback", "127.0.0.1:0", "", WitnessLocal, "127.0.0.1"},
		{"everywhere, for members here", "127.0.0.1:7946", "0.0.0.0:0", WitnessLocal, "127.0.0.1"},
		{"everywhere, for members elsewhere", "192.0.2.1:7946", "0.0.0.0:0", WitnessLocal, ""},
		{"everywhere, and all are witnesses", "192.0.2.1:7946", "0.0.0.0:0", WitnessAll, "::"},
		{"no witness", "127.0.0.1:0", "", WitnessNone, ""},
	} {
		g, err := New(Config{
			Self: "a", Members: []Member{{"a", s.address}}, Listen: s.listen, Core: core.DefaultConfig(), Credentials: creds, Witness: s.witness,
		})
		check(t, err)
		at := ""
		if w := g.net.witness; w != nil {
			at = w.Addr().(*net.TCPAddr).IP.String()
		}
		if at != s.at {
			t.Errorf("%s: the witness socket is at %q: expected %q", s.name, at, s.at)
		}
		g.Close()
	}
}

// TestNobodyListensWithoutCredentials: without a certificate, or without an authority of its own, a member opens nothing.
// In particular it does not fall back to the authorities that the machine trusts.
func TestNobodyListensWithoutCredentials(t *testing.T) {
	ca, err := NewAuthority(time.Hour)
	check(t, err)
	whole, err := ca.Credentials("a", time.Hour)
	check(t, err)
	noRoots, noCert, noKey := whole, whole, whole
	noRoots.Roots, noCert.Certificate.Certificate, noKey.Certificate.PrivateKey = nil, nil, nil
	for _, s := range []struct {
		creds Credentials
		says  string
	}{
		{whole, ""}, {noRoots, "authority"}, {noCert, "nobody listens or dials without"}, {noKey, "nobody listens or dials without"}, {Credentials{}, "authority"},
	} {
		g, err := New(Config{Self: "a", Members: []Member{{"a", "0.0.0.0:0"}}, Core: core.DefaultConfig(), Credentials: s.creds})
		if (err == nil) != (s.says == "") || err != nil && !strings.Contains(err.Error(), s.says) {
			t.Errorf("error %v: expected one that says %q", err, s.says)
		}
		if err == nil {
			g.Close()
		}
	}
}
