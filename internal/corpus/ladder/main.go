// Command ladder goes through every schedule of small groups that run classic and the rungs of its repairs, and keeps what
// it finds: the table of docs/findings.md.
//
//	go run ./internal/corpus/ladder testdata/ladder.json
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"nexarsim/internal/corpus"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ladder:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("expected the file of the searches")
	}
	all := corpus.Searches()
	for i := range all {
		e := &all[i]
		if err := e.Search(context.Background(), runtime.GOMAXPROCS(0)); err != nil {
			return err
		}
		fmt.Printf("%s, %d nodes, %d crashes: %d states, %d properties\n", e.Protocol, e.World, e.Crashes, e.States, len(e.Shown))
	}
	b, err := corpus.EncodeExplored(all)
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[0]+".new", b, 0o666); err != nil {
		return err
	}
	return os.Rename(args[0]+".new", args[0])
}
