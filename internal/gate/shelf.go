package gate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"nexarsim/sim/capsule"
)

// Shelf is where capsules and traces are kept. Without a directory of the user's choice, it keeps only what cannot be made
// again, such as the trace of a real run, in a temporary directory that stays.
type Shelf struct {
	mu     sync.Mutex
	dir    string
	chosen bool
	taken  map[string]int
}

// NewShelf makes a shelf in a directory, which exists; empty: nobody chose one.
func NewShelf(dir string) *Shelf {
	return &Shelf{dir: dir, chosen: dir != "", taken: map[string]int{}}
}

// chosenByUser tells whether somebody wants files of what could be made again.
func (s *Shelf) chosenByUser() bool { return s.chosen }

// put writes a file, whole or not at all, and gives its name. A second file of one name gets a number.
func (s *Shelf) put(base, ending string, text []byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "nexarsim-validate-")
		if err != nil {
			return "", err
		}
		s.dir = dir
	}
	base = fileName(base)
	s.taken[base+ending]++
	if n := s.taken[base+ending]; n > 1 {
		base += "-" + strconv.Itoa(n)
	}
	name := filepath.Join(s.dir, base+ending)
	part := filepath.Join(s.dir, "."+base+ending+"."+strconv.Itoa(os.Getpid())+".tmp")
	err := os.WriteFile(part, text, 0o666)
	if err == nil {
		err = os.Rename(part, name)
	}
	if err != nil {
		_ = os.Remove(part) // there may be none
		return "", fmt.Errorf("keep %s: %w", name, err)
	}
	return name, nil
}

// putCapsule writes a capsule.
func (s *Shelf) putCapsule(base string, c *capsule.Capsule) (string, error) {
	var b bytes.Buffer
	if err := capsule.Write(&b, c); err != nil {
		return "", err
	}
	return s.put(base, ".json", b.Bytes())
}

// fileName keeps of a text what any file system takes.
func fileName(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, text)
}
