package checker

import (
	"fmt"

	"nexarsim/checker/trace"
)

// Assumptions come before properties. A judge can only hold a protocol to a run that an honest harness may have made:
// time does not go back, the dead do nothing, closed links deliver nothing, and the environment stays within the failure
// model that the header declares. What breaks one of these is the harness's fault or the file's, is listed as malformed,
// and is not judged. What a node does is never malformed, however absurd.

// maxMalformed bounds how many are listed.
const maxMalformed = 8

func (j *Judge) malform(format string, args ...any) {
	if len(j.malformed) < maxMalformed {
		j.malformed = append(j.malformed, fmt.Sprintf(format, args...))
	}
}

// assume checks an event before it is judged; false if it cannot be.
func (j *Judge) assume(ev *trace.Event) bool {
	if ev.T < j.world.now {
		j.malform("event %d: time goes back from %d to %d", ev.Seq, j.world.now, ev.T)
		return false
	}
	j.world.now = ev.T
	switch k := ev.Kind; {
	case k == trace.Drop || k == trace.Verdict:
		return true
	case k == trace.KindInvalid || k > trace.Verdict:
		j.malform("event %d: no known kind", ev.Seq)
		return false
	case k.IsAct() && k > trace.Resume:
		return j.assumeAct(ev)
	}
	return j.exists(ev, ev.Node) && j.assumeWhole(ev) && j.assumeAlive(ev)
}

func (j *Judge) exists(ev *trace.Event, node int) bool {
	if node < 0 || node >= j.set.n {
		j.malform("event %d (%s): node %d does not exist", ev.Seq, ev.Kind, node)
		return false
	}
	return true
}

// assumeWhole checks that an event has what its kind needs.
func (j *Judge) assumeWhole(ev *trace.Event) bool {
	missing := false
	switch ev.Kind {
	case trace.Suspect, trace.Trust:
		return j.exists(ev, ev.Peer)
	case trace.Deliver:
		return j.exists(ev, ev.From)
	case trace.Install:
		missing = ev.Install == nil
	case trace.Told:
		missing = ev.Told == nil
	case trace.Call:
		missing = ev.Call == nil
	}
	if missing {
		j.malform("event %d (%s): incomplete", ev.Seq, ev.Kind)
	}
	return !missing
}

// lastWords is how long after a process was killed or stopped from outside a line of its own may be dated: the recording
// host notes its own deed first. A simulated clock leaves no such room.
const lastWords = 1_000_000_000

// assumeAlive checks that whoever does something can.
func (j *Judge) assumeAlive(ev *trace.Event) bool {
	n := &j.world.nodes[ev.Node]
	switch {
	case ev.Kind == trace.Crash || ev.Kind == trace.Pause || ev.Kind == trace.Resume || ev.Kind == trace.Input || ev.Kind == trace.Send:
		return j.assumePausing(ev)
	case n.crashed && (j.set.simulated || ev.T-n.crashedAt > lastWords):
		j.malform("event %d (%s): node %d crashed at %s and acts at %s", ev.Seq, ev.Kind, ev.Node, span64(n.crashedAt), span64(ev.T))
		return false
	case n.paused && j.set.simulated: // a real one may be continued unseen
		j.malform("event %d (%s): node %d is paused and acts", ev.Seq, ev.Kind, ev.Node)
		return false
	case ev.Kind == trace.Deliver && ev.Used && !ev.Late && j.set.simulated && len(j.world.acts) > 0 && ev.T != n.resumedAt && !j.world.open(ev.From, ev.Node):
		// A resumed node finds in its socket what came before the link closed.
		j.malform("event %d: a delivery from node %d to node %d over a closed link", ev.Seq, ev.From, ev.Node)
		return false
	}
	return true
}

// assumePausing holds pauses to the failure model.
func (j *Judge) assumePausing(ev *trace.Event) bool {
	if ev.Kind == trace.Pause && j.set.crashStop {
		j.malform("event %d: a pause in the crash-stop model", ev.Seq)
		return false
	}
	return true
}

// assumeAct checks an act that names no single node.
func (j *Judge) assumeAct(ev *trace.Event) bool {
	a := ev.Act
	if a == nil {
		j.malform("event %d (%s): incomplete", ev.Seq, ev.Kind)
		return false
	}
	for _, g := range a.Groups {
		for _, n := range g {
			if !j.exists(ev, n) {
				return false
			}
		}
	}
	for _, l := range a.Links {
		if !j.exists(ev, l.From) || !j.exists(ev, l.To) {
			return false
		}
	}
	for _, n := range a.Nodes {
		if !j.exists(ev, n) {
			return false
		}
	}
	for _, s := range a.Skew {
		if !j.exists(ev, s.Node) {
			return false
		}
	}
	for _, s := range a.Suspect {
		if !j.exists(ev, s.By) || !j.exists(ev, s.Of) {
			return false
		}
	}
	return !j.set.crashStop || j.assumeCrashStop(ev)
}

// assumeCrashStop refuses what makes suspicions false.
func (j *Judge) assumeCrashStop(ev *trace.Event) bool {
	switch ev.Kind {
	case trace.Partition, trace.Cut:
		j.malform("event %d: a %s in the crash-stop model", ev.Seq, ev.Kind)
		return false
	case trace.SuspectInjected:
		for _, s := range ev.Act.Suspect {
			if n := &j.world.nodes[s.Of]; !n.gone() && !n.leaving {
				j.malform("event %d: a suspicion of node %d in the crash-stop model, where it lives", ev.Seq, s.Of)
				return false
			}
		}
	}
	return true
}
