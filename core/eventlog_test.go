package core

import (
	"testing"

	"pgregory.net/rapid"
)

// TestEventLogTwin: every subscriber reads every event since it subscribed, once and in order, however slow it is, and the
// log keeps no more than the slowest one has yet to read.
func TestEventLogTwin(t *testing.T) {
	type reader struct {
		cursor *Cursor
		next   int // in all
	}
	rapid.Check(t, func(t *rapid.T) {
		var log EventLog
		all := 0
		var open, closed []*reader
		pick := func(t *rapid.T) int {
			if len(open) == 0 {
				open = append(open, &reader{log.Subscribe(), all})
			}
			return rapid.IntRange(0, len(open)-1).Draw(t, "reader")
		}
		read := func(t *rapid.T, r *reader) bool {
			e, ok := r.cursor.Next()
			if ok != (r.next < all) || ok && e.Epoch != Epoch(r.next) {
				t.Fatalf("a reader at %d of %d gets %v, %v", r.next, all, e.Epoch, ok)
			}
			if ok {
				r.next++
			}
			return ok
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "events") {
					log.Append(Event{Epoch: Epoch(all)})
					all++
				}
			},
			"subscribe": func(*rapid.T) { open = append(open, &reader{log.Subscribe(), all}) },
			"read":      func(t *rapid.T) { read(t, open[pick(t)]) },
			"read all": func(t *rapid.T) {
				for r := open[pick(t)]; read(t, r); {
				}
			},
			"close": func(t *rapid.T) {
				i := pick(t)
				open[i].cursor.Close()
				closed = append(closed, open[i])
				open = append(open[:i], open[i+1:]...)
			},
			"": func(t *rapid.T) {
				kept := 0
				for _, r := range open {
					kept = max(kept, all-r.next)
				}
				if log.Len() != kept {
					t.Fatalf("%d events are kept; the slowest reader lacks %d", log.Len(), kept)
				}
				for _, r := range closed {
					if e, ok := r.cursor.Next(); ok {
						t.Fatalf("a closed cursor gets %v", e)
					}
					r.cursor.Close()
				}
			},
		})
	})
}
