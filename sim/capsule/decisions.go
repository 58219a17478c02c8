package capsule

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"nexarsim/scenarios"
)

// The fields of a decision, which together say what kind it is, and of a step of a schedule.
var (
	timedFields = []string{
		"act", "link", "close", "release", "reopen", "detect", "phase", "kind", "epoch", "during", "nth", "delay", "lost", "copy", "after",
	}
	detectFields = []string{"by", "of"}
	stepFields   = []string{"do", "node", "from", "to", "peer", "kind", "epoch", "nth", "timer", "tail", "tails", "groups"}
)

// shape is the fields of one kind of decision: those that it has to have, and those that it may.
type shape struct {
	kind      Kind
	need, may []string
}

var timedShapes = []shape{
	{Act, []string{"act"}, nil},
	{Packet, []string{"link", "kind", "epoch", "nth"}, []string{"during", "delay", "lost", "copy"}},
	{Close, []string{"close", "nth"}, []string{"delay", "lost", "copy"}},
	{Release, []string{"release", "nth", "delay"}, nil},
	{Reopen, []string{"reopen", "nth", "delay"}, nil},
	{Detect, []string{"detect", "after"}, nil},
	{Phase, []string{"phase", "after"}, nil},
}

// stepShapes has the fields of each step of a schedule.
var stepShapes = []struct {
	do        string
	need, may []string
}{
	{"deliver", []string{"from", "to", "kind", "nth"}, []string{"epoch"}},
	{"lose", []string{"from", "to", "kind", "nth"}, []string{"epoch"}},
	{"duplicate", []string{"from", "to", "kind", "nth"}, []string{"epoch"}},
	{"timer", []string{"node", "timer"}, nil},
	{"wake", []string{"node"}, []string{"nth"}},
	{"sent", []string{"node"}, []string{"nth"}},
	{"suspect", []string{"node", "peer"}, nil},
	{"trust", []string{"node", "peer"}, nil},
	{"close", []string{"node", "peer"}, nil},
	{"crash", []string{"node"}, []string{"tail", "tails"}},
	{"partition", []string{"groups"}, nil},
	{"heal", nil, []string{"groups"}},
	{"tell", []string{"node", "peer"}, nil},
}

// StepKinds is what a step of a schedule can do.
func StepKinds() []string {
	var all []string
	for _, s := range stepShapes {
		all = append(all, s.do)
	}
	return all
}

// Fields names all fields of the format but those of scenarios, each once.
func Fields() []string {
	all := slices.Concat(capsuleFields, budgetFields, verdictFields, violationFields, originFields, timedFields, detectFields, stepFields, orderFields, eventFields)
	slices.Sort(all)
	return slices.Compact(all)
}

// rawFault is an act that the scenario's own reader has yet to read.
type rawFault struct {
	decision int
	start    int // where it stands in the file
	text     []byte
}

func (r *reader) decisions() {
	if r.c.Scenario == nil || r.c.Mode == "" {
		r.fail("expected mode and scenario before the decisions")
		return
	}
	r.keys = map[decisionKey]int{}
	r.list("a list of decisions", func(i int) {
		r.space()
		start := r.at
		if i >= MaxDecisions {
			r.failAt(start, "nexarsim shrink makes capsules smaller", "more than %d decisions", MaxDecisions)
			return
		}
		d := Decision{Line: r.lineOf(start)}
		if r.c.Mode == Schedule {
			d.Kind, d.Step = Next, r.step()
		} else {
			r.timed(&d, i)
		}
		if r.err == nil && d.Kind != Act && d.Kind != Next {
			key := d.key()
			if line, twice := r.keys[key]; twice {
				r.failAt(start, "", "decided twice: the same stands in line %d", line)
			}
			r.keys[key] = d.Line
		}
		r.c.Decisions = append(r.c.Decisions, d)
	})
	r.acts()
}

// decisionKey is what a decision is about.
type decisionKey struct {
	kind               Kind
	a, b               int
	message            string
	epoch, during, nth uint64
}

func (d *Decision) key() decisionKey {
	switch d.Kind {
	case Detect:
		return decisionKey{kind: d.Kind, a: d.By, b: d.Of}
	case Phase:
		return decisionKey{kind: d.Kind, a: d.Node}
	}
	return decisionKey{d.Kind, d.From, d.To, d.Message, d.Epoch, d.During, d.Nth}
}

