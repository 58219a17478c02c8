package sim

import (
	"os" // want imports
	"time"
)

// Double runs one seed twice.
func Double() {
	done := make(chan bool)
	go func() { Run(); done <- true }()
	<-done
	_ = time.Now() // want names
	os.Exit(1)
}
