package cluster

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"time"

	"nexarsim/core"
	"nexarsim/scenarios"
)

// WorldMax is the largest cluster that is started on one machine.
const WorldMax = 64

// latencyMax is what the judge of a real run takes for the longest delay of a message on this machine: one that is busy
// with other things may well keep a process waiting for so long.
const latencyMax = 200 * time.Millisecond

// Refusal lists what a scenario asks for and a real cluster does not do.
type Refusal struct {
	Scenario string
	Why      []string
}

// Error names each.
func (r *Refusal) Error() string {
	return fmt.Sprintf("scenario %s has no real counterpart: %s", r.Scenario, strings.Join(r.Why, "; "))
}

// Plan is a scenario made ready for real processes: a world, a protocol, and acts in the order of their times.
type Plan struct {
	Scenario *scenarios.Scenario // with the network of a real run
	World    int
	Protocol string
	Seed     uint64
	Core     core.Config
	Drawn    []string // what was drawn from the seed
	acts     []act
}

// act is one act of a run, with the time of its beginning and its duration; 0: to the end.
type act struct {
	scenarios.Act
	where string
	when  *scenarios.Trigger // nil: it begins at a time
	at    time.Duration
	dur   time.Duration
}

// NewPlan makes a plan, or refuses by name what the scenario asks for that real processes cannot show. World 0 leaves the
// number to the scenario, and to the seed where it gives a range.
func NewPlan(sc *scenarios.Scenario, world int, protocol string, seed uint64) (*Plan, error) {
	p := &Plan{World: world, Protocol: protocol, Seed: seed}
	dice := rand.New(rand.NewPCG(seed, seed))
	if world == 0 {
		p.World = sc.World.Min + dice.IntN(sc.World.Max-sc.World.Min+1)
		if sc.World.Max > sc.World.Min {
			p.Drawn = append(p.Drawn, fmt.Sprint("world ", p.World))
		}
	}
	var why []string
	if p.World > WorldMax {
		why = append(why, fmt.Sprintf("a world of %d: expected at most %d", p.World, WorldMax))
	}
	why = append(why, refuseSettings(sc)...)
	for i := range sc.Faults {
		why = append(why, p.fault(&sc.Faults[i], i, dice)...)
	}
	if len(why) > 0 {
		return nil, &Refusal{sc.Name, why}
	}
	sort.SliceStable(p.acts, func(i, k int) bool { return p.acts[i].at < p.acts[k].at })
	real1 := *sc
	real1.Network.Transport, real1.Network.Reorder = "stream", false
	real1.Network.Latency = scenarios.Latency{Kind: scenarios.Uniform, Min: 0, Max: latencyMax}
	p.Scenario = &real1
	return p, p.configure()
}

func (p *Plan) configure() error {
	c := core.DefaultConfig()
	policy, err := core.ParsePolicy(p.Scenario.Config.Policy)
	if err != nil {
		return fmt.Errorf("scenario %s: config.%w", p.Scenario.Name, err)
	}
	c.Policy = policy
	c.HeartbeatInterval, c.HeartbeatTimeout = p.Scenario.Config.HeartbeatInterval, p.Scenario.Config.HeartbeatTimeout
	c.RecoveryTimeout = p.Scenario.Config.RecoveryTimeout
	switch p.Protocol {
	case "quorum":
		c.Rule = core.Majority
	case "fail-stop":
		c.Rule = core.FailStop
	default:
		return &Refusal{p.Scenario.Name, []string{"protocol " + p.Protocol + ": a cluster runs quorum or fail-stop"}}
	}
	p.Core = c
	if err := c.Validate(); err != nil {
		return fmt.Errorf("scenario %s: config: %w", p.Scenario.Name, err)
	}
	return nil
}

// refuseSettings names what real links do not take from a scenario.
func refuseSettings(sc *scenarios.Scenario) (why []string) {
	n := &sc.Network
	if n.Transport == "datagram" {
		why = append(why, "network.transport datagram: members talk over streams")
	}
	if n.Latency.Kind != scenarios.Uniform || n.Latency.Max > latencyMax {
		why = append(why, "network.latency: it is what this machine gives; use slow")
	}
	if n.Loss > 0 || n.Duplicate > 0 {
		why = append(why, "network.loss, network.duplicate: use the acts loss and duplicate")
	}
	if n.IdleTimeout < sc.Config.HeartbeatTimeout {
		why = append(why, "network.idle_timeout: expected at least config.heartbeat_timeout")
	}
	if sc.Model == scenarios.CrashStop {
		why = append(why, "model crash-stop: a real detector may err")
	}
	return why
}

