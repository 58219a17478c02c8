// Command outcomes replays the corpus and prints what became of each capsule, a JSON line each. A test builds it with
// changed sources.
//
//	go run ./internal/corpus/outcomes testdata/capsules
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"nexarsim/internal/corpus"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "outcomes:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("expected the directory of the capsules")
	}
	all, err := corpus.Load(args[0])
	if err != nil {
		return err
	}
	for i := range all {
		if err := all[i].Replay(); err != nil {
			return err
		}
		o, err := all[i].Outcome()
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
			return err
		}
	}
	return nil
}
