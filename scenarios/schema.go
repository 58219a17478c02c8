package scenarios

import (
	_ "embed" // for schema.json
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema gives the JSON Schema (draft 2020-12) of the file format: for editors, and for whoever writes scenarios with a
// program. It knows what each field holds, but not what several of them mean together, such as which nodes exist; what
// it accepts Parse may still refuse, what it refuses Parse refuses too.
func Schema() []byte { return slices.Clone(schema) }
