package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"nexarsim/internal/report"
)

func (a *app) mergeCommand() *cobra.Command {
	var asDoc bool
	cmd := &cobra.Command{
		Use:   "merge FILE...",
		Short: "Puts the JSON documents of shards together, as one sweep",
		Long: `merge reads what sweep --json printed, for each shard of a sweep or for several sweeps, and gives the document that one
sweep over all those runs would have given: the same digest, numbers, findings and reach. Only here is it judged whether a
violation that a scenario expects is missing. A run that two files list, or a name that means two scenarios, is an error.`,
		Example: `  nexarsim sweep leader-dies --seeds 40 --shard 1/2 --json > 1.json
  nexarsim sweep leader-dies --seeds 40 --shard 2/2 --json > 2.json
  nexarsim merge 1.json 2.json`,
		RunE: func(_ *cobra.Command, args []string) error { return a.merge(args, asDoc) },
	}
	cmd.Flags().BoolVar(&asDoc, "json", false, "print one JSON document")
	return cmd
}

func (a *app) merge(args []string, asDoc bool) error {
	if len(args) == 0 {
		return usage("nexarsim sweep --seeds 40 --shard 1/2 --json > 1.json; nexarsim merge 1.json 2.json", "merge: which files?")
	}
	var docs []report.Named
	for _, name := range args {
		d, err := readSweep(name)
		if err != nil {
			return err
		}
		docs = append(docs, report.Named{File: name, Sweep: d})
	}
	doc, err := report.Merge(docs)
	if err != nil {
		return documentError(err)
	}
	if missing := doc.MissingShards(); len(missing) > 0 {
		a.say("merged without all shards: not there: "+strings.Join(missing, " "), "")
	}
	a.code = doc.Exit
	if asDoc {
		return a.printDocument(doc)
	}
	a.tellSweep(doc, nil)
	return nil
}

func readSweep(name string) (*report.Sweep, error) {
	if err := refuseDirectory(name); err != nil {
		return nil, err
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fileError(name, err)
	}
	defer file.Close() // opened for reading: closing loses nothing
	d, err := report.ReadSweep(file, name)
	if err != nil {
		return nil, documentError(err)
	}
	return d, nil
}

// documentError is what is wrong with a document, with its hint.
func documentError(err error) error {
	var e *report.DocError
	if errors.As(err, &e) {
		return usage(e.Hint, "%s", e)
	}
	return err
}
