package checker

import "slices"

// L1 Recovery: if the quorum rule can be met among live, connected members, every survivor installs a view without the
// crashed nodes, whatever the order of crashes, the coordinator's included, at any step. Judged at the end of a run, in
// four parts:
//   - what a live process knows reaches everybody who is connected with it: a member of an installed view installs it, an
//     excluded node learns that it is excluded, and ends;
//   - in the newest view that is known, no member is left that crashed or was shut down, if those who live and are
//     connected with each other are enough to go on;
//   - no orchestrator of a node that was not excluded ends, unless it is shut down or the policy is abort;
//   - under policy manual whoever has not called recover owes no install; under policy abort an end is owed instead of one.
//
// What arose less than the recovery timeout before the end leaves what it calls for undecided.

// lossMax is the loss, in parts per billion, above which a link does not count as one on which messages flow.
const lossMax = 100_000_000

// slowShare of the recovery timeout is the added latency above which it does not either.
const slowShare = 20

// survey is the picture of the end of a run: who can be expected to know, to tell and to do what.
type survey struct {
	j      *Judge
	w      *world
	end    int64
	limit  int64 // what arose at this time or later leaves undecided what it calls for
	whole  bool  // no act in force closes a link or loses messages
	group  []int // each process's connected component, -1 for none
	groups int
}

// due reports whether something that arose at t should have been answered by the end.
func (s *survey) due(t int64) bool { return t <= s.limit }

func (j *Judge) judgeRecovery(end Ending, out *outcome) {
	switch {
	case out.has(Livelock):
		out.undecided(Recovery, "the run ended at a livelock")
		return
	case !end.Complete:
		out.undecided(Recovery, "the run did not come to its own end")
		return
	}
	j.judgeEnds(end, out)
	if j.set.Loss > lossMax {
		out.undecided(Recovery, "the network loses more than a tenth of all messages")
		return
	}
	s := survey{j: j, w: &j.world, end: end.T, limit: end.T - j.set.RecoveryTimeout, group: j.scratch[:0]}
	s.connect()
	for g := range s.groups {
		top := s.newest(g)
		for n := range s.w.nodes {
			if s.group[n] == g && s.running(n) && s.epoch(n) < s.w.views[top].epoch {
				s.judgeKnowledge(n, out)
			}
		}
		s.judgeGroup(g, top, out)
	}
	j.scratch = s.group
}

// judgeEnds names the orchestrators that ended although nobody had told them to.
func (j *Judge) judgeEnds(end Ending, out *outcome) {
	for i := range j.world.nodes {
		n := &j.world.nodes[i]
		if !n.ended || n.excludedAtEnd {
			continue
		}
		wrong := n.why == "error" && !(j.set.classic && j.set.Policy == "abort") || n.why == "aborted" && j.set.Policy != "abort"
		if wrong {
			out.by(Recovery, n.endedAt, i, "node %d's orchestrator ended (%s) although the node was not excluded", i, n.said)
		}
	}
}

// tells reports whether a process answers at the end of the run with what it knows. One whose orchestrator ended with an
// eviction still does.
func (s *survey) tells(n int) bool {
	p := &s.w.nodes[n]
	return !p.crashed && !p.paused && !p.panicked && (!p.ended || p.why == "evicted")
}

// running reports whether an orchestrator may be expected to go on at the end of the run.
func (s *survey) running(n int) bool {
	p := &s.w.nodes[n]
	return s.tells(n) && !p.ended && !p.leaving
}

// knows gives the newest view that a process knows, and since when.
func (s *survey) knows(n int) (viewID, int64) {
	if h := &s.j.history.nodes[n]; h.claim != noView {
		return h.claim, h.claimAt
	}
	return s.w.nodes[n].view, s.w.nodes[n].installedAt
}

// epoch gives the epoch of the newest view that a process knows.
func (s *survey) epoch(n int) uint64 {
	v, _ := s.knows(n)
	return s.w.views[v].epoch
}

// connect finds the connected components among the processes that tell.
func (s *survey) connect() {
	s.whole = true
	for i := range s.w.acts {
		s.whole = s.whole && !disturbs(s.w.acts[i].kind)
	}
	for range s.w.nodes {
		s.group = append(s.group, -1)
	}
	for n := range s.w.nodes {
		if s.group[n] < 0 && s.tells(n) {
			s.spread(n, s.groups)
			s.groups++
		}
	}
}

