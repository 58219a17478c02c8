// Package gate is what stands before a deployment: parts that each look at the protocol in another way, and one report of
// what they found. A part that was not brought to its end says so, and does not pass. It knows no flags and prints
// nothing.
//
//	g := gate.Gate{Parts: gate.Quick(options), Limit: gate.QuickLimit}
//	report := g.Run(ctx)
package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"nexarsim/internal/report"
)

// Part looks at the protocol in one way.
type Part interface {
	// Name is the word by which a part is asked for; several parts may share it.
	Name() string
	// About says what this one looks at.
	About() string
	// Look does so. It comes back soon after the context has ended, and then says Stopped unless it was done.
	Look(ctx context.Context, keep *Shelf) Outcome
}

// idle is a part that mostly waits: two such parts run side by side.
type idle interface{ idle() bool }

// Outcome is what a part has seen.
type Outcome struct {
	Counts   []Count // how much was done, in the order in which it is told
	Findings []Finding
	Stopped  bool     // the context ended before the part did
	Cut      string   // why the part is not whole otherwise; empty if it is
	Notes    []string // what a reader should know and is held against nobody
	Digest   string   // of its runs, if they have one
}

// Count is how many of something.
type Count struct {
	Noun string // singular
	N    uint64
}

// Finding is one thing that keeps a part from passing.
type Finding struct {
	Property string      `json:"property"` // empty if it is the harness that failed, or a run that cannot be repeated
	Code     report.Code `json:"code"`     // Safety, Liveness, Irreplicable or Harness
	Why      string      `json:"why"`
	Command  string      `json:"command"` // shows it again
	File     string      `json:"file"`    // the capsule or trace that keeps it; empty if none was written
}

// failure is the finding that the harness failed.
func failure(err error, command string) Finding {
	return Finding{Code: report.Harness, Why: err.Error(), Command: command}
}

// Gate is the parts in their order.
type Gate struct {
	Parts    []Part
	Keep     *Shelf
	Limit    time.Duration // what all of it may take; 0: as long as it needs
	Progress func(p Part)  // hears of each part before it begins, from one goroutine at a time; may be nil
}

// Result says how a part ended.
type Result string

// How parts end.
const (
	Passed Result = "passed"
	Failed Result = "failed" // it has findings, whole or not
	Cut    Result = "cut"    // nothing was found, but not all was looked at
)

// PartReport is what became of one part.
type PartReport struct {
	Part      string            `json:"part"`
	About     string            `json:"about"`
	Result    Result            `json:"result"`
	Cut       string            `json:"cut,omitempty"`
	Counts    map[string]uint64 `json:"counts"`
	Digest    string            `json:"digest,omitempty"`
	Notes     []string          `json:"notes"`
	Findings  []Finding         `json:"findings"`
	ElapsedMS int64             `json:"elapsed_ms"`

	counts []Count // in the part's own order
}

// Done is the counts in the order in which the part tells them.
func (p *PartReport) Done() []Count { return p.counts }

// Report is the document of a gate.
type Report struct {
	Quick     bool         `json:"quick"`
	Version   string       `json:"version"`
	Passed    bool         `json:"passed"`
	LimitMS   int64        `json:"limit_ms"`
	ElapsedMS int64        `json:"elapsed_ms"`
	LeftOut   []string     `json:"left_out"`
	Parts     []PartReport `json:"parts"`
	Exit      report.Code  `json:"exit"`
}

// Why a part was not whole.
const (
	interrupted   = "interrupted"
	outOfTime     = "the time was over"
	neverBegun    = " before it began"
	nothingToLook = "it had nothing to look at"
)

// errTime is the cause of a context that the gate's own limit has ended.
var errTime = errors.New(outOfTime)

