package gate

import (
	"context"
	"fmt"

	"nexarsim/internal/corpus"
	"nexarsim/internal/report"
	"nexarsim/sim"
)

// capsulesPart replays the corpus: each capsule must show its violation on its own protocol, as the same run, and none on
// the rungs that repair it.
type capsulesPart struct {
	load func() ([]corpus.Entry, error)
}

// Name is `capsules`.
func (c *capsulesPart) Name() string { return "capsules" }

// About says what the corpus is.
func (c *capsulesPart) About() string { return "known bugs, replayed" }

// Look replays.
func (c *capsulesPart) Look(ctx context.Context, keep *Shelf) (o Outcome) {
	all, err := c.load()
	if err != nil {
		return Outcome{Findings: []Finding{failure(err, "nexarsim validate capsules")}}
	}
	replays := 0
	for i := range all {
		e := &all[i]
		if ctx.Err() != nil {
			o.Stopped = true
			break
		}
		if err := e.Replay(); err != nil {
			o.Findings = append(o.Findings, failure(err, "nexarsim validate capsules"))
			continue
		}
		replays += len(e.Replays)
		if lost := e.Lost(); lost != "" {
			o.Findings = append(o.Findings, lostPower(e, lost, keep))
		}
		o.Counts = []Count{{"capsule", uint64(i + 1)}, {"replay", uint64(replays)}}
	}
	return o
}

// lostPower is the finding that a capsule does not show any more what it showed. Its file is inside the program, so it is
// put where replay finds it.
func lostPower(e *corpus.Entry, lost string, keep *Shelf) Finding {
	f := Finding{Property: e.Capsule.Property, Code: report.Safety, Why: lost}
	if e.Replays[0].Outcome == sim.Diverged {
		f.Code = report.Irreplicable
	}
	name, err := keep.put(e.File[:len(e.File)-len(".json")], ".json", e.Source)
	if err != nil {
		f.Why += fmt.Sprintf(" (not kept: %s)", err)
		f.Command = "nexarsim validate capsules"
		return f
	}
	f.File, f.Command = name, "nexarsim replay "+report.Quote(name)
	for _, r := range e.Replays[1:] {
		if e.Replays[0].Outcome == sim.Reproduced && r.Outcome != sim.Fixed && lostOn(e, r.Protocol) {
			f.Command += " --protocol " + r.Protocol
			break
		}
	}
	return f
}

// lostOn tells whether a rung owes a repair.
func lostOn(e *corpus.Entry, protocol string) bool {
	for _, p := range e.Repaired() {
		if p == protocol {
			return true
		}
	}
	return false
}
