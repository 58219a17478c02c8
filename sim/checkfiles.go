package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"nexarsim/sim/capsule"
)

// capsuleFiles lists the capsules of a directory, sorted; none if there is no such directory.
func capsuleFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") && e.Type().IsRegular() {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(files)
	return files, nil
}

// keepCapsule writes a capsule, whole or not at all, under a name that no other one has; one that is there already is not
// written again.
func keepCapsule(dir string, c *capsule.Capsule) (string, error) {
	var text bytes.Buffer
	if err := capsule.Write(&text, c); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	base := strings.ReplaceAll(c.Scenario.Name+"-"+c.Protocol+"-"+c.Property, "+", "_")
	for n := 1; ; n++ {
		name := filepath.Join(dir, base+".json")
		if n > 1 {
			name = filepath.Join(dir, fmt.Sprintf("%s-%d.json", base, n))
		}
		there, err := os.ReadFile(name)
		switch {
		case err == nil && bytes.Equal(there, text.Bytes()):
			return name, nil
		case err == nil:
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
		return name, writeWhole(name, text.Bytes())
	}
}

func writeWhole(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // not to be kept
	}
	return err
}