// Run looks at all parts, one after another: each has the machine to itself, but for those that mostly wait. Parts that
// come after the end of the context or of the time are reported as cut.
func (g *Gate) Run(ctx context.Context) *Report {
	r := &Report{LimitMS: g.Limit.Milliseconds(), LeftOut: []string{}, Parts: []PartReport{}}
	start := time.Now()
	if g.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, g.Limit, errTime)
		defer cancel()
	}
	for rest := g.Parts; len(rest) > 0; {
		n := sideBySide(rest)
		r.Parts = append(r.Parts, g.lookAt(ctx, rest[:n])...)
		rest = rest[n:]
	}
	r.ElapsedMS = time.Since(start).Milliseconds()
	r.judge()
	return r
}

// sideBySide is how many of the next parts look at a time: one, or two that mostly wait.
func sideBySide(rest []Part) int {
	for n := range min(2, len(rest)) {
		if i, ok := rest[n].(idle); !ok || !i.idle() {
			return max(n, 1)
		}
	}
	return min(2, len(rest))
}

// lookAt has some parts look side by side.
func (g *Gate) lookAt(ctx context.Context, parts []Part) []PartReport {
	out := make([]PartReport, len(parts))
	var wait sync.WaitGroup
	for i, p := range parts {
		if ctx.Err() != nil {
			out[i] = newPartReport(p, &Outcome{Cut: whyStopped(ctx) + neverBegun})
			continue
		}
		if g.Progress != nil {
			g.Progress(p)
		}
		wait.Go(func() { out[i] = g.look(ctx, p) })
	}
	wait.Wait()
	return out
}

// look has one part look.
func (g *Gate) look(ctx context.Context, p Part) PartReport {
	start := time.Now()
	o := looked(ctx, p, g.Keep)
	switch {
	case o.Stopped:
		o.Cut = whyStopped(ctx)
	case o.Cut == "" && len(o.Counts) == 0 && len(o.Findings) == 0:
		o.Cut = nothingToLook
	}
	d := newPartReport(p, &o)
	d.ElapsedMS = time.Since(start).Milliseconds()
	return d
}

// looked is what a part has seen; its panic is a failure of the harness, and the other parts go on.
func looked(ctx context.Context, p Part, keep *Shelf) (o Outcome) {
	defer func() {
		if r := recover(); r != nil {
			o = Outcome{Findings: []Finding{failure(fmt.Errorf("internal error: %v", r), "nexarsim validate "+p.Name())}}
		}
	}()
	return p.Look(ctx, keep)
}

func whyStopped(ctx context.Context) string {
	if errors.Is(context.Cause(ctx), errTime) {
		return outOfTime
	}
	return interrupted
}

func newPartReport(p Part, o *Outcome) PartReport {
	d := PartReport{
		Part: p.Name(), About: p.About(), Result: Passed, Cut: o.Cut, Counts: map[string]uint64{}, Digest: o.Digest,
		Notes: append([]string{}, o.Notes...), Findings: append([]Finding{}, o.Findings...), counts: o.Counts,
	}
	for _, c := range o.Counts {
		d.Counts[c.Noun+"s"] = c.N
	}
	switch {
	case len(d.Findings) > 0:
		d.Result = Failed
	case d.Cut != "":
		d.Result = Cut
	}
	return d
}

// judge makes one exit code of all parts. What was found stands, whatever was cut; of what was found the worst counts. A
// gate that did not come to its end and found nothing has failed as a harness, unless somebody ended it.
func (r *Report) judge() {
	facts := report.Facts{}
	var safety, liveness, cut, stopped bool
	for i := range r.Parts {
		p := &r.Parts[i]
		cut = cut || p.Result == Cut
		stopped = stopped || p.Cut == interrupted || p.Cut == interrupted+neverBegun
		for _, f := range p.Findings {
			switch f.Code {
			case report.Safety:
				safety = true
			case report.Liveness:
				liveness = true
			case report.Irreplicable:
				facts.Different = true
			default:
				facts.Malformed = true
			}
		}
	}
	r.Exit = facts.Code()
	switch {
	case r.Exit != report.Passed:
	case safety:
		r.Exit = report.Safety
	case liveness:
		r.Exit = report.Liveness
	case stopped:
		r.Exit = report.Interrupted
	case cut, len(r.Parts) == 0:
		r.Exit = report.Harness
	}
	r.Passed = r.Exit == report.Passed
}
