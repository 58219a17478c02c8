package core

type Bare struct{ Field int }

// want^^ doc

// Said is documented, its fields need not be.
type Said struct{ Field int }

func (Said) Method() {} // want doc

func (Said) String() string { return "" }

func (hidden) Method() {}

type hidden struct{}

func Plain() {} // want doc

func quiet() { quiet() }

const Loose = 1

// want^^ doc

// The sizes.
const (
	Small = 1
	Large = 2
)

const (
	Red  = 1 // Red is warm.
	Blue = 2
	// want^ doc
)
