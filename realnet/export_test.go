package realnet

import "crypto/tls"

// TLS is what a connection of the floor uses: the handshake of members, without their judgement.
func (c *Credentials) TLS(server bool) *tls.Config {
	return c.tlsConfig(func(string) error { return nil }, server)
}
