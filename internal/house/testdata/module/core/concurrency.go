package core

// Queue is a channel.
type Queue chan int // want concurrency

// Spread starts a goroutine and talks to it.
func Spread(q Queue) int {
	go Uses() // want concurrency
	q <- 1    // want concurrency
	select {} // want concurrency
}

// Take receives.
func Take(q Queue) int { return <-q } // want concurrency

// Later defers, which is no goroutine.
func Later() { defer Uses() }
