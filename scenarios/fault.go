package scenarios

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

var (
	faultFields  = slices.Concat([]string{"at", "when", "for"}, actWords[1:], []string{"random", "silent", "links"})
	randomFields = []string{"crashes", "partitions", "cuts", "pauses", "suspicions", "between"}
)

// mostRandom bounds how many faults of one kind are drawn.
const mostRandom = 1000

// faults reads the list of faults. It may be empty.
func (f fields) faults(duration time.Duration) []Fault {
	v, ok := f.get("faults")
	if !ok || !v.is(yaml.SequenceNode, "a list of faults") {
		return nil
	}
	var all []Fault
	for entry := range v.children() {
		all = append(all, entry.fault(duration))
	}
	return all
}

// fault reads one entry: one act at a time or at a trigger, or random acts.
func (v value) fault(duration time.Duration) Fault {
	fault := Fault{Line: v.node.Line}
	f, ok := v.fields("a fault such as {at: 10s, crash: [4]}", faultFields)
	if !ok {
		return fault
	}
	f.oneAct()
	if r, ok := f.get("random"); ok {
		f.randomAlone()
		fault.Random = r.random(duration)
		return fault
	}
	fault.At, fault.When = f.moment()
	fault.Act = f.act()
	fault.For = f.lasting(fault.Act.Kind)
	return fault
}

// actNames are the fields that name an act, in file order.
func (f fields) actNames() []string {
	var names []string
	for _, name := range f.names {
		if name == "random" || slices.Contains(actWords[1:], name) {
			names = append(names, name)
		}
	}
	return names
}

// oneAct complains about a fault with no act or with several.
func (f fields) oneAct() {
	names := f.actNames()
	switch {
	case len(names) == 0 && !f.unknown:
		f.of.fail("one of "+strings.Join(actWords[1:], ", ")+", random", "no act")
	case len(names) > 1:
		f.byName[names[1]].fail("write a fault of its own for each act", "two acts in one fault: %s and %s", names[0], names[1])
	}
}

// randomAlone complains about what cannot stand beside random acts.
func (f fields) randomAlone() {
	for _, name := range []string{"at", "when", "for", "silent", "links"} {
		if v, ok := f.get(name); ok {
			v.fail("random acts begin at times drawn from `between` and last at most 30s", "not allowed beside random")
		}
	}
}

// moment reads when the act happens.
func (f fields) moment() (at time.Duration, when *Trigger) {
	a, hasAt := f.get("at")
	w, hasWhen := f.get("when")
	if hasAt {
		at, _ = a.duration(0, longestDuration)
	}
	if hasWhen {
		when = w.trigger()
	}
	switch {
	case hasAt && hasWhen:
		w.fail("a fault happens at a time or at a trigger: remove one", "both at and when")
		return at, nil
	case !hasAt && !hasWhen && !f.unknown:
		f.of.fail("say when: at: 10s, or when: {node: 0, sends: agreement}", "neither at nor when")
	}
	return at, when
}

// lasting reads how long the act holds; 0 is to the end.
func (f fields) lasting(kind ActKind) time.Duration {
	v, ok := f.get("for")
	if !ok {
		return 0
	}
	if kind == ActCrash || kind == ActApp {
		v.fail("remove it; a node that comes back is `pause`", "%s does not last", kind)
		return 0
	}
	t, _ := v.duration(1, longestDuration)
	return t
}

// random reads which faults are drawn from the seed.
func (v value) random(duration time.Duration) *Random {
	r := &Random{BetweenMax: duration}
	f, ok := v.fields("what to draw, such as {crashes: 0..2}", randomFields)
	if !ok {
		return r
	}
	before := v.d.count
	r.Crashes = f.wholeRange("crashes", 0, mostRandom)
	r.Partitions = f.wholeRange("partitions", 0, mostRandom)
	r.Cuts = f.wholeRange("cuts", 0, mostRandom)
	r.Pauses = f.wholeRange("pauses", 0, mostRandom)
	r.Suspicions = f.wholeRange("suspicions", 0, mostRandom)
	if b, ok := f.get("between"); ok {
		r.BetweenMin, r.BetweenMax, _ = b.span(0, longestDuration)
	}
	if !f.unknown && v.d.count == before && r.Crashes.Max+r.Partitions.Max+r.Cuts.Max+r.Pauses.Max+r.Suspicions.Max == 0 {
		v.fail("say how many: {crashes: 0..2, between: 5s..60s}", "no act: nothing is drawn")
	}
	if v.d.model == CrashStop {
		f.accurate("partitions", r.Partitions)
		f.accurate("cuts", r.Cuts)
		f.accurate("pauses", r.Pauses)
		f.accurate("suspicions", r.Suspicions)
	}
	return r
}

// accurate complains about random acts that the crash-stop model excludes.
func (f fields) accurate(name string, r Range) {
	if r.Max > 0 {
		f.byName[name].notInCrashStop()
	}
}

// notInCrashStop complains about an act that would make an accurate detector impossible.
func (v value) notInCrashStop() {
	v.fail("remove it, or write model: asynchronous", "not allowed in model crash-stop: only crashed nodes are suspected there")
}
