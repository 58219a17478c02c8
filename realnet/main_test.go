package realnet_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nexarsim/core"
	"nexarsim/realnet"
)

func TestMain(m *testing.M) {
	os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true") // some tests have sockets of their own kind
	if realnet.IsSiege() {
		if err := realnet.ServeSiege(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// limit bounds what a test waits for. No test waits for so long unless it fails.
const limit = 60 * time.Second

// patient is a configuration in which nobody is suspected for being slow: tests run on loaded machines.
func patient() core.Config {
	c := core.DefaultConfig()
	c.HeartbeatInterval, c.HeartbeatTimeout, c.RecoveryTimeout = 500*time.Millisecond, 30*time.Second, time.Minute
	return c
}

// setup is what a test's group is made of.
type setup struct {
	members   []realnet.Member
	sockets   []net.PacketConn
	authority *realnet.Authority
	configs   []realnet.Config
}

func newSetup(t testing.TB, n int, cfg core.Config) *setup {
	t.Helper()
	ca, err := realnet.NewAuthority(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := &setup{authority: ca}
	for i := range n {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.sockets = append(s.sockets, socket)
		s.members = append(s.members, realnet.Member{ID: fmt.Sprint("node-", i), Address: socket.LocalAddr().String()})
	}
	for i := range n {
		creds, err := ca.Credentials(s.members[i].ID, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		s.configs = append(s.configs, realnet.Config{
			Self: s.members[i].ID, Members: s.members, Core: cfg, Credentials: creds, Socket: s.sockets[i], Logger: testLogger(i),
		})
	}
	return s
}

// testLogger logs to standard error if NEXARSIM_TEST_LOG is set.
func testLogger(node int) *slog.Logger {
	if os.Getenv("NEXARSIM_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", node)
}

// join forms the group in this process.
func (s *setup) join(t testing.TB) []*realnet.Group {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	groups := make([]*realnet.Group, len(s.configs))
	errs := make(chan error)
	for i := range s.configs {
		go func() {
			var err error
			groups[i], err = realnet.Join(ctx, s.configs[i])
			errs <- err
		}()
	}
	for range s.configs {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, g := range groups {
			g.Close()
		}
	})
	return groups
}

// next waits for a group's next event and holds its kind to what is expected.
func next(t testing.TB, g *realnet.Group, want core.EventKind) core.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ev, err := g.Events().Next(ctx)
	if err != nil {
		t.Fatalf("node %d waits for %v: %v", g.Self(), want, err)
	}
	if ev.Kind != want {
		t.Fatalf("node %d: event %+v: expected %v", g.Self(), ev, want)
	}
	return ev
}
