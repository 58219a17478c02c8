package main

import (
	"github.com/spf13/cobra"
)

// shells is who can complete our command line.
var shells = []string{"bash", "fish", "powershell", "zsh"}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|fish|powershell|zsh",
		Short: "Prints a script that lets a shell complete commands, flags and scenarios",
		Long: `completion prints a script for a shell. Loaded there, it completes commands, flags, protocols and the names of the
built-in scenarios.`,
		Example: `  nexarsim completion bash > nexarsim.bash
  nexarsim completion zsh > _nexarsim`,
		ValidArgsFunction: cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			const hint = "write nexarsim completion bash"
			if len(args) == 0 {
				return usage(hint, "completion: for which shell? bash, fish, powershell or zsh")
			}
			if err := tooMany(args, 1, hint); err != nil {
				return err
			}
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			}
			return usage(suggest(args[0], shells, hint), "completion: unknown shell %s", show(args[0]))
		},
	}
}
