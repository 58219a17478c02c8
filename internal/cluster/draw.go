package cluster

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Draw makes a scenario for real processes from a seed: 3 to 8 members, what they compute, and a few episodes of kills, stops, cuts and delays
// that may overlap, each a situation in which recoveries are known to go wrong. The same seed draws the same scenario.
//
// Under quorum anything goes. Under fail-stop only what leaves its assumption true that nobody suspects a live member:
// kills, stops and delays that are far shorter than the heartbeat timeout, and no cuts.
func Draw(seed uint64) (text []byte, protocol string) {
	d := &drawer{dice: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), protocol: "quorum", at: 300 * time.Millisecond}
	config, settle := "heartbeat_interval: 200ms, heartbeat_timeout: 1500ms, recovery_timeout: 5s", 7*time.Second
	if d.dice.IntN(3) == 0 {
		config = "heartbeat_interval: 100ms, heartbeat_timeout: 500ms, recovery_timeout: 5s" // a busy machine makes suspicions of its own
	}
	idle := "30s"
	if d.dice.IntN(2) == 0 {
		idle = "2500ms" // longer stops and cuts end connections, and lose what was under way
	}
	if d.dice.IntN(4) == 0 {
		d.protocol, idle = "fail-stop", "30s"
		config, settle = "heartbeat_interval: 200ms, heartbeat_timeout: 5s, recovery_timeout: 8s", 10*time.Second
	}
	world := 3 + d.dice.IntN(6)
	for n := range world {
		d.alive = append(d.alive, n)
	}
	d.kills = world - 1
	if d.protocol == "quorum" {
		d.kills = (world - 1) / 2
	}
	work := []string{"barrier: {every: 200ms}", "allreduce: {every: 100ms}", "register: {clients: 2, every: 100ms}"}[d.dice.IntN(3)]
	for range 1 + d.dice.IntN(4) {
		d.episode()
		d.at += d.between(200*time.Millisecond, 1500*time.Millisecond)
	}
	return fmt.Appendf(nil, "name: drawn-%d\nabout: Drawn from seed %d.\nworld: %d\nprotocol: %s\nconfig: {%s}\nnetwork: {idle_timeout: %s}\nduration: 1s\nsettle: %v\nworkload: {%s}\nfaults:\n%s",
		seed, seed, world, d.protocol, config, idle, settle, work, strings.Join(d.faults, "")), d.protocol
}

// drawer draws one scenario.
type drawer struct {
	dice     *rand.Rand
	protocol string
	alive    []int // who is not to die, so far
	kills    int   // how many more may
	at       time.Duration
	faults   []string
}

func (d *drawer) add(format string, args ...any) {
	d.faults = append(d.faults, fmt.Sprintf("  - {"+format+"}\n", args...))
}

func (d *drawer) between(low, high time.Duration) time.Duration {
	return (low + time.Duration(d.dice.Int64N(int64(high-low)))).Round(time.Millisecond)
}

// someone is one who is not to die.
func (d *drawer) someone() int { return d.alive[d.dice.IntN(len(d.alive))] }

// doomed takes one out of those who are not to die; false if that are too few already.
func (d *drawer) doomed(pick int) (node int, ok bool) {
	if d.kills == 0 || len(d.alive) < 2 {
		return 0, false
	}
	d.kills--
	node = d.alive[pick]
	d.alive = slices.Delete(d.alive, pick, pick+1)
	return node, true
}

// pair is two of those who are not to die.
func (d *drawer) pair() (a, b int) {
	p := d.dice.Perm(len(d.alive))
	return d.alive[p[0]], d.alive[p[1]]
}

func (d *drawer) episode() {
	all := []func(){d.kill, d.cascade, d.leader, d.leader, d.stop, d.slow}
	if d.protocol == "quorum" {
		all = append(all, d.sleeper, d.oneWay, d.partition, d.partition, d.lossy, d.mostDie)
	} else {
		all = append(all, d.allButOne)
	}
	all[d.dice.IntN(len(all))]()
}

// kill kills one, or stops it for good.
func (d *drawer) kill() {
	if node, ok := d.doomed(d.dice.IntN(len(d.alive))); ok {
		d.add("at: %v, crash: [%d], silent: %v", d.at, node, d.dice.IntN(3) == 0)
	}
}

