package realnet_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"nexarsim/core/comm"
	"nexarsim/realnet"
)

const (
	bulkWorld = 4
	bulkBytes = 8 << 20
)

// BenchmarkBulkAllReduce is an all-reduce of 8 MiB of float32 by four processes, beside its floor in the same run and in
// turns: each of the four sends 8 MiB to the next one over a stream of raw quic-go. The all-reduce sends 12 MiB from each, so
// nobody can come below 1.5 on a machine whose processors are the limit. Times are rank 0's, from the end of one barrier to
// the end of the next; processor times are those of all four.
func BenchmarkBulkAllReduce(b *testing.B) {
	var raw, reduced []bulkTimes
	err := runBulk(b, b.N, func(t *bulkRound) {
		raw, reduced = append(raw, t.Raw), append(reduced, t.Reduced)
	})
	if err != nil {
		b.Fatal(err)
	}
	ms := func(all []bulkTimes, at int, what func(bulkTimes) time.Duration) float64 {
		d := make([]time.Duration, len(all))
		for i := range all {
			d[i] = what(all[i])
		}
		slices.Sort(d)
		return float64(d[at].Microseconds()) / 1000
	}
	n := len(raw)
	wall := func(t bulkTimes) time.Duration { return t.Wall }
	used := func(t bulkTimes) time.Duration { return t.CPU }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(raw, n/2, wall), "raw-p50-ms")
	b.ReportMetric(ms(reduced, n/2, wall), "p50-ms")
	b.ReportMetric(ms(reduced, 0, wall), "min-ms")
	b.ReportMetric(ms(reduced, n-1, wall), "max-ms")
	b.ReportMetric(ms(reduced, n/2, wall)/ms(raw, n/2, wall), "x-raw")
	b.ReportMetric(ms(reduced, n/2, used)/ms(raw, n/2, used), "x-raw-cpu")
}

// TestBulkProcesses: the benchmark's processes come through two rounds, with the right sum.
func TestBulkProcesses(t *testing.T) {
	rounds := 0
	if err := runBulk(t, 2, func(*bulkRound) { rounds++ }); err != nil || rounds != 2 {
		t.Errorf("%d rounds: expected 2; %v", rounds, err)
	}
}

// bulkTimes is how long something took, and what all processes used for it.
type bulkTimes struct{ Wall, CPU time.Duration }

// bulkRound is what rank 0 tells of one round.
type bulkRound struct{ Raw, Reduced bulkTimes }

// bulkMember is what one of the processes is told.
type bulkMember struct {
	Self             int
	Rounds           int
	Members          []realnet.Member
	Raw              []string // addresses of the floor
	Cert, Key, Roots string   // files
}

// bulkRole is set in the environment of such a process.
const bulkRole = "NEXARSIM_TEST_BULK"

func init() {
	if text := os.Getenv(bulkRole); text != "" {
		if err := bulkProcess(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// runBulk starts the processes and hears rank 0.
func runBulk(t testing.TB, rounds int, hear func(*bulkRound)) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*limit)
	defer cancel()
	dir := t.TempDir()
	ca, err := realnet.NewAuthority(time.Hour)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "roots"), realnet.PEM(ca.Certificate()), 0o600))
	all := make([]bulkMember, bulkWorld)
	var members []realnet.Member
	var raw []string
	for i := range all {
		members = append(members, realnet.Member{ID: fmt.Sprint("node-", i), Address: freePort(t)})
		raw = append(raw, freePort(t))
		public, private, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		cert, err := ca.Issue(members[i].ID, public, nil, time.Hour)
		must(t, err)
		key, err := realnet.KeyPEM(private)
		must(t, err)
		m := &all[i]
		*m = bulkMember{Self: i, Rounds: rounds, Roots: filepath.Join(dir, "roots")}
		m.Cert, m.Key = filepath.Join(dir, fmt.Sprint("cert", i)), filepath.Join(dir, fmt.Sprint("key", i))
		must(t, os.WriteFile(m.Cert, realnet.PEM(cert), 0o600))
		must(t, os.WriteFile(m.Key, key, 0o600))
	}
	var first io.Reader
	var started []*exec.Cmd
	for i := range all {
		all[i].Members, all[i].Raw = members, raw
		text, err := json.Marshal(&all[i])
		must(t, err)
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), bulkRole+"="+string(text), "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING=true")
		cmd.Stderr = os.Stderr
		if i == 0 {
			first, err = cmd.StdoutPipe()
			must(t, err)
		}
		must(t, cmd.Start())
		started = append(started, cmd)
	}
	lines := bufio.NewScanner(first)
	for lines.Scan() {
		var r bulkRound
		must(t, json.Unmarshal(lines.Bytes(), &r))
		hear(&r)
	}
	for _, cmd := range started {
		if e := cmd.Wait(); e != nil {
			err = e
		}
	}
	return err
}

