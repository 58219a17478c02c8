package core

// EventLog keeps events until every subscriber has read them, so that none is lost to a slow one: a subscriber owns a
// cursor, and the log drops only what all cursors have passed. An orchestrator tells at most one event for each view and
// a few for each suspicion, so the log stays small unless a subscriber stops reading for good: then it should Close. The
// zero value is ready. It has no lock: one owner, like a Node.
type EventLog struct {
	base    uint64 // number of the first event kept
	events  []Event
	cursors []*Cursor
}

// Cursor is one subscriber's place in an EventLog.
type Cursor struct {
	log  *EventLog
	next uint64
}

// Subscribe starts at the next event to come.
func (l *EventLog) Subscribe() *Cursor {
	c := &Cursor{log: l, next: l.base + uint64(len(l.events))}
	l.cursors = append(l.cursors, c)
	return c
}

// Append adds an event for everybody who has subscribed.
func (l *EventLog) Append(e Event) {
	if len(l.cursors) == 0 {
		l.base++
		return
	}
	l.events = append(l.events, e)
}

// Len is how many events are kept for the slowest subscriber.
func (l *EventLog) Len() int { return len(l.events) }

// Next is the subscriber's next event; false if there is none yet or the cursor is closed.
func (c *Cursor) Next() (Event, bool) {
	l := c.log
	if l == nil || c.next == l.base+uint64(len(l.events)) {
		return Event{}, false
	}
	e := l.events[c.next-l.base]
	c.next++
	l.trim()
	return e, true
}

// Close ends the subscription.
func (c *Cursor) Close() {
	l := c.log
	if l == nil {
		return
	}
	c.log = nil
	for i, o := range l.cursors {
		if o == c {
			l.cursors = append(l.cursors[:i], l.cursors[i+1:]...)
			break
		}
	}
	l.trim()
}

// trim drops what every cursor has passed.
func (l *EventLog) trim() {
	low := l.base + uint64(len(l.events))
	for _, c := range l.cursors {
		low = min(low, c.next)
	}
	if n := low - l.base; n > 0 {
		l.events = append(l.events[:0], l.events[n:]...)
		l.base = low
	}
}
