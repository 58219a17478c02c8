package cluster

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"syscall"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/realnet"
	"nexarsim/scenarios"
)

// Spec says what a run needs.
type Spec struct {
	Plan    *Plan
	Command []string                     // a member's process: what calls Serve
	Env     []string                     // added to its environment
	Dir     string                       // an empty directory for what the members record
	Header  func(*trace.Header) error    // takes the header; may be nil
	Observe func(*trace.Event) error     // takes each line of the merged trace, without a verdict
	Logs    io.Writer                    // takes what members log; nil: they log nothing
	Notice  func(node int, epoch uint64) // hears of each install while the run goes on; may be nil
}

// Result is what a run came to.
type Result struct {
	End      int64  // when it ended, by the trace's clock
	Steps    uint64 // inputs of members, and beginnings and ends of acts
	Messages uint64
	Installs uint64
	Unfired  []string      // acts whose moment never came
	Stalls   int           // how often a process had to wait for the machine for so long that the trace shows it as a pause or a slowness
	Longest  time.Duration // of these
	Doubt    string        // the first suspicion of a member that lived; "" if there was none
	Calls    uint64        // that the members' applications were told to make
	Closings []Closing
	waits    map[wait]bool
}

// certificateTime is how long a run's certificates are good for.
const certificateTime = 24 * time.Hour

// launcher runs one cluster.
type launcher struct {
	spec    *Spec
	plan    *Plan
	net     *network
	proxies []*proxy
	all     []*process
	news    chan news
	lines   []trace.Event   // what the launcher has done
	stalls  map[int][]stall // by node, and launched
	fired   []bool          // by act of the plan
	load    *load
	closed  []Closing
	origin  int64
	done    chan struct{}
}

// Run starts the members, performs the acts, ends the members, and merges what they have recorded. When it returns no
// process and no socket of the run is left. A member that fails of itself is an error; what it does otherwise is not.
func Run(ctx context.Context, spec Spec) (*Result, error) {
	l := &launcher{spec: &spec, plan: spec.Plan, net: newNetwork(spec.Plan.World), news: make(chan news), done: make(chan struct{})}
	l.fired = make([]bool, len(spec.Plan.acts))
	own := make(chan []stall, 1)
	over := make(chan struct{})
	go func() {
		var list []stall
		watchStalls(over, func(s stall) { list = append(list, s) })
		own <- list
	}()
	l.load = newLoad(l)
	end, err := l.run(ctx)
	close(over)
	for _, s := range <-own {
		l.stalled(launched, s)
	}
	l.close()
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", spec.Plan.Scenario.Name, err)
	}
	res, err := l.merge(end)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", spec.Plan.Scenario.Name, err)
	}
	res.Calls, res.Closings = l.load.calls, l.closed
	for i, fired := range l.fired {
		if !fired {
			res.Unfired = append(res.Unfired, fmt.Sprintf("%s: %v", spec.Plan.acts[i].where, spec.Plan.acts[i].Kind))
		}
	}
	return res, nil
}

func (l *launcher) run(ctx context.Context) (end int64, err error) {
	if l.all, err = startAll(l.spec, l.news, l.done); err != nil {
		return 0, err
	}
	if err := l.form(ctx); err != nil {
		return 0, err
	}
	if err := l.perform(ctx); err != nil {
		return 0, err
	}
	if err := l.closing(ctx); err != nil {
		return 0, err
	}
	return l.now(), nil
}

// close ends all that is left of the run.
func (l *launcher) close() {
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for {
			select {
			case n := <-l.news:
				_ = l.hear(&n) // how members end is no part of the run
			case <-l.done:
				return
			}
		}
	}()
	var wait sync.WaitGroup
	for _, p := range l.all {
		wait.Go(p.stop)
	}
	wait.Wait()
	for _, p := range l.proxies {
		p.close()
	}
	close(l.done)
	<-drained
}

func (l *launcher) now() int64 { return realnet.Monotonic() - l.origin }

// record is where a member writes.
func (l *launcher) record(node int) string {
	return filepath.Join(l.spec.Dir, fmt.Sprintf("node-%d.jsonl", node))
}

// await takes reports until every member has made the one that is waited for.
func (l *launcher) await(ctx context.Context, what string, take func(node int, r *report) bool) error {
	for left := len(l.all); left > 0; {
		select {
		case n := <-l.news:
			if err := l.hear(&n); err != nil {
				return err
			}
			if n.report != nil && take(n.node, n.report) {
				left--
			}
		case <-ctx.Done():
			return fmt.Errorf("%d members have not %s: %w", left, what, ctx.Err())
		}
	}
	return nil
}

// hear takes what every part of a run wants to know. An error is what a member did wrong as a process.
func (l *launcher) hear(n *news) error {
	p := l.all[n.node]
	if n.report != nil && n.report.Stall != nil {
		l.stalled(n.node, *n.report.Stall)
	}
	switch {
	case n.report != nil && n.report.Fail != "":
		return fmt.Errorf("node %d: %s", n.node, n.report.Fail)
	case n.exited && !p.dead:
		return fmt.Errorf("node %d ended of itself (%v): %s", n.node, n.exit, p.stderr.String())
	}
	return nil
}

