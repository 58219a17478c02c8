package core

import (
	"math"
	wall "time"
)

// Now reads a clock through another name of the package.
func Now() int64 {
	return wall.Now().UnixNano() // want names
}

// Deadline reads none.
func Deadline(now int64) int64 { return now + int64(wall.Minute) + int64(period.Round(wall.Second)) }

const period wall.Duration = 3 * wall.Millisecond

// Parse is no clock, and still not what a machine does.
func Parse(text string) (wall.Duration, error) { return wall.ParseDuration(text) } // want names

// Root of math has constants only.
func Root() int { return int(math.Sqrt(4)) } // want names floats
