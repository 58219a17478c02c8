// Package trace has an exported name of each kind, for the printing of APIs.
package trace

import (
	"errors"
	"io"
	"time"

	"nexarsim/core" // want imports
)

// Kind is a kind.
type Kind uint8

// The kinds.
const (
	Crash Kind = iota + 1
	Pause
	hidden
)

// Names of the format.
const (
	Format  = "nexarsim-trace"
	Version = 1
	Ratio   = 0.5
	Long    = time.Minute
)

// ErrCut is an error.
var ErrCut = errors.New("cut")

// Event is an event.
type Event struct {
	Kind  Kind
	Other core.Said
	io.Reader
	lower
	secret int
}

type lower struct{ Promoted int }

// String prints.
func (e *Event) String() string { return "" }

// At has a value receiver.
func (e Event) At(of ...core.Said) (t int64, err error) { return 0, nil }

func (e Event) hide() { e.hide() }

// Sink takes events.
type Sink interface {
	io.Closer
	Put(e *Event) error
	sealed()
}

// List is generic.
type List[T any, K interface{ ~int | ~string }] struct{ Items map[K][]T }

// Each calls.
func (l *List[T, K]) Each(yield func(K, T) bool) {}

// Map is generic, too.
func Map[T, U any](in []T, f func(T) U) []U { return nil }

// Old is an alias.
type Old = Event

// Func is a function type.
type Func func(r io.Reader) <-chan int // want concurrency
