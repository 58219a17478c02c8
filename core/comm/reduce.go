//house:floats one addition, multiplication or comparison at a time is the same on all processors: nothing here can be fused

package comm

import "math"

// Combine reduces the elements that came with those that are there, one by one. MineFirst: what is there is the first
// operand. What came has as many bytes.
func Combine[T string | []byte](mine []byte, came T, t Type, r Reduce, mineFirst bool) {
	if r == Sum && (t == Float32 || t == Float64) {
		sumFloats(mine, came, t)
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

// sumFloats is the loop of most large all-reduces. A sum has one value whichever operand is the first.
func sumFloats[T string | []byte](mine []byte, came T, t Type) {
	if t == Float32 {
		for i := 0; i+4 <= len(mine); i += 4 {
			putUint32(mine, i, bits32(math.Float32frombits(uint32At(mine, i))+math.Float32frombits(uint32At(came, i))))
		}
		return
	}
	for i := 0; i+8 <= len(mine); i += 8 {
		putUint64(mine, i, bits64(math.Float64frombits(uint64At(mine, i))+math.Float64frombits(uint64At(came, i))))
	}
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