func freePort(t testing.TB) string {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer socket.Close()
	return socket.LocalAddr().String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bulkProcess is one of the four.
func bulkProcess(text string) error {
	var m bulkMember
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return err
	}
	creds, err := realnet.LoadCredentials(m.Cert, m.Key, m.Roots)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*limit)
	defer cancel()
	g, err := realnet.Join(ctx, realnet.Config{Self: m.Members[m.Self].ID, Members: m.Members, Core: patient(), Credentials: creds})
	if err != nil {
		return err
	}
	defer g.Close()
	ring, err := newRawRing(ctx, &m, &creds)
	if err != nil {
		return err
	}
	defer ring.close()
	c := g.Communicator()
	data := make([]float32, bulkBytes/4)
	for range m.Rounds {
		var r bulkRound
		if r.Raw, err = timed(ctx, c, ring.once); err != nil {
			return err
		}
		for i := range data {
			data[i] = float32(m.Self + 1)
		}
		r.Reduced, err = timed(ctx, c, func() error { return realnet.AllReduce(ctx, c, data, comm.Sum) })
		if err != nil {
			return err
		}
		if data[0] != 10 || data[len(data)-1] != 10 {
			return fmt.Errorf("the sums are %v and %v: expected 10", data[0], data[len(data)-1])
		}
		if m.Self == 0 {
			if err := json.NewEncoder(os.Stdout).Encode(&r); err != nil {
				return err
			}
		}
	}
	_ = c.Barrier(ctx) // so that nobody leaves early; whoever leaves first may take with it what another one waits for
	return nil
}

// timed measures what all members do at once.
func timed(ctx context.Context, c *realnet.Communicator, f func() error) (t bulkTimes, err error) {
	if err := c.Barrier(ctx); err != nil {
		return t, err
	}
	start, used := time.Now(), processorTime()
	if err := f(); err != nil {
		return t, err
	}
	if err := c.Barrier(ctx); err != nil {
		return t, err
	}
	t.Wall = time.Since(start)
	all, err := c.Sum(ctx, int64(processorTime()-used))
	t.CPU = time.Duration(all)
	return t, err
}

// processorTime is what this process has used of the processors so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rawRing is one process's part of the floor: a stream of raw quic-go to the next process, and one from that before.
type rawRing struct {
	transport *quic.Transport
	out, in   *quic.Stream
}

func newRawRing(ctx context.Context, m *bulkMember, creds *realnet.Credentials) (*rawRing, error) {
	conf := &quic.Config{MaxIdleTimeout: time.Hour, KeepAlivePeriod: time.Second}
	socket, err := net.ListenPacket("udp", m.Raw[m.Self])
	if err != nil {
		return nil, err
	}
	r := &rawRing{transport: &quic.Transport{Conn: socket}}
	l, err := r.transport.Listen(creds.TLS(true), conf)
	if err != nil {
		return nil, err
	}
	next, err := net.ResolveUDPAddr("udp", m.Raw[(m.Self+1)%bulkWorld])
	if err != nil {
		return nil, err
	}
	dialled := make(chan error, 1)
	go func() { dialled <- r.dial(ctx, next, creds, conf) }()
	conn, err := l.Accept(ctx)
	if err != nil {
		return nil, err
	}
	if r.in, err = conn.AcceptStream(ctx); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r.in, make([]byte, 1)); err != nil {
		return nil, err
	}
	return r, <-dialled
}

// dial tries until the next process listens.
func (r *rawRing) dial(ctx context.Context, next net.Addr, creds *realnet.Credentials, conf *quic.Config) error {
	for {
		conn, err := r.transport.Dial(ctx, next, creds.TLS(false), conf)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			continue
		}
		if r.out, err = conn.OpenStreamSync(ctx); err != nil {
			return err
		}
		_, err = r.out.Write([]byte{1})
		return err
	}
}

// once sends the bytes one place on, and takes as many.
func (r *rawRing) once() error {
	const piece = 128 << 10
	sent := make(chan error, 1)
	go func() {
		buf := make([]byte, piece)
		for range bulkBytes / piece {
			if _, err := r.out.Write(buf); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	buf := make([]byte, piece)
	for range bulkBytes / piece {
		if _, err := io.ReadFull(r.in, buf); err != nil {
			return err
		}
	}
	return <-sent
}

func (r *rawRing) close() {
	_ = r.transport.Close() // the process ends
	_ = r.transport.Conn.Close()
}
