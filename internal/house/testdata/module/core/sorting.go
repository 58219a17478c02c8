package core

import "slices"

func sortInts(list []int) { slices.Sort(list) }

// Sort changes a table in place.
func Sort() { slices.Sort(order) }
