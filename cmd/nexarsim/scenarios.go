package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"nexarsim/internal/report"
	"nexarsim/scenarios"
)

func (a *app) scenariosCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scenarios",
		Short: "Lists, shows and checks scenarios",
		Long: `scenarios lists the built-in scenarios (as scenarios list does), shows one as YAML, prints the JSON Schema of the format,
or says what is wrong with a file.`,
		Example: `  nexarsim scenarios
  nexarsim scenarios show leader-dies`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(suggest(args[0], childNames(cmd), "nexarsim scenarios -h lists what there is"), "scenarios: unknown command %s", show(args[0]))
			}
			a.listScenarios()
			return nil
		},
	}
	cmd.AddCommand(
		a.scenariosPart("list", "Lists the built-in scenarios", "nexarsim scenarios list", 0, func([]string) error {
			a.listScenarios()
			return nil
		}),
		a.scenariosPart("show NAME", "Shows a built-in scenario as YAML", "nexarsim scenarios show even-split", 1, a.showScenario),
		a.scenariosPart("schema", "Prints the JSON Schema of the scenario format", "nexarsim scenarios schema", 0, func([]string) error {
			a.print(string(scenarios.Schema()))
			return nil
		}),
		a.scenariosPart("lint FILE", "Says what is wrong with a scenario, and what may not be meant so", "nexarsim scenarios lint even-split", 1, a.lintScenario),
	)
	return cmd
}

// scenariosPart makes one of the commands below scenarios.
func (a *app) scenariosPart(use, short, example string, wants int, run func(args []string) error) *cobra.Command {
	name, argument, _ := strings.Cut(use, " ")
	return &cobra.Command{
		Use: use, Short: short, Long: short + ".", Example: "  " + example,
		ValidArgsFunction: completeScenarios,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) < wants {
				return usage("write "+example, "scenarios %s: which %s?", name, argument)
			}
			if err := tooMany(args, wants, "write "+example); err != nil {
				return err
			}
			return run(args)
		},
	}
}

func (a *app) listScenarios() {
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tWORLD\tABOUT")
	for _, name := range scenarios.Names() {
		sc, _ := scenarios.Builtin(name)
		world := fmt.Sprint(sc.World.Min)
		if sc.World.Max > sc.World.Min {
			world += fmt.Sprintf("..%d", sc.World.Max)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", name, world, sc.About)
	}
	_ = table.Flush() // whoever reads it may have gone away
}

func (a *app) showScenario(args []string) error {
	text := scenarios.Source(args[0])
	if text == nil {
		return usage(suggest(args[0], scenarios.Names(), "nexarsim scenarios lists them"), "%s: no such built-in scenario", show(args[0]))
	}
	a.print(string(text))
	return nil
}

// lintScenario prints what is wrong as an error, and advice as a result.
func (a *app) lintScenario(args []string) error {
	sc, err := loadScenario(args[0])
	var wrong scenarios.Errors
	if errors.As(err, &wrong) {
		a.complain(wrong)
		a.code = report.Usage
		return nil
	}
	if err != nil {
		return err
	}
	advice := scenarios.Lint(sc.Scenario)
	for _, w := range advice {
		place := args[0]
		if w.Line > 0 {
			place = fmt.Sprintf("%s:%d", place, w.Line)
		}
		a.print(fmt.Sprintf("%s: %s\n", place, w))
	}
	if len(advice) == 0 {
		a.print(fmt.Sprintf("%s: nothing to say\n", args[0]))
	}
	return nil
}
