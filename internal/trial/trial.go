// Package trial judges what a real run has recorded: the properties, as in every run, and each core fed its recorded inputs
// again. It knows neither how the run was made nor what is told of it.
package trial

import (
	"errors"
	"io"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/internal/cluster"
	"nexarsim/internal/conform"
)

// NoDigest stands where a simulated run has its digest: no two real runs are the same.
const NoDigest = "0000000000000000"

// Trial is the judgement of one run.
type Trial struct {
	Verdict checker.Verdict // violations of conformance are among its violations
	Inputs  uint64          // that were fed again
}

// Judge reads the merged trace of a run, which errors call name, and writes it to a file with its verdict as the last line.
// watch sees each line; it may be nil, and may keep what it is given.
func Judge(merged io.Reader, name string, res *cluster.Result, to io.Writer, watch func(*trace.Event)) (*Trial, error) {
	d, err := trace.NewReader(merged, name)
	if err != nil {
		return nil, err
	}
	judge, err := checker.New(d.Header())
	if err != nil {
		return nil, err
	}
	cores, err := conform.New(d.Header())
	if err != nil {
		return nil, err
	}
	if cores == nil {
		return nil, errors.New(name + ": no core is known for protocol " + d.Header().Protocol)
	}
	w := trace.NewWriter(to)
	if err := w.WriteHeader(d.Header()); err != nil {
		return nil, err
	}
	for {
		var ev trace.Event
		err := d.Next(&ev)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		judge.Observe(&ev)
		cores.Observe(&ev)
		if watch != nil {
			watch(&ev)
		}
		if err := w.Write(&ev); err != nil {
			return nil, err
		}
	}
	t := &Trial{Verdict: judge.Finish(checker.Ending{T: res.End, Complete: true}), Inputs: cores.Inputs()}
	t.Verdict.Violations = append(t.Verdict.Violations, cores.Finish()...)
	err = w.Write(&trace.Event{
		T: res.End, Node: -1, Kind: trace.Verdict, Violations: t.Verdict.Violations, Digest: NoDigest, Steps: res.Steps, Installs: res.Installs,
	})
	if err != nil {
		return nil, err
	}
	return t, w.Flush()
}
