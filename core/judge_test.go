package core

import (
	"fmt"
	"slices"
)

// judge holds a world to the safety properties of docs/protocol.md, effect by effect. It shares no code with what it
// judges: quorums, views and ranks are counted here again, with slices and bit masks (so it judges worlds up to 64).
type judge struct {
	rule      Rule
	policy    Policy
	group     uint64
	seats     []seat
	views     []refView // by epoch: what was decided
	dead      []uint64  // by epoch: who left with the decision that ends it
	proposals map[proposalKey]NodeSet
	accepts   map[proposalKey]uint64
	gone      uint64 // crashed or shut down: the only ones whom an accurate detector may suspect
	book      *commBook
	err       string
}

// seat is what the judge knows of one node.
type seat struct {
	epoch     Epoch
	evicted   bool
	ended     bool
	believes  uint64 // suspects now
	ever      uint64 // has suspected at any time
	top       Ballot // the highest ballot of this epoch in which it has taken part
	told      bool   // quorum-lost, in this loss
	consent   bool   // policy manual: its application has called recover in this epoch
	witnessed uint64 // has seen them die
	owed      *Event // the recovered event that its last install owes
	failed    uint64 // told by failure-detected, in this epoch and this suspicion
}

type refView struct {
	members []NodeID
	comm    uint64
	history string
}

type proposalKey struct {
	epoch  Epoch
	ballot Ballot
}

// commBook remembers, over all runs of a test, which history has which comm_id (S5).
type commBook struct {
	byHistory map[string]uint64
	byComm    map[uint64]string
}

func newCommBook() *commBook {
	return &commBook{byHistory: map[string]uint64{}, byComm: map[uint64]string{}}
}

func newJudge(world int, group uint64, cfg Config, book *commBook) *judge {
	j := &judge{
		rule: cfg.Rule, policy: cfg.Policy, group: group, seats: make([]seat, world), book: book,
		proposals: map[proposalKey]NodeSet{}, accepts: map[proposalKey]uint64{},
	}
	first := refView{comm: group, history: fmt.Sprint(world)}
	for id := range NodeID(world) {
		first.members = append(first.members, id)
		j.seats[id].top = NoBallot
	}
	j.views = []refView{first}
	j.enter(first)
	return j
}

func (j *judge) fail(format string, args ...any) {
	if j.err == "" {
		j.err = fmt.Sprintf(format, args...)
	}
}

func mask(ids ...NodeID) uint64 {
	var m uint64
	for _, id := range ids {
		m |= 1 << uint(id)
	}
	return m
}

func maskOf(s NodeSet) uint64 { return mask(s.AppendIDs(nil)...) }

func unmask(m uint64) []NodeID {
	var ids []NodeID
	for id := NodeID(0); m != 0; id++ {
		if m&1 != 0 {
			ids = append(ids, id)
		}
		m >>= 1
	}
	return ids
}

// naiveMajority counts members one by one: more than half, or a half with the lowest rank.
func naiveMajority(members []NodeID, in uint64) bool {
	have := 0
	for _, id := range members {
		if in>>uint(id)&1 != 0 {
			have++
		}
	}
	rest := len(members) - have
	return have > rest || have == rest && have > 0 && in>>uint(members[0])&1 != 0
}

// enter writes a view into the book of comm_ids.
func (j *judge) enter(v refView) {
	if v.comm == 0 {
		j.fail("S5: history %s has comm_id 0", v.history)
	}
	if known, ok := j.book.byHistory[v.history]; ok && known != v.comm {
		j.fail("S5: history %s has comm_id %x and had %x before", v.history, v.comm, known)
	}
	if other, ok := j.book.byComm[v.comm]; ok && other != v.history {
		j.fail("S5: comm_id %x belongs to history %s and to %s", v.comm, other, v.history)
	}
	j.book.byHistory[v.history], j.book.byComm[v.comm] = v.comm, v.history
}

// survivors is the members of a view less the dead, in order.
func survivors(members []NodeID, dead uint64) []NodeID {
	var left []NodeID
	for _, id := range members {
		if dead>>uint(id)&1 == 0 {
			left = append(left, id)
		}
	}
	return left
}

