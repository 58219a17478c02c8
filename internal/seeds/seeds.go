// Package seeds reads the sets of seeds that commands take: a number of them, a range, a list, or a git commit that
// stands for a thousand. It makes no runs and draws nothing at random: the same text is the same seeds everywhere.
//
//	set, err := seeds.Parse("1..9")
//	spec := sim.SweepSpec{Seeds: set.Sim()}
package seeds

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"nexarsim/sim"
)

// PerCommit is how many seeds a git commit stands for.
const PerCommit = 1000

// maxList bounds a list: it is held in memory, and written into each document about its sweep.
const maxList = 100_000

// Set is an ordered set of seeds, none of them 0, none twice.
type Set struct {
	first, last uint64   // a range, if list is nil
	list        []uint64 // in the order in which they were given
	place       map[uint64]int
	text        string
}

// Error says what is wrong with a text that should name seeds, and how to mend it.
type Error struct {
	Text string
	Msg  string
	Hint string
}

// Error gives text and message.
func (e *Error) Error() string { return fmt.Sprintf("%q: %s", e.Text, e.Msg) }

var (
	commit = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)
	digits = regexp.MustCompile(`^[0-9]+$`)
)

// Range is first..last, both included.
func Range(first, last uint64) Set {
	return Set{first: first, last: last, text: fmt.Sprintf("%d..%d", first, last)}
}

// Parse reads a set of seeds. Each error is an [*Error].
func Parse(text string) (Set, error) {
	lower, upper, isRange := strings.Cut(text, "..")
	switch {
	case text == "":
		return Set{}, &Error{text, "no seeds", "write 1000 for seeds 1 to 1000, 5,7 or 1..9"}
	case commit.MatchString(text):
		return ofCommit(strings.ToLower(text)), nil
	case strings.Contains(text, ","):
		return parseList(text)
	case isRange:
		return parseRange(text, lower, upper)
	}
	n, err := parseSeed(text, text)
	if err != nil {
		return Set{}, err
	}
	return Range(1, n), nil
}

// One reads a single seed.
func One(text string) (uint64, error) { return parseSeed(text, text) }

func parseSeed(whole, text string) (uint64, error) {
	const bounds = "seeds are 1 to 18446744073709551615, in decimal digits"
	switch {
	case strings.HasPrefix(text, "-") && digits.MatchString(text[1:]):
		return 0, &Error{whole, "a negative seed", bounds}
	case !digits.MatchString(text):
		return 0, &Error{whole, fmt.Sprintf("expected a seed, found %q", clip(text)), bounds}
	}
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil:
		return 0, &Error{whole, fmt.Sprintf("%s is beyond 2^64-1", clip(text)), bounds}
	case n == 0:
		return 0, &Error{whole, "there is no seed 0", bounds}
	}
	return n, nil
}

func clip(text string) string {
	if len(text) > 40 {
		return text[:40] + "..."
	}
	return text
}

func parseRange(text, lower, upper string) (Set, error) {
	first, err := parseSeed(text, lower)
	if err != nil {
		return Set{}, err
	}
	last, err := parseSeed(text, upper)
	if err != nil {
		return Set{}, err
	}
	if first > last {
		return Set{}, &Error{text, "a range that runs backwards", fmt.Sprintf("write %d..%d", last, first)}
	}
	return Range(first, last), nil
}

func parseList(text string) (Set, error) {
	parts := strings.Split(text, ",")
	if len(parts) > maxList {
		return Set{}, &Error{clip(text), fmt.Sprintf("a list of more than %d seeds", maxList), "write a range: 1..1000000"}
	}
	set := Set{text: text, place: make(map[uint64]int, len(parts))}
	for _, part := range parts {
		n, err := parseSeed(clip(text), part)
		if err != nil {
			return Set{}, err
		}
		if _, twice := set.place[n]; twice {
			return Set{}, &Error{clip(text), fmt.Sprintf("seed %d is listed twice", n), "list each seed once"}
		}
		set.place[n] = len(set.list)
		set.list = append(set.list, n)
	}
	return set, nil
}

