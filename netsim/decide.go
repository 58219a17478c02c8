package netsim

// Key says what a choice means, so that the same choice in another run, or in a newer version, has the same key: which
// link, what kind of packet, which epoch, the how-many-th.
type Key struct{ A, B uint64 }

// Lane tells apart the choices about one packet.
type Lane uint32

// The lanes of a packet.
const (
	LaneLatency          Lane = iota // which latency
	LaneMode                         // bimodal: which of the two ranges
	LaneDuplicate                    // whether it is duplicated
	LaneDuplicateLatency             // the second copy's latency
	LaneDuplicateMode
	LaneRelease                     // the latency after a held packet is released
	LaneReleaseMode                 //
	laneTail                        // exponential latency: the further draws of a value far out, four for each use
	laneLoss        = laneTail + 64 // whether the i-th transmission is lost; the last lanes
)

// Decider makes the choices of a run: a seeded hash, a replayed list, an enumeration. Decide returns a number of 0..n-1,
// always the same one for the same key and lane.
type Decider interface {
	Decide(k Key, lane Lane, n uint64) uint64
}

// PPB is certainty in parts per billion, the unit of all rates.
const PPB = 1_000_000_000

// chance decides whether something of the given rate happens. What cannot or must happen is no choice.
func chance(d Decider, k Key, lane Lane, rate int64) bool {
	switch {
	case rate <= 0:
		return false
	case rate >= PPB:
		return true
	}
	return d.Decide(k, lane, PPB) < uint64(rate)
}
