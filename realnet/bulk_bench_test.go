package realnet_test

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
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

// BenchmarkBulkAllReduce is an all-reduce of 8 MiB of float32 by four members, beside its floor in the same run, in turns:
// each of four endpoints sends 8 MiB to the next one over a stream of raw quic-go. The all-reduce sends 12 MiB from each, so
// below 1.5 nobody can come on a machine whose processors are the limit.
func BenchmarkBulkAllReduce(b *testing.B) {
	ring := newRawRing(b)
	groups := newSetup(b, bulkWorld, patient()).join(b)
	data := make([][]float32, bulkWorld)
	for i := range data {
		data[i] = make([]float32, bulkBytes/4)
	}
	var raw, reduced, rawCPU, reducedCPU []time.Duration
	for b.Loop() {
		start, used := time.Now(), processorTime(b)
		ring.once(b)
		raw, rawCPU = append(raw, time.Since(start)), append(rawCPU, processorTime(b)-used)
		for i := range data {
			for k := range data[i] {
				data[i][k] = float32(i + 1)
			}
		}
		start, used = time.Now(), processorTime(b)
		each(b, groups, func(ctx context.Context, c *realnet.Communicator) error {
			return realnet.AllReduce(ctx, c, data[c.Rank()], comm.Sum)
		})
		reduced, reducedCPU = append(reduced, time.Since(start)), append(reducedCPU, processorTime(b)-used)
		if got := data[3][bulkBytes/4-1]; got != 10 {
			b.Fatalf("the sum is %v: expected 10", got)
		}
	}
	for _, all := range [][]time.Duration{raw, reduced, rawCPU, reducedCPU} {
		slices.Sort(all)
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	n := len(raw)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(raw[n/2]), "raw-p50-ms")
	b.ReportMetric(ms(reduced[n/2]), "allreduce-p50-ms")
	b.ReportMetric(ms(reduced[0]), "allreduce-min-ms")
	b.ReportMetric(ms(reduced[n-1]), "allreduce-max-ms")
	b.ReportMetric(float64(reduced[n/2])/float64(raw[n/2]), "x-raw")
	b.ReportMetric(float64(reducedCPU[n/2])/float64(rawCPU[n/2]), "x-raw-cpu")
}

// processorTime is what this process has used of the processors so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rawRing is endpoints of raw quic-go, each with a stream to the next one.
type rawRing struct{ out, in []*quic.Stream }

func newRawRing(b *testing.B) *rawRing {
	b.Helper()
	ca, err := realnet.NewAuthority(time.Hour)
	must(b, err)
	creds, err := ca.Credentials("ring", time.Hour)
	must(b, err)
	conf := &quic.Config{MaxIdleTimeout: time.Hour, KeepAlivePeriod: time.Second}
	var transports []*quic.Transport
	var listeners []*quic.Listener
	for range bulkWorld {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		must(b, err)
		t := &quic.Transport{Conn: socket}
		l, err := t.Listen(creds.TLS(true), conf)
		must(b, err)
		b.Cleanup(func() { t.Close(); socket.Close() })
		transports, listeners = append(transports, t), append(listeners, l)
	}
	r := &rawRing{}
	ctx := context.Background()
	for i, t := range transports {
		next := listeners[(i+1)%bulkWorld]
		conn, err := t.Dial(ctx, next.Addr(), creds.TLS(false), conf)
		must(b, err)
		out, err := conn.OpenStreamSync(ctx)
		must(b, err)
		_, err = out.Write([]byte{1})
		must(b, err)
		other, err := next.Accept(ctx)
		must(b, err)
		in, err := other.AcceptStream(ctx)
		must(b, err)
		_, err = io.ReadFull(in, make([]byte, 1))
		must(b, err)
		r.out, r.in = append(r.out, out), append(r.in, in)
	}
	return r
}

// once sends all bytes one place on.
func (r *rawRing) once(b *testing.B) {
	b.Helper()
	var wait sync.WaitGroup
	errs := make(chan error, 2*bulkWorld)
	const piece = 128 << 10
	for i := range bulkWorld {
		wait.Go(func() {
			buf := make([]byte, piece)
			for range bulkBytes / piece {
				if _, err := r.out[i].Write(buf); err != nil {
					errs <- err
					return
				}
			}
		})
		wait.Go(func() {
			buf := make([]byte, piece)
			for range bulkBytes / piece {
				if _, err := io.ReadFull(r.in[i], buf); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wait.Wait()
	select {
	case err := <-errs:
		b.Fatal(err)
	default:
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
