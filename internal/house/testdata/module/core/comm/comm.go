// Package comm does not compile.
package comm

import "nexarsim/core"

var _ int = "text" // want types

// Members is fine.
func Members() error { return core.ErrStale }
