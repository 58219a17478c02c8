package report

import "nexarsim/internal/expect"

// Code is an exit code of the contract with scripts.
type Code int

// The exit codes.
const (
	Passed       Code = 0 // as expected
	Safety       Code = 1 // a safety property was violated, or one that had to be was not
	Usage        Code = 2 // bad usage or bad input
	Irreplicable Code = 3 // two runs of one seed differ, or a replay diverged
	Liveness     Code = 4 // a liveness property was violated, and no safety one
	Harness      Code = 5 // the harness itself failed
	Interrupted  Code = 130
)

// Facts is all that an exit code rests on.
type Facts struct {
	Malformed bool // the harness broke its own assumptions: nothing else means much
	Different bool // two runs of one seed differ
	Judged    []expect.Judgement
}

// Code is the one place where facts become an exit code.
func (f *Facts) Code() Code {
	switch {
	case f.Malformed:
		return Harness
	case f.Different:
		return Irreplicable
	}
	code := Passed
	for i := range f.Judged {
		if f.Judged[i].Safety() {
			return Safety
		}
		if f.Judged[i].Liveness() {
			code = Liveness
		}
	}
	return code
}
