package cluster_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"nexarsim/checker/trace"
	"nexarsim/internal/cluster"
	"nexarsim/scenarios"
)

var (
	runsFlag     = flag.Int("runs", 4, "how many drawn runs TestDrawnRuns makes; with 100 or more each situation must have been reached")
	seedFlag     = flag.Uint64("seed", 1, "the seed of the first drawn run")
	togetherFlag = flag.Int("together", 4, "how many drawn runs go on at a time")
)

// longForm is the number of runs from which on every situation must have been reached.
const longForm = 100

// drawnRun is one run of what a seed draws, and what came of it.
type drawnRun struct {
	seed     uint64
	protocol string
	dir      string // kept if the run failed
	ran      *ran
	err      error
	hit      map[string]bool
	took     time.Duration
}

// makeDrawn makes a run. Its directory holds the scenario, and the trace with its verdict.
func makeDrawn(seed uint64) *drawnRun {
	d := &drawnRun{seed: seed}
	start := time.Now()
	d.err = d.make()
	d.took = time.Since(start)
	return d
}

func (d *drawnRun) make() (err error) {
	var text []byte
	text, d.protocol = cluster.Draw(d.seed)
	if d.dir, err = os.MkdirTemp("", fmt.Sprintf("nexarsim-drawn-%d-", d.seed)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "scenario.yaml"), text, 0o666); err != nil {
		return err
	}
	sc, err := scenarios.Parse("drawn", text)
	if err != nil {
		return err
	}
	plan, err := cluster.NewPlan(sc, 0, d.protocol, d.seed)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var merged bytes.Buffer
	w := trace.NewWriter(&merged)
	reached := newReach(d.protocol)
	res, err := cluster.Run(ctx, cluster.Spec{
		Plan: plan, Command: []string{os.Args[0]}, Env: []string{role + "=member"}, Dir: d.dir, Header: w.WriteHeader,
		Observe: func(ev *trace.Event) error {
			reached.observe(ev)
			return w.Write(ev)
		},
	})
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return err
	}
	d.hit = reached.hit
	for _, c := range res.Closings {
		if c.Owed && c.Right && c.Epoch > 0 {
			d.hit[reachClosed] = true
		}
	}
	if d.ran, err = judgeTrace(res, merged.Bytes()); err != nil {
		return err
	}
	last := trace.Event{T: res.End, Node: -1, Kind: trace.Verdict, Violations: append(d.ran.verdict.Violations, d.ran.cores...), Digest: "0000000000000000", Steps: res.Steps, Installs: res.Installs}
	if err := w.Write(&last); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, "trace.jsonl"), merged.Bytes(), 0o666)
}

// faults is what is wrong with a run.
func (d *drawnRun) faults() (list []string) {
	if d.err != nil {
		return []string{d.err.Error()}
	}
	for _, m := range d.ran.verdict.Malformed {
		list = append(list, "malformed: "+m)
	}
	for _, v := range append(d.ran.verdict.Violations, d.ran.cores...) {
		list = append(list, fmt.Sprintf("violated %s at %v: %s", v.Property, time.Duration(v.T), v.Why))
	}
	for _, c := range d.ran.res.Closings {
		if c.Owed && !c.Right {
			list = append(list, fmt.Sprintf("epoch %d, members %v: the barrier and the all-reduce of the end: %s", c.Epoch, c.Members, c.Why))
		}
	}
	return list
}

// outside tells why a run is none of those that have to pass: fail-stop promises nothing where a live member was
// suspected, and no drawn act does that; then the machine did.
func (d *drawnRun) outside() string {
	if d.err == nil && d.protocol == "fail-stop" && d.ran.res.Doubt != "" {
		return d.ran.res.Doubt + ", and fail-stop assumes that nobody does"
	}
	return ""
}

// undecided tells what the run leaves open that it should have decided: recovery is judged wherever the machine kept up.
func (d *drawnRun) undecided() string {
	if why := d.outside(); why != "" {
		return why
	}
	if d.err == nil {
		for _, u := range d.ran.verdict.Undecided {
			if u.Property == "recovery" {
				return u.Why
			}
		}
	}
	return ""
}

// again is how to see it again.
func (d *drawnRun) again() string {
	return fmt.Sprintf("go test ./internal/cluster -count=1 -run DrawnRuns -runs 1 -seed %d\n\tnexarsim cluster %s/scenario.yaml --protocol %s\n\tnexarsim check %s/trace.jsonl",
		d.seed, d.dir, d.protocol, d.dir)
}

// TestDrawnRuns makes runs that seeds draw: real processes that are killed, stopped and cut off at random. Each passes
// every property, conformance included.
func TestDrawnRuns(t *testing.T) {
	t.Parallel()
	runs := make([]*drawnRun, *runsFlag)
	var wait sync.WaitGroup
	slots := make(chan struct{}, *togetherFlag)
	for i := range runs {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			runs[i] = makeDrawn(*seedFlag + uint64(i))
		})
	}
	wait.Wait()
	hits := map[string]int{}
	for _, k := range allReach {
		hits[k] = 0
	}
	open, stalls := 0, 0
	unjudged := map[string]int{}
	for _, d := range runs {
		if d.ran != nil {
			stalls += d.ran.res.Stalls
			for _, u := range d.ran.verdict.Undecided {
				unjudged[u.Property]++
			}
		}
		for k := range d.hit {
			hits[k]++
		}
		undecided := d.undecided()
		switch list := d.faults(); {
		case d.outside() == "" && len(list) > 0:
			t.Errorf("seed %d (%s): %s\n\t%s", d.seed, d.protocol, strings.Join(list, "\n\t"), d.again())
			continue
		case undecided != "":
			open++
			t.Logf("seed %d (%s) is undecided: %s", d.seed, d.protocol, undecided)
		}
		if d.ran != nil {
			t.Logf("seed %d: %s, %d installs, %d messages, %d stalls (longest %v), %v", d.seed, d.protocol, d.ran.res.Installs, d.ran.res.Messages,
				d.ran.res.Stalls, d.ran.res.Longest.Round(time.Millisecond), d.took.Round(time.Millisecond))
		}
		os.RemoveAll(d.dir)
	}
	t.Logf("of %d runs, %d undecided; left open, in how many: %v; %d stalls; reached, in how many:\n%s", len(runs), open, unjudged, stalls, reachText(hits))
	if 10*open > len(runs) {
		t.Errorf("%d of %d runs are undecided: expected at most a tenth; is the machine very busy?", open, len(runs))
	}
	if len(runs) < longForm {
		return
	}
	for k, n := range hits {
		if n == 0 {
			t.Errorf("in none of %d runs %s", len(runs), k)
		}
	}
}
