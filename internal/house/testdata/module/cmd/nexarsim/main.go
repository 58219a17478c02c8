// Command nexarsim may import everything.
package main

import (
	"nexarsim/core"
	"nexarsim/internal/record"
	"nexarsim/sim"
)

func main() { core.Touch("a"); record.Open(); sim.Double() }
