package realnet

import (
	"bufio"
	"errors"
	"io"

	"github.com/quic-go/quic-go"

	"nexarsim/core"
)

// class is a class of traffic. Each has a stream of its own in every connection, so that none waits behind another.
type class uint8

const (
	classCritical class = iota // the recovery protocol
	classRealtime              // control data of an application's machine
	classBulk                  // its elements
	classes
)

// urgency is the priority of each class's stream: lower ones go first.
var urgency = [classes]int8{0, 3, 6}

// protocolKinds is how many message kinds belong to the recovery protocol.
const protocolKinds = 32

func classOf(k core.Kind) class {
	if k < protocolKinds {
		return classCritical
	}
	return classRealtime
}

// The codes with which a connection is closed.
const (
	codeClosed   quic.ApplicationErrorCode = iota + 1 // the group was closed
	codeReplaced                                      // there is a newer connection
	codeDead                                          // the peer is known to be dead
	codeRefused                                       // the peer did not prove that it belongs here
	codeProtocol                                      // the peer sent what no member sends
	codeBusy                                          // too many strangers at once
)

// link is a connection whose both ends have proved who they are.
type link struct {
	g       *Group
	peer    core.NodeID
	conn    *quic.Conn
	streams [classes]*quic.Stream
	bulk    *bulkOut
}

// send queues a frame or fails; it never waits. How much can be queued for a peer that does not read is bounded by the
// window that this side's own configuration gives every member.
func (l *link) send(c class, frame []byte) error { return l.streams[c].TryWriteAll(frame) }

func sendFault(err error) string {
	if errors.Is(err, quic.ErrWouldBlock) {
		return "the peer does not read"
	}
	return "the connection has ended"
}

func (l *link) close(code quic.ApplicationErrorCode) { _ = l.conn.CloseWithError(code, "") }

// run reads until the connection ends.
func (l *link) run() {
	l.bulk = newBulkOut(l)
	if l.g.post(mail{kind: mailUp, link: l}) != nil {
		l.close(codeClosed)
		return
	}
	l.g.goDo(func() { l.end(l.read(l.streams[classRealtime])) })
	l.g.goDo(func() { l.end(l.readBulk(l.streams[classBulk])) })
	l.g.goDo(func() { l.end(l.bulk.run()) })
	err := l.read(l.streams[classCritical])
	l.end(err)
	l.g.log.Info("connection ended", "peer", l.g.cfg.Members[l.peer].ID, "err", err)
	_ = l.g.post(mail{kind: mailDown, link: l}) // after Close nobody wants to know
}

// end closes the connection after one of its streams has ended.
func (l *link) end(err error) {
	var wrong *errWire
	if errors.As(err, &wrong) {
		l.g.net.complain("a member sent what no member sends", l.g.cfg.Members[l.peer].ID, "", err)
		l.close(codeProtocol)
		return
	}
	l.close(codeClosed)
}

// readBuffer is small: each connection has one for each class.
const readBuffer = 4 << 10

func (l *link) read(s *quic.Stream) error {
	return eachFrame(s, func(_ *bufio.Reader, data []byte) error { return l.take(data) })
}

// eachFrame gives the frames of a stream to take, one after another, until one of the two fails. take may read what follows
// a frame; the frame is valid until it returns.
func eachFrame(s *quic.Stream, take func(in *bufio.Reader, data []byte) error) error {
	in := bufio.NewReaderSize(s, readBuffer)
	var buf []byte
	for {
		data, err := readFrame(in, &buf)
		if err != nil {
			return err
		}
		if err := take(in, data); err != nil {
			return err
		}
	}
}

func (l *link) take(data []byte) error {
	var p packet
	if err := l.g.codec.decode(data, &p); err != nil {
		return err
	}
	m := mail{kind: mailMessage, link: l, in: core.Input{Kind: core.InDeliver, From: l.peer, ID: p.ID}}
	switch {
	case p.Control >= controlCount:
		return wireError("control %d", p.Control)
	case p.Bulk > 0:
		return wireError("%d bytes of elements announced where none travel", p.Bulk)
	case p.Control == controlOpen:
		return nil
	case p.Control != controlNone:
		m.kind, m.number = mailControl, uint64(p.Control)
	default:
		if err := p.unpack(len(l.g.cfg.Members), &m.in.Msg); err != nil {
			return err
		}
	}
	if err := l.g.post(m); err != nil {
		return io.EOF
	}
	return nil
}