// ofCommit derives seeds from a commit: SHA-256 of its digits and a counter, cut to 64 bits, without 0 and repeats.
func ofCommit(sha string) Set {
	set := Set{text: sha, place: make(map[uint64]int, PerCommit)}
	for i := 0; len(set.list) < PerCommit; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n", sha, i))
		n := binary.BigEndian.Uint64(sum[:])
		if _, twice := set.place[n]; n != 0 && !twice {
			set.place[n] = len(set.list)
			set.list = append(set.list, n)
		}
	}
	return set
}

// String gives a text that Parse reads as the same set.
func (s Set) String() string { return s.text }

// Sim is the set as a sweep takes it.
func (s Set) Sim() sim.Seeds {
	if s.list != nil {
		return sim.SeedList(s.list)
	}
	return sim.SeedRange(s.first, s.last)
}

// Len is how many seeds there are.
func (s Set) Len() uint64 {
	if s.list != nil {
		return uint64(len(s.list))
	}
	return s.last - s.first + 1
}

// Part is every step-th seed of a set, beginning with the one at index skip.
type Part struct {
	set        *Set
	skip, step uint64
}

// maxStep bounds the step of a part: products of two of them stay within 64 bits.
const maxStep = 1 << 31

// Part gives that part of the set; step is 1 to 2^31, and skip less than step.
func (s *Set) Part(skip, step uint64) Part { return Part{s, skip, min(max(step, 1), maxStep)} }

// Len is how many seeds the part has.
func (p Part) Len() uint64 {
	n := p.set.Len()
	if p.skip >= n {
		return 0
	}
	return (n-p.skip-1)/p.step + 1
}

// has reports whether the part has a seed.
func (p Part) has(seed uint64) bool {
	at := seed - p.set.first
	if p.set.list != nil {
		i, ok := p.set.place[seed]
		if !ok {
			return false
		}
		at = uint64(i)
	} else if seed < p.set.first || seed > p.set.last {
		return false
	}
	return at >= p.skip && (at-p.skip)%p.step == 0
}

// Common finds a seed that two parts both have.
func (p Part) Common(o Part) (seed uint64, ok bool) {
	if p.Len() == 0 || o.Len() == 0 {
		return 0, false
	}
	switch {
	case p.set.list != nil:
		return p.firstIn(o)
	case o.set.list != nil:
		return o.firstIn(p)
	}
	return meet(p, o)
}

// firstIn goes through a list.
func (p Part) firstIn(o Part) (uint64, bool) {
	for i := p.skip; i < uint64(len(p.set.list)); i += p.step {
		if seed := p.set.list[i]; o.has(seed) {
			return seed, true
		}
	}
	return 0, false
}

// meet finds the least common seed of two ranges' parts, which are arithmetic progressions, by the Chinese remainder
// theorem.
func meet(p, o Part) (uint64, bool) {
	from, ok := p.from(o.set.first + o.skip)
	if !ok || !p.has(from) {
		return 0, false
	}
	// How many steps of p from there until what is left to o's next member is none: times*p.step = -ahead (mod o.step).
	ahead := (from - o.set.first - o.skip) % o.step
	g := gcd(p.step, o.step)
	if ahead%g != 0 {
		return 0, false
	}
	m := o.step / g
	times := (m - ahead/g%m) % m * inverse(p.step/g%m, m) % m
	if times > (math.MaxUint64-from)/p.step {
		return 0, false
	}
	seed := from + times*p.step
	return seed, p.has(seed) && o.has(seed)
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// inverse gives the x with a*x = 1 (mod m), for a without a factor in common with m.
func inverse(a, m uint64) uint64 {
	if m == 1 {
		return 0
	}
	r0, r1 := int64(m), int64(a)
	x0, x1 := int64(0), int64(1)
	for r1 != 0 {
		q := r0 / r1
		r0, r1 = r1, r0-q*r1
		x0, x1 = x1, x0-q*x1
	}
	return uint64((x0 + int64(m)) % int64(m))
}

// from is the first member of a range's part that is at least n, if it does not lie beyond 2^64.
func (p Part) from(n uint64) (uint64, bool) {
	first := p.set.first + p.skip
	if n <= first {
		return first, true
	}
	behind := (n - first) % p.step
	if behind == 0 {
		return n, true
	}
	return n + (p.step - behind), n <= math.MaxUint64-(p.step-behind)
}