// timed reads a decision of mode timed.
func (r *reader) timed(d *Decision, i int) {
	r.space()
	start := r.at
	var names []string
	r.object("a decision", timedFields, func(name string) {
		names = append(names, name)
		switch name {
		case "act":
			r.space()
			f := rawFault{decision: i, start: r.at}
			f.text = r.embedded(`an act such as {"at":"5s","crash":[0]}`)
			r.faults = append(r.faults, f)
		case "link", "close", "release", "reopen":
			d.From, d.To = r.link()
		case "detect":
			r.accusation(d)
		case "phase":
			d.Node = r.node()
		case "kind":
			d.Message = r.matching(protocolName, "a kind of message")
		case "epoch":
			d.Epoch = r.count(0)
		case "during":
			d.During = r.count(1)
		case "nth":
			d.Nth = r.count(1)
		case "delay", "after":
			d.Delay = r.duration()
		case "lost":
			d.Lost = r.yes()
		case "copy":
			d.Copy, d.Twice = r.duration(), true
		}
	})
	if r.err != nil {
		return
	}
	d.Kind = r.shape(start, names)
	r.sensible(start, d, names)
}

// shape finds the kind of decision that has these fields.
func (r *reader) shape(start int, names []string) Kind {
	for _, s := range timedShapes {
		if !slices.Contains(names, s.need[0]) {
			continue
		}
		for _, need := range s.need {
			if !slices.Contains(names, need) {
				r.failAt(start, "", "%s without %s", s.need[0], need)
			}
		}
		for _, name := range names {
			if !slices.Contains(s.need, name) && !slices.Contains(s.may, name) {
				r.failAt(start, "", "%s is not allowed beside %s", name, s.need[0])
			}
		}
		return s.kind
	}
	r.failAt(start, "", "expected one of act, link, close, release, reopen, detect, phase")
	return 0
}

// sensible refuses decisions that decide nothing or contradict themselves.
func (r *reader) sensible(start int, d *Decision, names []string) {
	has := func(name string) bool { return slices.Contains(names, name) }
	switch d.Kind {
	case Packet, Close:
		if d.Lost && (has("delay") || has("copy")) {
			r.failAt(start, "", "what is lost has no delay and no copy")
		}
		if !d.Lost && d.Delay == 0 && !d.Twice {
			r.failAt(start, "leave out what has its default", "expected delay, lost or copy")
		}
		if has("during") && d.During <= d.Epoch {
			r.failAt(start, "leave it out where they are the same", "during has to be a later epoch than epoch")
		}
	case Release, Reopen, Detect, Phase:
		if d.Delay == 0 {
			r.failAt(start, "leave out what has its default", "a duration of zero is the default")
		}
	}
}

// link reads [from, to].
func (r *reader) link() (from, to int) {
	r.space()
	start := r.at
	n := 0
	r.list("[from, to]", func(i int) {
		switch n++; i {
		case 0:
			from = r.node()
		case 1:
			to = r.node()
		default:
			r.fail("expected two nodes: [from, to]")
		}
	})
	switch {
	case r.err != nil:
	case n != 2:
		r.failAt(start, "", "expected two nodes: [from, to]")
	case from == to:
		r.failAt(start, "", "a link from node %d to itself", from)
	}
	return from, to
}

// accusation reads {"by":1,"of":2}.
func (r *reader) accusation(d *Decision) {
	r.space()
	start, n := r.at, 0
	r.object(`{"by":1,"of":2}`, detectFields, func(name string) {
		n++
		if name == "by" {
			d.By = r.node()
		} else {
			d.Of = r.node()
		}
	})
	if r.err == nil && (n != 2 || d.By == d.Of) {
		r.failAt(start, "", "expected two different nodes: by and of")
	}
}

// acts has the scenario's reader read all acts at once: each stands on a line of its own, which tells complaints apart.
func (r *reader) acts() {
	if r.err != nil || len(r.faults) == 0 {
		return
	}
	s := *r.c.Scenario
	s.About, s.Workload, s.Expect, s.Faults = "", nil, nil, nil
	var text bytes.Buffer
	text.Write(bytes.TrimSuffix(scenarios.JSON(&s), []byte(`"faults":[]}`)))
	text.WriteString("\"faults\":[\n")
	for i, f := range r.faults {
		text.Write(f.text)
		if i < len(r.faults)-1 {
			text.WriteByte(',')
		}
		text.WriteByte('\n')
	}
	text.WriteString("]}")
	whole, err := scenarios.Parse(r.file, text.Bytes())
	if err != nil {
		r.actError(err)
		return
	}
	for i, f := range r.faults {
		fault := &whole.Faults[i]
		fault.Line = 0
		if fault.Random != nil {
			r.within(fmt.Sprintf("[%d].act", f.decision), func() {
				r.failAt(f.start, "a capsule has the acts that were drawn", "expected an act, found random ones")
			})
			return
		}
		r.c.Decisions[f.decision].Fault = fault
	}
}