// form makes the members a group, and starts all of them with one clock.
func (l *launcher) form(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	hellos := make([]*helloReport, len(l.all))
	err := l.await(ctx, "started", func(node int, r *report) bool {
		hellos[node] = r.Hello
		return r.Hello != nil
	})
	if err != nil {
		return err
	}
	if err := l.join(hellos); err != nil {
		return err
	}
	if err := l.await(ctx, "connected", func(_ int, r *report) bool { return r.Up }); err != nil {
		return err
	}
	if err := l.header(); err != nil {
		return err
	}
	l.origin = realnet.Monotonic()
	for _, p := range l.all {
		p.tell(&order{Start: &l.origin})
	}
	return nil
}

// join gives every member its certificate and the list of members, as it reaches them.
func (l *launcher) join(hellos []*helloReport) error {
	ca, err := realnet.NewAuthority(certificateTime)
	if err != nil {
		return err
	}
	for i, p := range l.all {
		id := l.plan.IDs()[i]
		key, err := x509.ParsePKIXPublicKey(hellos[i].Key)
		if err != nil {
			return fmt.Errorf("node %d: its key: %w", i, err)
		}
		cert, err := ca.Issue(id, key, []net.IP{net.IPv4(127, 0, 0, 1)}, certificateTime)
		if err != nil {
			return err
		}
		members, err := l.members(i, hellos)
		if err != nil {
			return err
		}
		p.tell(&order{Join: &joinOrder{
			Self: id, Members: members, Core: l.plan.Core, Idle: int64(l.plan.Scenario.Network.IdleTimeout),
			Certificate: cert, Authority: ca.Certificate(), Record: l.record(i), Triggers: l.plan.triggers(i), Log: l.spec.Logs != nil,
			Register: l.load.kind == workRegister,
		}})
	}
	return nil
}

// members is the list as one of them sees it: it dials those with lower numbers, by way of a proxy if there is an act on
// links.
func (l *launcher) members(self int, hellos []*helloReport) ([]realnet.Member, error) {
	list := make([]realnet.Member, len(hellos))
	for i, id := range l.plan.IDs() {
		list[i] = realnet.Member{ID: id, Address: loopback(hellos[i].Port).String()}
		if i >= self || !l.plan.links() {
			continue
		}
		p, err := newProxy(l.net, self, i, hellos[self].Port, hellos[i].Port)
		if err != nil {
			return nil, err
		}
		l.proxies = append(l.proxies, p)
		list[i].Address = p.address()
	}
	return list, nil
}

// moment is the beginning or the end of an act.
type moment struct {
	at     time.Duration
	act    int
	begins bool
}

// agenda is the moments that are still to come, and when the run ends if nothing more is added.
type agenda struct {
	moments []moment
	end     time.Duration
	settle  time.Duration
}

func (p *Plan) agenda() *agenda {
	a := &agenda{end: p.Scenario.Duration, settle: p.Scenario.Settle}
	for i := range p.acts {
		if p.acts[i].when == nil {
			a.add(moment{p.acts[i].at, i, true})
		}
	}
	return a
}

// add puts a moment into its place; of two at one time an end comes first. There is quiet time owed after it.
func (a *agenda) add(m moment) {
	a.moments = append(a.moments, m)
	sort.SliceStable(a.moments, func(i, k int) bool {
		x, y := a.moments[i], a.moments[k]
		if x.at != y.at {
			return x.at < y.at
		}
		return !x.begins && y.begins
	})
	a.end = max(a.end, m.at+a.settle)
}

// perform performs the acts, each at its time or when its moment comes, until the run is over.
func (l *launcher) perform(ctx context.Context) error {
	a := l.plan.agenda()
	for {
		until := a.end
		if len(a.moments) > 0 {
			until = a.moments[0].at
		}
		work, works := l.load.next(a.end - a.settle/2)
		if works = works && work < until; works {
			until = work
		}
		triggered, node, err := l.wait(ctx, until)
		switch {
		case err != nil:
			return err
		case triggered >= 0:
			l.begin(a, triggered)
			if p := l.all[node]; !p.dead {
				p.tell(&order{Go: true})
			}
		case works:
			l.load.due()
		case len(a.moments) == 0:
			return nil
		default:
			m := a.moments[0]
			a.moments = a.moments[1:]
			if m.begins {
				l.begin(a, m.act)
			} else {
				l.act(&l.plan.acts[m.act], false)
			}
		}
	}
}

// begin begins an act, and sees to its end.
func (l *launcher) begin(a *agenda, i int) {
	l.fired[i] = true
	now := time.Duration(l.now())
	if dur := l.plan.acts[i].dur; dur > 0 {
		a.add(moment{now + dur, i, false})
	}
	a.end = max(a.end, now+a.settle)
	l.act(&l.plan.acts[i], true)
}

