package realnet

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"time"
)

// alpn is the protocol's name in the handshake of TLS. Another version of the wire format has another name.
const alpn = "nexarsim/1"

// Credentials are what a member proves its identity with, and by whose word it believes the others'.
type Credentials struct {
	Certificate tls.Certificate // of this member, with its private key
	Roots       *x509.CertPool  // the cluster's authority
}

// LoadCredentials reads PEM files: a member's certificate and private key, and the authority's certificate.
func LoadCredentials(certFile, keyFile, rootFile string) (Credentials, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return Credentials{}, fmt.Errorf("load credentials %s, %s: %w", certFile, keyFile, err)
	}
	text, err := os.ReadFile(rootFile)
	if err != nil {
		return Credentials{}, fmt.Errorf("load credentials: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return Credentials{}, fmt.Errorf("load credentials %s: expected a certificate in PEM form, found none", rootFile)
	}
	return Credentials{Certificate: pair, Roots: roots}, nil
}

// Authority is a cluster's certificate authority. Whoever holds it decides who is a member.
type Authority struct {
	key  ed25519.PrivateKey
	cert *x509.Certificate
}

// clockSlack is how far members' clocks may be apart.
const clockSlack = 5 * time.Minute

// NewAuthority makes an authority whose own certificate is good for the given time from now.
func NewAuthority(valid time.Duration) (*Authority, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "nexarsim cluster authority"},
		NotBefore: now.Add(-clockSlack), NotAfter: now.Add(valid),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make authority: %w", err)
	}
	return &Authority{private, cert}, nil
}

// Issue makes a member's certificate, in DER form, for the public half of a key that never leaves the member.
func (a *Authority) Issue(id string, key crypto.PublicKey, ips []net.IP, valid time.Duration) ([]byte, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, fmt.Errorf("issue certificate for %s: %w", id, err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: id},
		NotBefore: now.Add(-clockSlack), NotAfter: now.Add(valid),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:        []*url.URL{nodeURI(id)}, IPAddresses: ips,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("issue certificate for %s: %w", id, err)
	}
	return der, nil
}

// Certificate is the authority's own certificate in DER form.
func (a *Authority) Certificate() []byte { return a.cert.Raw }

// Credentials makes key and certificate of a member in this process: for tests, and for programs that hold all members.
func (a *Authority) Credentials(id string, valid time.Duration) (Credentials, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Credentials{}, fmt.Errorf("make credentials of %s: %w", id, err)
	}
	der, err := a.Issue(id, public, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, valid)
	if err != nil {
		return Credentials{}, err
	}
	return NewCredentials(der, private, a.Certificate())
}

// NewCredentials puts together what Issue made, the key that it was made for, and the authority's certificate.
func NewCredentials(cert []byte, key crypto.Signer, authority []byte) (Credentials, error) {
	root, err := x509.ParseCertificate(authority)
	if err != nil {
		return Credentials{}, fmt.Errorf("read the authority's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return Credentials{Certificate: tls.Certificate{Certificate: [][]byte{cert}, PrivateKey: key}, Roots: roots}, nil
}

// PEM gives a certificate in DER form as the text that LoadCredentials reads.
func PEM(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }

// KeyPEM gives a private key as the text that LoadCredentials reads.
func KeyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

func nodeURI(id string) *url.URL { return &url.URL{Scheme: "nexarsim", Host: "node", Path: "/" + id} }

// identity is the member that a verified certificate stands for.
func identity(cert *x509.Certificate) (string, error) {
	if len(cert.URIs) != 1 {
		return "", fmt.Errorf("certificate: expected one URI, found %d", len(cert.URIs))
	}
	u := cert.URIs[0]
	if u.Scheme != "nexarsim" || u.Host != "node" || len(u.Path) < 2 {
		return "", errors.New("certificate: its URI names no node")
	}
	return u.Path[1:], nil
}

// verify holds a peer's chain to the authority and gives the identity that it proves. Names and addresses in it do not
// matter: a member is its id, wherever it is.
func verify(state *tls.ConnectionState, roots *x509.CertPool, usage x509.ExtKeyUsage) (string, error) {
	if len(state.PeerCertificates) == 0 {
		return "", errors.New("no certificate")
	}
	if state.NegotiatedProtocol != alpn {
		return "", fmt.Errorf("protocol %q: expected %q", state.NegotiatedProtocol, alpn)
	}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage},
	})
	if err != nil {
		return "", err
	}
	return identity(state.PeerCertificates[0])
}

// tlsConfig is that of one side of a handshake. accept judges the identity that the other side has proved.
func (c *Credentials) tlsConfig(accept func(id string) error, server bool) *tls.Config {
	usage := x509.ExtKeyUsageServerAuth
	if server {
		usage = x509.ExtKeyUsageClientAuth
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{alpn}, Certificates: []tls.Certificate{c.Certificate},
		ClientAuth:             tls.RequestClientCert, // VerifyConnection refuses whoever has none
		InsecureSkipVerify:     true,                  // VerifyConnection does it: by the authority and the id, not by host names
		SessionTicketsDisabled: true,                  // each connection proves its identity anew
		VerifyConnection: func(state tls.ConnectionState) error {
			id, err := verify(&state, c.Roots, usage)
			if err != nil {
				return err
			}
			return accept(id)
		},
	}
}
