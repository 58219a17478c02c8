package gate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nexarsim/internal/report"
)

// fake is a part that a test puts in.
type fake struct {
	name string
	look func(ctx context.Context) Outcome
	wait bool
}

func (f *fake) Name() string                               { return f.name }
func (f *fake) About() string                              { return "about " + f.name }
func (f *fake) Look(ctx context.Context, _ *Shelf) Outcome { return f.look(ctx) }
func (f *fake) idle() bool                                 { return f.wait }
func says(name string, o Outcome) *fake {
	return &fake{name: name, look: func(context.Context) Outcome { return o }}
}
func whole() Outcome { return Outcome{Counts: []Count{{"run", 3}}} }
func finds(property string, code report.Code) Outcome {
	o := whole()
	o.Findings = []Finding{{Property: property, Code: code, Why: "so", Command: "nexarsim run x"}}
	return o
}

// untilStopped looks until the context ends.
func untilStopped(ctx context.Context) Outcome {
	<-ctx.Done()
	return Outcome{Stopped: true, Counts: []Count{{"run", 1}}}
}

func results(r *Report) (all []string) {
	for i := range r.Parts {
		p := &r.Parts[i]
		text := p.Part + " " + string(p.Result)
		if p.Cut != "" {
			text += ": " + p.Cut
		}
		all = append(all, text)
	}
	return all
}

// TestRun: what parts say, and what it comes to.
func TestRun(t *testing.T) {
	cut := Outcome{Counts: []Count{{"state", 9}}, Cut: "too many states"}
	cutWithFinding := finds("ranks", report.Safety)
	cutWithFinding.Cut = "too many states"
	for _, c := range []struct {
		name  string
		parts []Part
		want  []string
		exit  report.Code
	}{
		{"all pass", []Part{says("a", whole()), says("b", whole())}, []string{"a passed", "b passed"}, report.Passed},
		{"safety", []Part{says("a", finds("ranks", report.Safety)), says("b", whole())}, []string{"a failed", "b passed"}, report.Safety},
		{"liveness", []Part{says("a", finds("late", report.Liveness))}, []string{"a failed"}, report.Liveness},
		{"safety stands before liveness", []Part{says("a", finds("late", report.Liveness)), says("b", finds("ranks", report.Safety))}, []string{"a failed", "b failed"}, report.Safety},
		{"what differs stands before safety", []Part{says("a", finds("ranks", report.Safety)), says("b", finds("", report.Irreplicable))}, []string{"a failed", "b failed"}, report.Irreplicable},
		{"a broken harness stands before all", []Part{says("a", finds("", report.Irreplicable)), says("b", finds("", report.Harness))}, []string{"a failed", "b failed"}, report.Harness},
		{"a cut part does not pass", []Part{says("a", whole()), says("b", cut)}, []string{"a passed", "b cut: too many states"}, report.Harness},
		{"a finding stands, whatever was cut", []Part{says("a", cut), says("b", finds("late", report.Liveness))}, []string{"a cut: too many states", "b failed"}, report.Liveness},
		{"a cut part with a finding", []Part{says("a", cutWithFinding)}, []string{"a failed: too many states"}, report.Safety},
		{"a part that did nothing", []Part{says("a", Outcome{})}, []string{"a cut: it had nothing to look at"}, report.Harness},
		{"a panic", []Part{&fake{name: "a", look: func(context.Context) Outcome { panic("oh") }}, says("b", whole())}, []string{"a failed", "b passed"}, report.Harness},
		{"no part", nil, nil, report.Harness},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := (&Gate{Parts: c.parts, Keep: NewShelf("")}).Run(context.Background())
			if diff := cmp.Diff(c.want, results(r)); diff != "" || r.Exit != c.exit || r.Passed != (c.exit == report.Passed) {
				t.Errorf("exit %d (passed %v), want %d; results, -want +got:\n%s", r.Exit, r.Passed, c.exit, diff)
			}
		})
	}
}

