package netsim

// Latency is a distribution of one-way delays in nanoseconds. Make one with Uniform, Exponential or Bimodal.
type Latency struct {
	kind              latencyKind
	min, span         int64 // uniform and the fast range: min..min+span
	mean              int64 // exponential: the mean of what comes on top of min
	slowMin, slowSpan int64
	share             int64 // bimodal: rate of the slow range
}

type latencyKind uint8

const (
	uniform latencyKind = iota
	exponential
	bimodal
)

// Uniform is every delay of lo..hi alike.
func Uniform(lo, hi int64) Latency { return Latency{kind: uniform, min: lo, span: hi - lo} }

// Exponential is lo plus an exponentially distributed delay, so that the whole has the given mean. It is cut off at
// TailMax times its mean on top of lo.
func Exponential(lo, mean int64) Latency {
	return Latency{kind: exponential, min: lo, mean: mean - lo}
}

// Bimodal is the fast range, and with the given rate the slow one.
func Bimodal(fastMin, fastMax, slowMin, slowMax, share int64) Latency {
	return Latency{kind: bimodal, min: fastMin, span: fastMax - fastMin, slowMin: slowMin, slowSpan: slowMax - slowMin, share: share}
}

// TailMax bounds an exponential delay, in means.
const TailMax = 24

// Max is the longest delay that can be drawn.
func (l Latency) Max() int64 {
	switch l.kind {
	case exponential:
		return l.min + TailMax*l.mean
	case bimodal:
		return max(l.min+l.span, l.slowMin+l.slowSpan)
	case uniform:
	}
	return l.min + l.span
}

// Least is the shortest delay that can be drawn.
func (l Latency) Least() int64 {
	if l.kind == bimodal {
		return min(l.min, l.slowMin)
	}
	return l.min
}

// draw decides a delay, with the given lane for its value and the one after it for the mode.
func (l *Latency) draw(d Decider, k Key, lane Lane) int64 {
	switch l.kind {
	case exponential:
		return l.min + l.tail(d, k, lane)
	case bimodal:
		if chance(d, k, lane+1, l.share) {
			return within(d, k, lane, l.slowMin, l.slowSpan)
		}
	case uniform:
	}
	return within(d, k, lane, l.min, l.span)
}

func within(d Decider, k Key, lane Lane, lo, span int64) int64 {
	if span <= 0 {
		return lo
	}
	return lo + int64(d.Decide(k, lane, uint64(span)+1))
}

// tail draws from an exponential distribution by its inverse, linear between 256 points of a table. The last piece has no
// end: there the distribution begins anew, as it has no memory.
func (l *Latency) tail(d Decider, k Key, lane Lane) int64 {
	const fine = 1 << 24
	var sum int64
	for i := Lane(0); i < 5; i++ {
		at := lane
		if i > 0 {
			at = laneTail + 4*lane + i - 1
		}
		u := d.Decide(k, at, 256*fine)
		piece, part := u/fine, int64(u%fine)
		if piece < 255 {
			lo, hi := negLog[piece], negLog[piece+1]
			sum += lo + (hi-lo)*part/fine
			break
		}
		sum += negLogEnd
	}
	return min(mulShift(sum, l.mean), TailMax*l.mean)
}

// mulShift is a*b/2^20 without overflow for b up to 2^62 / 2^25.
func mulShift(a, b int64) int64 { return (a>>10)*(b>>10) + (a>>10)*(b&1023)>>10 + (a&1023)*(b>>10)>>10 }

// negLog[i] is -ln(1 - i/256) in units of 2^-20; negLogEnd is ln 256. A test holds them to math.Log.
const negLogEnd = 5814540

var negLog = [256]int64{
	0, 4104, 8224, 12361, 16513, 20683, 24869, 29071,
	33291, 37528, 41781, 46053, 50341, 54648, 58972, 63314,
	67674, 72052, 76448, 80863, 85297, 89750, 94221, 98712,
	103222, 107751, 112301, 116870, 121458, 126068, 130697, 135347,
	140018, 144709, 149422, 154156, 158912, 163689, 168488, 173309,
	178152, 183018, 187906, 192818, 197752, 202710, 207691, 212697,
	217726, 222779, 227857, 232959, 238087, 243240, 248418, 253622,
	258852, 264108, 269390, 274699, 280036, 285399, 290790, 296209,
	301657, 307132, 312636, 318170, 323733, 329325, 334947, 340600,
	346284, 351998, 357743, 363521, 369330, 375172, 381046, 386954,
	392895, 398869, 404878, 410922, 417001, 423115, 429265, 435451,
	441674, 447935, 454232, 460568, 466942, 473356, 479809, 486301,
	492835, 499409, 506024, 512682, 519382, 526125, 532912, 539744,
	546619, 553541, 560508, 567522, 574583, 581692, 588850, 596056,
	603313, 610620, 617979, 625389, 632852, 640369, 647940, 655566,
	663248, 670987, 678783, 686637, 694551, 702525, 710560, 718657,
	726817, 735042, 743331, 751686, 760108, 768599, 777159, 785789,
	794491, 803266, 812115, 821039, 830039, 839118, 848276, 857515,
	866835, 876240, 885729, 895305, 904970, 914724, 924570, 934509,
	944543, 954674, 964904, 975235, 985669, 996208, 1006853, 1017608,
	1028474, 1039454, 1050550, 1061765, 1073101, 1084561, 1096148, 1107864,
	1119712, 1131696, 1143818, 1156083, 1168492, 1181050, 1193760, 1206626,
	1219652, 1232842, 1246200, 1259730, 1273437, 1287326, 1301401, 1315667,
	1330131, 1344796, 1359670, 1374758, 1390065, 1405600, 1421369, 1437378,
	1453635, 1470148, 1486926, 1503976, 1521309, 1538932, 1556857, 1575093,
	1593653, 1612547, 1631787, 1651387, 1671361, 1691722, 1712487, 1733671,
	1755292, 1777368, 1799919, 1822965, 1846530, 1870636, 1895309, 1920577,
	1946470, 1973017, 2000254, 2028218, 2056948, 2086487, 2116883, 2148186,
	2180452, 2213743, 2248126, 2283674, 2320470, 2358605, 2398178, 2439304,
	2482109, 2526736, 2573347, 2622127, 2673287, 2727072, 2783766, 2843700,
	2907270, 2974944, 3047288, 3124996, 3208927, 3300165, 3400105, 3510583,
	3634087, 3774105, 3935744, 4126922, 4360905, 4662562, 5087722, 5814540,
}
