package core

// InputKind says what an input is.
type InputKind uint8

// The inputs of a machine. Which fields of Input mean something depends on the kind.
const (
	InStart    InputKind = iota + 1 // the first input of every node. Phase
	InDeliver                       // a message arrived. From, Msg
	InTimer                         // a timer is due; late or superfluous firings are harmless. Timer
	InWake                          // a wake that was asked for. ID
	InSent                          // a send with Op != 0 has ended. ID: the Op, Err: "" or why it failed
	InClosed                        // the connection to a peer closed; it may come back. Peer
	InDead                          // somebody witnessed the peer's death; never withdrawn. Peer
	InSuspect                       // an outside detector, or the harness, suspects a peer. Peer, Hold
	InTrust                         // it no longer does. Peer
	InCall                          // the application calls. Call, ID; a communicator's: Value, Comm, Body
	InShutdown                      // the application ends this node's part in the group
)

var inputNames = [...]string{
	InStart: "start", InDeliver: "deliver", InTimer: "timer", InWake: "wake", InSent: "sent", InClosed: "closed",
	InDead: "dead", InSuspect: "suspect", InTrust: "trust", InCall: "call", InShutdown: "shutdown",
}

// String names the kind.
func (k InputKind) String() string {
	if int(k) < len(inputNames) && inputNames[k] != "" {
		return inputNames[k]
	}
	return "invalid"
}

// CallOp is what an application asks of its machine.
type CallOp uint8

// The calls. A machine answers one that it does not offer with an error in Done.
const (
	CallRecover CallOp = iota + 1 // policy manual: install the decision of this epoch
	CallSplit
	CallBarrier
	CallAllReduce
	CallHold    // take the communicator's lock
	CallRelease // give it back
	CallBroadcast
	CallAllGather
	CallReduceScatter
	CallAllToAll
	CallWrite   // put Value into the register that the group keeps
	CallRead    // Done.Result is its value as decimal text
	CallSend    // send Body, an Envelope, to a rank; it ends when the receiver's communicator has it
	CallReceive // receive what Body, an Envelope, asks for; Done.Result is the Envelope that came
)

var callNames = [...]string{
	CallRecover: "recover", CallSplit: "split", CallBarrier: "barrier", CallAllReduce: "allreduce", CallHold: "hold", CallRelease: "release",
	CallBroadcast: "broadcast", CallAllGather: "allgather", CallReduceScatter: "reduce-scatter", CallAllToAll: "alltoall",
	CallWrite: "write", CallRead: "read", CallSend: "send", CallReceive: "receive",
}

// String names the call.
func (c CallOp) String() string {
	if int(c) < len(callNames) && callNames[c] != "" {
		return callNames[c]
	}
	return "invalid"
}

// Collective tells whether it is a call that the members of a view make together.
func (c CallOp) Collective() bool { return c == CallSplit || c == CallBarrier || c == CallAllReduce }

// Contribution is what a node brings to its n-th all-reduce (from 1) where a harness makes the call: another number for
// each node and each call, so that a sum that lacks a part, or holds one twice or an old one, shows. A driver puts it into
// Input.Value.
func Contribution(node NodeID, n uint64) int64 { return int64(node) + 1 + 1000*int64(n) }

// TimerID names one of a machine's timers: 0..MaxTimers-1.
type TimerID uint8

// MaxTimers bounds how many timers a machine may have.
const MaxTimers = 16

// Input is one thing that happens to a node. The machine reads it during Step and keeps nothing of it but copies.
type Input struct {
	Kind  InputKind
	Timer TimerID
	Call  CallOp
	Hold  bool   // InSuspect: stays until InTrust, whatever the node hears
	From  NodeID // InDeliver
	Peer  NodeID
	ID    uint64
	Phase int64  // InStart: nanoseconds until the first heartbeat, below the interval, so that nodes do not beat in step
	Value int64  // InCall of an all-reduce: what this node brings to the sum; Done.Result is the sum as decimal text. Of a split: the colour
	Comm  uint64 // InCall: which communicator, by its id; 0: the view's
	Body  string // InCall: what a communicator's call works on (core/comm, Request; Envelope)
	Err   string // InSent
	Msg   Message
}

// EffectKind says what a driver has to do.
type EffectKind uint8

