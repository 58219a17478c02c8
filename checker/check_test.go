package checker_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"nexarsim/checker"
	"nexarsim/checker/trace"
)

// file writes a story as a trace, without a verdict line.
func (s *story) file(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	w := trace.NewWriter(&b)
	_ = w.WriteHeader(&s.h)
	for i := range s.evs {
		_ = w.Write(&s.evs[i])
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func check(t testing.TB, text string) checker.Report {
	t.Helper()
	rep, err := checker.CheckTrace(strings.NewReader(text), "f.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

const noLiveness = " ?quorum-loss ?recovery ?late ?livelock"

// Without a verdict line safety is judged and liveness is not, whatever shows of it.
func TestCheckWithoutVerdict(t *testing.T) {
	for _, c := range []struct{ story, want string }{
		{"world 3\n 10s crash 2\n 100s suspect 0 2", noLiveness[1:]},
		{"world 4\n 10s suspect 2 0,1\n 100s trust 2 0,1", noLiveness[1:]},
		{"world 3\n 10s busy 1 9999", noLiveness[1:]},
		{"world 3 protocol=fail-stop\n 10s crash 2", "?recovery ?late ?livelock"},
		{"world 3\n 10s crash 2\n 11s recover 0 1 0,1", "validity@11s[0 2]" + noLiveness},
	} {
		rep := check(t, tell(t, c.story).file(t))
		if got := summary(rep.Verdict); got != c.want {
			t.Errorf("%s\nverdict  %s\nexpected %s", c.story, got, c.want)
		}
		if rep.Recorded != nil || rep.Differs != "" || rep.Ending.Complete {
			t.Errorf("%s\n%+v", c.story, rep)
		}
	}
}

// The file's own verdict is not believed; where it differs, the report says how.
func TestCheckDiffers(t *testing.T) {
	const line = `{"t":120000000000,"ev":"verdict","violations":[VIOLATIONS],"digest":"00ff","steps":7,"installs":INSTALLS}` + "\n"
	const mine = `{"property":"validity","t":16000000000,"nodes":[0,2],"why":"x"}`
	hang := tell(t, "world 3\n 10s crash 2").file(t)
	bad := tell(t, "world 3\n 10s crash 2\n 16s recover 0,1 1 0,1").file(t)
	for _, c := range []struct{ name, text, violations, installs, verdict, want string }{
		{"nothing named", hang, "", "0", "recovery@2m0s[0 1]", "the file's verdict does not name recovery: nodes 0 and 1 never installed"},
		{"the same", hang, `{"property":"recovery","t":120000000000,"nodes":[0,1],"why":"in other words"}`, "0", "recovery@2m0s[0 1]", ""},
		{"another time", hang, `{"property":"recovery","t":12,"nodes":[0,1],"why":""}`, "0", "recovery@2m0s[0 1]", "the file's verdict dates recovery to 12ns, nodes 0 and 1: expected 2m0s, nodes 0 and 1"},
		{"others", bad, strings.Replace(mine, "[0,2]", "[0,1]", 1), "2", "validity@16s[0 2] validity@16s[1 2]", "the file's verdict dates validity to 16s, nodes 0 and 1: expected 16s, nodes 0 and 2"},
		{"too much", bad, mine + `,{"property":"ranks","t":1,"nodes":[],"why":"no"}`, "2", "validity@16s[0 2] validity@16s[1 2]", "the file's verdict names ranks, which holds or is undecided: no"},
		{"what is judged elsewhere", bad, mine + `,{"property":"conformance","t":1,"nodes":[],"why":"no"}`, "2", "validity@16s[0 2] validity@16s[1 2]", ""},
		{"installs", bad, mine, "3", "validity@16s[0 2] validity@16s[1 2]", "the file's verdict counts 3 installs, the trace has 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rep := check(t, c.text+strings.NewReplacer("VIOLATIONS", c.violations, "INSTALLS", c.installs).Replace(line))
			if got := summary(rep.Verdict); got != c.verdict {
				t.Errorf("verdict  %s\nexpected %s", got, c.verdict)
			}
			if c.want == "" && rep.Differs != "" || !strings.HasPrefix(rep.Differs, c.want) {
				t.Errorf("differs  %q\nexpected %q", rep.Differs, c.want)
			}
			if r := rep.Recorded; r.Digest != "00ff" || r.Steps != 7 || !rep.Ending.Complete || rep.Ending.T != 120e9 {
				t.Errorf("%+v, %+v", r, rep.Ending)
			}
		})
	}
}

// A verdict line without a time leaves the end to the scenario, or else to the last line; a livelock ends a run early.
func TestCheckEnding(t *testing.T) {
	const line = `{"ev":"verdict","violations":[],"digest":"","steps":0,"installs":0}` + "\n"
	const locked = `{"ev":"verdict","violations":[{"property":"livelock","t":0,"nodes":[],"why":""}],"digest":"","steps":0,"installs":0}` + "\n"
	for _, c := range []struct{ name, story, line, want string }{
		{"stated duration", "world 3 duration=2m\n 10s crash 2", line, "recovery@2m0s[0 1]"},
		{"prolonged", "world 3 duration=2m\n 100s crash 2", line, "recovery@2m40s[0 1]"},
		{"not stated", "world 3\n 10s crash 2\n 20s suspect 0,1 2", line, "recovery@1m10s[0 1]"},
		{"livelock", "world 3 duration=2m\n 10s crash 2", locked, "?recovery"},
		{"livelock found", "world 3 duration=2m\n 10s crash 2\n busy 1 9999", line, "livelock@10s[1] ?recovery"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := summary(check(t, tell(t, c.story).file(t)+c.line).Verdict); got != c.want {
				t.Errorf("verdict  %s\nexpected %s", got, c.want)
			}
		})
	}
}

// A schedule has no clock: what is owed is judged if its verdict line is dated long after its steps, an install is never late,
// and a livelock that only the states show is left open.
func TestCheckSchedule(t *testing.T) {
	const end, step = "2305843009213693951", "2"
	for _, c := range []struct{ story, at, violations, want, differs string }{
		{"world 3\n 1ns crash 2", end, `{"property":"recovery","t":` + end + `,"nodes":[0,1],"why":""}`, "recovery@" + end + "[0 1] ?late", ""},
		{"world 3\n 1ns crash 2", step, "", "?recovery ?late", ""},
		{"world 3\n 1ns crash 2", end, "", "recovery@" + end + "[0 1] ?late", "the file's verdict does not name recovery: "},
		{"world 2 protocol=classic\n 1ns crash 1\n end 0 error", step, "", "?recovery", ""},
		{"world 3\n 1ns crash 2", step, `{"property":"livelock","t":2,"nodes":[],"why":""}`, "?recovery ?late ?livelock", ""},
		{"world 3\n 1ns crash 2", end, `{"property":"livelock","t":2,"nodes":[],"why":""}`, "recovery@" + end + "[0 1] ?late ?livelock", "the file's verdict does not name recovery: "},
		{"world 3\n 1ns crash 2", step, `{"property":"ranks","t":2,"nodes":[],"why":""}`, "?recovery ?late", "the file's verdict names ranks, which holds"},
	} {
		s := tell(t, c.story)
		s.h.Mode = trace.ModeSchedule
		rep := check(t, s.file(t)+`{"t":`+c.at+`,"ev":"verdict","violations":[`+c.violations+`],"digest":"00ff","steps":2,"installs":0}`+"\n")
		if got := strings.ReplaceAll(summary(rep.Verdict), "640511h56m49.213693951s", end); got != c.want {
			t.Errorf("%s, verdict at %s\nverdict  %s\nexpected %s", c.story, c.at, got, c.want)
		}
		if c.differs == "" && rep.Differs != "" || !strings.HasPrefix(rep.Differs, c.differs) {
			t.Errorf("%s\ndiffers  %q\nexpected %q", c.story, rep.Differs, c.differs)
		}
	}
}

// What breaks the format is an error that says where; so is a header that cannot be judged by.
func TestCheckErrors(t *testing.T) {
	good := tell(t, "world 3\n 1s crash 2\n used 0<1 vote 0 at 0").file(t)
	for _, c := range []struct{ name, text, want string }{
		{"cut", good[:len(good)-1], "f.jsonl:4: the last line is cut: it has no line end"},
		{"instal", strings.Replace(good, `"crash"`, `"crsh"`, 1), `f.jsonl:2: ev: unknown event "crsh"`},
		{"policy", strings.Replace(good, `"automatic"`, `7`, 1), "f.jsonl:1: config.policy: expected a string, found 7"},
		{"latency", strings.Replace(good, "50us..2ms", "2ms..x", 1), `f.jsonl:1: scenario.network.latency: expected a range of durations, found "2ms..x"`},
		{"empty", "", "f.jsonl:1: empty file, expected a trace's header line"},
	} {
		_, err := checker.CheckTrace(strings.NewReader(c.text), "f.jsonl")
		var e *trace.FormatError
		if !errors.As(err, &e) || err.Error() != c.want {
			t.Errorf("%s: error %v\nexpected %s", c.name, err, c.want)
		}
	}
	rep := check(t, good)
	if rep.Messages != 1 || rep.Events != 3 || rep.Header.World != 3 {
		t.Errorf("%+v", rep)
	}
}

// Whatever a file says, judging it ends, twice with the same verdict.
func FuzzCheckTrace(f *testing.F) {
	f.Add(tell(f, busyStory).file(f))
	f.Add(tell(f, "world 4\n 10s crash 0,1\n 15s suspect 2,3 0,1").file(f) + `{"ev":"verdict","violations":[],"digest":"","steps":0,"installs":0}` + "\n")
	f.Add(tell(f, "world 3 policy=manual\n 15s suspect 0 2\n app recover 0\n told 0 failure-detected 0 old=0 new=0 size=3 dead=2\n recover 0 1 0,1").file(f))
	f.Fuzz(func(t *testing.T, text string) {
		first, err := checker.CheckTrace(strings.NewReader(text), "f.jsonl")
		if err != nil {
			var e *trace.FormatError
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			return
		}
		again, _ := checker.CheckTrace(strings.NewReader(text), "f.jsonl")
		if a, b := summary(first.Verdict), summary(again.Verdict); a != b {
			t.Errorf("verdict %s, then %s", a, b)
		}
	})
}
