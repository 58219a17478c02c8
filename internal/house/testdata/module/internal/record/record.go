// Package record is not public and under no regime.
package record

import "os"

const Size = 2

var opened = 0

func Open() { opened++; go os.Exit(opened) }
