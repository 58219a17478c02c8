package cluster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/scenarios"
)

// Header is the first line of a run's trace.
func (p *Plan) Header() *trace.Header {
	seed := ""
	if p.Seed > 0 {
		seed = fmt.Sprint(p.Seed)
	}
	ids := p.IDs()
	return &trace.Header{
		Source: "quic", Protocol: p.Protocol, World: p.World, Model: p.Scenario.Model.String(), Seed: seed,
		Config: scenarios.ConfigJSON(p.Scenario), Scenario: scenarios.JSON(p.Scenario), CommID: core.RootCommID(ids), NodeIDs: ids,
	}
}

// part is what one of them has recorded: a member, or the launcher itself.
type part struct {
	node  int
	next  func(*trace.Event) error // io.EOF at its end
	head  trace.Event
	over  bool
	seqs  []uint64 // number in the whole of each of its lines so far
	close func()
}

// merger makes one trace of many parts. The order is that of time, then a send before its deliveries, then node and line.
type merger struct {
	parts []*part
	end   int64
	seq   uint64
	sent  map[uint64]uint64 // message id to the line of its send
	out   func(*trace.Event) error
	gone  map[int]bool // who died or was told to leave
	res   Result
}

// merge gives the merged trace, up to the end of the run.
func (l *launcher) merge(end int64) (*Result, error) {
	m := &merger{end: end, sent: make(map[uint64]uint64), gone: make(map[int]bool), out: l.spec.Observe, res: Result{End: end}}
	defer m.close()
	header := l.plan.Header()
	if err := l.lastWords(header, end); err != nil {
		return nil, err
	}
	l.addStalls(end, &m.res)
	m.parts = append(m.parts, eventsPart(l.lines))
	for node := range l.plan.World {
		p, err := filePart(node, l.record(node), header)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was killed before it had done anything
		}
		if err != nil {
			return nil, err
		}
		m.parts = append(m.parts, p)
	}
	if err := m.run(); err != nil {
		return nil, err
	}
	for node := range l.plan.World {
		l.remove(node)
	}
	return &m.res, nil
}

// eventsPart is what the launcher has done itself.
func eventsPart(lines []trace.Event) *part {
	i := 0
	return &part{node: -1, close: func() {}, next: func(ev *trace.Event) error {
		if i == len(lines) {
			return io.EOF
		}
		*ev = lines[i]
		i++
		return nil
	}}
}

func filePart(node int, name string, h *trace.Header) (*part, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	r := trace.NewPartReader(f, name, h)
	return &part{node: node, next: r.Next, close: func() { f.Close() }}, nil
}

// lastLine gives the time of the last line that a member has recorded before the end of the run; -1 if there is none.
func lastLine(node int, name string, h *trace.Header, end int64) (int64, error) {
	p, err := filePart(node, name, h)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return -1, err
	}
	defer p.close()
	last := int64(-1)
	for {
		switch err := p.next(&p.head); err {
		case nil:
			if p.head.T > end {
				return last, nil
			}
			last = p.head.T
		case io.EOF:
			return last, nil
		default:
			return last, err
		}
	}
}

func (m *merger) close() {
	for _, p := range m.parts {
		p.close()
	}
}

func (m *merger) run() error {
	for _, p := range m.parts {
		if err := m.advance(p); err != nil {
			return err
		}
	}
	for {
		p, err := m.first()
		if p == nil || err != nil {
			return err
		}
		if err := m.emit(p); err != nil {
			return err
		}
		if err := m.advance(p); err != nil {
			return err
		}
	}
}

// advance reads a part's next line. What came after the end of the run is no part of it.
func (m *merger) advance(p *part) error {
	err := p.next(&p.head)
	if err == io.EOF {
		p.over = true
		return nil
	}
	if err != nil {
		return err
	}
	p.over = p.head.T > m.end
	return nil
}

// first is the part whose line comes next; nil after the last one. A delivery waits for its send where both are dated the
// same.
func (m *merger) first() (*part, error) {
	var best, waits *part
	for _, p := range m.parts {
		switch {
		case p.over:
		case m.waits(p):
			if waits == nil || p.head.T < waits.head.T {
				waits = p
			}
		case best == nil || p.head.T < best.head.T:
			best = p
		}
	}
	if waits != nil && (best == nil || best.head.T > waits.head.T) {
		return nil, fmt.Errorf("merge: node %d records the delivery of message %d from node %d, which does not record that it sent it",
			waits.node, waits.head.ID, waits.head.From)
	}
	return best, nil
}

func (m *merger) waits(p *part) bool {
	if p.head.Kind != trace.Deliver {
		return false
	}
	_, sent := m.sent[p.head.ID]
	return !sent
}

// emit gives a line its number and its cause in the whole.
func (m *merger) emit(p *part) error {
	ev := &p.head
	m.seq++
	p.seqs = append(p.seqs, m.seq)
	ev.Seq = m.seq
	if ev.Cause > 0 {
		ev.Cause = p.seqs[ev.Cause-1]
	}
	switch ev.Kind {
	case trace.Send:
		m.sent[ev.ID] = m.seq
		m.res.Messages++
	case trace.Deliver:
		ev.Cause = m.sent[ev.ID]
	case trace.Input:
		m.res.Steps++
	case trace.Install:
		m.res.Installs++
	case trace.Crash:
		m.gone[ev.Node] = true
	case trace.App:
		for _, node := range ev.Act.Nodes {
			m.gone[node] = m.gone[node] || ev.Act.Op == "shutdown"
		}
	case trace.Suspect:
		if m.res.Doubt == "" && !m.gone[ev.Peer] {
			m.res.Doubt = fmt.Sprintf("node %d suspected node %d, which lived, at %v", ev.Node, ev.Peer, time.Duration(ev.T).Round(time.Microsecond))
		}
	}
	if ev.Kind.IsAct() {
		m.res.Steps++
	}
	return m.out(ev)
}
