package main

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nexarsim/internal/report"
	"nexarsim/internal/seeds"
	"nexarsim/scenarios"
	"nexarsim/sim"
)

// source is a scenario and how it was named.
type source struct {
	*scenarios.Scenario
	arg string // a built-in name or a path, as given
}

// loadScenario finds a built-in scenario, or reads a file.
func loadScenario(arg string) (source, error) {
	if sc, ok := scenarios.Builtin(arg); ok {
		return source{sc, arg}, nil
	}
	if !isPath(arg) {
		return source{}, usage(suggest(arg, scenarios.Names(), "nexarsim scenarios lists the built-in ones; a file's name ends in .yaml"),
			"%s: no such scenario, built in or file", show(arg))
	}
	if err := refuseDirectory(arg); err != nil {
		return source{}, err
	}
	sc, err := scenarios.ParseFile(arg)
	var wrong scenarios.Errors
	switch {
	case errors.As(err, &wrong):
		return source{}, err
	case err != nil:
		return source{}, fileError(arg, err)
	}
	return source{sc, arg}, nil
}

// isPath tells whether an argument can only be meant as a file.
func isPath(arg string) bool {
	if strings.ContainsAny(arg, `/\`) || strings.HasSuffix(arg, ".yaml") || strings.HasSuffix(arg, ".yml") || strings.HasSuffix(arg, ".json") {
		return true
	}
	_, err := os.Stat(arg)
	return err == nil
}

func refuseDirectory(arg string) error {
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		return usage("name a file in it", "%s: is a directory", arg)
	}
	return nil
}

// parseProtocols reads a list of protocols, each once and each there.
func parseProtocols(flag string) ([]string, error) {
	if flag == "" {
		return nil, nil
	}
	var all []string
	for _, name := range strings.Split(flag, ",") {
		if err := checkProtocol(name); err != nil {
			return nil, err
		}
		if slices.Contains(all, name) {
			return nil, usage("name each protocol once", "--protocol: %s is named twice", name)
		}
		all = append(all, name)
	}
	return all, nil
}

// checkProtocol refuses what is no protocol, and what this version does not have.
func checkProtocol(name string) error {
	if !slices.Contains(scenarios.Protocols(), name) {
		return usage(suggest(name, scenarios.Protocols(), "known: "+strings.Join(scenarios.Protocols(), ", ")), "--protocol: unknown protocol %s", show(name))
	}
	if _, err := sim.Protocol(name); err != nil {
		return absentProtocol(err)
	}
	return nil
}

func absentProtocol(err error) error { return usage("", "%s", err) }

// unrunnable tells why a scenario cannot be run: as a matter of usage.
func unrunnable(err error) error { return usage("", "%s", err) }

// parseShard reads I/N.
func parseShard(flag string) (sim.Shard, error) {
	const hint = "write --shard 1/4 for the first of four; I is 1 to N, N at most 1000000"
	if flag == "" {
		return sim.Shard{}, nil
	}
	s, err := report.ParseShard(flag)
	if err != nil {
		return s, usage(hint, "--shard: %s", err)
	}
	return s, nil
}

const maxWorkers = 4096

// parseWorkers reads how many runs are made at a time; 0 is one for each processor.
func parseWorkers(cmd *cobra.Command, flag string) (int, error) {
	if !cmd.Flags().Changed("workers") {
		return 0, nil
	}
	n, err := strconv.ParseUint(flag, 10, 32)
	if err != nil || n < 1 || n > maxWorkers {
		return 0, usage("leave it out for one for each processor", "--workers: expected 1 to %d, found %s", maxWorkers, show(flag))
	}
	return int(n), nil
}

// parseEngine refuses every engine but the one that is there.
func parseEngine(flag string) error {
	switch {
	case flag == "local":
		return nil
	case strings.HasPrefix(flag, "nats://"):
		return usage("use --shard I/N on each machine, and nexarsim merge", "--engine %s: this version has no distributed engine", show(flag))
	}
	return usage("write --engine local", "--engine: expected local or nats://HOST:PORT, found %s", show(flag))
}

// parseSeed reads --seed.
func parseSeed(flag string) (uint64, error) {
	n, err := seeds.One(flag)
	if err != nil {
		return 0, seedError("seed", err)
	}
	return n, nil
}

// parseSeeds reads --seeds.
func parseSeeds(flag string) (seeds.Set, error) {
	set, err := seeds.Parse(flag)
	if err != nil {
		return seeds.Set{}, seedError("seeds", err)
	}
	return set, nil
}

// example says how a flag may be written; messages about it show that.
func example(cmd *cobra.Command, flag, value string) {
	f := cmd.Flags().Lookup(flag)
	setAnnotation(f, "example", value)
}

func setAnnotation(f *pflag.Flag, key, value string) {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[key] = []string{value}
}

// completeScenarios offers the names of the built-in scenarios, and files.
func completeScenarios(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, name := range scenarios.Names() {
		if strings.HasPrefix(name, toComplete) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveDefault
}

// completeProtocols offers the available protocols for a flag.
func completeProtocols(cmd *cobra.Command) {
	offer := cobra.FixedCompletions(sim.Protocols(), cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc("protocol", offer); err != nil {
		panic(err) // no such flag: a mistake of this program
	}
}

// quote gives an argument as a shell takes it.
func quote(arg string) string { return report.Quote(arg) }
