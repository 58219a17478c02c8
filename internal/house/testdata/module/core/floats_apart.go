package core

//house:floats a report for people; no digest covers it

// Share is a percentage.
func Share(part, whole int) float64 { return 100 * float64(part) / float64(whole) }
