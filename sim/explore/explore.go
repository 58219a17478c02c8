package explore

import (
	"context"

	"nexarsim/sim/explore/search"
)

// Run explores.
func Run(ctx context.Context, c Config, o search.Options) (*search.Result, error) {
	make1, err := newWorlds(&c)
	if err != nil {
		return nil, err
	}
	return search.Run(ctx, func() search.System[State] { return make1() }, o)
}