// ranksOf is the positions of the dead in a member list.
func ranksOf(members []NodeID, dead uint64) []Rank {
	var ranks []Rank
	for i, id := range members {
		if dead>>uint(id)&1 != 0 {
			ranks = append(ranks, Rank(i))
		}
	}
	return ranks
}

func rankIn(members []NodeID, id NodeID) Rank { return Rank(slices.Index(members, id)) }

// decide takes the news, by whatever way, that an epoch ends with these dead (S1 S3). The first news must be backed by a
// quorum's acceptances.
func (j *judge) decide(by NodeID, e Epoch, set NodeSet, way string) {
	dead := maskOf(set)
	if int(e) < len(j.dead) {
		if j.dead[e] != dead {
			j.fail("S1: node %d %s: epoch %d ends without %v; it had ended without %v", by, way, e, unmask(dead), unmask(j.dead[e]))
		}
		return
	}
	if int(e) != len(j.dead) {
		j.fail("S4: node %d %s: epoch %d is decided before epoch %d", by, way, e, len(j.dead))
		return
	}
	v := j.views[e]
	if dead == 0 || dead&^mask(v.members...) != 0 {
		j.fail("S2: node %d %s: %v leave epoch %d, whose members are %v", by, way, unmask(dead), e, v.members)
		return
	}
	j.backed(by, e, dead, way)
	if j.rule == Majority && !naiveMajority(v.members, ^dead) {
		j.fail("S8: node %d %s: %v stay in epoch %d, no quorum of %v", by, way, survivors(v.members, dead), e+1, v.members)
	}
	for _, id := range unmask(dead) {
		if j.rule == FailStop && j.gone>>uint(id)&1 == 0 {
			j.fail("S3: node %d %s: %d leaves epoch %d and has neither crashed nor shut down", by, way, id, e)
		}
		accused := false
		for other := range j.seats {
			accused = accused || NodeID(other) != id && j.seats[other].ever>>uint(id)&1 != 0
		}
		if !accused {
			j.fail("S3: node %d %s: %d leaves epoch %d and nobody suspected it", by, way, id, e)
		}
	}
	next := refView{members: survivors(v.members, dead), history: v.history + fmt.Sprint(unmask(dead))}
	j.dead = append(j.dead, dead)
	j.views = append(j.views, next)
}

// backed finds the ballot in which a quorum has accepted the decision.
func (j *judge) backed(by NodeID, e Epoch, dead uint64, way string) {
	for key, who := range j.accepts {
		if key.epoch != e || maskOf(j.proposals[key]) != dead {
			continue
		}
		if j.rule == FailStop {
			if key.ballot.Coordinator == by && mask(j.views[e].members...)&^j.seats[by].believes&^who == 0 {
				return
			}
		} else if naiveMajority(j.views[e].members, who) {
			return
		}
	}
	j.fail("S1: node %d %s: no quorum has accepted that %v leave epoch %d", by, way, unmask(dead), e)
}

// takesPart holds a node to its promises: within one epoch its ballots never fall.
func (j *judge) takesPart(by NodeID, b Ballot, k Kind) {
	s := &j.seats[by]
	if b.Less(s.top) {
		j.fail("S1: node %d sends a %v for ballot %v and has promised %v", by, k, b, s.top)
	}
	s.top = b
}

