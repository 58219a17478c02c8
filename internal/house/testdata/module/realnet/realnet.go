// Package realnet may use any library and any goroutine, but no scenario.
package realnet

import "nexarsim/scenarios" // want imports

// Dial dials.
func Dial() { go scenarios.Parse() }
