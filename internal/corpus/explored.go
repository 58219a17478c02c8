package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"nexarsim/sim/explore"
)

// Explored is one search of classic or a rung: every schedule of a small group.
type Explored struct {
	Protocol    string  `json:"protocol"`
	World       int     `json:"world"`
	Crashes     int     `json:"crashes"`
	States      uint64  `json:"states"`
	Transitions uint64  `json:"transitions"`
	Complete    bool    `json:"complete"`
	Deaf        bool    `json:"deaf"` // some orchestrator ended because its communicator cannot receive
	Shown       []Shown `json:"shown"`
}

// Shown is a property that some schedule breaks.
type Shown struct {
	Property string   `json:"property"`
	Steps    int      `json:"steps"`  // of the shortest schedule
	States   uint64   `json:"states"` // that show it
	Why      string   `json:"why"`
	Told     []string `json:"told,omitempty"` // the shortest schedule, in worlds of at most toldWorld
}

const (
	toldWorld = 3
	// exploredStates bounds a search of the table: the largest of them needs 1.8 million.
	exploredStates = 5_000_000
)

// Searches is the table's rows without what was found: each rung in each world, the smallest world first.
func Searches() (all []Explored) {
	for _, size := range [][2]int{{2, 1}, {3, 1}, {4, 1}, {3, 2}, {4, 2}} {
		for _, p := range ladder() {
			all = append(all, Explored{Protocol: p, World: size[0], Crashes: size[1]})
		}
	}
	return all
}

// Cheap tells whether a search takes less than a second.
func (e *Explored) Cheap() bool { return e.World < 4 || e.Crashes < 2 }

// Search makes it.
func (e *Explored) Search(ctx context.Context, workers int) error {
	c := explore.Config{Protocol: e.Protocol, World: e.World, Budget: explore.Budget{Crashes: e.Crashes}}
	r, err := explore.Run(ctx, c, explore.Options{Workers: workers, MaxStates: exploredStates})
	if err != nil {
		return err
	}
	e.States, e.Transitions, e.Complete = r.States, r.Transitions, r.Complete()
	e.Deaf = slices.ContainsFunc(r.Seen, func(p explore.Probe) bool { return p.Name == explore.Deaf && p.Steps > 0 })
	e.Shown = nil
	for i := range r.Violations {
		v := &r.Violations[i]
		told, err := explore.Replay(&v.Schedule)
		if err != nil {
			return fmt.Errorf("%s in %s, %d nodes, %s: %w", v.Property, e.Protocol, e.World, crashes(e.Crashes), err)
		}
		s := Shown{Property: v.Property, Steps: v.Steps, States: v.States, Why: v.Why}
		if e.World <= toldWorld {
			s.Told = told.Lines
		}
		e.Shown = append(e.Shown, s)
	}
	return nil
}

// Shows gives what a search found of a property; nil if nothing.
func (e *Explored) Shows(property string) *Shown {
	for i := range e.Shown {
		if e.Shown[i].Property == property {
			return &e.Shown[i]
		}
	}
	return nil
}

// EncodeExplored gives the file that keeps the searches: they take too long to make them for each test.
func EncodeExplored(all []Explored) ([]byte, error) {
	var b bytes.Buffer
	w := json.NewEncoder(&b)
	w.SetIndent("", " ")
	if err := w.Encode(all); err != nil {
		return nil, fmt.Errorf("encode searches: %w", err)
	}
	return b.Bytes(), nil
}

// ReadExplored reads that file.
func ReadExplored(name string) ([]Explored, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read searches: %w", err)
	}
	var all []Explored
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("read searches: %s: %w: make ladder writes it anew", name, err)
	}
	return all, nil
}
