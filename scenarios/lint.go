package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Warning is advice about a valid scenario: it runs, but perhaps not as meant.
type Warning struct {
	Line int    // of the fault; 0 if the advice is about the whole scenario
	Path string // the field
	Msg  string
}

// String gives path and message.
func (w Warning) String() string { return w.Path + ": " + w.Msg }

// manyMessages is how many heartbeats make a run slow: about a minute of real time.
const manyMessages = 50_000_000

// Lint gives advice about a valid scenario.
func Lint(s *Scenario) []Warning {
	l := linter{s: s, crashed: map[int]time.Duration{}}
	l.settle()
	l.size()
	l.policy()
	l.expectations()
	l.timedFaults()
	for i := range s.Faults {
		l.triggered(i)
	}
	return l.warnings
}

// linter collects the advice about one scenario.
type linter struct {
	s        *Scenario
	crashed  map[int]time.Duration // by timed acts, when
	warnings []Warning
}

// warn records advice about the whole scenario.
func (l *linter) warn(path, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{Path: path, Msg: fmt.Sprintf(format, args...)})
}

// warnFault records advice about a fault.
func (l *linter) warnFault(i int, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{Line: l.s.Faults[i].Line, Path: fmt.Sprintf("faults[%d]", i), Msg: fmt.Sprintf(format, args...)})
}

// settle finds a quiet time that is too short to judge anything. None at all says that only safety matters.
func (l *linter) settle() {
	if settle, owed := l.s.Settle, l.s.Config.RecoveryTimeout; len(l.s.Faults) > 0 && settle > 0 && settle < owed {
		l.warn("settle", "shorter than recovery_timeout (%s): what the last act brings about stays undecided; write 0s if only safety matters", FormatDuration(owed))
	}
}

// size finds runs with so many heartbeats that they take minutes.
func (l *linter) size() {
	members := float64(l.s.World.Max)
	heartbeats := members * min(members, 64) * float64(l.s.Duration) / float64(l.s.Config.HeartbeatInterval)
	if heartbeats > manyMessages {
		l.warn("duration", "about %.0e heartbeats a run: shorten it, or lengthen heartbeat_interval", heartbeats)
	}
}

// policy finds a manual policy under which nobody owes anything.
func (l *linter) policy() {
	recovers := func(f Fault) bool { return f.Act.Kind == ActApp && f.Act.Op == "recover" }
	if l.s.Config.Policy == "manual" && len(l.s.Faults) > 0 && !slices.ContainsFunc(l.s.Faults, recovers) {
		l.warn("config.policy", "manual, but no application ever recovers, so nobody owes an install: add {at: 20s, app: {recover: [0, 1]}}")
	}
}

// expectations finds properties that no run of this scenario and protocol can be judged by.
func (l *linter) expectations() {
	for _, e := range l.s.Expect {
		for _, p := range slices.Concat(e.Violates, e.May) {
			if why := l.neverJudged(e.Protocol, p); why != "" {
				l.warn("expect."+e.Protocol, "%s is never found: %s", p, why)
			}
		}
	}
}

// neverJudged says why a property cannot be violated, or nothing.
func (l *linter) neverJudged(protocol, property string) string {
	switch {
	case property == "quorum-loss" && protocol != "quorum":
		return "it is judged for quorum only"
	case property == "late" && isClassic(protocol):
		return "it is judged for quorum and fail-stop only"
	case property == "linearizability" && (l.s.Workload == nil || l.s.Workload.Kind != "register"):
		return "no workload writes and reads a register"
	case property == "collective" && l.s.Workload == nil && !slices.ContainsFunc(l.s.Faults, isCollective):
		return "no application runs a collective"
	}
	return ""
}

// isClassic reports whether the protocol is classic or a rung of its repair ladder.
func isClassic(protocol string) bool { return strings.HasPrefix(protocol, "classic") }

// isCollective reports whether the fault makes the application run a collective.
func isCollective(f Fault) bool {
	return f.Act.Kind == ActApp && slices.Contains([]string{"split", "barrier", "allreduce"}, f.Act.Op)
}

// timedFaults goes through the acts that have a time, in the order of their times.
func (l *linter) timedFaults() {
	var order []int
	for i, f := range l.s.Faults {
		if f.When == nil && f.Random == nil {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(l.s.Faults[a].At - l.s.Faults[b].At) })
	for _, i := range order {
		l.timed(i)
	}
	if len(l.crashed) >= l.s.World.Max {
		l.warn("faults", "all nodes crash: nobody is left to recover")
	}
}

// timed finds acts that come late or only meet dead nodes.
func (l *linter) timed(i int) {
	f := l.s.Faults[i]
	if f.At > l.s.Duration {
		l.warnFault(i, "at %s is after the duration (%s): the run is prolonged to %s", FormatDuration(f.At), FormatDuration(l.s.Duration), FormatDuration(f.At+f.For+l.s.Settle))
	}
	actors := f.Act.actors()
	dead := func(n int) bool { _, ok := l.crashed[n]; return ok }
	if len(actors) > 0 && !slices.ContainsFunc(actors, func(n int) bool { return !dead(n) }) {
		l.warnFault(i, "does nothing: by then every node that it is about has crashed")
	}
	if f.Act.Kind == ActCrash {
		for _, n := range f.Act.Nodes {
			if !dead(n) {
				l.crashed[n] = f.At
			}
		}
	}
}

// actors are the nodes without which the act does nothing.
func (a Act) actors() []int {
	switch a.Kind {
	case ActSuspect:
		var by []int
		for _, s := range a.Suspect {
			by = append(by, s.By)
		}
		return by
	case ActSkew:
		var owners []int
		for _, s := range a.Skew {
			owners = append(owners, s.Node)
		}
		return owners
	default:
		return a.Nodes
	}
}

// triggered finds triggers that can never fire.
func (l *linter) triggered(i int) {
	f := l.s.Faults[i]
	if f.When == nil {
		return
	}
	if why := l.neverFires(f.When); why != "" {
		l.warnFault(i, "never fires: %s", why)
	}
}

// neverFires says why a trigger cannot fire, or nothing.
func (l *linter) neverFires(t *Trigger) string {
	at, crashes := l.crashed[t.Node]
	switch {
	case crashes && at == 0:
		return fmt.Sprintf("node %d crashes at the start", t.Node)
	case t.Kind == Installs && t.Epoch == 0:
		return "epoch 0 is the first view, which nobody installs"
	case t.Kind == Installs && t.Nth > 1:
		return "a node installs an epoch once"
	case l.s.World.Max == 1:
		return "a node that is alone has nobody to talk to"
	case isClassic(l.s.Protocol) && slices.Contains([]string{"prepare", "ack", "commit", "refusal"}, t.Message):
		return fmt.Sprintf("%s sends no %s", l.s.Protocol, t.Message)
	}
	return ""
}
