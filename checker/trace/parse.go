package trace

import "slices"

// The words that some fields are limited to.
var (
	noticeKinds = []string{"recovered", "failure-detected", "evicted", "quorum-lost", "aborted"}
	endWhys     = []string{"shutdown", "evicted", "aborted", "error"}
	callOps     = []string{"split", "barrier", "allreduce", "write", "read", "send", "receive"}
	callPhases  = []string{"start", "end"}
	appOps      = []string{"split", "barrier", "allreduce", "shutdown", "recover"}
	sources     = []string{"sim", "quic"}
	models      = []string{"asynchronous", "crash-stop"}
	modes       = []string{ModeSchedule}
)

// parser turns one line into an Event, in memory that the next line uses again.
type parser struct {
	scanner
	world int    // nodes of the trace
	group uint64 // what a message belongs to that names no group

	seen   fieldSet
	ev     Event
	act    Act
	msg    Message
	view   View
	notice Notice
	op     Operation
	epoch  uint64
	opWord string
	groups []int // backing of act.Groups
	in     []byte
	body   []byte
}

// parse reads a line. It checks the line alone; what must fit other lines is the Reader's.
func (p *parser) parse(line []byte, out *Event) *FormatError {
	p.reset(line)
	p.seen, p.epoch, p.opWord = 0, 0, ""
	p.ev = Event{Node: -1}
	p.act = Act{Nodes: p.act.Nodes[:0], Links: p.act.Links[:0], Groups: p.act.Groups[:0], Skew: p.act.Skew[:0], Suspect: p.act.Suspect[:0]}
	p.view = View{Members: p.view.Members[:0], Dead: p.view.Dead[:0]}
	p.notice = Notice{DeadRanks: p.notice.DeadRanks[:0]}
	p.op = Operation{}
	if p.open('{') {
		for first := true; p.next(&first, '}'); {
			p.lineField()
		}
	}
	p.end()
	p.finish()
	if p.err == nil {
		*out = p.ev
	}
	return p.err
}

// lineField reads one field and its value.
func (p *parser) lineField() {
	key := p.key()
	if p.err != nil {
		return
	}
	f, ok := fieldOf(key)
	if !ok {
		p.failAt(string(key), didYouMean(string(key), fieldNames), "unknown field")
		return
	}
	if p.seen.has(f) {
		p.failAt(fieldNames[f], "", "duplicate field")
		return
	}
	p.seen |= 1 << f
	p.push(fieldNames[f])
	p.value(f)
	p.pop()
}

func (p *parser) value(f field) {
	switch f {
	case fSeq:
		p.ev.Seq = p.uint()
	case fCause:
		p.ev.Cause = p.uint()
	case fT:
		p.ev.T = p.time()
	case fNode:
		p.ev.Node = p.node(p.world)
	case fEv:
		p.kind()
	case fSilent:
		p.ev.Silent = p.bool()
	case fGroups, fLinks, fNodes, fBy, fLoss, fDuplicate, fSkew, fHold, fApp, fSuspect:
		p.actValue(f)
	case fOp:
		p.opWord = p.word()
	case fPeer:
		p.ev.Peer = p.node(p.world)
	case fTo:
		p.ev.To = p.node(p.world)
	case fFrom:
		p.ev.From = p.node(p.world)
	case fID:
		p.ev.ID = p.uint()
	case fMsg:
		p.message()
	case fEpoch:
		p.epoch = p.uint()
	case fUsed:
		p.ev.Used = p.bool()
	case fLate:
		p.ev.Late = p.bool()
	case fWhy:
		p.ev.Why = p.word()
	case fN:
		p.ev.N = p.uint()
	case fError:
		p.ev.Error = p.word()
	case fIn:
		p.in = p.base64(p.in[:0])
	case fViolations:
		p.violations()
	case fDigest:
		p.ev.Digest = p.word()
	case fSteps:
		p.ev.Steps = p.uint()
	case fInstalls:
		p.ev.Installs = p.uint()
	default:
		p.reportValue(f)
	}
}

// actValue reads a field of an act of the environment.
func (p *parser) actValue(f field) {
	switch f {
	case fGroups:
		p.actGroups()
	case fLinks:
		p.actLinks()
	case fNodes, fHold:
		p.act.Nodes = p.nodes(p.act.Nodes, p.world)
	case fBy:
		p.act.By = p.duration()
	case fLoss, fDuplicate:
		p.act.Rate = p.rate()
	case fApp:
		p.actApp()
	case fSkew:
		p.actSkew()
	default: // fSuspect
		p.actSuspect()
	}
}

