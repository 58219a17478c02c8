// Package scenarios is under no regime, but public, and it has a list of libraries.
package scenarios

import "os"

func Parse() { _ = os.Args } // want doc
