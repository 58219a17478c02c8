package expect_test

import (
	"fmt"
	"strings"
	"testing"

	"nexarsim/internal/expect"
	"nexarsim/scenarios"
)

// read makes findings of words: a trailing ~ marks one of liveness only.
func read(text string) []expect.Found {
	var all []expect.Found
	for _, word := range strings.Fields(text) {
		property, live := strings.CutSuffix(word, "~")
		all = append(all, expect.Found{Property: property, Liveness: live})
	}
	return all
}

func tell(j expect.Judgement) string {
	names := func(fs []expect.Found) string {
		var all []string
		for _, f := range fs {
			all = append(all, f.Property)
		}
		return strings.Join(all, " ")
	}
	return fmt.Sprintf("expected [%s] unexpected [%s] reported [%s] missing %v safety %v liveness %v",
		names(j.Expected), names(j.Unexpected), names(j.Reported), j.Missing, j.Safety(), j.Liveness())
}

func TestJudge(t *testing.T) {
	all := []scenarios.Expectation{
		{Protocol: "quorum"},
		{Protocol: "fail-stop", Violates: []string{"agreement"}, May: []string{"recovery"}},
		{Protocol: "classic", Violates: []string{"validity"}},
		{Protocol: "classic+epoch"},
	}
	for _, c := range []struct{ protocol, found, want string }{
		{"quorum", "", "expected [] unexpected [] reported [] missing [] safety false liveness false"},
		{"quorum", "late~", "expected [] unexpected [late] reported [] missing [] safety false liveness true"},
		{"quorum", "ranks late~", "expected [] unexpected [ranks late] reported [] missing [] safety true liveness true"},
		{"fail-stop", "agreement", "expected [agreement] unexpected [] reported [] missing [] safety false liveness false"},
		{"fail-stop", "", "expected [] unexpected [] reported [] missing [agreement] safety true liveness false"},
		{"fail-stop", "recovery~", "expected [recovery] unexpected [] reported [] missing [agreement] safety true liveness false"},
		{"fail-stop", "agreement history", "expected [agreement] unexpected [history] reported [] missing [] safety true liveness false"},
		{"classic", "validity eviction", "expected [validity] unexpected [] reported [eviction] missing [] safety false liveness false"},
		{"classic", "eviction", "expected [] unexpected [] reported [eviction] missing [validity] safety true liveness false"},
		{"classic+epoch", "eviction", "expected [] unexpected [eviction] reported [] missing [] safety true liveness false"},
		{"classic+replay", "eviction", "expected [] unexpected [eviction] reported [] missing [] safety true liveness false"},
	} {
		if got := tell(expect.Judge(all, c.protocol, read(c.found))); got != c.want {
			t.Errorf("%s found %q:\ngot  %s\nwant %s", c.protocol, c.found, got, c.want)
		}
	}
}

func TestIgnored(t *testing.T) {
	got := tell(expect.Ignored(read("agreement late~")))
	if want := "expected [] unexpected [agreement late] reported [] missing [] safety true liveness true"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
