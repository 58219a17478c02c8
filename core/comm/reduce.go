//house:floats one addition, multiplication or comparison at a time is the same on all processors: nothing here can be fused

package comm

import "math"

// Combine reduces the elements that came with those that are there, one by one. MineFirst: what is there is the first
// operand. What came has as many bytes.
func Combine[T string | []byte](mine []byte, came T, t Type, r Reduce, mineFirst bool) {
	if r == Sum && t == Int64 {
		for i := 0; i+8 <= len(mine); i += 8 {
			store(mine[i:i+8], load(mine[i:i+8])+load(came[i:i+8]))
		}
		return
	}
	if bytes, is := any(came).([]byte); is && r == Sum && (t == Float32 || t == Float64) {
		sumFloats(mine, bytes, t)
		return
	}
	for i := 0; i < len(mine); i += t.Size() {
		switch t {
		case Int64:
			putUint64(mine, i, uint64(integers(r, int64(uint64At(mine, i)), int64(uint64At(came, i)))))
		case Int32:
			putUint32(mine, i, uint32(integers(r, int32(uint32At(mine, i)), int32(uint32At(came, i)))))
		case Float64:
			a, b := math.Float64frombits(uint64At(mine, i)), math.Float64frombits(uint64At(came, i))
			putUint64(mine, i, bits64(ordered(r, a, b, mineFirst)))
		case Float32:
			a, b := math.Float32frombits(uint32At(mine, i)), math.Float32frombits(uint32At(came, i))
			putUint32(mine, i, bits32(ordered(r, a, b, mineFirst)))
		}
	}
}

// sumFloats is Combine where a driver has a lot to sum: the same, eight bytes at a time. A sum has one value whichever operand
// is the first.
func sumFloats(mine, came []byte, t Type) {
	came = came[:len(mine)]
	i := 0
	for ; i+8 <= len(mine) && i+8 <= len(came); i += 8 {
		x, y := load(mine[i:i+8]), load(came[i:i+8])
		if t == Float64 {
			store(mine[i:i+8], bits64(math.Float64frombits(x)+math.Float64frombits(y)))
			continue
		}
		low := bits32(math.Float32frombits(uint32(x)) + math.Float32frombits(uint32(y)))
		high := bits32(math.Float32frombits(uint32(x>>32)) + math.Float32frombits(uint32(y>>32)))
		store(mine[i:i+8], uint64(low)|uint64(high)<<32)
	}
	if i < len(mine) { // one float32 more
		putUint32(mine, i, bits32(math.Float32frombits(uint32At(mine, i))+math.Float32frombits(uint32At(came, i))))
	}
}

// load and store are one instruction each where a processor has it: the compiler knows these forms.

func load[T string | []byte](b T) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func store(b []byte, x uint64) {
	_ = b[7]
	b[0], b[1], b[2], b[3] = byte(x), byte(x>>8), byte(x>>16), byte(x>>24)
	b[4], b[5], b[6], b[7] = byte(x>>32), byte(x>>40), byte(x>>48), byte(x>>56)
}

func integers[T int32 | int64](r Reduce, a, b T) T {
	switch r {
	case Min:
		return min(a, b)
	case Max:
		return max(a, b)
	case Product:
		return a * b
	}
	return a + b
}

func ordered[T float32 | float64](r Reduce, mine, came T, mineFirst bool) T {
	if mineFirst {
		return floats(r, mine, came)
	}
	return floats(r, came, mine)
}

func floats[T float32 | float64](r Reduce, a, b T) T {
	switch r {
	case Min:
		return min(a, b)
	case Max:
		return max(a, b)
	case Product:
		return a * b
	}
	return a + b
}

// Which bits a result that is not a number has differs between processors.
const (
	notANumber64 = 0x7ff8000000000000
	notANumber32 = 0x7fc00000
)

func bits64(x float64) uint64 {
	if x != x {
		return notANumber64
	}
	return math.Float64bits(x)
}

func bits32(x float32) uint32 {
	if x != x {
		return notANumber32
	}
	return math.Float32bits(x)
}
