package sim

import (
	"context"
	"math/rand" // want imports
	"os"
	"sync"
	"time"
)

var pool sync.Pool // want globals

// Sweep runs whole runs side by side.
func Sweep(ctx context.Context) time.Duration {
	start := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() { os.Exit(rand.Int()) })
	go Run()
	<-ctx.Done()
	return time.Since(start)
}
