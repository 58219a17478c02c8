package realnet

import (
	"time"

	"golang.org/x/sys/unix"
)

// Monotonic reads the machine's clock, in nanoseconds: the same one for all its processes, which no clock setting moves
// and which goes on while a process is stopped.
func Monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return time.Now().UnixNano() // no Linux lacks that clock
	}
	return ts.Nano()
}