// The effects of a Step. Which fields of Effect mean something depends on the kind.
const (
	OutSend        EffectKind = iota + 1 // send Effects.Message(e) to Peer. Op != 0: answer with exactly one InSent
	OutSetTimer                          // fire Timer at At, in place of any earlier setting of it
	OutCancelTimer                       // do not fire Timer
	OutWake                              // give InWake with ID Op as a step of its own, soon
	OutBelieve                           // Peer is now Suspected, or no longer
	OutUsed                              // the delivered message counted; with a message of its own, one of Peer that was delivered before (At: its ID)
	OutInstall                           // Effects.Install(e) is the node's view from now on
	OutEvent                             // tell the application Effects.Event(e)
	OutDone                              // a call ended: Effects.Done(e)
	OutPanic                             // a modelled panic: Effects.Text(e). The node does nothing more
	OutEnd                               // the orchestrator ended: Why, Effects.Text(e)
)

// EndWhy says how an orchestrator ended.
type EndWhy uint8

// The ends.
const (
	EndShutdown EndWhy = iota + 1
	EndEvicted
	EndAborted
	EndError
)

var endNames = [...]string{EndShutdown: "shutdown", EndEvicted: "evicted", EndAborted: "aborted", EndError: "error"}

// String names the end as the trace does.
func (w EndWhy) String() string {
	if int(w) < len(endNames) && endNames[w] != "" {
		return endNames[w]
	}
	return "invalid"
}

// Effect is one thing for the driver to do.
type Effect struct {
	At        Instant // OutSetTimer
	Peer      NodeID  // OutSend, OutBelieve
	ref       int32   // into one of the side lists of Effects
	Op        uint32  // OutSend, OutWake
	Kind      EffectKind
	Timer     TimerID // OutSetTimer, OutCancelTimer
	Suspected bool    // OutBelieve
	Why       EndWhy  // OutEnd
}

// Install is a new view and who left with it.
type Install struct {
	View View
	Dead NodeSet
}

// EventKind says what the application is told.
type EventKind uint8

// The events.
const (
	EventRecovered       EventKind = iota + 1 // a new view is in place
	EventFailureDetected                      // policy manual: these are newly suspected
	EventEvicted                              // the group goes on without this node
	EventQuorumLost                           // too few unsuspected members to decide anything
	EventAborted                              // policy abort: these failures ended the group
)

var eventNames = [...]string{
	EventRecovered: "recovered", EventFailureDetected: "failure-detected", EventEvicted: "evicted",
	EventQuorumLost: "quorum-lost", EventAborted: "aborted",
}

// String names the event as the trace does.
func (k EventKind) String() string {
	if int(k) < len(eventNames) && eventNames[k] != "" {
		return eventNames[k]
	}
	return "invalid"
}

// Event is what the application is told. Ranks of the dead are those of the view that they were in.
type Event struct {
	Kind         EventKind
	Epoch        Epoch
	OldRank      Rank
	NewRank      Rank
	NewWorldSize int
	DeadRanks    []Rank
}

// Done is the end of a call.
type Done struct {
	ID     uint64
	Call   CallOp
	Result string
	Err    string
}

// Effects is what a Step asks of its driver: an ordered list. The driver owns it and gives the same one to each Step,
// emptied by Reset, so that in the steady state nothing is allocated.
type Effects struct {
	list     []Effect
	messages []Message
	installs []Install
	events   []Event
	dones    []Done
	texts    []string
}

// Reset empties the list and keeps its memory.
func (o *Effects) Reset() {
	o.list = o.list[:0]
	o.messages = o.messages[:0]
	if len(o.installs)+len(o.events)+len(o.dones)+len(o.texts) > 0 {
		o.installs, o.events, o.dones, o.texts = o.installs[:0], o.events[:0], o.dones[:0], o.texts[:0]
	}
}

// List is the effects in the order in which they are to be performed. It is valid until the next Reset.
func (o *Effects) List() []Effect { return o.list }

// Message is what an OutSend sends. Sends of one Step that share a message share the pointer.
func (o *Effects) Message(e *Effect) *Message { return &o.messages[e.ref] }

// MessageIndex numbers the distinct messages of one Step from 0: equal indexes are the same message.
func (o *Effects) MessageIndex(e *Effect) int { return int(e.ref) }

// Install is what an OutInstall installs.
func (o *Effects) Install(e *Effect) *Install { return &o.installs[e.ref] }

// Event is what an OutEvent tells.
func (o *Effects) Event(e *Effect) *Event { return &o.events[e.ref] }

// Done is how a call ended.
func (o *Effects) Done(e *Effect) *Done { return &o.dones[e.ref] }

// Text is the text of an OutPanic or an OutEnd.
func (o *Effects) Text(e *Effect) string { return o.texts[e.ref] }

// Letter holds a message for one or more sends of it, and is valid until the next Reset.
type Letter int32

