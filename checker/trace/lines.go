package trace

import (
	"bytes"
	"errors"
	"io"
)

// errTooLong is a line over maxLine, errCut a last line without its end.
var (
	errTooLong = errors.New("line too long")
	errCut     = errors.New("cut line")
)

// lines cuts a stream into lines and never holds more than one of them, and no more than maxLine of it.
type lines struct {
	r          io.Reader
	buf        []byte
	start, end int   // what is read and not yet given out
	err        error // what the reader said last
}

// next gives the next line without its end, good until the next call. It gives io.EOF after the last line, errCut and
// what there is for one without an end, and errTooLong for one over maxLine.
func (l *lines) next() ([]byte, error) {
	scanned := 0
	for {
		if n := bytes.IndexByte(l.buf[l.start+scanned:l.end], '\n'); n >= 0 {
			line := l.buf[l.start : l.start+scanned+n]
			l.start += len(line) + 1
			if len(line) > maxLine {
				return nil, errTooLong
			}
			return line, nil
		}
		scanned = l.end - l.start
		if scanned > maxLine {
			return nil, errTooLong
		}
		if l.err != nil {
			return l.last()
		}
		l.fill()
	}
}

// last gives what stands after the last line end.
func (l *lines) last() ([]byte, error) {
	if l.err != io.EOF {
		return nil, l.err
	}
	rest := l.buf[l.start:l.end]
	l.start = l.end
	if len(rest) == 0 {
		return nil, io.EOF
	}
	return rest, errCut
}

// fill reads more, making room first.
func (l *lines) fill() {
	if l.start > 0 {
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	if l.end == len(l.buf) {
		size := min(max(2*len(l.buf), 64<<10), maxLine+64<<10)
		bigger := make([]byte, size)
		copy(bigger, l.buf)
		l.buf = bigger
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		l.err = err
		if n > 0 || err != nil {
			return
		}
	}
	l.err = io.ErrNoProgress
}