// spread puts everybody who can be reached from a process into its group.
func (s *survey) spread(from, group int) {
	s.group[from] = group
	if s.whole {
		for n := range s.group {
			if s.tells(n) {
				s.group[n] = group
			}
		}
		return
	}
	for todo := []int{from}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for n := range s.group {
			if s.group[n] < 0 && s.tells(n) && s.linked(at, n) {
				s.group[n] = group
				todo = append(todo, n)
			}
		}
	}
}

// linked reports whether messages flow between two processes, both ways, at the end of the run.
func (s *survey) linked(a, b int) bool {
	if s.whole {
		return true
	}
	loss, limit := s.j.set.Loss, s.j.set.RecoveryTimeout
	return s.w.flows(a, b, loss, limit) && s.w.flows(b, a, loss, limit)
}

// judgeKnowledge holds a node to what those connected with it know.
func (s *survey) judgeKnowledge(n int, out *outcome) {
	mine := s.epoch(n)
	undecided := false
	for p := range s.w.nodes {
		if p == n || s.group[p] < 0 || s.group[p] != s.group[n] || s.epoch(p) <= mine || !s.linked(p, n) {
			continue
		}
		if s.told(p, n) {
			s.ignorant(n, p, out)
			return
		}
		undecided = true
	}
	if undecided && s.owesKnown(n) {
		out.undecided(Recovery, "node %d lacks a view that is known, or connected to it, for less than %s", n, span64(s.j.set.RecoveryTimeout))
	}
}

// told reports whether p, which knows more, has had the time to tell n.
func (s *survey) told(p, n int) bool {
	_, since := s.knows(p)
	return s.due(since) && s.due(s.w.linkAct) && s.due(s.w.nodes[p].resumedAt) && s.due(s.w.nodes[n].resumedAt)
}

// ignorant names a node that lacks what p knows, unless it need not act on it.
func (s *survey) ignorant(n, p int, out *outcome) {
	v, _ := s.knows(p)
	view := &s.w.views[v]
	if s.blocked(n) {
		out.undecided(Recovery, "node %d's application held the lock to the end", n)
		return
	}
	if !s.owesKnown(n) {
		return
	}
	if h := &s.j.history.nodes[n]; h.asked && !s.due(h.askedAt) {
		out.undecided(Recovery, "node %d's application called recover less than %s before the end", n, span64(s.j.set.RecoveryTimeout))
		return
	}
	if s.w.isMember(v, n) {
		out.by(Recovery, s.end, n, "node %d never installed epoch %d, of which it is a member and which node %d knows", n, view.epoch, p)
		return
	}
	out.by(Recovery, s.end, n, "node %d never learned that it is excluded from epoch %d, which node %d knows", n, view.epoch, p)
}

// owesKnown reports whether a node has to act on a later view that it can hear of. Under policy manual it waits for its
// application, except to learn that the decision after its own epoch excludes it.
func (s *survey) owesKnown(n int) bool {
	if s.j.set.Policy != "manual" || s.j.history.nodes[n].asked {
		return true
	}
	return s.j.eviction.nodes[n].epoch == s.w.views[s.w.nodes[n].view].epoch+1
}

// blocked reports whether a node may wait for its application: classic's rounds wait for the communicator's lock.
func (s *survey) blocked(n int) bool { return s.j.set.classic && s.w.nodes[n].held > 0 }

// judgeGroup looks for dead members in the newest view that a connected group knows.
func (s *survey) judgeGroup(g int, top viewID, out *outcome) {
	dead, since, late := s.deadMembers(top)
	if dead < 0 {
		return
	}
	var survivors []int
	for n := range s.w.nodes {
		if s.group[n] != g || !s.running(n) || !s.w.isMember(top, n) {
			continue
		}
		switch v, _ := s.knows(n); {
		case v == top:
			survivors = append(survivors, n)
		case s.j.set.Policy != "manual":
			return // it lacks what the others know: that is judged, and comes first
		}
	}
	switch {
	case len(survivors) == 0:
	case s.j.set.Policy == "abort":
		s.judgeAbort(survivors, dead, since, out)
	case !s.clique(survivors):
		out.undecided(Recovery, "node %d is gone, and those who are left are not all connected with each other", dead)
	case !s.enough(top, survivors):
	default:
		s.judgeSurvivors(survivors, top, dead, since, late, out)
	}
}