// send judges a message that leaves a node.
func (j *judge) send(by, to NodeID, m *Message) {
	s := &j.seats[by]
	if m.Group != j.group {
		j.fail("S6: node %d sends a %v of group %x", by, m.Kind, m.Group)
	}
	if to == by || to < 0 || int(to) >= len(j.seats) {
		j.fail("node %d sends a %v to %d", by, m.Kind, to)
	}
	if s.evicted && m.Kind != Commit {
		j.fail("S7: node %d was evicted and sends a %v", by, m.Kind)
	}
	if m.Kind != Commit && m.Epoch != s.epoch {
		j.fail("S6: node %d of epoch %d sends a %v of epoch %d", by, s.epoch, m.Kind, m.Epoch)
	}
	key := proposalKey{m.Epoch, m.Ballot}
	switch m.Kind {
	case Vote, Prepare:
		j.takesPart(by, m.Ballot, m.Kind)
	case Agreement:
		j.takesPart(by, m.Ballot, m.Kind)
		if m.Ballot.Coordinator != by {
			j.fail("node %d proposes in ballot %v", by, m.Ballot)
		}
		if had, ok := j.proposals[key]; ok && had != m.Set {
			j.fail("S1: node %d proposes %v in ballot %v of epoch %d and had proposed %v", by, m.Set, m.Ballot, m.Epoch, had)
		}
		j.proposals[key] = m.Set
		j.accepts[key] |= mask(by)
	case Ack:
		j.takesPart(by, m.Ballot, m.Kind)
		if _, ok := j.proposals[key]; !ok {
			j.fail("node %d accepts ballot %v of epoch %d, in which nothing was proposed", by, m.Ballot, m.Epoch)
		}
		j.accepts[key] |= mask(by)
	case Commit:
		if m.Epoch > s.epoch && (j.policy != Manual || int(m.Epoch) >= len(j.dead)) {
			j.fail("S6: node %d of epoch %d tells the decision of epoch %d", by, s.epoch, m.Epoch)
		}
		j.decide(by, m.Epoch, m.Set, "tells")
	}
}

// believe judges a change of belief.
func (j *judge) believe(by, peer NodeID, suspected bool) {
	s := &j.seats[by]
	if s.believes>>uint(peer)&1 != 0 == suspected {
		j.fail("node %d believes again what it believed of %d: suspected=%v", by, peer, suspected)
	}
	if suspected {
		s.believes |= mask(peer)
		s.ever |= mask(peer)
	} else {
		s.believes &^= mask(peer)
		s.failed &^= mask(peer)
		if s.witnessed>>uint(peer)&1 != 0 {
			j.fail("node %d trusts %d and has witnessed its death", by, peer)
		}
	}
}

// consents takes the application's call of recover (policy manual).
func (j *judge) consents(by NodeID) { j.seats[by].consent = true }

// install judges a new view (S1 S2 S4 S5 S7).
func (j *judge) install(by NodeID, i *Install) {
	s := &j.seats[by]
	j.settled(by, "installs")
	if s.evicted || s.ended {
		j.fail("S7: node %d has ended and installs epoch %d", by, i.View.Epoch)
		return
	}
	if j.policy == AbortAll || j.policy == Manual && !s.consent {
		j.fail("node %d installs epoch %d, which its application does not want", by, i.View.Epoch)
	}
	s.consent = false
	if i.View.Epoch != s.epoch+1 {
		j.fail("S4: node %d installs epoch %d after epoch %d", by, i.View.Epoch, s.epoch)
		return
	}
	j.decide(by, s.epoch, i.Dead, "installs")
	if j.err != "" {
		return
	}
	old, v := j.views[s.epoch], &j.views[s.epoch+1]
	if !slices.Equal(i.View.Members(), v.members) || !slices.Contains(v.members, by) {
		j.fail("S2: node %d installs %v as epoch %d; expected %v with itself", by, i.View.Members(), i.View.Epoch, v.members)
		return
	}
	for r, id := range v.members {
		if i.View.Rank(id) != Rank(r) || i.View.Node(Rank(r)) != id {
			j.fail("S2: node %d has rank %d in epoch %d of node %d; expected %d", id, i.View.Rank(id), i.View.Epoch, by, r)
		}
	}
	if v.comm == 0 {
		v.comm = i.View.CommID
		j.enter(*v)
	}
	if v.comm != i.View.CommID {
		j.fail("S1: node %d installs epoch %d with comm_id %x; expected %x", by, i.View.Epoch, i.View.CommID, v.comm)
	}
	dead := j.dead[s.epoch]
	s.owed = &Event{
		Kind: EventRecovered, Epoch: s.epoch + 1, OldRank: rankIn(old.members, by), NewRank: rankIn(v.members, by),
		NewWorldSize: len(v.members), DeadRanks: ranksOf(old.members, dead),
	}
	s.epoch++
	s.top = NoBallot
	s.believes &^= dead
	s.failed = 0
	if naiveMajority(v.members, ^s.believes) {
		s.told = false
	}
}

