package netsim

import "testing"

// least always takes the least latency and lets nothing happen by chance.
type least struct{}

func (least) Decide(Key, Lane, uint64) uint64 { return 0 }

// Nothing of an old connection arrives on a new one, whichever end had closed.
func TestReopenForgetsBothDirections(t *testing.T) {
	n := New(Config{World: 2, Latency: Uniform(100, 100), Reorder: true}, least{})
	n.Close(10, 0, 1)
	n.Reopen(20, 0, 1)
	for _, l := range []Link{{0, 1}, {1, 0}} {
		if why := n.Arrive(5, l.From, l.To); why != DropClosed {
			t.Errorf("%d->%d: sent before the close: %q, want %q", l.From, l.To, why, DropClosed)
		}
	}
}
