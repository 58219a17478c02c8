package report_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"nexarsim/internal/report"
)

// document reads one that a test wrote by hand.
func document(t *testing.T, name, text string) report.Named {
	t.Helper()
	d, err := report.ReadSweep(strings.NewReader(text), name)
	if err != nil {
		t.Fatal(err)
	}
	return report.Named{File: name, Sweep: d}
}

// sweepOf is a document of scenario "one", of which a violation of agreement is expected.
func sweepOf(digest byte, seeds, shards, findings string) string {
	return fmt.Sprintf(`{"runs":10,"steps":100,"messages":1000,"installs":7,"elapsed_ms":5,"digest":"%s","doubled":1,"undecided":2,
		"reach":{"a place":3},"scenarios":[{"name":"one","sha256":"aa","protocol":"quorum","expect":{"quorum":{"violates":["agreement"]}}}],
		"parts":[{"scenarios":["one"],"seeds":"%s","shards":[%s]}],"violations":[%s]}`, strings.Repeat(string([]byte{digest}), 64), seeds, shards, findings)
}

func finding(seed string, steps, count int) string {
	return fmt.Sprintf(`{"scenario":"one","protocol":"quorum","seed":%q,"property":"agreement","capsule":"%s.jsonl","steps":%d,"count":%d}`, seed, seed, steps, count)
}

// TestMerge: counts are sums, digests exclusive ors, and a finding shows the run with the fewest steps, ties to the
// least seed; the order of documents does not matter.
func TestMerge(t *testing.T) {
	a := document(t, "a", sweepOf('a', "1..30", `"1/3"`, finding("10", 50, 2)))
	b := document(t, "b", sweepOf('6', "1..30", `"2/3"`, finding("9", 50, 3)))
	c := document(t, "c", sweepOf('0', "1..30", `"3/3"`, finding("3", 51, 4)))
	for _, docs := range [][]report.Named{{a, b, c}, {c, b, a}, {b, a, c}} {
		m, err := report.Merge(docs)
		if err != nil {
			t.Fatal(err)
		}
		if m.Runs != 30 || m.Steps != 300 || m.Messages != 3000 || m.Installs != 21 || m.Doubled != 3 || m.Undecided != 6 || m.Reach["a place"] != 9 {
			t.Errorf("sums: %+v", m)
		}
		if want := strings.Repeat("c", 64); m.Digest != want {
			t.Errorf("digest %s, want %s", m.Digest, want)
		}
		f := m.Violations[0]
		if len(m.Violations) != 1 || f.Seed != "9" || f.Steps != 50 || f.Count != 9 || f.Capsule != "9.jsonl" || !f.Expected {
			t.Errorf("findings: %+v", m.Violations)
		}
		if m.Exit != report.Passed || len(m.Missing) != 0 || len(m.MissingShards()) != 0 || len(m.Parts) != 1 || len(m.Parts[0].Shards) != 0 {
			t.Errorf("exit %d, missing %v %v, parts %+v", m.Exit, m.Missing, m.MissingShards(), m.Parts)
		}
	}
}

// TestMergeJudgesMissing: what one shard has not found, another may have; what none has, is missing.
func TestMergeJudgesMissing(t *testing.T) {
	with := document(t, "a", sweepOf('a', "1..20", `"1/2"`, finding("1", 5, 1)))
	without := document(t, "b", sweepOf('b', "1..20", `"2/2"`, ""))
	for _, c := range []struct {
		docs    []report.Named
		exit    report.Code
		missing int
	}{
		{[]report.Named{with, without}, report.Passed, 0},
		{[]report.Named{without}, report.Safety, 1},
	} {
		m, err := report.Merge(c.docs)
		if err != nil {
			t.Fatal(err)
		}
		if m.Exit != c.exit || len(m.Missing) != c.missing {
			t.Errorf("exit %d, missing %v, want %d and %d of them", m.Exit, m.Missing, c.exit, c.missing)
		}
	}
}

// TestMergeMany: hundreds of shards take no time.
func TestMergeMany(t *testing.T) {
	const shards = 400
	var docs []report.Named
	for i := range shards {
		docs = append(docs, document(t, fmt.Sprint(i), sweepOf('1', "1..1000000", fmt.Sprintf(`"%d/%d"`, i+1, shards), "")))
	}
	m, err := report.Merge(docs)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Parts) != 1 || len(m.Parts[0].Shards) != 0 || m.Runs != shards*10 {
		t.Errorf("%d runs, parts %+v", m.Runs, m.Parts)
	}
	docs[7] = docs[8]
	if _, err = report.Merge(docs); err == nil || !strings.Contains(err.Error(), "listed twice") {
		t.Errorf("a shard twice: %v", err)
	}
}

// TestMergeTwice: runs are compared one by one, however they were put together.
func TestMergeTwice(t *testing.T) {
	for _, c := range []struct {
		seeds, shards, others, otherShards string
		twice                              bool
	}{
		{"1..10", "", "11..20", "", false},
		{"1..10", "", "10..20", "", true},
		{"1..10", "", "12,10", "", true},
		{"1..100", `"1/2"`, "1..100", `"2/2"`, false},
		{"1..100", `"1/2"`, "1..100", `"2/4"`, false},
		{"1..100", `"1/2"`, "1..100", `"3/4"`, true},
		{"1..100", `"1/2"`, "2..100", `"2/2"`, true},
		{"1..100", `"1/2"`, "2..100", `"1/2"`, false},
	} {
		a := document(t, "a", sweepOf('a', c.seeds, c.shards, ""))
		b := document(t, "b", sweepOf('b', c.others, c.otherShards, ""))
		_, err := report.Merge([]report.Named{a, b})
		var e *report.DocError
		if c.twice != errors.As(err, &e) || c.twice && (e.File != "b" || !strings.Contains(e.Msg, "first in a")) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestMergeHostile: a document that lists as many shards as fit ends soon, one way or the other.
func TestMergeHostile(t *testing.T) {
	shards := func(of int) string {
		list := make([]string, 200_000)
		for i := range list {
			list[i] = fmt.Sprintf(`"%d/%d"`, i+1, of)
		}
		return strings.Join(list, ",")
	}
	a := document(t, "a", sweepOf('a', "1..10", shards(999_999), ""))
	b := document(t, "b", sweepOf('b', "11..20", shards(1_000_000), ""))
	if _, err := report.Merge([]report.Named{a}); err != nil {
		t.Errorf("one of them: %v", err)
	}
	if _, err := report.Merge([]report.Named{a, b}); err == nil || !strings.Contains(err.Error(), "too many parts") {
		t.Errorf("both: %v", err)
	}
}

// FuzzReadSweep: no text makes it panic, and what it takes can be merged alone.
func FuzzReadSweep(f *testing.F) {
	f.Add([]byte(sweepOf('a', "1..30", `"1/3"`, finding("10", 50, 2))))
	f.Add([]byte(`{"digest":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := report.ReadSweep(strings.NewReader(string(text)), "fuzz")
		if err != nil {
			return
		}
		m, err := report.Merge([]report.Named{{File: "fuzz", Sweep: d}})
		if err != nil {
			return // it may list a run twice
		}
		m.Units()
		m.MissingShards()
	})
}
