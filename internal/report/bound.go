package report

import "gonum.org/v1/gonum/stat/distuv"

// confidence is that of a bound.
const confidence = 0.95

// Bound is the highest rate of failures that so many among runs allow for with 95 % confidence (Clopper-Pearson, one
// side). Without a run it is 1.
func Bound(failures, runs uint64) float64 {
	if runs == 0 || failures >= runs {
		return 1
	}
	return distuv.Beta{Alpha: float64(failures) + 1, Beta: float64(runs - failures)}.Quantile(confidence)
}
