package cluster_test

import (
	"bufio"
	"context"
	"crypto"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"nexarsim/realnet"
)

// The floor of a recovery of real processes: the same four message delays (vote, agreement, ack, commit) between the
// survivors, one process each, over one long-lived bidirectional stream for each pair that talks, with nothing around them.
// All are told at one instant, as a death tells them: the kernel ends what they read from.

const (
	floorMessage = 24 // bytes, about those of a vote with its frame
	floorRounds  = 64 // at most, for one set of processes
	floorSample  = 5  // rounds of one sample
	floorWarm    = 2  // of them, to warm up
	floorPipe    = 3  // the first descriptor after the standard ones
)

// floorOrder makes a process part of a floor. Rank 0 coordinates.
type floorOrder struct {
	Rank, Survivors int
	Address         string // of the coordinator, for the others
	Cert, Key       []byte
}

// floorReport is what it says: where it listens, and then when it has installed, by the machine's monotonic clock.
type floorReport struct {
	Address string
	At      int64
}

// floorProcess is what one process of the floor does.
func floorProcess(in io.Reader, out io.Writer) error {
	var o floorOrder
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(o.Cert, o.Key)
	if err != nil {
		return err
	}
	conf := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"floor"}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	say := json.NewEncoder(out)
	tr := &quic.Transport{Conn: socket}
	streams, err := o.connect(tr, conf, func() error { return say.Encode(&floorReport{Address: socket.LocalAddr().String()}) })
	if err != nil {
		return err
	}
	if err := say.Encode(&floorReport{}); err != nil { // connected
		return err
	}
	for i := range floorRounds {
		if err := syscall.SetNonblock(floorPipe+i, true); err != nil {
			return err
		}
		pipe := os.NewFile(uintptr(floorPipe+i), "told")
		if _, err := pipe.Read(make([]byte, 1)); err != io.EOF {
			return err
		}
		pipe.Close()
		at, err := floorRound(streams, o.Rank == 0)
		if err != nil {
			return nil // the others have been ended
		}
		if err := say.Encode(&floorReport{At: at}); err != nil {
			return err
		}
	}
	return nil
}

// connect gives one stream for each peer that this process talks to.
func (o *floorOrder) connect(tr *quic.Transport, conf *tls.Config, listening func() error) ([]*quic.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if o.Rank > 0 {
		addr, err := net.ResolveUDPAddr("udp", o.Address)
		if err != nil {
			return nil, err
		}
		conn, err := tr.Dial(ctx, addr, conf, &quic.Config{MaxIdleTimeout: limit})
		if err != nil {
			return nil, err
		}
		s, err := conn.OpenStreamSync(ctx)
		if err != nil {
			return nil, err
		}
		_, err = s.Write(make([]byte, floorMessage))
		return []*quic.Stream{s}, err
	}
	l, err := tr.Listen(conf, &quic.Config{MaxIdleTimeout: limit})
	if err != nil {
		return nil, err
	}
	if err := listening(); err != nil {
		return nil, err
	}
	var all []*quic.Stream
	for range o.Survivors - 1 {
		conn, err := l.Accept(ctx)
		if err != nil {
			return nil, err
		}
		s, err := conn.AcceptStream(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(s, make([]byte, floorMessage)); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// floorRound goes once through the four delays, and gives the instant of the install.
func floorRound(streams []*quic.Stream, coordinates bool) (int64, error) {
	tell := func() error {
		for _, s := range streams {
			if _, err := s.Write(make([]byte, floorMessage)); err != nil {
				return err
			}
		}
		return nil
	}
	gather := func() error {
		got := make(chan error, len(streams))
		for _, s := range streams {
			go func() {
				_, err := io.ReadFull(s, make([]byte, floorMessage))
				got <- err
			}()
		}
		for range streams {
			if err := <-got; err != nil {
				return err
			}
		}
		return nil
	}
	first, second := tell, gather
	if coordinates {
		first, second = gather, tell
	}
	for range 2 {
		if err := first(); err != nil {
			return 0, err
		}
		if err := second(); err != nil {
			return 0, err
		}
	}
	return realnet.Monotonic(), nil
}

// floor is a set of such processes.
type floor struct {
	told []*os.File // closing one tells all
	all  []floorMember
	next int
}

type floorMember struct {
	cmd *exec.Cmd
	out *json.Decoder
}

func newFloor(b *testing.B, survivors int) *floor {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	ca, err := realnet.NewAuthority(time.Hour)
	must(err)
	creds, err := ca.Credentials("floor", time.Hour)
	must(err)
	key, err := realnet.KeyPEM(creds.Certificate.PrivateKey.(crypto.Signer))
	must(err)
	f := &floor{}
	var ends []*os.File
	for range floorRounds {
		r, w, err := os.Pipe()
		must(err)
		ends, f.told = append(ends, r), append(f.told, w)
	}
	address := ""
	hear := func(m floorMember) *floorReport {
		var r floorReport
		must(m.out.Decode(&r))
		return &r
	}
	for rank := range survivors {
		cmd := again("floor")
		cmd.ExtraFiles = ends
		if survivors > 4*runtime.NumCPU() {
			cmd.Env = append(cmd.Env, "GOMAXPROCS=1") // as the launcher does it
		}
		in, err := cmd.StdinPipe()
		must(err)
		out, err := cmd.StdoutPipe()
		must(err)
		must(cmd.Start())
		m := floorMember{cmd, json.NewDecoder(bufio.NewReader(out))}
		f.all = append(f.all, m)
		must(json.NewEncoder(in).Encode(&floorOrder{rank, survivors, address, realnet.PEM(creds.Certificate.Certificate[0]), key}))
		if rank == 0 {
			address = hear(m).Address
		}
	}
	for _, m := range f.all {
		hear(m) // connected
	}
	for _, r := range ends {
		r.Close()
	}
	return f
}

// round is how long it takes from the instant at which all are told until the last one has installed.
func (f *floor) round(b *testing.B) time.Duration {
	b.Helper()
	if f.next == len(f.told) {
		b.Fatalf("more than %d rounds", floorRounds)
	}
	began := realnet.Monotonic()
	f.told[f.next].Close()
	f.next++
	last := began
	for _, m := range f.all {
		var r floorReport
		if err := m.out.Decode(&r); err != nil {
			b.Fatal(err)
		}
		last = max(last, r.At)
	}
	return time.Duration(last - began)
}

func (f *floor) close() {
	for _, m := range f.all {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
	}
	for _, w := range f.told[f.next:] {
		w.Close()
	}
}

// floorRest is how long the processes are idle before each round, as a group is before a death.
const floorRest = 100 * time.Millisecond

// sample makes a few rounds. The first ones warm the connections.
func (f *floor) sample(b *testing.B) []time.Duration {
	b.Helper()
	var all []time.Duration
	for i := range floorSample {
		time.Sleep(floorRest)
		if d := f.round(b); i >= floorWarm {
			all = append(all, d)
		}
	}
	return all
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
