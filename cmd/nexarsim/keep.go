package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"nexarsim/checker/trace"
	"nexarsim/internal/report"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
)

// keeper makes a capsule of each cause that a sweep has found, the shortest run of it made again and shrunk, and writes
// those that differ.
type keeper struct {
	doc     *report.Sweep
	sources map[string]source
	dir     string
	jobs    []keepJob
	done    func()
}

// keepJob is one cause of one finding.
type keepJob struct {
	finding *report.Finding
	cause   *report.Cause
	small   *capsule.Capsule // nil: not made, as somebody interrupted
	err     error
}

// newKeeper lists what is to be kept. done is called once for each.
func newKeeper(doc *report.Sweep, sources []source, dir string) *keeper {
	k := &keeper{doc: doc, sources: map[string]source{}, dir: dir, done: func() {}}
	for _, s := range sources {
		k.sources[s.Name] = s
	}
	for i := range doc.Violations {
		f := &doc.Violations[i]
		for c := range f.Causes {
			k.jobs = append(k.jobs, keepJob{finding: f, cause: &f.Causes[c]})
		}
	}
	k.jobs = fewest(k.jobs)
	return k
}

// mostAlike bounds how many findings of one protocol, property and sentence are shrunk: where a bug strikes in every
// scenario, the shortest runs are enough to tell its causes apart.
const mostAlike = 12

// fewest leaves of the findings that are told alike the shortest, in their order.
func fewest(jobs []keepJob) []keepJob {
	place := make([]int, len(jobs))
	for i := range place {
		place[i] = i
	}
	slices.SortStableFunc(place, func(a, b int) int { return cmp.Compare(jobs[a].cause.Steps, jobs[b].cause.Steps) })
	seen := map[string]int{}
	keep := make([]bool, len(jobs))
	for _, i := range place {
		alike := jobs[i].finding.Protocol + "\n" + jobs[i].finding.Property + "\n" + jobs[i].cause.Cause
		seen[alike]++
		keep[i] = seen[alike] <= mostAlike
	}
	var out []keepJob
	for i := range jobs {
		if keep[i] {
			out = append(out, jobs[i])
		}
	}
	return out
}

// keep shrinks over all processors, and then writes: which file is whose does not depend on who was first.
func (k *keeper) keep(ctx context.Context, workers int) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(workers, len(k.jobs)) {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(k.jobs) || ctx.Err() != nil {
					return
				}
				k.jobs[i].make(ctx, k.sources)
				k.done()
			}
		})
	}
	wait.Wait()
	return k.write()
}

// make makes one capsule. An interruption leaves it as small as it has become.
func (j *keepJob) make(ctx context.Context, sources map[string]source) {
	f := j.finding
	defer func() {
		if p := recover(); p != nil {
			j.err = &sim.HarnessError{Scenario: f.Scenario, Protocol: f.Protocol, Panic: fmt.Sprint(p), Stack: debug.Stack()}
		}
	}()
	seed, err := strconv.ParseUint(j.cause.Seed, 10, 64)
	if err != nil {
		j.err = err
		return
	}
	spec := sim.Spec{Scenario: sources[f.Scenario].Scenario, Protocol: f.Protocol, Seed: seed}
	whole, _, err := sim.New().Record(spec, f.Property)
	if err != nil {
		j.err = err
		return
	}
	whole.FoundBy = capsule.Origin{Command: "sweep", Version: versionName()}
	j.small, err = sim.Shrink(ctx, sim.ShrinkSpec{Capsule: whole})
	if err != nil && !errors.Is(err, context.Canceled) {
		j.err = &errHarness{err: fmt.Errorf("capsule of %s %s seed %d, %s: %w", f.Scenario, f.Protocol, seed, f.Property, err)}
	}
}

// write writes each capsule that is not like one before it.
func (k *keeper) write() error {
	files := map[string]string{} // by what the capsule is like
	taken := map[string]int{}
	for i := range k.jobs {
		j := &k.jobs[i]
		if j.err != nil {
			return j.err
		}
		if j.small == nil {
			continue
		}
		like := likeness(j.small)
		name, known := files[like]
		if !known {
			base := fileName(j.finding.Scenario + "-" + j.finding.Protocol + "-" + j.finding.Property)
			taken[base]++
			if n := taken[base]; n > 1 {
				base += "-" + strconv.Itoa(n)
			}
			name = filepath.Join(k.dir, base+".json")
			if err := writeCapsule(name, j.small); err != nil {
				return err
			}
			files[like] = name
		}
		j.cause.Capsule = name
		if j.cause.Seed == j.finding.Seed {
			j.finding.Capsule = name
		}
	}
	return nil
}

// likeness is what capsules of one cause have in common: the property, the shape of its sentence, and the kinds of
// decisions, whoever and whenever they are about.
func likeness(c *capsule.Capsule) string {
	var all []string
	for i := range c.Decisions {
		d := &c.Decisions[i]
		switch {
		case d.Kind != capsule.Act:
			all = append(all, fmt.Sprint(d.Kind, d.Message, d.Lost, d.Twice))
		case d.Fault.When != nil:
			all = append(all, fmt.Sprint(d.Fault.Act.Kind, d.Fault.Act.Op, d.Fault.When.Kind, d.Fault.When.Message))
		default:
			all = append(all, fmt.Sprint(d.Fault.Act.Kind, d.Fault.Act.Op))
		}
	}
	slices.Sort(all)
	shape := ""
	if i := slices.IndexFunc(c.Violations, func(v trace.Violation) bool { return v.Property == c.Property }); i >= 0 {
		shape = sim.Shape(c.Violations[i].Why)
	}
	return c.Protocol + "\n" + c.Property + "\n" + shape + "\n" + strings.Join(all, "\n")
}

// writeCapsule writes a file that appears whole or not at all.
func writeCapsule(name string, c *capsule.Capsule) error {
	out, err := createFile(name)
	if err != nil {
		return err
	}
	defer out.Discard()
	if err := capsule.Write(out, c); err != nil {
		return &errHarness{err: err}
	}
	return out.Commit()
}
