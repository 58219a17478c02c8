package realnet

import (
	"fmt"
	"io"

	"nexarsim/checker/trace"
	"nexarsim/core"
	"nexarsim/internal/record"
)

// recorder writes one node's part of a trace. A nil one writes nothing.
type recorder struct {
	lines  *record.Recorder
	out    *trace.Writer
	err    error
	node   int
	world  uint64
	epoch  core.Epoch // of the last install
	inputs uint64
	buf    []byte
	cause  uint64
}

func newRecorder(w io.Writer, world int, self core.NodeID, names func(core.Kind) string) *recorder {
	r := &recorder{lines: record.New(), out: trace.NewWriter(w), node: int(self), world: uint64(world)}
	r.lines.ResetPart(r.line, names)
	return r
}

func (r *recorder) line(ev *trace.Event) {
	if r.err == nil {
		r.err = r.out.Write(ev)
	}
}

func (r *recorder) input(now core.Instant, in *core.Input) {
	if r == nil {
		return
	}
	r.inputs++
	r.buf = record.EncodeInput(r.buf[:0], now, in)
	r.cause = r.lines.Input(int64(now), r.node, r.inputs, r.buf)
}

// effects writes what a step asks for, and sees to it that all lines are in the file. sends is how many messages were sent
// before the step.
func (r *recorder) effects(now core.Instant, in *core.Input, out *core.Effects, sends uint64) error {
	if r == nil {
		return nil
	}
	p := record.Part{Lines: r.lines, Node: r.node, World: r.world, Sends: sends, Epoch: r.epoch, Cause: r.cause}
	p.Step(int64(now), in, out)
	r.epoch = p.Epoch
	return r.flush()
}

func (r *recorder) flush() error {
	if r.err == nil {
		r.err = r.out.Flush()
	}
	if r.err != nil {
		return fmt.Errorf("record: %w", r.err)
	}
	return nil
}

func (r *recorder) drop(now core.Instant, id uint64, why string) {
	if r != nil {
		r.lines.Drop(int64(now), id, why)
	}
}

func (r *recorder) panicked(now core.Instant, text string) {
	if r != nil {
		r.lines.Panic(int64(now), r.node, text, r.cause)
		_ = r.flush() // whatever the file's fault, the machine has stopped
	}
}