// reportValue reads a field of an install, an event or a call.
func (p *parser) reportValue(f field) {
	switch f {
	case fRank:
		p.view.Rank = p.small()
	case fWorld:
		p.view.World = p.small()
	case fMembers:
		p.view.Members = p.ints(p.view.Members, maxList)
	case fCommID:
		p.view.CommID = p.hex()
	case fDead:
		p.view.Dead = p.ints(p.view.Dead, maxList)
	case fKind:
		p.notice.Kind = p.oneOf(noticeKinds)
	case fOldRank:
		p.notice.OldRank = p.small()
	case fNewRank:
		p.notice.NewRank = p.small()
	case fNewWorldSize:
		p.notice.NewWorldSize = p.small()
	case fDeadRanks:
		p.notice.DeadRanks = p.ints(p.notice.DeadRanks, maxList)
	case fPhase:
		p.op.Phase = p.oneOf(callPhases)
	default: // fValue
		p.op.Value = string(p.raw())
	}
}

func (p *parser) kind() {
	word := p.text()
	if p.err != nil {
		return
	}
	for k := Crash; k <= Verdict; k++ {
		if kindNames[k] == string(word) {
			p.ev.Kind = k
			return
		}
	}
	p.failHint(didYouMean(string(word), kindNames), "unknown event %q", snippet(word))
}

// time reads nanoseconds since the start of the run.
func (p *parser) time() int64 {
	t := p.int()
	if t < 0 {
		p.fail("time %d before the start of the run", t)
	}
	return t
}

// oneOf reads one of a few words.
func (p *parser) oneOf(words []string) string {
	word := p.text()
	if p.err != nil {
		return ""
	}
	for _, w := range words {
		if w == string(word) {
			return w
		}
	}
	p.failHint(didYouMean(string(word), words), "expected %s, found %q", list(words), snippet(word))
	return ""
}

// list names alternatives.
func list(words []string) string {
	s := ""
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			s += " or "
		case i > 0:
			s += ", "
		}
		s += `"` + w + `"`
	}
	return s
}

func (p *parser) actGroups() {
	p.groups = p.groups[:0]
	if !p.open('[') {
		return
	}
	for first := true; p.next(&first, ']'); {
		p.index(len(p.act.Groups))
		if len(p.act.Groups) >= p.world {
			p.fail("more groups than nodes")
			return
		}
		start := len(p.groups)
		p.groups = p.nodes(p.groups, p.world)
		p.act.Groups = append(p.act.Groups, p.groups[start:len(p.groups):len(p.groups)])
	}
}

// nested reads a list of objects. each is called with the name of one field at a time and says whether it knows it.
func (p *parser) nested(names []string, each func(p *parser, i, field int)) {
	if !p.open('[') {
		return
	}
	i := 0
	for first := true; p.next(&first, ']'); i++ {
		p.index(i)
		p.object(names, len(names), i, each)
	}
}

// object reads one object whose first fields must be there, none of them twice, and gives the set of those that are.
func (p *parser) object(names []string, must, i int, each func(p *parser, i, field int)) (seen int) {
	if !p.open('{') {
		return 0
	}
	for first := true; p.next(&first, '}'); {
		key := p.key()
		if p.err != nil {
			return seen
		}
		f := 0
		for f < len(names) && names[f] != string(key) {
			f++
		}
		if f == len(names) {
			p.failAt(string(key), didYouMean(string(key), names), "unknown field")
			return seen
		}
		if seen>>f&1 != 0 {
			p.failAt(names[f], "", "duplicate field")
			return seen
		}
		seen |= 1 << f
		p.push(names[f])
		each(p, i, f)
		p.pop()
	}
	for f := range must {
		if p.err == nil && seen>>f&1 == 0 {
			p.failAt(names[f], "", "missing")
		}
	}
	return seen
}

var linkFields = []string{"from", "to"}

func (p *parser) actLinks() {
	p.nested(linkFields, func(p *parser, i, f int) {
		if i == len(p.act.Links) {
			p.act.Links = append(p.act.Links, Link{})
		}
		if l := &p.act.Links[i]; f == 0 {
			l.From = p.node(p.world)
		} else {
			l.To = p.node(p.world)
		}
	})
}

var skewFields = []string{"node", "rate", "step"}

func (p *parser) actSkew() {
	p.nested(skewFields, func(p *parser, i, f int) {
		if i == len(p.act.Skew) {
			p.act.Skew = append(p.act.Skew, ClockSkew{})
		}
		switch s := &p.act.Skew[i]; f {
		case 0:
			s.Node = p.node(p.world)
		case 1:
			s.Rate = p.rate()
		default:
			s.Step = p.duration()
		}
	})
}

