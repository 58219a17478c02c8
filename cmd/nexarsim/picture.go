package main

import (
	"slices"

	"nexarsim/checker"
	"nexarsim/checker/trace"
	"nexarsim/sim"
)

// pictureEnd is what the name of a trace gets for the picture beside it.
const pictureEnd = ".linearizability.html"

// picture writes, beside the trace of a run whose reads and writes no order explains, a page that shows them.
func picture(spec sim.Spec, res *sim.Result, traceFile string) error {
	broken := func(v trace.Violation) bool { return v.Property == checker.Linearizability }
	if !slices.ContainsFunc(res.Verdict.Violations, broken) {
		return nil
	}
	var judge *checker.Judge
	var failed error
	spec.Header = func(h *trace.Header) { judge, failed = checker.New(h) }
	spec.Observe = func(ev *trace.Event) {
		if failed == nil {
			judge.Observe(ev)
		}
	}
	if _, err := sim.New().Run(spec); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	out, err := createFile(traceFile + pictureEnd)
	if err != nil {
		return err
	}
	defer out.Discard()
	if _, err := judge.Picture(out); err != nil {
		return err
	}
	return out.Commit()
}
