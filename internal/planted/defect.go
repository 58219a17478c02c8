package planted

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Edit is one change of a source file.
type Edit struct {
	File     string // below the module's root
	Old, New string // the text that stands there, exactly once, and what replaces it
}

// Build makes a program of the module at root with the edits in place, and puts it into dir, which must be empty. The
// sources stay as they are: `go build -overlay` takes the changed ones.
func Build(ctx context.Context, root, dir string, edits []Edit, pkg string) (program string, err error) {
	overlay, err := Overlay(root, dir, edits)
	if err != nil {
		return "", err
	}
	program = filepath.Join(dir, "program")
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", program, pkg)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with a defect: %w\n%s", err, out)
	}
	return program, nil
}

// Overlay writes the changed sources and the file that names them, for the go command's -overlay, into dir.
func Overlay(root, dir string, edits []Edit) (name string, err error) {
	root, err = filepath.Abs(root)
	if err != nil {
		return "", fmt.Errorf("plant a defect: %w", err)
	}
	sources, err := changed(root, edits)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, source := range sources {
		name := filepath.Join(dir, fmt.Sprintf("changed%d.go", len(replace)))
		if err := os.WriteFile(name, source, 0o666); err != nil {
			return "", fmt.Errorf("plant a defect: %w", err)
		}
		replace[filepath.Join(root, file)] = name
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("plant a defect: %w", err)
	}
	name = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, text, 0o666); err != nil {
		return "", fmt.Errorf("plant a defect: %w", err)
	}
	return name, nil
}

// changed is the sources that the edits change, after them.
func changed(root string, edits []Edit) (map[string][]byte, error) {
	sources := map[string][]byte{}
	for _, e := range edits {
		source, ok := sources[e.File]
		if !ok {
			var err error
			if source, err = os.ReadFile(filepath.Join(root, e.File)); err != nil {
				return nil, fmt.Errorf("plant a defect: %w", err)
			}
		}
		if n := bytes.Count(source, []byte(e.Old)); n != 1 {
			return nil, fmt.Errorf("plant a defect: %s: the text to replace stands there %d times, expected once: %q", e.File, n, e.Old)
		}
		sources[e.File] = bytes.Replace(source, []byte(e.Old), []byte(e.New), 1)
	}
	return sources, nil
}
