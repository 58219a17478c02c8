package trace

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
)

// number reads the bytes of a JSON number.
func (s *scanner) number(what string) []byte {
	if s.err != nil {
		return nil
	}
	c := s.peek()
	if c != '-' && (c < '0' || c > '9') {
		s.expected(what)
		return nil
	}
	end := s.i
	for end < len(s.b) && isNumberByte(s.b[end]) {
		end++
	}
	tok := s.b[s.i:end]
	if !isNumber(tok) {
		s.fail("expected %s, found %s", what, snippet(tok))
		return nil
	}
	s.i = end
	return tok
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

// isNumber checks JSON's grammar of numbers.
func isNumber(b []byte) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	digits := func() bool {
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		ok := n > 0
		b = b[n:]
		return ok
	}
	if len(b) > 1 && b[0] == '0' && b[1] >= '0' && b[1] <= '9' || !digits() {
		return false
	}
	if len(b) > 0 && b[0] == '.' {
		if b = b[1:]; !digits() {
			return false
		}
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		if b = b[1:]; len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		return digits() && len(b) == 0
	}
	return len(b) == 0
}

// uint reads a whole number of at least 0.
func (s *scanner) uint() uint64 {
	tok := s.number("a whole number")
	if s.err != nil {
		return 0
	}
	if tok[0] == '-' {
		s.fail("expected a number of at least 0, found %s", snippet(tok))
		return 0
	}
	return s.magnitude(tok, tok, math.MaxUint64)
}

// int reads a whole number.
func (s *scanner) int() int64 {
	tok := s.number("a whole number")
	if s.err != nil {
		return 0
	}
	if tok[0] == '-' {
		return -int64(s.magnitude(tok, tok[1:], math.MaxInt64))
	}
	return int64(s.magnitude(tok, tok, math.MaxInt64))
}

func (s *scanner) magnitude(tok, digits []byte, limit uint64) uint64 {
	var x uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			s.fail("expected a whole number, found %s", snippet(tok))
			return 0
		}
		d := uint64(c - '0')
		if x > (limit-d)/10 {
			s.fail("number out of range: %s", snippet(tok))
			return 0
		}
		x = x*10 + d
	}
	return x
}

// small reads a whole number that fits an int32, so that no sum of such numbers overflows.
func (s *scanner) small() int {
	x := s.int()
	if x < math.MinInt32 || x > math.MaxInt32 {
		s.fail("number out of range: %d", x)
		return 0
	}
	return int(x)
}

// rate reads a decimal of at most 9 digits after the point as parts per billion.
func (s *scanner) rate() int64 {
	tok := s.number("a rate")
	if s.err != nil {
		return 0
	}
	ppb, ok := decimal(tok)
	if !ok {
		s.failHint("rates have at most 9 digits after the point", "expected a rate, found %s", snippet(tok))
	}
	return ppb
}

// decimal reads a number in parts per billion, exactly.
func decimal(tok []byte) (int64, bool) {
	negative := tok[0] == '-'
	if negative {
		tok = tok[1:]
	}
	mantissa, exponent := tok, 0
	for i, c := range tok {
		if c == 'e' || c == 'E' {
			e, err := strconv.Atoi(string(tok[i+1:]))
			if err != nil || e < -30 || e > 30 {
				return 0, false
			}
			mantissa, exponent = tok[:i], e
			break
		}
	}
	x, scale, point := int64(0), 9+exponent, false
	for _, c := range mantissa {
		if c == '.' {
			point = true
			continue
		}
		if x > math.MaxInt64/10-1 {
			return 0, false
		}
		x = x*10 + int64(c-'0')
		if point {
			scale--
		}
	}
	for ; scale > 0 && x != 0; scale-- {
		if x > math.MaxInt64/10 {
			return 0, false
		}
		x *= 10
	}
	for ; scale < 0 && x != 0; scale++ {
		if x%10 != 0 {
			return 0, false
		}
		x /= 10
	}
	if negative {
		x = -x
	}
	return x, true
}

// duration reads a duration as scenario files write it, "20ms".
func (s *scanner) duration() int64 {
	tok := s.text()
	if s.err != nil {
		return 0
	}
	d, err := time.ParseDuration(string(tok))
	if err != nil {
		s.failHint(`durations are written as "50us", "2ms" or "1m30s"`, "expected a duration, found %q", snippet(tok))
		return 0
	}
	return int64(d)
}

// bool reads true or false.
func (s *scanner) bool() bool {
	if s.err != nil {
		return false
	}
	s.space()
	switch rest := s.b[s.i:]; {
	case len(rest) >= 4 && string(rest[:4]) == "true":
		s.i += 4
		return true
	case len(rest) >= 5 && string(rest[:5]) == "false":
		s.i += 5
		return false
	}
	s.expected("true or false")
	return false
}

// hex reads a comm_id: a string of 16 hex digits.
func (s *scanner) hex() uint64 {
	tok := s.text()
	if s.err != nil {
		return 0
	}
	var x uint64
	for _, c := range tok {
		d := hexValue(c)
		if d < 0 {
			x, tok = 0, nil
			break
		}
		x = x<<4 | uint64(d)
	}
	if len(tok) != 16 {
		s.fail("expected 16 hex digits")
		return 0
	}
	return x
}

// base64 reads a string of base64 and adds the bytes to buf.
func (s *scanner) base64(buf []byte) []byte {
	tok := s.text()
	if s.err != nil {
		return buf
	}
	out, err := base64.StdEncoding.AppendDecode(buf, tok)
	if err != nil {
		s.fail("expected base64, found %q", snippet(tok))
		return buf
	}
	return out
}

// ints reads a list of whole numbers and adds them to xs.
func (s *scanner) ints(xs []int, limit int) []int {
	if !s.open('[') {
		return xs
	}
	for first := true; s.next(&first, ']'); {
		if len(xs) >= limit {
			s.fail("a list of more than %d numbers", limit)
			return xs
		}
		xs = append(xs, s.small())
	}
	return xs
}

// node reads the number of a node of a group of world nodes.
func (s *scanner) node(world int) int {
	x := s.int()
	if s.err == nil && (x < 0 || x >= int64(world)) {
		s.fail("node %d does not exist: the trace has nodes 0 to %d", x, world-1)
	}
	return int(x)
}

// nodes reads a list of such numbers and adds them to xs.
func (s *scanner) nodes(xs []int, world int) []int {
	if !s.open('[') {
		return xs
	}
	for first := true; s.next(&first, ']'); {
		if len(xs) >= maxList {
			s.fail("a list of more than %d numbers", maxList)
			return xs
		}
		xs = append(xs, s.node(world))
	}
	return xs
}
