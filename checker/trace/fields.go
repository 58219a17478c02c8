package trace

import "math/bits"

// field names what may stand on a line. A name has one type, whatever the event.
type field uint8

const (
	fSeq field = iota
	fCause
	fT
	fNode
	fEv
	fSilent
	fGroups
	fLinks
	fNodes
	fBy
	fLoss
	fDuplicate
	fSkew
	fHold
	fApp
	fOp
	fSuspect
	fPeer
	fTo
	fID
	fMsg
	fFrom
	fEpoch
	fUsed
	fLate
	fWhy
	fRank
	fWorld
	fMembers
	fCommID
	fDead
	fKind
	fOldRank
	fNewRank
	fNewWorldSize
	fDeadRanks
	fPhase
	fN
	fValue
	fError
	fIn
	fViolations
	fDigest
	fSteps
	fInstalls
	numFields
)

var fieldNames = []string{
	"seq", "cause", "t", "node", "ev", "silent", "groups", "links", "nodes", "by", "loss", "duplicate", "skew", "hold", "app", "op", "suspect", "peer",
	"to", "id", "msg", "from", "epoch", "used", "late", "why", "rank", "world", "members", "comm_id", "dead", "kind", "old_rank",
	"new_rank", "new_world_size", "dead_ranks", "phase", "n", "value", "error", "in", "violations", "digest", "steps",
	"installs",
}

// fieldOf finds a field by its name.
func fieldOf(name []byte) (field, bool) {
	for f := range numFields {
		if string(name) == fieldNames[f] {
			return f, true
		}
	}
	return 0, false
}

// fieldSet is a set of fields.
type fieldSet uint64

func fields(fs ...field) fieldSet {
	var set fieldSet
	for _, f := range fs {
		set |= 1 << f
	}
	return set
}

func (s fieldSet) has(f field) bool { return s>>f&1 != 0 }
func (s fieldSet) first() field     { return field(bits.TrailingZeros64(uint64(s))) }

// lineFields says which fields must stand on a line and which may.
type lineFields struct{ must, may fieldSet }

// kindFields says it for each kind.
var kindFields = func() (table [Kinds]lineFields) {
	set := func(k Kind, must, may fieldSet) { table[k] = lineFields{must, may} }
	ofNode := fields(fSeq, fT, fNode, fEv)
	ofAct := fields(fSeq, fT, fEv)
	cause := fields(fCause)
	set(Crash, ofNode, cause|fields(fSilent))
	for _, k := range []Kind{Pause, Resume} {
		set(k, ofNode, cause)
	}
	act := func(must, may fieldSet, kinds ...Kind) {
		for _, k := range kinds {
			set(k, ofAct|must, cause|fields(fNode)|may)
		}
	}
	act(fields(fGroups), 0, Partition)
	act(fields(fLinks), 0, Cut)
	act(0, fields(fGroups, fLinks), Heal) // one of the two, see parser.finish
	act(fields(fNodes, fBy), 0, Slow, SlowEnd)
	act(fields(fLoss), fields(fLinks), Loss, LossEnd)
	act(fields(fDuplicate), fields(fLinks), Duplicate, DuplicateEnd)
	act(fields(fSkew), 0, Skew, SkewEnd)
	act(fields(fHold), 0, Hold, HoldEnd)
	act(fields(fApp), 0, App)
	act(fields(fSuspect), 0, SuspectInjected, SuspectEnd)
	for _, k := range []Kind{Suspect, Trust} {
		set(k, ofNode|fields(fPeer), cause)
	}
	set(Send, ofNode|fields(fTo, fID, fMsg), cause)
	set(Deliver, ofNode|fields(fFrom, fID, fEpoch, fUsed), cause|fields(fLate))
	set(Drop, ofAct|fields(fID, fWhy), cause|fields(fNode))
	set(Install, ofNode|fields(fEpoch, fRank, fWorld, fMembers, fCommID, fDead), cause)
	set(Told, ofNode|fields(fKind, fEpoch, fOldRank, fNewRank, fNewWorldSize, fDeadRanks), cause)
	set(Call, ofNode|fields(fOp, fPhase, fN, fEpoch), cause|fields(fValue, fError))
	set(End, ofNode|fields(fWhy), cause|fields(fError))
	set(Panic, ofNode|fields(fError), cause)
	set(Input, ofNode|fields(fN, fIn), cause)
	set(Busy, ofNode|fields(fN), cause)
	set(Verdict, fields(fEv, fViolations, fDigest, fSteps, fInstalls), cause|fields(fSeq, fT))
	return table
}()
