package corpus

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"nexarsim/core/classic"
	"nexarsim/internal/story"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
	"nexarsim/testdata/capsules"
)

// Entry is one capsule with its record.
type Entry struct {
	Record
	Capsule *capsule.Capsule
	Source  []byte // the text of its file

	Replays []Replay // after Replay: the capsule's own protocol first
	Story   string   // of the replay on the capsule's own protocol
}

// Replay is what became of a capsule on one protocol.
type Replay struct {
	Protocol string
	*sim.Replayed
}

// Load reads the capsules of a directory with their records. A capsule without a record is an error, as is a record
// without its capsule.
func Load(dir string) ([]Entry, error) { return load(os.DirFS(dir), dir) }

// Embedded is the corpus as it was when the program was built.
func Embedded() ([]Entry, error) { return load(capsules.Files, "testdata/capsules") }

func load(files fs.FS, dir string) ([]Entry, error) {
	names, err := fs.Glob(files, "*.json") // sorted
	if err != nil {
		return nil, fmt.Errorf("load corpus: %w", err)
	}
	var all []Entry
	for _, r := range Records() {
		text, err := fs.ReadFile(files, r.File)
		if err != nil {
			return nil, fmt.Errorf("load corpus: %w", err)
		}
		c, err := capsule.Parse(path.Join(dir, r.File), text)
		if err != nil {
			return nil, fmt.Errorf("load corpus: %w", err)
		}
		all = append(all, Entry{Record: r, Capsule: c, Source: text})
		names = slices.DeleteFunc(names, func(n string) bool { return n == r.File })
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("load corpus: no record of %s", strings.Join(names, ", "))
	}
	return all, nil
}

// ladder is the rungs on which a capsule of classic is replayed.
func ladder() []string {
	var rungs []string
	for _, r := range classic.Repairs() {
		rungs = append(rungs, r.String())
	}
	return rungs
}

// Replay replays the capsule on its own protocol and, if that is classic or a rung, on the others.
func (e *Entry) Replay() error {
	protocols := []string{e.Capsule.Protocol}
	if slices.Contains(ladder(), e.Capsule.Protocol) {
		for _, p := range ladder() {
			if p != e.Capsule.Protocol {
				protocols = append(protocols, p)
			}
		}
	}
	e.Replays = nil
	for _, p := range protocols {
		spec := sim.ReplaySpec{Capsule: e.Capsule, Protocol: p}
		told := story.New()
		if len(e.Replays) == 0 {
			spec.Observe = told.Observe
		}
		r, err := sim.New().Replay(spec)
		if err != nil {
			return fmt.Errorf("replay %s with %s: %w", e.File, p, err)
		}
		if len(e.Replays) == 0 {
			var b bytes.Buffer
			told.Print(&b, r.World, storyLines)
			e.Story = b.String()
		}
		e.Replays = append(e.Replays, Replay{p, r})
	}
	return nil
}

// storyLines is how long a story may be.
const storyLines = 24

// On is the replay on a protocol.
func (e *Entry) On(protocol string) *Replay {
	for i := range e.Replays {
		if e.Replays[i].Protocol == protocol {
			return &e.Replays[i]
		}
	}
	return nil
}

// Repaired is the rungs from the one that repairs the bug on; none if no rung does.
func (e *Entry) Repaired() []string {
	at := slices.Index(ladder(), e.RepairedBy)
	if at < 0 {
		return nil
	}
	return ladder()[at:]
}

// Crashes is how many nodes the capsule lets die.
func (e *Entry) Crashes() int {
	n := 0
	for i := range e.Capsule.Decisions {
		d := &e.Capsule.Decisions[i]
		switch {
		case d.Kind == capsule.Act && d.Fault.Act.Kind.String() == "crash":
			n += len(d.Fault.Act.Nodes)
		case d.Kind == capsule.Next && d.Step.Do == "crash":
			n++
		}
	}
	return n
}

// Lost says what a capsule has lost of its power: the empty text, or what is wrong.
func (e *Entry) Lost() string {
	own := &e.Replays[0]
	if own.Outcome != sim.Reproduced {
		return fmt.Sprintf("%s: with %s %s at %s (nearest: %s), expected reproduced", e.File, own.Protocol, own.Outcome, own.Missing, own.Nearest)
	}
	for _, p := range e.Repaired() {
		if r := e.On(p); r.Outcome != sim.Fixed {
			return fmt.Sprintf("%s: with %s %s at %s (nearest: %s), expected fixed", e.File, p, r.Outcome, r.Missing, r.Nearest)
		}
	}
	if !own.Same {
		return fmt.Sprintf("%s: the replay's digest is %s, the capsule says %s: seal it anew with nexarsim shrink", e.File, own.DigestText(), e.Capsule.Digest)
	}
	return ""
}

// ReadmeName is the corpus' own page.
const ReadmeName = "README.md"
