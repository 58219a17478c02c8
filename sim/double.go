package sim

import (
	"fmt"
	"time"

	"nexarsim/core"
)

// Difference is the first step at which two runs of one seed went apart: a defect of the harness or of a machine that is
// not pure.
type Difference struct {
	Scenario string
	Protocol string
	Seed     uint64
	Step     uint64 // from 1; 0 if the steps agree and only the verdicts differ
	First    string // what the first run did there
	Second   string
}

func (d *Difference) String() string {
	return fmt.Sprintf("%s %s seed %d: step %d: first run: %s; second run: %s", d.Scenario, d.Protocol, d.Seed, d.Step, d.First, d.Second)
}

// Double runs a spec twice, the second time in a new simulator that shares no memory with the first, and compares the two
// step by step, and then digest and verdict. The difference is nil if there is none.
func (s *Simulator) Double(spec Spec) (*Result, *Difference, error) {
	first, second := &StepLog{}, &StepLog{}
	spec.Log = first
	a, err := s.Run(spec)
	if err != nil {
		return nil, nil, err
	}
	spec.Log = second
	b, err := New().Run(spec)
	if err != nil {
		return nil, nil, err
	}
	return a, compare(a, b, first, second), nil
}

// compare finds the first difference of two runs.
func compare(a, b *Result, first, second *StepLog) *Difference {
	d := &Difference{Scenario: a.Scenario, Protocol: a.Protocol, Seed: a.Seed}
	for i := range max(len(first.steps), len(second.steps)) {
		if i >= len(first.steps) || i >= len(second.steps) || first.steps[i] != second.steps[i] {
			d.Step, d.First, d.Second = uint64(i+1), first.tell(i), second.tell(i)
			return d
		}
	}
	if a.Digest != b.Digest || a.Steps != b.Steps || a.Messages != b.Messages {
		d.First, d.Second = "digest "+a.DigestText(), "digest "+b.DigestText()
		return d
	}
	if va, vb := fmt.Sprint(a.Verdict), fmt.Sprint(b.Verdict); va != vb {
		d.First, d.Second = "verdict "+va, "verdict "+vb
		return d
	}
	return nil
}

// tell describes a step.
func (l *StepLog) tell(i int) string {
	if i >= len(l.steps) {
		return fmt.Sprintf("ended after %d steps", len(l.steps))
	}
	m := &l.steps[i]
	if m.node == nobody {
		return fmt.Sprintf("t=%v act %d, fingerprint %016x", time.Duration(m.t), m.what>>1, m.hash)
	}
	return fmt.Sprintf("t=%v node %d %s, fingerprint %016x", time.Duration(m.t), m.node, core.InputKind(m.what>>8), m.hash)
}