func (p *Plan) fault(f *scenarios.Fault, i int, dice *rand.Rand) (why []string) {
	where := fmt.Sprintf("faults[%d]", i)
	if f.Random != nil {
		return p.random(f.Random, where, dice)
	}
	if text := refuseAct(&f.Act); text != "" {
		return []string{where + ": " + text}
	}
	p.acts = append(p.acts, act{f.Act, where, f.When, f.At, f.For})
	return nil
}

func refuseAct(a *scenarios.Act) string {
	switch a.Kind {
	case scenarios.ActSuspect:
		return "suspect: a real member suspects whom it does not hear; use cut"
	case scenarios.ActSkew:
		return "skew: all members have this machine's clock"
	case scenarios.ActNone, scenarios.ActHold, scenarios.ActApp, scenarios.ActCrash, scenarios.ActPartition, scenarios.ActCut, scenarios.ActPause, scenarios.ActSlow,
		scenarios.ActLoss, scenarios.ActDuplicate:
	}
	return ""
}

// lastMax bounds how long a drawn act lasts.
const lastMax = 30 * time.Second

// random draws acts. The same seed draws the same ones, though not the ones that the simulator draws.
func (p *Plan) random(r *scenarios.Random, where string, dice *rand.Rand) (why []string) {
	if r.Suspicions.Max > 0 {
		return []string{where + ".random.suspicions: a real member suspects whom it does not hear; use cuts"}
	}
	in := func(g scenarios.Range) int { return g.Min + dice.IntN(g.Max-g.Min+1) }
	add := func(a scenarios.Act, lasts bool) {
		at := r.BetweenMin + time.Duration(dice.Int64N(int64(r.BetweenMax-r.BetweenMin)+1))
		var dur time.Duration
		if lasts {
			longest := min(lastMax, max(2*time.Second, r.BetweenMax-r.BetweenMin))
			dur = time.Second + time.Duration(dice.Int64N(int64(longest-time.Second)))
		}
		p.acts = append(p.acts, act{a, where, nil, at, dur})
		p.Drawn = append(p.Drawn, p.acts[len(p.acts)-1].describe())
	}
	for _, id := range dice.Perm(p.World)[:min(in(r.Crashes), p.World)] {
		add(scenarios.Act{Kind: scenarios.ActCrash, Nodes: []int{id}, Silent: dice.IntN(2) == 1}, false)
	}
	if p.World < 2 {
		return nil
	}
	for range in(r.Partitions) {
		all := dice.Perm(p.World)
		at := 1 + dice.IntN(p.World-1)
		slices.Sort(all[:at])
		slices.Sort(all[at:])
		add(scenarios.Act{Kind: scenarios.ActPartition, Groups: [][]int{all[:at], all[at:]}}, true)
	}
	for range in(r.Cuts) {
		pair := dice.Perm(p.World)
		add(scenarios.Act{Kind: scenarios.ActCut, Links: []scenarios.Link{{From: pair[0], To: pair[1]}}}, true)
	}
	for range in(r.Pauses) {
		add(scenarios.Act{Kind: scenarios.ActPause, Nodes: []int{dice.IntN(p.World)}}, true)
	}
	return nil
}

// describe tells an act in a few words.
func (a *act) describe() string {
	text := fmt.Sprintf("%s: at %v %v", a.where, a.at.Round(time.Millisecond), a.Kind)
	switch {
	case len(a.Nodes) > 0:
		text += fmt.Sprint(" ", a.Nodes)
	case len(a.Groups) > 0:
		text += fmt.Sprint(" ", a.Groups)
	case len(a.Links) > 0:
		text += fmt.Sprint(" ", a.Links)
	}
	if a.dur > 0 {
		text += fmt.Sprintf(" for %v", a.dur.Round(time.Millisecond))
	}
	return text
}

// triggers are those that a member watches for.
func (p *Plan) triggers(node int) []trigger {
	var all []trigger
	for i := range p.acts {
		if t := p.acts[i].when; t != nil && t.Node == node {
			all = append(all, trigger{*t, i})
		}
	}
	return all
}

// links tells whether packets have to go through the launcher: only acts on links need that.
func (p *Plan) links() bool {
	return slices.ContainsFunc(p.acts, func(a act) bool {
		switch a.Kind {
		case scenarios.ActPartition, scenarios.ActCut, scenarios.ActSlow, scenarios.ActLoss, scenarios.ActDuplicate:
			return true
		default:
			return false
		}
	})
}

// Accurate tells whether nothing in the plan makes a member suspect one that lives: deaths, and what applications do. Where
// one is suspected all the same, the machine did it.
func (p *Plan) Accurate() bool {
	return !p.links() && !slices.ContainsFunc(p.acts, func(a act) bool { return a.Kind == scenarios.ActPause })
}

// IDs names the members.
func (p *Plan) IDs() []string {
	ids := make([]string, p.World)
	for i := range ids {
		ids[i] = fmt.Sprint("node-", i)
	}
	return ids
}
