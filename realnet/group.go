package realnet

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"nexarsim/core"
)

// ErrClosed is what a call on a closed group gets.
var ErrClosed = errors.New("realnet: the group is closed")

// EndError says how a member's part in the group ended.
type EndError struct {
	Why  core.EndWhy
	Text string
}

// Error names the end.
func (e *EndError) Error() string {
	text := "realnet: the orchestrator ended: " + e.Why.String()
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// Group is one member's part in a group of processes. All methods may be called from any goroutine.
type Group struct {
	cfg         Config
	self        core.NodeID
	log         *slog.Logger
	codec       *codec
	incarnation uint64
	net         *transport
	driver      *driver
	counters    counters

	mail   chan mail       // the recovery protocol's, and what connections do
	load   chan mail       // the application's and its machine's: taken when there is no other
	ctx    context.Context // until Close
	cancel context.CancelFunc
	wait   sync.WaitGroup

	bulkMax   atomic.Int64 // the largest buffer that a call has brought
	events    *eventLog
	told      *Events
	view      atomic.Pointer[core.View]
	connected chan struct{} // closed when every member has a connection to every other one
	parted    chan struct{} // closed when every connected member has heard that this one leaves
	ended     chan struct{} // closed when the orchestrator has ended
	reason    error         // valid once ended is closed
	connect   sync.Once
	closing   sync.Once
	closed    chan struct{} // closed when nothing of the group runs any more
}

// Join forms the group: it waits until every member is there and connected, and starts. The context bounds the waiting.
func Join(ctx context.Context, cfg Config) (*Group, error) {
	g, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if err := g.Connect(ctx); err != nil {
		g.Close()
		return nil, err
	}
	if err := g.Start(Monotonic()); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// New makes a member and opens its sockets. Nothing is sent or answered before Connect. The error says everything that is
// wrong with the configuration.
func New(cfg Config) (*Group, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("make group: %w", err)
	}
	m, err := cfg.machine()
	if err != nil {
		return nil, fmt.Errorf("make group: %w", err)
	}
	code, err := newCodec()
	if err != nil {
		return nil, fmt.Errorf("make group: %w", err)
	}
	var drawn [8]byte
	if _, err := rand.Read(drawn[:]); err != nil {
		return nil, fmt.Errorf("make group: %w", err)
	}
	g := &Group{
		cfg: cfg, self: cfg.self(), log: cfg.logger(), codec: code, incarnation: binary.BigEndian.Uint64(drawn[:]) | 1,
		mail: make(chan mail, mailMax), load: make(chan mail, mailMax), events: newEventLog(),
		connected: make(chan struct{}), parted: make(chan struct{}), ended: make(chan struct{}), closed: make(chan struct{}),
	}
	g.told = g.events.subscribe()
	first := core.FirstView(len(cfg.Members), cfg.commID())
	g.view.Store(&first)
	g.driver = newDriver(g, m)
	if g.net, err = newTransport(g); err != nil {
		return nil, fmt.Errorf("make group: %w", err)
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g, nil
}

// Record makes the group write what happens as lines of a trace, each step's before its effects are performed, from the
// start on. It is called before Connect.
func (g *Group) Record(w io.Writer) {
	g.driver.rec = newRecorder(w, len(g.cfg.Members), g.self, g.driver.machine.KindName)
}

// Connect waits until every member has a connection to every other one.
func (g *Group) Connect(ctx context.Context) error {
	g.connect.Do(func() {
		g.goDo(g.driver.run)
		g.net.start()
	})
	select {
	case <-g.connected:
		return nil
	case <-g.ended:
		return g.reason
	case <-g.ctx.Done():
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("connect: %w: %s", ctx.Err(), g.net.missing())
	}
}

// Start gives the machine its first input. Its instants, and the times of a record, count from origin, a reading of
// Monotonic. It is called after Connect.
func (g *Group) Start(origin int64) error {
	return g.post(mail{kind: mailStart, number: uint64(origin)})
}

// Events is what the group tells its application, from the start on. It is one subscription, however often it is asked
// for; see Subscribe.
func (g *Group) Events() *Events { return g.told }

// Subscribe is another subscription, to what is told from now on.
func (g *Group) Subscribe() *Events { return g.events.subscribe() }

// View is the view that is in place. An event is told after its view is.
func (g *Group) View() core.View { return *g.view.Load() }

// Self is this member's number.
func (g *Group) Self() core.NodeID { return g.self }

// Rank is this member's rank in the view that is in place, core.NoRank if it is not in it.
func (g *Group) Rank() core.Rank { return g.View().Rank(g.self) }

// Recover lets the group install the decision of the current epoch here (policy manual), and waits until it is installed.
func (g *Group) Recover(ctx context.Context) error {
	d, err := g.Call(ctx, core.Input{Call: core.CallRecover})
	if err == nil && d.Err != "" {
		err = errors.New(d.Err)
	}
	return err
}

// Call makes a call of the application to the machine and waits for its end: what in.Call names, with whatever else of the
// input that call takes. Kind and ID are the group's to set. A machine answers a call that it does not offer with an error
// in Done. A call that the context ends goes on in the machine; nobody hears how it ends.
func (g *Group) Call(ctx context.Context, in core.Input) (core.Done, error) {
	w, err := g.begin(in, nil)
	if err != nil {
		return core.Done{}, err
	}
	a, err := w.wait(ctx)
	return a.done, err
}

// answer is how a call ended.
type answer struct {
	done     core.Done
	stale    bool          // it was made on a communicator of a view that is gone, and nobody was asked
	elements []byte        // of a bulk operation: its buffer; read only
	members  []core.NodeID // of the communicator that a split has made
}

// waiting is a call that has been made.
type waiting struct {
	g  *Group
	to chan answer
}

// begin makes a call. elements is the buffer of a bulk operation, and the group's from now on.
func (g *Group) begin(in core.Input, elements []byte) (waiting, error) {
	w := waiting{g, make(chan answer, 1)}
	return w, g.post(mail{kind: mailCall, in: in, answer: w.to, elements: elements})
}

func (w waiting) wait(ctx context.Context) (answer, error) {
	select {
	case a := <-w.to:
		return a, nil
	case <-ctx.Done():
		return answer{}, ctx.Err()
	case <-w.g.ctx.Done():
		return answer{}, ErrClosed
	}
}

// Ended is closed when this member's orchestrator has ended; Err says how. An excluded member goes on answering those
// that have missed the decision, until Close.
func (g *Group) Ended() <-chan struct{} { return g.ended }

// Err is an *EndError after the orchestrator ended, and nil before.
func (g *Group) Err() error {
	select {
	case <-g.ended:
		return g.reason
	default:
		return nil
	}
}

// partingTime is how long a shutdown waits for members that do not answer.
const partingTime = time.Second

// Shutdown ends this member's part in the group, tells the other members, and closes the group. It waits for no member
// longer than a second.
func (g *Group) Shutdown(ctx context.Context) error {
	defer g.Close()
	if err := g.post(mail{kind: mailShutdown}); err != nil {
		return err
	}
	timer := time.NewTimer(partingTime)
	defer timer.Stop()
	select {
	case <-g.parted:
	case <-timer.C:
	case <-ctx.Done():
	case <-g.ctx.Done():
	}
	return nil
}

// Close closes the group at once, as if the process had died, and waits until nothing of it runs any more.
func (g *Group) Close() {
	g.closing.Do(func() {
		g.cancel()
		g.connect.Do(func() { close(g.driver.stopped) }) // a driver that never ran has nothing to stop
		<-g.driver.stopped
		g.net.close()
		g.wait.Wait()
		g.events.close()
		close(g.closed)
	})
	<-g.closed
}

// goDo runs f on a goroutine that Close waits for.
func (g *Group) goDo(f func()) {
	g.wait.Add(1)
	go func() {
		defer g.wait.Done()
		f()
	}()
}

// post puts something into the driver's mailbox. It waits while that is full: so the sender of too much is slowed down.
func (g *Group) post(m mail) error {
	if g.ctx.Err() != nil {
		return ErrClosed // also where there is still room in the mailbox
	}
	to := g.mail
	if m.kind == mailCall || m.kind == mailMessage && classOf(m.in.Msg.Kind) != classCritical {
		to = g.load
	}
	select {
	case to <- m:
		return nil
	case <-g.ctx.Done():
		return ErrClosed
	case <-g.driver.stopped:
		return ErrClosed
	}
}
