package core

import "testing"

// TestQuietTimersLeadBack: two of four that lack a quorum repeat themselves for ever, and every repetition leads back to a
// state that was there before. Else an explorer would count each as new.
func TestQuietTimersLeadBack(t *testing.T) {
	w := newWorld(t, 4, testConfig(Majority, Automatic, true), newCommBook())
	w.startAll()
	w.crash(0)
	w.crash(1)
	for _, i := range []NodeID{2, 3} {
		w.suspect(i, 0, false)
		w.suspect(i, 1, false)
	}
	seen := map[string]bool{}
	for range 8 {
		for len(w.flight) > 0 {
			w.deliver(w.take(0))
		}
		code := string(w.nodes[3].AppendState(w.nodes[2].AppendState(nil)))
		if seen[code] {
			return
		}
		seen[code] = true
		for _, i := range []NodeID{2, 3} {
			if w.armed[i]>>timerRetransmit&1 != 0 {
				w.fire(i, timerRetransmit)
			}
		}
	}
	t.Error("eight rounds of repetitions gave eight states")
}
