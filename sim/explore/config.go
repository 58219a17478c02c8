package explore

import (
	"fmt"

	"nexarsim/core"
	"nexarsim/sim"
)

// MaxWorld is the largest group that can be explored.
const MaxWorld = 8

// Budget is how often the environment may do what it need not do, in one run.
type Budget struct {
	Crashes         int
	FalseSuspicions int // one node suspects one live peer
	Partitions      int // one split in two, which may heal
	EarlyTimeouts   int // a timer fires while something else could still happen
	Losses          int
	Duplicates      int // a message is delivered and delivered again
}

// Granted names what the environment may do, as the flags of the command are called, and how often.
func (b *Budget) Granted() (names []string, numbers []int) {
	for _, x := range []struct {
		name string
		n    int
	}{
		{"crashes", b.Crashes}, {"false-suspicions", b.FalseSuspicions}, {"partitions", b.Partitions},
		{"early-timeouts", b.EarlyTimeouts}, {"losses", b.Losses}, {"duplicates", b.Duplicates},
	} {
		if x.n > 0 {
			names, numbers = append(names, x.name), append(numbers, x.n)
		}
	}
	return names, numbers
}

// Config is what is explored.
type Config struct {
	Protocol string
	World    int
	Budget

	// LinkTails has a crash lose of what is in flight from the node the last messages of each link, so many of each; if
	// false, the last of all that it has sent. It is more than the latter, and does not ask who was sent to first.
	LinkTails bool
	// Symmetry folds nodes that cannot be told apart: see symmetry.go. It needs LinkTails, and Run turns that on.
	Symmetry bool

	// Make replaces the protocol's own constructor, if it is not nil.
	Make sim.Constructor
	// Plain turns the reductions off that a test compares with.
	Plain Plain
}

// Plain says which reductions are off.
type Plain struct {
	KeepSpent  bool   // messages stay in flight that can do nothing any more
	KeepKinds  uint64 // those of some kinds do: bit k for core.Kind k
	KeepVotes  bool   // a newer vote of a ballot does not replace an older one in flight
	KeepRounds bool   // rounds rise for ever where members outbid each other
	KeepOrder  bool   // the order in which a node sent its messages counts even when it cannot crash any more
	// KeepBeliefs: states differ by all that nodes believe of each other. A search turns it on when it meets nodes that
	// disagree: up to there it makes no difference.
	KeepBeliefs bool
}

// MaxBudget bounds each budget: a count is a byte of the state.
const MaxBudget = 200

// Validate reports what is wrong with c.
func (c *Config) Validate() error {
	if c.World < 1 || c.World > MaxWorld {
		return fmt.Errorf("world %d: explore takes 1 to %d nodes", c.World, MaxWorld)
	}
	for _, b := range []struct {
		name  string
		value int
		most  int
	}{
		{"crashes", c.Crashes, c.World}, {"false suspicions", c.FalseSuspicions, MaxBudget}, {"partitions", c.Partitions, 1},
		{"early timeouts", c.EarlyTimeouts, MaxBudget}, {"losses", c.Losses, MaxBudget}, {"duplicates", c.Duplicates, MaxBudget},
	} {
		if b.value < 0 || b.value > b.most {
			return fmt.Errorf("%s %d: expected 0 to %d", b.name, b.value, b.most)
		}
	}
	if c.streams() && (c.Losses > 0 || c.Duplicates > 0) {
		return fmt.Errorf("%s with losses or duplicates: its messages travel on streams, where none is lost or comes twice: expected 0", c.Protocol)
	}
	if c.streams() && (c.LinkTails || c.Symmetry) {
		return fmt.Errorf("%s with symmetry: its leaders write to one member after another, so that no two are alike: expected none", c.Protocol)
	}
	if c.Make == nil {
		if _, err := sim.Protocol(c.Protocol); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) constructor() (sim.Constructor, error) {
	if c.Make != nil {
		return c.Make, nil
	}
	return sim.Protocol(c.Protocol)
}

// accurate tells whether only crashed nodes are ever suspected.
func (c *Config) accurate() bool { return c.FalseSuspicions == 0 && c.Partitions == 0 }

// streams tells whether the machines live by their connections: one that has closed stays so.
func (c *Config) streams() bool { return sim.Streams(c.Protocol) }

// transport is what messages travel on, as a scenario names it.
func (c *Config) transport() string {
	if c.streams() {
		return "stream"
	}
	return "datagram"
}

// machines makes the nodes.
func (c *Config) machines() ([]core.Machine, error) {
	make1, err := c.constructor()
	if err != nil {
		return nil, err
	}
	cfg := core.DefaultConfig()
	cfg.ExternalDetector = true
	comm := sim.RootID(c.Protocol, nodeIDs(c.World))
	var all []core.Machine
	for id := range c.World {
		m, err := make1(core.Setup{Self: core.NodeID(id), World: c.World, CommID: comm, Config: cfg})
		if err != nil {
			return nil, fmt.Errorf("explore %s: %w", c.Protocol, err)
		}
		all = append(all, m)
	}
	return all, nil
}

func nodeIDs(world int) []string {
	ids := make([]string, world)
	for i := range ids {
		ids[i] = fmt.Sprintf("node-%d", i)
	}
	return ids
}
