package core

//house:floats

// Mean gives no reason above.
func Mean(a, b float64) float64 { return (a + b) / 2 } // want floats