// actApp reads what the application does: one operation with its nodes, as a scenario writes it.
func (p *parser) actApp() {
	seen := p.object(appOps, 0, -1, func(p *parser, _, f int) {
		p.act.Op = appOps[f]
		p.act.Nodes = p.nodes(p.act.Nodes, p.world)
	})
	if p.err == nil && seen&(seen-1) != 0 || p.err == nil && seen == 0 {
		p.fail("expected one operation with its nodes")
	}
}

var accusationFields = []string{"by", "of"}

func (p *parser) actSuspect() {
	p.nested(accusationFields, func(p *parser, i, f int) {
		if i == len(p.act.Suspect) {
			p.act.Suspect = append(p.act.Suspect, Accusation{})
		}
		if a := &p.act.Suspect[i]; f == 0 {
			a.By = p.node(p.world)
		} else {
			a.Of = p.node(p.world)
		}
	})
}

var violationFields = []string{"property", "t", "nodes", "why"}

func (p *parser) violations() {
	p.nested(violationFields, func(p *parser, i, f int) {
		if i == len(p.ev.Violations) {
			p.ev.Violations = append(p.ev.Violations, Violation{})
		}
		switch v := &p.ev.Violations[i]; f {
		case 0:
			v.Property = p.word()
		case 1:
			v.T = p.time()
		case 2:
			v.Nodes = p.nodes(nil, p.world)
		default:
			v.Why = p.word()
		}
	})
}

var messageFields = []string{"type", "epoch", "group", "round", "coordinator", "set", "num", "body", "body64"}

// message reads what a send carries: type and epoch must be there.
func (p *parser) message() {
	p.msg = Message{Group: p.group, Coordinator: -1, Set: p.msg.Set[:0]}
	seen := p.object(messageFields, 2, 0, func(p *parser, _, f int) { p.messageField(f) })
	if seen>>7&3 == 3 {
		p.fail("both body and body64")
	}
}

func (p *parser) messageField(f int) {
	switch m := &p.msg; messageFields[f] {
	case "type":
		m.Type = p.word()
	case "epoch":
		m.Epoch = p.uint()
	case "group":
		m.Group = p.hex()
	case "round":
		if r := p.uint(); r < 1<<32 {
			m.Round = uint32(r)
		} else {
			p.fail("number out of range: %d", r)
		}
	case "coordinator":
		m.Coordinator = p.small()
	case "set":
		m.Set = p.ints(m.Set, p.world) // a set: each node once
	case "num":
		m.Num = p.uint()
	case "body":
		m.Body = string(p.text())
	default: // body64
		p.body = p.base64(p.body[:0])
		m.Body = string(p.body)
	}
}

// finish checks that the line has the fields of its kind and no other, and puts them where they belong.
func (p *parser) finish() {
	if p.err != nil {
		return
	}
	k := p.ev.Kind
	if k == KindInvalid {
		p.failAt("ev", "", "missing")
		return
	}
	table := kindFields[k]
	if extra := p.seen &^ (table.must | table.may); extra != 0 {
		p.failAt(fieldNames[extra.first()], "", "not a field of %q", k)
		return
	}
	if missing := table.must &^ p.seen; missing != 0 {
		p.failAt(fieldNames[missing.first()], "", "missing")
		return
	}
	if k == Heal && p.seen.has(fGroups) == p.seen.has(fLinks) {
		p.failAt("groups", "", "a heal names either groups or links")
		return
	}
	p.place(k)
}

// place moves fields that several kinds share to where the kind keeps them.
func (p *parser) place(k Kind) {
	switch k {
	case Send:
		p.ev.Msg = &p.msg
	case Deliver:
		p.ev.Epoch = p.epoch
	case Install:
		p.view.Epoch, p.ev.Install = p.epoch, &p.view
	case Told:
		p.notice.Epoch, p.ev.Told = p.epoch, &p.notice
	case Call:
		p.limit("op", p.opWord, callOps)
		p.op.Op, p.op.Epoch, p.op.N, p.op.Error = p.opWord, p.epoch, p.ev.N, p.ev.Error
		p.ev.N, p.ev.Error, p.ev.Call = 0, "", &p.op
	case End:
		p.limit("why", p.ev.Why, endWhys)
	case Input:
		p.ev.In = p.in
	default:
		if k.IsAct() && k > Resume {
			p.ev.Act = &p.act
		}
	}
}

// limit holds a word that was read to the few that its kind has.
func (p *parser) limit(field, word string, words []string) {
	if !slices.Contains(words, word) {
		p.failAt(field, didYouMean(word, words), "expected %s, found %q", list(words), snippet([]byte(word)))
	}
}
