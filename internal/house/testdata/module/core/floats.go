package core

const half = 1.0 / 2 // exact: the compiler's arithmetic

// Scale computes with floats.
func Scale(n int, f float64) float64 {
	f *= 2     // want floats
	f++        // want floats
	f = f + 1  // want floats
	n = n * 2  // integers
	x := f     // a copy
	if x < 0 { // a comparison
		x = half
	}
	return x*f + float64(n) // want floats
}
