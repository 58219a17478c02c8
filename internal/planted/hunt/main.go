// Command hunt plants each defect of the hunt into a build of itself, which searches for it and sweeps for it, and keeps
// what it measures. What the file has already of a defect with the same edits stays. Without names it hunts for all.
//
//	go run ./internal/planted/hunt testdata/hunt.json [DEFECT...]
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"

	"nexarsim/internal/planted"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "hunt:", err)
		os.Exit(1)
	}
}

// measure is what the program calls its own build with.
const measure = "-measure"

func run(args []string) error {
	ctx := context.Background()
	switch {
	case len(args) == 4 && args[0] == measure:
		runs, err := strconv.ParseUint(args[3], 10, 64)
		if err != nil {
			return err
		}
		d, err := defect(args[1])
		if err != nil {
			return err
		}
		h, err := planted.Measure(ctx, d, args[2], runs)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(h)
	case len(args) == 0:
		return fmt.Errorf("expected the file of the hunt, and the defects to hunt for if not all")
	}
	return hunt(ctx, args[0], args[1:])
}

// defect finds one by its name.
func defect(name string) (*planted.Defect, error) {
	all := planted.Hunted()
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, fmt.Errorf("%s: no such defect", name)
}

// hunt brings the file up to date, part by part, so that it can be stopped at any moment.
func hunt(ctx context.Context, file string, names []string) error {
	for _, name := range names {
		if _, err := defect(name); err != nil {
			return err
		}
	}
	old, err := planted.ReadHunts(file)
	if err != nil {
		return err
	}
	all := begin(old)
	for _, part := range planted.Parts {
		for i := range all {
			h := &all[i]
			if _, complete := h.Runs(part); complete || len(names) > 0 && !slices.Contains(names, h.Name) {
				continue
			}
			if err := one(ctx, h, part, func() error { return planted.WriteHunts(file, all) }); err != nil {
				return fmt.Errorf("%s, %s: %w", h.Name, part, err)
			}
			fmt.Printf("%s: %s\n", h.Name, part)
		}
	}
	return planted.WriteHunts(file, all)
}

// begin is the defects with what is kept of them.
func begin(old []planted.Hunt) (all []planted.Hunt) {
	for _, d := range planted.Hunted() {
		h := planted.Hunt{Name: d.Name, Edits: d.Hash()}
		at := slices.IndexFunc(old, func(o planted.Hunt) bool { return o.Name == h.Name && o.Edits == h.Edits })
		if at >= 0 {
			h = old[at]
		}
		all = append(all, h)
	}
	return all
}

// one builds this program with a defect and has it make a part.
func one(ctx context.Context, h *planted.Hunt, part string, keep func() error) error {
	dir, err := os.MkdirTemp("", "hunt-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := defect(h.Name)
	if err != nil {
		return err
	}
	program, err := planted.Build(ctx, ".", dir, d.Edits, "./internal/planted/hunt")
	if err != nil {
		return err
	}
	for {
		runs, complete := h.Runs(part)
		if complete {
			return nil
		}
		cmd := exec.CommandContext(ctx, program, measure, h.Name, part, strconv.FormatUint(runs, 10))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return err
		}
		made := new(planted.Hunt)
		if err := json.Unmarshal(out, made); err != nil {
			return err
		}
		h.Take(made, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		if err := keep(); err != nil {
			return err
		}
	}
}
