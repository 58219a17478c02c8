package core

import "slices"

// Ranges goes over maps and what looks like them.
func Ranges[M ~map[int]int, S []int](m map[int]int, named set, g M, s S) (sum int) {
	for k := range m { // want order
		sum += k
	}
	for range named { // want order
		sum++
	}
	for range g { // want order
		sum++
	}
	for range s {
		sum++
	}
	for k := range m { // unordered: a sum does not depend on the order
		sum += k
	}
	// unordered: neither does this one
	for _, v := range m {
		sum += v
	}
	for k := range m { // unordered:
		// want^ order
		sum += k
	}
	for _, v := range slices.Sorted(slices.Values([]int{1})) {
		sum += v
	}
	return sum + m[1]
}

type set map[int]bool
