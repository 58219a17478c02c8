// Package netsim has no list of allowed imports, but some that it may not use.
package netsim

import (
	"bufio"
	"io"
	"maps"
	"math/rand" // want imports
	"net/netip" // want imports
	"os/exec"   // want imports
	"slices"
	"sync" // want imports
	"time"
)

// Link is one direction between two nodes.
type Link struct{ mu sync.Mutex }

// Keys is sorted, or not.
func Keys(m map[int]int) []int {
	sorted := slices.Sorted(maps.Keys(m))
	sorted = slices.SortedFunc(maps.Values(m), func(a, b int) int { return a - b })
	sorted = slices.Collect(maps.Keys(m)) // want names
	for k := range maps.All(m) {          // want names
		sorted = append(sorted, k)
	}
	for k := range maps.Keys(m) { // unordered: sorted below
		sorted = append(sorted, k)
	}
	slices.Sort(sorted)
	return sorted
}

// Wait parses a duration, and waits.
func Wait(r io.Reader, text string) {
	d, _ := time.ParseDuration(text)
	time.Sleep(d) // want names
	_, _, _, _ = bufio.NewReader(r), rand.Int(), netip.Addr{}, exec.Command
}
