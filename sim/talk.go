package sim

import (
	"fmt"
	"strings"

	"nexarsim/core"
	"nexarsim/core/comm"
	"nexarsim/netsim"
)

// talk is what applications say to each other under Spec.Talk: now and then each sends something to some rank or receives
// something, on the view's communicator or on that of half of it.
type talk struct {
	talkers []talker
	halves  bool // nobody else splits, or calls what members must call in one order
}

// talker is a node's application.
type talker struct {
	made  uint64     // what it has done so far
	open  int        // calls that have not ended
	split core.Epoch // the last in which it has called split, plus one
	half  uint64     // what came of it; 0: nothing yet
}

// firstTalker is where the numbers of the applications that talk begin among those that work: worlds are smaller.
const firstTalker = 1 << 16

// openMax is how many calls an application has under way at most.
const openMax = 32

// planTalk lets the applications begin, each at a moment of its own within the first period.
func (s *Simulator) planTalk() {
	s.talk = talk{talkers: s.talk.talkers[:0]}
	if s.spec.Talk <= 0 {
		return
	}
	s.talk.halves = !needsCommunicator(s.sc)
	for id := range s.world {
		s.talk.talkers = append(s.talk.talkers, talker{})
		first := s.dice.Decide(choiceKey(domainTalk, uint64(id), 0), 0, uint64(s.spec.Talk))
		s.queue.push(int64(first), classLoad, uint32(firstTalker+id), 0)
	}
}

// talkDue lets an application say or hear something, if there is time left for it.
func (s *Simulator) talkDue(e *entry) {
	id := int(e.a) - firstTalker
	n, me := &s.nodes[id], &s.talk.talkers[id]
	if n.down() || n.ended || s.postpone(id, e) {
		return
	}
	s.queue.push(s.now+int64(s.spec.Talk), classLoad, e.a, 0)
	if s.now > s.end-int64(s.sc.Settle)/2 || me.open >= openMax {
		return
	}
	me.made++
	key := choiceKey(domainTalk, uint64(id), me.made)
	s.in = core.Input{Kind: core.InCall}
	switch {
	case s.talk.halves && me.split != n.epoch+1:
		me.split, me.half = n.epoch+1, 0
		s.in.Call, s.in.Value = core.CallSplit, s.brings(id, core.CallSplit)
	default:
		s.say(&s.in, me, id, key)
	}
	s.load.calls++
	s.in.ID = s.load.calls
	s.cause = 0
	me.open++
	s.step(id)
}

// say makes an input a send or a receive.
func (s *Simulator) say(in *core.Input, me *talker, id int, key netsim.Key) {
	world := uint64(s.world)
	if me.half != 0 && s.dice.Decide(key, 0, 3) == 0 {
		in.Comm, world = me.half, (world+1)/2
	}
	e := core.Envelope{From: core.Rank(s.dice.Decide(key, 1, world)), Tag: int32(s.dice.Decide(key, 2, 3))}
	if s.dice.Decide(key, 3, 2) == 0 {
		in.Call = core.CallSend
		e.To, e.From = e.From, 0
		e.Data = fmt.Sprint(id, " says ", me.made) // what nobody else says, so that whose it is shows
		if s.dice.Decide(key, 4, 8) == 0 {
			e.Data += strings.Repeat(".", 100)
		}
	} else {
		in.Call = core.CallReceive
		if s.dice.Decide(key, 4, 2) == 0 {
			e.From = core.NoRank
		}
	}
	in.Body = e.Encode()
}

// ended notes the end of an application's call.
func (t *talk) ended(id int, d *core.Done) {
	if len(t.talkers) == 0 || d.ID <= loadCalls {
		return
	}
	me := &t.talkers[id]
	switch d.Call {
	case core.CallSplit:
		me.half, _ = comm.ParseCommID(d.Result) // 0 if it came to nothing
	case core.CallSend, core.CallReceive:
	default:
		return
	}
	me.open--
}
