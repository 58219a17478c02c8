package house

import (
	"flag"
	"fmt"
	"go/constant"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden texts in api")

// goldenDir is where each public package has one text of its exported names.
const goldenDir = "api"

// TestAPI holds the exported names of each public package against api/PACKAGE.txt, so that a change of what users
// compile against is a visible line in a diff.
func TestAPI(t *testing.T) {
	tree := readModule(t)
	known := map[string]bool{}
	for _, r := range table {
		p := tree.lookup(r.pkg)
		if !r.public || p == nil {
			continue
		}
		golden := goldenDir + "/" + r.pkg + ".txt"
		known[golden] = true
		t.Run(r.pkg, func(t *testing.T) {
			tree.check(p)
			for _, f := range p.broken {
				t.Error(f)
			}
			got := strings.Join(apiOf(p.types), "\n") + "\n"
			if *update && !t.Failed() {
				writeGolden(t, filepath.Join(tree.root, filepath.FromSlash(golden)), got)
				return
			}
			want, ok := tree.files[golden]
			if !ok {
				t.Fatalf("%s does not exist: create it with: go test ./internal/house -run API -update", golden)
			}
			for _, line := range changedLines(string(want), got) {
				t.Errorf("%s: %s", golden, line)
			}
			if t.Failed() {
				t.Errorf("the exported API of %s changed. If that is meant, change the golden together with a line in CHANGELOG.md: go test ./internal/house -run API -update", r.pkg)
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(tree.files)) {
		if strings.HasPrefix(name, goldenDir+"/") && !known[name] {
			t.Errorf("%s: no such public package: delete the file together with a line in CHANGELOG.md", name)
		}
	}
}

func writeGolden(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// changedLines returns the lines that one text has and the other has not. Both are sorted and without repeats.
func changedLines(want, got string) (lines []string) {
	had, has := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, line := range had {
		if !slices.Contains(has, line) {
			lines = append(lines, "- "+line)
		}
	}
	for _, line := range has {
		if !slices.Contains(had, line) {
			lines = append(lines, "+ "+line)
		}
	}
	return lines
}

// apiOf prints the exported names of a package, sorted, one a line:
//
//	const MaxNodes untyped int = 64
//	field View.Epoch Epoch
//	func NewView(members []NodeID) View
//	interface Machine.Clone() Machine
//	method (*Node) Step(now Instant, in Input, out *Effects)
//	type View struct
//	var ErrStale error
func apiOf(p *types.Package) []string {
	var lines []string
	// Names of this package stand bare, others behind their import path, which no second package can share.
	inside := types.RelativeTo(p)
	str := func(t types.Type) string { return types.TypeString(t, inside) }
	for _, name := range p.Scope().Names() {
		obj := p.Scope().Lookup(name)
		if !obj.Exported() {
			continue
		}
		switch obj := obj.(type) {
		case *types.Const:
			lines = append(lines, fmt.Sprintf("const %s %s = %s", name, str(obj.Type()), exact(obj.Val())))
		case *types.Var:
			lines = append(lines, fmt.Sprintf("var %s %s", name, str(obj.Type())))
		case *types.Func:
			lines = append(lines, fmt.Sprintf("func %s%s", name, strings.TrimPrefix(str(obj.Type()), "func")))
		case *types.TypeName:
			lines = append(lines, typeLines(obj, str)...)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func exact(v constant.Value) string {
	if v.Kind() == constant.String {
		return fmt.Sprintf("%q", constant.StringVal(v))
	}
	return v.ExactString()
}

// typeLines prints a type, its exported fields or its interface's methods, and the methods declared on it.
func typeLines(obj *types.TypeName, str func(types.Type) string) (lines []string) {
	name := obj.Name()
	if obj.IsAlias() {
		return []string{fmt.Sprintf("type %s = %s", name, str(types.Unalias(obj.Type())))}
	}
	named, _ := obj.Type().(*types.Named)
	params := ""
	if list := named.TypeParams(); list.Len() > 0 {
		var each []string
		for p := range list.TypeParams() {
			each = append(each, p.Obj().Name()+" "+str(p.Constraint()))
		}
		params = "[" + strings.Join(each, ", ") + "]"
	}
	switch u := named.Underlying().(type) {
	case *types.Struct:
		lines = append(lines, fmt.Sprintf("type %s%s struct", name, params))
		for f := range u.Fields() {
			if f.Embedded() && f.Exported() {
				lines = append(lines, fmt.Sprintf("field %s.%s (embedded) %s", name, f.Name(), str(f.Type())))
			} else if f.Exported() {
				lines = append(lines, fmt.Sprintf("field %s.%s %s", name, f.Name(), str(f.Type())))
			}
		}
	case *types.Interface:
		lines = append(lines, fmt.Sprintf("type %s%s interface", name, params))
		for m := range u.Methods() {
			if m.Exported() {
				lines = append(lines, fmt.Sprintf("interface %s.%s%s", name, m.Name(), strings.TrimPrefix(str(m.Type()), "func")))
			} else {
				lines = append(lines, fmt.Sprintf("interface %s has unexported methods", name))
			}
		}
	default:
		lines = append(lines, fmt.Sprintf("type %s%s %s", name, params, str(u)))
	}
	for m := range named.Methods() {
		if m.Exported() {
			sig := m.Type().(*types.Signature)
			lines = append(lines, fmt.Sprintf("method (%s) %s%s", str(sig.Recv().Type()), m.Name(), strings.TrimPrefix(str(sig), "func")))
		}
	}
	return lines
}
