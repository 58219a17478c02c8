package cluster

import (
	"strings"
	"testing"
)

// TestClosingsCanFail: each thing that can go wrong at one member, beside what is right.
func TestClosingsCanFail(t *testing.T) {
	good := closedReport{Epoch: 2, Sum: 5}
	for _, c := range []struct {
		name string
		of   *closedReport
		says string
		gone bool
	}{
		{"right", &good, "", false},
		{"another sum", &closedReport{Epoch: 2, Sum: 4}, "member 3 has the sum 4", false},
		{"an error", &closedReport{Epoch: 2, Sum: 5, Error: "late"}, "member 3: late", false},
		{"a view that has gone", &closedReport{Epoch: 2, Error: "gone", Gone: true}, "member 3: gone", true},
		{"nothing", nil, "member 3 has not ended", false},
	} {
		closing := Closing{Epoch: 2, Members: []int{1, 3}, Owed: true, Sum: 5}
		gone := closing.judge([]*closedReport{nil, &good, nil, c.of})
		if closing.Right != (c.says == "") || !strings.Contains(closing.Why, c.says) || gone != c.gone {
			t.Errorf("%s: %+v, gone %v", c.name, closing, gone)
		}
	}
}

// TestOneProgramIsTheBeginningOfTheOther: only then can a member make up for what it lacks.
func TestOneProgramIsTheBeginningOfTheOther(t *testing.T) {
	l := &launcher{net: newNetwork(2), all: []*process{{}, {}}}
	state := func(program string) *stateReport {
		return &stateReport{Epoch: 1, CommID: 7, Members: []int{0, 1}, Program: program}
	}
	for _, c := range []struct {
		a, b string
		owed bool
	}{{"", "", true}, {"ba", "baa", true}, {"bab", "ba", true}, {"ba", "ab", false}} {
		states := []*stateReport{state(c.a), state(c.b)}
		if why := l.excuse(states, states[0]); (why == "") != c.owed {
			t.Errorf("%q and %q: excused by %q", c.a, c.b, why)
		}
	}
	other := state("")
	other.CommID++
	if why := l.excuse([]*stateReport{state(""), other}, state("")); !strings.Contains(why, "another view") {
		t.Errorf("another comm_id: excused by %q", why)
	}
}