// newest gives the newest view that a group knows.
func (s *survey) newest(g int) viewID {
	top := noView
	for n := range s.w.nodes {
		if s.group[n] != g {
			continue
		}
		if v, _ := s.knows(n); top == noView || s.w.views[v].epoch > s.w.views[top].epoch {
			top = v
		}
	}
	return top
}

// deadMembers gives the member of a view that is gone longest, since when, and since when the latest one is; -1 for none.
func (s *survey) deadMembers(v viewID) (dead int, since, latest int64) {
	dead, latest = -1, never
	for _, m := range s.w.members(v) {
		if m < 0 || m >= s.w.n {
			continue
		}
		at, gone := s.goneFor(m)
		if !gone {
			continue
		}
		latest = max(latest, at)
		if dead < 0 || at < since {
			dead, since = m, at
		}
	}
	return dead, since, latest
}

// goneFor reports whether the others have to go on without a member, and since when. Under policy abort one that aborted
// counts: it told them so.
func (s *survey) goneFor(m int) (int64, bool) {
	n := &s.w.nodes[m]
	aborted := s.j.set.Policy == "abort" && !s.j.set.classic && n.ended && n.why == "aborted"
	return n.goneAt(), n.gone() || aborted
}

func (s *survey) clique(nodes []int) bool {
	if s.whole {
		return true
	}
	for i, a := range nodes {
		for _, b := range nodes[:i] {
			if !s.linked(a, b) {
				return false
			}
		}
	}
	return true
}

// enough applies the quorum rule. Under fail-stop everybody counts whom the survivors do not suspect: they cannot go on
// without a live member that they trust, even where it cannot be reached.
func (s *survey) enough(v viewID, survivors []int) bool {
	members := s.w.members(v)
	if s.j.set.rule == ruleAny && s.trustsOthers(members, survivors) {
		return false
	}
	lowest := false
	for _, n := range survivors {
		lowest = lowest || n == members[0]
	}
	return s.j.set.rule.quorum(len(survivors), len(members), lowest)
}

// trustsOthers reports whether a survivor trusts a live member that is not one of them.
func (s *survey) trustsOthers(members, survivors []int) bool {
	for _, m := range members {
		if m < 0 || m >= s.w.n || slices.Contains(survivors, m) {
			continue
		}
		if _, gone := s.goneFor(m); gone {
			continue
		}
		for _, n := range survivors {
			if !s.w.isSuspected(n, m) {
				return true
			}
		}
	}
	return false
}

// judgeSurvivors names those who never installed a view without a dead member.
func (s *survey) judgeSurvivors(survivors []int, v viewID, dead int, since, late int64, out *outcome) {
	var owing []int
	calm := s.due(since) && s.due(late) && s.due(s.w.lastAct) && s.due(s.w.views[v].lastT)
	for _, n := range survivors {
		p, h := &s.w.nodes[n], &s.j.history.nodes[n]
		if s.j.set.Policy == "manual" && !h.asked {
			continue
		}
		if s.blocked(n) {
			out.undecided(Recovery, "node %d's application held the lock to the end", n)
			return
		}
		owing = append(owing, n)
		calm = calm && s.due(p.suspectedAt) && s.due(p.resumedAt) && (!h.asked || s.due(h.askedAt))
	}
	switch epoch := s.w.views[v].epoch; {
	case len(owing) == 0:
	case !calm:
		out.undecided(Recovery, "node %d is gone and still a member of epoch %d, and what last arose did so less than %s before the end", dead, epoch, span64(s.j.set.RecoveryTimeout))
	default:
		out.add(Recovery, s.end, owing, "%s never installed a view without node %d, which is gone since %s and still a member of epoch %d", nodesText(owing), dead, span64(since), epoch)
	}
}

// judgeAbort names those who should have ended. Nobody needs a quorum for that.
func (s *survey) judgeAbort(survivors []int, dead int, since int64, out *outcome) {
	calm := s.due(since) && s.due(s.w.lastAct)
	for _, n := range survivors {
		calm = calm && s.due(s.w.nodes[n].suspectedAt) && s.due(s.w.nodes[n].resumedAt)
	}
	if !calm {
		out.undecided(Recovery, "node %d is gone under policy abort, and what last arose did so less than %s before the end", dead, span64(s.j.set.RecoveryTimeout))
		return
	}
	out.add(Recovery, s.end, survivors, "%s never ended although the policy is abort and node %d is gone since %s", nodesText(survivors), dead, span64(since))
}