// cascade kills a second one when somebody has noticed the death of the first.
func (d *drawer) cascade() {
	first, ok := d.doomed(d.dice.IntN(len(d.alive)))
	if !ok {
		return
	}
	d.add("at: %v, crash: [%d]", d.at, first)
	if second, ok := d.doomed(d.dice.IntN(len(d.alive))); ok {
		d.add("when: {node: %d, suspects: %d}, crash: [%d]", d.someone(), first, second)
	}
}

// leader kills one, and then the one that leads the agreement about it, in the middle of that.
func (d *drawer) leader() {
	if len(d.alive) < 3 {
		return
	}
	first, ok := d.doomed(1 + d.dice.IntN(len(d.alive)-1))
	if !ok {
		return
	}
	if lead, ok := d.doomed(0); ok {
		moments := []string{"receives: vote", "sends: agreement", "sends: agreement, nth: 2", "receives: ack", "sends: commit"}
		d.add("when: {node: %d, %s}, crash: [%d]", lead, moments[d.dice.IntN(len(moments))], lead)
	}
	d.add("at: %v, crash: [%d]", d.at, first)
}

// stop stops one for less than the heartbeat timeout.
func (d *drawer) stop() {
	d.add("at: %v, pause: [%d], for: %v", d.at, d.someone(), d.between(100*time.Millisecond, time.Second))
}

// slow delays what one sends and gets.
func (d *drawer) slow() {
	d.add("at: %v, slow: {nodes: [%d], by: %v}, for: %v", d.at, d.someone(), d.between(time.Millisecond, 30*time.Millisecond), d.between(time.Second, 3*time.Second))
}

// sleeper stops one for longer than the heartbeat timeout.
func (d *drawer) sleeper() {
	d.add("at: %v, pause: [%d], for: %v", d.at, d.someone(), d.between(3*time.Second, 5*time.Second))
}

// oneWay cuts one direction of a link.
func (d *drawer) oneWay() {
	if len(d.alive) < 2 {
		return
	}
	a, b := d.pair()
	d.add("at: %v, cut: [{from: %d, to: %d}], for: %v", d.at, a, b, d.between(time.Second, 4*time.Second))
}

// partition cuts some off from the rest, or a link in both directions.
func (d *drawer) partition() {
	long := d.between(2*time.Second, 5*time.Second)
	if len(d.alive) >= 2 && d.dice.IntN(3) == 0 {
		a, b := d.pair()
		d.add("at: %v, cut: [{from: %d, to: %d}, {from: %d, to: %d}], for: %v", d.at, a, b, b, a, long)
		return
	}
	some := d.dice.Perm(len(d.alive))[:(len(d.alive)+1)/2]
	var sides [2][]string
	for i, n := range d.alive {
		side := 0
		if slices.Contains(some, i) {
			side = 1
		}
		sides[side] = append(sides[side], fmt.Sprint(n))
	}
	if len(sides[0]) == 0 {
		return
	}
	d.add("at: %v, partition: [[%s], [%s]], for: %v", d.at, strings.Join(sides[0], ", "), strings.Join(sides[1], ", "), long)
}

// lossy loses and doubles packets of one link, in both directions.
func (d *drawer) lossy() {
	if len(d.alive) < 2 {
		return
	}
	a, b := d.pair()
	kind := []string{"loss", "duplicate"}[d.dice.IntN(2)]
	d.add("at: %v, %s: 0.%d, links: [{from: %d, to: %d}, {from: %d, to: %d}], for: %v", d.at, kind, 1+d.dice.IntN(4), a, b, b, a, d.between(time.Second, 3*time.Second))
}

// allButOne kills one after the other until one is left.
func (d *drawer) allButOne() {
	for {
		node, ok := d.doomed(d.dice.IntN(len(d.alive)))
		if !ok {
			return
		}
		d.add("at: %v, crash: [%d]", d.at, node)
		d.at += d.between(time.Millisecond, 500*time.Millisecond)
	}
}

// mostDie kills so many that the rest are no quorum.
func (d *drawer) mostDie() {
	if d.dice.IntN(2) == 0 {
		d.oneWay()
		return
	}
	d.kills = len(d.alive)
	var all []string
	for range len(d.alive)/2 + 1 {
		if node, ok := d.doomed(d.dice.IntN(len(d.alive))); ok {
			all = append(all, fmt.Sprint(node))
		}
	}
	d.kills = 0
	if len(all) > 0 {
		d.add("at: %v, crash: [%s]", d.at, strings.Join(all, ", "))
	}
}
