package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// codeRules are the rules about packages, by the name that a finding carries.
var codeRules = []struct {
	name string
	look func(*tree) []finding
}{
	{"types", findBroken},
	{"imports", findImports},
	{"names", findNames},
	{"concurrency", findConcurrency},
	{"globals", findGlobals},
	{"order", findMapOrder},
	{"floats", findFloats},
	{"doc", findUndocumented},
}

// ruled calls look for each non-test file of each package that is in the table.
func (t *tree) ruled(look func(p *goPackage, r row, i int)) {
	for _, p := range t.packages {
		if r, ok := rowOf(p.path); ok {
			for i := range p.files {
				look(p, r, i)
			}
		}
	}
}

// typed calls look for each file, built on this platform, in which one of the rules in set holds.
func (t *tree) typed(set regime, look func(p *goPackage, f *ast.File)) {
	t.ruled(func(p *goPackage, r row, i int) {
		if p.built[i] && r.rules(p.names[i])&set != 0 {
			t.check(p)
			look(p, p.files[i])
		}
	})
}

// findBroken reports packages whose types cannot be found, among those for which a rule needs them.
func findBroken(t *tree) (found []finding) {
	for _, p := range t.packages {
		if r, ok := rowOf(p.path); ok && (r.strict != 0 || r.public) {
			t.check(p)
			found = append(found, p.broken...)
		}
	}
	return found
}

// findImports holds each import against the table.
func findImports(t *tree) (found []finding) {
	for _, p := range t.packages {
		if _, ok := rowOf(p.path); !ok {
			found = append(found, t.at(p.files[0].Package, "imports", fmt.Sprintf("package %q is not in the imports table: add a row to internal/house/table_test.go, and to ARCHITECTURE.md", p.path)))
		}
	}
	t.ruled(func(p *goPackage, r row, i int) {
		for _, spec := range p.files[i].Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if text := t.refuse(r, p.names[i], name); text != "" {
				found = append(found, t.at(spec.Pos(), "imports", text))
			}
		}
	})
	return found
}

// refuse says why a file may not import a package; it says nothing if it may.
func (t *tree) refuse(r row, file, name string) string {
	if inner, ok := t.inModule(name); ok {
		if slices.Contains(r.module, inner) || slices.Equal(r.module, everything) {
			return ""
		}
		return fmt.Sprintf("%s may not import %s: hand in what it needs as a value or an interface of its own (see internal/house/table_test.go)", r.pkg, name)
	}
	if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") {
		if covers(r.libs, name) {
			return ""
		}
		return fmt.Sprintf("%s may not import %s: use the standard library, or add the library to its row in internal/house/table_test.go and the reason to docs/adr", r.pkg, name)
	}
	rules := r.rules(file)
	if _, ok := coreStd[name]; rules&coreOnly != 0 && !ok {
		return fmt.Sprintf("%s may not import %s: it uses nothing but computation (coreStd in internal/house/table_test.go)%s", r.pkg, name, instead(name))
	}
	if rules&coreOnly == 0 {
		for _, b := range banned {
			if rules&b.rule != 0 && covers(b.imports, name) {
				return fmt.Sprintf("%s may not import %s%s", r.pkg, name, instead(name))
			}
		}
	}
	return ""
}

func instead(importPath string) string {
	for _, b := range banned {
		if covers(b.imports, importPath) {
			return ": " + b.instead
		}
	}
	return ""
}

// findNames looks at single functions of packages that are allowed otherwise: time.Now and the like.
func findNames(t *tree) (found []finding) {
	t.ruled(func(p *goPackage, r row, i int) {
		if !p.built[i] || r.strict == 0 {
			return
		}
		t.check(p)
		rules := r.rules(p.names[i])
		sorted := sortedKeys(p.files[i], p.info)
		ast.Inspect(p.files[i], func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			pkg, name := foreignName(p.info.Uses[id])
			if only := coreStd[pkg]; rules&coreOnly != 0 && only != nil && !slices.Contains(only, name) {
				found = append(found, t.at(id.Pos(), "names", fmt.Sprintf("%s.%s: %s uses of package %s only %s%s", pkg, name, r.pkg, pkg, strings.Join(only, ", "), insteadOf(pkg, name))))
				return true
			}
			for _, b := range bannedNames {
				if rules&b.rule == 0 || b.pkg != pkg || !slices.Contains(b.names, name) || sorted[id] {
					continue
				}
				if b.rule == mapOrder && t.unordered(p.files[i], id.Pos()) {
					continue
				}
				found = append(found, t.at(id.Pos(), "names", fmt.Sprintf("%s.%s: %s", pkg, name, b.instead)))
			}
			return true
		})
	})
	return found
}