// wait lets the members run until a time, or until a moment comes that an act waits for, at some node.
func (l *launcher) wait(ctx context.Context, until time.Duration) (triggered, node int, err error) {
	timer := time.NewTimer(until - time.Duration(l.now()))
	defer timer.Stop()
	for {
		select {
		case n := <-l.news:
			if err := l.hear(&n); err != nil {
				return -1, 0, err
			}
			switch r := n.report; {
			case r == nil:
			case r.Trigger != nil && *r.Trigger >= 0 && *r.Trigger < len(l.plan.acts):
				return *r.Trigger, n.node, nil
			default:
				l.heard(n.node, r)
			}
		case <-timer.C:
			return -1, 0, nil
		case <-ctx.Done():
			return -1, 0, ctx.Err()
		}
	}
}

// heard takes a report that nobody waits for.
func (l *launcher) heard(node int, r *report) {
	switch {
	case r.Trigger != nil:
		l.all[node].tell(&order{Go: true}) // too late for its act
	case r.Install > 0 && l.spec.Notice != nil:
		l.spec.Notice(node, r.Install)
	case r.Done != nil:
		l.load.ended(node, r.Done)
	}
}

// act begins or ends an act. Its line is dated before the deed, so that no consequence is dated before it.
func (l *launcher) act(a *act, begins bool) {
	switch a.Kind {
	case scenarios.ActCrash:
		for _, node := range a.Nodes {
			l.crash(node, a.Silent)
		}
	case scenarios.ActPause:
		for _, node := range a.Nodes {
			l.pause(node, begins)
		}
	case scenarios.ActHold:
		l.note(lineOf(a.Kind, begins), a)
		for _, node := range a.Nodes {
			l.hold(node, begins)
		}
	case scenarios.ActApp:
		l.note(trace.App, a)
		for _, node := range a.Nodes {
			l.application(node, a.Op)
		}
	default:
		l.note(lineOf(a.Kind, begins), a)
		l.net.apply(&a.Act, begins)
	}
}

// lineOf is the kind of an act's line.
func lineOf(k scenarios.ActKind, begins bool) trace.Kind {
	pick := func(begin, end trace.Kind) trace.Kind {
		if begins {
			return begin
		}
		return end
	}
	switch k {
	case scenarios.ActPartition:
		return pick(trace.Partition, trace.Heal)
	case scenarios.ActCut:
		return pick(trace.Cut, trace.Heal)
	case scenarios.ActSlow:
		return pick(trace.Slow, trace.SlowEnd)
	case scenarios.ActLoss:
		return pick(trace.Loss, trace.LossEnd)
	case scenarios.ActHold:
		return pick(trace.Hold, trace.HoldEnd)
	case scenarios.ActDuplicate:
		return pick(trace.Duplicate, trace.DuplicateEnd)
	default:
		return trace.KindInvalid
	}
}

func (l *launcher) note(kind trace.Kind, a *act) {
	out := trace.Act{Groups: a.Groups, Nodes: a.Nodes, By: int64(a.By), Rate: int64(a.Rate), Op: a.Op}
	for _, link := range a.Links {
		out.Links = append(out.Links, trace.Link(link))
	}
	l.lines = append(l.lines, trace.Event{T: l.now(), Node: -1, Kind: kind, Act: &out})
}

func (l *launcher) noteNode(kind trace.Kind, node int, silent bool) {
	l.lines = append(l.lines, trace.Event{T: l.now(), Node: node, Kind: kind, Silent: silent})
}

// crash kills. A silent death, as by a loss of power, is a process that never runs again and whose sockets stay: so nobody
// is told.
func (l *launcher) crash(node int, silent bool) {
	p := l.all[node]
	if p.dead {
		return
	}
	p.dead = true
	l.noteNode(trace.Crash, node, silent)
	if silent {
		p.signal(syscall.SIGSTOP)
		return
	}
	p.signal(syscall.SIGKILL)
}

func (l *launcher) pause(node int, begins bool) {
	p := l.all[node]
	if p.dead {
		return
	}
	if begins {
		p.pauses++
		if p.pauses == 1 {
			l.noteNode(trace.Pause, node, false)
			p.signal(syscall.SIGSTOP)
		}
		return
	}
	p.pauses--
	if p.pauses == 0 {
		l.noteNode(trace.Resume, node, false)
		p.signal(syscall.SIGCONT)
	}
}

func (l *launcher) application(node int, op string) {
	p := l.all[node]
	if p.dead {
		return
	}
	if letterOf(op) != 0 {
		l.load.call(node, op, l.load.brings(node, op))
		return
	}
	p.left = p.left || op == "shutdown"
	p.tell(&order{Recover: op == "recover", Shutdown: op == "shutdown"})
}

// hold lets a member's application take the lock that its own calls wait for, or give it back.
func (l *launcher) hold(node int, begins bool) {
	p, op := l.all[node], core.CallHold
	if begins {
		p.holds++
	} else {
		p.holds--
		op = core.CallRelease
	}
	if !p.dead {
		l.load.call(node, op.String(), 0)
	}
}

func (l *launcher) header() error {
	if l.spec.Header == nil {
		return nil
	}
	return l.spec.Header(l.plan.Header())
}

// remove takes a member's record away after the merge.
func (l *launcher) remove(node int) { _ = os.Remove(l.record(node)) }
