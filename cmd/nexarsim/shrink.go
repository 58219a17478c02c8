package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"nexarsim/internal/report"
	"nexarsim/sim"
	"nexarsim/sim/capsule"
)

func (a *app) shrinkCommand() *cobra.Command {
	var out, protocol string
	cmd := &cobra.Command{
		Use:   "shrink CAPSULE",
		Short: "Makes a capsule smaller that shows the same violation",
		Long: `shrink takes away nodes, faults and messages' fates, and makes times shorter and numbers rounder, as long as the same
property is broken. Each candidate is judged by replaying it, also with what it leaves open varied, so that the result does
not rest on an accident. In the end no single decision can be taken away. The result goes to standard output, or with -o to
a file. ^C ends it early and keeps the best so far, with exit code 130.`,
		Example: `  nexarsim sweep even-split --seeds 20 --protocol fail-stop --out findings
  nexarsim shrink findings/even-split-fail-stop-agreement.json -o small.json`,
		RunE: func(_ *cobra.Command, args []string) error { return a.shrink(args, protocol, out) },
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the capsule to this `file`")
	cmd.Flags().StringVar(&protocol, "protocol", "", "shrink it on this `protocol`; its own if left out")
	example(cmd, "output", "small.json")
	example(cmd, "protocol", "quorum")
	completeProtocols(cmd)
	return cmd
}

func (a *app) shrink(args []string, protocol, outName string) error {
	if len(args) == 0 {
		return usage("nexarsim sweep --out DIR writes capsules; nexarsim shrink DIR/x.json -o small.json", "shrink: which capsule?")
	}
	if err := tooMany(args, 1, "shrink takes one capsule"); err != nil {
		return err
	}
	if protocol != "" {
		if err := checkProtocol(protocol); err != nil {
			return err
		}
	}
	c, err := readCapsule(args[0])
	if err != nil {
		return err
	}
	if err := replayable(args[0], &sim.ReplaySpec{Capsule: c, Protocol: protocol}); err != nil {
		return err
	}
	var out *outFile
	if outName != "" {
		if out, err = createFile(outName); err != nil {
			return err
		}
		defer out.Discard()
	}
	ctx, stop := interruptible()
	defer stop()
	small, err := shrinkInto(ctx, args[0], c, protocol, a.shrinkProgress())
	if small == nil {
		return err
	}
	interrupted := errors.Is(err, context.Canceled)
	if interrupted {
		a.code = report.Interrupted
	}
	return a.giveCapsule(out, c, small, interrupted)
}

// shrinkProgress tells on a terminal how far it has come.
func (a *app) shrinkProgress() func(sim.ShrinkProgress) {
	if !isTerminal(a.stderr) {
		return nil
	}
	return func(p sim.ShrinkProgress) {
		fmt.Fprintf(a.stderr, "\r%d replays: %d decisions, %d nodes \x1b[K", p.Replays, p.Decisions, p.Nodes)
	}
}

// giveCapsule writes the result: alone to standard output, or to a file, and then says what it came to.
func (a *app) giveCapsule(out *outFile, was, small *capsule.Capsule, interrupted bool) error {
	if isTerminal(a.stderr) {
		fmt.Fprint(a.stderr, "\r\x1b[K")
	}
	var text bytes.Buffer
	if err := capsule.Write(&text, small); err != nil {
		return &errHarness{err: err}
	}
	if interrupted {
		a.say("interrupted: this is the best so far", "")
	}
	if out == nil {
		a.print(text.String())
		return nil
	}
	if _, err := out.Write(text.Bytes()); err != nil {
		return &errHarness{err: err}
	}
	if err := out.Commit(); err != nil {
		return err
	}
	a.print(fmt.Sprintf("%s: %s; was %s\n", out.name, sizes(small), sizes(was)))
	if small.Cause != "" {
		a.print(small.Cause + "\n")
	}
	return nil
}
