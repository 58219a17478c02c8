package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// absent lists the commands that have a name and a purpose, but are not in this version.
var absent = []struct{ name, short, instead string }{
	{"worker", "Takes work of a distributed sweep", "nexarsim sweep --seeds 20 --shard 1/4 --protocol quorum leader-dies"},
	{"mutants", "Tests the harness with planted bugs", "nexarsim sweep even-split --seeds 50 --protocol fail-stop"},
	{"view", "Makes a page of a trace or capsule", "nexarsim run leader-dies --seed 7"},
}

// absentCommands makes them. They parse nothing: what they will take is not settled.
func (a *app) absentCommands() []*cobra.Command {
	var all []*cobra.Command
	for _, c := range absent {
		all = append(all, &cobra.Command{
			Use:                c.name,
			Short:              c.short + " (not in this version)",
			Long:               fmt.Sprintf("%s.\n\nThis version does not have it: the command ends in exit code 2 and says so. The example is what comes nearest today.", c.short),
			Example:            "  " + c.instead,
			DisableFlagParsing: true,
			RunE: func(cmd *cobra.Command, args []string) error {
				if isHelp(args) {
					return cmd.Help()
				}
				return usage("", "this version does not have %s; nexarsim %s -h shows what comes nearest", c.name, c.name)
			},
		})
	}
	return all
}

// helpCommand is `nexarsim help COMMAND`, the same as -h.
func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Tells about a command",
		Long:    "help tells about a command, as -h after it does.",
		Example: "  nexarsim help sweep",
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.Root()
			for _, name := range args {
				next := childOf(at, name)
				if next == nil {
					return usage(suggest(name, childNames(at), "nexarsim -h lists the commands"), "unknown command %s", show(name))
				}
				at = next
			}
			return at.Help()
		},
	}
}

func childOf(cmd *cobra.Command, name string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

func childNames(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return names
}