// TestTimeIsOver: the limit stops a part, those after it do not begin, and none of them passes.
func TestTimeIsOver(t *testing.T) {
	g := Gate{Parts: []Part{says("a", whole()), &fake{name: "b", look: untilStopped}, says("c", whole())}, Limit: 20 * time.Millisecond}
	r := g.Run(context.Background())
	want := []string{"a passed", "b cut: the time was over", "c cut: the time was over before it began"}
	if diff := cmp.Diff(want, results(r)); diff != "" || r.Exit != report.Harness || r.Passed {
		t.Errorf("exit %d, passed %v; -want +got:\n%s", r.Exit, r.Passed, diff)
	}
}

// TestInterrupted: ^C ends it with 130, and with the code of what was found until then.
func TestInterrupted(t *testing.T) {
	for _, c := range []struct {
		first Outcome
		exit  report.Code
	}{{whole(), report.Interrupted}, {finds("ranks", report.Safety), report.Safety}} {
		ctx, cancel := context.WithCancel(context.Background())
		b := &fake{name: "b", look: func(ctx context.Context) Outcome { cancel(); return untilStopped(ctx) }}
		r := (&Gate{Parts: []Part{says("a", c.first), b, says("c", whole())}, Limit: time.Hour}).Run(ctx)
		if got := results(r)[1:]; !slices.Equal(got, []string{"b cut: interrupted", "c cut: interrupted before it began"}) || r.Exit != c.exit {
			t.Errorf("%v, exit %d, want %d", got, r.Exit, c.exit)
		}
	}
}

// TestSideBySide: parts that wait do so two at a time, the others alone, and the report keeps their order.
func TestSideBySide(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, map[bool]int{}
	part := func(name string, waits bool) Part {
		return &fake{name: name, wait: waits, look: func(context.Context) Outcome {
			mu.Lock()
			now++
			most[waits] = max(most[waits], now)
			mu.Unlock()
			time.Sleep(5 * time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
			return whole()
		}}
	}
	g := Gate{Parts: []Part{part("a", false), part("b", false), part("c", true), part("d", true), part("e", true), part("f", false)}}
	r := g.Run(context.Background())
	var order string
	for i := range r.Parts {
		order += r.Parts[i].Part
	}
	if order != "abcdef" || most[false] != 1 || most[true] != 2 {
		t.Errorf("order %s; at a time %v: want one, and two that wait", order, most)
	}
}

// TestOnly: parts by their words.
func TestOnly(t *testing.T) {
	all := Quick(Options{})
	if got := Only(all, nil); len(got) != len(all) {
		t.Errorf("%d of %d parts without a word", len(got), len(all))
	}
	for _, name := range Names() {
		some := Only(all, []string{name})
		if len(some) == 0 || slices.ContainsFunc(some, func(p Part) bool { return p.Name() != name }) {
			t.Errorf("%s: %d parts", name, len(some))
		}
	}
	for _, p := range slices.Concat(all, Full(Options{})) {
		if !slices.Contains(Names(), p.Name()) {
			t.Errorf("nobody can ask for %s", p.Name())
		}
	}
}

// TestShelf: two files of one name, a directory of nobody's choice, and one that is gone.
func TestShelf(t *testing.T) {
	s := NewShelf(t.TempDir())
	for i, want := range []string{"a_b.json", "a_b-2.json"} {
		name, err := s.put("a/b", ".json", []byte{byte(i)})
		if err != nil || filepath.Base(name) != want {
			t.Errorf("put: %s, %v: want %s", name, err, want)
		}
		if text, err := os.ReadFile(name); err != nil || len(text) != 1 || text[0] != byte(i) {
			t.Errorf("%s holds %v, %v", name, text, err)
		}
	}
	t.Setenv("TMPDIR", t.TempDir())
	name, err := NewShelf("").put("x", ".jsonl", []byte("y"))
	if err != nil || !strings.HasPrefix(name, os.Getenv("TMPDIR")) {
		t.Errorf("without a directory: %s, %v", name, err)
	}
	gone := NewShelf(filepath.Join(t.TempDir(), "gone"))
	if name, err := gone.put("x", ".json", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into a directory that is gone: %s, %v", name, err)
	}
}
