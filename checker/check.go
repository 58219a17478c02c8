package checker

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"nexarsim/checker/trace"
)

// Report is what CheckTrace found in a file.
type Report struct {
	Header   trace.Header
	Verdict  Verdict
	Recorded *Recorded // the file's own verdict line; nil if it has none
	Differs  string    // how the file's own verdict differs from this one; empty if it does not
	Ending   Ending    // what the run was judged up to
	Events   uint64
	Messages uint64 // sent
}

// Recorded is the verdict line of a trace.
type Recorded struct {
	Violations []trace.Violation
	Digest     string
	Steps      uint64
	Installs   uint64
}

// CheckTrace reads a recorded run, simulated or real, and judges it. The verdict line in the file has no say, but tells
// that the run came to its own end: without one, safety is judged and liveness is not. An error is the file's fault
// (*trace.FormatError) or the reader's.
func CheckTrace(r io.Reader, name string) (Report, error) {
	d, err := trace.NewReader(r, name)
	if err != nil {
		return Report{}, err
	}
	rep := Report{Header: *d.Header()}
	j, err := New(&rep.Header)
	if err != nil {
		return Report{}, inHeader(name, err)
	}
	if err := rep.read(d, j); err != nil {
		return Report{}, err
	}
	rep.Verdict = j.Finish(rep.Ending)
	switch {
	case rep.Recorded == nil:
		rep.Verdict.withoutLiveness(j.set.quorum)
		return rep, nil
	case rep.unseen(Livelock):
		rep.Verdict.Undecided = append(rep.Verdict.Undecided, Undecided{Livelock, "the file's verdict names it: a cycle of a schedule shows in its states, which no line tells"})
	}
	rep.Differs = rep.compare()
	return rep, nil
}

// inHeader gives an error about a header its place in the file.
func inHeader(name string, err error) error {
	if e, ok := errors.AsType[*HeaderError](err); ok {
		return &trace.FormatError{File: name, Line: 1, Field: e.Field, Msg: e.Msg}
	}
	return err
}

// read feeds the judge and finds out how the run ended.
func (rep *Report) read(d *trace.Reader, j *Judge) error {
	var ev trace.Event
	timed := false // the verdict line says when the run ended
	for {
		err := d.Next(&ev)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		switch ev.Kind {
		case trace.Send:
			rep.Messages++
		case trace.Verdict:
			rep.Recorded = &Recorded{slices.Clone(ev.Violations), ev.Digest, ev.Steps, ev.Installs}
			rep.Ending = Ending{T: ev.T, Complete: true}
			timed = d.Timed()
			continue
		}
		rep.Events++
		j.Observe(&ev)
		rep.Ending.T = ev.T
	}
	if rep.Recorded != nil {
		rep.settle(j, timed)
	}
	return nil
}

// settle finds the end of a run whose verdict line does not say it: as long as the scenario says that it lasted. A run
// that its own judge stopped at a livelock did not come to its own end. A schedule did if it is dated long after its steps.
func (rep *Report) settle(j *Judge, timed bool) {
	if j.set.schedule {
		rep.Ending.Complete = rep.Ending.T >= j.set.RecoveryTimeout
		return
	}
	if slices.ContainsFunc(rep.Recorded.Violations, func(v trace.Violation) bool { return v.Property == Livelock }) {
		rep.Ending.Complete = false
		return
	}
	if !timed {
		rep.Ending.T = max(rep.Ending.T, j.set.duration, j.world.lastEnv+j.set.settle)
	}
}

// withoutLiveness leaves a verdict on safety alone. Reports of a lost quorum are owed under protocol quorum only.
func (v *Verdict) withoutLiveness(quorum bool) {
	v.Violations = slices.DeleteFunc(v.Violations, func(x trace.Violation) bool { return IsLiveness(&x) })
	v.Undecided = slices.DeleteFunc(v.Undecided, func(u Undecided) bool { return u.Property != Collective && u.Property != Linearizability })
	for _, p := range []string{QuorumLoss, Recovery, Late, Livelock} {
		if p == QuorumLoss && !quorum {
			continue
		}
		v.Undecided = append(v.Undecided, Undecided{p, "the trace has no verdict line: liveness is not judged"})
	}
}

// unseen tells whether the file's own verdict names a property for what the lines of a schedule do not show: a livelock, for
// a cycle of states.
func (rep *Report) unseen(property string) bool {
	named := func(v trace.Violation) bool { return v.Property == property }
	return rep.Header.Mode == trace.ModeSchedule && property == Livelock &&
		slices.ContainsFunc(rep.Recorded.Violations, named) && !slices.ContainsFunc(rep.Verdict.Violations, named)
}

// compare says how the file's own verdict differs, in what this package judges.
func (rep *Report) compare() string {
	mine, theirs := rep.Verdict.Violations, rep.Recorded.Violations
	for _, p := range Properties {
		if !judgedHere(p) || rep.unseen(p) {
			continue
		}
		of := func(v trace.Violation) bool { return v.Property == p }
		i, k := slices.IndexFunc(mine, of), slices.IndexFunc(theirs, of)
		switch {
		case i >= 0 && k < 0:
			return fmt.Sprintf("the file's verdict does not name %s: %s", p, mine[i].Why)
		case i < 0 && k >= 0:
			return fmt.Sprintf("the file's verdict names %s, which holds or is undecided: %s", p, theirs[k].Why)
		case i >= 0 && (mine[i].T != theirs[k].T || !slices.Equal(mine[i].Nodes, theirs[k].Nodes)):
			return fmt.Sprintf("the file's verdict dates %s to %s, %s: expected %s, %s", p,
				span64(theirs[k].T), nodesText(theirs[k].Nodes), span64(mine[i].T), nodesText(mine[i].Nodes))
		}
	}
	if n := uint64(rep.Verdict.Installs); n != rep.Recorded.Installs {
		return fmt.Sprintf("the file's verdict counts %d installs, the trace has %d", rep.Recorded.Installs, n)
	}
	return ""
}
