// Package core breaks each rule of a machine once, and keeps it once beside.
package core

import (
	"context" // want imports
	"errors"
	"fmt"
	"hash/fnv"
	"hash/maphash" // want imports
	"io"           // want imports
	"log/slog"     // want imports
	"maps"         // want imports
	"math"
	"math/bits"
	"math/rand/v2" // want imports
	"os"           // want imports
	"sync/atomic"  // want imports
	"time"

	"nexarsim/netsim" // want imports
)

// ErrStale is an error that a caller compares with.
var ErrStale = errors.New("stale")

// Uses mentions every import above.
func Uses() {
	_ = context.Canceled
	_ = fmt.Sprint(fnv.New64a(), bits.Len(1), io.EOF, slog.LevelInfo, rand.Int(), os.Args)
	_ = maps.Keys(map[int]int{}) // want names
	_ = maphash.String
	_ = atomic.AddInt64
	_ = time.Second
	_ = netsim.Link{}
	_ = math.MaxInt64
	fmt.Println() // want names
}