func insteadOf(pkg, name string) string {
	for _, b := range bannedNames {
		if b.pkg == pkg && slices.Contains(b.names, name) {
			return ": " + b.instead
		}
	}
	return ""
}

// foreignName returns package and name of an object at the top of a package.
func foreignName(obj types.Object) (pkg, name string) {
	if obj == nil || obj.Pkg() == nil || obj.Parent() != obj.Pkg().Scope() {
		return "", ""
	}
	return obj.Pkg().Path(), obj.Name()
}

// sortedKeys finds the maps.Keys and the like that stand as the argument of slices.Sorted and its sisters.
func sortedKeys(f *ast.File, info *types.Info) map[*ast.Ident]bool {
	found := map[*ast.Ident]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		outer, ok := n.(*ast.CallExpr)
		if !ok || len(outer.Args) == 0 {
			return true
		}
		if pkg, name := foreignName(called(outer, info)); pkg != "slices" || !strings.HasPrefix(name, "Sorted") {
			return true
		}
		if inner, ok := outer.Args[0].(*ast.CallExpr); ok {
			if id := lastIdent(inner.Fun); id != nil {
				found[id] = true
			}
		}
		return true
	})
	return found
}

// called returns what a call calls, nil if that has no name.
func called(call *ast.CallExpr, info *types.Info) types.Object {
	if id := lastIdent(call.Fun); id != nil {
		return info.Uses[id]
	}
	return nil
}

// lastIdent returns the name of a called function: of pkg.F, x.F, F and each with type arguments.
func lastIdent(e ast.Expr) *ast.Ident {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return e
	case *ast.SelectorExpr:
		return e.Sel
	case *ast.IndexExpr:
		return lastIdent(e.X)
	case *ast.IndexListExpr:
		return lastIdent(e.X)
	}
	return nil
}

// findConcurrency looks for goroutines and channels.
func findConcurrency(t *tree) (found []finding) {
	t.ruled(func(p *goPackage, r row, i int) {
		if r.rules(p.names[i])&concurrency == 0 {
			return
		}
		ast.Inspect(p.files[i], func(n ast.Node) bool {
			what := ""
			switch n := n.(type) {
			case *ast.GoStmt:
				what = "a goroutine"
			case *ast.SelectStmt:
				what = "a select"
			case *ast.ChanType:
				what = "a channel"
			case *ast.SendStmt:
				what = "a send on a channel"
			case *ast.UnaryExpr:
				if n.Op == token.ARROW {
					what = "a receive from a channel"
				}
			}
			if what != "" {
				found = append(found, t.at(n.Pos(), "concurrency", what+": within a run one caller drives everything; return effects as data, or queue them in a slice"))
			}
			return true
		})
	})
	return found
}

// findMapOrder looks for ranges over maps.
func findMapOrder(t *tree) (found []finding) {
	t.typed(mapOrder, func(p *goPackage, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			loop, ok := n.(*ast.RangeStmt)
			if ok && isMap(p.info.TypeOf(loop.X)) && !t.unordered(f, loop.Pos()) {
				found = append(found, t.at(loop.Pos(), "order", "a range over a map: keep a sorted slice instead (outside of core also: range over slices.Sorted(maps.Keys(m))); if no order can show, say why in a comment on this line: // unordered: REASON"))
			}
			return true
		})
	})
	return found
}

// isMap reports whether t is a map, or a type parameter that may be one.
func isMap(t types.Type) bool {
	if t == nil {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Map:
		return true
	case *types.Interface:
		for i := range u.NumEmbeddeds() {
			switch e := u.EmbeddedType(i).(type) {
			case *types.Union:
				for j := range e.Len() {
					if isMap(e.Term(j).Type()) {
						return true
					}
				}
			default:
				if isMap(e) {
					return true
				}
			}
		}
	}
	return false
}