// actError turns the scenario reader's first complaint into one about this file.
func (r *reader) actError(err error) {
	var all scenarios.Errors
	if !errors.As(err, &all) || len(all) == 0 {
		r.fail("%s", shown(err.Error()))
		return
	}
	e := all[0]
	at := r.faults[min(max(e.Line-2, 0), len(r.faults)-1)]
	_, field, _ := strings.Cut(e.Path, "]")
	r.within(fmt.Sprintf("[%d].act%s", at.decision, field), func() { r.failAt(at.start, e.Hint, "%s", e.Msg) })
}

// step reads a step of a schedule.
func (r *reader) step() *Step {
	r.space()
	start := r.at
	s := &Step{}
	var names []string
	r.object("a step", stepFields, func(name string) {
		names = append(names, name)
		switch name {
		case "do":
			s.Do = r.word("step", StepKinds())
		case "node":
			s.Node = r.node()
		case "from":
			s.From = r.node()
		case "to":
			s.To = r.node()
		case "peer":
			s.Peer = r.node()
		case "kind":
			s.Kind = r.matching(protocolName, "a kind of message")
		case "epoch":
			s.Epoch = r.count(0)
		case "nth":
			s.Nth = r.count(1)
		case "timer":
			s.Timer = r.matching(protocolName, "a timer's name")
		case "tail":
			s.Tail = int(r.whole(0, 1_000_000))
		case "tails":
			s.Tails = r.tails()
		case "groups":
			s.Groups = r.groups()
		}
	})
	if r.err != nil {
		return s
	}
	for _, of := range stepShapes {
		if of.do == s.Do {
			r.stepFields(start, s, names, of.need, of.may)
			return s
		}
	}
	r.failAt(start, "", "expected do")
	return s
}

func (r *reader) stepFields(start int, s *Step, names, need, may []string) {
	for _, name := range need {
		if !slices.Contains(names, name) {
			r.failAt(start, "", "%s without %s", s.Do, name)
		}
	}
	for _, name := range names {
		if name != "do" && !slices.Contains(need, name) && !slices.Contains(may, name) {
			r.failAt(start, "", "%s is not allowed in %s", name, s.Do)
		}
	}
	switch {
	case slices.Contains(need, "from") && s.From == s.To:
		r.failAt(start, "", "a link from node %d to itself", s.From)
	case slices.Contains(need, "peer") && s.Node == s.Peer:
		r.failAt(start, "", "node and peer are the same")
	case slices.Contains(names, "tail") && slices.Contains(names, "tails"):
		r.failAt(start, "", "tail and tails are two ways to say what is lost: expected one of them")
	case slices.Contains(names, "groups") && len(s.Groups) < 2:
		r.failAt(start, "", "a partition needs two groups")
	}
}

// tails reads what a crash loses of each link: the receiver, and how many.
func (r *reader) tails() [][2]int {
	var all [][2]int
	r.list("a list of [receiver, how many]", func(int) {
		r.space()
		start, before := r.at, len(all)
		var pair []int
		r.list("a receiver and how many", func(i int) {
			if i == 0 {
				pair = append(pair, r.node())
			} else {
				pair = append(pair, int(r.whole(1, 1_000_000)))
			}
		})
		switch {
		case r.err != nil:
		case len(pair) != 2:
			r.failAt(start, "", "expected a receiver and how many of the last messages to it are lost, such as [2,1]")
		case before > 0 && all[before-1][0] >= pair[0]:
			r.failAt(start, "", "receiver %d after %d: expected each once, ascending", pair[0], all[before-1][0])
		default:
			all = append(all, [2]int{pair[0], pair[1]})
		}
	})
	return all
}

// groups reads the sides of a partition: no node is on two.
func (r *reader) groups() [][]int {
	var all [][]int
	seen := map[int]bool{}
	r.list("a list of groups", func(int) {
		r.space()
		start := r.at
		group := r.nodes()
		if r.err == nil && len(group) == 0 {
			r.failAt(start, "", "an empty group")
		}
		for _, n := range group {
			if seen[n] {
				r.failAt(start, "", "node %d is in two groups", n)
			}
			seen[n] = true
		}
		all = append(all, group)
	})
	return all
}
