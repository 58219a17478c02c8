package report

import (
	"encoding/json"
	"strconv"
	"time"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/internal/expect"
	"nexarsim/sim"
)

// Violation is a broken property, as the verdict line of a trace has it.
type Violation struct {
	Property string `json:"property"`
	T        int64  `json:"t"`
	Nodes    []int  `json:"nodes"`
	Why      string `json:"why"`
}

// Undecided is a property that a run leaves open.
type Undecided struct {
	Property string `json:"property"`
	Why      string `json:"why"`
}

// Run is the document of `run` and `check`, and most of that of `replay`.
type Run struct {
	Scenario   string      `json:"scenario"`
	Protocol   string      `json:"protocol"`
	Seed       string      `json:"seed"`
	World      int         `json:"world"`
	Drawn      []string    `json:"drawn,omitempty"`
	Digest     string      `json:"digest"`
	Steps      uint64      `json:"steps"`
	Messages   uint64      `json:"messages"`
	Installs   uint64      `json:"installs"`
	VirtualMS  int64       `json:"virtual_ms"`
	ElapsedMS  int64       `json:"elapsed_ms"`
	Violations []Violation `json:"violations"`
	Undecided  []Undecided `json:"undecided"`
	Malformed  []string    `json:"malformed,omitempty"`
	Missing    []string    `json:"missing,omitempty"`
	Different  *Difference `json:"different,omitempty"`
	Unfired    []string    `json:"unfired"`
	Trace      string      `json:"trace"`
	Exit       Code        `json:"exit"`

	Untimed bool `json:"-"` // a schedule: its times number its steps
}

// Difference is the first step at which two runs of one seed went apart.
type Difference struct {
	Scenario string `json:"scenario"`
	Protocol string `json:"protocol"`
	Seed     string `json:"seed"`
	Step     uint64 `json:"step"`
	First    string `json:"first"`
	Second   string `json:"second"`
}

// NewRun tells a run. Trace, exit code and what depends on expectations is for the caller to add.
func NewRun(r *sim.Result, elapsed time.Duration) *Run {
	d := &Run{
		Scenario: r.Scenario, Protocol: r.Protocol, Seed: strconv.FormatUint(r.Seed, 10), World: r.World, Drawn: r.Drawn,
		Digest: r.DigestText(), Steps: r.Steps, Messages: r.Messages, Installs: r.Installs,
		VirtualMS: r.VirtualNS / 1e6, ElapsedMS: elapsed.Milliseconds(), Unfired: list(r.Unfired),
	}
	d.SetVerdict(&r.Verdict)
	return d
}

// SetVerdict tells a verdict.
func (d *Run) SetVerdict(v *checker.Verdict) {
	d.Violations = Violations(v.Violations)
	d.Undecided = []Undecided{}
	for _, u := range v.Undecided {
		d.Undecided = append(d.Undecided, Undecided(u))
	}
	d.Malformed = v.Malformed
}

// Violations copies a verdict's violations.
func Violations(all []trace.Violation) []Violation {
	out := make([]Violation, len(all))
	for i, v := range all {
		out[i] = Violation{v.Property, v.T, list(v.Nodes), v.Why}
	}
	return out
}

// NewDifference tells where two runs went apart.
func NewDifference(d *sim.Difference) *Difference {
	return &Difference{d.Scenario, d.Protocol, strconv.FormatUint(d.Seed, 10), d.Step, d.First, d.Second}
}

// FoundIn is each property that a verdict names, once.
func FoundIn(violations []trace.Violation) []expect.Found {
	var out []expect.Found
	place := map[string]int{}
	for _, v := range violations {
		live := checker.IsLiveness(&v)
		if i, ok := place[v.Property]; ok {
			out[i].Liveness = out[i].Liveness && live
			continue
		}
		place[v.Property] = len(out)
		out = append(out, expect.Found{Property: v.Property, Liveness: live})
	}
	return out
}

// Encode gives a document as it is printed: one line, with its end.
func Encode(doc any) ([]byte, error) {
	text, err := json.Marshal(doc)
	return append(text, '\n'), err
}

// list gives an empty list rather than none, so that documents say [] and not null.
func list[T any](xs []T) []T {
	if xs == nil {
		return []T{}
	}
	return xs
}
