package checker

// Imports that these tests do not build: which library a package may use can be seen without.
import (
	_ "github.com/anishathalye/porcupine"
	_ "github.com/spf13/cobra" // want imports
)
