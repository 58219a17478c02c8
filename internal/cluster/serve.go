package cluster

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"nexarsim/core"
	"nexarsim/realnet"
)

// orderMax bounds a line of orders.
const orderMax = 16 << 20

// connectTime is how long a group may take to form on a busy machine.
const connectTime = 2 * time.Minute

// server is a member's process.
type server struct {
	mu      sync.Mutex // of out: events are reported beside answers
	out     *json.Encoder
	logs    io.Writer
	socket  *net.UDPConn
	key     ed25519.PrivateKey
	group   *realnet.Group
	app     *application
	stop    context.CancelFunc // of the application's calls
	file    *os.File
	proceed chan struct{} // an act that a trigger set off was done
	ended   chan struct{} // closed when the process is to end
	wait    sync.WaitGroup
}

// Serve is what the process of a launched member does: it takes orders until one of them, or the end of the input, ends it.
// It makes its own private key, which never leaves the process. The error is a failure of this process, not of the group.
func Serve(in io.Reader, out, logs io.Writer) error {
	s := &server{out: json.NewEncoder(out), logs: logs, proceed: make(chan struct{}, 1), ended: make(chan struct{})}
	if err := s.hello(); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	defer s.close()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, orderMax)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return fmt.Errorf("serve: an order: %w", err)
		}
		if o.Stop {
			return nil
		}
		if err := s.obey(&o); err != nil {
			s.report(&report{Fail: err.Error()})
			return fmt.Errorf("serve: %w", err)
		}
	}
	return nil
}

func (s *server) close() {
	close(s.ended)
	if s.group != nil {
		s.stop()
		s.group.Close()
		s.app.wait.Wait()
	}
	if s.socket != nil {
		s.socket.Close()
	}
	s.wait.Wait()
	if s.file != nil {
		s.file.Close()
	}
}

func (s *server) report(r *report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.out.Encode(r) // a launcher that is gone ends this process by the end of its input
}

func (s *server) hello() error {
	socket, err := listenLoopback()
	if err != nil {
		return err
	}
	s.socket = socket
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	s.key = private
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return err
	}
	s.report(&report{Hello: &helloReport{Port: uint16(socket.LocalAddr().(*net.UDPAddr).Port), Key: der}})
	return nil
}

func (s *server) obey(o *order) error {
	switch {
	case o.Join != nil:
		return s.join(o.Join)
	case s.group == nil:
		return errors.New("an order before the group is known")
	case o.Go:
		s.proceed <- struct{}{}
	case o.Start != nil:
		return s.group.Start(*o.Start)
	case o.Recover:
		s.wait.Go(func() { _ = s.group.Recover(context.Background()) }) // how it went stands in the record
	case o.Call != nil:
		s.app.call(o.Call)
	case o.State:
		s.report(&report{State: s.app.state()})
	case o.Closing != nil:
		s.app.closing(o.Closing)
	case o.Shutdown:
		s.wait.Go(func() { _ = s.group.Shutdown(context.Background()) })
	}
	return nil
}

func (s *server) join(j *joinOrder) error {
	creds, err := realnet.NewCredentials(j.Certificate, s.key, j.Authority)
	if err != nil {
		return err
	}
	cfg := realnet.Config{
		Self: j.Self, Members: j.Members, Core: j.Core, Credentials: creds, Socket: s.socket, Idle: time.Duration(j.Idle),
		QlogTrace: os.Getenv("QLOGDIR") != "",
	}
	cfg.Machine = realnet.Stacked
	if j.Register {
		cfg.Machine = realnet.Registered
	}
	if len(j.Triggers) > 0 {
		names, err := cfg.Machine(core.Setup{World: 1, Config: j.Core}) // for what it calls its messages
		if err != nil {
			return err
		}
		w := &watcher{triggers: j.Triggers, names: names.KindName, strike: s.strike}
		cfg.Watch = w.look
	}
	if j.Log {
		cfg.Logger = slog.New(slog.NewTextHandler(s.logs, nil)).With("node", j.Self)
	}
	if s.group, err = realnet.New(cfg); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.app = &application{group: s.group, report: s.report, ctx: ctx}
	if s.file, err = os.OpenFile(j.Record, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	stalled := func(found stall) { s.report(&report{Stall: &found}) }
	s.group.Record(&stallWriter{s.file, stalled})
	s.wait.Go(func() { watchStalls(s.ended, stalled) })
	s.wait.Go(s.follow)
	s.wait.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), connectTime)
		defer cancel()
		switch err := s.group.Connect(ctx); {
		case err == nil:
			s.report(&report{Up: true})
		case !errors.Is(err, realnet.ErrClosed):
			s.report(&report{Fail: err.Error()})
		}
	})
	return nil
}

// strike reports that an act's moment has come, and keeps the machine there until the act was done.
func (s *server) strike(act int) {
	s.report(&report{Trigger: &act})
	select {
	case <-s.proceed:
	case <-s.ended:
	}
}

// follow reports installs.
func (s *server) follow() {
	for {
		ev, err := s.group.Events().Next(context.Background())
		if err != nil {
			return
		}
		if ev.Kind == core.EventRecovered {
			s.report(&report{Install: uint64(ev.Epoch)})
		}
	}
}
