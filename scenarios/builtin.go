package scenarios

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed builtin/*.yaml
var builtinFiles embed.FS

// Names gives the names of the built-in scenarios, sorted.
func Names() []string {
	entries, err := builtinFiles.ReadDir("builtin")
	if err != nil {
		panic("scenarios: " + err.Error()) // embedded at build time
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".yaml")
	}
	slices.Sort(names)
	return names
}

// Builtin gives a built-in scenario, a new copy at each call.
func Builtin(name string) (*Scenario, bool) {
	source := Source(name)
	if source == nil {
		return nil, false
	}
	s, err := Parse(name+".yaml", source)
	if err != nil {
		panic(fmt.Sprintf("scenarios: a built-in scenario is wrong: %v", err)) // a test parses each of them
	}
	return s, true
}

// Source gives the text of a built-in scenario, or nil if there is none of that name.
func Source(name string) []byte {
	source, err := builtinFiles.ReadFile("builtin/" + name + ".yaml")
	if err != nil {
		return nil
	}
	return source
}
