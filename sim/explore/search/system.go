package search

// System is what is explored. Each worker has one of its own, and uses it from one goroutine; two of them, given the same
// state, answer the same.
type System[S any] interface {
	// Initial gives the states that a run may begin in.
	Initial() []S
	// Successors appends what can follow a state, in an order that depends on the state alone.
	Successors(s *S, out []Successor[S]) []Successor[S]
	// AppendState appends a canonical encoding: states that are to count as one encode alike.
	AppendState(buf []byte, s *S) []byte
	// Properties says what Marks's bits stand for. At most MaxProperties.
	Properties() []Property
	// Marks says which properties show in a state.
	Marks(s *S) Marks
}

// Fingerprinter is a System that has a shorter way to a state's fingerprint than by its encoding. Systems need not be any.
type Fingerprinter[S any] interface {
	// Fingerprint gives 128 bits: the same for states that encode alike, from any worker's system, and for two that do not the
	// same by chance only, half by half. If ok is false, the encoding is used; it is so for all states or for none.
	Fingerprint(s *S) (lo, hi uint64, ok bool)
}

// Successor is one step that a state allows.
type Successor[S any] struct {
	State S
	// Free: the system does this by itself, sooner or later, if nothing else happens. A step of the environment that may
	// never come (a crash, a loss) is not free. Only free steps make cycles, and lead out of a state.
	Free bool
	// Progress: the step does something that no cycle may repeat for ever.
	Progress bool
	// Seen has the bits of the properties of kind Sometimes that the step shows.
	Seen uint32
}

// Kind says what a property asks for.
type Kind uint8

// The kinds of properties.
const (
	// Never is violated in every state that has its mark.
	Never Kind = iota + 1
	// Eventually is violated in a marked state that free steps never leave for good: whatever they lead to leads back.
	Eventually
	// NoCycle is violated by a cycle of free steps of which one makes progress. It has no mark.
	NoCycle
	// Sometimes is no demand: the steps that show it are counted, so that a search can tell what it has seen.
	Sometimes
)

// Property is one bit of Marks.
type Property struct {
	Name string
	Kind Kind
}

// MaxProperties is how many properties a system may have.
const MaxProperties = 32

// Marks is what a state shows.
type Marks struct {
	Bits uint32 // bit i: that of Properties()[i]
	Stop bool   // what follows the state is not looked at
}
