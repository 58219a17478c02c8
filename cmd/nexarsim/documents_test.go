package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"nexarsim/internal/gate"
	"nexarsim/internal/report"
)

// documents are the JSON documents that commands print, in the order of the page, with what each field holds.
var documents = []struct {
	title string
	doc   any
	about map[string]string
}{
	{"run, check, replay", report.Run{}, map[string]string{
		"scenario": "its name", "protocol": "", "seed": "a string of decimal digits", "world": "number of nodes",
		"drawn":      "what was drawn from the seed before the first step, a text each",
		"digest":     "16 hex digits over every step with its effects; empty if a trace has none",
		"steps":      "inputs given to nodes, and beginnings and ends of acts",
		"virtual_ms": "how long the run lasted, for the nodes", "elapsed_ms": "and for us", "messages": "sent", "installs": "views installed",
		"violations": "each with `property`, `t` (nanoseconds; of a schedule the number of the step, 2^61-1 for its end), `nodes`, `why`", "undecided": "each with `property` and `why`",
		"malformed": "which of its own assumptions the harness broke; left out if none", "missing": "properties that the scenario expects to be violated, and that were not",
		"different": "where the second run of the seed went another way: `step`, `first`, `second`; left out if it did not",
		"unfired":   "faults whose moment never came", "trace": "the file that was written, or checked", "exit": "the exit code",
	}},
	{"check also", checkedRun{}, map[string]string{
		"differs": "how the file's own verdict differs; left out if it does not", "judged": "`safety and liveness`, or `safety` for a trace without a verdict or of a schedule that could go on",
	}},
	{"cluster also", clusterRun{}, map[string]string{
		"delay_us":     "how long messages took, in microseconds: `count`, `p50`, `p99`, `max`",
		"recoveries":   "what followed each death that a view answered: `node`, `suspected_us` until the first suspicion, `installed_us` until the last install without it",
		"stalls":       "how often the machine kept a process from running for 50 ms or longer: the trace shows a pause of that member, or a slowness of all links where it was the launcher",
		"stall_max_us": "the longest of these, in microseconds",
		"calls":        "how many calls the members' applications were told to make",
		"closings":     "what each view of the end did when it was asked for a barrier and an all-reduce: `epoch`, `members`, `owed`, `right`, the right `sum`, `why` it is not owed or what went wrong",
	}},
	{"replay of a capsule also", capsuleDocument{}, map[string]string{
		"result": "`reproduced`, `fixed` or `diverged`", "property": "that the capsule is about; left out if none", "cause": "what the violation needs",
		"same": "true if the digest is the capsule's: the same run, step for step", "at": "number of the first decision that found no place, from 1; left out for an order",
		"line": "its line in the file", "found": "the decision, or the order, as the file has it or in words", "nearest": "what comes nearest to it in the new run",
		"schedule": "of a capsule of mode `schedule`: what happened, a text for each step",
	}},
	{"replay of a trace also", replayDocument{}, map[string]string{
		"result": "`reproduced`, `fixed` or `diverged`", "at": "number of the first event that differs", "line": "its line in the file",
		"found": "what stands there", "nearest": "what the new run did instead",
	}},
	{"explore", exploreDocument{}, map[string]string{
		"protocol": "", "world": "number of nodes", "crashes": "the budgets, as the flags say", "false_suspicions": "", "partitions": "", "early_timeouts": "", "losses": "", "duplicates": "",
		"states": "different ones that were seen", "transitions": "steps taken between them", "depth": "steps to the farthest", "complete": "true if nothing is left to see",
		"stopped":          "if not: `max-states`, `depth`, `interrupt`, or `pct` for random runs",
		"unjudged":         "what an interrupt has left open of the states that were seen: `liveness`, `claims` (whether messages that were left out do nothing); left out if nothing",
		"miss_probability": "that two states were taken for one; of random runs, that all of them missed a bug of the depth asked for",
		"elapsed_ms":       "", "bytes_per_state": "of the search's own tables; 0 for random runs", "violations": "one for each property, below",
		"seen": "situations, and how many steps led into each", "doubt": "which claim of the machines did not hold; left out if all did",
		"folded": "with --symmetry the nodes of which states were folded", "unfolded": "why not one more of them; both left out if there is nothing to say",
		"pct": "of random runs, below", "exit": "the exit code",
	}},
	{"A violation of explore", exploreViolation{}, map[string]string{
		"property": "", "steps": "of the shortest schedule that shows it", "states": "that show it; of random runs, how many runs did", "why": "in one sentence",
		"schedule": "a text for each step; null if an interrupt came before it was known", "capsule": "the file that keeps it, with --out; else empty",
	}},
	{"Random runs of explore", chanceDocument{}, map[string]string{
		"runs": "that were made", "depth": "of the bug that they look for, d", "seed": "a string of decimal digits", "threads": "the most that a run had, n",
		"steps": "of a run at most, k", "choices": "of the faults that a run can have, c", "cut": "runs that had not come to their end after so many steps",
		"probability": "1/(n k^(d-1) c): that a run meets such a bug, at least",
	}},
	{"validate", gate.Report{}, map[string]string{
		"quick": "whether it was the quick gate", "version": "as `nexarsim version` has it", "passed": "true if every part did", "limit_ms": "what all of it may take; 0: as long as it needs",
		"elapsed_ms": "what it took", "left_out": "parts that nobody asked for", "parts": "below", "exit": "the exit code",
	}},
	{"A part of validate", gate.PartReport{}, map[string]string{
		"part": "the word that asks for it; several parts may share one", "about": "what it looked at", "result": "`passed`, `failed` or `cut`", "cut": "why it was not brought to its end; left out if it was",
		"counts": "how much was done, by what", "digest": "of a sweep; left out otherwise", "notes": "what is held against nobody", "findings": "below", "elapsed_ms": "",
	}},
	{"A finding of validate", gate.Finding{}, map[string]string{
		"property": "empty if the harness failed, or a run was not the same twice", "code": "the exit code of this finding alone", "why": "in one sentence; of a sweep's the shortest run's",
		"command": "shows it again", "file": "the capsule or trace that keeps it; empty if none was written",
	}},
	{"sweep, merge", report.Sweep{}, map[string]string{
		"runs": "how many were made", "steps": "of all runs, as are the next ones", "messages": "", "installs": "", "virtual_ns": "nanoseconds of virtual time",
		"elapsed_ms": "added up by merge", "digest": "64 hex digits: the exclusive or over all runs of SHA-256 of scenario, protocol, seed and digest, a line each",
		"violations": "the findings, below", "missing": "violations that are expected and that no run showed: `scenario`, `protocol`, `property`",
		"failure_rate_below": "with 95 % confidence, of runs that end unexpectedly", "reach": "how often each situation was met, by its name", "reach_missing": "those that never were",
		"undecided": "runs that left a property open", "unfired": "faults that did not fire, and in how many runs: `scenario`, `protocol`, `fault`, `count`",
		"doubled": "runs made twice and compared", "different": "those that went another way: `scenario`, `protocol`, `seed`, `step`, `first`, `second`",
		"malformed": "runs in which the harness broke its own assumptions", "no_expect": "true after --no-expect",
		"interrupted": "true after ^C",
		"scenarios":   "name, SHA-256 and expectations of each, so that a merge can judge", "parts": "which runs these are: `scenarios`, `protocols` (none: each scenario's own), `seeds`, `shards` (none: all)",
		"exit": "the exit code",
	}},
	{"A finding", report.Finding{}, map[string]string{
		"scenario": "", "protocol": "", "property": "one that runs of this scenario and protocol broke", "count": "in so many runs", "seed": "of the run with the fewest steps, ties to the least seed",
		"steps": "of that run", "why": "its first violation in one sentence", "capsule": "the file that keeps that run, shrunk, with --out", "expected": "whether the scenario lists it",
		"reported_only": "true if it is neither expected nor held against the protocol", "liveness": "true if it is not one of safety",
		"causes": "those of its runs that look alike, below",
	}},
	{"A cause", report.Cause{}, map[string]string{
		"cause": "the sentence of its first violation without node numbers, times and sets", "seed": "of the run with the fewest steps, ties to the least seed", "steps": "of that run",
		"count": "in so many runs", "capsule": "the file that keeps it, with --out; causes whose capsules are alike share one",
	}},
}

// documentsSection tells the JSON documents as a part of the page about commands.
func documentsSection() (text string, missing []string) {
	var b strings.Builder
	b.WriteString("\n## JSON documents\n\nWith `--json` a command prints one of these, on one line. Later versions may add fields.\n")
	for _, d := range documents {
		fmt.Fprintf(&b, "\n### %s\n\n| field | holds |\n|---|---|\n", d.title)
		for _, name := range jsonFields(reflect.TypeOf(d.doc)) {
			about, ok := d.about[name]
			if !ok {
				missing = append(missing, d.title+": "+name)
			}
			fmt.Fprintf(&b, "| `%s` | %s |\n", name, about)
		}
	}
	return b.String(), missing
}

// jsonFields gives the names of a document's own fields, without those of what it embeds.
func jsonFields(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// TestDocumentsAreTold: no field of a document goes without a word on the page.
func TestDocumentsAreTold(t *testing.T) {
	if _, missing := documentsSection(); len(missing) > 0 {
		t.Errorf("not told: %v", missing)
	}
}
