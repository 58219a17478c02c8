//go:build race

package main

// raceDetector tells whether the race detector is on, which takes several times the memory.
const raceDetector = true
