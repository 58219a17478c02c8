package realnet

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"nexarsim/core"
	"nexarsim/core/comm"
)

// Element is what a collective moves.
type Element interface {
	int64 | int32 | float64 | float32
}

// bulkMin is from how many bytes of a call on its elements travel in segments on the bulk stream, and not in messages.
const bulkMin = 16 << 10

// bulkLimit bounds the bytes of one call: a packet tells a part's number of bytes in 32 bits.
const bulkLimit = math.MaxInt32

// AllReduce reduces the members' elements one by one, and puts the result into data at all members, the same to the bit.
// Every member brings as many elements. After an error data is as it was.
func AllReduce[T Element](ctx context.Context, c *Communicator, data []T, by comm.Reduce) error {
	return inPlace(ctx, c, core.CallAllReduce, data, comm.Request{Reduce: by})
}

// Broadcast puts the elements of the rank root into data at all members. Every member brings as many. After an error data
// is as it was.
func Broadcast[T Element](ctx context.Context, c *Communicator, data []T, root core.Rank) error {
	return inPlace(ctx, c, core.CallBroadcast, data, comm.Request{Root: int(root)})
}

// AllGather gives the elements of all members, by rank. Every member brings as many.
func AllGather[T Element](ctx context.Context, c *Communicator, data []T) ([]T, error) {
	return move(ctx, c, core.CallAllGather, data, comm.Request{})
}

// ReduceScatter reduces the members' elements one by one and gives each member its part: of N members the i-th gets the i-th
// of N equal parts. The number of elements is a multiple of N.
func ReduceScatter[T Element](ctx context.Context, c *Communicator, data []T, by comm.Reduce) ([]T, error) {
	return move(ctx, c, core.CallReduceScatter, data, comm.Request{Reduce: by})
}

// AllToAll gives the i-th of N equal parts of each member's elements to the i-th of N members, which gets them by the rank of
// the giver. The number of elements is a multiple of N.
func AllToAll[T Element](ctx context.Context, c *Communicator, data []T) ([]T, error) {
	return move(ctx, c, core.CallAllToAll, data, comm.Request{})
}

func inPlace[T Element](ctx context.Context, c *Communicator, op core.CallOp, data []T, r comm.Request) error {
	got, err := exchange(ctx, c, op, data, r)
	if err != nil {
		return err
	}
	if len(got) != len(data)*sizeOf[T]() {
		return odd(op, len(got), len(data)*sizeOf[T]())
	}
	decode(data, got)
	return nil
}

func move[T Element](ctx context.Context, c *Communicator, op core.CallOp, data []T, r comm.Request) ([]T, error) {
	got, err := exchange(ctx, c, op, data, r)
	if err != nil {
		return nil, err
	}
	size := sizeOf[T]()
	if len(got)%size != 0 {
		return nil, odd(op, len(got), len(got)/size*size)
	}
	out := make([]T, len(got)/size)
	decode(out, got)
	return out, nil
}

func odd(op core.CallOp, found, want int) error {
	return &CallError{op, fmt.Sprintf("%v: a result of %d bytes: expected %d", op, found, want)}
}

// exchange makes the call, in messages or in bulk, and gives the bytes of its result.
func exchange[T Element](ctx context.Context, c *Communicator, op core.CallOp, data []T, r comm.Request) ([]byte, error) {
	r.Type = typeOf[T]()
	bytes := len(data) * sizeOf[T]()
	n := len(c.members)
	if (op == core.CallReduceScatter || op == core.CallAllToAll) && len(data)%n != 0 {
		return nil, &CallError{op, fmt.Sprintf("%v: %d elements: expected as many for each of %d ranks", op, len(data), n)}
	}
	if bytes > bulkLimit {
		return nil, &CallError{op, fmt.Sprintf("%v: %d bytes: expected at most %d", op, bytes, bulkLimit)}
	}
	if bytes < bulkMin {
		r.Elements = encoded(data)
		a, err := c.call(ctx, core.Input{Call: op, Body: r.Encode()}, nil)
		return []byte(a.done.Result), err
	}
	r.Bulk, r.Count = true, len(data)
	buffer, from, to := layout(op, data, n, int(c.rank))
	for old := c.g.bulkMax.Load(); old < int64(len(buffer)) && !c.g.bulkMax.CompareAndSwap(old, int64(len(buffer))); old = c.g.bulkMax.Load() {
		// Another call has raised it in between.
	}
	a, err := c.call(ctx, core.Input{Call: op, Body: r.Encode()}, buffer)
	if err != nil {
		return nil, err
	}
	return a.elements[from:to], nil
}

// layout is a bulk operation's buffer with this rank's elements, as comm.Plan has it, and where its result lies.
func layout[T Element](op core.CallOp, data []T, n, rank int) (buffer []byte, from, to int) {
	bytes := len(data) * sizeOf[T]()
	part := bytes / n
	switch op {
	case core.CallAllGather:
		buffer = make([]byte, n*bytes)
		encode(buffer[rank*bytes:], data)
		return buffer, 0, n * bytes
	case core.CallAllToAll:
		buffer = make([]byte, 2*bytes)
		encode(buffer, data)
		copy(buffer[bytes+rank*part:], buffer[rank*part:][:part])
		return buffer, bytes, 2 * bytes
	case core.CallReduceScatter:
		return encoded(data), rank * part, (rank + 1) * part
	}
	return encoded(data), 0, bytes
}

func typeOf[T Element]() comm.Type {
	switch any(*new(T)).(type) {
	case int64:
		return comm.Int64
	case int32:
		return comm.Int32
	case float64:
		return comm.Float64
	}
	return comm.Float32
}

func sizeOf[T Element]() int { return typeOf[T]().Size() }

// encode writes elements as they lie in a buffer: little-endian.
func encode[T Element](to []byte, data []T) []byte {
	if littleEndian {
		copy(to, bytesOf(data))
		return to
	}
	n, err := binary.Encode(to, binary.LittleEndian, data)
	if err != nil || n != len(data)*sizeOf[T]() {
		panic(fmt.Sprintf("encode %d elements into %d bytes: %d, %v", len(data), len(to), n, err)) // every buffer has room
	}
	return to
}

// encoded is elements in memory of their own.
func encoded[T Element](data []T) []byte {
	if littleEndian {
		return append([]byte(nil), bytesOf(data)...) // memory that is written at once is not cleared before
	}
	return encode(make([]byte, len(data)*sizeOf[T]()), data)
}

// decode is the inverse.
func decode[T Element](data []T, from []byte) {
	if littleEndian {
		copy(bytesOf(data), from)
		return
	}
	if _, err := binary.Decode(from, binary.LittleEndian, data); err != nil {
		panic(fmt.Sprintf("decode %d elements of %d bytes: %v", len(data), len(from), err)) // there are as many
	}
}

// littleEndian tells whether elements lie in this machine's memory as they travel.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// bytesOf is the memory of some elements.
func bytesOf[T Element](data []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), len(data)*sizeOf[T]())
}
