package search

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
)

// large adds the rows that take longer than a test should: `make explore` sets it.
var large = flag.Bool("large", false, "explore the small model's large worlds too")

// known is a row of the small model's table.
type known struct {
	world, crashes, suspicions int
	states, transitions        uint64
	depth                      int
	disagree, hang             uint64
	shortest                   int // steps to a disagreement; 0 for none
}

var knownSmall = []known{
	{3, 1, 0, 22, 24, 6, 0, 0, 0},
	{3, 2, 0, 61, 105, 7, 0, 0, 0},
	{4, 1, 0, 77, 116, 10, 0, 0, 0},
	{5, 1, 0, 246, 495, 14, 0, 0, 0},
	{4, 2, 0, 930, 1840, 14, 4, 24, 13},
	{5, 2, 0, 13567, 36334, 21, 45, 161, 18},
	{5, 3, 0, 129935, 394099, 25, 938, 1407, 15},
	{4, 2, 1, 8256, 19049, 15, 42, 268, 13},
	{5, 2, 1, 292754, 845149, 22, 1555, 6347, 14},
}

var knownLarge = []known{
	{6, 2, 0, 183497, 658178, 28, 306, 756, 23},
	{7, 2, 0, 2405232, 11000183, 35, 1540, 3033, 27},
	{6, 3, 0, 9660757, 38486262, 35, 55142, 38530, 20},
}

func (k known) search(t *testing.T, o Options) known {
	t.Helper()
	r, err := Run(context.Background(), func() System[small] { return &smallModel{k.world, k.crashes, k.suspicions} }, o)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Complete() {
		t.Fatalf("stopped: %v", r.Stopped)
	}
	k.states, k.transitions, k.depth = r.States, r.Transitions, r.Depth
	k.disagree, k.hang, k.shortest = r.Found[markDisagree].States, r.Found[markHang].States, r.Found[markDisagree].Steps
	return k
}

// TestSmallModel: the counts of a model that five other explorers agree on.
func TestSmallModel(t *testing.T) {
	rows := slices.Clone(knownSmall)
	if *large {
		rows = append(rows, knownLarge...)
	}
	for _, want := range rows {
		t.Run(fmt.Sprintf("%d,%d,%d", want.world, want.crashes, want.suspicions), func(t *testing.T) {
			if got := want.search(t, Options{Workers: 2}); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}
