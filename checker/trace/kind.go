package trace

// kindNames holds each kind's word on a line, its "ev".
var kindNames = []string{
	KindInvalid:     "",
	Crash:           "crash",
	Pause:           "pause",
	Resume:          "resume",
	Partition:       "partition",
	Cut:             "cut",
	Heal:            "heal",
	Slow:            "slow",
	SlowEnd:         "slow-end",
	Loss:            "loss",
	LossEnd:         "loss-end",
	Duplicate:       "duplicate",
	DuplicateEnd:    "duplicate-end",
	Skew:            "skew",
	SkewEnd:         "skew-end",
	Hold:            "hold",
	HoldEnd:         "hold-end",
	App:             "app",
	SuspectInjected: "suspect-injected",
	SuspectEnd:      "suspect-end",
	Suspect:         "suspect",
	Trust:           "trust",
	Send:            "send",
	Deliver:         "deliver",
	Drop:            "drop",
	Install:         "install",
	Told:            "event",
	Call:            "call",
	End:             "end",
	Panic:           "panic",
	Input:           "input",
	Busy:            "busy",
	Verdict:         "verdict",
}

// Kinds is the number of kinds, KindInvalid included: the length of a table indexed by Kind.
const Kinds = int(Verdict) + 1

// String gives the kind's word on a line.
func (k Kind) String() string {
	if int(k) < len(kindNames) && k != KindInvalid {
		return kindNames[k]
	}
	return "invalid"
}

// KindOf gives the kind that a line's "ev" names, KindInvalid if there is none.
func KindOf(ev string) Kind {
	for k := Crash; k <= Verdict; k++ {
		if kindNames[k] == ev {
			return k
		}
	}
	return KindInvalid
}

// IsAct reports whether the kind is a beginning or an end of an act of the environment, a crash, a pause and a resume
// included.
func (k Kind) IsAct() bool { return k >= Crash && k <= SuspectEnd }
