package gate

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"nexarsim/internal/report"
	"nexarsim/sim/capsule"
	"nexarsim/sim/explore"
	"nexarsim/sim/explore/search"
)

// explorePart goes through every schedule of one small group.
type explorePart struct {
	config    explore.Config
	maxStates int
	version   string
}

// Name is `explore`.
func (e *explorePart) Name() string { return "explore" }

// About names the world and its budget.
func (e *explorePart) About() string {
	text := fmt.Sprintf("%s, %d nodes", e.config.Protocol, e.config.World)
	flags, numbers := e.config.Granted()
	for i, flag := range flags {
		text += fmt.Sprintf(", %s %d", strings.ReplaceAll(flag, "-", " "), numbers[i])
	}
	return text
}

// line is the command that makes the search again.
func (e *explorePart) line() string {
	line := fmt.Sprintf("nexarsim explore --world %d", e.config.World)
	flags, numbers := e.config.Granted()
	for i, flag := range flags {
		line += fmt.Sprintf(" --%s %d", flag, numbers[i])
	}
	return line + " --protocol " + report.Quote(e.config.Protocol)
}

// Look searches.
func (e *explorePart) Look(ctx context.Context, keep *Shelf) Outcome {
	r, err := explore.Run(ctx, e.config, explore.Options{Workers: runtime.GOMAXPROCS(0), MaxStates: e.maxStates})
	if err != nil {
		return Outcome{Findings: []Finding{failure(err, e.line())}}
	}
	o := Outcome{Counts: []Count{{"state", r.States}, {"transition", r.Transitions}}}
	switch r.Stopped {
	case search.ByNothing:
	case search.ByInterrupt:
		o.Stopped = true
	default:
		o.Cut = fmt.Sprintf("more than %d states: all that are at most %d steps away were seen", e.maxStates, r.Depth)
	}
	if r.Doubt != "" {
		o.Notes = append(o.Notes, "messages were kept that the machines had claimed to be spent: "+r.Doubt)
	}
	for i := range r.Violations {
		o.Findings = append(o.Findings, e.finding(&r.Violations[i], keep))
	}
	return o
}

// finding tells a violation, and keeps its schedule if there is a place for it.
func (e *explorePart) finding(v *explore.Violation, keep *Shelf) Finding {
	f := Finding{Property: v.Property, Code: report.Safety, Command: e.line(), Why: fmt.Sprintf("%s, in %d steps: %s", e.About(), v.Steps, v.Why)}
	if v.Liveness {
		f.Code = report.Liveness
	}
	if !keep.chosenByUser() {
		return f
	}
	c, err := explore.NewCapsule(v)
	if err == nil {
		c.FoundBy = capsule.Origin{Command: "validate", Version: e.version}
		f.File, err = keep.putCapsule(fmt.Sprintf("explore-%d-%s-%s", e.config.World, e.config.Protocol, v.Property), c)
	}
	if err != nil {
		f.Why += fmt.Sprintf(" (not kept: %s)", err)
		return f
	}
	f.Command = "nexarsim replay " + report.Quote(f.File)
	return f
}
