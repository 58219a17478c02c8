package comm

import (
	"strconv"
	"strings"

	"nexarsim/core"
)

// Gone is why an operation ended whose view is gone.
type Gone struct {
	Epoch           core.Epoch // of the view that the operation belonged to
	Next            core.Epoch // that was installed instead, or, if Evicted, the first one without this node
	Evicted         bool
	Ended           string // how the orchestrator ended; "" if it did not
	Call            core.CallOp
	MayHaveFinished bool // other members may have finished the operation, so whoever repeats it must ask first
}

// The phrases of the error, which ViewGone reads.
const (
	goneHead    = "view "
	goneInstall = " is gone: epoch "
	goneEvicted = " is gone: this node is not in epoch "
	goneEnded   = " is gone: the orchestrator ended: "
	goneMay     = " may have finished at other members"
	goneNowhere = " has finished nowhere"
)

// Error tells it.
func (g Gone) Error() string {
	text := goneHead + strconv.FormatUint(uint64(g.Epoch), 10)
	switch {
	case g.Ended != "":
		text += goneEnded + g.Ended
	case g.Evicted:
		text += goneEvicted + strconv.FormatUint(uint64(g.Next), 10)
	default:
		text += goneInstall + strconv.FormatUint(uint64(g.Next), 10)
	}
	switch {
	case g.Call == 0:
		return text
	case g.MayHaveFinished:
		return text + "; the " + g.Call.String() + goneMay
	}
	return text + "; the " + g.Call.String() + goneNowhere
}

// ViewGone reads the error of a call back; false if it says anything else.
func ViewGone(err string) (Gone, bool) {
	rest, ok := strings.CutPrefix(err, goneHead)
	if !ok {
		return Gone{}, false
	}
	g := Gone{MayHaveFinished: strings.HasSuffix(rest, goneMay)}
	rest, fate, hasCall := strings.Cut(rest, "; the ")
	for op := core.CallRecover; hasCall && op <= core.CallReceive; op++ {
		if name := op.String(); fate == name+goneMay || fate == name+goneNowhere {
			g.Call = op
		}
	}
	if epoch, next, ok := strings.Cut(rest, goneInstall); ok {
		return g, readEpoch(epoch, &g.Epoch) && readEpoch(next, &g.Next)
	}
	if epoch, next, ok := strings.Cut(rest, goneEvicted); ok {
		g.Evicted = true
		return g, readEpoch(epoch, &g.Epoch) && readEpoch(next, &g.Next)
	}
	epoch, why, ok := strings.Cut(rest, goneEnded)
	g.Ended = why
	return g, ok && readEpoch(epoch, &g.Epoch)
}

func readEpoch(text string, to *core.Epoch) bool {
	n, err := strconv.ParseUint(text, 10, 32)
	*to = core.Epoch(n)
	return err == nil
}
