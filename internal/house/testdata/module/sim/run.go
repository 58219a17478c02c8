// Package sim has files with rules of their own.
package sim

import (
	"os"   // want imports
	"sync" // want imports
	"time"

	"nexarsim/core"
	"nexarsim/netsim"
)

// Run is one run.
func Run() time.Time {
	var mu sync.Mutex
	mu.Lock()
	go os.Exit(0) // want concurrency
	_, _ = core.ErrStale, netsim.Link{}
	return time.Now() // want names
}
