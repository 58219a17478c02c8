package core

import "os" // want imports

// Elsewhere is built on another system only: the rules that need no types hold there too.
func Elsewhere() { go os.Exit(1) } // want concurrency
