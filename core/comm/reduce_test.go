package comm_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"pgregory.net/rapid"

	"nexarsim/core/comm"
)

// TestCombineOfBytesIsThatOfText: what a driver sums in bulk is what the machine sums, to the bit, whatever the elements are.
func TestCombineOfBytesIsThatOfText(t *testing.T) {
	odd := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64, 1, -1}
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom([]comm.Type{comm.Int64, comm.Int32, comm.Float64, comm.Float32}).Draw(t, "type")
		by := rapid.SampledFrom([]comm.Reduce{comm.Sum, comm.Min, comm.Max, comm.Product}).Draw(t, "reduction")
		n := rapid.IntRange(0, 9).Draw(t, "elements")
		draw := func(name string) (all []byte) {
			for range n {
				switch x := rapid.OneOf(rapid.SampledFrom(odd), rapid.Float64()).Draw(t, name); typ {
				case comm.Float32:
					all = binary.LittleEndian.AppendUint32(all, math.Float32bits(float32(x)))
				case comm.Int32:
					all = binary.LittleEndian.AppendUint32(all, uint32(math.Float64bits(x)))
				default:
					all = binary.LittleEndian.AppendUint64(all, math.Float64bits(x))
				}
			}
			return all
		}
		mine, came := draw("mine"), draw("came")
		first := rapid.Bool().Draw(t, "mine first")
		text := bytes.Clone(mine)
		comm.Combine(text, string(came), typ, by, first)
		if comm.Combine(mine, came, typ, by, first); !bytes.Equal(mine, text) {
			t.Errorf("bytes give %x, text %x", mine, text)
		}
	})
}
