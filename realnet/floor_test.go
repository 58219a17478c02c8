package realnet

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"nexarsim/core"
)

// The floor of a recovery: the same four message delays between the survivors, over one long-lived bidirectional stream
// for each, with nothing around them. Vote, agreement, ack, commit; the coordinator waits for all.

const floorMessage = 24 // bytes, about those of a vote with its frame

// floor is a coordinator and its followers over raw quic-go.
type floor struct {
	followers []*quic.Stream
	streams   []*quic.Stream // the coordinator's ends
	close     []func()
}

func newFloor(b *testing.B, survivors int) *floor {
	b.Helper()
	ca, err := NewAuthority(time.Hour)
	check(b, err)
	creds, err := ca.Credentials("c", time.Hour)
	check(b, err)
	f := &floor{}
	conf := &quic.Config{MaxIncomingStreams: 3}
	transport := func() *quic.Transport {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		check(b, err)
		t := &quic.Transport{Conn: socket}
		f.close = append(f.close, func() { t.Close(); socket.Close() })
		return t
	}
	accept := func(string) error { return nil }
	coordinator := transport()
	l, err := coordinator.Listen(creds.tlsConfig(accept, true), conf)
	check(b, err)
	ctx := context.Background()
	for range survivors - 1 {
		conn, err := transport().Dial(ctx, l.Addr(), creds.tlsConfig(accept, false), conf)
		check(b, err)
		s, err := conn.OpenStreamSync(ctx)
		check(b, err)
		_, err = s.Write(make([]byte, floorMessage))
		check(b, err)
		in, err := l.Accept(ctx)
		check(b, err)
		other, err := in.AcceptStream(ctx)
		check(b, err)
		_, err = io.ReadFull(other, make([]byte, floorMessage))
		check(b, err)
		f.followers, f.streams = append(f.followers, s), append(f.streams, other)
	}
	return f
}

func check(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// round goes once through the four delays and says how long that took, from the instant at which all are told until the
// last one has installed.
func (f *floor) round(b *testing.B) time.Duration {
	b.Helper()
	installed := make(chan error, len(f.followers)+1)
	start := make(chan struct{})
	for _, s := range f.followers {
		go func() {
			<-start
			installed <- f.follow(s)
		}()
	}
	votes := make(chan error, len(f.streams))
	for _, s := range f.streams {
		go func() {
			_, err := io.ReadFull(s, make([]byte, floorMessage))
			votes <- err
		}()
	}
	began := time.Now()
	close(start)
	f.gather(b, votes)
	acks := make(chan error, len(f.streams))
	for _, s := range f.streams {
		go func() {
			_, err := io.ReadFull(s, make([]byte, floorMessage))
			acks <- err
		}()
	}
	f.tell(b)
	f.gather(b, acks)
	f.tell(b)
	for range f.followers {
		check(b, <-installed)
	}
	return time.Since(began)
}

func (f *floor) gather(b *testing.B, from <-chan error) {
	for range f.streams {
		check(b, <-from)
	}
}

func (f *floor) tell(b *testing.B) {
	for _, s := range f.streams {
		_, err := s.Write(make([]byte, floorMessage))
		check(b, err)
	}
}

// follow votes, acknowledges the agreement, and waits for the commit.
func (f *floor) follow(s *quic.Stream) error {
	buf := make([]byte, floorMessage)
	for range 2 {
		if _, err := s.Write(buf); err != nil {
			return err
		}
		if _, err := io.ReadFull(s, buf); err != nil {
			return err
		}
	}
	return nil
}

// muteMachine is a member that is connected and never says a thing.
type muteMachine struct{ core.Machine }

func (muteMachine) Step(core.Instant, *core.Input, *core.Effects) {}

// benchGroup forms a group in this process whose last member is mute.
func benchGroup(b *testing.B, n int) []*Group {
	b.Helper()
	ca, err := NewAuthority(time.Hour)
	check(b, err)
	cfg := core.DefaultConfig()
	cfg.HeartbeatInterval, cfg.HeartbeatTimeout = 10*time.Second, time.Minute
	sockets := make([]net.PacketConn, n)
	members := make([]Member, n)
	for i := range n {
		sockets[i], err = net.ListenPacket("udp", "127.0.0.1:0")
		check(b, err)
		members[i] = Member{fmt.Sprint("node-", i), sockets[i].LocalAddr().String()}
	}
	groups := make([]*Group, n)
	errs := make(chan error)
	for i := range n {
		creds, err := ca.Credentials(members[i].ID, time.Hour)
		check(b, err)
		c := Config{Self: members[i].ID, Members: members, Core: cfg, Credentials: creds, Socket: sockets[i], Witness: WitnessNone}
		if i == n-1 {
			c.Machine = func(s core.Setup) (core.Machine, error) {
				m, err := core.New(s)
				return muteMachine{m}, err
			}
		}
		go func() {
			var err error
			groups[i], err = Join(context.Background(), c)
			errs <- err
		}()
	}
	for range n {
		check(b, <-errs)
	}
	return groups
}

// recovery tells all survivors of the mute member's death and says how long it took until the last one had installed.
func recovery(b *testing.B, groups []*Group) time.Duration {
	b.Helper()
	last := len(groups) - 1
	began := time.Now()
	for _, g := range groups[:last] {
		check(b, g.post(mail{kind: mailDead, peer: core.NodeID(last)}))
	}
	for _, g := range groups[:last] {
		ev, err := g.Events().Next(context.Background())
		check(b, err)
		if ev.Kind != core.EventRecovered || ev.NewWorldSize != last {
			b.Fatalf("node %d: %+v", g.Self(), ev)
		}
	}
	return time.Since(began)
}

// BenchmarkRecovery is the time from the suspicion to the last install, beside the floor of the same run: medians, and
// their ratio.
func BenchmarkRecovery(b *testing.B) {
	for _, n := range []int{4, 8} {
		b.Run(fmt.Sprint("n=", n), func(b *testing.B) {
			f := newFloor(b, n-1)
			var real1, least []time.Duration
			for range b.N {
				groups := benchGroup(b, n)
				for range 5 {
					f.round(b) // as warm as the group is after it has formed
				}
				least = append(least, f.round(b))
				real1 = append(real1, recovery(b, groups))
				for _, g := range groups {
					g.Close()
				}
			}
			for _, c := range f.close {
				c()
			}
			p50, floor50 := median(real1), median(least)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(p50.Microseconds()), "p50-us")
			b.ReportMetric(float64(floor50.Microseconds()), "floor-us")
			b.ReportMetric(float64(p50)/float64(floor50), "x-floor")
		})
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