// event judges what the application is told.
func (j *judge) event(by NodeID, e *Event) {
	s := &j.seats[by]
	v := j.views[s.epoch]
	rank := rankIn(v.members, by)
	want := Event{Kind: e.Kind, Epoch: s.epoch, OldRank: rank, NewRank: rank, NewWorldSize: len(v.members), DeadRanks: e.DeadRanks}
	if s.evicted {
		j.fail("S7: node %d was evicted and tells of %v", by, e.Kind)
		return
	}
	switch e.Kind {
	case EventRecovered:
		if s.owed == nil {
			j.fail("S4: node %d tells of a recovery and has installed nothing", by)
			return
		}
		want, s.owed = *s.owed, nil
	case EventEvicted:
		at := s.epoch
		if j.policy == Manual && e.Epoch > at+1 && int(e.Epoch)-1 < len(j.views) {
			at, v = e.Epoch-1, j.views[e.Epoch-1] // it waited for its application while the others went on
		}
		dead := uint64(0)
		for _, r := range e.DeadRanks {
			dead |= mask(v.members[r])
		}
		j.decide(by, at, NodeSetOf(unmask(dead)...), "is evicted")
		if dead>>uint(by)&1 == 0 {
			j.fail("S7: node %d is evicted by a decision that excludes %v", by, unmask(dead))
		}
		left := survivors(v.members, dead)
		want = Event{Kind: EventEvicted, Epoch: at + 1, OldRank: rank, NewRank: NoRank, NewWorldSize: len(left), DeadRanks: ranksOf(v.members, dead)}
		s.evicted = true
	case EventQuorumLost:
		want.DeadRanks = ranksOf(v.members, s.believes)
		if j.rule == FailStop || naiveMajority(v.members, ^s.believes) {
			j.fail("S8: node %d reports a lost quorum and has one: it suspects %v of %v", by, unmask(s.believes), v.members)
		}
		if s.told {
			j.fail("S8: node %d reports one loss of its quorum twice", by)
		}
		s.told = true
	case EventFailureDetected:
		if j.policy != Manual || len(e.DeadRanks) == 0 {
			j.fail("node %d tells of failures %v under policy %v", by, e.DeadRanks, j.policy)
		}
		for _, r := range e.DeadRanks {
			m := mask(v.members[r])
			if s.failed&m != 0 {
				j.fail("node %d tells of the failure of rank %d twice", by, r)
			}
			s.failed |= m
		}
	case EventAborted:
		if j.policy != AbortAll || len(e.DeadRanks) == 0 {
			j.fail("node %d aborts for %v under policy %v", by, e.DeadRanks, j.policy)
		}
	}
	if e.Kind != want.Kind || e.Epoch != want.Epoch || e.OldRank != want.OldRank || e.NewRank != want.NewRank ||
		e.NewWorldSize != want.NewWorldSize || !slices.Equal(e.DeadRanks, want.DeadRanks) {
		j.fail("S4: node %d tells of the wrong event (-want +got)\n\t-%+v\n\t+%+v", by, want, *e)
	}
}

// settled fails if an install's recovered event is still owed.
func (j *judge) settled(by NodeID, doing string) {
	if j.seats[by].owed != nil {
		j.fail("S4: node %d %s and has not told of its installed epoch %d", by, doing, j.seats[by].epoch)
	}
}

// end judges the end of an orchestrator.
func (j *judge) end(by NodeID, why EndWhy) {
	s := &j.seats[by]
	if s.ended {
		j.fail("S7: node %d ends twice", by)
	}
	if (why == EndEvicted) != s.evicted {
		j.fail("S7: node %d ends as %v; evicted=%v", by, why, s.evicted)
	}
	if why == EndError {
		j.fail("L3: node %d ends with an error", by)
	}
	s.ended = true
	if why == EndShutdown {
		j.gone |= mask(by)
	}
}

// withdrawn keeps the judge's record of a loss: it ends when the node has a quorum again.
func (j *judge) regain(by NodeID) {
	s := &j.seats[by]
	if naiveMajority(j.views[s.epoch].members, ^s.believes) {
		s.told = false
	}
}
