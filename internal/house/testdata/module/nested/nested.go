package nested

import "nexarsim/core"

var _ = core.ErrStale
