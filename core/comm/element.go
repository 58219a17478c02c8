package comm

import "fmt"

// Type is what the elements of an operation are.
type Type uint8

// The element types. All are little-endian in a buffer.
const (
	Int64 Type = iota + 1
	Int32
	Float64
	Float32
)

var typeNames = [...]string{Int64: "int64", Int32: "int32", Float64: "float64", Float32: "float32"}

// String names the type.
func (t Type) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return "invalid"
}

// Size is an element's number of bytes.
func (t Type) Size() int {
	switch t {
	case Int64, Float64:
		return 8
	case Int32, Float32:
		return 4
	}
	return 0
}

// Reduce is how two elements become one.
type Reduce uint8

// The reductions. Integers wrap around. A result that is not a number is always the same one, and of the zeros the
// negative one is the less, so that all processors agree.
const (
	Sum Reduce = iota + 1
	Min
	Max
	Product
)

var reduceNames = [...]string{Sum: "sum", Min: "min", Max: "max", Product: "product"}

// String names the reduction.
func (r Reduce) String() string {
	if int(r) < len(reduceNames) && reduceNames[r] != "" {
		return reduceNames[r]
	}
	return "invalid"
}

// Request is what a call works on. The zero Request of a barrier or a split is an empty Input.Body.
type Request struct {
	Type     Type
	Reduce   Reduce // all-reduce, reduce-scatter
	Root     int    // broadcast: the rank that has the elements
	Elements []byte // this rank's; broadcast: the root's, and as many bytes of any value elsewhere
	Bulk     bool   // the driver keeps and moves the elements: only their number, in Count, is told
	Count    int    // Bulk
}

// requestHead is the bytes before the elements: type, reduction, bulk, and a 32-bit root.
const requestHead = 7

// Encode is the request as Input.Body.
func (r Request) Encode() string {
	head := []byte{byte(r.Type), byte(r.Reduce), 0}
	head = appendUint32(head, uint32(r.Root))
	if r.Bulk {
		head[2] = 1
		return string(appendUint32(head, uint32(r.Count)))
	}
	return string(append(head, r.Elements...))
}

// request is a decoded Request; its elements stay in the text that it came as.
type request struct {
	typ      Type
	reduce   Reduce
	bulk     bool
	root     int
	elements string
	count    int
}

func decodeRequest(body string) (request, error) {
	if len(body) < requestHead {
		return request{}, fmt.Errorf("a request of %d bytes: expected at least %d", len(body), requestHead)
	}
	r := request{typ: Type(body[0]), reduce: Reduce(body[1]), bulk: body[2] != 0, root: int(uint32At(body, 3)), elements: body[requestHead:]}
	size := r.typ.Size()
	switch {
	case size == 0:
		return r, fmt.Errorf("element type %d: expected Int64, Int32, Float64 or Float32", r.typ)
	case r.reduce > Product:
		return r, fmt.Errorf("reduction %d: expected Sum, Min, Max or Product", r.reduce)
	case r.bulk && len(r.elements) != 4:
		return r, fmt.Errorf("a bulk request with %d bytes of elements: expected only their number", len(r.elements))
	case r.bulk:
		r.count, r.elements = int(uint32At(r.elements, 0)), ""
		return r, nil
	case len(r.elements)%size != 0:
		return r, fmt.Errorf("%d bytes of %s: expected a multiple of %d", len(r.elements), r.typ, size)
	}
	r.count = len(r.elements) / size
	return r, nil
}

func appendUint32(buf []byte, x uint32) []byte {
	return append(buf, byte(x), byte(x>>8), byte(x>>16), byte(x>>24))
}

func appendUint64(buf []byte, x uint64) []byte {
	return appendUint32(appendUint32(buf, uint32(x)), uint32(x>>32))
}

func uint32At[T string | []byte](b T, i int) uint32 {
	return uint32(b[i]) | uint32(b[i+1])<<8 | uint32(b[i+2])<<16 | uint32(b[i+3])<<24
}

func uint64At[T string | []byte](b T, i int) uint64 {
	return uint64(uint32At(b, i)) | uint64(uint32At(b, i+4))<<32
}

func putUint32(b []byte, i int, x uint32) {
	b[i], b[i+1], b[i+2], b[i+3] = byte(x), byte(x>>8), byte(x>>16), byte(x>>24)
}

func putUint64(b []byte, i int, x uint64) {
	putUint32(b, i, uint32(x))
	putUint32(b, i+4, uint32(x>>32))
}
