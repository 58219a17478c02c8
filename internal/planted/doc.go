// Package planted puts defects into the core and asks the harness to find them. Its tests build nexarsim with a defect for
// each property: the sweep must find it, call it by its property, and end in a command that shows the same run again. Its
// hunt holds `explore` against sweeps of 100,000 runs, for defects that random runs meet rarely or never; `make hunt`
// writes what it measures into docs/explore.md. It finds nothing by itself.
//
//	program, err := planted.Build(ctx, "../..", dir, defect.Edits, "./cmd/nexarsim")
package planted