// unordered reports whether the line of pos, or the one above it, says with a reason why the order of a map cannot show.
func (t *tree) unordered(f *ast.File, pos token.Pos) bool {
	line := t.fset.Position(pos).Line
	for _, group := range f.Comments {
		for _, c := range group.List {
			reason, ok := strings.CutPrefix(c.Text, "// unordered:")
			at := t.fset.Position(c.Pos()).Line
			if ok && strings.TrimSpace(reason) != "" && (at == line || at == line-1) {
				return true
			}
		}
	}
	return false
}

// floatsDirective opts a file out of the rule about floating-point arithmetic; a reason follows it.
const floatsDirective = "//house:floats"

// findFloats looks for arithmetic whose last bit may differ between processors.
func findFloats(t *tree) (found []finding) {
	const text = "floating-point arithmetic: results differ between processors (fused multiply-add, assembly); use integers, such as parts per billion and nanoseconds; a file that no digest depends on says so: " + floatsDirective + " REASON"
	t.typed(integers, func(p *goPackage, f *ast.File) {
		if _, reason := directive(f, floatsDirective); reason != "" {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			bad := false
			switch n := n.(type) {
			case *ast.BinaryExpr:
				tv := p.info.Types[n]
				bad = tv.Value == nil && isFloat(tv.Type)
			case *ast.AssignStmt:
				bad = n.Tok != token.ASSIGN && n.Tok != token.DEFINE && isFloat(p.info.TypeOf(n.Lhs[0]))
			case *ast.IncDecStmt:
				bad = isFloat(p.info.TypeOf(n.X))
			case *ast.CallExpr:
				pkg, _ := foreignName(called(n, p.info))
				bad = pkg == "math" && isFloat(p.info.TypeOf(n))
			}
			if bad {
				found = append(found, t.at(n.Pos(), "floats", text))
			}
			return !bad
		})
	})
	return found
}

func isFloat(t types.Type) bool {
	if t == nil {
		return false
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&(types.IsFloat|types.IsComplex) != 0
}

// directive finds a comment that begins with name, and what follows it.
func directive(f *ast.File, name string) (pos token.Pos, rest string) {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if after, ok := strings.CutPrefix(c.Text, name); ok {
				return c.Pos(), strings.TrimSpace(after)
			}
		}
	}
	return token.NoPos, ""
}

// plainMethods need no comment: the interfaces they satisfy say what they do.
var plainMethods = []string{
	"String", "Error", "Unwrap", "Len", "Less", "Swap",
	"MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText", "MarshalYAML", "UnmarshalYAML",
}

// findUndocumented looks for packages without a comment, and in public ones for exported names without one.
func findUndocumented(t *tree) (found []finding) {
	for _, p := range t.packages {
		if !slices.ContainsFunc(p.files, func(f *ast.File) bool { return f.Doc != nil }) {
			found = append(found, t.at(p.files[0].Package, "doc", "no package comment: say what the package is for and what it deliberately does not do, in doc.go"))
		}
	}
	t.ruled(func(p *goPackage, r row, i int) {
		if !r.public {
			return
		}
		for _, d := range p.files[i].Decls {
			for _, id := range undocumented(d) {
				found = append(found, t.at(id.Pos(), "doc", "exported "+id.Name+" has no comment: write the sentence that its callers need"))
			}
		}
	})
	return found
}

// undocumented returns the exported names of one declaration that no comment covers.
func undocumented(d ast.Decl) (names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		of := receiver(d)
		if d.Name.IsExported() && d.Doc == nil && (of == "" || ast.IsExported(of) && !slices.Contains(plainMethods, d.Name.Name)) {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			return nil
		}
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && s.Comment == nil {
					names = append(names, s.Name)
				}
			case *ast.ValueSpec:
				for _, id := range s.Names {
					if id.IsExported() && s.Doc == nil && s.Comment == nil {
						names = append(names, id)
					}
				}
			}
		}
	}
	return names
}

// receiver returns the name of the type that a method belongs to, "" for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if id := lastIdent(typ); id != nil {
		return id.Name
	}
	return ""
}
