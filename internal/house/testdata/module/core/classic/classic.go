// Package classic may import core, and nothing beside it.
package classic

import (
	"nexarsim/core"
	"nexarsim/internal/record" // want imports
)

// Change reaches into another package.
func Change() {
	core.Shared = record.Size
	_ = core.ErrStale
}
