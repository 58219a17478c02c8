//go:build !linux

package realnet

import "time"

// Monotonic reads the machine's clock, in nanoseconds: the same one for all its processes. Where there is no portable
// monotonic clock of the machine it is the time of day, which somebody may set.
func Monotonic() int64 { return time.Now().UnixNano() }
