package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"nexarsim/checker/trace"
	"nexarsim/sim/capsule"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Says which version this is, and which file formats it knows",
		Long:    "version says what this program was built from, and which versions of file formats it reads and writes.",
		Example: "  nexarsim version",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := tooMany(args, 0, "write nexarsim version"); err != nil {
				return err
			}
			a.print(versionText())
			return nil
		},
	}
}

func versionText() string {
	return fmt.Sprintf("nexarsim %s\n%s %s/%s\nreads and writes: %s %d, %s %d\n", versionName(), runtime.Version(), runtime.GOOS, runtime.GOARCH,
		trace.Format, trace.Version, capsule.Format, capsule.Version)
}

// versionName is the version and, as far as the build knows it, the commit.
func versionName() string {
	version, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = " " + s.Value + revision
			case s.Key == "vcs.modified" && s.Value == "true":
				revision += " (modified)"
			}
		}
	}
	return version + revision
}
