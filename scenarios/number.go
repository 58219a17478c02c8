package scenarios

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// longestDuration bounds every duration of a scenario: one leap year.
	longestDuration = 366 * 24 * time.Hour
	// rateOne is certainty, in parts per billion.
	rateOne Rate = 1_000_000_000
	// rateDigits is how many digits after the point a rate may have.
	rateDigits = 9
)

var (
	durationText = regexp.MustCompile(`^[-+]?([0-9]{1,16}(\.[0-9]{1,9})?(ns|us|ms|s|m|h))+$`)
	wholeText    = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,15})$`)
	decimalText  = regexp.MustCompile(`^[0-9]*(\.[0-9]*)?$`)
)

// parseDuration reads 1m30s, 1.5s or -50ms; ok is false for anything that is not a number and a unit.
func parseDuration(text string) (d time.Duration, ok bool) {
	if len(text) > longestWord || !durationText.MatchString(text) {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	if err != nil { // too large for 64 bits: well formed, and out of every range
		if strings.HasPrefix(text, "-") {
			return math.MinInt64, true
		}
		return math.MaxInt64, true
	}
	return d, d != 0 || !strings.HasPrefix(text, "-")
}

// FormatDuration writes a duration as scenario files and traces do: a whole number of the largest unit that fits.
func FormatDuration(d time.Duration) string {
	units := []struct {
		name string
		size time.Duration
	}{{"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}}
	for _, u := range units {
		if d != 0 && d%u.size == 0 {
			return strconv.FormatInt(int64(d/u.size), 10) + u.name
		}
	}
	if d == 0 {
		return "0s"
	}
	return strconv.FormatInt(int64(d), 10) + "ns"
}

// parseWhole reads a whole decimal number without a plus sign, leading zeros or underscores.
func parseWhole(text string) (n int64, ok bool) {
	if !wholeText.MatchString(text) {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// parseRate reads a decimal exactly, as parts per billion: 0.3 is 300_000_000. The problem is "" if there is none.
func parseRate(text string) (r Rate, problem string) {
	positive, negative := strings.CutPrefix(text, "-")
	switch {
	case !decimalText.MatchString(positive) || strings.Trim(positive, ".") == "":
		return 0, "not a decimal number"
	case negative:
		return 0, "negative"
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) > rateDigits {
		return 0, fmt.Sprintf("more than %d digits after the point", rateDigits)
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > rateDigits {
		return 0, "too large"
	}
	fraction += strings.Repeat("0", rateDigits-len(fraction))
	n, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return 0, "not a decimal number"
	}
	return Rate(n), ""
}

// String writes the rate as a decimal with no more digits than it needs.
func (r Rate) String() string {
	text := fmt.Sprintf("%d.%09d", r/rateOne, r%rateOne)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// String writes the range as in a scenario file: 3..8, or 5 for 5..5.
func (r Range) String() string {
	if r.Min == r.Max {
		return strconv.Itoa(r.Min)
	}
	return fmt.Sprintf("%d..%d", r.Min, r.Max)
}

// formatSpan writes a range of durations: 50us..2ms.
func formatSpan(low, high time.Duration) string {
	return FormatDuration(low) + ".." + FormatDuration(high)
}

// ParseDuration reads a duration as scenario files have it: 1m30s, 1.5s; ok is false for anything that is not a number
// and a unit.
func ParseDuration(text string) (d time.Duration, ok bool) { return parseDuration(text) }
