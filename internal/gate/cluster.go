package gate

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/internal/cluster"
	"nexarsim/internal/report"
	"nexarsim/internal/trial"
	"nexarsim/scenarios"
)

// Member says how a process is started that is a member of a real group.
type Member struct {
	Command []string
	Env     []string
}

// clusterPart runs real processes, and judges what they recorded: the properties, and each core fed its inputs again.
type clusterPart struct {
	scenario *scenarios.Scenario
	protocol string
	seed     uint64
	member   Member
}

// Name is `cluster`.
func (c *clusterPart) Name() string { return "cluster" }

func (c *clusterPart) idle() bool { return true }

// About names the scenario and the protocol.
func (c *clusterPart) About() string {
	text := c.scenario.Name + ", " + c.protocol
	if w := c.scenario.World; w.Min == w.Max {
		return text + fmt.Sprintf(", %d members", w.Min)
	}
	return text + fmt.Sprintf(", seed %d", c.seed)
}

// again is the command that makes other runs of the sort: no two real runs are the same.
const clusterAgain = "nexarsim validate cluster"

// Look makes the run and judges it.
func (c *clusterPart) Look(ctx context.Context, keep *Shelf) Outcome {
	broken := func(err error) Outcome {
		if ctx.Err() != nil {
			return Outcome{Stopped: true}
		}
		return Outcome{Findings: []Finding{failure(err, clusterAgain)}}
	}
	plan, err := cluster.NewPlan(c.scenario, 0, c.protocol, c.seed)
	if err != nil {
		return broken(err)
	}
	r := &realRun{plan: plan}
	if err := r.make(ctx, c.member); err != nil {
		return broken(err)
	}
	if err := r.judge(); err != nil {
		return broken(err)
	}
	return c.outcome(r, keep)
}

// realRun is one real run: what was recorded, with the verdict as its last line, and what was found.
type realRun struct {
	plan    *cluster.Plan
	res     *cluster.Result
	merged  bytes.Buffer
	trace   bytes.Buffer
	verdict checker.Verdict
	inputs  uint64
}

// make has the members run.
func (r *realRun) make(ctx context.Context, m Member) error {
	dir, err := os.MkdirTemp("", "nexarsim-gate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w := trace.NewWriter(&r.merged)
	r.res, err = cluster.Run(ctx, cluster.Spec{Plan: r.plan, Command: m.Command, Env: m.Env, Dir: dir, Header: w.WriteHeader, Observe: w.Write})
	if err != nil {
		return err
	}
	return w.Flush()
}

// judge reads what was recorded, as `check` would, and writes it again with its verdict.
func (r *realRun) judge() error {
	t, err := trial.Judge(&r.merged, "merged trace", r.res, &r.trace, nil)
	if err == nil {
		r.verdict, r.inputs = t.Verdict, t.Inputs
	}
	return err
}

// outcome tells what the judges found. What a run leaves open is a part that was cut.
func (c *clusterPart) outcome(r *realRun, keep *Shelf) Outcome {
	o := Outcome{Counts: []Count{{"input", r.inputs}, {"message", r.res.Messages}, {"install", r.res.Installs}}}
	if len(r.plan.Drawn) > 0 {
		o.Notes = append(o.Notes, "drawn from seed "+strconv.FormatUint(r.plan.Seed, 10)+": "+strings.Join(r.plan.Drawn, "; "))
	}
	for _, text := range r.verdict.Malformed {
		o.Findings = append(o.Findings, Finding{Code: report.Harness, Why: c.About() + ": the record contradicts itself: " + text})
	}
	if r.machineAtFault() {
		o.Cut = "undecided: " + r.res.Doubt + "; fail-stop assumes that this never happens, and the machine made it happen"
		r.verdict.Violations = nil
	}
	seen := map[string]bool{}
	for i := range r.verdict.Violations {
		v := &r.verdict.Violations[i]
		f := Finding{Property: v.Property, Code: report.Safety, Why: fmt.Sprintf("%s, at %v: %s", c.About(), time.Duration(v.T).Round(time.Microsecond), v.Why)}
		if checker.IsLiveness(v) {
			f.Code = report.Liveness
		}
		if key := fmt.Sprint(f.Property, f.Code); !seen[key] {
			seen[key] = true
			o.Findings = append(o.Findings, f)
		}
	}
	for _, v := range r.res.Closings {
		if v.Owed && !v.Right {
			why := fmt.Sprintf("%s, at the end: epoch %d of members %v does not compute: %s", c.About(), v.Epoch, v.Members, v.Why)
			o.Findings = append(o.Findings, Finding{Property: checker.Collective, Code: report.Safety, Why: why, Command: clusterAgain})
		}
	}
	var open []string
	for _, u := range r.verdict.Undecided {
		open = append(open, u.Property+": "+u.Why)
	}
	if len(open) > 0 && o.Cut == "" {
		o.Cut = "left open: " + strings.Join(open, "; ")
	}
	for _, text := range r.res.Unfired {
		o.Notes = append(o.Notes, "never came: "+text)
	}
	c.keep(r, &o, keep)
	return o
}

// machineAtFault tells whether the machine was so busy that live members of a fail-stop group suspected each other: what
// follows from that is held against nobody, and nothing was shown.
func (r *realRun) machineAtFault() bool {
	return r.plan.Protocol == "fail-stop" && r.res.Doubt != "" && r.plan.Accurate() && len(r.verdict.Violations) > 0
}

// keep writes the trace, if somebody wants it or if it shows something: it cannot be made again.
func (c *clusterPart) keep(r *realRun, o *Outcome, keep *Shelf) {
	if len(o.Findings) == 0 && !keep.chosenByUser() {
		return
	}
	name, err := keep.put(fmt.Sprintf("cluster-%s-%s-%d", c.scenario.Name, c.protocol, c.seed), ".jsonl", r.trace.Bytes())
	if err != nil {
		o.Findings = append(o.Findings, failure(err, clusterAgain))
	}
	for i := range o.Findings {
		f := &o.Findings[i]
		f.File = name
		if f.Command != "" {
			continue // the trace alone does not show it
		}
		f.Command = clusterAgain
		if name != "" {
			f.Command = "nexarsim check " + report.Quote(name)
		}
	}
}
