package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// outFile is a file that appears whole or not at all: it is written beside its place under another name, and moved
// there by Commit. What is no regular file, such as a pipe, is written directly.
type outFile struct {
	name   string
	file   *os.File
	buf    *bufio.Writer
	direct bool
}

// createFile finds out that a file cannot be written before anything is done that it would hold.
func createFile(name string) (*outFile, error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil, usage("name a file in it", "%s: is a directory", name)
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return nil, fileError(name, err)
		}
		return newOutFile(name, f, true), nil
	case err == nil:
		f, err := os.OpenFile(name, os.O_WRONLY, 0) // a file that is not ours to write must not be replaced either
		if err != nil {
			return nil, fileError(name, err)
		}
		if err := f.Close(); err != nil {
			return nil, fileError(name, err)
		}
	}
	f, err := createBeside(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage("make the directory first: mkdir -p "+quote(filepath.Dir(name)), "%s: no such directory: %s", name, filepath.Dir(name))
	case err != nil:
		return nil, fileError(name, err)
	}
	return newOutFile(name, f, false), nil
}

func newOutFile(name string, f *os.File, direct bool) *outFile {
	return &outFile{name: name, file: f, buf: bufio.NewWriterSize(f, 256<<10), direct: direct}
}

// createBeside makes the file under a name that nobody has, with the permissions that the file itself would get.
func createBeside(name string) (*os.File, error) {
	dir, base := filepath.Split(name)
	for i := range 1000 {
		other := filepath.Join(dir, "."+base+"."+strconv.Itoa(os.Getpid())+"-"+strconv.Itoa(i)+".tmp")
		f, err := os.OpenFile(other, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if !os.IsExist(err) {
			return f, err
		}
	}
	return nil, fs.ErrExist
}

// Write adds to the file.
func (f *outFile) Write(p []byte) (int, error) { return f.buf.Write(p) }

// Commit puts the file in its place.
func (f *outFile) Commit() error {
	err := f.buf.Flush()
	if closeErr := f.file.Close(); err == nil {
		err = closeErr
	}
	if err == nil && !f.direct {
		err = os.Rename(f.file.Name(), f.name)
	}
	if err != nil {
		f.Discard()
		return &errHarness{err: fmt.Errorf("write %s: %w", f.name, err)}
	}
	return nil
}

// Discard forgets the file. After Commit it does nothing.
func (f *outFile) Discard() {
	_ = f.file.Close() // closed already, or about to be removed
	if !f.direct {
		_ = os.Remove(f.file.Name()) // moved to its place already, or not to be kept
	}
}

// createDir makes a directory for files, and sees to it that files can be made in it.
func createDir(name string) error {
	if err := os.MkdirAll(name, 0o777); err != nil {
		return fileError(name, err)
	}
	f, err := createBeside(filepath.Join(name, "probe"))
	if err != nil {
		return fileError(name, err)
	}
	_ = f.Close() // empty, and removed in the next line
	if err := os.Remove(f.Name()); err != nil {
		return fileError(name, err)
	}
	return nil
}
