// Package stray has no row in the table.
package stray // want imports

import "os"

var _ = os.Args
