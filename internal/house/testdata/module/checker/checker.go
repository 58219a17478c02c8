package checker // want doc

import "nexarsim/core" // want imports

// Ratio may use floats: a checker's arithmetic reaches no digest.
func Ratio(a, b float64) float64 { return a / b }

// Judge shares code with the judged.
func Judge() { _ = core.ErrStale }
