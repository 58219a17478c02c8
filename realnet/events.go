package realnet

import (
	"context"
	"sync"

	"nexarsim/core"
)

// Events is one subscriber's view of what a group tells its application. None is lost, however slowly it reads.
type Events struct {
	log    *eventLog
	cursor *core.Cursor
}

// Next waits for the next event. After the group was closed and all was read it gives ErrClosed.
func (e *Events) Next(ctx context.Context) (core.Event, error) {
	for {
		ev, ok, changed, closed := e.log.next(e.cursor)
		switch {
		case ok:
			return ev, nil
		case closed:
			return core.Event{}, ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return core.Event{}, ctx.Err()
		}
	}
}

// Close ends the subscription, so that nothing is kept for it any more.
func (e *Events) Close() {
	e.log.mu.Lock()
	defer e.log.mu.Unlock()
	e.cursor.Close()
}

// eventLog is a core.EventLog that several goroutines share.
type eventLog struct {
	mu      sync.Mutex
	log     core.EventLog
	changed chan struct{} // closed at each change
	closed  bool
}

func newEventLog() *eventLog { return &eventLog{changed: make(chan struct{})} }

func (l *eventLog) subscribe() *Events {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Events{l, l.log.Subscribe()}
}

func (l *eventLog) append(e core.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log.Append(e)
	l.wake()
}

func (l *eventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wake()
}

func (l *eventLog) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *eventLog) next(c *core.Cursor) (e core.Event, ok bool, changed <-chan struct{}, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok = c.Next()
	return e, ok, l.changed, l.closed
}
