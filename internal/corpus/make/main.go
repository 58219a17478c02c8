// Command make finds and shrinks the capsules of the corpus again: all of them, or those that are named.
//
//	go run ./internal/corpus/make testdata/capsules [FILE...]
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"nexarsim/internal/corpus"
	"nexarsim/sim/capsule"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "make:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("expected the directory of the capsules")
	}
	for _, r := range corpus.Records() {
		if len(args) > 1 && !slices.Contains(args[1:], r.File) {
			continue
		}
		c, err := corpus.Make(context.Background(), r)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := capsule.Write(&b, c); err != nil {
			return err
		}
		name := filepath.Join(args[0], r.File)
		if err := os.WriteFile(name+".new", b.Bytes(), 0o666); err != nil {
			return err
		}
		if err := os.Rename(name+".new", name); err != nil {
			return err
		}
		fmt.Printf("%s: %d nodes, %d decisions, %d steps\n", r.File, c.Scenario.World.Min, len(c.Decisions), c.Steps)
	}
	return nil
}