// Write adds a message that SendLetter can send.
func (o *Effects) Write(m *Message) Letter {
	o.messages = append(o.messages, *m)
	return Letter(len(o.messages) - 1)
}

// SendLetter asks to send a written message.
func (o *Effects) SendLetter(to NodeID, l Letter) {
	e := o.grow()
	e.At, e.Peer, e.ref, e.Op = 0, to, int32(l), 0
	e.Kind, e.Timer, e.Suspected, e.Why = OutSend, 0, false, 0
}

// grow makes room for an effect, whose fields the caller sets one by one: a value that is put together elsewhere and then
// copied costs more than all the rest of a Step's end.
func (o *Effects) grow() *Effect {
	n := len(o.list)
	if n == cap(o.list) {
		o.list = append(o.list, Effect{})
	}
	o.list = o.list[:n+1]
	return &o.list[n]
}

// Draft asks to send an empty message, which the caller fills in before it asks for anything else: Send without a copy.
func (o *Effects) Draft(to NodeID) *Message {
	n := len(o.messages)
	if n == cap(o.messages) {
		o.messages = append(o.messages, Message{})
	}
	o.messages = o.messages[:n+1]
	o.SendLetter(to, Letter(n))
	m := &o.messages[n]
	*m = Message{}
	return m
}

// Send asks to send m.
func (o *Effects) Send(to NodeID, m *Message) { o.SendLetter(to, o.Write(m)) }

// SendOp asks to send m and to answer with InSent.
func (o *Effects) SendOp(to NodeID, m *Message, op uint32) {
	o.list = append(o.list, Effect{Kind: OutSend, Peer: to, ref: int32(o.Write(m)), Op: op})
}

// SetTimer asks for an InTimer at the given instant.
func (o *Effects) SetTimer(id TimerID, at Instant) {
	o.list = append(o.list, Effect{Kind: OutSetTimer, Timer: id, At: at})
}

// CancelTimer takes a SetTimer back.
func (o *Effects) CancelTimer(id TimerID) {
	o.list = append(o.list, Effect{Kind: OutCancelTimer, Timer: id})
}

// Wake asks for an InWake.
func (o *Effects) Wake(id uint32) { o.list = append(o.list, Effect{Kind: OutWake, Op: id}) }

// Believe reports a change of belief.
func (o *Effects) Believe(peer NodeID, suspected bool) {
	o.list = append(o.list, Effect{Kind: OutBelieve, Peer: peer, Suspected: suspected})
}

// Used reports that the delivered message counted.
func (o *Effects) Used() { o.list = append(o.list, Effect{Kind: OutUsed}) }

// UsedLate reports that a message counted which was delivered in an earlier step, under the Input.ID that it came with.
func (o *Effects) UsedLate(from NodeID, id uint64, m *Message) {
	l := o.Write(m)
	e := o.grow()
	e.At, e.Peer, e.ref, e.Op = Instant(id), from, int32(l)+1, 0
	e.Kind, e.Timer, e.Suspected, e.Why = OutUsed, 0, false, 0
}

// Late tells whether an OutUsed is about an earlier delivery, and of which message.
func (o *Effects) Late(e *Effect) (m *Message, id uint64, late bool) {
	if e.Kind != OutUsed || e.ref == 0 {
		return nil, 0, false
	}
	return &o.messages[e.ref-1], uint64(e.At), true
}

// PutInstall reports a new view.
func (o *Effects) PutInstall(i Install) {
	o.installs = append(o.installs, i)
	o.list = append(o.list, Effect{Kind: OutInstall, ref: int32(len(o.installs) - 1)})
}

// PutEvent tells the application.
func (o *Effects) PutEvent(e Event) {
	o.events = append(o.events, e)
	o.list = append(o.list, Effect{Kind: OutEvent, ref: int32(len(o.events) - 1)})
}

// PutDone ends a call.
func (o *Effects) PutDone(d Done) {
	o.dones = append(o.dones, d)
	o.list = append(o.list, Effect{Kind: OutDone, ref: int32(len(o.dones) - 1)})
}

// Panic reports a modelled panic.
func (o *Effects) Panic(text string) {
	o.texts = append(o.texts, text)
	o.list = append(o.list, Effect{Kind: OutPanic, ref: int32(len(o.texts) - 1)})
}

// End reports that the orchestrator ended.
func (o *Effects) End(why EndWhy, text string) {
	o.texts = append(o.texts, text)
	o.list = append(o.list, Effect{Kind: OutEnd, Why: why, ref: int32(len(o.texts) - 1)})
}
