package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A finding is one place that breaks a rule.
type finding struct {
	file string
	line int
	rule string
	text string // what was found, and what to write instead
}

func (f finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.file, f.line, f.rule, f.text)
}

// A tree is a module on disk: its text files, and its packages without their tests.
type tree struct {
	root, module string
	files        map[string][]byte // text files by path below root, with slashes
	packages     []*goPackage      // sorted by path
	fset         *token.FileSet

	exports types.Importer // everything outside of the module
}

// A goPackage is the non-test files of one directory.
type goPackage struct {
	path  string // below the module; "" is the module's own directory
	files []*ast.File
	names []string // of files
	built []bool   // whether this platform builds the file

	types  *types.Package // nil until checked
	info   *types.Info
	broken []finding // why it does not compile
}

// readTree reads and parses the module at root. It reads files by itself rather than asking git, so that it works in a
// download without history, and so that the go command knows what a cached result depends on.
func readTree(root, module string) (*tree, error) {
	t := &tree{root: root, module: module, files: map[string][]byte{}, fset: token.NewFileSet()}
	ignored, err := readIgnored(filepath.Join(root, ".gitignore"))
	if err != nil {
		return nil, err
	}
	if err := t.readDir("", ignored); err != nil {
		return nil, err
	}
	byDir := map[string]*goPackage{}
	nested := map[string]bool{} // modules of their own
	for name := range t.files {
		if path.Base(name) == "go.mod" && name != "go.mod" {
			nested[path.Dir(name)] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.files)) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || outsideBuild(name, nested) {
			continue
		}
		f, err := parser.ParseFile(t.fset, name, t.files[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		built, err := build.Default.MatchFile(filepath.Join(root, path.Dir(name)), path.Base(name))
		if err != nil {
			return nil, fmt.Errorf("read build constraints of %s: %w", name, err)
		}
		dir := strings.TrimPrefix(path.Dir(name), ".")
		p := byDir[dir]
		if p == nil {
			p = &goPackage{path: dir}
			byDir[dir] = p
		}
		p.files, p.names, p.built = append(p.files, f), append(p.names, name), append(p.built, built)
	}
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		t.packages = append(t.packages, byDir[dir])
	}
	return t, t.findExports()
}

// outsideBuild reports whether the go command leaves a file out of ./... for where it is.
func outsideBuild(name string, nested map[string]bool) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		base := path.Base(dir)
		if base == "testdata" || base[0] == '.' || base[0] == '_' || nested[dir] {
			return true
		}
	}
	return false
}

func (t *tree) readDir(dir string, ignored []string) error {
	entries, err := os.ReadDir(filepath.Join(t.root, dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case name == ".git" || isIgnored(ignored, name, e.IsDir()):
		case e.IsDir():
			err = t.readDir(name, ignored)
		case e.Type().IsRegular():
			var text []byte
			text, err = os.ReadFile(filepath.Join(t.root, name))
			if utf8.Valid(text) && !bytes.ContainsRune(text, 0) {
				t.files[name] = text
			}
			if errors.Is(err, os.ErrNotExist) { // gone since the directory was read
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readIgnored returns the patterns of a .gitignore file, none if it does not exist. It knows the two forms that this
// project uses, and refuses any other: a path from the top (/bin/), and a pattern for names (*.test).
func readIgnored(name string) ([]string, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var patterns []string
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		inner := strings.Trim(line, "/")
		if strings.ContainsAny(line, "!\\ ") || strings.Contains(line, "**") || strings.Contains(inner, "/") {
			return nil, fmt.Errorf(".gitignore:%d: %q: only /NAME, /NAME/ and a pattern for names are known here", i+1, line)
		}
		patterns = append(patterns, line)
	}
	return patterns, nil
}

func isIgnored(patterns []string, name string, dir bool) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if strings.HasSuffix(p, "/") && !dir {
			return false
		}
		subject := path.Base(name)
		if p[0] == '/' {
			subject = name
		}
		ok, _ := path.Match(strings.Trim(p, "/"), subject)
		return ok
	})
}

// inModule turns an import path into a path below the module.
func (t *tree) inModule(importPath string) (string, bool) {
	if importPath == t.module {
		return "", true
	}
	return strings.CutPrefix(importPath, t.module+"/")
}

// findExports asks the go command for the compiled form of each package that the module imports from elsewhere.
func (t *tree) findExports() error {
	wanted := map[string]bool{}
	for _, p := range t.packages {
		for i, f := range p.files {
			for _, spec := range f.Imports {
				name, _ := strconv.Unquote(spec.Path.Value)
				if _, inside := t.inModule(name); p.built[i] && !inside && name != "unsafe" && name != "C" {
					wanted[name] = true
				}
			}
		}
	}
	where := map[string]string{}
	if len(wanted) > 0 {
		args := append([]string{"list", "-e", "-export", "-json=ImportPath,Export", "--"}, slices.Sorted(maps.Keys(wanted))...)
		list := exec.Command("go", args...)
		list.Dir = t.root
		out, err := list.Output()
		if err != nil {
			return fmt.Errorf("go list -export: %w: %s", err, exitText(err))
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
			var p struct{ ImportPath, Export string }
			if err := dec.Decode(&p); err != nil {
				return fmt.Errorf("read go list's answer: %w", err)
			}
			where[p.ImportPath] = p.Export
		}
	}
	t.exports = importer.ForCompiler(t.fset, "gc", func(name string) (io.ReadCloser, error) {
		if where[name] == "" {
			return nil, fmt.Errorf("package %s is not built", name)
		}
		return os.Open(where[name])
	})
	return nil
}

func exitText(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(exit.Stderr)
	}
	return ""
}

// Import gives a package to go/types: one of the module is checked from its source, so that one object is one pointer
// in the whole module.
func (t *tree) Import(importPath string) (*types.Package, error) {
	name, inside := t.inModule(importPath)
	if !inside {
		return t.exports.Import(importPath)
	}
	p := t.lookup(name)
	if p == nil {
		return nil, fmt.Errorf("no package %s in this module", importPath)
	}
	t.check(p)
	return p.types, nil
}

func (t *tree) lookup(pkg string) *goPackage {
	i := slices.IndexFunc(t.packages, func(p *goPackage) bool { return p.path == pkg })
	if i < 0 {
		return nil
	}
	return t.packages[i]
}

// check finds the types of a package, once.
func (t *tree) check(p *goPackage) {
	if p.types != nil {
		return
	}
	p.info = &types.Info{
		Types:      map[ast.Expr]types.TypeAndValue{},
		Defs:       map[*ast.Ident]types.Object{},
		Uses:       map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}
	conf := types.Config{Importer: t, Error: func(err error) {
		var e types.Error
		if errors.As(err, &e) && len(p.broken) < 3 {
			p.broken = append(p.broken, t.at(e.Pos, "types", e.Msg+" (the rules need a package that compiles)"))
		}
	}}
	var files []*ast.File
	for i, f := range p.files {
		if p.built[i] {
			files = append(files, f)
		}
	}
	p.types = types.NewPackage(path.Join(t.module, p.path), "") // an import cycle ends here
	// Errors are collected above, each with its place.
	p.types, _ = conf.Check(path.Join(t.module, p.path), t.fset, files, p.info)
}

func (t *tree) at(pos token.Pos, rule, text string) finding {
	p := t.fset.Position(pos)
	return finding{file: p.Filename, line: p.Line, rule: rule, text: text}
}
